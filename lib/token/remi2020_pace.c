/* remi2020_pace.c - the clock of "remi-2020": what remi2020.c makes of the tokens. The
 * decoder begins nothing at the last three tokens, so that each is decided when three
 * more have come. */
#include "token/remi2020.h"

#include <string.h>

/* Places in bl_pace.v: tokens seen but for BOS in front, how many of them wait, where
 * it stands, those that wait. */
enum { N_SEEN, N_WAITING, STATE, WAITING, MOST = 4 };
enum { IN_FRONT, INSIDE, OVER };

static void begin_bar(bl_pace *p)
{
    int64_t next = p->bar + R20_BAR_TICKS;
    if (next + R20_BAR_TICKS < BL_TICK_MAX - R20_BAR_TICKS * 2)
        bl_pace_close_bar(p, R20_STEP, next);
}

/* 1 if the waiting token at i is of the kind; *value is its number. */
static int is_kind(const bl_pace *p, int i, int kind, int *value)
{
    unsigned id = (unsigned)p->v[WAITING + i];
    *value = (int)id - p->scheme->first[kind];
    return p->scheme->kind_of[id] == kind;
}

/* What begins at the first of four tokens: how many tokens it has. */
static int read_item(bl_pace *p)
{
    int position, a, b, c;
    if (is_kind(p, 0, R20_BAR, &a)) {
        if (p->v[N_SEEN] > p->v[N_WAITING]) /* not the first of the piece */
            begin_bar(p);
        return 1;
    }
    if (!is_kind(p, 0, R20_POSITION, &position))
        return 1;
    if (is_kind(p, 1, R20_VELOCITY, &a) && is_kind(p, 2, R20_ON, &b) &&
        is_kind(p, 3, R20_DURATION, &c)) {
        int64_t off = p->bar + position * R20_STEP + R20_DURATION_STEP * (c + 1);
        if (a > 0)
            p->end = bl_max(p->end, off);
        return 4;
    }
    if (is_kind(p, 1, R20_CHORD, &a))
        return 2;
    if (is_kind(p, 1, R20_CLASS, &a) && is_kind(p, 2, R20_TEMPO, &b)) {
        uint32_t bpm = (uint32_t)(30 + 60 * a + b);
        p->tempo[position] = (60000000 + bpm / 2) / bpm;
        return 3;
    }
    return 1;
}

void bl_r20_pace_step(bl_pace *p, unsigned id)
{
    int is_front = p->v[STATE] == IN_FRONT && id == BL_ID_BOS;
    if (p->v[STATE] != OVER)
        p->v[STATE] = id == BL_ID_EOS ? OVER : INSIDE;
    if (p->v[STATE] == OVER || is_front)
        return;
    p->v[N_SEEN]++;
    p->v[WAITING + p->v[N_WAITING]++] = (int32_t)id;
    if (p->v[N_WAITING] < MOST)
        return;
    int used = read_item(p);
    p->v[N_WAITING] -= used;
    memmove(p->v + WAITING, p->v + WAITING + used,
            (size_t)p->v[N_WAITING] * sizeof *p->v);
}

int64_t bl_r20_pace_end(bl_pace *p, int *step, int *tpq)
{
    int unused, from = p->v[N_SEEN] - p->v[N_WAITING];
    *step = R20_STEP;
    *tpq = CHORD_BEAT;
    for (int i = 0; i < p->v[N_WAITING]; i++)
        if (is_kind(p, i, R20_BAR, &unused) && from + i > 0)
            begin_bar(p);
    return p->v[N_SEEN] > 0 ? bl_max(p->bar + R20_BAR_TICKS, p->end) : 0;
}
