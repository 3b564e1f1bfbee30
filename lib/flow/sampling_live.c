/* sampling_live.c - who plays has tempos, instruments and pitches of which the model
 * has no word: bars in its words, and what it makes of them in the time of who plays.
 */
#include "flow/prompts_fit.h"
#include "flow/sampling_impl.h"

#include <string.h>

int bl_sampling_hears_bars(const bl_sampling *s)
{
    const bl_spec *spec = bl_scheme_spec(s->scheme);
    return strcmp(spec->scheme, "remi") == 0 && !spec->chords && !spec->key &&
           !spec->pedal && spec->labels[0] == '\0';
}

int bl_sampling_fit_bar(bl_sampling *s, bl_stated *heard, const uint16_t *ids, size_t n,
                        bl_ids *alone, bl_err *e)
{
    bl_stated nothing = BL_NOTHING_STATED;
    alone->n = 0;
    int rc = bl_restate_bar(s->scheme, heard, ids, n, 1, &nothing, alone, e);
    if (rc == 0)
        rc = bl_prompts_fit(s->scheme, s->coder.to_vocab, alone, &s->n_replaced, e);
    size_t end = 1;
    while (end < alone->n && !bl_scheme_begins_bar(s->scheme, alone->id[end]))
        end++;
    alone->n = bl_min(end, alone->n); /* what sounded beyond the bar ends with it */
    return rc;
}

/* ---- a condition ---- */

static int has_unknown(const bl_sampling *s, const uint16_t *ids, size_t n)
{
    size_t i = 0;
    while (i < n && s->coder.to_vocab[ids[i]] >= 0)
        i++;
    return i < n;
}

/* Up to the first that the model has not as it is, both know the same. */
static int hear_bar(bl_sampling *s, bl_sampling_given *g, const uint16_t *ids, size_t n,
                    bl_ids *to, bl_err *e)
{
    bl_ids alone = {0};
    bl_stated nothing = BL_NOTHING_STATED;
    int rc;
    g->is_fitted |= has_unknown(s, ids, n);
    if (g->is_fitted) {
        rc = bl_sampling_fit_bar(s, &g->heard, ids, n, &alone, e);
        if (rc == 0)
            rc = bl_restate_bar(s->scheme, &nothing, alone.id, alone.n, 1, &g->known,
                                to, e);
    } else {
        rc = bl_restate_bar(s->scheme, &g->heard, ids, n, 1, &g->known, &alone, e);
        if (rc == 0)
            rc = bl_ids_add_n(to, ids, n, e);
    }
    bl_ids_free(&alone);
    return rc;
}

int bl_sampling_hear_line(bl_sampling *s, bl_sampling_given *g, const uint16_t *ids,
                          size_t n, bl_ids *to, bl_err *e)
{
    int rc = 0;
    if (!s->given.is_live || n == 0 || !bl_sampling_hears_bars(s) ||
        !bl_scheme_begins_bar(s->scheme, ids[0]))
        return bl_ids_add_n(to, ids, n, e);
    for (size_t i = 0, end; i < n && rc == 0; i = end) {
        for (end = i + 1; end < n && !bl_scheme_begins_bar(s->scheme, ids[end]); end++)
            continue;
        rc = hear_bar(s, g, ids + i, end - i, to, e);
    }
    return rc == 0 ? bl_plan_course_read(&g->played, s->scheme, ids, n, e) : rc;
}

/* ---- what is made to it ---- */

/* The tempo of who plays where the model was asked for the one it has for that. */
static int32_t tempo_of(const bl_sampling_given *g, size_t bar, int32_t tempo)
{
    size_t i = bl_min(bar, g->played.n - 1);
    int32_t played = g->played.bar[i].tempo; /* -1: none was stated yet */
    return played >= 0 && tempo == g->course.bar[i].tempo ? played : tempo;
}

static int is_tempo(const bl_sampling *s, unsigned id)
{
    return strcmp(bl_scheme_kind(s->scheme, id), "Tempo") == 0;
}

static int retell_bar(const bl_sampling *s, const bl_sampling_given *g, bl_retold *r,
                      uint16_t *ids, size_t n, bl_ids *to, bl_err *e)
{
    r->from.tempo = tempo_of(g, r->n_bars, r->tempo);
    for (size_t i = 0; i < n; i++)
        if (is_tempo(s, ids[i])) {
            r->tempo = ids[i];
            ids[i] = (uint16_t)tempo_of(g, r->n_bars, r->tempo);
        }
    r->n_bars++;
    return bl_restate_bar(s->scheme, &r->from, ids, n, 1, &r->to, to, e);
}

int bl_sampling_retell(const bl_sampling *s, int64_t i, bl_retold *r,
                       const bl_ids *bars, bl_ids *to, bl_err *e)
{
    const bl_sampling_given *g =
        s->given.is_live ? &s->given.at[i / s->copies % BL_SAMPLING_CONDITIONS] : NULL;
    bl_ids told = {0}, copy = {0};
    if (g == NULL || g->played.n == 0 || s->plan.tempo.n > 0)
        return bl_ids_add_n(to, bars->id, bars->n, e);
    int rc = bl_ids_add_n(&copy, bars->id, bars->n, e);
    for (size_t at = 0, end; at < copy.n && rc == 0; at = end) {
        for (end = at + 1; end < copy.n && copy.id[end] != s->own_bar; end++)
            continue;
        rc = retell_bar(s, g, r, copy.id + at, end - at, &told, e);
    }
    if (rc == 0)
        rc = g->is_fitted ? bl_ids_add_n(to, told.id, told.n, e)
                          : bl_ids_add_n(to, bars->id, bars->n, e);
    bl_ids_free(&copy);
    bl_ids_free(&told);
    return rc;
}
