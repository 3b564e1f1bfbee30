/* drum_window.c - how long a model of grooves takes for one window, from drums to
 * drums: input, network, odds, hits; with the sgemm rate of the same core as the gauge.
 *
 * usage: drum_window RUN STREAM SECONDS
 * Gives the newest checkpoint of RUN the windows of the tensor stream STREAM in turn,
 * one at a time and on one thread, for SECONDS (after a hundred that are not counted).
 * Prints, tabs between: the windows, the median and the 99th of a hundred in ms,
 * GFLOP/s. */
#include "base/sort.h"
#include "flow/groove_hits.h"
#include "flow/grooves.h"
#include "flow/start.h"
#include "io/file.h"
#include "nn/kernel/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 512, WARM_UP = 100, GAUGE = 20, MOST = 1 << 20 };

typedef struct {
    bl_ckpt ckpt;
    bl_pool *pool;
    bl_model *model;
    bl_row_store rows;
    float *made;
    double *spent; /* [MOST] of each window */
    size_t n;
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Floating-point operations a second of a product, the best of some. */
static double sgemm_rate(bl_pool *pool)
{
    static float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];
    bl_gemm_args g = {.m = SIDE,
                      .n = SIDE,
                      .k = SIDE,
                      .alpha = 1,
                      .a = a,
                      .lda = SIDE,
                      .b = b,
                      .ldb = SIDE,
                      .c = c,
                      .ldc = SIDE};
    double least = 1e9;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        a[i] = b[i] = 1e-3f * (float)(i % 1000);
    for (int i = 0; i < GAUGE; i++) {
        double start = now(), took;
        bl_gemm(pool, &g);
        took = now() - start;
        least = took < least ? took : least;
    }
    return 2.0 * SIDE * SIDE * SIDE / least;
}

static int read_rows(job *j, const char *path, bl_err *e)
{
    bl_zr *zr = NULL;
    bl_rowsr *r = NULL;
    int fd, bars, rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_zr_new(&zr, fd, e);
    if (rc == 0)
        rc = bl_rowsr_new(&r, zr, path, e);
    if (rc == 0)
        rc = bl_groove_bars(bl_rowsr_kind(r), &bars, e);
    if (rc == 0)
        rc = bl_groove_read(&j->rows, r, bars, e);
    if (rc == 0 && (j->rows.n_rows == 0 ||
                    j->rows.kind.shape[0] != j->ckpt.info.config.model.segment))
        rc = bl_fail(e, BL_E_MISMATCH, "'%s' has no windows for the run", path);
    bl_rowsr_del(r);
    close(fd);
    return rc;
}

static int begin(job *j, char **argv, bl_err *e)
{
    const bl_model_config *c = &j->ckpt.info.config.model;
    int rc = bl_start_ckpt(&j->ckpt, argv[1], "latest", 0, e);
    if (rc == 0)
        rc = read_rows(j, argv[2], e);
    if (rc == 0)
        rc = bl_pool_new(&j->pool, 1, e);
    if (rc == 0)
        rc = bl_model_new(&j->model, c, 1, 0, j->pool, e);
    if (rc == 0)
        rc = bl_ckpt_get_params(&j->ckpt, j->model, e);
    if (rc != 0)
        return rc;
    j->made = bl_calloc((size_t)c->segment * BL_HVO_CELLS, sizeof *j->made, e);
    j->spent = bl_calloc(MOST, sizeof *j->spent, e);
    return j->made == NULL || j->spent == NULL ? BL_E_NOMEM : 0;
}

/* As flow/grooving.c does it. */
static void make_window(job *j, size_t i)
{
    const bl_model_config *c = &j->ckpt.info.config.model;
    const bl_real *source = bl_row_store_x(&j->rows, i % j->rows.n_rows);
    const bl_hits_wish hits = {.offset_loss = (bl_distance)c->offset_loss};
    bl_windows told = {.source = &source};
    const int32_t steps = c->segment;
    int64_t scored;
    bl_model_windows(j->model, &told);
    (void)bl_model_forward(j->model, NULL, NULL, &steps, 0, 0, 0, &scored);
    bl_model_windows(j->model, NULL);
    bl_hits_of(&hits, bl_model_logits(j->model), c->segment, i, j->made);
}

static void measure(job *j, double seconds)
{
    for (size_t i = 0; i < WARM_UP; i++)
        make_window(j, i);
    double start = now(), last = start;
    while (j->n < MOST && (j->n < WARM_UP || last - start < seconds)) {
        make_window(j, j->n);
        double at = now();
        j->spent[j->n++] = at - last;
        last = at;
    }
    qsort(j->spent, j->n, sizeof *j->spent, bl_by_double);
}

int main(int argc, char **argv)
{
    job j = {0};
    bl_err e = BL_ERR_INIT;
    double seconds = argc == 4 ? atof(argv[3]) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: drum_window RUN STREAM SECONDS\n");
        return 64;
    }
    int rc = begin(&j, argv, &e);
    if (rc == 0) {
        measure(&j, seconds);
        printf("%zu\t%.4f\t%.4f\t%.1f\n", j.n, 1e3 * j.spent[j.n / 2],
               1e3 * j.spent[j.n - 1 - j.n / 100], 1e-9 * sgemm_rate(j.pool));
    } else {
        fprintf(stderr, "drum_window: %s\n", e.text);
    }
    bl_model_del(j.model);
    bl_pool_del(j.pool);
    bl_ckpt_free(&j.ckpt);
    bl_row_store_free(&j.rows);
    free(j.made);
    free(j.spent);
    return rc == 0 ? 0 : 1;
}
