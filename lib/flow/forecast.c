/* forecast.c - see forecast.h. */
#include "flow/forecast.h"

#include "nn/kernel/gemm.h"
#include "train/workers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* What a step does beside products, and products smaller than the one that is timed:
 * the share of that speed that training reaches with layers of some width (make
 * bench-train). */
static const double SHARE_WIDE = 0.6, SHARE_NARROW = 0.4;
enum { WIDE = 192, GAUGE = 512 };

/* The program itself, its libraries and their buffers. */
enum { PROGRAM_BYTES = 8 << 20 };

bl_pieces bl_pieces_of(const bl_shards *s, const bl_token_place *places)
{
    return (bl_pieces){.tokens = s->tokens,
                       .offsets = s->offsets,
                       .n_pieces = (int64_t)s->n_pieces,
                       .places = places,
                       .windows = s->rows != NULL ? bl_row_store_x(s->rows, 0) : NULL,
                       .window_numbers =
                           s->rows != NULL ? bl_rows_numbers(&s->rows->kind) : 0};
}

/* Blocks as large as the parameters beside them and their gradients: moments, and the
 * average. */
static int blocks_of(const bl_train_config *c)
{
    return c->average > 0 ? 3 : 2;
}

/* Tokens, and of pairs the conditions, and what train/pairs.c makes of both: one stream
 * with a side for each token, or some stretches a piece, which are the least of it. */
static int64_t split_bytes(const bl_train_config *c, const bl_shards *s)
{
    int64_t one = (int64_t)sizeof *s->tokens;
    int64_t all = (int64_t)(s->n_tokens + s->n_condition_tokens);
    return all * one + (bl_model_has_sides(&c->model) ? all * (one + 1) : 0);
}

/* What came next, for the longest of the pieces as train/pairs.c makes them, a lane. */
static int64_t recall_bytes(const bl_train_config *c, const bl_shards *s)
{
    int64_t longest = 0;
    for (size_t i = 0; c->model.recall > 0 && i < s->n_pieces; i++) {
        int64_t n = s->offsets[i + 1] - s->offsets[i];
        if (s->condition_offsets != NULL && bl_model_has_sides(&c->model))
            n += s->condition_offsets[i + 1] - s->condition_offsets[i];
        longest = bl_max(longest, n);
    }
    return longest == 0 ? 0
                        : c->lanes * longest * (int64_t)sizeof(bl_recalled) +
                              bl_recall_bytes(c->model.recall, longest);
}

static int64_t row_bytes(const bl_shards *s)
{
    return s->rows != NULL ? (int64_t)s->rows->x.len : 0;
}

static int64_t bytes_of(const bl_train_config *c, const bl_shards *train,
                        const bl_shards *valid)
{
    const bl_model_config eval = bl_config_eval(c);
    int64_t one = (int64_t)sizeof(bl_real), n = bl_model_config_size(&c->model);
    int64_t bytes = PROGRAM_BYTES +
                    bl_model_bytes(&c->model, c->lanes / c->workers, 1) +
                    blocks_of(c) * n * one + bl_workers_bytes(c);
    bytes += recall_bytes(c, train) + recall_bytes(c, valid);
    bytes += split_bytes(c, train) + split_bytes(c, valid);
    bytes += row_bytes(train) + row_bytes(valid);
    if (valid->n_pieces > 0)
        bytes += bl_model_bytes(&eval, bl_eval_lanes(c, valid->n_pieces), 0) -
                 (c->average > 0 ? 0 : n * one);
    return bytes;
}

/* Activations and their gradients, memories and workspaces, shared out to the tokens of
 * a worker's part of the batch. */
static double token_bytes(const bl_train_config *c)
{
    int lanes = c->lanes / c->workers;
    int64_t parameters = 2 * bl_model_config_size(&c->model) * (int64_t)sizeof(bl_real);
    double bytes = (double)(bl_model_bytes(&c->model, lanes, 1) - parameters);
    return bytes / ((double)lanes * c->model.segment);
}

/* Work of the run's evaluations: forward alone, a third of a step's. A sample's windows
 * are read after as many tokens before them, and the end reads all. */
static double eval_work(const bl_train_config *c, const bl_shards *valid)
{
    const bl_pieces pieces = bl_pieces_of(valid, NULL);
    const bl_model_config eval = bl_config_eval(c);
    double all = (double)bl_pieces_targets(&pieces);
    double sample = 2 * (double)c->eval_tokens;
    double times =
        c->eval_every > 0 ? ceil((double)c->steps / (double)c->eval_every) : 1;
    double tokens = sample > 0 && sample < all ? times * sample + all : times * all;
    return tokens * bl_model_flops_per_token(&eval) / 3;
}

bl_unit bl_unit_of(const bl_model_config *c)
{
    return bl_model_is_groove(c) ? (bl_unit){"window", "windows", c->segment}
                                 : (bl_unit){"token", "tokens", 1};
}

bl_forecast bl_forecast_of(const bl_train_config *c, const bl_shards *train,
                           const bl_shards *valid)
{
    const bl_pieces pieces = bl_pieces_of(train, NULL);
    double tokens = (double)c->lanes * c->model.segment * c->accumulate;
    double work = tokens * bl_model_flops_per_token(&c->model);
    double epoch = (double)bl_pieces_targets(&pieces);
    int64_t n = bl_model_config_size(&c->model);
    return (bl_forecast){
        .parameters = n,
        .bytes = bytes_of(c, train, valid),
        .checkpoint_bytes = (1 + blocks_of(c)) * n * (int64_t)sizeof(bl_real),
        .step_tokens = tokens,
        .step_work = work,
        .token_work = bl_model_flops_per_token(&c->model),
        .token_bytes = token_bytes(c),
        .epoch_tokens = epoch,
        .steps = c->steps,
        .epochs = (double)c->steps * tokens / epoch,
        .work = (double)c->steps * work + eval_work(c, valid),
        .unit = bl_unit_of(&c->model),
    };
}

void bl_forecast_in(bl_forecast *f, double seconds, double rate)
{
    if (rate <= 0 || f->work <= 0 || f->steps <= 0)
        return;
    double share =
        seconds * rate / f->work; /* of what the steps of the settings take */
    f->steps = (int64_t)fmax(floor((double)f->steps * share), 1);
    f->epochs *= share;
    f->work *= share;
}

int bl_forecast_check(const bl_forecast *f, double here, bl_err *e)
{
    const double gib = 1 << 30;
    double need = (double)f->bytes;
    if (need <= here)
        return 0;
    return bl_fail(e, BL_E_NOMEM,
                   "out of memory: the run needs %.3g GiB, %.3g are here; less batch, "
                   "segment, width or layers need less",
                   need / gib, here / gib);
}

int bl_forecast_write(const bl_forecast *f, double rate, bl_buf *text, bl_err *e)
{
    const bl_unit *u = &f->unit;
    int rc =
        bl_buf_addf(text, e,
                    "name\tvalue\tunit\n"
                    "parameters\t%" PRId64 "\tnumbers\n"
                    "memory\t%" PRId64 "\tbytes\n"
                    "checkpoint\t%" PRId64 "\tbytes\n"
                    "step\t%.0f\t%s\n"
                    "step_work\t%.4g\tflop\n"
                    "%s\t%.4g\tflop\n"
                    "%s\t%.0f\tbytes\n",
                    f->parameters, f->bytes, f->checkpoint_bytes,
                    f->step_tokens / u->targets, u->many, f->step_work, u->name,
                    f->token_work * u->targets, u->name, f->token_bytes * u->targets);
    if (rc == 0 && f->epoch_tokens > 0)
        rc = bl_buf_addf(text, e,
                         "epoch\t%.0f\t%s\n"
                         "run\t%" PRId64 "\tsteps\n"
                         "run\t%.4g\tepochs\n",
                         f->epoch_tokens / u->targets, u->many, f->steps, f->epochs);
    if (rc == 0 && f->epoch_tokens > 0 && rate > 0)
        rc = bl_buf_addf(text, e,
                         "speed\t%.2g\t%s/s, about\n"
                         "time\t%.2g\tseconds, about\n",
                         f->step_tokens / u->targets * rate / f->step_work, u->many,
                         f->work / rate);
    return rc;
}

/* The best of some products of GAUGE^3. */
double bl_gauge(bl_pool *pool, bl_precision precision, const bl_clock *clock)
{
    enum { TIMES = 10 };
    double best = 0;
    if (clock->seconds == NULL)
        return 0;
    bl_real *m = calloc(3 * GAUGE * GAUGE, sizeof *m);
    if (m == NULL)
        return 0;
    bl_gemm_args g = {.m = GAUGE,
                      .n = GAUGE,
                      .k = GAUGE,
                      .alpha = 1,
                      .a = m,
                      .lda = GAUGE,
                      .b = m + GAUGE * GAUGE,
                      .ldb = GAUGE,
                      .c = m + 2 * GAUGE * GAUGE,
                      .ldc = GAUGE,
                      .precision = precision};
    for (int i = 0; i < TIMES; i++) {
        double start = bl_now(clock);
        bl_gemm(pool, &g);
        double spent = bl_now(clock) - start;
        double rate = 2.0 * GAUGE * GAUGE * GAUGE / fmax(spent, 1e-6);
        best = fmax(best, rate);
    }
    free(m);
    return best;
}

double bl_gauge_share(const bl_model_config *c)
{
    return c->width >= WIDE ? SHARE_WIDE : SHARE_NARROW;
}
