/* sampling_control.c - what is asked while pieces are drawn. */
#include "flow/sampling_impl.h"

#include <string.h>

static void swap(bl_ids *a, bl_ids *b)
{
    bl_ids c = *a;
    *a = *b;
    *b = c;
}

static int is_none(const bl_control_line *line)
{
    return strcmp(line->text, "-") == 0;
}

/* The first of them is the next bar's. */
static int set_chords(bl_sampling *s, bl_sampling_lane *l, const bl_control_line *line,
                      bl_err *e)
{
    bl_plan plan = {0};
    int rc = is_none(line) ? 0 : bl_plan_chords(&plan, s->scheme, line->text, e);
    /* a piece that goes on has its key, as has one that was asked for */
    int has_key = s->wish->key != NULL || s->n_prompts > 0;
    int tonic = l->bars > 0 || s->n_prompts > 0
                    ? l->at.tonic
                    : bl_plan_tonic(has_key ? &s->plan : &plan);
    if (rc == 0 && !has_key)
        rc = bl_sampling_check_known(s, &plan.key, e);
    if (rc == 0)
        rc = bl_sampling_check_chords(s, &plan, tonic, e);
    if (rc == 0) {
        swap(&s->plan.chords, &plan.chords);
        if (!has_key)
            swap(&s->plan.key, &plan.key);
        s->plan.of_c = plan.of_c;
        s->plan.scheme = plan.scheme != NULL ? plan.scheme : s->plan.scheme;
        l->at.n_bars = 0;
    }
    bl_plan_free(&plan);
    return rc;
}

static int set_labels(bl_sampling *s, const bl_control_line *line, bl_err *e)
{
    bl_plan plan = {0};
    if (s->n_prompts > 0)
        return bl_fail(e, BL_E_ARG, "the prompt has its own");
    int rc = is_none(line) ? 0 : bl_plan_labels(&plan, s->scheme, line->text, e);
    if (rc == 0)
        rc = bl_sampling_check_known(s, &plan.labels, e);
    if (rc == 0) {
        swap(&s->plan.labels, &plan.labels);
        s->plan.scheme = plan.scheme != NULL ? plan.scheme : s->plan.scheme;
    }
    bl_plan_free(&plan);
    return rc;
}

/* 1 where the piece is to end here. */
static int obey(bl_sampling *s, bl_sampling_lane *l, const bl_control_line *line,
                bl_err *e)
{
    int rc;
    switch (line->kind) {
    case BL_CONTROL_TEMPERATURE:
        s->draw.temperature = line->number;
        return 0;
    case BL_CONTROL_CHORDS:
        return set_chords(s, l, line, e);
    case BL_CONTROL_LABELS: /* a piece begins with them: one without end makes room */
        rc = set_labels(s, line, e);
        return rc != 0 ? rc : s->wish->is_endless;
    case BL_CONTROL_DENSITY:
        return bl_plan_density(&s->plan, s->scheme, line->number, s->coder.to_vocab, e);
    case BL_CONTROL_STOP:
        s->is_over = 1;
        return 0;
    default:
        return bl_fail(e, BL_E_ARG, "of runs of grooves, which this is not");
    }
}

int bl_sampling_obey(bl_sampling *s, bl_sampling_lane *l)
{
    bl_control_line line;
    int ends = 0;
    while (bl_control_next(s->control, l->bars + 1, &line, s->notices)) {
        bl_err why = BL_ERR_INIT;
        int rc = obey(s, l, &line, &why);
        if (rc < 0)
            bl_control_refuse(&line, &why, s->notices);
        ends |= rc == 1;
    }
    return ends || s->is_over;
}
