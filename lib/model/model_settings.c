/* model_settings.c - the table of a model's settings, and what each architecture
 * decides. */
#include "model/model.h"
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <string.h>

/* ---- words, in the order of the enums ---- */

static const char *const arch_words[] = {
    "xl",    "remi",   "music-transformer", "gpt2", "compressive", "lstm",
    "llama", "groove", "groove-vae",        NULL};
static const char *const pos_words[] = {"sinusoid", "distance",          "absolute",
                                        "rotary",   "absolute_sinusoid", NULL};
static const char *const condition_words[] = {"none", "prefix", "bars", "encoder",
                                              NULL};
static const char *const prefix_mask_words[] = {"causal", "full", NULL};
static const char *const act_words[] = {"relu", "gelu", "gelu_tanh", "silu", NULL};
static const char *const compressor_words[] = {"mean",    "max",       "conv",
                                               "dilated", "most_used", NULL};
static const char *const compressor_loss_words[] = {"attention", "rows", NULL};
static const char *const cell_words[] = {"lstm", "gru", NULL};
static const char *const gate_words[] = {"none", "gru", NULL};
static const char *const norm_words[] = {"layer", "rms", NULL};
static const char *const input_words[] = {
    "tap",     "voices",     "kick",     "snare", "closed-hat", "open-hat",
    "low-tom", "middle-tom", "high-tom", "crash", "ride",       NULL};
static const char *const distance_words[] = {"mse", "bce", NULL};
static const char *const reduce_words[] = {"mean", "sum", NULL};
static const char *const precision_words[] = {"fp32", "bf16", "bf16x3", NULL};

_Static_assert(BL_COUNT(arch_words) == BL_N_ARCH + 1 &&
                   BL_COUNT(pos_words) == BL_N_POS + 1 &&
                   BL_COUNT(act_words) == BL_N_ACT &&
                   BL_COUNT(compressor_words) == BL_N_COMPRESSOR + 1 &&
                   BL_COUNT(compressor_loss_words) == BL_N_REBUILD + 1 &&
                   BL_COUNT(cell_words) == BL_N_CELL + 1 &&
                   BL_COUNT(gate_words) == BL_N_GATE + 1 &&
                   BL_COUNT(condition_words) == BL_N_CONDITION + 1 &&
                   BL_COUNT(prefix_mask_words) == BL_N_PREFIX + 1 &&
                   BL_COUNT(input_words) == BL_VOICES + 3 &&
                   BL_COUNT(distance_words) == BL_N_DISTANCE + 1 &&
                   BL_COUNT(norm_words) == BL_N_NORM + 1 &&
                   BL_COUNT(precision_words) == BL_N_PRECISIONS + 1,
               "a word for each");

/* ---- what settings follow, and what they go with ---- */

static double positions_follow(const void *record)
{
    const bl_model_config *c = record;
    if (c->pos == BL_POS_ABSOLUTE)
        return c->segment;
    return c->pos == BL_POS_DISTANCE ? 1024 : 0;
}

/* Zeros of a memory that there is not are none. */
static double zero_memory_follows(const void *record)
{
    const bl_model_config *c = record;
    return c->arch == BL_ARCH_REMI && c->memory > 0;
}

static double compressed_follows(const void *record)
{
    const bl_model_config *c = record;
    return c->arch == BL_ARCH_COMPRESSIVE ? c->memory : 0;
}

static int has_sinusoids(const void *record)
{
    return ((const bl_model_config *)record)->pos == BL_POS_SINUSOID;
}

static int has_distances(const void *record)
{
    return ((const bl_model_config *)record)->pos == BL_POS_DISTANCE;
}

static int is_rotary(const void *record)
{
    return ((const bl_model_config *)record)->pos == BL_POS_ROTARY;
}

static int has_table(const void *record)
{
    return bl_model_has_table(record);
}

static int has_memory(const void *record)
{
    return ((const bl_model_config *)record)->memory > 0;
}

static int has_slots(const void *record)
{
    return ((const bl_model_config *)record)->compressed > 0;
}

static int has_convolution(const void *record)
{
    const bl_model_config *c = record;
    return c->compressed > 0 && bl_compressor_learns((bl_compressor)c->compressor);
}

static int has_blocks(const void *record)
{
    return ((const bl_model_config *)record)->block > 0;
}

static int has_cells(const void *record)
{
    return ((const bl_model_config *)record)->arch == BL_ARCH_LSTM;
}

static int has_gate(const void *record)
{
    return ((const bl_model_config *)record)->gate != BL_GATE_NONE;
}

static int has_prefix(const void *record)
{
    return ((const bl_model_config *)record)->condition == BL_CONDITION_PREFIX;
}

static int has_holes(const void *record)
{
    return ((const bl_model_config *)record)->holes;
}

static int has_encoder(const void *record)
{
    return ((const bl_model_config *)record)->condition == BL_CONDITION_ENCODER;
}

static int has_two_embeddings(const void *record)
{
    return has_encoder(record) && !((const bl_model_config *)record)->share_embed;
}

static int has_windows(const void *record)
{
    return bl_model_is_groove(record);
}

static int has_no_latent(const void *record)
{
    return ((const bl_model_config *)record)->arch == BL_ARCH_GROOVE;
}

static int has_latent(const void *record)
{
    return ((const bl_model_config *)record)->arch == BL_ARCH_GROOVE_VAE;
}

/* ---- the table, in the order of config.json ---- */

#define AT(field) offsetof(bl_model_config, field)

enum {
    LEADS = BL_SET_LEADS,
    BY_ARCH = BL_SET_BY_ARCH | BL_SET_ATTENTION,
    ATTENTION = BL_SET_ATTENTION,
    QUIET = BL_SET_QUIET | BL_SET_BY_ARCH
};

#define GROOVES "arch=groove and groove-vae only"
#define OF_VAE "arch=groove-vae only"

static const bl_setting rows[] = {
    {"arch", BL_SET_WORD, AT(arch), .words = arch_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = LEADS, .also = "architecture model model_type",
     .help =
         "architecture: sets what the keys from pos to norm, pre_norm and norm_eps "
         "begin with; lstm begins with init_std 0, four times the lr and twice the "
         "warmup, groove-vae with a third of the lr, remi and music-transformer with "
         "three times the warmup of a preset"},
    {"vocab", BL_SET_INT, AT(vocab), 0, 65536, 0, .fixed = BL_FIXED_WEIGHTS,
     .also = "vocab_size n_vocab",
     .help = "V: tokens of the vocabulary; set by the data"},
    {"layers", BL_SET_INT, AT(layers), 1, 256, 4, .fixed = BL_FIXED_WEIGHTS,
     .also = "n_layer n_layers num_layers depth num_hidden_layers",
     .help = "L: layers of the model"},
    {"width", BL_SET_INT, AT(width), 1, 65536, 256, .fixed = BL_FIXED_WEIGHTS,
     .also = "d_model dim n_embd hidden_size hidden embed_dim",
     .help = "D: width of a state, a multiple of heads"},
    {"heads", BL_SET_INT, AT(heads), 1, 1024, 4, .fixed = BL_FIXED_WEIGHTS,
     .also = "n_head n_heads num_heads nhead num_attention_heads",
     .help = "H: attention heads"},
    {"ff", BL_SET_INT, AT(ff), 1, 262144, 1024, .fixed = BL_FIXED_WEIGHTS,
     .also = "d_ff d_inner n_inner intermediate_size ffn",
     .help = "F: width of the feed-forward layer"},
    {"segment", BL_SET_INT, AT(segment), 1, 65536, 128, .fixed = BL_FIXED_RUN,
     .also = "seq_len tgt_len block_size context context_length max_len",
     .help = "T: tokens of a lane and step"},
    {"memory", BL_SET_INT, AT(memory), 0, 65536, 128, .fixed = BL_FIXED_RUN,
     .traits = ATTENTION, .also = "mem_len mem memory_length",
     .help = "M: states kept from the segments before, each layer"},
    {"dropout", BL_SET_REAL, AT(dropout), 0, 0.95, 0.1,
     .help = "on embeddings, positions, inside feed-forward layers and on the outputs "
             "of layers, where these have none of their own"},
    {"att_dropout", BL_SET_REAL, AT(att_dropout), 0, 0.95, 0,
     .also = "attn_dropout dropatt attention_dropout", .help = "on attention weights"},
    {"ff_dropout", BL_SET_OWN, AT(ff_dropout), 0, 0.95, -1, .traits = ATTENTION,
     .help = "dropout inside the feed-forward layers; absent = dropout"},
    {"layer_dropout", BL_SET_OWN, AT(layer_dropout), 0, 0.95, -1, .traits = ATTENTION,
     .help = "dropout on what sub-layers make; absent = dropout"},
    {"embed_dropout", BL_SET_OWN, AT(embed_dropout), 0, 0.95, -1, .traits = ATTENTION,
     .help = "dropout on embeddings and positions; absent = dropout"},
    {"pre_norm", BL_SET_INT, AT(pre_norm), 0, 1, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = LEADS | BY_ARCH,
     .help = "0: norm after each sub-layer, as published, with embed_scale 1 and three "
             "times the warmup; 1: before, and a last one; xl, compressive and "
             "music-transformer begin with 1"},
    {"untie_uv", BL_SET_INT, AT(untie_uv), 0, 1, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = ATTENTION, .is_used = has_sinusoids, .with = "pos=sinusoid only",
     .help = "0: the biases u and v of attention are shared by all layers; 1: one pair "
             "each"},
    {"clamp_len", BL_SET_INT, AT(clamp_len), 0, 65536, 0, .traits = ATTENTION,
     .is_used = has_sinusoids, .with = "pos=sinusoid only",
     .help = "distances beyond it count as it; 0 = no clamp"},
    {"norm_eps", BL_SET_REAL, AT(norm_eps), 1e-12, 0.1, 1e-5, .traits = BY_ARCH,
     .help = "of the layer norms"},
    {"init_std", BL_SET_REAL, AT(init_std), 0, 10, 0.02,
     .help = "standard deviation of initial weights; 0 of an lstm: by how many numbers "
             "add up, so that signals keep their size"},
    {"pos", BL_SET_WORD, AT(pos), .words = pos_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "where positions come in: sinusoids through W_r with biases u and v, a "
             "learned row for each distance, a learned row for each place in the "
             "segment, queries and keys turned by their place, or sinusoids of the "
             "place in the segment added to the embeddings"},
    {"positions", BL_SET_INT, AT(positions), 0, 131072, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .follows = positions_follow, .is_used = has_table,
     .with = "pos=distance and pos=absolute only: the others have no table",
     .help = "rows of the table of learned positions, only with pos = distance or "
             "absolute; where nothing is said 1024 of distances, of places as many as "
             "segment"},
    {"share_distances", BL_SET_INT, AT(share_distances), 0, 1, 0,
     .fixed = BL_FIXED_WEIGHTS, .traits = BY_ARCH, .is_used = has_distances,
     .with = "pos=distance only",
     .help = "with pos = distance: 1: the heads of a layer share one table"},
    {"act", BL_SET_WORD, AT(act), .words = act_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .also = "activation hidden_act",
     .help = "activation of the feed-forward layer"},
    {"relu_out", BL_SET_INT, AT(relu_out), 0, 1, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .help = "1: a relu after the second feed-forward matrix too"},
    {"att_bias", BL_SET_INT, AT(att_bias), 0, 1, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "1: biases for queries, keys, values and outputs of attention"},
    {"embed_scale", BL_SET_INT, AT(embed_scale), 0, 1, 1, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "1: embeddings times the square root of the width, as published; 0 begins "
             "xl, compressive and music-transformer with pre_norm 1"},
    {"tie", BL_SET_INT, AT(tie), 0, 1, 1, .fixed = BL_FIXED_WEIGHTS, .traits = BY_ARCH,
     .also = "tie_weights tie_word_embeddings",
     .help = "1: the output matrix is the embedding"},
    {"out_bias", BL_SET_INT, AT(out_bias), 0, 1, 1, .fixed = BL_FIXED_WEIGHTS,
     .traits = BL_SET_BY_ARCH, .help = "1: a bias on the logits"},
    {"init_residual", BL_SET_INT, AT(init_residual), 0, 1, 0, .traits = BY_ARCH,
     .help = "1: W_o and W_2 begin smaller by 1 / sqrt(2 L)"},
    {"zero_memory", BL_SET_INT, AT(zero_memory), 0, 1, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .follows = zero_memory_follows, .is_used = has_memory,
     .with = "memory only",
     .help = "1: a piece begins with a memory of zeros that is attended to"},
    {"same_length", BL_SET_INT, AT(same_length), 0, 1, 0, .traits = BY_ARCH,
     .is_used = has_memory, .with = "memory only: a token would see itself alone",
     .help = "1: each query sees memory + 1 keys, no more; not with compressed slots, "
             "which lie beyond"},
    {"compressed", BL_SET_INT, AT(compressed), 0, 65536, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .follows = compressed_follows,
     .also = "cmem_len compressed_memory",
     .help = "C: compressed slots a layer; where nothing is said as many as memory "
             "with arch = compressive, else none"},
    {"ratio", BL_SET_INT, AT(ratio), 1, 1024, 4, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .is_used = has_slots, .with = "compressed only",
     .also = "cmem_ratio compression_rate",
     .help = "memories that become one compressed slot"},
    {"compressor", BL_SET_WORD, AT(compressor), .usual = BL_COMPRESS_CONV,
     .words = compressor_words, .fixed = BL_FIXED_WEIGHTS, .traits = BY_ARCH,
     .is_used = has_slots, .with = "compressed only",
     .help = "how memories are compressed: their mean or maximum, a convolution, one "
             "after a dilated one, or those kept that were attended to most"},
    {"compressor_loss", BL_SET_WORD, AT(compressor_loss),
     .words = compressor_loss_words, .fixed = BL_FIXED_WEIGHTS, .traits = BY_ARCH,
     .is_used = has_convolution,
     .with = "compressor=conv and compressor=dilated only: the others learn nothing",
     .help = "what a convolution learns from: to be attended to as the memories were, "
             "or to let them be made again"},
    {"compressor_weight", BL_SET_REAL, AT(compressor_weight), 0, 1e6, 1,
     .traits = BY_ARCH, .is_used = has_convolution,
     .with = "compressor=conv and compressor=dilated only: the others learn nothing",
     .help = "factor of that loss, which nothing else learns from; 0: the convolution "
             "stays as it began"},
    {"block", BL_SET_INT, AT(block), 0, 65536, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "local attention: a token sees its own block of so many tokens, counted "
             "from the start of its segment, and the one before; 0 = all there is"},
    {"local_layers", BL_SET_LAYERS, AT(local_layers), .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .is_used = has_blocks, .with = "block only",
     .help = "layers whose attention is local, counted from 1; empty = all are"},
    {"memory_layers", BL_SET_LAYERS, AT(memory_layers), .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .is_used = has_memory, .with = "memory only",
     .help = "layers that have memory, counted from 1; the others see their segment "
             "alone; empty = all have"},
    {"places", BL_SET_INT, AT(places), 0, 4096, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "learned rows added to the embeddings by the token's position in its bar, "
             "the last for all beyond; 0 = none; only with schemes that have bars"},
    {"bar_rows", BL_SET_INT, AT(bar_rows), 0, 4096, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help =
         "learned rows added to the embeddings by the number of the bar, which come "
         "round; 0 = none; only with schemes that have bars"},
    {"recall", BL_SET_INT, AT(recall), 0, BL_RECALL_LONGEST, 0,
     .fixed = BL_FIXED_WEIGHTS, .traits = BL_SET_BY_ARCH,
     .help = "learned rows added to the embeddings by the token that came next where "
             "the same tokens stood before in the piece, and by how many they were (4, "
             "8, 16... up to this), how far back and how often; 0 = none"},
    {"embed_width", BL_SET_INT, AT(embed_width), 0, 65536, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "width of the token embedding and of what the output matrix reads, with "
             "matrices between it and width; 0 = width"},
    {"kv_heads", BL_SET_INT, AT(kv_heads), 0, 1024, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .also = "n_kv_heads num_key_value_heads",
     .help = "heads of keys and values, a divisor of heads: as many queries share one; "
             "0 = heads"},
    {"glu", BL_SET_INT, AT(glu), 0, 1, 0, .fixed = BL_FIXED_WEIGHTS, .traits = BY_ARCH,
     .help = "1: gated feed-forward: the first matrix makes 2 F numbers, the first F "
             "of them activated times the others"},
    {"ff_bias", BL_SET_INT, AT(ff_bias), 0, 1, 1, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .help = "1: biases in the feed-forward layers"},
    {"rope_theta", BL_SET_REAL, AT(rope_theta), 1, 1e9, 1e4, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .is_used = is_rotary, .with = "pos=rotary only",
     .help = "with pos = rotary: pair c of a head of e channels turns by rope_theta ^ "
             "(-2 c / e) a place"},
    {"cell", BL_SET_WORD, AT(cell), .words = cell_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = BL_SET_BY_ARCH, .is_used = has_cells, .with = "arch=lstm only",
     .help = "with arch = lstm: its cells, or those of a GRU, three gates for four and "
             "no state but h"},
    {"gate", BL_SET_WORD, AT(gate), .words = gate_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "what joins a residual and what a sub-layer made of it: their sum, or a "
             "GRU cell with the residual as its state"},
    {"mogrify", BL_SET_INT, AT(mogrify), 0, 64, 0, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH, .is_used = has_gate, .with = "gate=gru only",
     .help = "with gate = gru: rounds in which input and state scale each other before "
             "the cell (5 in lucidrains' mogrifier)"},
    {"norm", BL_SET_WORD, AT(norm), .words = norm_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = BY_ARCH,
     .help = "layer norms, or norms of the root mean square, which have no biases"},
    {"freeze", BL_SET_INT, AT(freeze), 0, 256, 0, .traits = BL_SET_QUIET,
     .help =
         "so many layers, the first, stay as they are; embeddings, the other layers "
         "and the head learn; absent = 0"},
    {"condition", BL_SET_WORD, AT(condition), .words = condition_words,
     .fixed = BL_FIXED_WEIGHTS, .traits = BL_SET_QUIET,
     .help = "what a target goes with: nothing; a condition before it in the same "
             "stream; one that comes bar by bar, its bar first; one that an encoder "
             "reads; the loss is that of the target alone, and shards must have pairs"},
    {"prefix_mask", BL_SET_WORD, AT(prefix_mask), .words = prefix_mask_words,
     .fixed = BL_FIXED_WEIGHTS, .traits = ATTENTION | BL_SET_QUIET,
     .is_used = has_prefix, .with = "condition=prefix only",
     .help = "with condition = prefix: a condition's token sees those before it, or "
             "all of the condition, only without memory and with pos = absolute, "
             "absolute_sinusoid or rotary"},
    {"holes", BL_SET_INT, AT(holes), 0, 1, 0, .traits = BL_SET_QUIET,
     .is_used = has_prefix, .with = "condition=prefix only",
     .help =
         "with condition = prefix: 1 = conditions are pieces with holes and targets "
         "what fills them (shard --holes); as the data have it"},
    {"around", BL_SET_INT, AT(around), 0, 65536, 0, .traits = BL_SET_QUIET,
     .is_used = has_holes, .with = "holes=1 only",
     .help = "with holes = 1: bars of the piece that a condition has on each side of "
             "the hole, absent = all; as the data have it"},
    {"left_only", BL_SET_INT, AT(left_only), 0, 1, 0, .traits = BL_SET_QUIET,
     .is_used = has_holes, .with = "holes=1 only",
     .help = "with holes = 1: 1 = a condition ends with the hole, and nothing after it "
             "is known (shard --left-only); as the data have it"},
    {"stretch", BL_SET_INT, AT(stretch), 0, 65536, 0, .fixed = BL_FIXED_RUN,
     .traits = BL_SET_QUIET, .is_used = has_prefix, .with = "condition=prefix only",
     .help =
         "with condition = prefix: tokens of a condition that are given at once, in "
         "whole bars, before the target's of the same bars, and so on; 0 = 32, or "
         "a quarter of memory, of the segment where there is none, if that is "
         "less: targets see no farther back; absent = all"},
    {"encoder_layers", BL_SET_INT, AT(encoder_layers), 0, 256, 0,
     .fixed = BL_FIXED_WEIGHTS, .traits = ATTENTION | BL_SET_QUIET,
     .is_used = has_encoder, .with = "condition=encoder only",
     .help = "with condition = encoder: its layers, of the same width, heads and "
             "options as the others; 0 = layers"},
    {"source", BL_SET_INT, AT(source), 1, 65536, 256, .fixed = BL_FIXED_RUN,
     .traits = ATTENTION | BL_SET_QUIET, .is_used = has_encoder,
     .with = "condition=encoder only",
     .help = "with condition = encoder: tokens of a condition that are read at once"},
    {"share_embed", BL_SET_INT, AT(share_embed), 0, 1, 1, .fixed = BL_FIXED_WEIGHTS,
     .traits = ATTENTION | BL_SET_QUIET, .is_used = has_encoder,
     .with = "condition=encoder only",
     .help = "with condition = encoder: 1: it reads the embedding of the targets; 0: "
             "one of its own"},
    {"source_vocab", BL_SET_INT, AT(source_vocab), 0, 65536, 0,
     .fixed = BL_FIXED_WEIGHTS, .traits = ATTENTION | BL_SET_QUIET,
     .is_used = has_two_embeddings, .with = "share_embed=0 only",
     .help = "with share_embed = 0: tokens of the encoder's embedding; 0 = vocab"},
    {"input", BL_SET_AMONG, AT(input), .words = input_words, .fixed = BL_FIXED_WEIGHTS,
     .traits = QUIET, .is_used = has_windows, .with = GROOVES,
     .help =
         "of grooves: what a model sees of a window: the loudest hit of each step in "
         "one voice, or these of its voices"},
    {"inputs", BL_SET_INT, AT(inputs), 3, 3 * BL_VOICES, 3 * BL_VOICES,
     .fixed = BL_FIXED_WEIGHTS, .traits = QUIET, .is_used = has_windows,
     .with = GROOVES,
     .help = "of grooves: numbers of a step that are seen: 27, or with input = tap 3"},
    {"density", BL_SET_INT, AT(density), 0, BL_N_DENSITY - 1, 0,
     .fixed = BL_FIXED_WEIGHTS, .traits = QUIET, .is_used = has_windows,
     .with = GROOVES,
     .help = "of grooves: the share of cells to be hit is seen too, 1: as one number "
             "more of every step, 2: as a step of its own, the first"},
    {"miss_weight", BL_SET_REAL, AT(miss_weight), 0, 1, 0.4, .traits = QUIET,
     .is_used = has_no_latent, .with = "arch=groove only",
     .help = "with arch = groove: p, the weight in the loss of cells that are not hit"},
    {"latent", BL_SET_INT, AT(latent), 1, 65536, 16, .fixed = BL_FIXED_WEIGHTS,
     .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help = "with arch = groove-vae: Z, numbers of a latent"},
    {"dec_layers", BL_SET_INT, AT(dec_layers), 1, 256, 2, .fixed = BL_FIXED_WEIGHTS,
     .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help = "with arch = groove-vae: layers of its decoder"},
    {"dec_width", BL_SET_INT, AT(dec_width), 1, 65536, 128, .fixed = BL_FIXED_WEIGHTS,
     .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help = "with arch = groove-vae: width of the decoder, a multiple of dec_heads"},
    {"dec_heads", BL_SET_INT, AT(dec_heads), 1, 1024, 4, .fixed = BL_FIXED_WEIGHTS,
     .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help = "with arch = groove-vae: heads of the decoder"},
    {"dec_ff", BL_SET_INT, AT(dec_ff), 1, 262144, 128, .fixed = BL_FIXED_WEIGHTS,
     .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help = "with arch = groove-vae: width of the decoder's feed-forward layer"},
    {"beta", BL_SET_REAL, AT(beta), 0, 1e6, 0.2, .traits = QUIET, .is_used = has_latent,
     .with = OF_VAE,
     .help = "with arch = groove-vae: weight of the divergence in the loss"},
    {"velocity_loss", BL_SET_WORD, AT(velocity_loss), .words = distance_words,
     .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help = "with arch = groove-vae: of velocities: squares, or cross-entropy"},
    {"offset_loss", BL_SET_WORD, AT(offset_loss), .words = distance_words,
     .fixed = BL_FIXED_WEIGHTS, .traits = QUIET, .is_used = has_latent, .with = OF_VAE,
     .help =
         "with arch = groove-vae: of offsets, which with bce are a sigmoid less 1/2"},
    {"reduce", BL_SET_WORD, AT(reduce), .words = reduce_words, .traits = QUIET,
     .is_used = has_latent, .with = OF_VAE,
     .help =
         "with arch = groove-vae: each term of the loss is the mean of its elements, "
         "or their sum"},
    {"precision", BL_SET_WORD, AT(precision), .words = precision_words,
     .help = "of matrix products: operands as they are, rounded to bf16, or split in "
             "two such parts"},
};

const bl_setting *bl_model_settings(size_t *n)
{
    *n = BL_COUNT(rows);
    return rows;
}

const char *bl_model_choice(const char *key, int i)
{
    for (size_t k = 0; k < BL_COUNT(rows); k++)
        if (strcmp(rows[k].key, key) == 0 && rows[k].words != NULL)
            for (int n = 0; rows[k].words[n] != NULL; n++)
                if (n == i)
                    return rows[k].words[n];
    return NULL;
}

/* ---- architectures ---- */

/* The Transformer-XL of the paper is as usual; the others are told by what they change.
 */
static const struct {
    bl_arch arch;
    size_t at;
    double value;
} decided[] = {
    {BL_ARCH_REMI, AT(relu_out), 1},
    {BL_ARCH_REMI, AT(norm_eps), 1e-3},

    {BL_ARCH_MUSIC_TRANSFORMER, AT(pos), BL_POS_DISTANCE},
    {BL_ARCH_MUSIC_TRANSFORMER, AT(tie), 0},

    {BL_ARCH_GPT2, AT(memory), 0},
    {BL_ARCH_GPT2, AT(pos), BL_POS_ABSOLUTE},
    {BL_ARCH_GPT2, AT(pre_norm), 1},
    {BL_ARCH_GPT2, AT(act), BL_ACT_GELU_TANH - 1},
    {BL_ARCH_GPT2, AT(att_bias), 1},
    {BL_ARCH_GPT2, AT(embed_scale), 0},
    {BL_ARCH_GPT2, AT(out_bias), 0},
    {BL_ARCH_GPT2, AT(init_residual), 1},

    {BL_ARCH_LSTM, AT(memory), 0},
    {BL_ARCH_LSTM, AT(tie), 0},

    {BL_ARCH_LLAMA, AT(pos), BL_POS_ROTARY},
    {BL_ARCH_LLAMA, AT(pre_norm), 1},
    {BL_ARCH_LLAMA, AT(norm), BL_NORM_RMS},
    {BL_ARCH_LLAMA, AT(glu), 1},
    {BL_ARCH_LLAMA, AT(act), BL_ACT_SILU - 1},
    {BL_ARCH_LLAMA, AT(ff_bias), 0},
    {BL_ARCH_LLAMA, AT(embed_scale), 0},
    {BL_ARCH_LLAMA, AT(tie), 0},
    {BL_ARCH_LLAMA, AT(out_bias), 0},

    {BL_ARCH_GROOVE, AT(memory), 0},
    {BL_ARCH_GROOVE, AT(pos), BL_POS_ABSOLUTE_SINUSOID},
    {BL_ARCH_GROOVE, AT(att_bias), 1},
    {BL_ARCH_GROOVE, AT(embed_scale), 0},
    {BL_ARCH_GROOVE, AT(tie), 0},

    {BL_ARCH_GROOVE_VAE, AT(memory), 0},
    {BL_ARCH_GROOVE_VAE, AT(pos), BL_POS_ABSOLUTE_SINUSOID},
    {BL_ARCH_GROOVE_VAE, AT(att_bias), 1},
    {BL_ARCH_GROOVE_VAE, AT(embed_scale), 0},
    {BL_ARCH_GROOVE_VAE, AT(tie), 0},
};

/* What the architecture decides of a setting, or what it was. Cells leave what is of
 * attention as it is, whatever a preset said of it before. */
static void decide(bl_model_config *c, const bl_setting *s)
{
    int of_none = c->arch == BL_ARCH_LSTM && (s->traits & BL_SET_ATTENTION);
    if ((s->traits & BL_SET_BY_ARCH) || of_none)
        bl_setting_put(s, c, s->usual);
    for (size_t i = 0; i < BL_COUNT(decided); i++)
        if ((int)decided[i].arch == c->arch && decided[i].at == s->at)
            bl_setting_put(s, c, decided[i].value);
}

void bl_model_config_arch(bl_model_config *c, bl_arch arch)
{
    c->arch = arch;
    for (size_t i = 0; i < BL_COUNT(rows); i++)
        decide(c, &rows[i]);
    for (size_t i = 0; i < BL_COUNT(rows); i++)
        if (rows[i].follows != NULL)
            bl_setting_put(&rows[i], c, rows[i].follows(c));
}

bl_model_config bl_model_config_default(void)
{
    bl_model_config c = {0};
    for (size_t i = 0; i < BL_COUNT(rows); i++)
        bl_setting_put(&rows[i], &c, rows[i].usual);
    c.voices = BL_VOICES;
    bl_model_config_arch(&c, BL_ARCH_XL);
    return c;
}
