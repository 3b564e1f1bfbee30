/* hub_config.c - see hub_names.h: config.json of GPT-2 and LLaMA. What would compute
 * something else here is refused by its name, never ignored. */
#include "flow/hub_names.h"

#include "io/file.h"
#include "io/header.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_MAX = 1 << 20, SEGMENT_MAX = 65536, VOCAB_MAX = 65536 };

static const char *const type_names[BL_N_HUB] = {"gpt2", "llama", "aria"};

/* ---- members that may be absent or null ---- */

static const bl_json *member(const bl_json *o, const char *key)
{
    const bl_json *value;
    const char *text;
    int64_t i;
    double x;
    int yes;
    if (!bl_json_has(o, key) || bl_json_get(o, key, &value, NULL) != 0)
        return NULL;
    int is_null = !bl_json_as_str(value, &text) && !bl_json_as_int(value, &i) &&
                  !bl_json_as_real(value, &x) && !bl_json_as_bool(value, &yes) &&
                  !bl_json_is_object(value) && !bl_json_is_array(value);
    return is_null ? NULL : value;
}

static int get_int(const bl_json *o, const char *key, int64_t usual, int64_t *x,
                   bl_err *e)
{
    *x = usual;
    return member(o, key) == NULL ? 0 : bl_json_int(o, key, INT64_MIN, INT64_MAX, x, e);
}

/* A whole number will do. */
static int get_real(const bl_json *o, const char *key, double usual, double *x,
                    bl_err *e)
{
    const bl_json *value = member(o, key);
    int64_t whole;
    *x = usual;
    if (value == NULL)
        return 0;
    if (bl_json_as_int(value, &whole)) {
        *x = (double)whole;
        return 0;
    }
    return bl_json_real(o, key, x, e);
}

static int get_flag(const bl_json *o, const char *key, int usual, int *x, bl_err *e)
{
    *x = usual;
    return member(o, key) == NULL ? 0 : bl_json_bool(o, key, x, e);
}

/* The members that are whole numbers of a model's size: required, or `usual` >= 0. */
typedef struct {
    const char *key;
    int *to;
    int64_t high, usual;
} size_member;

static int get_sizes(const bl_json *o, const size_member *s, size_t n, bl_err *e)
{
    for (size_t i = 0; i < n; i++) {
        int64_t x;
        int rc = get_int(o, s[i].key, s[i].usual, &x, e);
        if (rc != 0)
            return rc;
        if (x < 0 && member(o, s[i].key) == NULL)
            return bl_fail(e, BL_E_FORMAT, "'%s' is missing", s[i].key);
        if (x < 0 || x > s[i].high)
            return bl_fail(e, BL_E_LIMIT, "%s is %lld, which is not within 0..%lld",
                           s[i].key, (long long)x, (long long)s[i].high);
        *s[i].to = (int)x;
    }
    return 0;
}

/* Switches that must stand as they usually do. */
static int refuse_flags(const bl_json *o, const char *const *keys, size_t n, int usual,
                        bl_err *e)
{
    for (size_t i = 0; i < n; i++) {
        int is_on;
        int rc = get_flag(o, keys[i], usual, &is_on, e);
        if (rc != 0)
            return rc;
        if (is_on != usual)
            return bl_fail(e, BL_E_FORMAT, "%s is %s, which has no counterpart here",
                           keys[i], is_on ? "true" : "false");
    }
    return 0;
}

/* ---- GPT-2 ---- */

static int read_gelu(const bl_json *o, bl_model_config *m, bl_err *e)
{
    const char *name = "gelu_new";
    int rc = member(o, "activation_function") != NULL
                 ? bl_json_str(o, "activation_function", &name, e)
                 : 0;
    if (rc != 0)
        return rc;
    if (strcmp(name, "gelu_new") == 0 || strcmp(name, "gelu_pytorch_tanh") == 0)
        m->act = 2;
    else if (strcmp(name, "gelu") == 0)
        m->act = 1;
    else
        return bl_fail(e, BL_E_FORMAT,
                       "activation_function is '%.32s'; gelu_new, gelu_pytorch_tanh "
                       "and gelu are read",
                       name);
    return 0;
}

static int read_gpt2(const bl_json *o, bl_model_config *m, bl_err *e)
{
    static const char *const off[] = {"scale_attn_by_inverse_layer_idx",
                                      "add_cross_attention"};
    static const char *const on[] = {"scale_attn_weights"};
    bl_model_config_arch(m, BL_ARCH_GPT2);
    const size_member sizes[] = {
        {"n_embd", &m->width, 65536, -1}, {"n_layer", &m->layers, 256, -1},
        {"n_head", &m->heads, 1024, -1},  {"n_positions", &m->positions, 65536, -1},
        {"n_inner", &m->ff, 262144, 0},
    };
    int rc = get_sizes(o, sizes, BL_COUNT(sizes), e);
    if (rc == 0)
        rc = read_gelu(o, m, e);
    if (rc == 0)
        rc = refuse_flags(o, off, BL_COUNT(off), 0, e);
    if (rc == 0)
        rc = refuse_flags(o, on, BL_COUNT(on), 1, e);
    if (rc == 0)
        rc = get_flag(o, "tie_word_embeddings", 1, &m->tie, e);
    if (rc == 0)
        rc = get_real(o, "layer_norm_epsilon", 1e-5, &m->norm_eps, e);
    if (rc == 0)
        rc = get_real(o, "resid_pdrop", 0.1, &m->dropout, e);
    if (rc == 0)
        rc = get_real(o, "attn_pdrop", 0.1, &m->att_dropout, e);
    if (rc == 0)
        rc = get_real(o, "embd_pdrop", 0.1, &m->embed_dropout, e);
    if (m->embed_dropout == m->dropout)
        m->embed_dropout = -1;
    m->ff_dropout = 0; /* it has none between its two matrices */
    m->ff = m->ff > 0 ? m->ff : 4 * m->width;
    m->segment = m->positions;
    return rc;
}

/* ---- LLaMA ---- */

static int refuse_rope(const bl_json *rope, bl_err *e)
{
    static const char *const keys[] = {"rope_type", "type"};
    double share;
    for (size_t i = 0; i < BL_COUNT(keys); i++) {
        const char *type = "default";
        int rc =
            member(rope, keys[i]) != NULL ? bl_json_str(rope, keys[i], &type, e) : 0;
        if (rc == 0 && strcmp(type, "default") != 0)
            rc = bl_fail(e, BL_E_FORMAT,
                         "%s is '%.32s': only rotary positions of the default type "
                         "have a counterpart",
                         keys[i], type);
        if (rc != 0)
            return rc;
    }
    int rc = get_real(rope, "partial_rotary_factor", 1, &share, e);
    if (rc == 0 && share != 1)
        rc = bl_fail(e, BL_E_FORMAT,
                     "partial_rotary_factor is %g: here all of a head turns", share);
    return rc;
}

/* rope_parameters of transformers 5; rope_theta and rope_scaling of 4. */
static int read_rope(const bl_json *o, bl_model_config *m, bl_err *e)
{
    static const char *const keys[] = {"rope_parameters", "rope_scaling"};
    int rc = get_real(o, "rope_theta", 1e4, &m->rope_theta, e);
    for (size_t i = 0; i < BL_COUNT(keys) && rc == 0; i++) {
        const bl_json *rope = member(o, keys[i]);
        if (rope == NULL)
            continue;
        if (!bl_json_is_object(rope))
            return bl_fail(e, BL_E_FORMAT, "%s is not an object", keys[i]);
        rc = refuse_rope(rope, e);
        if (rc == 0)
            rc = get_real(rope, "rope_theta", m->rope_theta, &m->rope_theta, e);
    }
    return rc == 0 ? refuse_rope(o, e) : rc;
}

static int check_head(const bl_json *o, const bl_model_config *m, bl_err *e)
{
    int64_t dim;
    const char *act = "silu";
    int rc = get_int(o, "head_dim", m->width / bl_max(m->heads, 1), &dim, e);
    if (rc == 0 && (m->heads < 1 || dim * m->heads != m->width))
        rc = bl_fail(e, BL_E_FORMAT,
                     "head_dim is %lld: here %d heads share a width of %d",
                     (long long)dim, m->heads, m->width);
    if (rc == 0 && member(o, "hidden_act") != NULL)
        rc = bl_json_str(o, "hidden_act", &act, e);
    if (rc == 0 && strcmp(act, "silu") != 0)
        rc = bl_fail(e, BL_E_FORMAT, "hidden_act is '%.32s', not silu", act);
    return rc;
}

static int read_llama(const bl_json *o, bl_model_config *m, bl_err *e)
{
    static const char *const off[] = {"attention_bias", "mlp_bias"};
    int64_t context = 0;
    bl_model_config_arch(m, BL_ARCH_LLAMA);
    const size_member sizes[] = {
        {"hidden_size", &m->width, 65536, -1},
        {"intermediate_size", &m->ff, 262144, -1},
        {"num_hidden_layers", &m->layers, 256, -1},
        {"num_attention_heads", &m->heads, 1024, -1},
        {"num_key_value_heads", &m->kv_heads, 1024, 0},
    };
    int rc = get_sizes(o, sizes, BL_COUNT(sizes), e);
    if (rc == 0)
        rc = check_head(o, m, e);
    if (rc == 0)
        rc = refuse_flags(o, off, BL_COUNT(off), 0, e);
    if (rc == 0)
        rc = read_rope(o, m, e);
    if (rc == 0)
        rc = get_flag(o, "tie_word_embeddings", 0, &m->tie, e);
    if (rc == 0)
        rc = get_real(o, "rms_norm_eps", 1e-6, &m->norm_eps, e);
    if (rc == 0)
        rc = get_real(o, "attention_dropout", 0, &m->att_dropout, e);
    if (rc == 0)
        rc = get_int(o, "max_position_embeddings", 2048, &context, e);
    if (m->kv_heads == m->heads)
        m->kv_heads = 0;
    m->dropout = 0;
    m->segment = (int)bl_clamp(context, 1, SEGMENT_MAX);
    return rc;
}

/* ---- Aria ---- */

/* Norms' epsilon and the angles stand in the program that runs it, not in its config.
 */
static int read_aria(const bl_json *o, bl_model_config *m, bl_err *e)
{
    int context = 0;
    bl_model_config_arch(m, BL_ARCH_LLAMA);
    m->norm = BL_NORM_LAYER;
    m->norm_eps = 1e-5;
    m->rope_theta = 5e5;
    m->dropout = 0;
    const size_member sizes[] = {
        {"hidden_size", &m->width, 65536, -1},
        {"intermediate_size", &m->ff, 262144, -1},
        {"num_hidden_layers", &m->layers, 256, -1},
        {"num_attention_heads", &m->heads, 1024, -1},
        {"max_seq_len", &context, SEGMENT_MAX, 8192},
    };
    int rc = get_sizes(o, sizes, BL_COUNT(sizes), e);
    if (rc == 0)
        rc = get_flag(o, "tie_word_embeddings", 0, &m->tie, e);
    m->segment = (int)bl_max(context, 1);
    return rc;
}

/* ---- all ---- */

static int read_type(const bl_json *o, bl_hub_kind *kind, bl_err *e)
{
    const char *name;
    int rc = bl_json_str(o, "model_type", &name, e);
    for (int k = 0; k < BL_N_HUB && rc == 0; k++) {
        if (strcmp(name, type_names[k]) == 0) {
            *kind = (bl_hub_kind)k;
            return 0;
        }
    }
    return rc != 0
               ? rc
               : bl_fail(e, BL_E_FORMAT,
                         "model_type is '%.32s'; gpt2, llama and aria are read", name);
}

/* Some state several ends of a text: the first. */
static int get_id(const bl_json *o, const char *key, int64_t *id, bl_err *e)
{
    const bl_json *value = member(o, key);
    if (value != NULL && bl_json_is_array(value)) {
        *id = -1;
        return bl_json_size(value) == 0 || bl_json_as_int(bl_json_at(value, 0), id)
                   ? 0
                   : bl_fail(e, BL_E_FORMAT, "'%s' is not a list of ids", key);
    }
    return get_int(o, key, -1, id, e);
}

static int read_common(const bl_json *o, bl_model_config *m, bl_hub_ids *ids, bl_err *e)
{
    int64_t vocab = 0;
    int rc = member(o, "quantization_config") == NULL
                 ? 0
                 : bl_fail(e, BL_E_FORMAT,
                           "quantization_config: quantised weights are not read");
    if (rc == 0)
        rc = bl_json_int(o, "vocab_size", 1, INT32_MAX, &vocab, e);
    if (rc == 0 && vocab > VOCAB_MAX)
        rc = bl_fail(e, BL_E_LIMIT,
                     "vocab_size is %lld; models here have %d tokens at "
                     "most",
                     (long long)vocab, VOCAB_MAX);
    m->vocab = (int)vocab;
    if (rc == 0)
        rc = get_real(o, "initializer_range", 0.02, &m->init_std, e);
    if (rc == 0)
        rc = get_id(o, "bos_token_id", &ids->bos, e);
    if (rc == 0)
        rc = get_id(o, "eos_token_id", &ids->eos, e);
    return rc == 0 ? get_id(o, "pad_token_id", &ids->pad, e) : rc;
}

int bl_hub_config_read(const bl_json *o, bl_hub_kind *kind, bl_model_config *m,
                       bl_hub_ids *ids, bl_err *e)
{
    static int (*const read[BL_N_HUB])(const bl_json *, bl_model_config *,
                                       bl_err *) = {read_gpt2, read_llama, read_aria};
    *m = bl_model_config_default();
    m->memory = 0;
    int rc = read_type(o, kind, e);
    if (rc == 0)
        rc = read[*kind](o, m, e);
    if (rc == 0)
        rc = read_common(o, m, ids, e);
    if (rc == 0 && bl_model_config_check(m, e) != 0)
        rc = BL_E_FORMAT; /* of a file, not of an option */
    if (e != NULL && rc == BL_E_FORMAT)
        e->code = rc;
    return rc;
}

/* ---- out ---- */

int64_t bl_hub_context(const bl_model_config *m, bl_hub_kind kind)
{
    return kind == BL_HUB_GPT2 ? m->positions : (int64_t)m->segment + m->memory;
}

/* Setters in a row: after the first failure nothing is set. */
typedef struct {
    bl_json *o;
    bl_err *e;
    int rc;
} setter;

static void set_int(setter *s, const char *key, int64_t x)
{
    if (s->rc == 0)
        s->rc = bl_json_set_int(s->o, key, x, s->e);
}

static void set_real(setter *s, const char *key, double x)
{
    if (s->rc == 0)
        s->rc = bl_json_set_real(s->o, key, x, s->e);
}

static void set_bool(setter *s, const char *key, int x)
{
    if (s->rc == 0)
        s->rc = bl_json_set_bool(s->o, key, x, s->e);
}

static void set_str(setter *s, const char *key, const char *x)
{
    if (s->rc == 0)
        s->rc = bl_json_set_str(s->o, key, x, s->e);
}

static void put(setter *s, const char *key, bl_json *value)
{
    if (s->rc == 0)
        s->rc = value != NULL ? bl_json_put(s->o, key, value, s->e) : BL_E_NOMEM;
    else
        bl_json_del(value);
}

static double or_dropout(const bl_model_config *m, double own)
{
    return own < 0 ? m->dropout : own;
}

static void set_gpt2(setter *s, const bl_model_config *m)
{
    set_int(s, "n_embd", m->width);
    set_int(s, "n_layer", m->layers);
    set_int(s, "n_head", m->heads);
    set_int(s, "n_inner", m->ff);
    set_int(s, "n_positions", m->positions);
    set_str(s, "activation_function", m->act == 1 ? "gelu" : "gelu_new");
    set_real(s, "layer_norm_epsilon", m->norm_eps);
    set_real(s, "resid_pdrop", or_dropout(m, m->layer_dropout));
    set_real(s, "embd_pdrop", or_dropout(m, m->embed_dropout));
    set_real(s, "attn_pdrop", m->att_dropout);
}

static void set_llama(setter *s, const bl_model_config *m)
{
    setter rope = {bl_json_object(s->e), s->e, 0};
    set_int(s, "hidden_size", m->width);
    set_int(s, "intermediate_size", m->ff);
    set_int(s, "num_hidden_layers", m->layers);
    set_int(s, "num_attention_heads", m->heads);
    set_int(s, "num_key_value_heads", m->kv_heads > 0 ? m->kv_heads : m->heads);
    set_int(s, "head_dim", m->width / m->heads);
    set_int(s, "max_position_embeddings", bl_hub_context(m, BL_HUB_LLAMA));
    set_str(s, "hidden_act", "silu");
    set_real(s, "rms_norm_eps", m->norm_eps);
    set_bool(s, "attention_bias", 0);
    set_bool(s, "mlp_bias", 0);
    set_real(s, "attention_dropout", m->att_dropout);
    set_real(s, "rope_theta", m->rope_theta); /* for versions before 5 */
    if (rope.o == NULL)
        rope.rc = BL_E_NOMEM;
    set_real(&rope, "rope_theta", m->rope_theta);
    set_str(&rope, "rope_type", "default");
    s->rc = s->rc == 0 ? rope.rc : s->rc;
    put(s, "rope_parameters", rope.o);
}

static void set_ids(setter *s, const bl_hub_ids *ids)
{
    if (ids->bos >= 0)
        set_int(s, "bos_token_id", ids->bos);
    if (ids->eos >= 0)
        set_int(s, "eos_token_id", ids->eos);
    if (ids->pad >= 0)
        set_int(s, "pad_token_id", ids->pad);
}

static bl_json *finish(setter *s)
{
    if (s->rc == 0)
        return s->o;
    bl_json_del(s->o);
    return NULL;
}

bl_json *bl_hub_config(const bl_model_config *m, bl_hub_kind kind,
                       const bl_hub_ids *ids, bl_err *e)
{
    static const char *const classes[] = {"GPT2LMHeadModel", "LlamaForCausalLM"};
    setter s = {bl_json_object(e), e, 0};
    bl_json *list = bl_json_array(e);
    if (s.o == NULL || list == NULL)
        s.rc = BL_E_NOMEM;
    if (s.rc == 0)
        s.rc = bl_json_push_str(list, classes[kind], e);
    put(&s, "architectures", list);
    set_str(&s, "model_type", type_names[kind]);
    set_str(&s, "dtype", "float32");
    set_int(&s, "vocab_size", m->vocab);
    if (kind == BL_HUB_GPT2)
        set_gpt2(&s, m);
    else
        set_llama(&s, m);
    set_bool(&s, "tie_word_embeddings", m->tie);
    set_real(&s, "initializer_range", m->init_std);
    set_ids(&s, ids);
    return finish(&s);
}

bl_json *bl_hub_generation(const bl_hub_ids *ids, bl_err *e)
{
    setter s = {bl_json_object(e), e, 0};
    if (s.o == NULL)
        s.rc = BL_E_NOMEM;
    set_bool(&s, "do_sample", 1);
    set_ids(&s, ids);
    return finish(&s);
}

/* ---- what a folder cannot say ---- */

/* How a model is trained, where it began, and how its text is cut: a folder may say
 * otherwise, and the model computes the same. All else must come back as it is. */
static int is_free(const char *key)
{
    static const char *const keys[] = {
        "arch",          "segment",     "memory",        "memory_layers",
        "dropout",       "att_dropout", "ff_dropout",    "layer_dropout",
        "embed_dropout", "init_std",    "init_residual", "compressor_weight",
        "freeze",        "precision"};
    for (size_t i = 0; i < BL_COUNT(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return 1;
    return 0;
}

/* What says the same in two ways, in one. */
static bl_model_config plain(const bl_model_config *m)
{
    bl_model_config c = *m;
    if (c.embed_width == c.width)
        c.embed_width = 0;
    if (c.kv_heads == c.heads)
        c.kv_heads = 0;
    return c;
}

static int refuse(const char *key, bl_hub_kind kind, bl_err *e)
{
    return bl_fail(e, BL_E_ARG,
                   "%s of this model has no counterpart in %s of transformers", key,
                   type_names[kind]);
}

/* Compares a model with what reading its folder makes of it. */
static int refuse_settings(const bl_model_config *m, bl_hub_kind kind, bl_err *e)
{
    bl_model_config back, ours = plain(m);
    bl_hub_ids ids = {-1, -1, -1};
    size_t n;
    const bl_setting *row = bl_model_settings(&n);
    bl_json *o = bl_hub_config(m, kind, &ids, e);
    int rc = o != NULL ? bl_hub_config_read(o, &kind, &back, &ids, e) : BL_E_NOMEM;
    bl_json_del(o);
    if (rc != 0)
        return rc;
    back = plain(&back);
    for (size_t i = 0; i < n; i++)
        if (!is_free(row[i].key) && !bl_setting_same(&row[i], &ours, &back))
            return refuse(row[i].key, kind, e);
    if (kind == BL_HUB_GPT2 && m->memory > 0)
        return refuse("memory", kind, e);
    return bl_model_all_remember(m) ? 0 : refuse("memory_layers", kind, e);
}

int bl_hub_kind_of(const bl_model_config *m, bl_hub_kind *kind, bl_err *e)
{
    int is_absolute = m->pos == BL_POS_ABSOLUTE;
    if (m->arch == BL_ARCH_LSTM || (!is_absolute && m->pos != BL_POS_ROTARY))
        return bl_fail(e, BL_E_ARG,
                       "a model with arch=%s and pos=%s has no counterpart in "
                       "transformers; arch=gpt2 and arch=llama have",
                       bl_model_choice("arch", m->arch),
                       bl_model_choice("pos", m->pos));
    *kind = is_absolute ? BL_HUB_GPT2 : BL_HUB_LLAMA;
    return refuse_settings(m, *kind, e);
}

/* ---- a file of a folder ---- */

int bl_hub_json(const char *dir, const char *name, bl_json **o, bl_err *e)
{
    bl_buf path = {0}, text = {0};
    int fd = -1;
    *o = NULL;
    int rc = bl_buf_addf(&path, e, "%s/%s", dir, name);
    const char *file = rc == 0 ? bl_buf_str(&path, e) : NULL;
    rc = file != NULL ? bl_in_open(file, &fd, e) : BL_E_NOMEM;
    if (rc == 0) {
        rc = bl_read_all(fd, &text, CONFIG_MAX << 4, e);
        close(fd);
    }
    if (rc == 0) {
        *o = bl_json_parse((const char *)text.data, text.len, e);
        rc = *o != NULL ? 0 : bl_code_of(e, BL_E_FORMAT);
    }
    if (rc != 0 && file != NULL)
        bl_err_in(e, file);
    bl_buf_free(&path);
    bl_buf_free(&text);
    return rc;
}
