/* row_sharding.c - see row_sharding.h. */
#include "flow/row_sharding.h"

#include "flow/grooves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- streams ---- */

static int check_kind(const bl_row_source *s, const bl_rows_kind *kind,
                      const char *path, bl_err *e)
{
    char ours[128], theirs[128];
    if (s->file == NULL || bl_rows_same_kind(&s->store.kind, kind))
        return 0;
    return bl_fail(e, BL_E_MISMATCH, "'%.120s' (%s) and '%.120s' (%s) differ", s->file,
                   bl_rows_kind_text(&s->store.kind, ours, sizeof ours), path,
                   bl_rows_kind_text(kind, theirs, sizeof theirs));
}

static int read_records(bl_row_source *s, bl_rowsr *r, bl_err *e)
{
    int bars, rc = bl_groove_bars(bl_rowsr_kind(r), &bars, e);
    if (rc == 0)
        rc = bl_groove_read(&s->store, r, bars, e);
    return rc == 0 ? bl_prov_add(&s->pg, bl_rowsr_pg(r), e) : rc;
}

static int read_stream(bl_row_source *s, bl_input *in, const char *path, bl_err *e)
{
    bl_rowsr *r = NULL;
    if (!in->is_tensors) {
        return bl_fail_in(
            e,
            bl_fail(e, BL_E_MISMATCH,
                    "a stream of tokens behind one of tensors, '%.120s': they have no "
                    "shards together",
                    s->file),
            path);
    }
    int rc = bl_rowsr_new(&r, bl_input_take(in), path, e);
    if (rc == 0)
        rc = check_kind(s, bl_rowsr_kind(r), path, e);
    s->file = path;
    if (rc == 0)
        rc = read_records(s, r, e);
    bl_rowsr_del(r);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}

int bl_row_source_read(bl_row_source *s, const char *const *paths, size_t n,
                       bl_input *first, const char *path, bl_err *e)
{
    int rc = bl_row_store_spill(&s->store, path, e);
    if (rc == 0)
        rc = read_stream(s, first, n > 0 ? paths[0] : "-", e);
    for (size_t i = 1; i < n && rc == 0; i++) {
        bl_input in = BL_INPUT_INIT;
        rc = bl_input_open(&in, paths[i], e);
        if (rc == 0)
            rc = read_stream(s, &in, paths[i], e);
        bl_input_close(&in);
    }
    s->n_empty = rc == 0 ? bl_row_store_drop_empty(&s->store) : 0;
    if (rc == 0 && s->store.n_pieces == 0) {
        rc = bl_fail(e, BL_E_FORMAT,
                     s->n_empty > 0 ? "no piece of the input has a window"
                                    : "there is no piece in the input");
        return bl_fail_in(e, rc, s->file);
    }
    return rc;
}

void bl_row_source_free(bl_row_source *s)
{
    bl_row_store_free(&s->store);
    bl_prov_del(s->pg);
    *s = (bl_row_source){0};
}

/* ---- names of numbers ---- */

static int add_names(bl_words *words, bl_err *e)
{
    static const char *const before[] = {"PAD", "BOS", "EOS", "MASK"};
    static const char *const kinds[] = {"Hit", "Velocity", "Offset"};
    int rc = 0;
    for (size_t i = 0; i < BL_COUNT(before) && rc == 0; i++)
        rc = bl_words_add(words, before[i], strlen(before[i]), e);
    for (size_t i = 0; i < BL_HVO_CELLS && rc == 0; i++) {
        char name[64];
        int len = snprintf(name, sizeof name, "%s_%s", kinds[i / BL_HVO_VOICES],
                           bl_hvo_voice_name((int)(i % BL_HVO_VOICES)));
        for (char *c = strchr(name, ' '); c != NULL; c = strchr(c, ' '))
            *c = '-';
        rc = bl_words_add(words, name, (size_t)len, e);
    }
    return rc;
}

int bl_row_vocab(bl_vocab *v, bl_err *e)
{
    bl_tokens_kind kind = {.spec = {.scheme = BL_GROOVE, .grid = BL_HVO_BAR / 4}};
    bl_words *words = bl_words_new(e);
    uint64_t *count = bl_calloc(BL_HVO_CELLS + 4, sizeof *count, e);
    int rc = words == NULL || count == NULL ? BL_E_NOMEM : add_names(words, e);
    bl_sha256_of(BL_GROOVE, strlen(BL_GROOVE), kind.sha256);
    if (rc == 0)
        rc = bl_vocab_make(v, words, count, &kind, e);
    if (rc != 0) {
        bl_words_del(words);
        free(count);
    }
    return rc;
}

/* ---- near copies ---- */

int bl_row_print_add(bl_prints *prints, const bl_row_store *s, size_t i,
                     const bl_rows *rows, bl_err *e)
{
    bl_fingerprint print;
    const bl_row_piece *p = &s->pieces[i];
    size_t numbers = bl_rows_numbers(&s->kind);
    int bars = (int)(s->kind.shape[0] / BL_HVO_BAR);
    bl_song song = {0};
    bl_hvo_decoder d;
    int rc = bl_hvo_decode_begin(&d, &song, p->tpq, e);
    for (size_t k = 0; k < rows->n && rc == 0; k++)
        rc = bl_hvo_decode(&d, rows->x + k * numbers, bars, rows->bar[k],
                           rows->tempo[k], e);
    if (rc == 0)
        rc = bl_hvo_decode_end(&d, e);
    if (rc == 0)
        rc = bl_fingerprint_of(&print, &song, e);
    if (rc == 0)
        rc = bl_prints_add(prints, &print, e);
    bl_song_free(&song);
    return rc;
}
