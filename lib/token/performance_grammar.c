/* performance_grammar.c - the shape of a piece in "performance" as an automaton.
 *
 *     piece  = [BOS] moment* EOS
 *     moment = Time-Shift* [Pedal] Note-Off* ([Velocity] Note-On)*
 *
 * Only what sounds ends; a shift that is not the longest is the last of its run;
 * velocities and pedals stand only where they change something; a piece ends when
 * nothing sounds. */
#include "token/performance.h"

#include <string.h>

enum state {
    LAST,     /* kind of the last token, -1 before the first */
    SHORT,    /* the last token is a shift that is not the longest */
    VELOCITY, /* -1 until stated */
    PEDAL,
    SOUNDING, /* pitches that sound */
    COUNTS,   /* 16 bits each: how many notes of a pitch sound */
};

enum { MANY = UINT16_MAX };

_Static_assert(sizeof((bl_grammar *)0)->v >= (COUNTS + 64) * sizeof(int32_t),
               "the state fits");

static int get_count(const bl_grammar *g, int pitch)
{
    uint32_t two = (uint32_t)g->v[COUNTS + pitch / 2];
    return (int)(two >> (pitch % 2 * 16) & 0xffff);
}

static void set_count(bl_grammar *g, int pitch, int count)
{
    int shift = pitch % 2 * 16;
    uint32_t two = (uint32_t)g->v[COUNTS + pitch / 2];
    two = (two & ~(0xffffu << shift)) | (uint32_t)count << shift;
    g->v[COUNTS + pitch / 2] = (int32_t)two;
}

void bl_perf_grammar_start(bl_grammar *g)
{
    memset(g->v, 0, sizeof g->v);
    g->v[LAST] = g->v[VELOCITY] = -1;
}

/* NULL, or why no token of the kind may follow. */
static const char *refuse(const bl_grammar *g, int kind)
{
    const int32_t *v = g->v;
    int last = v[LAST], at_start = last == -1 || last == BL_ID_BOS;
    static const char *const out_of_place = "out of place";
    if (last == PERF_VELOCITY && kind != PERF_ON)
        return "a velocity without its note";
    switch (kind) {
    case BL_ID_BOS:
        return last == -1 ? NULL : out_of_place;
    case BL_ID_EOS:
        if (v[SOUNDING] > 0)
            return "the end while notes sound";
        return last == PERF_SHIFT ? "a shift to nothing" : NULL;
    case PERF_ON:
    case PERF_VELOCITY:
        return last == BL_ID_EOS ? out_of_place : NULL;
    case PERF_OFF:
        if (last == PERF_ON)
            return "a note ends at the moment another began";
        return at_start || last == BL_ID_EOS ? out_of_place : NULL;
    case PERF_SHIFT:
        if (v[SHORT])
            return "a shift after a shorter one";
        return last == BL_ID_EOS ? out_of_place : NULL;
    case PERF_PEDAL:
        return at_start || last == PERF_SHIFT ? NULL : out_of_place;
    default:
        return out_of_place;
    }
}

static const char *refuse_value(const bl_grammar *g, int kind, int i)
{
    if (kind == PERF_OFF && get_count(g, i) == 0)
        return "a note ends that does not sound";
    if (kind == PERF_VELOCITY && i == g->v[VELOCITY])
        return "velocity does not change";
    if (kind == PERF_PEDAL && i == g->v[PEDAL])
        return "pedal does not change";
    return NULL;
}

static void advance(bl_grammar *g, int kind, int i)
{
    int32_t *v = g->v;
    v[LAST] = kind;
    v[SHORT] = kind == PERF_SHIFT && i + 1 < g->scheme->grid;
    if (kind == PERF_VELOCITY) {
        v[VELOCITY] = i;
    } else if (kind == PERF_PEDAL) {
        v[PEDAL] = i;
    } else if (kind == PERF_ON) {
        int n = get_count(g, i);
        v[SOUNDING] += n == 0;
        set_count(g, i, n < MANY ? n + 1 : MANY);
    } else if (kind == PERF_OFF && get_count(g, i) > 0) {
        int n = get_count(g, i) - 1;
        v[SOUNDING] -= n == 0;
        set_count(g, i, n);
    }
}

const char *bl_perf_grammar_step(bl_grammar *g, unsigned id)
{
    int kind = g->scheme->kind_of[id], i = (int)id - g->scheme->first[kind];
    const char *why = refuse(g, kind);
    if (why == NULL)
        why = refuse_value(g, kind, i);
    if (kind == BL_ID_PAD || kind == BL_ID_MASK || (kind == BL_ID_BOS && why != NULL))
        return why;
    advance(g, kind, i);
    return why;
}

void bl_perf_grammar_mask(const bl_grammar *g, uint8_t *mask)
{
    const uint16_t *first = g->scheme->first;
    memset(mask, 0, first[PERF_N_KINDS]);
    for (int kind = 0; kind < PERF_N_KINDS; kind++)
        if (refuse(g, kind) == NULL)
            for (int i = 0; i < first[kind + 1] - first[kind]; i++)
                mask[first[kind] + i] = refuse_value(g, kind, i) == NULL;
}

/* After a shift all that sounds may end. */
int bl_perf_grammar_close(const bl_grammar *g, bl_ids *ids, bl_err *e)
{
    if (g->v[LAST] != PERF_SHIFT || g->v[SOUNDING] == 0)
        return 0;
    int rc = 0;
    for (int pitch = 0; pitch < 128 && ids != NULL; pitch++)
        for (int i = get_count(g, pitch); i > 0 && rc == 0; i--)
            rc = bl_ids_add(ids, bl_token(g->scheme, PERF_OFF, pitch), e);
    return rc == 0 ? 1 : rc;
}
