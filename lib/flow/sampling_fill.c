/* sampling_fill.c - pieces with a hole: what is played there is drawn on the condition
 * of the rest, and put where it was. */
#include "flow/sampling_impl.h"

#include "flow/prompts.h"
#include "flow/prompts_fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bl_sampling_fill_parse(bl_sampling *s, bl_err *e)
{
    if (s->wish->fill != NULL && s->wish->no_grammar)
        return bl_fail(e, BL_E_ARG,
                       "--fill puts notes among others, which takes the grammar: leave "
                       "--no-grammar out");
    if (s->wish->fill != NULL && s->wish->prompt == NULL)
        return bl_fail(e, BL_E_ARG, "--fill wants the piece that has the hole");
    return s->wish->fill != NULL ? bl_hole_parse(&s->hole, &s->hole_parts,
                                                 &s->hole_has_parts, s->wish->fill, e)
                                 : 0;
}

/* ---- pieces ---- */

static int fail_piece(const bl_piece *p, int code, const char *what, bl_err *e)
{
    return bl_fail(e, code, "piece '%.80s': %s", p->name, what);
}

/* Marks what is taken out. */
static int take(bl_sampling *s, bl_sampling_fill *f, const bl_piece *p, bl_err *e)
{
    char what[160];
    int n = 0;
    if (s->hole.to > f->piece.bars) {
        snprintf(what, sizeof what,
                 "--fill %.40s: it has %zu bars, and a hole lies within them",
                 s->wish->fill, f->piece.bars);
        return fail_piece(p, BL_E_ARG, what, e);
    }
    int rc = 0;
    if (s->hole_has_parts)
        rc = bl_hole_take_parts(&f->piece, &s->hole, &s->hole_parts, f->players, e);
    else
        (void)bl_hole_take(&f->piece, &s->hole, NULL);
    for (size_t i = 0; i < f->piece.n && !s->hole_has_parts; i++)
        if (f->piece.item[i].is_note)
            f->players[f->piece.item[i].rank] = 1;
    for (int i = 0; i < BL_HOLE_PLAYERS; i++)
        n += f->players[i];
    if (rc != 0 || n > 0)
        return rc;
    snprintf(
        what, sizeof what,
        "--fill %.40s: nobody in it plays %s; featstats and remi2midi show who does",
        s->wish->fill, s->hole_has_parts ? "that" : "a note");
    return fail_piece(p, BL_E_ARG, what, e);
}

static int check_known(const bl_sampling *s, const bl_piece *p, const bl_ids *ids,
                       bl_err *e)
{
    for (size_t i = 0; i < ids->n; i++)
        if (s->coder.to_vocab[ids->id[i]] < 0)
            return bl_fail(e, BL_E_MISMATCH,
                           "piece '%.80s': the model has no token '%s'", p->name,
                           bl_words_name(bl_scheme_words(s->scheme), ids->id[i]));
    return 0;
}

static int read_piece(bl_sampling *s, bl_sampling_fill *f, const bl_piece *p,
                      const bl_ids *ids, bl_err *e)
{
    const bl_model_config *c = &s->ckpt.info.config.model;
    bl_ids target = {0};
    bl_err why = BL_ERR_INIT;
    int rc = bl_hole_read(&f->piece, s->scheme, ids->id, ids->n, &why);
    if (rc != 0)
        return fail_piece(p, rc, why.text, e);
    rc = take(s, f, p, e);
    if (rc == 0)
        rc = bl_hole_cut(&f->piece, &s->hole,
                         (bl_hole_seen){(size_t)c->around, c->left_only}, &f->condition,
                         &target, e);
    if (rc == 0)
        rc = check_known(s, p, &f->condition, e);
    f->name = rc == 0 ? bl_strdup(p->name, e) : NULL;
    bl_ids_free(&target);
    return rc == 0 && f->name == NULL ? BL_E_NOMEM : rc;
}

static int take_prompt(void *arg, const bl_piece *p, int is_midi, bl_err *e)
{
    bl_sampling *s = arg;
    bl_ids ids = {0};
    int rc = bl_room(&s->fills, &s->cap_fills, s->n_fills + 1, sizeof *s->fills, e);
    if (rc == 0) {
        s->fills[s->n_fills] = (bl_sampling_fill){0};
        rc = bl_ids_add_n(&ids, p->ids.id, p->ids.n, e);
    }
    if (rc == 0 && is_midi)
        rc = bl_prompts_fit(s->scheme, s->coder.to_vocab, &ids, &s->n_replaced, e);
    if (rc == 0)
        rc = read_piece(s, &s->fills[s->n_fills++], p, &ids, e);
    bl_ids_free(&ids);
    return rc;
}

int bl_sampling_fill_open(bl_sampling *s, bl_err *e)
{
    if (!s->ckpt.info.config.model.holes)
        return bl_fail(e, BL_E_ARG,
                       "--fill: the run has not learned to fill holes; 'shard --holes' "
                       "makes data that teach it");
    if (!bl_holes_are_of(s->scheme))
        return bl_fail(e, BL_E_ARG, "--fill: pieces of the scheme '%s' have no holes",
                       bl_scheme_name(s->scheme));
    return bl_prompts_read(s->scheme, s->wish->prompt, take_prompt, s, &s->prompt_pg,
                           e);
}

int bl_sampling_fill_given(bl_sampling *s, int64_t i, bl_sampling_given *g, bl_err *e)
{
    const bl_sampling_fill *f = &s->fills[i];
    free(g->name);
    g->name = bl_strdup(f->name, e);
    g->ids.n = 0;
    g->n_bars = f->piece.bars;
    g->is_whole = 1;
    int rc = g->name != NULL ? 0 : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_ids_add_n(&g->ids, f->condition.id, f->condition.n, e);
    if (rc == 0) /* they are known */
        rc = (int)bl_coder_to_vocab(&s->coder, &g->ids, e);
    if (rc == 0)
        rc = bl_ids_add(&g->ids, (unsigned)s->coder.to_vocab[BL_ID_EOS], e);
    bl_ids all = {0};
    if (rc == 0)
        rc = bl_ids_add(&all, (unsigned)s->coder.to_vocab[BL_ID_BOS], e);
    if (rc == 0)
        rc = bl_ids_add_n(&all, g->ids.id, g->ids.n, e);
    bl_ids_free(&g->ids);
    g->ids = all;
    return rc;
}

void bl_sampling_fills_free(bl_sampling *s)
{
    for (size_t i = 0; i < s->n_fills; i++) {
        free(s->fills[i].name);
        bl_hole_piece_free(&s->fills[i].piece);
        bl_ids_free(&s->fills[i].condition);
    }
    free(s->fills);
}

/* ---- while it is drawn ---- */

static const bl_sampling_fill *fill_of(const bl_sampling *s, const bl_sampling_lane *l)
{
    return &s->fills[l->number];
}

void bl_sampling_fill_begin(const bl_sampling *s, bl_sampling_lane *l)
{
    bl_hole_begin(&fill_of(s, l)->piece, &s->hole, &l->grammar);
    l->most_bars = (int64_t)(s->hole.to - s->hole.from + 1);
    l->most_seconds = 0;
}

const char *bl_sampling_step(const bl_sampling *s, const bl_sampling_lane *l,
                             bl_grammar *g, int64_t bars, unsigned id)
{
    const char *wrong = bl_grammar_step(g, id);
    if (s->n_fills > 0 && id == s->own_bar)
        bl_hole_begin_bar(&fill_of(s, l)->piece, &s->hole, (size_t)bars, g);
    return wrong;
}

int bl_sampling_allows(const bl_sampling *s, const bl_sampling_lane *l,
                       const bl_plan_at *at, unsigned id)
{
    return bl_plan_allows(&s->plan, at, id) &&
           (s->n_fills == 0 || bl_hole_may_fill(s->scheme, id, fill_of(s, l)->players));
}

int bl_sampling_fill_whole(const bl_sampling *s, bl_sampling_lane *l, bl_err *e)
{
    const bl_sampling_fill *f = fill_of(s, l);
    bl_ids whole = {0};
    int rc = bl_hole_fill(&f->piece, &s->hole, l->ids.id + 1, l->ids.n - 1, &whole, e);
    l->ids.n = 1; /* BOS */
    if (rc == 0)
        rc = bl_ids_add_n(&l->ids, whole.id, whole.n, e);
    bl_ids_free(&whole);
    return rc;
}
