/* grooving.c - see grooving.h. */
#include "flow/grooving.h"

#include "base/rng.h"
#include "flow/control.h"
#include "flow/groove_hits.h"
#include "flow/grooves.h"
#include "flow/hub.h"
#include "flow/prompts.h"
#include "flow/start.h"
#include "io/input.h"
#include "io/row_store.h"
#include "io/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LANES = 16, KNOWS_ENOUGH = 1 };

typedef struct {
    bl_grooving_wish *wish; /* as last asked for */
    bl_control *control;    /* or NULL */
    int is_over;
    bl_hits_wish hits; /* likewise */
    bl_ckpt ckpt;
    bl_pool *pool;
    bl_model *model;
    bl_row_store from; /* the condition, or its kind alone */
    bl_input in;       /* it */
    bl_rowsr *reader;
    int arrives;      /* it is read as it comes, not before all else */
    int has_latents;  /* it is of latents */
    bl_prov *pg_from; /* of it */
    bl_row_store to;  /* one piece of what is made, in `kind` */
    bl_rows_kind kind;
    bl_rowsw *writer;
    int lanes;
    const bl_real *window[LANES];
    bl_real *latent; /* (lanes, Z) */
    bl_real density[LANES];
    const char *name; /* of the piece at hand */
    bl_buf latents;   /* of it (n, Z) */
    uint64_t drawing; /* the place of a piece's first window in all that is drawn */
    bl_counts counts;
} grooving;

/* ---- the model ---- */

typedef struct {
    int is_groove;
} look;

static int look_at(void *arg, const bl_ckpt *c, bl_err *e)
{
    (void)e;
    ((look *)arg)->is_groove = bl_model_is_groove(&c->info.config.model);
    return KNOWS_ENOUGH;
}

static int no_param(void *arg, const char *name, const bl_tensor *t, bl_err *e)
{
    (void)arg;
    (void)name;
    (void)t;
    (void)e;
    return KNOWS_ENOUGH;
}

/* What can be read only once is left to who samples. */
static int is_pipe(const char *model)
{
    struct stat st;
    return strcmp(model, "-") == 0 ||
           (stat(model, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

int bl_grooving_is(const char *model, bl_err *e)
{
    char file[BL_RUN_PATH];
    look l = {0};
    bl_ckpt c = {0};
    const bl_ckpt_taker taker = {look_at, no_param, &l};
    if (is_pipe(model))
        return bl_fail(
            e, BL_E_ARG,
            "'%.160s': a run of grooves is read from a file, not from a pipe", model);
    if (bl_hub_is(model))
        return 0;
    int rc = bl_run_find(model, "best", file, e);
    if (rc == 0)
        rc = bl_ckpt_read(&c, file, &taker, e);
    bl_ckpt_free(&c);
    return rc < 0 ? rc : l.is_groove;
}

static int is_vae(const grooving *g)
{
    return g->ckpt.info.config.model.arch == BL_ARCH_GROOVE_VAE;
}

static int check_wish(const grooving *g, bl_err *e)
{
    const bl_grooving_wish *w = g->wish;
    const char *lacks = w->gives_latents       ? "--latent"
                        : w->between > 0       ? "--between"
                        : w->condition == NULL ? "-n without --condition"
                                               : NULL;
    if (!is_vae(g) && lacks != NULL)
        return bl_fail(
            e, BL_E_ARG,
            "%s wants a run of arch=groove-vae: this one gives a pattern for "
            "each groove of --condition",
            lacks);
    if (w->between > 0 && w->condition == NULL)
        return bl_fail(e, BL_E_ARG,
                       "--between goes from each window of --condition to the next");
    if (w->density > 1)
        return bl_fail(e, BL_E_ARG,
                       "--density %g: of grooves it is a share of cells, 0 to 1",
                       w->density);
    if (w->density >= 0 && !g->ckpt.info.config.model.density)
        return bl_fail(e, BL_E_ARG, "--density wants a run of density=1 or density=2");
    if (w->density >= 0 && w->condition == NULL)
        return bl_fail(e, BL_E_ARG,
                       "--density goes with grooves as --condition, where it is seen");
    return 0;
}

static int open_model(grooving *g, size_t n, bl_err *e)
{
    const bl_model_config *c = &g->ckpt.info.config.model;
    g->lanes = (int)bl_max(1, bl_min(LANES, (int64_t)n));
    g->hits.offset_loss = (bl_distance)c->offset_loss;
    g->hits.miss_weight =
        c->arch == BL_ARCH_GROOVE && c->miss_weight > 0 ? c->miss_weight : 1;
    int rc = bl_pool_new(&g->pool, g->wish->threads, e);
    if (rc == 0)
        rc = bl_model_new(&g->model, c, g->lanes, 0, g->pool, e);
    if (rc == 0)
        rc = bl_ckpt_get_params(&g->ckpt, g->model, e);
    g->latent = bl_calloc((size_t)g->lanes * (size_t)c->latent, sizeof *g->latent, e);
    return rc == 0 && g->latent == NULL ? BL_E_NOMEM : rc;
}

/* ---- the condition ---- */

static int is_latent(const bl_rows_kind *k, int z)
{
    return strcmp(k->scheme, BL_GROOVE) == 0 && strcmp(k->name, "z") == 0 &&
           k->ndim == 1 && k->shape[0] == z;
}

static bl_rows_kind latent_kind(int z)
{
    return (bl_rows_kind){.scheme = BL_GROOVE, .name = "z", .ndim = 1, .shape = {z}};
}

static int check_kind(grooving *g, const bl_rows_kind *kind, bl_err *e)
{
    const bl_model_config *c = &g->ckpt.info.config.model;
    char text[128];
    int bars;
    g->has_latents = is_vae(g) && is_latent(kind, c->latent);
    if (g->has_latents && g->wish->gives_latents && g->wish->between == 0)
        return bl_fail(e, BL_E_ARG, "--latent of latents gives what is there");
    if (g->has_latents && g->wish->density >= 0)
        return bl_fail(
            e, BL_E_ARG,
            "--density goes with grooves, where it is seen, not with latents");
    if (g->has_latents)
        return 0;
    if (strcmp(kind->name, "z") == 0)
        return bl_fail(e, BL_E_MISMATCH,
                       is_vae(g)
                           ? "a stream of %s, the run's latents are z [%d]"
                           : "a stream of %s: a run of arch=groove has no latents",
                       bl_rows_kind_text(kind, text, sizeof text), c->latent);
    int rc = bl_groove_bars(kind, &bars, e);
    if (rc == 0 && kind->shape[0] != c->segment)
        rc = bl_fail(e, BL_E_MISMATCH, "its windows have %d steps, the run's %d",
                     (int)kind->shape[0], c->segment);
    return rc;
}

static int check_record(const grooving *g, const bl_rows_piece *p, bl_err *e)
{
    int bars = (int)(g->from.kind.shape[0] / BL_HVO_BAR);
    return g->has_latents ? 0 : bl_groove_check(p, bars, e);
}

static int check_numbers(const grooving *g, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < g->from.n_pieces && rc == 0; i++) {
        bl_rows_piece p = {.name = g->from.pieces[i].name,
                           .index = i,
                           .rows = bl_row_store_rows(&g->from, i)};
        rc = check_record(g, &p, e);
    }
    return rc;
}

static const char *shown_of(const grooving *g)
{
    const char *path = g->wish->condition;
    return path != NULL ? bl_path_or_stdin(path) : NULL;
}

/* Music that is no stream of grooves. */
static int fail_other(bl_zr *zr, bl_err *e)
{
    int is_midi = bl_prompts_is_midi(zr, e);
    if (is_midi < 0)
        return is_midi;
    if (is_midi)
        return bl_fail(e, BL_E_FORMAT,
                       "a MIDI file; make grooves of it: midi2remi --scheme groove "
                       "FILE | xlsample RUN --condition -");
    return bl_fail(e, BL_E_MISMATCH,
                   "a stream of tokens: the run wants grooves, as midi2remi --scheme "
                   "groove makes them");
}

static int open_condition(grooving *g, bl_err *e)
{
    int rc = bl_input_open(&g->in, g->wish->condition, e);
    if (rc == 0 && g->in.is_empty)
        rc = bl_fail(e, BL_E_TRUNC, "the input is empty");
    if (rc == 0 && !g->in.is_tensors)
        rc = fail_other(g->in.zr, e);
    if (rc == 0)
        rc = bl_rowsr_new(&g->reader, bl_input_take(&g->in), shown_of(g), e);
    return rc == 0 ? check_kind(g, bl_rowsr_kind(g->reader), e) : rc;
}

/* A file is read at once, a pipe as it comes, and so is what is controlled; but copies
 * and ways are of whole pieces. */
static int read_condition(grooving *g, bl_err *e)
{
    struct stat st;
    int rc = open_condition(g, e);
    if (rc == 0) {
        g->from.kind = *bl_rowsr_kind(g->reader);
        g->arrives =
            g->wish->between == 0 && g->wish->n == 1 &&
            (g->control != NULL || fstat(g->in.fd, &st) != 0 || !S_ISREG(st.st_mode));
    }
    if (rc == 0 && !g->arrives)
        rc = bl_row_store_read(&g->from, g->reader, e);
    if (rc == 0)
        rc = check_numbers(g, e);
    if (rc == 0 && !g->arrives && g->from.n_pieces == 0)
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
    if (rc == 0)
        rc = bl_prov_add(&g->pg_from, bl_rowsr_pg(g->reader), e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, shown_of(g));
}

/* Latents as large as floats go may lead to none. */
static int check_logits(const grooving *g, const bl_real *logits, int bar, bl_err *e)
{
    int n = g->ckpt.info.config.model.segment * BL_HVO_CELLS;
    for (int i = 0; i < n; i++)
        if (!isfinite((double)logits[i]))
            return bl_fail(e, BL_E_FORMAT,
                           "piece '%.80s', window of bar %d: the run makes numbers of "
                           "it that are not finite; latents are some units from 0",
                           g->name, bar);
    return 0;
}

/* ---- the model at work ---- */

/* n windows from `from`, or latents, through the model. */
static void run(grooving *g, const float *from, int n, int are_latents)
{
    const bl_model_config *c = &g->ckpt.info.config.model;
    size_t size = (size_t)c->segment * BL_HVO_CELLS, z = (size_t)c->latent;
    bl_windows told = {.source = g->window};
    int64_t scored;
    int32_t n_real[LANES];
    for (int i = 0; i < g->lanes; i++) {
        g->window[i] = !are_latents && i < n ? from + (size_t)i * size : NULL;
        g->density[i] = (bl_real)g->wish->density;
        n_real[i] = i < n ? c->segment : 0;
    }
    if (g->wish->density >= 0)
        told.density = g->density;
    if (are_latents) {
        memcpy(g->latent, from, (size_t)n * z * sizeof *from);
        told.latent = g->latent;
    }
    bl_model_windows(g->model, &told);
    (void)bl_model_forward(g->model, NULL, NULL, n_real, 0, 0, 0, &scored);
    bl_model_windows(g->model, NULL);
}

/* The latents of n windows, behind those that are there. */
static int encode(grooving *g, const float *from, size_t n, bl_err *e)
{
    const bl_model_config *c = &g->ckpt.info.config.model;
    size_t size = (size_t)c->segment * BL_HVO_CELLS, z = (size_t)c->latent;
    int rc = 0;
    g->latents.len = 0;
    for (size_t i = 0; i < n && rc == 0; i += (size_t)g->lanes) {
        size_t here = (size_t)bl_min(g->lanes, (int64_t)(n - i));
        run(g, from + i * size, (int)here, 0);
        rc = bl_buf_add(&g->latents, bl_model_latent_mean(g->model),
                        here * z * sizeof(float), e);
    }
    return rc;
}

/* ---- pieces ---- */

/* Adds a row to what is made. */
static int put(grooving *g, const float *x, int32_t bar, float tempo, bl_err *e)
{
    char name[] = "";
    tempo = g->wish->tempo > 0 ? (float)g->wish->tempo : tempo;
    bl_rows_piece p = {.name = name, .rows = {1, x, &bar, &tempo}};
    int rc = bl_row_store_add(&g->to, &p, e);
    g->counts.tokens += rc == 0;
    return rc;
}

/* n windows or latents as drums, at bars rising by `every` or as they were. */
static int decode(grooving *g, const float *from, size_t n, int are_latents,
                  const bl_rows *as, size_t steps, bl_err *e)
{
    const bl_model_config *c = &g->ckpt.info.config.model;
    size_t drums = (size_t)c->segment * BL_HVO_CELLS;
    size_t size = are_latents ? (size_t)c->latent : drums;
    int bars = c->segment / BL_HVO_BAR, rc = 0;
    float *window = bl_calloc(drums, sizeof *window, e);
    if (window == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n && rc == 0; i += (size_t)g->lanes) {
        int here = (int)bl_min(g->lanes, (int64_t)(n - i));
        run(g, from + i * size, here, are_latents);
        for (int k = 0; k < here && rc == 0; k++) {
            size_t at = i + (size_t)k;
            const bl_real *logits = bl_model_logits(g->model) + (size_t)k * drums;
            int32_t bar = steps > 0 ? (int32_t)at * bars : as->bar[at];
            rc = check_logits(g, logits, bar, e);
            if (rc != 0)
                break;
            bl_hits_of(&g->hits, logits, c->segment, g->drawing + at, window);
            rc = put(g, window, bar, as->tempo[steps > 0 ? at / steps : at], e);
        }
    }
    free(window);
    return rc;
}

/* Latents of a piece's windows and, between each and the next, `steps` - 1 on the line
 * from one to the other. */
static int go_between(grooving *g, size_t n, size_t steps, bl_err *e)
{
    size_t z = (size_t)g->ckpt.info.config.model.latent;
    const float *of = (const float *)(const void *)g->latents.data;
    bl_buf line = {0};
    int rc = 0;
    for (size_t i = 0; i + 1 < n && rc == 0; i++)
        for (size_t k = 0; k < steps && rc == 0; k++) {
            float share = (float)k / (float)steps;
            for (size_t c = 0; c < z && rc == 0; c++) {
                float x = of[i * z + c] * (1 - share) + of[(i + 1) * z + c] * share;
                rc = bl_buf_add(&line, &x, sizeof x, e);
            }
        }
    if (rc == 0 && n > 0)
        rc = bl_buf_add(&line, of + (n - 1) * z, z * sizeof *of, e);
    bl_buf_free(&g->latents);
    g->latents = line;
    return rc;
}

static int put_latents(grooving *g, const bl_rows *as, size_t steps, size_t n,
                       bl_err *e)
{
    size_t z = (size_t)g->ckpt.info.config.model.latent;
    const float *of = (const float *)(const void *)g->latents.data;
    int bars = g->ckpt.info.config.model.segment / BL_HVO_BAR, rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = put(g, of + i * z, steps > 0 ? (int32_t)i * bars : as->bar[i],
                 as->tempo[steps > 0 ? i / steps : i], e);
    return rc;
}

/* As many as midi2remi makes of a file. */
static int check_way(const grooving *g, size_t n, bl_err *e)
{
    size_t bars = (size_t)g->ckpt.info.config.model.segment / BL_HVO_BAR;
    if (n * bars <= BL_GROOVE_BARS_MAX)
        return 0;
    return bl_fail(
        e, BL_E_LIMIT,
        "piece '%.80s': with so many steps between its windows there are "
        "%zu, with more than %d bars in all; a smaller --between makes fewer",
        g->name, n, BL_GROOVE_BARS_MAX);
}

static int make_rows(grooving *g, const bl_rows *as, bl_err *e)
{
    const bl_grooving_wish *w = g->wish;
    size_t steps = (size_t)w->between, n = as->n;
    if (!w->gives_latents && steps == 0)
        return decode(g, as->x, n, g->has_latents, as, 0, e);
    int rc = 0;
    g->latents.len = 0;
    if (g->has_latents)
        rc = bl_buf_add(&g->latents, as->x,
                        n * bl_rows_numbers(&g->from.kind) * sizeof *as->x, e);
    else
        rc = encode(g, as->x, n, e);
    if (rc == 0 && steps > 0) {
        n = n > 0 ? (n - 1) * steps + 1 : 0;
        rc = check_way(g, n, e);
    }
    if (rc == 0 && steps > 0)
        rc = go_between(g, as->n, steps, e);
    if (rc != 0)
        return rc;
    return w->gives_latents ? put_latents(g, as, steps, n, e)
                            : decode(g, (const float *)(const void *)g->latents.data, n,
                                     1, as, steps, e);
}

/* ---- what is asked on the way ---- */

static int obey_line(grooving *g, const bl_control_line *line, bl_err *e)
{
    int none = strcmp(line->text, "-") == 0;
    switch (line->kind) {
    case BL_CONTROL_TEMPERATURE:
        g->hits.temperature = line->number;
        return 0;
    case BL_CONTROL_DENSITY:
        if (!g->ckpt.info.config.model.density)
            return bl_fail(e, BL_E_ARG, "wants a run of density=1 or density=2");
        if (g->has_latents)
            return bl_fail(e, BL_E_ARG, "goes with grooves, not with latents");
        if (line->number > 1)
            return bl_fail(e, BL_E_ARG, "of grooves it is a share of cells, 0 to 1");
        g->wish->density = line->number;
        return 0;
    case BL_CONTROL_THRESHOLD:
        return bl_hits_threshold(&g->hits, none ? NULL : line->text, e);
    case BL_CONTROL_MAX_HITS:
        return bl_hits_most(&g->hits, none ? NULL : line->text, e);
    case BL_CONTROL_STOP:
        g->is_over = 1;
        return 0;
    default:
        return bl_fail(e, BL_E_ARG, "of runs of tokens, which this is not");
    }
}

/* What was asked before this bar, from 0: 1 where nothing is to follow. */
static int obey(grooving *g, int64_t bar, const bl_progress *progress)
{
    bl_control_line line;
    while (bl_control_next(g->control, bar + 1, &line, bl_notices_of(progress))) {
        bl_err why = BL_ERR_INIT;
        if (obey_line(g, &line, &why) != 0)
            bl_control_refuse(&line, &why, bl_notices_of(progress));
    }
    return g->is_over;
}

/* Of a piece or, with is_more, of its next rows, and to the stream. */
static int make_piece(grooving *g, const bl_rows_info *info, const bl_rows *as,
                      int is_more, const bl_progress *progress, bl_err *e)
{
    if (obey(g, as->n > 0 ? as->bar[0] : 0, progress))
        return 0;
    bl_row_store_free(&g->to);
    g->to.kind = g->kind;
    g->name = info->name;
    int rc = make_rows(g, as, e);
    bl_rows rows = {0};
    if (rc == 0 && g->to.n_pieces > 0)
        rows = bl_row_store_rows(&g->to, 0);
    if (rc == 0)
        rc = (is_more ? bl_rowsw_more : bl_rowsw_piece)(g->writer, info, &rows, e);
    g->counts.pieces += rc == 0 && !is_more;
    bl_tell(progress, &g->counts);
    return rc;
}

/* Windows of nothing: latents as they are likely. */
static int make_free(grooving *g, int64_t i, const bl_progress *progress, bl_err *e)
{
    enum { LATENTS = 1 << 30 }; /* apart from what hits are drawn with */
    size_t z = (size_t)g->ckpt.info.config.model.latent;
    bl_rng rng = bl_rng_make((uint64_t)g->wish->seed, LATENTS + (uint64_t)i);
    float tempo = 120;
    int32_t bar = 0;
    char name[32];
    const bl_rows_info info = {.name = name, .sha256 = ""};
    float *x = bl_calloc(z, sizeof *x, e);
    if (x == NULL)
        return BL_E_NOMEM;
    for (size_t k = 0; k < z; k++)
        x[k] = (float)bl_rng_normal(&rng);
    snprintf(name, sizeof name, "sample-%06lld", (long long)i);
    const bl_rows rows = {1, x, &bar, &tempo};
    g->has_latents = 1;
    g->drawing = (uint64_t)i;
    g->from.kind = latent_kind((int)z);
    int rc = make_piece(g, &info, &rows, 0, progress, e);
    free(x);
    return rc;
}

/* As often as is wished, those after the first as "NAME.2": each copy draws from
 * streams of its own, so that the first is the same for any number. */
static int make_copies(grooving *g, size_t i, const bl_progress *progress, bl_err *e)
{
    enum { COPY = 40 }; /* bits: windows of all pieces are fewer */
    const bl_rows rows = bl_row_store_rows(&g->from, i);
    const bl_row_piece *like = &g->from.pieces[i];
    bl_rows_info info = {.sha256 = "", .tpq = like->tpq, .labels = like->labels};
    uint64_t first = g->drawing, made = 0;
    bl_buf name = {0};
    int rc = 0;
    for (int64_t k = 0; k < g->wish->n && rc == 0; k++) {
        uint64_t before = g->counts.tokens;
        name.len = 0;
        rc = k > 0 ? bl_buf_addf(&name, e, "%s.%lld", like->name, (long long)k + 1)
                   : bl_buf_adds(&name, like->name, e);
        info.name = rc == 0 ? bl_buf_str(&name, e) : NULL;
        rc = rc == 0 && info.name == NULL ? BL_E_NOMEM : rc;
        g->drawing = first + ((uint64_t)k << COPY);
        if (rc == 0)
            rc = make_piece(g, &info, &rows, 0, progress, e);
        made = g->counts.tokens - before;
    }
    g->drawing = first + made;
    bl_buf_free(&name);
    return rc;
}

/* The next record; of a live stream the newest, those before it are passed over. */
static int next_record(grooving *g, bl_rows_piece *p, bl_err *e)
{
    int is_live = g->from.kind.origin.tempo > 0, begins = 0;
    int rc = bl_rowsr_next(g->reader, p, e), more = rc;
    while (rc == 1 && is_live && more == 1) {
        begins |= p->begins;
        more = bl_rowsr_is_ready(g->reader, 0, e);
        rc = more < 0 ? more : 1;
        if (more == 1) /* at the end the last one stays */
            more = bl_rowsr_next(g->reader, p, e);
        rc = more < 0 ? more : rc;
    }
    p->begins |= begins;
    return rc;
}

/* Where something may be asked on the way each window is a record of its own. */
static int answer_record(grooving *g, const bl_rows_piece *p,
                         const bl_progress *progress, bl_err *e)
{
    const bl_rows_info info = {
        .name = p->name, .sha256 = "", .tpq = p->tpq, .labels = p->labels};
    size_t numbers = bl_rows_numbers(&g->from.kind);
    size_t n = p->rows.n > 0 ? p->rows.n : 1, step = g->control != NULL ? 1 : n;
    int rc = check_record(g, p, e);
    for (size_t i = 0; rc == 0 && !g->is_over && i < n; i += step) {
        const bl_rows some = {p->rows.n > 0 ? step : 0, p->rows.x + i * numbers,
                              p->rows.bar + i, p->rows.tempo + i};
        uint64_t before = g->counts.tokens;
        rc = make_piece(g, &info, &some, !p->begins || i > 0, progress, e);
        g->drawing += g->counts.tokens - before;
    }
    return rc;
}

/* What comes is answered before more is waited for. */
static int answer(grooving *g, const bl_progress *progress, bl_err *e)
{
    bl_rows_piece p = {0};
    int is_live = g->from.kind.origin.tempo > 0, rc = 0, more = 0;
    while (rc == 0 && !g->is_over && (more = next_record(g, &p, e)) == 1)
        rc = answer_record(g, &p, progress, e);
    bl_rows_piece_free(&p);
    if (more < 0)
        return bl_fail_in(e, more, shown_of(g));
    if (more == 0 && rc == 0 && !is_live &&
        g->counts.pieces == 0) /* who listens may hear nothing */
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
    return rc;
}

/* ---- the whole ---- */

static int open_writer(grooving *g, int fd, int level, const bl_self *self, bl_err *e)
{
    const bl_model_config *c = &g->ckpt.info.config.model;
    const bl_json *parents[] = {g->ckpt.pg, bl_prov_list(g->pg_from)};
    bl_json *pg =
        self != NULL ? bl_prov_chain(parents, BL_COUNT(parents), self, e) : NULL;
    if (self != NULL && pg == NULL)
        return BL_E_NOMEM;
    g->kind = g->wish->gives_latents ? latent_kind(c->latent)
                                     : bl_groove_kind(c->segment / BL_HVO_BAR);
    g->kind.origin = g->from.kind.origin;
    g->kind.is_loop = g->from.kind.is_loop;
    int rc = bl_rowsw_new(&g->writer, fd, level, &g->kind, pg, e);
    bl_json_del(pg);
    return rc;
}

static int make_all(grooving *g, const bl_progress *progress, bl_err *e)
{
    int rc = 0;
    for (int64_t i = 0; g->wish->condition == NULL && i < g->wish->n && rc == 0; i++)
        rc = make_free(g, i, progress, e);
    for (size_t i = 0; g->wish->condition != NULL && i < g->from.n_pieces && rc == 0;
         i++)
        rc = make_copies(g, i, progress, e);
    if (rc == 0 && g->arrives)
        rc = answer(g, progress, e);
    if (rc == BL_E_LIMIT || rc == BL_E_FORMAT) /* what a piece of it cannot be */
        bl_err_in(e, shown_of(g));
    return rc == 0 ? bl_rowsw_finish(g->writer, 0, e) : rc;
}

int bl_grooving_write(const bl_grooving_wish *w, int fd, int level, const bl_self *self,
                      const bl_progress *progress, bl_counts *counts, bl_err *e)
{
    bl_grooving_wish wish = *w;
    grooving g = {.wish = &wish,
                  .in = BL_INPUT_INIT,
                  .hits = {.temperature = w->temperature, .seed = w->seed}};
    int rc = bl_hits_threshold(&g.hits, w->threshold, e);
    if (rc == 0)
        rc = bl_hits_most(&g.hits, w->max_hits, e);
    if (rc == 0 && w->control != NULL)
        rc = bl_control_open(&g.control, w->control, e);
    if (rc == 0)
        rc = bl_start_ckpt(&g.ckpt, w->model, "best", 0, e);
    if (rc == 0)
        rc = check_wish(&g, e);
    if (rc == 0 && w->condition != NULL)
        rc = read_condition(&g, e);
    if (rc == 0)
        rc = open_model(&g, w->condition != NULL ? g.from.n_rows : 1, e);
    if (rc == 0)
        rc = open_writer(&g, fd, level, self, e);
    if (rc == 0)
        rc = make_all(&g, progress, e);
    *counts = g.counts;
    bl_rowsw_del(g.writer);
    bl_rowsr_del(g.reader);
    bl_input_close(&g.in);
    bl_control_del(g.control);
    bl_model_del(g.model);
    bl_pool_del(g.pool);
    bl_ckpt_free(&g.ckpt);
    bl_row_store_free(&g.from);
    bl_row_store_free(&g.to);
    bl_prov_del(g.pg_from);
    bl_buf_free(&g.latents);
    free(g.latent);
    return rc;
}
