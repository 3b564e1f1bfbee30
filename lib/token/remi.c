/* remi.c - the scheme "remi": REMI (Huang and Yang, "Pop Music Transformer", 2020)
 * for whole multi-instrument files. Every bar has its token, time signatures and
 * tempos are kept, nothing is lost beyond the stated bins. */
#include "token/remi.h"

const bl_scheme_ops bl_remi_ops = {
    .name = "remi",
    .grids = {4, 1, 2, 3, 6, 8, 12, 24, 0},
    .takes_chords = 1,
    .takes_key = 1,
    .takes_pedal = 1,
    .takes_labels = 1,
    .takes_parts = 1,
    .reading = BL_READ_OVERLAP,
    .kinds = bl_remi_kinds,
    .n_kinds = REMI_N_KINDS,
    .count = bl_remi_count,
    .word = bl_remi_word,
    .encode = bl_remi_encode,
    .decode = bl_remi_decode,
    .decode_begin = bl_remi_decode_begin,
    .decode_more = bl_remi_decode_more,
    .grammar_start = bl_remi_grammar_start,
    .grammar_step = bl_remi_grammar_step,
    .grammar_mask = bl_remi_grammar_mask,
    .pace_step = bl_remi_pace_step,
    .pace_end = bl_remi_pace_end,
};
