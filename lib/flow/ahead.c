/* ahead.c - see ahead.h. The caller takes a batch of packed pieces from the stream,
 * threads unpack and prepare them. At what is no sound piece the rest of the batch goes
 * back, and the stream is read on as by one alone: so nothing but the time tells how
 * many there are. */
#include "flow/ahead.h"

#include "nn/kernel/pool.h"

#include <stdlib.h>

enum {
    EACH = 8,          /* pieces of a batch for each thread */
    MOST = 16,         /* threads: more of them one caller cannot feed */
    LONGEST = 1 << 10, /* pause after batches that gave nothing */
};

typedef struct {
    bl_buf packed;
    bl_unpacker *unpacker;
    bl_piece piece;
    int is_sound;
} place;

struct bl_ahead {
    bl_corpus *corpus;
    bl_pool *pool; /* NULL: the caller alone */
    bl_ahead_fn *prepare;
    void *arg;
    place *places; /* [n_places] */
    size_t n_places;
    size_t next, filled; /* of the batch */
    size_t pause, alone; /* pieces to read alone before the next, and of them left */
};

size_t bl_ahead_slots(int threads)
{
    return threads > 1 ? (size_t)bl_min(threads, MOST) * EACH : 1;
}

int bl_ahead_new(bl_ahead **a, const bl_source *source, int threads,
                 bl_ahead_fn *prepare, void *arg, bl_err *e)
{
    const bl_words *words = bl_scheme_words(source->scheme);
    bl_ahead *new = *a = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->corpus = source->corpus;
    new->prepare = prepare;
    new->arg = arg;
    new->n_places = bl_ahead_slots(threads);
    new->places = bl_calloc(new->n_places, sizeof *new->places, e);
    int rc = new->places == NULL ? BL_E_NOMEM : 0;
    if (rc == 0 && threads > 1)
        rc = bl_pool_new(&new->pool, (int)bl_min(threads, MOST), e);
    for (size_t i = 0; i < new->n_places &&rc == 0 && new->pool != NULL; i++)
        rc = bl_unpacker_new(&new->places[i].unpacker, words, e);
    if (rc != 0) {
        bl_ahead_del(new);
        *a = NULL;
    }
    return rc;
}

static void prepare(const bl_ahead *a, size_t slot)
{
    if (a->prepare != NULL)
        a->prepare(a->arg, slot, &a->places[slot].piece);
}

static void unpack(void *arg, int part)
{
    bl_ahead *a = arg;
    place *p = &a->places[part];
    p->is_sound = bl_unpack(p->unpacker, &p->packed, &p->piece);
    if (p->is_sound)
        prepare(a, (size_t)part);
}

static int fill(bl_ahead *a, bl_err *e)
{
    bl_tokr *stream = bl_corpus_stream(a->corpus);
    int rc = 1;
    a->next = a->filled = 0;
    while (rc > 0 && stream != NULL && a->filled < a->n_places) {
        place *p = &a->places[a->filled];
        p->packed.len = 0;
        rc = bl_tokr_take(stream, &p->packed, e);
        a->filled += rc > 0;
    }
    if (rc >= 0 && a->filled > 0)
        bl_pool_run(a->pool, unpack, a, (int)a->filled);
    return bl_min(rc, 0);
}

/* The batch from a->next on. */
static int give_back(bl_ahead *a, bl_err *e)
{
    bl_buf all = {0};
    int rc = 0;
    a->pause = a->next == 0 ? (size_t)bl_min((int64_t)(2 * a->pause + 1), LONGEST) : 0;
    a->alone = a->pause;
    for (size_t i = a->next; i < a->filled && rc == 0; i++)
        rc = bl_buf_add(&all, a->places[i].packed.data, a->places[i].packed.len, e);
    if (rc == 0)
        rc = bl_tokr_give_back(bl_corpus_stream(a->corpus), all.data, all.len, e);
    a->next = a->filled = 0;
    bl_buf_free(&all);
    return rc;
}

static int is_next(const bl_ahead *a)
{
    const place *p = &a->places[a->next];
    return p->is_sound && bl_tokr_accept(bl_corpus_stream(a->corpus), p->unpacker);
}

int bl_ahead_next(bl_ahead *a, bl_piece **piece, size_t *slot, bl_err *e)
{
    int is_due = a->pool != NULL && a->next == a->filled && a->alone == 0;
    int rc = is_due ? fill(a, e) : 0;
    if (rc == 0 && a->next < a->filled && is_next(a)) {
        *slot = a->next++;
        *piece = &a->places[*slot].piece;
        return 1;
    }
    if (rc == 0 && a->next < a->filled)
        rc = give_back(a, e);
    a->alone -= a->alone > 0;
    *piece = &a->places[0].piece;
    *slot = 0;
    if (rc == 0)
        rc = bl_corpus_next(a->corpus, *piece, e);
    if (rc > 0)
        prepare(a, 0);
    return rc;
}

void bl_ahead_del(bl_ahead *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; a->places != NULL && i < a->n_places; i++) {
        bl_buf_free(&a->places[i].packed);
        bl_unpacker_del(a->places[i].unpacker);
        bl_piece_free(&a->places[i].piece);
    }
    bl_pool_del(a->pool);
    free(a->places);
    free(a);
}
