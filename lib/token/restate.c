/* restate.c - see restate.h. */
#include "token/restate.h"
#include "token/remi.h"

typedef struct {
    bl_stated *from, *to;
    bl_ids *out;
    int with_notes, is_kept; /* all of them; the one whose tokens come */
    unsigned position;       /* of this moment */
    int has_position;        /* it was said */
} restating;

static int say_meter(restating *r, bl_err *e)
{
    if (r->from->meter == r->to->meter)
        return 0;
    r->to->meter = r->from->meter;
    return bl_ids_add(r->out, (unsigned)r->to->meter, e);
}

static int say_position(restating *r, bl_err *e)
{
    if (r->has_position)
        return 0;
    r->has_position = 1;
    return bl_ids_add(r->out, r->position, e);
}

/* At this moment, the first of the bar that the bar itself has or does not. */
static int say_tempo(restating *r, bl_err *e)
{
    if (r->from->tempo == r->to->tempo)
        return 0;
    int rc = say_position(r, e);
    r->to->tempo = r->from->tempo;
    return rc == 0 ? bl_ids_add(r->out, (unsigned)r->to->tempo, e) : rc;
}

static int begin_moment(restating *r, unsigned position, bl_err *e)
{
    int rc = say_meter(r, e);
    if (rc == 0 && position != r->position)
        rc = say_tempo(r, e);
    r->has_position &= position == r->position;
    r->position = position;
    return rc;
}

static int begin_note(restating *r, int has_program, unsigned id, bl_err *e)
{
    r->is_kept = r->with_notes;
    int rc = say_tempo(r, e);
    if (rc != 0 || !r->is_kept)
        return rc;
    rc = say_position(r, e);
    if (rc == 0 && has_program && r->from->program != r->to->program) {
        r->to->program = r->from->program;
        rc = bl_ids_add(r->out, (unsigned)r->to->program, e);
    }
    return rc == 0 ? bl_ids_add(r->out, id, e) : rc;
}

static int take(restating *r, int kind, unsigned id, bl_err *e)
{
    switch (kind) {
    case REMI_BAR:
        return bl_ids_add(r->out, id, e);
    case REMI_TIMESIG:
        r->from->meter = (int32_t)id;
        return 0;
    case REMI_POSITION:
        return begin_moment(r, id, e);
    case REMI_TEMPO:
        r->from->tempo = (int32_t)id;
        return say_tempo(r, e);
    case REMI_PROGRAM:
        r->from->program = (int32_t)id;
        return 0;
    case REMI_PITCH:
    case REMI_DRUM:
        return begin_note(r, kind == REMI_PITCH, id, e);
    case REMI_VELOCITY:
    case REMI_DURATION:
        return r->is_kept ? bl_ids_add(r->out, id, e) : 0;
    default:
        return 0;
    }
}

int bl_restate_bar(const bl_scheme *remi, bl_stated *from, const uint16_t *ids,
                   size_t n, int with_notes, bl_stated *to, bl_ids *out, bl_err *e)
{
    restating r = {.from = from,
                   .to = to,
                   .out = out,
                   .with_notes = with_notes,
                   .position = (unsigned)remi->first[REMI_POSITION]};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = take(&r, remi->kind_of[ids[i]], ids[i], e);
    if (rc == 0)
        rc = say_meter(&r, e);
    return rc == 0 ? say_tempo(&r, e) : rc;
}
