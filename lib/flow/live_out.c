/* live_out.c - see live_out.h. */
#include "flow/live_out.h"

#include "flow/grooves.h"
#include "flow/live_round.h"
#include "io/input.h"
#include "io/tokens.h"
#include "token/scheme.h"
#include "io/walk.h"

#include <string.h>

typedef struct {
    const bl_live_out_wish *wish;
    const bl_timed_sink *sink;
    const bl_progress *progress;
    const char *input;       /* name of the current one */
    bl_timetable *timetable; /* NULL before the first header */
    int64_t known;           /* the time that was said to be */
    int is_refused;          /* by the sink: no fault of the input */
    bl_song song;
} performance;

/* ---- messages ---- */

static int give(performance *p, const bl_timed *t, bl_err *e)
{
    int rc = p->sink->take(p->sink->arg, t, e);
    p->is_refused |= rc != 0;
    return rc;
}

/* All that is known goes out, then the time up to which it is. */
static int send(performance *p, bl_err *e)
{
    bl_timed t;
    int rc, is_any = 0;
    while ((rc = bl_timetable_next(p->timetable, &t, e)) > 0) {
        is_any = 1;
        rc = give(p, &t, e);
        if (rc != 0)
            return rc;
    }
    t = (bl_timed){.ns = bl_timetable_now(p->timetable)};
    if (rc != 0 || (!is_any && t.ns == p->known))
        return rc;
    p->known = t.ns;
    return give(p, &t, e);
}

/* What is in the song, of a piece that is known up to that tick. */
static int add(performance *p, int32_t upto, bl_err *e)
{
    int rc = bl_timetable_add(p->timetable, &p->song, upto, e);
    return rc == 0 ? send(p, e) : rc;
}

static int end_piece(performance *p, int32_t tick, bl_err *e)
{
    int rc = bl_timetable_end(p->timetable, tick, e);
    return rc == 0 ? send(p, e) : rc;
}

/* The first input says when it begins. */
static int begin(performance *p, const bl_origin *origin, bl_err *e)
{
    const bl_timetable_wish wish = {p->wish->tempo, origin->tempo, p->wish->clock};
    if (p->timetable != NULL)
        return 0;
    int rc = bl_timetable_new(&p->timetable, &wish, e);
    return rc == 0 ? p->sink->begin(p->sink->arg, origin, e) : rc;
}

static void warn_of(const performance *p, const bl_piece *piece, size_t skipped)
{
    if (skipped > 0)
        bl_notice(bl_notices_of(p->progress), BL_NOTICE_WARNING,
                  "'%s': piece '%s': %zu tokens make no sense and are left out",
                  p->input, piece->name, skipped);
}

/* ---- tokens ---- */

/* A bar, or more of one. */
static int read_line(performance *p, bl_decoder *d, const bl_ids *ids, bl_err *e)
{
    int rc = bl_scheme_decode_more(d, ids->id, ids->n, e);
    if (rc == 0)
        rc = add(p, d->end, e);
    p->song.n_notes = p->song.n_tempos = p->song.n_meters = 0;
    p->song.n_pedals = p->song.n_markers = 0;
    return rc;
}

static int arrive(performance *p, bl_tokr *r, const bl_scheme *scheme, bl_piece *piece,
                  bl_err *e)
{
    bl_decoder d = {.scheme = scheme};
    int rc;
    while ((rc = bl_tokr_arrive(r, piece, e)) > 0) {
        if (rc == BL_TOKR_LINE) {
            rc = read_line(p, &d, &piece->ids, e);
        } else if (rc == BL_TOKR_PIECE) {
            bl_scheme_begins_decoding(scheme, &d, &p->song);
            rc = bl_timetable_begin(p->timetable, p->song.tpq, e);
        } else {
            warn_of(p, piece, d.skipped);
            rc = end_piece(p, d.end, e);
        }
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* Schemes that say only at the end of a piece what it is. */
static int read_whole(performance *p, bl_tokr *r, const bl_scheme *scheme,
                      bl_piece *piece, bl_err *e)
{
    size_t skipped = 0;
    int rc;
    while ((rc = bl_tokr_next(r, piece, e)) > 0) {
        rc = bl_scheme_decode(scheme, piece->ids.id, piece->ids.n, &p->song, &skipped,
                              e);
        if (rc == 0)
            rc = bl_timetable_begin(p->timetable, p->song.tpq, e);
        if (rc == 0)
            rc = bl_timetable_add(p->timetable, &p->song, p->song.end, e);
        if (rc == 0)
            rc = end_piece(p, p->song.end, e);
        if (rc != 0)
            return rc;
        warn_of(p, piece, skipped);
    }
    return rc;
}

static int read_tokens(performance *p, bl_input *in, bl_err *e)
{
    bl_tokr *r = NULL;
    bl_scheme *scheme = NULL;
    bl_piece piece = {0};
    bl_decoder d;
    int rc = bl_tokr_new_over(&r, bl_input_take(in), p->input, e);
    if (rc == 0) {
        const bl_tokens_kind *kind = bl_tokr_kind(r);
        rc = bl_scheme_open_stated(&scheme, &kind->spec, kind->sha256, e);
        if (rc == 0)
            rc = begin(p, &kind->origin, e);
    }
    if (rc == 0) {
        bl_tokr_set_words(r, bl_scheme_words(scheme));
        rc = bl_scheme_begins_decoding(scheme, &d, &p->song)
                 ? arrive(p, r, scheme, &piece, e)
                 : read_whole(p, r, scheme, &piece, e);
    }
    bl_piece_free(&piece);
    bl_tokr_del(r);
    bl_scheme_del(scheme);
    return rc;
}

/* ---- grooves ---- */

static int read_windows(performance *p, bl_hvo_decoder *d, const bl_rows *rows,
                        int bars, bl_err *e)
{
    size_t numbers = (size_t)bars * BL_HVO_BAR * BL_HVO_CELLS;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rows->n; i++) {
        rc = bl_hvo_decode(d, rows->x + i * numbers, bars, rows->bar[i], rows->tempo[i],
                           e);
        if (rc == 0)
            rc = add(p, bl_hvo_decoded(d), e);
        bl_hvo_decode_taken(d);
    }
    return rc;
}

static int read_records(performance *p, bl_rowsr *r, int bars, bl_rows_piece *rows,
                        bl_err *e)
{
    bl_hvo_decoder d = {.song = &p->song};
    int rc, is_in_piece = 0;
    while ((rc = bl_rowsr_next(r, rows, e)) > 0) {
        rc = bl_groove_check(rows, bars, e);
        if (rc == 0 && is_in_piece && rows->begins)
            rc = end_piece(p, p->song.end, e);
        if (rc == 0 && rows->begins)
            rc = bl_hvo_decode_begin(&d, &p->song, rows->tpq, e);
        if (rc == 0 && rows->begins)
            rc = bl_timetable_begin(p->timetable, p->song.tpq, e);
        if (rc == 0)
            rc = read_windows(p, &d, &rows->rows, bars, e);
        if (rc != 0)
            return rc;
        is_in_piece = 1;
    }
    return rc == 0 && is_in_piece ? end_piece(p, p->song.end, e) : rc;
}

static int send_all(void *arg, bl_err *e)
{
    return send(arg, e);
}

static int go_round(performance *p, bl_rowsr *r, int bars, bl_err *e)
{
    const bl_live_round_wish wish = {.reader = r,
                                     .bars = bars,
                                     .tempo = p->wish->tempo,
                                     .timetable = p->timetable,
                                     .song = &p->song,
                                     .send = send_all,
                                     .arg = p,
                                     .sink = p->sink};
    int rc = bl_live_round(&wish, e);
    return rc == 0 ? end_piece(p, p->song.end, e) : rc;
}

static int read_grooves(performance *p, bl_input *in, bl_err *e)
{
    bl_rowsr *r = NULL;
    bl_rows_piece rows = {0};
    int bars = 0;
    int rc = bl_rowsr_new(&r, bl_input_take(in), p->input, e);
    if (rc == 0)
        rc = bl_groove_bars(bl_rowsr_kind(r), &bars, e);
    if (rc == 0)
        rc = begin(p, &bl_rowsr_kind(r)->origin, e);
    if (rc == 0)
        rc = bl_rowsr_kind(r)->is_loop ? go_round(p, r, bars, e)
                                       : read_records(p, r, bars, &rows, e);
    bl_rows_piece_free(&rows);
    bl_rowsr_del(r);
    return rc;
}

/* ---- the whole ---- */

static int read_input(performance *p, const char *path, bl_err *e)
{
    bl_input in;
    p->input = bl_path_or_stdin(path);
    int rc = bl_input_open(&in, path, e);
    if (rc == 0)
        rc = in.is_tensors ? read_grooves(p, &in, e) : read_tokens(p, &in, e);
    bl_input_close(&in);
    if (rc != 0 && !p->is_refused)
        bl_err_in(e, p->input);
    return rc;
}

int bl_live_out(const bl_live_out_wish *wish, const char *const *paths, size_t n,
                const bl_timed_sink *sink, const bl_progress *progress, bl_err *e)
{
    static const char *const standard_input[] = {"-"};
    performance p = {.wish = wish, .sink = sink, .progress = progress};
    int rc = 0;
    if (n == 0) {
        paths = standard_input;
        n = 1;
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_input(&p, paths[i], e);
    if (rc == 0)
        rc = bl_timetable_finish(p.timetable, e);
    if (rc == 0)
        rc = send(&p, e);
    bl_timetable_del(p.timetable);
    bl_song_free(&p.song);
    return rc;
}
