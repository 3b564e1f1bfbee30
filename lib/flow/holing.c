/* holing.c - see holing.h. */
#include "flow/holing.h"

#include "base/hash.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 32 }; /* to find bars in which somebody plays */

typedef struct {
    const bl_holing_wish *wish;
    const bl_coder *coder;
    bl_shardw *writer;
    const bl_progress *progress;
    bl_rng rng;
    bl_hole_piece piece;
    bl_ids ids, vocab_ids;
    bl_ids side[2]; /* target and condition */
    uint64_t n_copies;
} work;

/* 1 to BL_HOLING_BARS bars, and one at least beside them. */
static bl_hole draw_bars(work *w)
{
    uint32_t bars = (uint32_t)w->piece.bars;
    uint32_t most = (uint32_t)bl_min(BL_HOLING_BARS, (int64_t)bars - 1);
    uint32_t n = 1 + bl_rng_below(&w->rng, most);
    uint32_t from = 1 + bl_rng_below(&w->rng, bars - n + 1);
    return (bl_hole){from, from + n - 1};
}

/* Who plays in the hole; returns how many. */
static int list_players(const work *w, const bl_hole *hole,
                        uint8_t list[BL_HOLE_PLAYERS])
{
    uint8_t plays[BL_HOLE_PLAYERS] = {0};
    int n = 0;
    for (size_t i = 0; i < w->piece.n; i++) {
        const bl_hole_item *item = &w->piece.item[i];
        if (item->is_note && item->bar >= hole->from && item->bar <= hole->to)
            plays[item->rank] = 1;
    }
    for (int p = 0; p < BL_HOLE_PLAYERS; p++)
        if (plays[p])
            list[n++] = (uint8_t)p;
    return n;
}

/* Marks all, or as often one to all but one of several players; returns how many notes
 * are marked. */
static size_t draw_players(work *w, const bl_hole *hole)
{
    uint8_t list[BL_HOLE_PLAYERS], players[BL_HOLE_PLAYERS] = {0};
    int n = list_players(w, hole, list);
    if (n < 2 || bl_rng_below(&w->rng, 2) == 0)
        return bl_hole_take(&w->piece, hole, NULL);
    int some = 1 + (int)bl_rng_below(&w->rng, (uint32_t)n - 1);
    for (int k = 0; k < some; k++) {
        int other = k + (int)bl_rng_below(&w->rng, (uint32_t)(n - k));
        uint8_t p = list[other];
        list[other] = list[k];
        list[k] = p;
        players[p] = 1;
    }
    return bl_hole_take(&w->piece, hole, players);
}

/* In ids of the vocabulary, which has those of the whole. */
static int to_vocab(const work *w, bl_ids *ids, bl_err *e)
{
    int64_t lacking = bl_coder_to_vocab(w->coder, ids, e);
    if (lacking <= 0)
        return (int)lacking;
    return bl_fail(
        e, BL_E_MISMATCH, "the vocabulary has no '%s', which a hole needs",
        bl_words_name(bl_scheme_words(w->coder->scheme), ids->id[lacking - 1]));
}

static int add_copy(work *w, size_t i, int number, const bl_hole *hole, bl_err *e)
{
    char suffix[64];
    snprintf(suffix, sizeof suffix, "#hole=%d,bars=%zu-%zu", number, hole->from,
             hole->to);
    int rc = bl_hole_cut(&w->piece, hole, w->wish->seen, &w->side[1], &w->side[0], e);
    for (int side = 0; side < 2 && rc == 0; side++)
        rc = to_vocab(w, &w->side[side], e);
    if (rc == 0)
        rc = bl_shardw_add_copy(w->writer, i, suffix, w->side[0].id, w->side[0].n, e);
    if (rc == 0)
        rc = bl_shardw_condition(w->writer, bl_shardw_size(w->writer) - 1,
                                 w->side[1].id, w->side[1].n, e);
    w->n_copies += rc == 0;
    return rc;
}

static int read_piece(work *w, size_t i, bl_err *e)
{
    int rc = bl_shardw_ids(w->writer, i, 0, &w->vocab_ids, e);
    if (rc < 0)
        return rc;
    rc = bl_coder_to_scheme(w->coder, w->vocab_ids.id, w->vocab_ids.n, &w->ids, e);
    if (rc == 0 && bl_hole_read(&w->piece, w->coder->scheme, w->ids.id, w->ids.n, e)) {
        char why[sizeof e->text];
        snprintf(why, sizeof why, "%s", e->text);
        rc = bl_fail(e, e->code, "piece '%.80s': %.300s", bl_shardw_name(w->writer, i),
                     why);
    }
    return rc;
}

/* Copies of one piece, whose holes its name and the seed decide. */
static int cut_piece(work *w, size_t i, bl_err *e)
{
    const char *name = bl_shardw_name(w->writer, i);
    uint64_t before = w->n_copies;
    int rc = read_piece(w, i, e);
    w->rng = bl_rng_make((uint64_t)w->wish->seed, bl_xxh3(name, strlen(name)));
    for (int k = 1; k <= w->wish->n && rc == 0 && w->piece.bars >= 2; k++) {
        bl_hole hole = {0};
        size_t n = 0;
        for (int try = 0; try < TRIES && n == 0; try++) {
            hole = draw_bars(w);
            n = draw_players(w, &hole);
        }
        if (n > 0)
            rc = add_copy(w, i, k, &hole, e);
    }
    if (rc == 0 && w->n_copies == before)
        bl_notice(bl_notices_of(w->progress), BL_NOTICE_DETAIL,
                  "piece '%.200s' has no bars for a hole and is left out",
                  bl_shardw_name(w->writer, i));
    bl_shardw_drop(w->writer, i);
    return rc;
}

int bl_holing_add(const bl_holing_wish *wish, const bl_coder *coder, bl_shardw *writer,
                  const bl_progress *progress, bl_counts *n, bl_err *e)
{
    work w = {.wish = wish, .coder = coder, .writer = writer, .progress = progress};
    int rc = 0;
    n->of_pieces = bl_shardw_size(writer); /* copies come behind */
    for (n->pieces = 0; n->pieces < n->of_pieces && rc == 0; n->pieces++) {
        rc = cut_piece(&w, n->pieces, e);
        n->copies = w.n_copies;
        bl_tell(progress, n);
    }
    if (rc == 0)
        bl_shardw_sweep(writer);
    if (rc == 0 && w.n_copies == 0)
        rc = bl_fail(e, BL_E_FORMAT,
                     "no piece has two bars, and in one of them a note, for a hole");
    bl_hole_piece_free(&w.piece);
    bl_ids_free(&w.ids);
    bl_ids_free(&w.vocab_ids);
    for (int side = 0; side < 2; side++)
        bl_ids_free(&w.side[side]);
    return rc;
}
