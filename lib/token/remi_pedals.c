/* remi_pedals.c - the sustain pedals of a piece in "remi": one for each program, down
 * as long as a channel of the program holds it. */
#include "token/remi.h"

#include <stdlib.h>

enum { DOWN_FROM = 64, CHANNELS = 16 };

typedef struct {
    uint8_t *held;        /* [track][channel]: the program whose pedal it holds, + 1 */
    int32_t holding[128]; /* channels that hold the pedal of the program */
    uint8_t is_played[128]; /* the program has a note */
    uint8_t was_down[128];  /* as the tokens have it */
    uint8_t is_open[128];   /* the pedal moved at the present moment */
    uint8_t rose[128];      /* and was up for a while */
} pedals;

/* The token of what a pedal did at the present moment, -1 for nothing. */
static int token_of(const pedals *p, int program)
{
    int is_down = p->holding[program] > 0;
    if (!p->was_down[program])
        return is_down ? REMI_PRESSED : -1;
    if (!is_down)
        return REMI_RELEASED;
    return p->rose[program] ? REMI_LIFTED : -1;
}

static int close_moment(pedals *p, bl_remi_items *out, bl_remi_moment at, bl_err *e)
{
    int rc = 0;
    for (int program = 0; program < 128 && rc == 0; program++) {
        if (!p->is_open[program])
            continue;
        int token = token_of(p, program);
        if (token >= 0)
            rc = bl_remi_add_item(
                out, (bl_remi_item){at, (uint8_t)token, (uint8_t)program}, e);
        p->was_down[program] = p->holding[program] > 0;
        p->is_open[program] = p->rose[program] = 0;
    }
    return rc;
}

static void move(pedals *p, const bl_pedal *x)
{
    uint8_t *held = &p->held[(size_t)x->track * CHANNELS + x->channel % CHANNELS];
    int is_down = x->value >= DOWN_FROM;
    if (is_down == (*held > 0) ||
        (is_down && (x->drum || !p->is_played[x->program & 127])))
        return;
    int program = is_down ? x->program & 127 : *held - 1;
    p->holding[program] += is_down ? 1 : -1;
    p->rose[program] |= p->holding[program] == 0;
    p->is_open[program] = 1;
    *held = (uint8_t)(is_down ? program + 1 : 0);
}

int bl_remi_pedals_of(bl_remi_items *out, const bl_remi_bars *bars, int grid,
                      const bl_song *song, bl_err *e)
{
    pedals p = {0};
    size_t cursor = 0;
    bl_remi_moment now = 0;
    int rc = 0;
    p.held = bl_calloc((size_t)UINT16_MAX + 1, CHANNELS, e);
    if (p.held == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_notes; i++)
        if (!song->notes[i].drum)
            p.is_played[song->notes[i].program & 127] = 1;
    for (size_t i = 0; i < song->n_pedals && rc == 0; i++) {
        const bl_pedal *x = &song->pedals[i];
        int beyond;
        bl_remi_moment at =
            bl_remi_moment_of(bars, grid, song->tpq, &cursor, x->tick, &beyond);
        if (beyond)
            break;
        if (at != now)
            rc = close_moment(&p, out, now, e);
        now = at;
        move(&p, x);
    }
    if (rc == 0)
        rc = close_moment(&p, out, now, e);
    free(p.held);
    return rc;
}
