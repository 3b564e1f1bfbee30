/* test_restate.c - bars of a piece in another: where both state the same they are the
 * same tokens; silent, in turn or alone they are music that the grammar allows, and
 * what is heard of them is what was. */
#include "songs.h"
#include "tap.h"
#include "token/restate.h"

#include <string.h>

enum { ROUNDS = 400 };

static bl_scheme *scheme;

static int is_valid(const bl_ids *ids)
{
    bl_grammar g;
    int good = 1;
    bl_grammar_start(&g, scheme);
    for (size_t i = 0; i < ids->n; i++)
        good &= bl_grammar_step(&g, ids->id[i]) == NULL;
    return good & (bl_grammar_step(&g, BL_ID_EOS) == NULL);
}

/* The bar after the one that begins at i. */
static size_t next_bar(const bl_ids *ids, size_t i)
{
    for (i++; i < ids->n && !bl_scheme_begins_bar(scheme, ids->id[i]); i++)
        continue;
    return i;
}

/* Bars in `kept` bits, of 32 in turn, with their notes. */
static void restate_all(const bl_ids *ids, uint32_t kept, bl_ids *out)
{
    bl_err e = BL_ERR_INIT;
    bl_stated from = BL_NOTHING_STATED, to = BL_NOTHING_STATED;
    int bar = 0;
    out->n = 0;
    for (size_t i = 0, end; i < ids->n; i = end, bar++) {
        end = next_bar(ids, i);
        need(bl_restate_bar(scheme, &from, ids->id + i, end - i,
                            (int)(kept >> bar % 32 & 1), &to, out, &e),
             &e);
    }
}

/* 1 if the notes of `part` are those of `all` that begin in bars that are kept. */
static int has_notes_of(const bl_ids *part, const bl_ids *all, uint32_t kept)
{
    bl_err e = BL_ERR_INIT;
    bl_song a = {0}, b = {0};
    size_t n = 0, begin = 0, bar = 0;
    int good = 1;
    need(bl_scheme_decode(scheme, part->id, part->n, &b, NULL, &e), &e);
    need(bl_scheme_decode(scheme, all->id, all->n, &a, NULL, &e), &e);
    for (size_t i = 0, end; i < all->n && good; i = end, bar++) {
        bl_song until = {0}; /* the piece up to the end of this bar: where it ends */
        end = next_bar(all, i);
        need(bl_scheme_decode(scheme, all->id, end, &until, NULL, &e), &e);
        for (; begin < a.n_notes && a.notes[begin].on < until.end; begin++) {
            const bl_note *x = &a.notes[begin], *y = &b.notes[n];
            if (!(kept >> bar % 32 & 1))
                continue;
            good &= n < b.n_notes && x->on == y->on && x->off == y->off &&
                    x->pitch == y->pitch && x->program == y->program &&
                    x->drum == y->drum && x->velocity == y->velocity;
            n++;
        }
        bl_song_free(&until);
    }
    good &= n == b.n_notes;
    bl_song_free(&a);
    bl_song_free(&b);
    return good;
}

static int is_equal(const bl_ids *a, const bl_ids *b)
{
    return a->n == b->n && memcmp(a->id, b->id, a->n * sizeof *a->id) == 0;
}

static void test_silence(bl_rng *rng)
{
    bl_ids ids = {0}, out = {0}, again = {0};
    int same = 1, valid = 1, heard = 1, stable = 1;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t kept = bl_rng_below(rng, UINT32_MAX);
        random_piece(scheme, &ids, rng);
        restate_all(&ids, UINT32_MAX, &out);
        same &= is_equal(&ids, &out);
        restate_all(&ids, kept, &out);
        valid &= is_valid(&out);
        heard &= has_notes_of(&out, &ids, kept);
        restate_all(&out, UINT32_MAX, &again);
        stable &= is_equal(&again, &out);
    }
    ok(same, "with all of its notes a piece is the same tokens");
    ok(valid, "with bars of silence it is music");
    ok(heard, "and what is left sounds as it did");
    ok(stable, "restated again, nothing changes");
    bl_ids_free(&ids);
    bl_ids_free(&out);
    bl_ids_free(&again);
}

static void test_alone(bl_rng *rng)
{
    bl_err e = BL_ERR_INIT;
    bl_ids ids = {0}, alone = {0}, back = {0};
    int valid = 1, same = 1;
    for (int round = 0; round < ROUNDS; round++) {
        bl_stated from = BL_NOTHING_STATED, to = BL_NOTHING_STATED;
        random_piece(scheme, &ids, rng);
        back.n = 0;
        for (size_t i = 0, end; i < ids.n; i = end) {
            bl_stated nothing = BL_NOTHING_STATED, again = BL_NOTHING_STATED;
            end = next_bar(&ids, i);
            alone.n = 0;
            need(bl_restate_bar(scheme, &from, ids.id + i, end - i, 1, &nothing, &alone,
                                &e),
                 &e);
            valid &= is_valid(&alone);
            need(bl_restate_bar(scheme, &again, alone.id, alone.n, 1, &to, &back, &e),
                 &e);
        }
        same &= is_equal(&back, &ids);
    }
    ok(valid, "each bar alone is a piece");
    ok(same, "and those pieces, one after the other, are the whole");
    bl_ids_free(&ids);
    bl_ids_free(&alone);
    bl_ids_free(&back);
}

int main(void)
{
    bl_rng rng = bl_rng_make(1, 7);
    scheme = open_scheme(4);
    test_silence(&rng);
    test_alone(&rng);
    bl_scheme_del(scheme);
    return tap_done();
}
