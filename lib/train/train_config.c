/* train_config.c - see train_config.h. */
#include "train/train_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 31, LAYERS_MAX = 256 };

/* CHOICE: an int that is the place of a word in a list; LAYERS: a set of layers; OWN: a
 * REAL that is another's where it is not given, -1 then and not written. */
typedef enum { INT32, INT64, REAL, OWN, CHOICE, LAYERS } kind;

enum { FREE, WEIGHTS = BL_FIXED_WEIGHTS, RUN = BL_FIXED_RUN };

typedef struct {
    const char *key;
    kind kind;
    size_t at; /* offset into bl_train_config */
    double low, high;
    int fixed; /* FREE or a bl_config_fixed */
} field;

#define AT(member) offsetof(bl_train_config, member)

static const field fields[] = {
    {"arch", CHOICE, AT(model.arch), 0, BL_N_ARCH - 1, WEIGHTS},
    {"vocab", INT32, AT(model.vocab), 0, 65536, WEIGHTS},
    {"layers", INT32, AT(model.layers), 1, 256, WEIGHTS},
    {"width", INT32, AT(model.width), 1, 65536, WEIGHTS},
    {"heads", INT32, AT(model.heads), 1, 1024, WEIGHTS},
    {"ff", INT32, AT(model.ff), 1, 262144, WEIGHTS},
    {"segment", INT32, AT(model.segment), 1, 65536, RUN},
    {"memory", INT32, AT(model.memory), 0, 65536, RUN},
    {"dropout", REAL, AT(model.dropout), 0, 0.95, FREE},
    {"att_dropout", REAL, AT(model.att_dropout), 0, 0.95, FREE},
    {"ff_dropout", OWN, AT(model.ff_dropout), 0, 0.95, FREE},
    {"layer_dropout", OWN, AT(model.layer_dropout), 0, 0.95, FREE},
    {"embed_dropout", OWN, AT(model.embed_dropout), 0, 0.95, FREE},
    {"pre_norm", INT32, AT(model.pre_norm), 0, 1, WEIGHTS},
    {"untie_uv", INT32, AT(model.untie_uv), 0, 1, WEIGHTS},
    {"clamp_len", INT32, AT(model.clamp_len), 0, 65536, FREE},
    {"norm_eps", REAL, AT(model.norm_eps), 1e-12, 0.1, FREE},
    {"init_std", REAL, AT(model.init_std), 0, 10, FREE},
    {"pos", CHOICE, AT(model.pos), 0, BL_N_POS - 1, WEIGHTS},
    {"positions", INT32, AT(model.positions), 0, 131072, WEIGHTS},
    {"act", CHOICE, AT(model.act), 0, 3, WEIGHTS},
    {"relu_out", INT32, AT(model.relu_out), 0, 1, WEIGHTS},
    {"att_bias", INT32, AT(model.att_bias), 0, 1, WEIGHTS},
    {"embed_scale", INT32, AT(model.embed_scale), 0, 1, WEIGHTS},
    {"tie", INT32, AT(model.tie), 0, 1, WEIGHTS},
    {"out_bias", INT32, AT(model.out_bias), 0, 1, WEIGHTS},
    {"init_residual", INT32, AT(model.init_residual), 0, 1, FREE},
    {"zero_memory", INT32, AT(model.zero_memory), 0, 1, WEIGHTS},
    {"same_length", INT32, AT(model.same_length), 0, 1, FREE},
    {"compressed", INT32, AT(model.compressed), 0, 65536, WEIGHTS},
    {"ratio", INT32, AT(model.ratio), 1, 1024, WEIGHTS},
    {"compressor", CHOICE, AT(model.compressor), 0, 2, WEIGHTS},
    {"memory_layers", LAYERS, AT(model.memory_layers), 1, LAYERS_MAX, WEIGHTS},
    {"embed_width", INT32, AT(model.embed_width), 0, 65536, WEIGHTS},
    {"kv_heads", INT32, AT(model.kv_heads), 0, 1024, WEIGHTS},
    {"glu", INT32, AT(model.glu), 0, 1, WEIGHTS},
    {"ff_bias", INT32, AT(model.ff_bias), 0, 1, WEIGHTS},
    {"rope_theta", REAL, AT(model.rope_theta), 1, 1e9, WEIGHTS},
    {"gate", CHOICE, AT(model.gate), 0, BL_N_GATE - 1, WEIGHTS},
    {"mogrify", INT32, AT(model.mogrify), 0, 64, WEIGHTS},
    {"norm", CHOICE, AT(model.norm), 0, BL_N_NORM - 1, WEIGHTS},
    {"precision", CHOICE, AT(model.precision), 0, BL_N_PRECISIONS - 1, FREE},
    {"batch", INT32, AT(lanes), 1, 4096, RUN},
    {"accumulate", INT32, AT(accumulate), 1, 65536, RUN},
    {"workers", INT32, AT(workers), 1, 1024, RUN},
    {"steps", INT64, AT(steps), 1, 1e12, FREE},
    {"seed", INT64, AT(seed), 0, 0x1p53, RUN},
    {"lr", REAL, AT(lr), 0, 1e30, FREE},
    {"min_lr", REAL, AT(min_lr), 0, 1, FREE},
    {"warmup", INT64, AT(warmup), 0, 1e12, FREE},
    {"schedule", CHOICE, AT(schedule), 0, BL_N_LR - 1, FREE},
    {"clip", REAL, AT(clip), 0, 1e9, FREE},
    {"beta1", REAL, AT(beta1), 0, 0.999999, FREE},
    {"beta2", REAL, AT(beta2), 0, 0.99999999, FREE},
    {"eps", REAL, AT(eps), 1e-15, 1, FREE},
    {"weight_decay", REAL, AT(weight_decay), 0, 10, FREE},
    {"eval_every", INT64, AT(eval_every), 0, 1e12, FREE},
    {"eval_tokens", INT64, AT(eval_tokens), 0, 1e12, FREE},
    {"eval_segment", INT32, AT(eval_segment), 0, 65536, FREE},
    {"eval_memory", INT32, AT(eval_memory), BL_EVAL_APART, 65536, FREE},
    {"patience", INT64, AT(patience), 0, 1e12, FREE},
};

static const char *const schedule_names[BL_N_LR] = {"cosine", "constant", "inv_sqrt"};

/* ---- one field as a number ---- */

static double get(const bl_train_config *c, const field *f)
{
    const char *base = (const char *)c;
    switch (f->kind) {
    case REAL:
    case OWN:
        return *(const double *)(const void *)(base + f->at);
    case INT64:
        return (double)*(const int64_t *)(const void *)(base + f->at);
    default:
        return *(const int *)(const void *)(base + f->at);
    }
}

static int put(bl_train_config *c, const field *f, double x, int code, bl_err *e)
{
    char *base = (char *)c;
    if (!(x >= f->low && x <= f->high))
        return bl_fail(e, code, "%s is %.10g, which is not within %.10g..%.10g", f->key,
                       x, f->low, f->high);
    if (f->kind != REAL && f->kind != OWN && x != floor(x))
        return bl_fail(e, code, "%s is %.10g, which is not a whole number", f->key, x);
    switch (f->kind) {
    case REAL:
    case OWN:
        *(double *)(void *)(base + f->at) = x;
        return 0;
    case INT64:
        *(int64_t *)(void *)(base + f->at) = (int64_t)x;
        return 0;
    default:
        *(int *)(void *)(base + f->at) = (int)x;
        return 0;
    }
}

/* ---- sets of layers, which are counted from 1 ---- */

static uint64_t *layers_of(bl_train_config *c, const field *f)
{
    return (uint64_t *)(void *)((char *)c + f->at);
}

static int has_layer(const bl_train_config *c, const field *f, int layer)
{
    const uint64_t *set = (const uint64_t *)(const void *)((const char *)c + f->at);
    return (int)(set[(layer - 1) / 64] >> (layer - 1) % 64 & 1);
}

static int put_layer(bl_train_config *c, const field *f, double x, int code, bl_err *e)
{
    if (!(x >= f->low && x <= f->high) || x != floor(x))
        return bl_fail(e, code, "%s lists layers from 1 to %.10g, not %.10g", f->key,
                       f->high, x);
    layers_of(c, f)[((int)x - 1) / 64] |= (uint64_t)1 << ((int)x - 1) % 64;
    return 0;
}

/* "5,6"; "all" is the set that lists none. */
static int layers_from_text(bl_train_config *c, const field *f, const char *text,
                            bl_err *e)
{
    int rc = 0;
    memset(layers_of(c, f), 0, LAYERS_MAX / 8);
    if (strcmp(text, "all") == 0)
        return 0;
    for (char *end; rc == 0; text = end + 1) {
        double x = strtod(text, &end);
        if (end == text || (*end != ',' && *end != '\0'))
            return bl_fail(e, BL_E_ARG,
                           "%s wants layers as in 5,6, or all, not '%.64s'", f->key,
                           text);
        rc = put_layer(c, f, x, BL_E_ARG, e);
        if (*end == '\0')
            return rc;
    }
    return rc;
}

static int layers_from_json(bl_train_config *c, const field *f, const bl_json *value,
                            bl_err *e)
{
    int rc = 0;
    if (!bl_json_is_array(value))
        return bl_fail(e, BL_E_FORMAT, "%s is not a list", f->key);
    memset(layers_of(c, f), 0, LAYERS_MAX / 8);
    for (size_t i = 0; i < bl_json_size(value) && rc == 0; i++) {
        int64_t layer;
        rc = bl_json_as_int(bl_json_at(value, i), &layer)
                 ? put_layer(c, f, (double)layer, BL_E_FORMAT, e)
                 : bl_fail(e, BL_E_FORMAT, "%s is not a list of numbers", f->key);
    }
    return rc;
}

static int layers_to_json(bl_json *o, const bl_train_config *c, const field *f,
                          bl_err *e)
{
    bl_json *list = bl_json_array(e);
    int rc = list != NULL ? 0 : BL_E_NOMEM;
    for (int layer = 1; layer <= LAYERS_MAX && rc == 0; layer++)
        if (has_layer(c, f, layer))
            rc = bl_json_push_int(list, layer, e);
    if (rc != 0) {
        bl_json_del(list);
        return rc;
    }
    return bl_json_put(o, f->key, list, e);
}

static int same_layers(const bl_train_config *a, const bl_train_config *b,
                       const field *f)
{
    for (int layer = 1; layer <= LAYERS_MAX; layer++)
        if (has_layer(a, f, layer) != has_layer(b, f, layer))
            return 0;
    return 1;
}

/* ---- finding a field ---- */

/* Insertions, deletions and substitutions between two keys (Levenshtein). */
static int distance(const char *a, const char *b)
{
    int row[KEY_MAX + 1];
    int n = (int)strlen(b);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = (int)bl_min(change, bl_min(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

static const field *find(const char *key, int code, bl_err *e)
{
    const field *nearest = NULL;
    int least = 0;
    for (size_t i = 0; i < BL_COUNT(fields); i++) {
        int d = distance(key, fields[i].key);
        if (d == 0)
            return &fields[i];
        if (nearest == NULL || d < least) {
            nearest = &fields[i];
            least = d;
        }
    }
    bl_fail(e, code, "unknown key '%.64s'; the nearest is '%s'", key, nearest->key);
    return NULL;
}

/* The i-th word of a field, NULL beyond the last. */
static const char *word_of(const field *f, int i)
{
    if (f->at == AT(schedule))
        return i < BL_N_LR ? schedule_names[i] : NULL;
    return bl_model_choice(f->key, i);
}

static int choice_of(const field *f, const char *name, double *x, int code, bl_err *e)
{
    char all[160] = "";
    for (int i = 0; word_of(f, i) != NULL; i++) {
        if (strcmp(name, word_of(f, i)) == 0) {
            *x = i;
            return 0;
        }
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", word_of(f, i));
    }
    return bl_fail(e, code, "%s is one of %s, not '%.64s'", f->key, all, name);
}

/* The one number that is a word. */
static const char apart_word[] = "none";

static int is_apart(const field *f, const char *text)
{
    return f->at == AT(eval_memory) && strcmp(text, apart_word) == 0;
}

/* pre_norm comes before what follows it. */
static int put_number(bl_train_config *c, const field *f, double x, int code, bl_err *e)
{
    if (f->at == AT(model.pre_norm) && x == 0)
        bl_config_post_norm(c);
    return put(c, f, x, code, e);
}

/* arch comes first: it sets what the other keys then change. */
static int put_choice(bl_train_config *c, const field *f, const char *name, int code,
                      bl_err *e)
{
    double x = 0;
    int rc = choice_of(f, name, &x, code, e);
    if (rc == 0 && f->at == AT(model.arch))
        bl_config_arch(c, (bl_arch)(int)x);
    else if (rc == 0)
        rc = put(c, f, x, code, e);
    return rc;
}

/* ---- text and JSON ---- */

int bl_config_set(bl_train_config *c, const char *assignment, bl_err *e)
{
    char key[KEY_MAX + 1];
    size_t len = strcspn(assignment, "=");
    if (assignment[len] == '\0' || len == 0 || len > KEY_MAX)
        return bl_fail(e, BL_E_ARG, "'%.64s' is not key=value", assignment);
    memcpy(key, assignment, len);
    key[len] = '\0';
    const char *text = assignment + len + 1;
    const field *f = find(key, BL_E_ARG, e);
    if (f == NULL)
        return BL_E_ARG;
    if (strcmp(key, "vocab") == 0)
        return bl_fail(e, BL_E_ARG, "vocab cannot be set: it is that of the data");
    if (f->kind == CHOICE)
        return put_choice(c, f, text, BL_E_ARG, e);
    if (f->kind == LAYERS)
        return layers_from_text(c, f, text, e);
    if (is_apart(f, text)) {
        c->eval_memory = BL_EVAL_APART;
        return 0;
    }
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(x))
        return bl_fail(e, BL_E_ARG, "%s wants a number, not '%.64s'", key, text);
    return put_number(c, f, x, BL_E_ARG, e);
}

static int read_member(bl_train_config *c, const char *key, const bl_json *value,
                       bl_err *e)
{
    const char *text;
    int64_t whole;
    double x = 0;
    if (strcmp(key, "schema") == 0) {
        if (!bl_json_as_str(value, &text) || strcmp(text, "xl-config/1") != 0)
            return bl_fail(e, BL_E_VERSION, "the schema is not xl-config/1");
        return 0;
    }
    if (strlen(key) > KEY_MAX)
        return bl_fail(e, BL_E_FORMAT, "unknown key '%.64s'", key);
    const field *f = find(key, BL_E_FORMAT, e);
    if (f == NULL)
        return BL_E_FORMAT;
    if (f->kind == LAYERS)
        return layers_from_json(c, f, value, e);
    if (f->kind == CHOICE)
        return bl_json_as_str(value, &text)
                   ? put_choice(c, f, text, BL_E_FORMAT, e)
                   : bl_fail(e, BL_E_FORMAT, "%s is not a string", key);
    if (bl_json_as_str(value, &text) && is_apart(f, text)) {
        c->eval_memory = BL_EVAL_APART;
        return 0;
    }
    if (bl_json_as_int(value, &whole)) {
        x = (double)whole;
    } else if (!bl_json_as_real(value, &x)) {
        return bl_fail(e, BL_E_FORMAT, "%s is not a number", key);
    }
    return put_number(c, f, x, BL_E_FORMAT, e);
}

int bl_config_read(bl_train_config *c, const bl_json *object, bl_err *e)
{
    static const char *const first[] = {"arch", "pre_norm"}; /* others follow them */
    const bl_json *value;
    int rc = 0;
    for (size_t i = 0; i < BL_COUNT(first) && rc == 0; i++) {
        if (!bl_json_has(object, first[i]))
            continue;
        rc = bl_json_get(object, first[i], &value, e);
        if (rc == 0)
            rc = read_member(c, first[i], value, e);
    }
    for (size_t i = 0; i < bl_json_size(object) && rc == 0; i++) {
        const char *key;
        bl_json_member(object, i, &key, &value);
        if (strcmp(key, first[0]) != 0 && strcmp(key, first[1]) != 0)
            rc = read_member(c, key, value, e);
    }
    return rc;
}

bl_json *bl_config_json(const bl_train_config *c, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o != NULL ? bl_json_set_str(o, "schema", "xl-config/1", e) : BL_E_NOMEM;
    for (size_t i = 0; i < BL_COUNT(fields) && rc == 0; i++) {
        const field *f = &fields[i];
        if (f->kind == LAYERS) {
            rc = layers_to_json(o, c, f, e);
            continue;
        }
        double x = get(c, f);
        if (f->kind == OWN && x < 0)
            continue;
        if (f->kind == REAL || f->kind == OWN)
            rc = bl_json_set_real(o, f->key, x, e);
        else if (f->kind == CHOICE)
            rc = bl_json_set_str(o, f->key, word_of(f, (int)x), e);
        else if (f->at == AT(eval_memory) && x < 0)
            rc = bl_json_set_str(o, f->key, apart_word, e);
        else
            rc = bl_json_set_int(o, f->key, (int64_t)x, e);
    }
    if (rc != 0) {
        bl_json_del(o);
        return NULL;
    }
    return o;
}

int bl_config_check(const bl_train_config *c, bl_err *e)
{
    for (size_t i = 0; i < BL_COUNT(fields); i++) {
        const field *f = &fields[i];
        double x = f->kind == LAYERS ? f->low : get(c, f);
        if (f->kind == OWN && x == -1)
            continue;
        if (!(x >= f->low && x <= f->high))
            return bl_fail(e, BL_E_ARG, "%s is %.10g, which is not within %.10g..%.10g",
                           f->key, x, f->low, f->high);
    }
    if ((c->workers & (c->workers - 1)) != 0 || c->lanes % c->workers != 0)
        return bl_fail(e, BL_E_ARG,
                       "workers (%d) is not a power of two that divides batch (%d)",
                       c->workers, c->lanes);
    int rc = bl_model_config_check(&c->model, e);
    bl_model_config eval = bl_config_eval(c);
    if (rc == 0 && bl_model_config_check(&eval, e) != 0)
        rc = bl_err_in(e, "evaluation");
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
                              bl_config_fixed fixed)
{
    for (size_t i = 0; i < BL_COUNT(fields); i++) {
        const field *f = &fields[i];
        int counts = f->fixed != FREE && f->fixed <= (int)fixed;
        int same = f->kind == LAYERS ? same_layers(a, b, f) : get(a, f) == get(b, f);
        if (counts && !same)
            return f->key;
    }
    return NULL;
}
