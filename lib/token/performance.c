/* performance.c - see performance.h: the vocabulary of "performance". */
#include "token/performance.h"

#include <stdio.h>

static const bl_kind kinds[PERF_N_KINDS] = {
    {"PAD", BL_IS_SPECIAL},      {"BOS", BL_IS_SPECIAL},
    {"EOS", BL_IS_SPECIAL},      {"MASK", BL_IS_SPECIAL},
    {"Note-On", BL_IS_NOTE},     {"Note-Off", BL_IS_NOTE_OFF},
    {"Time-Shift", BL_IS_OTHER}, {"Velocity", BL_IS_OTHER},
    {"Pedal", BL_IS_OTHER},
};

static int count(int kind, const bl_spec *spec)
{
    switch (kind) {
    case PERF_ON:
    case PERF_OFF:
        return 128;
    case PERF_SHIFT:
        return spec->grid; /* the longest is a second */
    case PERF_VELOCITY:
        return PERF_N_VELOCITIES;
    case PERF_PEDAL:
        return spec->pedal ? 2 : 0;
    default:
        return 1;
    }
}

static void word(int kind, int i, const bl_spec *spec, char name[BL_WORD_MAX + 1])
{
    (void)spec;
    if (kind < BL_N_SPECIALS)
        snprintf(name, BL_WORD_MAX + 1, "%s", kinds[kind].name);
    else
        snprintf(name, BL_WORD_MAX + 1, "%s_%d", kinds[kind].name,
                 i + (kind == PERF_SHIFT || kind == PERF_VELOCITY));
}

static int steps(const bl_scheme *s, unsigned id)
{
    return s->kind_of[id] == PERF_SHIFT ? (int)id - s->first[PERF_SHIFT] + 1 : 0;
}

const bl_scheme_ops bl_performance_ops = {
    .name = "performance",
    .grids = {100, 125, 0},
    .takes_pedal = 1,
    .reading = BL_READ_CLOSE_FIRST,
    .kinds = kinds,
    .n_kinds = PERF_N_KINDS,
    .count = count,
    .word = word,
    .steps = steps,
    .encode = bl_perf_encode,
    .decode = bl_perf_decode,
    .grammar_start = bl_perf_grammar_start,
    .grammar_step = bl_perf_grammar_step,
    .grammar_mask = bl_perf_grammar_mask,
    .grammar_close = bl_perf_grammar_close,
};
