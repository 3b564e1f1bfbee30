/* fidelity.c - see fidelity.h. A piece becomes a frame: its bars, a chord for each
 * quarter note of them, tempo, key and labels as tokens. What came is what is found in
 * the notes, whatever tokens say of them. */
#include "flow/fidelity.h"

#include "flow/conditions.h"
#include "flow/fidelity_notes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t first; /* beat */
    unsigned meter;
} frame_bar;

typedef struct {
    frame_bar *bars;
    size_t n_bars, cap_bars;
    bl_ids beats; /* 1 + the place of the chord among all, 0 before the first */
    bl_ids labels;
    unsigned tempo; /* id, BL_ID_PAD: none */
    int key;        /* its place among all, -1: none */
} frame;

typedef struct {
    size_t number; /* of the condition: copies have one */
    frame asked, came;
    bl_kept_notes outside, notes; /* of the hole, in what is asked; that came */
} pair;

/* The last one only where a hole is told of. */
enum { CHORD, ROOT, METER, BARS, TEMPO, KEY, LABELS, OUTSIDE, N_ROWS };

typedef struct {
    uint64_t n, same;
} share;

typedef struct {
    const bl_scheme *scheme; /* of the pieces */
    bl_scheme *plain; /* the same with chords and keys: options come last, so that ids
                       * of bars, meters and tempos are those of any other */
    bl_hole hole;
    bl_parts parts;
    int has_hole, has_parts;
    bl_song song;
    bl_ids found;
    pair *pairs;
    size_t n, cap;
    bl_err *e;
} fidelity;

/* ---- frames ---- */

static void free_frame(frame *f)
{
    free(f->bars);
    bl_ids_free(&f->beats);
    bl_ids_free(&f->labels);
}

/* Chords hold until the next: beats up to `to` get that of the last. */
static int fill_beats(frame *f, size_t to, unsigned chord, bl_err *e)
{
    int rc = 0;
    while (rc == 0 && f->beats.n < to)
        rc = bl_ids_add(&f->beats, chord, e);
    return rc;
}

static int add_bar(frame *f, size_t first, unsigned meter, bl_err *e)
{
    void *p = f->bars;
    int rc = bl_grow(&p, &f->cap_bars, f->n_bars + 1, sizeof *f->bars, e);
    f->bars = p;
    if (rc == 0)
        f->bars[f->n_bars++] = (frame_bar){first, meter};
    return rc;
}

/* The place of a token among those of its meaning, and their number. */
static int place_of(const bl_scheme *s, unsigned id, int *n)
{
    bl_meaning is = bl_scheme_meaning(s, id);
    unsigned first = id, past = id;
    while (first > 0 && bl_scheme_meaning(s, first - 1) == is)
        first--;
    while (past < bl_words_size(bl_scheme_words(s)) && bl_scheme_meaning(s, past) == is)
        past++;
    *n = (int)(past - first);
    return (int)(id - first);
}

/* 1 + the place of a chord by its name, of a degree in the key; roots are in order, the
 * last is none. */
static unsigned chord_of(const bl_scheme *s, unsigned id, int key)
{
    int n, place = place_of(s, id, &n), of_root = (n - 1) / 12;
    if (place < n - 1 && key >= 0 && bl_scheme_spec(s)->degrees)
        place = (place / of_root + key) % 12 * of_root + place % of_root;
    return (unsigned)place + 1;
}

/* Quarter notes of a bar, a part of one counts. */
static size_t beats_of(const bl_scheme *s, unsigned meter)
{
    int num, den;
    return bl_scheme_meter(s, meter, &num, &den) ? (size_t)((4 * num + den - 1) / den)
                                                 : 4;
}

static int read_frame(const bl_scheme *s, frame *f, const bl_ids *ids, bl_err *e)
{
    unsigned chord = 0, meter = BL_ID_PAD;
    size_t first = 0, now = 0;
    int rc = 0, n;
    f->tempo = BL_ID_PAD;
    f->key = -1;
    for (size_t i = 0; rc == 0 && i < ids->n; i++) {
        unsigned id = ids->id[i];
        bl_meaning is = bl_scheme_meaning(s, id);
        if (is == BL_IS_BAR) {
            first = now = f->n_bars > 0 ? first + beats_of(s, meter) : 0;
            rc = add_bar(f, first, meter, e);
        } else if (is == BL_IS_METER && f->n_bars > 0) {
            meter = f->bars[f->n_bars - 1].meter = id;
        } else if (is == BL_IS_POSITION) {
            now = first + (size_t)(bl_scheme_position(s, id) / bl_scheme_grid(s));
        } else if (is == BL_IS_CHORD) {
            rc = fill_beats(f, now, chord, e);
            chord = chord_of(s, id, f->key);
        } else if (is == BL_IS_KEY && f->key < 0) {
            f->key = place_of(s, id, &n);
        } else if (is == BL_IS_LABEL) {
            rc = bl_ids_add(&f->labels, id, e);
        } else if (f->tempo == BL_ID_PAD &&
                   strcmp(bl_scheme_kind(s, id), "Tempo") == 0) {
            f->tempo = id;
        }
    }
    return rc == 0 ? fill_beats(f, first + beats_of(s, meter), chord, e) : rc;
}

/* Labels are of the tokens, all else of the song they make: chords and the key are
 * found in it. */
static int read_came(fidelity *f, frame *to, const bl_ids *ids)
{
    size_t bars, skipped;
    f->found.n = 0;
    int rc = bl_scheme_decode(f->scheme, ids->id, ids->n, &f->song, &skipped, f->e);
    f->song.n_keys = 0;
    if (rc == 0)
        rc = bl_scheme_encode(f->plain, &f->song, &f->found, &bars, NULL, f->e);
    if (rc == 0)
        rc = read_frame(f->plain, to, &f->found, f->e);
    for (size_t i = 0; rc == 0 && i < ids->n; i++)
        if (bl_scheme_meaning(f->scheme, ids->id[i]) == BL_IS_LABEL)
            rc = bl_ids_add(&to->labels, ids->id[i], f->e);
    return rc;
}

/* ---- pairs ---- */

static int add_pair(fidelity *f, const bl_named_piece *condition, const bl_ids *came)
{
    const bl_ids *asked = &condition->ids;
    void *p = f->pairs;
    int rc = bl_grow(&p, &f->cap, f->n + 1, sizeof *f->pairs, f->e);
    f->pairs = p;
    if (rc != 0)
        return rc;
    pair *x = &f->pairs[f->n++];
    *x = (pair){.number = condition->order};
    rc = read_frame(f->scheme, &x->asked, asked, f->e);
    if (rc == 0)
        rc = read_came(f, &x->came, came);
    if (rc == 0 && f->has_hole)
        rc = bl_kept_read(&x->outside, f->scheme, asked->id, asked->n, &f->hole,
                          f->has_parts ? &f->parts : NULL, f->e);
    return rc == 0 && f->has_hole
               ? bl_kept_read(&x->notes, f->scheme, came->id, came->n, NULL, NULL, f->e)
               : rc;
}

static int read_pairs(fidelity *f, const char *conditions, bl_source *source,
                      const char *const *paths, size_t n, uint64_t *n_alone)
{
    bl_conditions c = {0};
    bl_piece piece = {0};
    int rc = bl_conditions_read(&c, conditions, bl_corpus_kind(source->corpus),
                                n > 0 ? paths[0] : "-", f->e);
    while (rc == 0 && (rc = bl_corpus_next(source->corpus, &piece, f->e)) > 0) {
        const bl_named_piece *asked = bl_conditions_of(&c, piece.name);
        *n_alone += asked == NULL;
        rc = asked != NULL ? add_pair(f, asked, &piece.ids) : 0;
    }
    bl_piece_free(&piece);
    bl_conditions_free(&c);
    if (rc == 0 && f->n == 0)
        rc = bl_fail(f->e, BL_E_FORMAT,
                     "no piece has the name of a condition in '%.120s'", conditions);
    return rc;
}

/* ---- comparing ---- */

static void count(share *s, int same)
{
    s->n++;
    s->same += (uint64_t)(same != 0);
}

static size_t end_of_bar(const frame *f, size_t bar)
{
    return bar + 1 < f->n_bars ? f->bars[bar + 1].first : f->beats.n;
}

/* Of the bars that both have. Chords are asked for where they have a root. */
static void compare_bars(const frame *a, const frame *b, int n_chords,
                         share rows[N_ROWS])
{
    int of_root = (n_chords - 1) / 12;
    for (size_t bar = 0; bar < a->n_bars && bar < b->n_bars; bar++) {
        size_t i = a->bars[bar].first, j = b->bars[bar].first;
        count(&rows[METER], a->bars[bar].meter == b->bars[bar].meter);
        for (; i < end_of_bar(a, bar) && j < end_of_bar(b, bar); i++, j++) {
            int x = a->beats.id[i] - 1, y = b->beats.id[j] - 1;
            if (x < 0 || x == n_chords - 1)
                continue;
            count(&rows[CHORD], x == y);
            count(&rows[ROOT], y >= 0 && x / of_root == y / of_root);
        }
    }
}

static void compare(const pair *asked, const pair *came, int n_chords,
                    share rows[N_ROWS])
{
    const frame *a = &asked->asked, *b = &came->came;
    compare_bars(a, b, n_chords, rows);
    count(&rows[BARS], a->n_bars == b->n_bars);
    if (a->tempo != BL_ID_PAD)
        count(&rows[TEMPO], a->tempo == b->tempo);
    if (a->key >= 0)
        count(&rows[KEY], a->key == b->key);
    rows[OUTSIDE].n += asked->outside.n;
    rows[OUTSIDE].same += bl_kept_same(&asked->outside, &came->notes);
    if (a->labels.n > 0)
        count(&rows[LABELS], a->labels.n == b->labels.n &&
                                 memcmp(a->labels.id, b->labels.id,
                                        a->labels.n * sizeof *a->labels.id) == 0);
}

static double ratio(share s)
{
    return s.n > 0 ? (double)s.same / (double)s.n : NAN;
}

static int count_chords(const bl_scheme *s)
{
    int n = 0;
    for (unsigned id = 0; id < bl_words_size(bl_scheme_words(s)); id++)
        n += bl_scheme_meaning(s, id) == BL_IS_CHORD;
    return n;
}

/* The next pair of another condition than the i-th's, after the last the first; or
 * NULL. */
static const pair *next_other(const fidelity *f, size_t i)
{
    for (size_t k = 1; k < f->n; k++) {
        const pair *p = &f->pairs[(i + k) % f->n];
        if (p->number != f->pairs[i].number)
            return p;
    }
    return NULL;
}

/* Chance: each piece against the condition of the next that has another. */
static int write_rows(const fidelity *f, bl_buf *text)
{
    static const char *const names[N_ROWS] = {"chord", "root", "meter",  "bars",
                                              "tempo", "key",  "labels", "outside"};
    share own[N_ROWS] = {{0}}, other[N_ROWS] = {{0}};
    int n_chords = count_chords(f->plain);
    for (size_t i = 0; i < f->n; i++) {
        compare(&f->pairs[i], &f->pairs[i], n_chords, own);
        const pair *next = next_other(f, i);
        if (next != NULL)
            compare(next, &f->pairs[i], n_chords, other);
    }
    int rc = bl_buf_adds(text, "what\tasked\tkept\tchance\n", f->e);
    for (int k = 0; k < N_ROWS - !f->has_hole && rc == 0; k++) {
        rc =
            bl_buf_addf(text, f->e, "%s\t%llu", names[k], (unsigned long long)own[k].n);
        const double of[] = {ratio(own[k]), ratio(other[k])};
        for (size_t i = 0; i < BL_COUNT(of) && rc == 0; i++)
            rc = isnan(of[i]) ? bl_buf_adds(text, "\tnan", f->e)
                              : bl_buf_addf(text, f->e, "\t%.4f", of[i]);
        if (rc == 0)
            rc = bl_buf_addc(text, '\n', f->e);
    }
    return rc;
}

static int open_plain(fidelity *f)
{
    bl_spec spec = *bl_scheme_spec(f->scheme);
    spec.chords = spec.key = 1;
    spec.degrees = spec.common_key = 0;
    return bl_scheme_open(&f->plain, &spec, f->e);
}

int bl_fidelity_add(const char *conditions, const char *hole, const char *const *paths,
                    size_t n, const bl_progress *progress, bl_buf *text, bl_err *e)
{
    bl_source source = {0};
    fidelity f = {.e = e, .has_hole = hole != NULL};
    uint64_t n_alone = 0;
    int reads_stdin = n == 0;
    for (size_t i = 0; i < n; i++)
        reads_stdin |= strcmp(paths[i], "-") == 0;
    if (reads_stdin && strcmp(conditions, "-") == 0)
        return bl_fail(e, BL_E_ARG,
                       "--fidelity -: standard input is what is measured already; name "
                       "the other one");
    int rc = hole != NULL ? bl_hole_parse(&f.hole, &f.parts, &f.has_parts, hole, e) : 0;
    if (rc == 0)
        rc = bl_source_open(&source, paths, n, e);
    f.scheme = source.scheme;
    if (rc == 0 && !bl_scheme_takes_parts(f.scheme))
        rc = bl_fail(e, BL_E_ARG, "--fidelity is of the scheme 'remi', not of '%.32s'",
                     bl_scheme_name(f.scheme));
    if (rc == 0)
        rc = open_plain(&f);
    if (rc == 0)
        rc = read_pairs(&f, conditions, &source, paths, n, &n_alone);
    if (rc == 0 && n_alone > 0)
        bl_notice(bl_notices_of(progress), BL_NOTICE_WARNING,
                  "%llu pieces have no condition in '%s'", (unsigned long long)n_alone,
                  conditions);
    if (rc == 0)
        rc = write_rows(&f, text);
    for (size_t i = 0; i < f.n; i++) {
        free_frame(&f.pairs[i].asked);
        free_frame(&f.pairs[i].came);
        free(f.pairs[i].outside.note);
        free(f.pairs[i].notes.note);
    }
    free(f.pairs);
    bl_ids_free(&f.found);
    bl_song_free(&f.song);
    bl_scheme_del(f.plain);
    bl_source_free(&source);
    return rc;
}
