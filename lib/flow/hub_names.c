/* hub_names.c - see hub_names.h: the table of names, schemas/hub.md. */
#include "flow/hub_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list being made; after the first failure nothing is added. */
typedef struct {
    bl_hub_links *links;
    const bl_model_config *c;
    const char *layer; /* how names of a layer begin there */
    int n;             /* the layer, -1 outside */
    bl_err *e;
    int rc;
} list;

static void add(list *l, bl_hub_link link, const char *hub, const char *ours)
{
    void *array = l->links->link;
    if (l->rc == 0)
        l->rc = bl_grow(&array, &l->links->cap, l->links->n + 1, sizeof link, l->e);
    l->links->link = array;
    if (l->rc != 0)
        return;
    if (l->n >= 0) {
        snprintf(link.hub, sizeof link.hub, "%s.%d.%s", l->layer, l->n, hub);
        snprintf(link.ours, sizeof link.ours, "l%d.%s", l->n, ours);
    } else {
        snprintf(link.hub, sizeof link.hub, "%s", hub);
        snprintf(link.ours, sizeof link.ours, "%s", ours);
    }
    l->links->link[l->links->n++] = link;
}

static void add_matrix(list *l, int64_t rows, int64_t cols, const char *hub,
                       const char *ours)
{
    add(l, (bl_hub_link){"", "", 2, 0, rows, cols, cols, 0, cols, 0}, hub, ours);
}

/* The hub's is [cols, rows]. */
static void add_transposed(list *l, int64_t rows, int64_t cols, const char *hub,
                           const char *ours)
{
    add(l, (bl_hub_link){"", "", 2, 1, rows, cols, cols, 0, cols, 0}, hub, ours);
}

static void add_vector(list *l, int64_t size, const char *hub, const char *ours)
{
    add(l, (bl_hub_link){"", "", 1, 0, 1, size, size, 0, size, 0}, hub, ours);
}

/* ---- GPT-2: Conv1D, rows are inputs as ours ---- */

/* Columns of q, k and v stand side by side. */
static void add_qkv(list *l)
{
    static const char *const weight[] = {"wq", "wk", "wv"};
    static const char *const bias[] = {"bq", "bk", "bv"};
    int64_t d = l->c->width;
    for (int i = 0; i < 3; i++)
        add(l, (bl_hub_link){"", "", 2, 0, d, d, 3 * d, i * d, d, 0},
            "attn.c_attn.weight", weight[i]);
    for (int i = 0; i < 3; i++)
        add(l, (bl_hub_link){"", "", 1, 0, 1, d, 3 * d, i * d, d, 0},
            "attn.c_attn.bias", bias[i]);
}

static void list_gpt2(list *l)
{
    const bl_model_config *c = l->c;
    int64_t d = c->width, f = c->ff;
    l->layer = "h";
    add_matrix(l, c->vocab, d, "wte.weight", "emb");
    add_matrix(l, c->positions, d, "wpe.weight", "wpe");
    for (l->n = 0; l->n < c->layers; l->n++) {
        add_vector(l, d, "ln_1.weight", "ln1.g");
        add_vector(l, d, "ln_1.bias", "ln1.b");
        add_qkv(l);
        add_matrix(l, d, d, "attn.c_proj.weight", "wo");
        add_vector(l, d, "attn.c_proj.bias", "bo");
        add_vector(l, d, "ln_2.weight", "ln2.g");
        add_vector(l, d, "ln_2.bias", "ln2.b");
        add_matrix(l, d, f, "mlp.c_fc.weight", "w1");
        add_vector(l, f, "mlp.c_fc.bias", "b1");
        add_matrix(l, f, d, "mlp.c_proj.weight", "w2");
        add_vector(l, d, "mlp.c_proj.bias", "b2");
    }
    l->n = -1;
    add_vector(l, d, "ln_f.weight", "lnf.g");
    add_vector(l, d, "ln_f.bias", "lnf.b");
}

/* ---- LLaMA: Linear, rows are outputs ---- */

/* The gate is the first half of ours, which is activated. */
static void add_glu(list *l, const char *gate, const char *up)
{
    const char *const half[] = {gate, up};
    int64_t d = l->c->width, f = l->c->ff;
    for (int i = 0; i < 2; i++)
        add(l, (bl_hub_link){"", "", 2, 1, d, f, f, 0, 2 * f, i * f}, half[i], "w1");
}

static void list_llama(list *l)
{
    const bl_model_config *c = l->c;
    int heads = c->kv_heads > 0 ? c->kv_heads : c->heads;
    int64_t d = c->width, f = c->ff, kv = d / c->heads * heads;
    l->layer = "layers";
    add_matrix(l, c->vocab, d, "embed_tokens.weight", "emb");
    for (l->n = 0; l->n < c->layers; l->n++) {
        add_vector(l, d, "input_layernorm.weight", "ln1.g");
        add_transposed(l, d, d, "self_attn.q_proj.weight", "wq");
        add_transposed(l, d, kv, "self_attn.k_proj.weight", "wk");
        add_transposed(l, d, kv, "self_attn.v_proj.weight", "wv");
        add_transposed(l, d, d, "self_attn.o_proj.weight", "wo");
        add_vector(l, d, "post_attention_layernorm.weight", "ln2.g");
        add_glu(l, "mlp.gate_proj.weight", "mlp.up_proj.weight");
        add_transposed(l, f, d, "mlp.down_proj.weight", "w2");
    }
    l->n = -1;
    add_vector(l, d, "norm.weight", "lnf.g");
}

/* ---- Aria: LLaMA's block with layer norms, q, k and v as rows of one matrix ---- */

static void list_aria(list *l)
{
    static const char *const qkv[] = {"wq", "wk", "wv"};
    const bl_model_config *c = l->c;
    int64_t d = c->width;
    l->layer = "encode_layers";
    add_matrix(l, c->vocab, d, "tok_embeddings.weight", "emb");
    for (l->n = 0; l->n < c->layers; l->n++) {
        add_vector(l, d, "norm1.weight", "ln1.g");
        add_vector(l, d, "norm1.bias", "ln1.b");
        for (int i = 0; i < 3; i++)
            add(l, (bl_hub_link){"", "", 2, 1, d, d, 3 * d, i * d, d, 0},
                "mixed_qkv.weight", qkv[i]);
        add_transposed(l, d, d, "att_proj_linear.weight", "wo");
        add_vector(l, d, "norm2.weight", "ln2.g");
        add_vector(l, d, "norm2.bias", "ln2.b");
        add_glu(l, "ff_gate_proj.weight", "ff_up_proj.weight");
        add_transposed(l, c->ff, d, "ff_down_proj.weight", "w2");
    }
    l->n = -1;
    add_vector(l, d, "out_layer_norm.weight", "lnf.g");
    add_vector(l, d, "out_layer_norm.bias", "lnf.b");
}

int bl_hub_links_make(bl_hub_links *links, bl_hub_kind kind, const bl_model_config *c,
                      bl_err *e)
{
    list l = {.links = links, .c = c, .n = -1, .e = e};
    static void (*const make[BL_N_HUB])(list *) = {list_gpt2, list_llama, list_aria};
    make[kind](&l);
    if (!c->tie)
        add_transposed(&l, c->width, c->vocab, "lm_head.weight", "out.w");
    return l.rc;
}

void bl_hub_links_free(bl_hub_links *l)
{
    free(l->link);
    *l = (bl_hub_links){0};
}

/* ---- names ---- */

static const char *const prefix[BL_N_HUB] = {"transformer.", "model.", "model."};

const char *bl_hub_bare(bl_hub_kind kind, const char *name)
{
    size_t n = strlen(prefix[kind]);
    return strncmp(name, prefix[kind], n) == 0 ? name + n : name;
}

void bl_hub_full(bl_hub_kind kind, const char *bare, char *to, size_t size)
{
    int is_head = strcmp(bare, "lm_head.weight") == 0;
    snprintf(to, size, "%s%s", is_head ? "" : prefix[kind], bare);
}

static int ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

int bl_hub_is_ballast(bl_hub_kind kind, const char *bare)
{
    if (kind == BL_HUB_GPT2)
        return ends_in(bare, ".attn.bias") || ends_in(bare, ".attn.masked_bias");
    return ends_in(bare, "rotary_emb.inv_freq");
}

/* ---- shapes and numbers ---- */

void bl_hub_shape(const bl_hub_link *l, int64_t shape[2])
{
    shape[0] = l->ndim == 1 || l->transposed ? l->hub_cols : l->rows;
    shape[1] = l->ndim == 1 ? 0 : l->transposed ? l->rows : l->hub_cols;
}

void bl_hub_our_shape(const bl_hub_link *l, int64_t shape[2])
{
    shape[0] = l->ndim == 1 ? l->our_cols : l->rows;
    shape[1] = l->ndim == 1 ? 0 : l->our_cols;
}

/* Places between neighbours of a row, and of a column, in the hub's tensor. */
static void strides(const bl_hub_link *l, int64_t *along, int64_t *down)
{
    *along = l->transposed ? l->rows : 1;
    *down = l->transposed ? 1 : l->hub_cols;
}

enum { BLOCK = 32 }; /* a square of it and its transpose stay in the cache */

void bl_hub_to_ours(const bl_hub_link *l, const float *hub, float *ours)
{
    int64_t along, down;
    strides(l, &along, &down);
    for (int64_t r0 = 0; r0 < l->rows; r0 += BLOCK)
        for (int64_t c0 = 0; c0 < l->cols; c0 += BLOCK)
            for (int64_t r = r0; r < bl_min(r0 + BLOCK, l->rows); r++)
                for (int64_t c = c0; c < bl_min(c0 + BLOCK, l->cols); c++)
                    ours[r * l->our_cols + l->our_at + c] =
                        hub[r * down + (l->hub_at + c) * along];
}

void bl_hub_to_hub(const bl_hub_link *l, const float *ours, float *hub)
{
    int64_t along, down;
    strides(l, &along, &down);
    for (int64_t r0 = 0; r0 < l->rows; r0 += BLOCK)
        for (int64_t c0 = 0; c0 < l->cols; c0 += BLOCK)
            for (int64_t r = r0; r < bl_min(r0 + BLOCK, l->rows); r++)
                for (int64_t c = c0; c < bl_min(c0 + BLOCK, l->cols); c++)
                    hub[r * down + (l->hub_at + c) * along] =
                        ours[r * l->our_cols + l->our_at + c];
}
