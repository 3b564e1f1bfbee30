/* copies.c - see copies.h. */
#include "flow/copies.h"

#include "token/transpose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const bl_copies *of;
    const bl_coder *coder;
    bl_shardw *writer;
    int32_t *transposed; /* [words of the scheme] */
    bl_song song;        /* scratch */
    int n_sides;         /* 2 where a condition goes with the piece */
    bl_ids ids[2];       /* piece and condition in the scheme's ids */
    bl_ids changed[2];   /* the same at another tempo */
    bl_ids copy[2];      /* in the vocabulary's ids */
    uint64_t n_copies;
} work;

static int encode(work *w, bl_ids *out, bl_err *e)
{
    size_t bars;
    out->n = 0;
    int rc = bl_scheme_encode(w->coder->scheme, &w->song, out, &bars, NULL, e);
    return rc == BL_E_FORMAT || rc == BL_E_LIMIT ? 0 : rc;
}

/* One side at another tempo, to w->changed: 1, or 0 where the scheme does not give the
 * same music back. */
static int side_at_tempo(work *w, int side, double factor, bl_err *e)
{
    bl_song *s = &w->song;
    const bl_ids *ids = &w->ids[side];
    bl_ids *changed = &w->changed[side];
    int has_first = 0;
    int rc = bl_scheme_decode(w->coder->scheme, ids->id, ids->n, s, NULL, e);
    if (rc == 0)
        rc = encode(w, changed, e);
    if (rc != 0)
        return rc;
    if (changed->n != ids->n || memcmp(changed->id, ids->id, 2 * ids->n) != 0)
        return 0;
    for (size_t i = 0; i < s->n_tempos; i++) {
        has_first |= s->tempos[i].tick == 0;
        s->tempos[i].us = (uint32_t)(s->tempos[i].us / factor + 0.5);
    }
    if (!has_first) {
        rc = bl_song_add_tempo(s, 0, (uint32_t)(500000 / factor + 0.5), e);
        if (rc == 0)
            rc = bl_song_sort(s, e);
    }
    if (rc == 0)
        rc = encode(w, changed, e);
    return rc == 0 ? changed->n > 0 : rc;
}

static int is_hole(const work *w)
{
    int has_mask = 0;
    for (size_t i = 0; w->n_sides > 1 && i < w->ids[1].n; i++)
        has_mask |= w->ids[1].id[i] == BL_ID_MASK;
    return has_mask;
}

/* MASK at the end of the bars of w->changed[1] at whose end it is in `from`. */
static int put_masks(work *w, const bl_ids *from, bl_err *e)
{
    const bl_scheme *scheme = w->coder->scheme;
    bl_ids *to = &w->changed[1], plain = *to;
    size_t k = 0;
    int rc = 0;
    *to = (bl_ids){0};
    for (size_t i = 0; i <= plain.n && rc == 0; i++) {
        if (i == plain.n || bl_scheme_begins_bar(scheme, plain.id[i])) {
            while (k < from->n && !bl_scheme_begins_bar(scheme, from->id[k]))
                k++;
            if (k > 0 && from->id[k - 1] == BL_ID_MASK)
                rc = bl_ids_add(to, BL_ID_MASK, e);
            k++;
        }
        if (rc == 0 && i < plain.n)
            rc = bl_ids_add(to, plain.id[i], e);
    }
    bl_ids_free(&plain);
    return rc;
}

/* What is to fill a hole has no tempo; the piece around it, as it is without MASK. */
static int hole_at_tempo(work *w, double factor, bl_err *e)
{
    bl_ids masked = w->ids[1];
    int rc = 0;
    w->changed[0].n = 0;
    w->ids[1] = (bl_ids){0};
    for (size_t i = 0; i < masked.n && rc == 0; i++)
        if (masked.id[i] != BL_ID_MASK)
            rc = bl_ids_add(&w->ids[1], masked.id[i], e);
    if (rc == 0)
        rc = bl_ids_add_n(&w->changed[0], w->ids[0].id, w->ids[0].n, e);
    if (rc == 0)
        rc = side_at_tempo(w, 1, factor, e);
    bl_ids_free(&w->ids[1]);
    w->ids[1] = masked;
    if (rc <= 0)
        return rc;
    rc = put_masks(w, &masked, e);
    return rc == 0 ? 1 : rc;
}

/* Both sides: 1, or 0 where one of them does not come back. */
static int at_tempo(work *w, double factor, bl_err *e)
{
    int rc = 1;
    if (is_hole(w))
        return hole_at_tempo(w, factor, e);
    for (int side = 0; side < w->n_sides && rc > 0; side++)
        rc = side_at_tempo(w, side, factor, e);
    return rc;
}

/* w->changed of a side through w->transposed, to ids of the vocabulary in w->copy: 1,
 * or 0 where there are none for it. */
static int transpose(work *w, int side, bl_err *e)
{
    const bl_ids *from = &w->changed[side];
    bl_ids *to = &w->copy[side];
    int rc = 0;
    to->n = 0;
    for (size_t k = 0; k < from->n && rc == 0; k++) {
        int32_t id = w->transposed[from->id[k]];
        if (id < 0)
            return 0;
        rc = bl_ids_add(to, (unsigned)id, e);
    }
    int64_t lacking = rc == 0 ? bl_coder_to_vocab(w->coder, to, e) : rc;
    return lacking < 0 ? (int)lacking : lacking == 0;
}

/* w->changed transposed, as one more copy of piece i. */
static int add_copy(work *w, size_t i, int by, double factor, bl_err *e)
{
    char suffix[48];
    int rc = bl_transposition(w->coder->scheme, by, w->transposed, e);
    if (rc != 0)
        return rc;
    rc = 1;
    for (int side = 0; side < w->n_sides && rc > 0; side++)
        rc = transpose(w, side, e);
    if (rc <= 0)
        return rc;
    snprintf(suffix, sizeof suffix, "#transpose=%+d,tempo=%.4g", by, factor);
    rc = bl_shardw_add_copy(w->writer, i, suffix, w->copy[0].id, w->copy[0].n, e);
    if (rc == 0 && w->n_sides > 1)
        rc = bl_shardw_condition(w->writer, bl_shardw_size(w->writer) - 1,
                                 w->copy[1].id, w->copy[1].n, e);
    w->n_copies += rc == 0;
    return rc;
}

/* Both sides of piece i in the scheme's ids. */
static int take_piece(work *w, size_t i, bl_err *e)
{
    int rc = 1;
    w->n_sides = 0;
    for (int side = 0; side < 2 && rc > 0; side++) {
        rc = bl_shardw_ids(w->writer, i, side, &w->copy[side], e);
        if (rc <= 0)
            break;
        w->n_sides++;
        rc = bl_coder_to_scheme(w->coder, w->copy[side].id, w->copy[side].n,
                                &w->ids[side], e);
        rc = rc == 0 ? 1 : rc;
    }
    return bl_min(rc, 0);
}

static int keep_tempo(work *w, bl_err *e)
{
    int rc = 0;
    for (int side = 0; side < w->n_sides && rc == 0; side++) {
        w->changed[side].n = 0;
        rc = bl_ids_add_n(&w->changed[side], w->ids[side].id, w->ids[side].n, e);
    }
    return rc;
}

static double factor_of(const bl_copies *c, int t)
{
    return c->n_tempos == 1
               ? 1
               : c->slowest + (c->fastest - c->slowest) * t / (c->n_tempos - 1);
}

static int copy_piece(work *w, size_t i, bl_err *e)
{
    int rc = take_piece(w, i, e);
    for (int t = 0; t < w->of->n_tempos && rc == 0; t++) {
        double factor = factor_of(w->of, t);
        int is_plain = fabs(factor - 1) < 1e-9;
        rc = is_plain ? keep_tempo(w, e) : at_tempo(w, factor, e);
        if (!is_plain && rc <= 0)
            continue;
        rc = rc < 0 ? rc : 0;
        for (int by = w->of->low; by <= w->of->high && rc == 0; by++)
            if (by != 0 || !is_plain)
                rc = add_copy(w, i, by, factor, e);
    }
    return rc;
}

int bl_copies_add(const bl_copies *copies, const bl_coder *coder, bl_shardw *writer,
                  const bl_progress *progress, bl_counts *n, bl_err *e)
{
    work w = {.of = copies, .coder = coder, .writer = writer};
    size_t n_words = bl_words_size(bl_scheme_words(coder->scheme));
    int rc = 0;
    w.transposed = bl_calloc(n_words, sizeof *w.transposed, e);
    if (w.transposed == NULL)
        return BL_E_NOMEM;
    n->of_pieces = bl_shardw_size(writer); /* copies come behind */
    for (n->pieces = 0; n->pieces < n->of_pieces && rc == 0; n->pieces++) {
        if (bl_shardw_split(writer, n->pieces) == 0)
            rc = copy_piece(&w, n->pieces, e);
        n->copies = w.n_copies;
        bl_tell(progress, n);
    }
    free(w.transposed);
    bl_song_free(&w.song);
    for (int side = 0; side < 2; side++) {
        bl_ids_free(&w.ids[side]);
        bl_ids_free(&w.changed[side]);
        bl_ids_free(&w.copy[side]);
    }
    return rc;
}

/* ---- what is asked for ---- */

/* "LOW..HIGH" of a key of --augment. */
static int parse_range(const char *p, double *low, double *high, const char **end)
{
    char *after;
    *low = strtod(p, &after);
    if (after == p || strncmp(after, "..", 2) != 0)
        return 0;
    p = after + 2;
    *high = strtod(p, &after);
    *end = after;
    return after != p && *low <= *high;
}

/* strtod takes "5." of "5..6" as a number, hence the whole numbers. */
int bl_copies_parse(bl_copies *c, const char *text, bl_err *e)
{
    *c = (bl_copies){0, 0, 1, 1, 1};
    for (const char *p = text; p != NULL && *p != '\0';) {
        int n = 0, good = 0;
        if (sscanf(p, "transpose=%d..%d%n", &c->low, &c->high, &n) == 2 && n > 0) {
            good = c->low <= c->high && c->low >= -24 && c->high <= 24;
            p += n;
        } else if (strncmp(p, "tempo=", 6) == 0) {
            good = parse_range(p + 6, &c->slowest, &c->fastest, &p) &&
                   c->slowest >= 0.5 && c->fastest <= 2;
            c->n_tempos = 3;
            if (good && sscanf(p, "/%d%n", &c->n_tempos, &n) == 1)
                p += n;
            good &= c->n_tempos >= 2 && c->n_tempos <= 99;
        }
        if (!good || (*p != ',' && *p != '\0'))
            return bl_fail(e, BL_E_ARG,
                           "--augment '%.64s': it is transpose=-5..6 (within 24), "
                           "tempo=.9..1.1 (within .5..2, /N of them), or both with a "
                           "comma",
                           text);
        if (*p == ',' && *++p == '\0')
            return bl_fail(e, BL_E_ARG, "--augment '%.64s' ends in a comma", text);
    }
    return 0;
}
