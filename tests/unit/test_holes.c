/* test_holes.c - pieces with holes: cut and filled again they are the same tokens, and
 * with any other filling the same outside the hole, and music that the grammar allows.
 */
#include "songs.h"
#include "tap.h"
#include "token/holes.h"

#include <string.h>

enum { ROUNDS = 400 };

static bl_scheme *scheme;

static bl_hole draw_hole(const bl_hole_piece *p, bl_rng *rng)
{
    uint32_t n = 1 + bl_rng_below(rng, (uint32_t)bl_min((int64_t)p->bars, 6));
    uint32_t from = 1 + bl_rng_below(rng, (uint32_t)p->bars - n + 1);
    return (bl_hole){from, from + n - 1};
}

/* Half of the players, or NULL: all. */
static const uint8_t *draw_players(uint8_t players[BL_HOLE_PLAYERS], bl_rng *rng)
{
    for (int i = 0; i < BL_HOLE_PLAYERS; i++)
        players[i] = (uint8_t)bl_rng_below(rng, 2);
    return bl_rng_below(rng, 2) ? players : NULL;
}

static int is_equal(const bl_ids *a, const bl_ids *b)
{
    return a->n == b->n && memcmp(a->id, b->id, a->n * sizeof *a->id) == 0;
}

static int is_valid(const bl_ids *ids)
{
    bl_grammar g;
    int good = 1;
    bl_grammar_start(&g, scheme);
    for (size_t i = 0; i < ids->n; i++)
        good &= bl_grammar_step(&g, ids->id[i]) == NULL;
    return good & (bl_grammar_step(&g, BL_ID_EOS) == NULL);
}

/* Where bar n begins, from 1; the end where there is none. */
static size_t bar_at(const bl_ids *ids, size_t n)
{
    size_t i = 0, bars = 0;
    while (i < ids->n && !(bl_scheme_begins_bar(scheme, ids->id[i]) && ++bars == n))
        i++;
    return i;
}

static int is_same_outside(const bl_ids *a, const bl_ids *b, const bl_hole *h)
{
    size_t begin = bar_at(a, h->from), end_a = bar_at(a, h->to + 1),
           end_b = bar_at(b, h->to + 1), rest = a->n - end_a;
    return begin == bar_at(b, h->from) && rest == b->n - end_b &&
           memcmp(a->id, b->id, begin * sizeof *a->id) == 0 &&
           memcmp(a->id + end_a, b->id + end_b, rest * sizeof *a->id) == 0;
}

/* Any tokens that may stand in the hole, which the grammar of a target allows. */
static void draw_target(bl_ids *target, const bl_hole_piece *p, const bl_hole *h,
                        const uint8_t players[BL_HOLE_PLAYERS], bl_rng *rng)
{
    bl_err e = BL_ERR_INIT;
    size_t n = bl_words_size(bl_scheme_words(scheme)), bars = 0;
    uint8_t mask[4096];
    bl_grammar g;
    target->n = 0;
    bl_hole_begin(p, h, &g);
    for (int more = 1; more;) {
        uint32_t id;
        bl_grammar_mask(&g, mask);
        do { /* few bars, many notes */
            id = bl_rng_below(rng, 12) == 0 ? 4 : bl_rng_below(rng, (uint32_t)n);
        } while (!mask[id] || !bl_hole_may_fill(scheme, id, players) ||
                 (target->n == 0 && !bl_scheme_begins_bar(scheme, id)) ||
                 id == BL_ID_EOS);
        int is_bar = bl_scheme_begins_bar(scheme, id);
        if (is_bar && bars == h->to - h->from + 1)
            break;
        (void)bl_grammar_step(&g, id);
        if (is_bar)
            bl_hole_begin_bar(p, h, bars++, &g);
        need(bl_ids_add(target, id, &e), &e);
    }
}

typedef struct {
    int n, same, condition, around, skipped, outside, valid, remaining;
} figures;

static size_t count(const bl_ids *ids, unsigned id)
{
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++)
        n += ids->id[i] == id;
    return n;
}

/* The condition of some bars on each side alone: a piece that is sound but for MASK,
 * whose bars last as long as they did. */
static int is_sound_around(const bl_hole_piece *p, const bl_hole *h, size_t around)
{
    bl_err e = BL_ERR_INIT;
    bl_ids side[2] = {{0}}, all[2] = {{0}}, plain = {0};
    bl_hole_piece some = {0};
    size_t from = h->from > around ? h->from - around : 1;
    size_t to = bl_min(h->to + around, p->bars);
    need(bl_hole_cut(p, h, (bl_hole_seen){around, 0}, &side[0], &side[1], &e), &e);
    need(bl_hole_cut(p, h, (bl_hole_seen){0, 0}, &all[0], &all[1], &e), &e);
    for (size_t i = 0; i < side[0].n; i++)
        if (side[0].id[i] != BL_ID_MASK)
            need(bl_ids_add(&plain, side[0].id[i], &e), &e);
    bl_ids left[2] = {{0}};
    need(bl_hole_cut(p, h, (bl_hole_seen){around, 1}, &left[0], &left[1], &e), &e);
    int ok = is_equal(&side[1], &all[1]) && side[0].n <= all[0].n + 5;
    ok = ok && is_equal(&left[1], &all[1]) && left[0].n <= side[0].n &&
         memcmp(left[0].id, side[0].id, left[0].n * sizeof *left[0].id) == 0 &&
         left[0].id[left[0].n - 1] == BL_ID_MASK;
    ok = ok && bl_hole_read(&some, scheme, plain.id, plain.n, &e) == 0 &&
         some.bars == to - from + 1;
    if (e.code != 0)
        printf("# %s\n", e.text);
    size_t notes = 0, want = 0;
    for (size_t i = 0; i < some.n; i++)
        notes += some.item[i].is_note;
    for (size_t i = 0; i < p->n; i++)
        want += p->item[i].is_note && !p->item[i].is_taken && p->item[i].bar >= from &&
                p->item[i].bar <= to;
    bl_hole_piece_free(&some);
    for (int i = 0; i < 2; i++) {
        bl_ids_free(&side[i]);
        bl_ids_free(&left[i]);
        bl_ids_free(&all[i]);
    }
    bl_ids_free(&plain);
    return ok && notes == want;
}

static void try_hole(bl_hole_piece *p, const bl_ids *ids, bl_rng *rng, figures *f)
{
    bl_err e = BL_ERR_INIT;
    bl_ids side[2] = {{0}}, whole = {0}, again[2] = {{0}};
    bl_hole_piece filled = {0};
    bl_song song = {0};
    size_t skipped = 0;
    uint8_t players[BL_HOLE_PLAYERS], all[BL_HOLE_PLAYERS];
    bl_hole h = draw_hole(p, rng);
    const uint8_t *who = draw_players(players, rng);
    (void)bl_hole_take(p, &h, who);
    need(bl_hole_cut(p, &h, (bl_hole_seen){0, 0}, &side[0], &side[1], &e), &e);
    f->around += is_sound_around(p, &h, 1 + bl_rng_below(rng, 4));
    f->condition += count(&side[0], BL_ID_MASK) == h.to - h.from + 1 &&
                    count(&side[0], 4) == p->bars &&
                    count(&side[1], 4) == h.to - h.from + 1;
    need(bl_scheme_decode(scheme, side[0].id, side[0].n, &song, &skipped, &e), &e);
    f->skipped += skipped == h.to - h.from + 1;
    bl_song_free(&song);
    need(bl_hole_fill(p, &h, side[1].id, side[1].n, &whole, &e), &e);
    f->same += is_equal(&whole, ids);
    memset(all, 1, sizeof all);
    draw_target(&side[1], p, &h, who != NULL ? who : all, rng);
    need(bl_hole_fill(p, &h, side[1].id, side[1].n, &whole, &e), &e);
    f->outside += is_same_outside(ids, &whole, &h);
    f->valid += is_valid(&whole);
    /* who was not taken out plays the same */
    need(bl_hole_read(&filled, scheme, whole.id, whole.n, &e), &e);
    (void)bl_hole_take(&filled, &h, who);
    need(bl_hole_cut(&filled, &h, (bl_hole_seen){0, 0}, &again[0], &again[1], &e), &e);
    f->remaining += is_equal(&again[0], &side[0]);
    f->n++;
    bl_hole_piece_free(&filled);
    for (int i = 0; i < 2; i++) {
        bl_ids_free(&side[i]);
        bl_ids_free(&again[i]);
    }
    bl_ids_free(&whole);
}

static void test_random(const bl_spec *spec, const char *what)
{
    bl_err e = BL_ERR_INIT;
    bl_rng rng = bl_rng_make(3, 0);
    figures f = {0};
    need(bl_scheme_open(&scheme, spec, &e), &e);
    for (int i = 0; i < ROUNDS; i++) {
        bl_ids ids = {0};
        bl_hole_piece p = {0};
        random_piece(scheme, &ids, &rng);
        need(bl_hole_read(&p, scheme, ids.id, ids.n, &e), &e);
        if (p.bars > 0)
            try_hole(&p, &ids, &rng, &f);
        bl_hole_piece_free(&p);
        bl_ids_free(&ids);
    }
    bl_scheme_del(scheme);
    printf(
        "# %s: %d holes, %d same, %d conditions, %d outside, %d valid, %d remaining\n",
        what, f.n, f.same, f.condition, f.outside, f.valid, f.remaining);
    ok(f.n > ROUNDS / 2, "%s: pieces with bars", what);
    ok(f.same == f.n, "%s: cut and filled again they are the same tokens", what);
    ok(f.around == f.n, "%s: some bars around a hole are a piece of their own", what);
    ok(f.condition == f.n, "%s: MASK ends each bar of the hole, all bars stay", what);
    ok(f.skipped == f.n, "%s: a decoder skips MASK and counts it", what);
    ok(f.outside == f.n, "%s: any filling leaves the outside as it was", what);
    ok(f.valid == f.n, "%s: the grammar allows what is filled", what);
    ok(f.remaining == f.n, "%s: who is not taken out plays on", what);
}

static void test_parse(void)
{
    static const char *const bad[] = {"",   "0",        "9-",       "12-9",
                                      "a",  "9-12:",    "9-12x",    "1:oboe",
                                      "-3", "3:chords", "99999999", "2:track=Lead"};
    bl_hole h;
    bl_parts parts;
    int has_parts;
    bl_err e = BL_ERR_INIT;
    ok(bl_hole_parse(&h, &parts, &has_parts, "9-12", &e) == 0 && h.from == 9 &&
           h.to == 12 && !has_parts,
       "bars");
    ok(bl_hole_parse(&h, &parts, &has_parts, "3:bass,program=32-39", &e) == 0 &&
           h.from == 3 && h.to == 3 && has_parts && parts.bass && parts.program[39],
       "one bar, and parts");
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        ok(bl_hole_parse(&h, &parts, &has_parts, bad[i], &e) == BL_E_ARG, "no hole: %s",
           bad[i]);
}

int main(void)
{
    test_parse();
    test_random(&(bl_spec){.scheme = "remi"}, "remi");
    test_random(&(bl_spec){.scheme = "remi", .chords = 1, .key = 1, .pedal = 1},
                "chords, keys and pedals");
    test_random(&(bl_spec){.scheme = "remi", .grid = 12}, "another grid");
    return tap_done();
}
