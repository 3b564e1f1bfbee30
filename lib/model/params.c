/* params.c - the one table of parameter tensors: where each is bound, its name, shape,
 * initial value and when there is one. From it come the list, the flat block, the
 * checkpoint and its page, schemas/xl-checkpoint.md. */
#include "base/mem.h"
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <stdio.h>
#include <string.h>

/* ---- sizes ---- */

const char *bl_dim_name(bl_dim dim)
{
    static const char *const names[BL_N_DIMS] = {[BL_DIM_ONE] = "1",
                                                 [BL_DIM_V] = "V",
                                                 [BL_DIM_A] = "A",
                                                 [BL_DIM_D] = "D",
                                                 [BL_DIM_3D] = "3 D",
                                                 [BL_DIM_4D] = "4 D",
                                                 [BL_DIM_H] = "H",
                                                 [BL_DIM_E] = "E",
                                                 [BL_DIM_GE] = "G * E",
                                                 [BL_DIM_F] = "F",
                                                 [BL_DIM_WIDE] = "W",
                                                 [BL_DIM_P] = "P",
                                                 [BL_DIM_HP] = "H * P",
                                                 [BL_DIM_RD] = "R * D",
                                                 [BL_DIM_LOW] = "floor(D / 4)",
                                                 [BL_DIM_ID] = "I + D",
                                                 [BL_DIM_PLACES] = "places",
                                                 [BL_DIM_BARS] = "bar_rows",
                                                 [BL_DIM_LENGTHS] = "K + 1",
                                                 [BL_DIM_DISTANCES] = "30",
                                                 [BL_DIM_TIMES] = "8",
                                                 [BL_DIM_TWO] = "2",
                                                 [BL_DIM_INPUT] = "N",
                                                 [BL_DIM_VS] = "Vs",
                                                 [BL_DIM_SEEN] = "inputs",
                                                 [BL_DIM_STEP] = "27",
                                                 [BL_DIM_TD] = "T * D",
                                                 [BL_DIM_Z] = "Z",
                                                 [BL_DIM_DEC] = "Dd",
                                                 [BL_DIM_TDEC] = "T * Dd"};
    return names[dim];
}

/* What a token's row gives a model: of cells their gates' inputs. */
static int64_t input_of(const bl_model_config *c)
{
    int64_t d = c->width;
    if (c->arch != BL_ARCH_LSTM)
        return d;
    return c->cell == BL_CELL_GRU ? 3 * d : 4 * d;
}

static int is_vae(const bl_model_config *c)
{
    return c->arch == BL_ARCH_GROOVE_VAE;
}

/* The layers of a VAE's decoder have sizes of their own. */
static bl_model_config config_at(const bl_model_config *c, int layer)
{
    bl_model_config at = *c;
    if (is_vae(c) && layer >= c->layers) {
        at.width = c->dec_width;
        at.heads = c->dec_heads;
        at.ff = c->dec_ff;
    }
    return at;
}

/* What the letters are for a config and layer. */
static int64_t size_of(bl_dim dim, const bl_model_config *config, int layer)
{
    const bl_model_config at = config_at(config, layer), *c = &at;
    int64_t dec = is_vae(c) ? c->dec_width : c->width;
    int64_t d = c->width, e = d / c->heads;
    const int64_t sizes[BL_N_DIMS] = {
        [BL_DIM_ONE] = 1,
        [BL_DIM_V] = c->vocab,
        [BL_DIM_A] = bl_model_embed_width(c),
        [BL_DIM_D] = d,
        [BL_DIM_3D] = 3 * d,
        [BL_DIM_4D] = 4 * d,
        [BL_DIM_H] = c->heads,
        [BL_DIM_E] = e,
        [BL_DIM_GE] = bl_model_kv_heads(c) * e,
        [BL_DIM_F] = c->ff,
        [BL_DIM_WIDE] = c->glu ? 2 * (int64_t)c->ff : c->ff,
        [BL_DIM_P] = c->positions,
        [BL_DIM_HP] = (c->share_distances ? 1 : (int64_t)c->heads) * c->positions,
        [BL_DIM_RD] = c->ratio * d,
        [BL_DIM_LOW] = d / 4,
        [BL_DIM_PLACES] = c->places,
        [BL_DIM_BARS] = c->bar_rows,
        [BL_DIM_LENGTHS] = bl_recall_lengths(c->recall) + 1,
        [BL_DIM_DISTANCES] = BL_RECALL_DISTANCES,
        [BL_DIM_TIMES] = BL_RECALL_TIMES,
        [BL_DIM_TWO] = 2,
        [BL_DIM_INPUT] = input_of(c),
        [BL_DIM_VS] = bl_model_source_vocab(c),
        [BL_DIM_SEEN] = bl_model_inputs(c),
        [BL_DIM_STEP] = 3 * c->voices,
        [BL_DIM_TD] = bl_model_steps(c) * d,
        [BL_DIM_Z] = c->latent,
        [BL_DIM_DEC] = dec,
        [BL_DIM_TDEC] = c->segment * dec,
        [BL_DIM_ID] = (layer == 0 ? c->vocab : d) + d,
    };
    return sizes[dim];
}

/* ---- when there is one; of the encoder's layers n is `layers` or more ---- */

static int is_decoder(const bl_model_config *c, int n)
{
    return n < c->layers;
}

static int is_between(const bl_model_config *c, int n)
{
    (void)n;
    return bl_model_embed_width(c) != c->width;
}

static int has_places(const bl_model_config *c, int n)
{
    (void)n;
    return c->pos == BL_POS_ABSOLUTE;
}

static int has_place_rows(const bl_model_config *c, int n)
{
    (void)n;
    return c->places > 0;
}

static int has_bar_rows(const bl_model_config *c, int n)
{
    (void)n;
    return c->bar_rows > 0;
}

static int has_distances(const bl_model_config *c, int n)
{
    return c->pos == BL_POS_DISTANCE && is_decoder(c, n);
}

static int has_sinusoids(const bl_model_config *c, int n)
{
    return c->pos == BL_POS_SINUSOID && is_decoder(c, n);
}

static int has_one_uv(const bl_model_config *c, int n)
{
    return has_sinusoids(c, n) && !c->untie_uv;
}

static int has_own_uv(const bl_model_config *c, int n)
{
    return has_sinusoids(c, n) && c->untie_uv;
}

static int has_att_bias(const bl_model_config *c, int n)
{
    (void)n;
    return c->att_bias;
}

static int has_conv(const bl_model_config *c, int n)
{
    return c->compressed > 0 && bl_compressor_learns((bl_compressor)c->compressor) &&
           is_decoder(c, n) && bl_model_remembers(c, n);
}

static int has_dilated(const bl_model_config *c, int n)
{
    return has_conv(c, n) && c->compressor == BL_COMPRESS_DILATED;
}

static int makes_rows_again(const bl_model_config *c, int n)
{
    return has_conv(c, n) && c->compressor_loss == BL_REBUILD_ROWS;
}

static int has_norm_bias(const bl_model_config *c, int n)
{
    (void)n;
    return c->norm == BL_NORM_LAYER;
}

static int has_ff_bias(const bl_model_config *c, int n)
{
    (void)n;
    return c->ff_bias;
}

static int has_gate(const bl_model_config *c, int n)
{
    (void)n;
    return c->gate != BL_GATE_NONE;
}

static int mogrifies(const bl_model_config *c, int n)
{
    return has_gate(c, n) && c->mogrify > 0;
}

static int mogrifies_twice(const bl_model_config *c, int n)
{
    return has_gate(c, n) && c->mogrify > 1;
}

static int has_sides(const bl_model_config *c, int n)
{
    (void)n;
    return bl_model_has_sides(c);
}

static int recalls(const bl_model_config *c, int n)
{
    (void)n;
    return c->recall > 0;
}

static int has_own_embedding(const bl_model_config *c, int n)
{
    (void)n;
    return c->condition == BL_CONDITION_ENCODER && !c->share_embed;
}

static int is_between_own(const bl_model_config *c, int n)
{
    return has_own_embedding(c, n) && is_between(c, n);
}

static int has_encoder_norm(const bl_model_config *c, int n)
{
    (void)n;
    return c->condition == BL_CONDITION_ENCODER && c->pre_norm;
}

static int has_encoder_norm_bias(const bl_model_config *c, int n)
{
    return has_encoder_norm(c, n) && has_norm_bias(c, n);
}

static int crosses(const bl_model_config *c, int n)
{
    return c->condition == BL_CONDITION_ENCODER && is_decoder(c, n);
}

static int crosses_with_bias(const bl_model_config *c, int n)
{
    return crosses(c, n) && c->att_bias;
}

static int crosses_with_norm_bias(const bl_model_config *c, int n)
{
    return crosses(c, n) && has_norm_bias(c, n);
}

static int crosses_gate(const bl_model_config *c, int n)
{
    return crosses(c, n) && has_gate(c, n);
}

static int crosses_mogrified(const bl_model_config *c, int n)
{
    return crosses(c, n) && mogrifies(c, n);
}

static int crosses_mogrified_twice(const bl_model_config *c, int n)
{
    return crosses(c, n) && mogrifies_twice(c, n);
}

static int has_lead(const bl_model_config *c, int n)
{
    (void)n;
    return c->density == BL_DENSITY_STEP;
}

static int has_last_norm(const bl_model_config *c, int n)
{
    (void)n;
    return c->pre_norm;
}

static int has_last_norm_bias(const bl_model_config *c, int n)
{
    return c->pre_norm && has_norm_bias(c, n);
}

static int is_lstm(const bl_model_config *c, int n)
{
    (void)n;
    return c->cell == BL_CELL_LSTM;
}

static int is_gru(const bl_model_config *c, int n)
{
    return !is_lstm(c, n);
}

static int has_own_output(const bl_model_config *c, int n)
{
    (void)n;
    return !c->tie;
}

static int has_out_bias(const bl_model_config *c, int n)
{
    (void)n;
    return c->out_bias;
}

/* ---- the table ---- */

#define TOP(field) offsetof(bl_model, field)
#define AT(field) offsetof(bl_layer, field)

/* A matrix decays; a vector does not, nor do u and v. A hidden one stands between
 * hidden states; the rows of a step are multiplied by a factor. */
#define MATRIX .init = BL_INIT_NORMAL, .decay = 1
#define HIDDEN MATRIX, .hidden = 1
#define FACTOR HIDDEN, .is_factor = 1
#define SMALLER .init = BL_INIT_RESIDUAL, .decay = 1, .hidden = 1, .is_factor = 1
#define PAIR .init = BL_INIT_NORMAL
#define BIAS .init = BL_INIT_ZERO
#define GAIN .init = BL_INIT_ONE
#define ROWS .init = BL_INIT_ZERO, .decay = 1

/* The order is that of the flat block, and a tensor's place in the list is the key of
 * its random numbers. */
static const bl_tensor_row before[] = {
    {"emb", TOP(emb), BL_DIM_V, BL_DIM_A, MATRIX},
    {"emb.w", TOP(emb_w), BL_DIM_A, BL_DIM_D, MATRIX, .is_there = is_between},
    {"emb.wb", TOP(emb_wb), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = is_between},
    {"wpe", TOP(wpe), BL_DIM_P, BL_DIM_D, MATRIX, .is_there = has_places},
    {"bar", TOP(bar), BL_DIM_PLACES, BL_DIM_D, MATRIX, .is_there = has_place_rows},
    {"barno", TOP(barno), BL_DIM_BARS, BL_DIM_D, MATRIX, .is_there = has_bar_rows},
    {"u", TOP(u), BL_DIM_H, BL_DIM_E, PAIR, .is_there = has_one_uv},
    {"v", TOP(v), BL_DIM_H, BL_DIM_E, PAIR, .is_there = has_one_uv},
    {"enc.emb", TOP(enc_emb), BL_DIM_VS, BL_DIM_A, MATRIX,
     .is_there = has_own_embedding},
    {"enc.emb.w", TOP(enc_w), BL_DIM_A, BL_DIM_D, MATRIX, .is_there = is_between_own},
    {"enc.emb.wb", TOP(enc_wb), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = is_between_own},
};

static const bl_tensor_row input_rows[] = {
    {"side", TOP(side), BL_DIM_TWO, BL_DIM_INPUT, ROWS, .is_there = has_sides},
    {"recall", TOP(recall[0]), BL_DIM_V, BL_DIM_INPUT, ROWS, .is_there = recalls},
    {"recall.length", TOP(recall[1]), BL_DIM_LENGTHS, BL_DIM_INPUT, ROWS,
     .is_there = recalls},
    {"recall.distance", TOP(recall[2]), BL_DIM_DISTANCES, BL_DIM_INPUT, ROWS,
     .is_there = recalls},
    {"recall.times", TOP(recall[3]), BL_DIM_TIMES, BL_DIM_INPUT, ROWS,
     .is_there = recalls},
};

#define OF_GATE(name, field, rows, cols, how, when)                                    \
    {                                                                                  \
        name, AT(field), BL_DIM_##rows, BL_DIM_##cols, how, .is_there = when           \
    }
#define GATE(name, gate, has, once, twice)                                             \
    OF_GATE(name ".wi", gate.wi, D, 3D, FACTOR, has),                                  \
        OF_GATE(name ".bi", gate.bi, ONE, 3D, BIAS, has),                              \
        OF_GATE(name ".wh", gate.wh, D, 3D, FACTOR, has),                              \
        OF_GATE(name ".bh", gate.bh, ONE, 3D, BIAS, has),                              \
        OF_GATE(name ".q1", gate.q1, D, LOW, FACTOR, once),                            \
        OF_GATE(name ".q2", gate.q2, LOW, D, FACTOR, once),                            \
        OF_GATE(name ".r1", gate.r1, D, LOW, FACTOR, twice),                           \
        OF_GATE(name ".r2", gate.r2, LOW, D, FACTOR, twice)

static const bl_tensor_row attention[] = {
    {"wq", AT(wq), BL_DIM_D, BL_DIM_D, FACTOR},
    {"bq", AT(bq), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_att_bias},
    {"wk", AT(wk), BL_DIM_D, BL_DIM_GE, FACTOR},
    {"bk", AT(bk), BL_DIM_ONE, BL_DIM_GE, BIAS, .is_there = has_att_bias},
    {"wv", AT(wv), BL_DIM_D, BL_DIM_GE, FACTOR},
    {"bv", AT(bv), BL_DIM_ONE, BL_DIM_GE, BIAS, .is_there = has_att_bias},
    {"wr", AT(wr), BL_DIM_D, BL_DIM_D, HIDDEN, .is_there = has_sinusoids},
    {"er", AT(er), BL_DIM_HP, BL_DIM_E, MATRIX, .is_there = has_distances},
    {"wo", AT(wo), BL_DIM_D, BL_DIM_D, SMALLER},
    {"bo", AT(bo), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_att_bias},
    {"u", AT(u), BL_DIM_H, BL_DIM_E, PAIR, .is_there = has_own_uv},
    {"v", AT(vb), BL_DIM_H, BL_DIM_E, PAIR, .is_there = has_own_uv},
    {"cw", AT(cw), BL_DIM_RD, BL_DIM_D, HIDDEN, .learns = BL_LEARNS_AUX,
     .is_there = has_conv},
    {"cb", AT(cb), BL_DIM_ONE, BL_DIM_D, BIAS, .learns = BL_LEARNS_AUX,
     .is_there = has_conv},
    {"dw", AT(dw), BL_DIM_3D, BL_DIM_D, HIDDEN, .learns = BL_LEARNS_AUX,
     .is_there = has_dilated},
    {"db", AT(db), BL_DIM_ONE, BL_DIM_D, BIAS, .learns = BL_LEARNS_AUX,
     .is_there = has_dilated},
    {"gw", AT(gw), BL_DIM_RD, BL_DIM_D, HIDDEN, .learns = BL_LEARNS_AUX,
     .is_there = makes_rows_again},
    {"gb", AT(gb), BL_DIM_ONE, BL_DIM_D, BIAS, .learns = BL_LEARNS_AUX,
     .is_there = makes_rows_again},
    {"ln1.g", AT(ln1_g), BL_DIM_ONE, BL_DIM_D, GAIN},
    {"ln1.b", AT(ln1_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_norm_bias},
    {"w1", AT(w1), BL_DIM_D, BL_DIM_WIDE, FACTOR},
    {"b1", AT(b1), BL_DIM_ONE, BL_DIM_WIDE, BIAS, .is_there = has_ff_bias},
    {"w2", AT(w2), BL_DIM_F, BL_DIM_D, SMALLER},
    {"b2", AT(b2), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_ff_bias},
    {"ln2.g", AT(ln2_g), BL_DIM_ONE, BL_DIM_D, GAIN},
    {"ln2.b", AT(ln2_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_norm_bias},
    GATE("ga", ga, has_gate, mogrifies, mogrifies_twice),
    GATE("gf", gf, has_gate, mogrifies, mogrifies_twice),
    {"x.wq", AT(xq), BL_DIM_D, BL_DIM_D, FACTOR, .is_there = crosses},
    {"x.bq", AT(xbq), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = crosses_with_bias},
    {"x.wk", AT(xk), BL_DIM_D, BL_DIM_GE, FACTOR, .is_there = crosses},
    {"x.bk", AT(xbk), BL_DIM_ONE, BL_DIM_GE, BIAS, .is_there = crosses_with_bias},
    {"x.wv", AT(xv), BL_DIM_D, BL_DIM_GE, FACTOR, .is_there = crosses},
    {"x.bv", AT(xbv), BL_DIM_ONE, BL_DIM_GE, BIAS, .is_there = crosses_with_bias},
    {"x.wo", AT(xo), BL_DIM_D, BL_DIM_D, SMALLER, .is_there = crosses},
    {"x.bo", AT(xbo), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = crosses_with_bias},
    {"lnx.g", AT(lnx_g), BL_DIM_ONE, BL_DIM_D, GAIN, .is_there = crosses},
    {"lnx.b", AT(lnx_b), BL_DIM_ONE, BL_DIM_D, BIAS,
     .is_there = crosses_with_norm_bias},
    GATE("gx", gx, crosses_gate, crosses_mogrified, crosses_mogrified_twice),
};

/* The first rows of a cell's matrix are for its input (layer 0: one row a token, so
 * that it holds the embedding), the last D for h. */
static const bl_tensor_row cells[] = {
    {"w", AT(w), BL_DIM_ID, BL_DIM_4D, HIDDEN, .is_there = is_lstm},
    {"b", AT(b), BL_DIM_ONE, BL_DIM_4D, BIAS, .is_there = is_lstm},
};

static const bl_tensor_row gru_cells[] = {
    {"w", AT(w), BL_DIM_ID, BL_DIM_3D, HIDDEN, .is_there = is_gru},
    {"bi", AT(bi), BL_DIM_ONE, BL_DIM_3D, BIAS, .is_there = is_gru},
    {"bh", AT(bh), BL_DIM_ONE, BL_DIM_3D, BIAS, .is_there = is_gru},
};

static const bl_tensor_row encoder_norm[] = {
    {"enc.lnf.g", TOP(enc_g), BL_DIM_ONE, BL_DIM_D, GAIN, .is_there = has_encoder_norm},
    {"enc.lnf.b", TOP(enc_b), BL_DIM_ONE, BL_DIM_D, BIAS,
     .is_there = has_encoder_norm_bias},
};

static const bl_tensor_row last_norm[] = {
    {"lnf.g", TOP(lnf_g), BL_DIM_ONE, BL_DIM_D, GAIN, .is_there = has_last_norm},
    {"lnf.b", TOP(lnf_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_last_norm_bias},
};

static const bl_tensor_row after[] = {
    {"out.p", TOP(out_p), BL_DIM_D, BL_DIM_A, MATRIX, .is_there = is_between},
    {"out.pb", TOP(out_pb), BL_DIM_ONE, BL_DIM_A, BIAS, .is_there = is_between},
    {"out.w", TOP(out_w), BL_DIM_A, BL_DIM_V, MATRIX, .is_there = has_own_output},
    {"out.b", TOP(out_b), BL_DIM_ONE, BL_DIM_V, BIAS, .is_there = has_out_bias},
};

static const bl_tensor_row windows_in[] = {
    {"in.w", TOP(in_w), BL_DIM_SEEN, BL_DIM_D, MATRIX},
    {"in.b", TOP(in_b), BL_DIM_ONE, BL_DIM_D, BIAS},
    {"density.w", TOP(density_w), BL_DIM_ONE, BL_DIM_D, MATRIX, .is_there = has_lead},
    {"density.b", TOP(density_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_lead},
};

static const bl_tensor_row encoder_in[] = {
    {"enc.in.w", TOP(in_w), BL_DIM_SEEN, BL_DIM_D, MATRIX},
    {"enc.in.b", TOP(in_b), BL_DIM_ONE, BL_DIM_D, BIAS},
    {"enc.density.w", TOP(density_w), BL_DIM_ONE, BL_DIM_D, MATRIX,
     .is_there = has_lead},
    {"enc.density.b", TOP(density_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_lead},
};

static const bl_tensor_row windows_norm[] = {
    {"lnf.g", TOP(lnf_g), BL_DIM_ONE, BL_DIM_D, GAIN},
    {"lnf.b", TOP(lnf_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_norm_bias},
};

static const bl_tensor_row latent[] = {
    {"enc.lnf.g", TOP(lnf_g), BL_DIM_ONE, BL_DIM_D, GAIN},
    {"enc.lnf.b", TOP(lnf_b), BL_DIM_ONE, BL_DIM_D, BIAS, .is_there = has_norm_bias},
    {"mu.w", TOP(mu_w), BL_DIM_TD, BL_DIM_Z, MATRIX},
    {"mu.b", TOP(mu_b), BL_DIM_ONE, BL_DIM_Z, BIAS},
    {"lv.w", TOP(lv_w), BL_DIM_TD, BL_DIM_Z, MATRIX},
    {"lv.b", TOP(lv_b), BL_DIM_ONE, BL_DIM_Z, BIAS},
    {"dec.z.w", TOP(z_w), BL_DIM_Z, BL_DIM_TDEC, MATRIX},
    {"dec.z.b", TOP(z_b), BL_DIM_ONE, BL_DIM_TDEC, BIAS},
};

static const bl_tensor_row decoder_norm[] = {
    {"dec.lnf.g", TOP(dec_g), BL_DIM_ONE, BL_DIM_DEC, GAIN},
    {"dec.lnf.b", TOP(dec_b), BL_DIM_ONE, BL_DIM_DEC, BIAS, .is_there = has_norm_bias},
};

static const bl_tensor_row windows_out[] = {
    {"out.w", TOP(out_w), BL_DIM_DEC, BL_DIM_STEP, MATRIX},
    {"out.b", TOP(out_b), BL_DIM_ONE, BL_DIM_STEP, BIAS},
};

/* The groups in the order of the list; those of a layer come once a layer. */
static const bl_tensor_group groups[] = {
    {"", before, BL_COUNT(before), BL_OF_ATTENTION, 0},
    {"", input_rows, BL_COUNT(input_rows), BL_OF_ATTENTION | BL_OF_CELLS, 0},
    {"", windows_in, BL_COUNT(windows_in), BL_OF_GROOVE, 0},
    {"", encoder_in, BL_COUNT(encoder_in), BL_OF_VAE, 0},
    {"l", attention, BL_COUNT(attention), BL_OF_ATTENTION | BL_OF_GROOVE, 0},
    {"enc.l", attention, BL_COUNT(attention), BL_OF_ATTENTION, 1},
    {"enc.l", attention, BL_COUNT(attention), BL_OF_VAE, 0},
    {"", latent, BL_COUNT(latent), BL_OF_VAE, 0},
    {"dec.l", attention, BL_COUNT(attention), BL_OF_VAE, 1},
    {"", decoder_norm, BL_COUNT(decoder_norm), BL_OF_VAE, 0},
    {"", windows_norm, BL_COUNT(windows_norm), BL_OF_GROOVE, 0},
    {"", windows_out, BL_COUNT(windows_out), BL_OF_GROOVE | BL_OF_VAE, 0},
    {"lstm", cells, BL_COUNT(cells), BL_OF_CELLS, 0},
    {"gru", gru_cells, BL_COUNT(gru_cells), BL_OF_CELLS, 0},
    {"", encoder_norm, BL_COUNT(encoder_norm), BL_OF_ATTENTION, 0},
    {"", last_norm, BL_COUNT(last_norm), BL_OF_ATTENTION, 0},
    {"", after, BL_COUNT(after), BL_OF_ATTENTION | BL_OF_CELLS, 0},
};

const bl_tensor_group *bl_model_tensor_groups(size_t *n)
{
    *n = BL_COUNT(groups);
    return groups;
}

/* ---- the list ---- */

static int first_layer(const bl_model_config *c, const bl_tensor_group *group)
{
    return group->is_of_encoder ? c->layers : 0;
}

static int add(bl_model *m, const bl_tensor_group *group, const bl_tensor_row *row,
               int layer, bl_err *e)
{
    const bl_model_config *c = &m->config;
    if (row->is_there != NULL && !row->is_there(c, layer))
        return 0;
    if (m->n_params == m->cap_params) {
        size_t cap = (size_t)m->cap_params, same = cap;
        void *p = m->param, *q = m->source;
        int rc = bl_grow(&p, &cap, cap + 1, sizeof *m->param, e);
        m->param = p;
        if (rc == 0)
            rc = bl_grow(&q, &same, same + 1, sizeof *m->source, e);
        m->source = q;
        if (rc != 0)
            return rc;
        m->cap_params = (int)cap;
    }
    int64_t rows = size_of(row->rows, c, layer), cols = size_of(row->cols, c, layer);
    bl_param *t = &m->param[m->n_params];
    *t = (bl_param){.ndim = rows == 1 ? 1 : 2,
                    .shape = {rows == 1 ? cols : rows, rows == 1 ? 0 : cols},
                    .size = rows * cols,
                    .start = m->size,
                    .decay = row->decay,
                    .hidden = row->hidden && (row->at != AT(w) || layer > 0),
                    .learns = layer >= 0 && layer < c->freeze ? BL_LEARNS_NOTHING
                                                              : row->learns};
    if (layer >= 0)
        snprintf(t->name, sizeof t->name, "%s%d.%s", group->prefix,
                 layer - first_layer(c, group), row->name);
    else
        snprintf(t->name, sizeof t->name, "%s", row->name);
    m->source[m->n_params++] = (bl_tensor_source){row, layer};
    m->size += t->size;
    return 0;
}

static unsigned kind_of(const bl_model_config *c)
{
    switch (c->arch) {
    case BL_ARCH_LSTM:
        return BL_OF_CELLS;
    case BL_ARCH_GROOVE:
        return BL_OF_GROOVE;
    case BL_ARCH_GROOVE_VAE:
        return BL_OF_VAE;
    default:
        return BL_OF_ATTENTION;
    }
}

int bl_model_list(bl_model *m, bl_err *e)
{
    unsigned kind = kind_of(&m->config);
    int rc = 0;
    for (size_t g = 0; g < BL_COUNT(groups); g++) {
        const bl_tensor_group *group = &groups[g];
        int of_layers = group->prefix[0] != '\0';
        int first = of_layers ? first_layer(&m->config, group) : -1;
        int n =
            group->is_of_encoder ? bl_model_more_layers(&m->config) : m->config.layers;
        int end = of_layers ? first + n : 0;
        if (!(group->of & kind))
            continue;
        for (int layer = first; layer < end && rc == 0; layer++)
            for (size_t i = 0; i < group->n && rc == 0; i++)
                rc = add(m, group, &group->rows[i], layer, e);
    }
    return rc;
}

/* ---- from the list to matrices ---- */

/* `rows` rows of a matrix from `start` on, as a matrix. */
static bl_mat *rows_of(bl_model *m, const bl_mat *w, int start, int rows)
{
    ptrdiff_t at = (ptrdiff_t)start * w->cols;
    return bl_graph_view(&m->graph, w->v + at, w->g != NULL ? w->g + at : NULL, rows,
                         w->cols);
}

/* What several layers or both ends share, parts of a cell's matrix, and rows of places
 * that are no parameters. */
static void bind_views(bl_model *m)
{
    if (m->config.pos == BL_POS_ABSOLUTE_SINUSOID && bl_model_is_absolute(&m->config))
        m->wpe = bl_place_rows(&m->graph, m->config.segment, m->config.width);
    int d = m->config.width;
    for (int n = 0; n < m->config.layers; n++) {
        bl_layer *l = &m->layer[n];
        int inputs = n == 0 ? m->config.vocab : d;
        if (l->w != NULL) {
            l->wx = rows_of(m, l->w, 0, inputs);
            l->wh = rows_of(m, l->w, inputs, d);
        }
        if (l->u == NULL) {
            l->u = m->u;
            l->vb = m->v;
        }
    }
    if (m->config.tie)
        m->out_w = m->emb;
    if (m->enc_emb == NULL) {
        m->enc_emb = m->emb;
        m->enc_w = m->emb_w;
        m->enc_wb = m->emb_wb;
    }
}

/* 1 for the matrices and biases of a frozen layer of attention that bl_linear
 * multiplies by ("l3.wq", "l3.b1"): without a gradient it skips their products, the
 * third of the work that a layer can save while what lies below it learns. */
static int is_skipped(const bl_model *m, int i)
{
    const char *name = m->source[i].row->name;
    return m->param[i].learns == BL_LEARNS_NOTHING && m->config.arch != BL_ARCH_LSTM &&
           strlen(name) == 2 && (name[0] == 'w' || name[0] == 'b');
}

void bl_model_bind(bl_model *m)
{
    for (int i = 0; i < m->n_params; i++) {
        const bl_param *t = &m->param[i];
        bl_tensor_source from = m->source[i];
        char *record = from.layer < 0 ? (char *)m : (char *)&m->layer[from.layer];
        bl_mat **field = (bl_mat **)(void *)(record + from.row->at);
        int has_grad = m->grad != NULL && !is_skipped(m, i);
        *field = bl_graph_view(
            &m->graph, m->value + t->start, has_grad ? m->grad + t->start : NULL,
            t->ndim == 1 ? 1 : t->shape[0], t->ndim == 1 ? t->shape[0] : t->shape[1]);
    }
    bind_views(m);
}
