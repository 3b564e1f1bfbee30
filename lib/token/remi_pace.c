/* remi_pace.c - the clock of "remi": what remi_decode.c makes of bars, meters,
 * positions and tempos, without the notes. */
#include "token/remi.h"

/* Places in bl_pace.v: bars; 1 + the meter, 0 = 4/4; position; whether a time signature
 * would be read here; whether nothing is read any more. */
enum { N_BARS, METER, POSITION, AFTER_BAR, IS_OVER };

static int meter_of(const bl_pace *p)
{
    return p->v[METER] > 0 ? p->v[METER] - 1 : REMI_METER_4_4;
}

static int64_t bar_end(const bl_pace *p)
{
    return p->v[N_BARS] == 0 ? 0 : p->bar + bl_remi_meter_ticks(meter_of(p));
}

static void open_bar(bl_pace *p)
{
    p->v[IS_OVER] = p->v[N_BARS] == BL_BARS_MAX || bar_end(p) > REMI_START_MAX;
    if (p->v[IS_OVER])
        return;
    bl_pace_close_bar(p, bl_remi_position_ticks(p->scheme->grid), bar_end(p));
    p->v[N_BARS]++;
    p->v[POSITION] = 0;
    p->v[AFTER_BAR] = 1;
}

/* The decoder skips these wherever no note is begun. */
static int is_nothing(int kind)
{
    return kind == REMI_PAD || kind == REMI_BOS || kind == REMI_MASK ||
           kind == REMI_LABEL || kind == REMI_KEY || kind == REMI_VELOCITY ||
           kind == REMI_DURATION;
}

void bl_remi_pace_step(bl_pace *p, unsigned id)
{
    const bl_scheme *s = p->scheme;
    int kind = s->kind_of[id], i = (int)id - s->first[kind];
    p->v[IS_OVER] |= kind == REMI_EOS;
    if (p->v[IS_OVER] || is_nothing(kind))
        return;
    if (kind == REMI_TIMESIG && p->v[N_BARS] > 0 && !p->v[AFTER_BAR])
        return;
    if (p->v[N_BARS] == 0 || kind == REMI_BAR)
        open_bar(p);
    if (p->v[IS_OVER] || kind == REMI_BAR)
        return;
    p->v[AFTER_BAR] = 0;
    if (kind == REMI_TIMESIG) {
        p->v[METER] = i + 1;
    } else if (kind == REMI_POSITION) {
        p->v[POSITION] =
            (int32_t)bl_min(i, bl_remi_positions(meter_of(p), s->grid) - 1);
    } else if (kind == REMI_TEMPO) {
        uint32_t bpm = (uint32_t)(REMI_BPM_MIN + i);
        p->tempo[p->v[POSITION]] = (60000000 + bpm / 2) / bpm;
    }
}

int64_t bl_remi_pace_end(bl_pace *p, int *step, int *tpq)
{
    *step = bl_remi_position_ticks(p->scheme->grid);
    *tpq = REMI_TPQ;
    return bar_end(p);
}
