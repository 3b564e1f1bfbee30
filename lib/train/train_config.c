/* train_config.c - the table of a training's settings; text, JSON and bounds by it. */
#include "train/train_config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- the table, in the order of config.json, after that of the model ---- */

#define AT(field) offsetof(bl_train_config, field)

_Static_assert(AT(model) == 0, "a row of the model's table is one of this record too");

static const char *const schedule_words[] = {"cosine", "constant", "inv_sqrt",
                                             "linear", "wsd",      NULL};
static const char *const optimizer_words[] = {"adamw", "muon", "sgd", NULL};
static const char *const eval_memory_words[] = {"none", NULL}; /* BL_EVAL_APART */

_Static_assert(BL_COUNT(schedule_words) == BL_N_LR + 1, "a word for each");
_Static_assert(BL_COUNT(optimizer_words) == BL_N_OPTIMIZERS + 1, "a word for each");

static int falls_to_least(const void *record)
{
    return ((const bl_train_config *)record)->schedule == BL_LR_COSINE;
}

static int cools_down(const void *record)
{
    return ((const bl_train_config *)record)->schedule == BL_LR_WSD;
}

static int has_momentum(const void *record)
{
    return ((const bl_train_config *)record)->optimizer != BL_ADAMW;
}

static int evaluates(const void *record)
{
    return ((const bl_train_config *)record)->eval_every > 0;
}

static int has_windows(const void *record)
{
    return bl_model_is_groove(&((const bl_train_config *)record)->model);
}

static int has_latent(const void *record)
{
    return ((const bl_train_config *)record)->model.arch == BL_ARCH_GROOVE_VAE;
}

static const bl_setting own[] = {
    {"batch", BL_SET_INT, AT(lanes), 1, 4096, 8, .fixed = BL_FIXED_RUN,
     .also = "batch_size lanes bsz", .help = "B: pieces read side by side"},
    {"accumulate", BL_SET_INT, AT(accumulate), 1, 65536, 1, .fixed = BL_FIXED_RUN,
     .also = "grad_accum gradient_accumulation_steps accumulate_grad_batches",
     .help = "batches whose gradients are added up for one step; every token of the "
             "step weighs the same"},
    {"workers", BL_SET_INT, AT(workers), 1, 1024, 1, .fixed = BL_FIXED_RUN,
     .help = "W, a power of two that divides batch: parts of a batch, run on their "
             "own, whose gradients are summed over a binary tree; up to so many "
             "processes can share the work, and any number gives the same bytes"},
    {"steps", BL_SET_LONG, AT(steps), 1, 1e12, 3000,
     .also = "max_steps n_steps train_steps iterations max_iters",
     .help = "of the whole run; the schedule ends there"},
    {"seed", BL_SET_LONG, AT(seed), 0, 0x1p53, 0, .fixed = BL_FIXED_RUN,
     .help = "of initial weights, order of pieces and dropout"},
    {"lr", BL_SET_REAL, AT(lr), 0, 1e30, 1.5e-3, .also = "learning_rate rate",
     .help = "highest learning rate"},
    {"min_lr", BL_SET_REAL, AT(min_lr), 0, 1, 0.02, .is_used = falls_to_least,
     .with = "schedule=cosine only", .also = "min_learning_rate lr_min",
     .help = "cosine: the last learning rate, as a share of lr"},
    {"warmup", BL_SET_LONG, AT(warmup), 0, 1e12, 100,
     .also = "warmup_steps warmup_iters", .help = "steps of linear rise"},
    {"schedule", BL_SET_WORD, AT(schedule), .words = schedule_words,
     .also = "scheduler lr_schedule lr_scheduler",
     .help =
         "of the learning rate after warmup: cosine falls to min_lr of it, linear "
         "to zero, inv_sqrt with the root of the steps; wsd stays, and falls at last "
         "as 1 less the root of the share done"},
    {"cooldown", BL_SET_REAL, AT(cooldown), 0, 1, 0.2, .is_used = cools_down,
     .with = "schedule=wsd only",
     .help = "wsd: the last share of the steps, in which the rate falls to zero"},
    {"optimizer", BL_SET_WORD, AT(optimizer), .words = optimizer_words,
     .fixed = BL_FIXED_RUN, .also = "optim",
     .help =
         "adamw, or muon for the matrices between hidden states: momentum made "
         "orthogonal, in updates as large as Adam's, so that one lr suits both; sgd: "
         "plain gradients with momentum, which want an lr of their own"},
    {"momentum", BL_SET_REAL, AT(momentum), 0, 0.9999, 0.95, .is_used = has_momentum,
     .with = "optimizer=muon and sgd only", .help = "of muon and sgd"},
    {"average", BL_SET_REAL, AT(average), 0, 0.5, 0, .fixed = BL_FIXED_RUN,
     .help =
         "validation and sampling see a mean of the weights so far, whose age is "
         "this share of the steps; 0.5 weighs all steps alike, 0 = the last weights"},
    {"clip", BL_SET_REAL, AT(clip), 0, 1e9, 1,
     .also = "grad_clip max_grad_norm gradient_clip_val",
     .help = "global norm of the gradient is cut to this, and apart from it that of "
             "the compressors, which learn from a loss of their own; 0 = no clipping"},
    {"beta1", BL_SET_REAL, AT(beta1), 0, 0.999999, 0.9,
     .help = "Adam: decay of the first moment"},
    {"beta2", BL_SET_REAL, AT(beta2), 0, 0.99999999, 0.99,
     .help = "Adam: decay of the second moment"},
    {"eps", BL_SET_REAL, AT(eps), 1e-15, 1, 1e-8, .also = "epsilon adam_eps",
     .help = "Adam: added to the root of the second moment"},
    {"weight_decay", BL_SET_REAL, AT(weight_decay), 0, 10, 0, .also = "decay wd",
     .help = "decoupled, on matrices, but not on the biases u and v of attention"},
    {"eval_every", BL_SET_LONG, AT(eval_every), 0, 1e12, 500,
     .also = "eval_interval eval_steps",
     .help = "steps between evaluations; 0 = only at the end"},
    {"eval_tokens", BL_SET_LONG, AT(eval_tokens), 0, 1e12, 50000,
     .help = "about as many tokens of the validation split are scored, a sample over "
             "pieces of all lengths; 0, or half of the split or more, = all"},
    {"eval_segment", BL_SET_INT, AT(eval_segment), 0, 65536, 0,
     .help = "segment of evaluation; 0 = as in training"},
    {"eval_memory", BL_SET_INT, AT(eval_memory), BL_EVAL_APART, 65536, 0,
     .words = eval_memory_words,
     .help = "memory of evaluation; 0 = as in training, none = each segment without "
             "what came before it"},
    {"patience", BL_SET_LONG, AT(patience), 0, 1e12, 0, .is_used = evaluates,
     .with = "eval_every only", .also = "early_stopping",
     .help = "the run ends when so many evaluations after the best one were no better; "
             "0 = at its last step only"},
    {"beta_cycle", BL_SET_LONG, AT(beta_cycle), 0, 1e12, 0, .traits = BL_SET_QUIET,
     .is_used = has_latent, .with = "arch=groove-vae only",
     .help =
         "with arch = groove-vae: steps after which beta begins to rise again; 0 = it "
         "stays"},
    {"beta_rise", BL_SET_REAL, AT(beta_rise), 0, 1, 0.5, .traits = BL_SET_QUIET,
     .is_used = has_latent, .with = "arch=groove-vae only",
     .help =
         "with beta_cycle: the share of it in which beta rises from 0, as a sigmoid"},
    {"hit_balance", BL_SET_REAL, AT(hit_balance), 0, 0.999999, 0,
     .traits = BL_SET_QUIET, .is_used = has_windows,
     .with = "arch=groove and groove-vae only",
     .help = "of grooves: cells that are seldom hit weigh more, by 1 / (1 - x^n) for n "
             "hits; 0 = all the same"},
    {"genre_balance", BL_SET_REAL, AT(genre_balance), 0, 0.999999, 0,
     .traits = BL_SET_QUIET, .is_used = has_windows,
     .with = "arch=groove and groove-vae only",
     .help = "of grooves: windows of rare genres weigh more, by 1 / (1 - x^n) for n "
             "windows of theirs; 0 = all the same"},
};

const bl_setting *bl_config_setting(size_t i)
{
    size_t n;
    const bl_setting *model = bl_model_settings(&n);
    if (i < n)
        return &model[i];
    return i - n < BL_COUNT(own) ? &own[i - n] : NULL;
}

bl_train_config bl_config_default(void)
{
    bl_train_config c = {.model = bl_model_config_default()};
    for (size_t i = 0; i < BL_COUNT(own); i++)
        bl_setting_put(&own[i], &c, own[i].usual);
    return c;
}

/* The setting with the nearest key, *distance as far away: 0 of itself, -1 where others
 * call it that. */
static const bl_setting *nearest(const char *key, int *distance)
{
    const bl_setting *s, *best = NULL;
    char plain[65]; /* learning-rate, as options are written, means learning_rate */
    snprintf(plain, sizeof plain, "%s", key);
    for (char *c = plain; *c != '\0'; c++)
        *c = *c == '-' ? '_' : (char)tolower((unsigned char)*c);
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++) {
        int d =
            bl_setting_is_called(s, plain) ? -1 : bl_setting_distance(plain, s->key);
        if (best == NULL || d < *distance) {
            best = s;
            *distance = d;
        }
    }
    return best;
}

const char *bl_config_near(const char *name, size_t len)
{
    char key[BL_SET_KEY_MAX + 1];
    int distance;
    if (len == 0 || len > BL_SET_KEY_MAX)
        return NULL;
    memcpy(key, name, len);
    key[len] = '\0';
    const bl_setting *s = nearest(key, &distance);
    return distance <= (int)(len / 3) ? s->key : NULL;
}

static const bl_setting *find(const char *key, int code, bl_err *e)
{
    const bl_setting *s;
    int distance;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++)
        if (strcmp(key, s->key) == 0)
            return s;
    bl_fail(e, code, "unknown key '%.64s'; the nearest is '%s'", key,
            nearest(key, &distance)->key);
    return NULL;
}

/* What a setting that leads changes of others, now that it is no longer as it was. */
static void lead(bl_train_config *c, const bl_setting *s, double was)
{
    double is = bl_setting_get(s, c);
    if (is == was)
        return; /* said again, with --resume say, it changes nothing */
    bl_setting_put(s, c, was);
    if (s->at == AT(model.arch))
        bl_config_arch(c, (bl_arch)(int)is);
    if (s->at == AT(model.pre_norm) && is == 0)
        bl_config_post_norm(c);
    bl_setting_put(s, c, is);
}

/* ---- text and JSON ---- */

int bl_config_set(bl_train_config *c, const char *assignment, bl_err *e)
{
    char key[BL_SET_KEY_MAX + 1];
    size_t len = strcspn(assignment, "=");
    if (assignment[len] == '\0' || len == 0 || len > BL_SET_KEY_MAX)
        return bl_fail(e, BL_E_ARG, "'%.64s' is not key=value", assignment);
    memcpy(key, assignment, len);
    key[len] = '\0';
    const bl_setting *s = find(key, BL_E_ARG, e);
    if (s == NULL)
        return BL_E_ARG;
    if (s->at == AT(model.vocab))
        return bl_fail(e, BL_E_ARG, "vocab cannot be set: it is that of the data");
    double was = s->traits & BL_SET_LEADS ? bl_setting_get(s, c) : 0;
    int rc = bl_setting_text(s, c, assignment + len + 1, e);
    if (rc == 0 && (s->traits & BL_SET_LEADS))
        lead(c, s, was);
    return rc;
}

static int layers_from_json(bl_train_config *c, const bl_setting *s,
                            const bl_json *value, bl_err *e)
{
    int rc = 0;
    if (!bl_json_is_array(value))
        return bl_fail(e, BL_E_FORMAT, "%s is not a list", s->key);
    bl_setting_put(s, c, 0);
    for (size_t i = 0; i < bl_json_size(value) && rc == 0; i++) {
        int64_t layer;
        rc = bl_json_as_int(bl_json_at(value, i), &layer)
                 ? bl_setting_layer(s, c, (double)layer, BL_E_FORMAT, e)
                 : bl_fail(e, BL_E_FORMAT, "%s is not a list of numbers", s->key);
    }
    return rc;
}

static int read_value(bl_train_config *c, const bl_setting *s, const bl_json *value,
                      bl_err *e)
{
    const char *text;
    int64_t whole;
    double x = 0;
    if (s->kind == BL_SET_LAYERS)
        return layers_from_json(c, s, value, e);
    if (s->kind == BL_SET_AMONG)
        return bl_json_as_str(value, &text)
                   ? bl_setting_among(s, c, text, BL_E_FORMAT, e)
                   : bl_fail(e, BL_E_FORMAT, "%s is not a string", s->key);
    if (bl_json_as_str(value, &text)) {
        int rc = bl_setting_word(s, c, text, BL_E_FORMAT, e);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    } else if (s->kind == BL_SET_WORD) {
        return bl_fail(e, BL_E_FORMAT, "%s is not a string", s->key);
    }
    if (bl_json_as_int(value, &whole))
        x = (double)whole;
    else if (!bl_json_as_real(value, &x))
        return bl_fail(e, BL_E_FORMAT, "%s is not a number", s->key);
    return bl_setting_try(s, c, x, BL_E_FORMAT, e);
}

static int read_member(bl_train_config *c, const char *key, const bl_json *value,
                       bl_err *e)
{
    const char *text;
    if (strcmp(key, "schema") == 0) {
        if (!bl_json_as_str(value, &text) || strcmp(text, "xl-config/1") != 0)
            return bl_fail(e, BL_E_VERSION, "the schema is not xl-config/1");
        return 0;
    }
    if (strlen(key) > BL_SET_KEY_MAX)
        return bl_fail(e, BL_E_FORMAT, "unknown key '%.64s'", key);
    const bl_setting *s = find(key, BL_E_FORMAT, e);
    if (s == NULL)
        return BL_E_FORMAT;
    double was = s->traits & BL_SET_LEADS ? bl_setting_get(s, c) : 0;
    int rc = read_value(c, s, value, e);
    if (rc == 0 && (s->traits & BL_SET_LEADS))
        lead(c, s, was);
    return rc;
}

int bl_config_leads(const char *key, size_t len)
{
    const bl_setting *s;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++)
        if ((s->traits & BL_SET_LEADS) && strncmp(s->key, key, len) == 0 &&
            s->key[len] == '\0')
            return 1;
    return 0;
}

int bl_config_read(bl_train_config *c, const bl_json *object, bl_err *e)
{
    const bl_setting *s;
    const bl_json *value;
    const char *key;
    int rc = 0;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL && rc == 0; i++) {
        if (!(s->traits & BL_SET_LEADS) || !bl_json_has(object, s->key))
            continue;
        rc = bl_json_get(object, s->key, &value, e);
        if (rc == 0)
            rc = read_member(c, s->key, value, e);
    }
    for (size_t i = 0; i < bl_json_size(object) && rc == 0; i++) {
        bl_json_member(object, i, &key, &value);
        if (!bl_config_leads(key, strlen(key)))
            rc = read_member(c, key, value, e);
    }
    return rc;
}

static int layers_to_json(bl_json *o, const bl_train_config *c, const bl_setting *s,
                          bl_err *e)
{
    bl_json *list = bl_json_array(e);
    int rc = list != NULL ? 0 : BL_E_NOMEM;
    for (int layer = 1; layer <= BL_SET_LAYERS_MAX && rc == 0; layer++)
        if (bl_setting_has_layer(s, c, layer))
            rc = bl_json_push_int(list, layer, e);
    if (rc != 0) {
        bl_json_del(list);
        return rc;
    }
    return bl_json_put(o, s->key, list, e);
}

static int write_value(bl_json *o, const bl_train_config *c, const bl_setting *s,
                       bl_err *e)
{
    if (s->kind == BL_SET_LAYERS)
        return layers_to_json(o, c, s, e);
    double x = bl_setting_get(s, c);
    if ((s->kind == BL_SET_OWN && x < 0) ||
        ((s->traits & BL_SET_QUIET) && bl_setting_is_usual(s, c)))
        return 0;
    char text[160];
    if (s->kind == BL_SET_AMONG)
        return bl_json_set_str(o, s->key,
                               bl_setting_among_text(s, c, text, sizeof text), e);
    if (s->kind == BL_SET_REAL || s->kind == BL_SET_OWN)
        return bl_json_set_real(o, s->key, x, e);
    if (s->kind == BL_SET_WORD || (s->words != NULL && x == s->low))
        return bl_json_set_str(o, s->key, s->words[(int)(x - s->low)], e);
    return bl_json_set_int(o, s->key, (int64_t)x, e);
}

bl_json *bl_config_json(const bl_train_config *c, bl_err *e)
{
    const bl_setting *s;
    bl_json *o = bl_json_object(e);
    int rc = o != NULL ? bl_json_set_str(o, "schema", "xl-config/1", e) : BL_E_NOMEM;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL && rc == 0; i++)
        rc = write_value(o, c, s, e);
    if (rc != 0) {
        bl_json_del(o);
        return NULL;
    }
    return o;
}

/* ---- checks ---- */

int bl_config_check(const bl_train_config *c, bl_err *e)
{
    const bl_setting *s;
    int rc = 0;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL && rc == 0; i++)
        rc = bl_setting_check(s, c, e);
    if (rc == 0 && ((c->workers & (c->workers - 1)) != 0 || c->lanes % c->workers != 0))
        rc = bl_fail(e, BL_E_ARG,
                     "workers (%d) is not a power of two that divides batch (%d)",
                     c->workers, c->lanes);
    if (rc == 0)
        rc = bl_model_config_check(&c->model, e);
    bl_model_config eval = bl_config_eval(c);
    if (rc == 0 && (rc = bl_model_config_check(&eval, e)) != 0)
        bl_err_in(e, "eval_segment, eval_memory");
    return rc;
}

bl_model_config bl_config_eval(const bl_train_config *c)
{
    bl_model_config m = c->model;
    if (c->eval_segment > 0)
        m.segment = c->eval_segment;
    if (c->eval_memory > 0)
        m.memory = c->eval_memory;
    if (c->eval_memory == BL_EVAL_APART)
        m.zero_memory = 0;
    return m;
}

const char *bl_config_differs(const bl_train_config *a, const bl_train_config *b,
                              bl_setting_fixed fixed)
{
    const bl_setting *s;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++)
        if (s->fixed != BL_FREE && s->fixed <= fixed && !bl_setting_same(s, a, b))
            return s->key;
    return NULL;
}
