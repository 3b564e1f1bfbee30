/* remi2020_grammar.c - the shape of a piece in "remi-2020" as an automaton.
 *
 *     piece  = [BOS] bar* EOS
 *     bar    = Bar item+                  with at least one note
 *     item   = Position (Chord | Tempo-Class Tempo-Value
 *                        | Note-Velocity Note-On Note-Duration)
 *
 * Positions do not fall; chords and tempos stand on beats; of one position the chord is
 * first, then the tempo, then notes. */
#include "token/remi2020.h"

#include <string.h>

enum state {
    LAST,     /* kind of the last token, -1 before the first */
    POSITION, /* -1 at the start of a bar */
    STAGE,    /* of this position: kind that its last item began with, 0 = none yet */
    HAS_NOTE, /* in this bar */
};

enum { A_BEAT = 4 };

void bl_r20_grammar_start(bl_grammar *g)
{
    memset(g->v, 0, sizeof g->v);
    g->v[LAST] = g->v[POSITION] = -1;
}

static int is_between(const int32_t *v)
{
    return v[LAST] == R20_CHORD || v[LAST] == R20_TEMPO || v[LAST] == R20_DURATION;
}

/* NULL, or why a token of the kind may not follow; of positions those from *low on. */
static const char *refuse(const int32_t *v, int kind, int *low)
{
    int last = v[LAST], at_start = last == -1 || last == BL_ID_BOS;
    static const char *const out_of_place = "out of place";
    *low = 0;
    switch (kind) {
    case BL_ID_BOS:
        return last == -1 ? NULL : out_of_place;
    case BL_ID_EOS:
    case R20_BAR:
        if (!at_start && !is_between(v))
            return out_of_place;
        return at_start || v[HAS_NOTE] ? NULL : "a bar without a note";
    case R20_POSITION:
        *low = (int)bl_max(v[POSITION], 0);
        return last == R20_BAR || is_between(v) ? NULL : out_of_place;
    case R20_CHORD:
    case R20_CLASS:
        if (last != R20_POSITION)
            return out_of_place;
        if (v[POSITION] % A_BEAT != 0)
            return "a chord or tempo between beats";
        return v[STAGE] < kind ? NULL : "chord, tempo, notes: out of order";
    case R20_TEMPO:
        return last == R20_CLASS ? NULL : out_of_place;
    case R20_VELOCITY:
        return last == R20_POSITION ? NULL : out_of_place;
    case R20_ON:
        return last == R20_VELOCITY ? NULL : out_of_place;
    case R20_DURATION:
        return last == R20_ON ? NULL : out_of_place;
    default:
        return out_of_place;
    }
}

const char *bl_r20_grammar_step(bl_grammar *g, unsigned id)
{
    int32_t *v = g->v;
    int kind = g->scheme->kind_of[id], i = (int)id - g->scheme->first[kind], low;
    const char *why = refuse(v, kind, &low);
    if (why == NULL && i < low)
        why = "position goes back";
    if (kind == BL_ID_PAD || kind == BL_ID_MASK || (kind == BL_ID_BOS && why != NULL))
        return why;
    v[LAST] = kind;
    if (kind == R20_BAR) {
        v[POSITION] = -1;
        v[HAS_NOTE] = 0;
    } else if (kind == R20_POSITION) {
        v[STAGE] = i == v[POSITION] ? v[STAGE] : 0;
        v[POSITION] = i;
    } else if (kind == R20_CHORD || kind == R20_CLASS || kind == R20_VELOCITY) {
        v[STAGE] = kind;
    } else if (kind == R20_DURATION) {
        v[HAS_NOTE] = 1;
    }
    return why;
}

void bl_r20_grammar_mask(const bl_grammar *g, uint8_t *mask)
{
    const uint16_t *first = g->scheme->first;
    int low;
    memset(mask, 0, first[R20_N_KINDS]);
    for (int kind = 0; kind < R20_N_KINDS; kind++)
        if (refuse(g->v, kind, &low) == NULL && first[kind] + low < first[kind + 1])
            memset(mask + first[kind] + low, 1,
                   (size_t)(first[kind + 1] - first[kind] - low));
}
