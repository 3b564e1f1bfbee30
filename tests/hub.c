/* hub.c - hub TOLERANCE (DIR REFERENCE.json)...: reads each folder of Hugging Face's
 * form as `xltrain --init` does and compares the logits, the loss and the greedy tokens
 * with recorded ones ("ids", "logits", "loss", "greedy"): the training graph's over all
 * ids at once, and the sampler's one by one. One line a folder, as TAP; the exit status
 * is 1 if one differs. */
#include "flow/hub.h"
#include "io/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 24, IDS_MAX = 4096 };

typedef struct {
    bl_json *ref;
    int32_t ids[IDS_MAX], targets[IDS_MAX];
    int n, vocab;
    bl_ckpt ckpt;
    bl_model *m;
    bl_pool *pool;
    double worst, loss; /* of the logits; of the loss */
    int same_greedy;
} trial;

static bl_json *load(const char *path, bl_err *e)
{
    bl_buf text = {0};
    bl_json *o = NULL;
    int fd;
    if (bl_in_open(path, &fd, e) == 0) {
        if (bl_read_all(fd, &text, TEXT_MAX, e) == 0)
            o = bl_json_parse((char *)text.data, text.len, e);
        close(fd);
    }
    bl_buf_free(&text);
    return o;
}

static const bl_json *list_of(const trial *t, const char *key)
{
    const bl_json *list = NULL;
    bl_err e = BL_ERR_INIT;
    if (bl_json_get(t->ref, key, &list, &e) != 0) {
        fprintf(stderr, "hub: the reference has no '%s'\n", key);
        exit(1);
    }
    return list;
}

static void compare(trial *t, int i, const bl_real *logits)
{
    const bl_json *row = bl_json_at(list_of(t, "logits"), (size_t)i);
    for (int k = 0; k < t->vocab; k++) {
        double want;
        if (bl_json_as_real(bl_json_at(row, (size_t)k), &want))
            t->worst = fmax(t->worst, fabs(want - (double)logits[k]));
    }
}

static int build(trial *t, const char *dir, bl_err *e)
{
    bl_hub_ids ids;
    int rc = bl_hub_read(&t->ckpt, &ids, dir, e);
    bl_model_config c = t->ckpt.info.config.model;
    c.segment = t->n;
    t->vocab = c.vocab;
    if (rc == 0)
        rc = bl_pool_new(&t->pool, 1, e);
    if (rc == 0)
        rc = bl_model_new(&t->m, &c, 1, 0, t->pool, e);
    return rc == 0 ? bl_ckpt_get_params(&t->ckpt, t->m, e) : rc;
}

static void run_graph(trial *t)
{
    int32_t n_real = t->n;
    int64_t scored;
    double sum = bl_model_forward(t->m, t->ids, t->targets, &n_real, 0, 0, 0, &scored),
           want;
    for (int i = 0; i < t->n; i++)
        compare(t, i, bl_model_logits(t->m) + (ptrdiff_t)i * t->vocab);
    bl_err e = BL_ERR_INIT;
    if (bl_json_real(t->ref, "loss", &want, &e) == 0)
        t->loss = fabs(want - sum / (double)scored);
}

static int best_of(const bl_real *logits, int n)
{
    int best = 0;
    for (int k = 1; k < n; k++)
        best = logits[k] > logits[best] ? k : best;
    return best;
}

static int run_sampler(trial *t, bl_err *e)
{
    const bl_json *greedy = list_of(t, "greedy");
    bl_gen *gen = NULL;
    bl_real *logits = bl_calloc((size_t)t->vocab, sizeof *logits, e);
    int rc = logits == NULL ? BL_E_NOMEM
                            : bl_gen_new(&gen, t->m, &t->ckpt.info.config.model, 1,
                                         BL_FP32, t->pool, e);
    for (int i = 0; i < t->n && rc == 0; i++) {
        bl_gen_step(gen, &t->ids[i], logits);
        compare(t, i, logits);
    }
    t->same_greedy = rc == 0;
    for (size_t i = 0; i < bl_json_size(greedy) && rc == 0; i++) {
        int64_t want;
        int32_t token = best_of(logits, t->vocab);
        if (!bl_json_as_int(bl_json_at(greedy, i), &want) || want != token)
            t->same_greedy = 0;
        bl_gen_step(gen, &token, logits);
    }
    bl_gen_del(gen);
    free(logits);
    return rc;
}

static int try_folder(trial *t, const char *dir, const char *reference, bl_err *e)
{
    t->ref = load(reference, e);
    if (t->ref == NULL)
        return e->code;
    const bl_json *ids = list_of(t, "ids");
    t->n = (int)bl_min((int64_t)bl_json_size(ids), IDS_MAX);
    for (int i = 0; i < t->n; i++) {
        int64_t id = 0;
        if (!bl_json_as_int(bl_json_at(ids, (size_t)i), &id))
            return bl_fail(e, BL_E_FORMAT, "an id is no number");
        t->ids[i] = (int32_t)id;
        t->targets[i] = -1;
        if (i > 0)
            t->targets[i - 1] = (int32_t)id;
    }
    int rc = build(t, dir, e);
    if (rc == 0)
        run_graph(t);
    return rc == 0 ? run_sampler(t, e) : rc;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 4 || argc % 2 != 0) {
        fprintf(stderr, "usage: hub TOLERANCE (DIR REFERENCE.json)...\n");
        return 64;
    }
    double tolerance = strtod(argv[1], NULL);
    for (int i = 2; i < argc; i += 2) {
        trial t = {0};
        char text[1024] = "";
        bl_err e = BL_ERR_INIT;
        int rc = try_folder(&t, argv[i], argv[i + 1], &e);
        int good =
            rc == 0 && t.worst <= tolerance && t.loss <= tolerance && t.same_greedy;
        printf("%sok %d - %s: logits within %.1e, loss %.1e, greedy tokens %s%s%s\n",
               good ? "" : "not ", i / 2, argv[i], t.worst, t.loss,
               t.same_greedy ? "equal" : "DIFFER", rc != 0 ? ": " : "",
               rc != 0 ? bl_err_text(&e, text, sizeof text) : "");
        failed += !good;
        bl_model_del(t.m);
        bl_ckpt_free(&t.ckpt);
        bl_pool_del(t.pool);
        bl_json_del(t.ref);
    }
    printf("1..%d\n", argc / 2 - 1);
    return failed > 0;
}
