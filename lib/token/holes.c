/* holes.c - see holes.h. A piece is read as a list of what stands at its places, so
 * that both sides are written, and put together, by one rule. */
#include "token/holes.h"
#include "base/mem.h"
#include "token/remi.h"
#include "token/voices.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is asked for ---- */

static int parse_bar(const char **text, size_t *bar)
{
    *bar = 0;
    const char *from = *text;
    for (; **text >= '0' && **text <= '9' && *text - from < 7; ++*text)
        *bar = *bar * 10 + (size_t)(**text - '0');
    return *bar > 0;
}

int bl_hole_parse(bl_hole *hole, bl_parts *parts, int *has_parts, const char *text,
                  bl_err *e)
{
    const char *at = text;
    int good = parse_bar(&at, &hole->from);
    hole->to = hole->from;
    if (good && *at == '-') {
        at++;
        good = parse_bar(&at, &hole->to);
    }
    *has_parts = good && *at == ':';
    if (!good || hole->to < hole->from || (*at != '\0' && *at != ':'))
        return bl_fail(e, BL_E_ARG,
                       "'%.40s' is no hole; one is bars such as 9-12, or 9-12:bass",
                       text);
    if (!*has_parts)
        return 0;
    int rc = bl_parts_parse(parts, at + 1, e);
    if (rc == 0 && (parts->chords || parts->n_tracks > 0))
        return bl_fail(e, BL_E_ARG,
                       "tokens have no tracks, and chords stay as they are: a hole is "
                       "of melody, bass, drums and program=A-B");
    return rc;
}

int bl_holes_are_of(const bl_scheme *s)
{
    return strcmp(bl_scheme_name(s), "remi") == 0;
}

/* ---- reading ---- */

typedef struct {
    bl_hole_piece *piece;
    uint32_t bar;
    int position, program;
} reader;

static int add_item(bl_hole_piece *p, const bl_hole_item *item, bl_err *e)
{
    int rc = bl_room(&p->item, &p->cap, p->n + 1, sizeof *item, e);
    if (rc == 0)
        p->item[p->n++] = *item;
    return rc;
}

static int read_token(reader *r, unsigned id, bl_err *e)
{
    const bl_scheme *s = r->piece->scheme;
    int kind = s->kind_of[id], i = (int)id - s->first[kind];
    bl_hole_item item = {.bar = r->bar,
                         .position = (int16_t)r->position,
                         .rank = -1,
                         .pitch = -1,
                         .program = -1,
                         .token = {(uint16_t)id},
                         .n = 1};
    switch (kind) {
    case REMI_BAR:
        r->bar++;
        r->position = -1;
        return 0;
    case REMI_POSITION:
        r->position = i;
        return 0;
    case REMI_PROGRAM:
        r->program = i;
        return 0;
    case REMI_VELOCITY:
    case REMI_DURATION: {
        bl_hole_item *note = r->piece->n > 0 ? &r->piece->item[r->piece->n - 1] : NULL;
        if (note == NULL || !note->is_note || note->n == BL_COUNT(note->token))
            return bl_fail(e, BL_E_FORMAT, "'%s' is out of place",
                           bl_words_name(s->words, id));
        note->token[note->n++] = (uint16_t)id;
        return 0;
    }
    case REMI_PEDAL:
        item.rank = item.program = (int16_t)r->program;
        break;
    case REMI_PITCH:
        item.rank = item.program = (int16_t)r->program;
        item.pitch = (int16_t)i;
        item.is_note = 1;
        break;
    case REMI_DRUM:
        item.rank = BL_PROGRAM_DRUMS;
        item.pitch = (int16_t)i;
        item.is_note = 1;
        break;
    default:
        break;
    }
    return add_item(r->piece, &item, e);
}

int bl_hole_read(bl_hole_piece *p, const bl_scheme *s, const uint16_t *ids, size_t n,
                 bl_err *e)
{
    reader r = {.piece = p, .position = -1, .program = -1};
    bl_grammar g;
    int rc = 0;
    p->scheme = s;
    p->n = 0;
    bl_grammar_start(&g, s);
    for (size_t i = 0; i <= n && rc == 0; i++) {
        unsigned id = i < n ? ids[i] : BL_ID_EOS;
        const char *wrong = bl_grammar_step(&g, id);
        if (wrong != NULL)
            rc = bl_fail(e, BL_E_FORMAT, "token %zu '%s': %s", i + 1,
                         bl_words_name(s->words, id), wrong);
        else if (i < n)
            rc = read_token(&r, id, e);
    }
    p->bars = r.bar;
    return rc;
}

void bl_hole_piece_free(bl_hole_piece *p)
{
    free(p->item);
    *p = (bl_hole_piece){0};
}

/* ---- what is taken out ---- */

static int is_in(const bl_hole *hole, const bl_hole_item *item)
{
    return item->is_note && item->bar >= hole->from && item->bar <= hole->to;
}

size_t bl_hole_take(bl_hole_piece *p, const bl_hole *hole,
                    const uint8_t players[BL_HOLE_PLAYERS])
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        bl_hole_item *item = &p->item[i];
        item->is_taken = is_in(hole, item) && (players == NULL || players[item->rank]);
        n += item->is_taken;
    }
    return n;
}

/* The notes as a song whose tracks are the instruments; note i says in `closed` which
 * item it is. */
static int make_song(const bl_hole_piece *p, bl_song *song, bl_err *e)
{
    int32_t step = bl_remi_position_ticks(p->scheme->grid), start = 0;
    int meter = REMI_METER_4_4, rc = 0;
    uint32_t bar = 0;
    song->tpq = REMI_TPQ;
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        const bl_hole_item *item = &p->item[i];
        for (; bar < item->bar; bar++)
            start += bar > 0 ? bl_remi_meter_ticks(meter) : 0;
        int kind = p->scheme->kind_of[item->token[0]];
        if (kind == REMI_TIMESIG)
            meter = item->token[0] - p->scheme->first[kind];
        if (!item->is_note)
            continue;
        bl_note note = {.on = start + item->position * step,
                        .pitch = (uint8_t)item->pitch,
                        .velocity = 64,
                        .drum = item->rank == BL_PROGRAM_DRUMS,
                        .closed = (uint32_t)i};
        int length = item->token[2] - p->scheme->first[REMI_DURATION];
        note.off = note.on + bl_remi_duration(length) * step / 2;
        note.program = note.drum ? 0 : (uint8_t)item->rank;
        note.track = (uint16_t)item->rank;
        rc = bl_song_add_note(song, note, e);
    }
    return rc == 0 ? bl_song_sort(song, e) : rc;
}

int bl_hole_take_parts(bl_hole_piece *p, const bl_hole *hole, const bl_parts *parts,
                       uint8_t players[BL_HOLE_PLAYERS], bl_err *e)
{
    bl_song song = {0};
    for (size_t i = 0; i < p->n; i++)
        p->item[i].is_taken = 0;
    memset(players, 0, BL_HOLE_PLAYERS);
    int rc = make_song(p, &song, e);
    if (rc == 0)
        rc = bl_parts_take(parts, 0, &song, e);
    for (size_t i = 0; i < song.n_notes && rc == 0; i++) {
        bl_hole_item *item = &p->item[song.notes[i].closed];
        item->is_taken = (uint8_t)is_in(hole, item);
        players[item->rank] = 1;
    }
    bl_song_free(&song);
    return rc;
}

/* ---- writing ---- */

typedef struct {
    const bl_scheme *scheme;
    bl_ids *out;
    uint32_t bar;
    int position, program;
    const bl_hole *masked; /* or NULL */
} writer;

static int put(writer *w, int kind, int i, bl_err *e)
{
    return bl_ids_add(w->out, bl_token(w->scheme, kind, i), e);
}

/* Bars up to this one. */
static int put_bars(writer *w, uint32_t bar, bl_err *e)
{
    int rc = 0;
    while (rc == 0 && w->bar < bar) {
        const bl_hole *h = w->masked;
        if (h != NULL && w->bar >= h->from && w->bar <= h->to)
            rc = bl_ids_add(w->out, BL_ID_MASK, e);
        if (rc == 0)
            rc = put(w, REMI_BAR, 0, e);
        w->bar++;
        w->position = -1;
    }
    return rc;
}

static int put_item(writer *w, const bl_hole_item *item, bl_err *e)
{
    int rc = put_bars(w, item->bar, e);
    if (rc == 0 && item->position != w->position)
        rc = put(w, REMI_POSITION, item->position, e);
    w->position = item->position;
    if (rc == 0 && item->program >= 0 && item->program != w->program) {
        rc = put(w, REMI_PROGRAM, item->program, e);
        w->program = item->program;
    }
    return rc == 0 ? bl_ids_add_n(w->out, item->token, item->n, e) : rc;
}

/* The last bars, of which nothing may be left. */
static int put_end(writer *w, size_t bars, bl_err *e)
{
    int rc = put_bars(w, (uint32_t)bars, e);
    const bl_hole *h = w->masked;
    if (rc == 0 && h != NULL && bars >= h->from && bars <= h->to)
        rc = bl_ids_add(w->out, BL_ID_MASK, e);
    return rc;
}

static writer writer_of(const bl_scheme *s, bl_ids *out, size_t before)
{
    out->n = 0;
    return (writer){s, out, (uint32_t)before, -1, -1, NULL};
}

/* What holds where a part of the piece begins was said before it. */
enum { N_LASTING = 4 };

/* Of lasting ones in their order, N_LASTING of all others. */
static int order_of(const bl_hole_piece *p, const bl_hole_item *item)
{
    static const int kinds[N_LASTING] = {REMI_TIMESIG, REMI_KEY, REMI_CHORD,
                                         REMI_TEMPO};
    int i = 0;
    while (i < N_LASTING && p->scheme->kind_of[item->token[0]] != kinds[i])
        i++;
    return i;
}

/* Those that hold at the beginning of bar `from`, as if they were said there; where it
 * says another there is none, n = 0. */
static void find_lasting(const bl_hole_piece *p, uint32_t from,
                         bl_hole_item lasting[N_LASTING])
{
    for (size_t i = 0; i < p->n && p->item[i].bar <= from; i++) {
        int order = order_of(p, &p->item[i]);
        if (order == N_LASTING || p->item[i].bar == 0)
            continue;
        if (p->item[i].bar < from) {
            lasting[order] = p->item[i];
            lasting[order].bar = from;
            lasting[order].position = (int16_t)bl_min(p->item[i].position, 0);
        } else if (p->item[i].position <= 0) {
            lasting[order].n = 0;
        }
    }
}

static int is_after(const bl_hole_piece *p, const bl_hole_item *a,
                    const bl_hole_item *b)
{
    if (a->bar != b->bar)
        return a->bar > b->bar;
    if (a->position != b->position)
        return a->position > b->position;
    return order_of(p, a) > order_of(p, b);
}

/* What stays of the bars of `window`, and what holds there. */
static int put_rest(writer *w, const bl_hole_piece *p, const bl_hole *window, bl_err *e)
{
    bl_hole_item lasting[N_LASTING] = {{.n = 0}};
    int next = 0, rc = 0;
    find_lasting(p, (uint32_t)window->from, lasting);
    for (size_t i = 0; i <= p->n && rc == 0; i++) {
        const bl_hole_item *item = i < p->n ? &p->item[i] : NULL;
        int is_there =
            item != NULL && !item->is_taken &&
            (item->bar == 0 || (item->bar >= window->from && item->bar <= window->to));
        if (!is_there && item != NULL)
            continue;
        for (; next < N_LASTING && rc == 0; next++) {
            if (item != NULL && !is_after(p, item, &lasting[next]))
                break;
            if (lasting[next].n > 0)
                rc = put_item(w, &lasting[next], e);
        }
        if (rc == 0 && item != NULL)
            rc = put_item(w, item, e);
    }
    return rc == 0 ? put_end(w, window->to, e) : rc;
}

int bl_hole_cut(const bl_hole_piece *p, const bl_hole *hole, bl_hole_seen seen,
                bl_ids *condition, bl_ids *target, bl_err *e)
{
    bl_hole window = {1, p->bars};
    if (seen.around > 0) {
        window.from = hole->from > seen.around ? hole->from - seen.around : 1;
        window.to = hole->to + bl_min(seen.around, p->bars - hole->to);
    }
    if (seen.left_only)
        window.to = hole->to;
    writer rest = writer_of(p->scheme, condition, window.from - 1),
           taken = writer_of(p->scheme, target, hole->from - 1);
    rest.masked = hole;
    int rc = put_rest(&rest, p, &window, e);
    for (size_t i = 0; i < p->n && rc == 0; i++)
        if (p->item[i].is_taken)
            rc = put_item(&taken, &p->item[i], e);
    return rc == 0 ? put_end(&taken, hole->to, e) : rc;
}

/* ---- filling ---- */

/* What is not a note stands before all that sounds at its place, a pedal before the
 * notes of its program; of equals what was there comes first. */
static int comes_before(const bl_hole_item *a, const bl_hole_item *b)
{
    if (a->bar != b->bar)
        return a->bar < b->bar;
    if (a->position != b->position)
        return a->position < b->position;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return a->pitch < b->pitch;
}

static int read_target(bl_hole_piece *notes, const bl_hole *hole, const uint16_t *ids,
                       size_t n, bl_err *e)
{
    reader r = {notes, (uint32_t)hole->from - 1, -1, -1};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_token(&r, ids[i], e);
    return rc;
}

/* Who plays on either side of the hole's end: a Program token stands behind it where
 * they are two, and is to stand there if and only if it did. */
typedef struct {
    int next;                 /* the program of what comes first behind it, or -1 */
    int is_same;              /* 1: as that of what came last */
    const bl_hole_item *rest; /* what comes last of what stays, or NULL */
    const bl_hole_item *last; /* what came last, if it is taken out and after `rest` */
} seam;

static seam find_seam(const bl_hole_piece *p, const bl_hole *hole)
{
    seam s = {.next = -1};
    int program = -1;
    for (size_t i = 0; i < p->n && s.next < 0; i++) {
        const bl_hole_item *item = &p->item[i];
        if (item->program < 0)
            continue;
        if (item->bar > hole->to) {
            s.next = item->program;
            break;
        }
        program = item->program;
        s.last = item->is_taken ? item : NULL;
        s.rest = item->is_taken ? s.rest : item;
    }
    s.is_same = s.next == program;
    return s;
}

static int fits(const seam *s, int program)
{
    return (program == s->next) == s->is_same;
}

/* Of the notes of programs from the end how many stand behind `rest`, up to one that
 * fits. *fit = 1 where what is last without them fits. */
static size_t count_misfits(const seam *s, const bl_hole_piece *notes, int *fit)
{
    size_t n = 0;
    for (size_t i = notes->n; i-- > 0;) {
        const bl_hole_item *note = &notes->item[i];
        if (note->program < 0)
            continue;
        if (s->rest != NULL && comes_before(note, s->rest))
            break;
        *fit = fits(s, note->program);
        if (*fit)
            return n;
        n++;
    }
    *fit = fits(s, s->rest != NULL ? s->rest->program : -1);
    return n;
}

/* How many stand behind what came last. */
static size_t count_behind(const bl_hole_piece *notes, const bl_hole_item *last)
{
    size_t n = 0;
    for (size_t i = 0; i < notes->n; i++)
        n += notes->item[i].program >= 0 && !comes_before(&notes->item[i], last);
    return n;
}

static void drop_last(bl_hole_piece *notes, size_t n)
{
    for (size_t i = notes->n; i-- > 0 && n > 0;) {
        if (notes->item[i].program < 0)
            continue;
        memmove(&notes->item[i], &notes->item[i + 1],
                (notes->n - i - 1) * sizeof *notes->item);
        notes->n--;
        n--;
    }
}

static int insert(bl_hole_piece *notes, bl_hole_item item, bl_err *e)
{
    int rc = add_item(notes, &item, e);
    for (size_t i = notes->n - 1; rc == 0 && i > 0; i--) {
        if (!comes_before(&item, &notes->item[i - 1]))
            break;
        notes->item[i] = notes->item[i - 1];
        notes->item[i - 1] = item;
    }
    return rc;
}

/* So that all behind the hole stays token for token: leaves out the last notes up to
 * one that fits, or those behind the note that was last, which then stays; the fewer.
 */
static int settle_seam(const bl_hole_piece *p, const bl_hole *hole,
                       bl_hole_piece *notes, bl_err *e)
{
    seam s = find_seam(p, hole);
    int fit;
    if (s.next < 0)
        return 0;
    size_t n = count_misfits(&s, notes, &fit);
    if (s.last == NULL || (fit && n == 0)) {
        drop_last(notes, n);
        return 0;
    }
    size_t after = count_behind(notes, s.last);
    if (fit && n <= after) {
        drop_last(notes, n);
        return 0;
    }
    drop_last(notes, after);
    return insert(notes, *s.last, e);
}

int bl_hole_fill(const bl_hole_piece *p, const bl_hole *hole, const uint16_t *target,
                 size_t n, bl_ids *whole, bl_err *e)
{
    bl_hole_piece notes = {.scheme = p->scheme};
    writer w = writer_of(p->scheme, whole, 0);
    int rc = read_target(&notes, hole, target, n, e);
    if (rc == 0)
        rc = settle_seam(p, hole, &notes, e);
    size_t k = 0;
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        if (p->item[i].is_taken)
            continue;
        while (rc == 0 && k < notes.n && comes_before(&notes.item[k], &p->item[i]))
            rc = put_item(&w, &notes.item[k++], e);
        if (rc == 0)
            rc = put_item(&w, &p->item[i], e);
    }
    while (rc == 0 && k < notes.n)
        rc = put_item(&w, &notes.item[k++], e);
    bl_hole_piece_free(&notes);
    return rc == 0 ? put_end(&w, p->bars, e) : rc;
}

/* The TimeSig in force at the beginning of a bar, or of it. */
static int meter_at(const bl_hole_piece *p, size_t bar, int only_its_own)
{
    int meter = only_its_own ? -1 : REMI_METER_4_4;
    for (size_t i = 0; i < p->n && p->item[i].bar <= bar; i++) {
        unsigned id = p->item[i].token[0];
        int is_meter = p->scheme->kind_of[id] == REMI_TIMESIG;
        if (is_meter && (!only_its_own || p->item[i].bar == bar))
            meter = (int)id - p->scheme->first[REMI_TIMESIG];
    }
    return meter;
}

void bl_hole_begin(const bl_hole_piece *p, const bl_hole *hole, bl_grammar *g)
{
    const bl_scheme *s = p->scheme;
    bl_grammar_start(g, s);
    int meter = meter_at(p, hole->from > 1 ? hole->from - 1 : 1, 0);
    (void)bl_grammar_step(g, BL_ID_BOS);
    (void)bl_grammar_step(g, bl_token(s, REMI_BAR, 0));
    (void)bl_grammar_step(g, bl_token(s, REMI_TIMESIG, meter));
    if (s->spec.key)
        (void)bl_grammar_step(g, bl_token(s, REMI_KEY, 0));
    (void)bl_grammar_step(g, bl_token(s, REMI_POSITION, 0));
    if (s->spec.chords)
        (void)bl_grammar_step(g, bl_token(s, REMI_CHORD, 0));
    (void)bl_grammar_step(g, bl_token(s, REMI_TEMPO, 0));
}

void bl_hole_begin_bar(const bl_hole_piece *p, const bl_hole *hole, size_t bar,
                       bl_grammar *g)
{
    int meter = meter_at(p, hole->from + bar, 1);
    if (meter >= 0) /* one that is in force already changes nothing */
        (void)bl_grammar_step(g, bl_token(p->scheme, REMI_TIMESIG, meter));
}

int bl_hole_may_fill(const bl_scheme *s, unsigned id,
                     const uint8_t players[BL_HOLE_PLAYERS])
{
    int kind = s->kind_of[id];
    switch (kind) {
    case REMI_PROGRAM:
        return players[id - s->first[kind]];
    case REMI_DRUM:
        return players[BL_HOLE_DRUMS];
    case REMI_EOS:
    case REMI_BAR:
    case REMI_POSITION:
    case REMI_PITCH:
    case REMI_VELOCITY:
    case REMI_DURATION:
        return 1;
    default:
        return 0;
    }
}
