/* sampling_odds.c - with --programs a model that would have another play is not to fall
 * silent: the odds of those who may not go to those who may. A mask alone would give
 * them to whatever else can come next, tempos above all. */
#include "flow/sampling_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OTHER, PROGRAM, NOTE, MOVES_ON };

static uint8_t role_of(const bl_sampling *s, size_t i)
{
    unsigned id = (unsigned)s->coder.to_scheme[i];
    const char *kind = bl_scheme_kind(s->scheme, id);
    if (strcmp(kind, "Program") == 0)
        return PROGRAM;
    if (strncmp(kind, "Pitch", 5) == 0)
        return NOTE;
    int moves = strcmp(kind, "Position") == 0 || bl_scheme_begins_bar(s->scheme, id);
    return moves || id == BL_ID_EOS ? MOVES_ON : OTHER;
}

int bl_sampling_odds_open(bl_sampling *s, bl_err *e)
{
    s->role = bl_calloc(s->coder.merges.n_base + 1, sizeof *s->role, e);
    if (s->role == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < s->coder.merges.n_base; i++)
        s->role[i] = role_of(s, i);
    return 0;
}

/* ln of the sum of the odds of a role's tokens that grammar and plan allow, or that the
 * grammar alone does; -INFINITY: there is none. */
static double log_sum(const bl_sampling *s, const bl_real *logits, int role,
                      int is_allowed)
{
    double max = -INFINITY, sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->coder.merges.n_base; i++) {
            if (s->role[i] != role || s->mask[i] != is_allowed ||
                !s->scheme_mask[s->coder.to_scheme[i]])
                continue;
            if (pass == 0)
                max = fmax(max, (double)logits[i]);
            else
                sum += exp((double)logits[i] - max);
        }
    return sum > 0 ? max + log(sum) : -INFINITY;
}

void bl_sampling_odds_keep(const bl_sampling *s, bl_real *logits)
{
    if (!s->plan.has_programs || s->wish->no_grammar)
        return;
    double lost = log_sum(s, logits, PROGRAM, 0);
    int to = log_sum(s, logits, PROGRAM, 1) > -INFINITY ? PROGRAM : NOTE;
    double kept = log_sum(s, logits, to, 1), more = lost - kept;
    /* who plays on already is not named again: it strikes, unless there was a note */
    if (lost == -INFINITY || kept == -INFINITY ||
        (to == NOTE && log_sum(s, logits, MOVES_ON, 1) > -INFINITY))
        return;
    bl_real shift = (bl_real)(more > 30 ? more : log1p(exp(more)));
    for (size_t i = 0; i < s->coder.merges.n_base; i++)
        if (s->role[i] == to)
            logits[i] += shift;
}
