/* refit.c - see refit.h. */
#include "flow/refit.h"

#include "flow/hub.h"
#include "flow/vocab_json.h"
#include "token/scheme.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    bl_ckpt *c;
    int64_t *from; /* [to] old id of each new token, or -1 */
    int64_t old, to;
} fitting;

/* The scheme's own grid where MidiTok has names for its tokens, else 0. */
static int grid_of(const bl_vocab *v)
{
    return bl_vocab_has_miditok(v->kind.spec.scheme) ? v->kind.spec.grid : 0;
}

static int match(fitting *f, const bl_token_names *names, const bl_vocab *to,
                 bl_refit_counts *n, bl_err *e)
{
    uint8_t *taken = bl_calloc((size_t)f->old, 1, e);
    f->from = bl_calloc((size_t)f->to, sizeof *f->from, e);
    if (taken == NULL || f->from == NULL) {
        free(taken);
        return BL_E_NOMEM;
    }
    for (int64_t id = 0; id < f->to; id++) {
        int64_t old = bl_token_names_match(names, bl_words_name(to->words, (size_t)id),
                                           grid_of(to));
        f->from[id] = old < f->old ? old : -1;
        n->kept += f->from[id] >= 0;
        n->fresh += f->from[id] < 0;
        if (f->from[id] >= 0)
            taken[f->from[id]] = 1;
    }
    for (int64_t id = 0; id < f->old; id++)
        n->left += !taken[id];
    free(taken);
    return 0;
}

/* Where the number of a token is, of a tensor with so many other numbers a token:
 * tokens are its rows, or its columns. */
typedef struct {
    int64_t others;
    int is_column;
} layout;

static int64_t place(const layout *l, int64_t tokens, int64_t id, int64_t k)
{
    return l->is_column ? k * tokens + id : id * l->others + k;
}

static void fill(const fitting *f, const layout *l, const float *old, float *now)
{
    for (int64_t k = 0; k < l->others; k++) {
        double sum = 0;
        for (int64_t id = 0; id < f->old; id++)
            sum += (double)old[place(l, f->old, id, k)];
        for (int64_t id = 0; id < f->to; id++)
            now[place(l, f->to, id, k)] = f->from[id] < 0
                                              ? (float)(sum / (double)f->old)
                                              : old[place(l, f->old, f->from[id], k)];
    }
}

/* A tensor whose first `old` rows (or all columns) are tokens; rows behind them stay.
 */
static int refit_tensor(const fitting *f, const char *name, int is_column, bl_err *e)
{
    const bl_tensor *found = bl_tensors_find(&f->c->head, name);
    if (found == NULL) /* an untied or biasless model has fewer */
        return 0;
    bl_tensor *t = &f->c->head.t[found - f->c->head.t];
    int64_t shape[2] = {t->shape[0], t->ndim == 2 ? t->shape[1] : 0};
    int64_t tokens = is_column ? t->shape[t->ndim - 1] : t->shape[0];
    layout l = {is_column ? (t->ndim == 2 ? shape[0] : 1) : shape[1], is_column};
    if (t->data == NULL || tokens < f->old || (is_column && tokens != f->old))
        return bl_fail(e, BL_E_FORMAT, "tensor '%s' has another shape than tokens",
                       name);
    int64_t rest = is_column ? 0 : tokens - f->old;
    if (is_column)
        shape[t->ndim - 1] = f->to;
    else
        shape[0] = f->to + rest;
    bl_tensor now;
    int rc = bl_tensor_make(&now, name, BL_F32, t->ndim, shape, NULL, e);
    now.data = rc == 0 ? bl_calloc((size_t)now.bytes, 1, e) : NULL;
    if (now.data == NULL)
        return rc != 0 ? rc : BL_E_NOMEM;
    const float *old = t->data;
    fill(f, &l, old, now.data);
    if (rest > 0)
        memcpy((float *)now.data + f->to * l.others, old + f->old * l.others,
               (size_t)(rest * l.others) * sizeof *old);
    free(t->data);
    *t = now;
    return 0;
}

/* An encoder's own embedding, which may know fewer tokens, or more rows than there are
 * tokens; it knows all of the new ones. */
static int refit_sources(const fitting *f, bl_err *e)
{
    bl_model_config *m = &f->c->info.config.model;
    int64_t known = bl_model_source_vocab(m);
    fitting own = *f;
    own.old = bl_min(known, f->old);
    own.from = bl_calloc((size_t)f->to, sizeof *own.from, e);
    if (own.from == NULL)
        return BL_E_NOMEM;
    for (int64_t id = 0; id < f->to; id++)
        own.from[id] = f->from[id] < known ? f->from[id] : -1;
    int rc = refit_tensor(&own, "param.enc.emb", 0, e);
    free(own.from);
    if (m->source_vocab > 0)
        m->source_vocab = (int)(f->to + known - own.old);
    return rc;
}

int bl_refit(bl_ckpt *c, const bl_token_names *names, const bl_vocab *to,
             bl_refit_counts *n, bl_err *e)
{
    static const struct {
        const char *name;
        int is_column;
    } tensors[] = {{"param.emb", 0},    {"param.recall", 0}, {"param.lstm0.w", 0},
                   {"param.gru0.w", 0}, {"param.out.w", 1},  {"param.out.b", 1}};
    fitting f = {.c = c,
                 .old = c->info.config.model.vocab,
                 .to = (int64_t)bl_words_size(to->words)};
    *n = (bl_refit_counts){0};
    int rc = match(&f, names, to, n, e);
    for (size_t i = 0; i < BL_COUNT(tensors) && rc == 0; i++)
        rc = refit_tensor(&f, tensors[i].name, tensors[i].is_column, e);
    if (rc == 0)
        rc = refit_sources(&f, e);
    free(f.from);
    c->info.config.model.vocab = (int)f.to;
    return rc;
}

static int names_of(const bl_ckpt *c, const char *path, bl_token_names *names,
                    bl_err *e)
{
    char *file = NULL;
    if (c->vocab.words != NULL)
        return bl_token_names_of(names, c->vocab.words, e);
    int rc = bl_hub_is(path) ? bl_hub_names_file(path, &file, e) : 0;
    if (rc == 0 && file != NULL)
        rc = bl_token_names_read(names, file, e);
    free(file);
    return rc;
}

int bl_refit_from(bl_ckpt *c, const char *path, const bl_vocab *to, bl_refit_counts *n,
                  bl_err *e)
{
    bl_token_names names = {0};
    *n = (bl_refit_counts){0};
    n->is_same = c->vocab.words != NULL && strcmp(to->sha256, c->vocab.sha256) == 0;
    if (n->is_same)
        return 0;
    int rc = names_of(c, path, &names, e);
    int64_t rows = c->info.config.model.vocab;
    if (rc == 0 && names.n == 0 && rows == (int64_t)bl_words_size(to->words))
        *n = (bl_refit_counts){.kept = rows, .is_nameless = 1};
    else if (rc == 0)
        rc = bl_refit(c, &names, to, n, e);
    bl_token_names_free(&names);
    return rc;
}
