/* intake.c - see intake.h. Workers measure, in the order of the input the results are
 * taken. */
#include "flow/intake.h"

#include "flow/groove_songs.h"
#include "flow/rejects.h"
#include "io/file.h"
#include "io/tensors.h"
#include "io/tokens.h"
#include "io/walk.h"
#include "io/zio.h"
#include "midi/midi.h"
#include "token/scheme.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SNIFF = 8 };

struct bl_intake {
    const bl_intake_wish *wish;
    const bl_progress *progress;
    bl_rejects rejects;
    char group[BL_ROW_GROUP_MAX]; /* of the piece that is taken */
    bl_view_input input;          /* what is measured now; meter and track stay */

    /* memory from piece to piece */
    bl_view view;
    bl_row row;
    bl_song song, closed;
    bl_events events;
    bl_piece piece;
    bl_buf bytes, packed;
    bl_zw *packer; /* of ids, into `packed` */
};

/* Where the results of a reading go. */
typedef struct {
    bl_intake_set *set;
    bl_intake_take_fn *take;
    void *arg;
} taker;

/* ---- what workers deliver: a tag, then what comes with it ---- */

typedef enum {
    DONE_PIECE,  /* name and NUL, then the row */
    DONE_REJECT, /* bl_midi_report, bl_err */
    DONE_STREAM, /* the pg chain as text: there is no further piece */
} done;

static int pack_row(bl_intake *in, const char *name, bl_buf *out, bl_err *e)
{
    const bl_layout *l = in->wish->layout;
    const bl_row *row = &in->row;
    int rc = bl_buf_addc(out, DONE_PIECE, e);
    if (rc == 0)
        rc = bl_buf_add(out, name, strlen(name) + 1, e);
    if (rc == 0)
        rc = bl_buf_add(out, row->value, l->n_columns * sizeof *row->value, e);
    for (size_t i = 0; rc == 0 && i < l->n_series; i++) {
        const bl_series *s = &row->series[i];
        rc = bl_buf_add(out, &s->n, sizeof s->n, e);
        if (rc == 0 && s->n > 0)
            rc = bl_buf_add(out, s->x, s->n * sizeof *s->x, e);
    }
    return rc;
}

static int unpack_row(bl_intake *in, const uint8_t *at, bl_err *e)
{
    const bl_layout *l = in->wish->layout;
    bl_row *row = &in->row;
    void *p = row->value;
    int rc = bl_grow(&p, &row->cap, l->n_columns, sizeof *row->value, e);
    row->value = p;
    if (rc != 0)
        return rc;
    memcpy(row->value, at, l->n_columns * sizeof *row->value);
    at += l->n_columns * sizeof *row->value;
    for (size_t i = 0; i < l->n_series; i++) {
        bl_series *s = &row->series[i];
        memcpy(&s->n, at, sizeof s->n);
        at += sizeof s->n;
        p = s->x;
        rc = bl_grow(&p, &s->cap, s->n, sizeof *s->x, e);
        s->x = p;
        if (rc != 0)
            return rc;
        if (s->n > 0)
            memcpy(s->x, at, s->n * sizeof *s->x);
        at += s->n * sizeof *s->x;
    }
    return 0;
}

/* ---- one piece, in a worker ---- */

static int measure(bl_intake *in, const char *name, bl_buf *out, bl_err *e)
{
    int rc = bl_row_compute(&in->row, in->wish->layout, &in->view, &in->input, e);
    return rc == 0 ? pack_row(in, name, out, e) : rc;
}

/* Bytes of the ids, two each, as zstd -19 packs them. */
static int pack_ids(bl_intake *in, bl_err *e)
{
    const bl_ids *ids = &in->piece.ids;
    uint8_t two[2];
    in->packed.len = 0;
    int rc = in->packer == NULL ? bl_zw_to_buf(&in->packer, &in->packed, 19, e) : 0;
    for (size_t i = 0; rc == 0 && i < ids->n; i++) {
        two[0] = (uint8_t)ids->id[i];
        two[1] = (uint8_t)(ids->id[i] >> 8);
        rc = bl_zw_add(in->packer, two, sizeof two, e);
    }
    if (rc == 0)
        rc = bl_zw_end_frame(in->packer, e);
    in->input.zstd_bytes = in->packed.len;
    return rc;
}

/* The next piece to be measured is in->song; tokens, if any, are set after it. */
static void begin_input(bl_intake *in)
{
    const bl_intake_wish *w = in->wish;
    in->input = (bl_view_input){
        .song = &in->song,
        .meter_num = w->meter.num,
        .meter_den_log2 = w->meter.den_log2,
        .track = w->track,
    };
}

static int measure_tokens(bl_intake *in, const bl_scheme *scheme, bl_buf *out,
                          bl_err *e)
{
    const bl_piece *p = &in->piece;
    int rc = bl_scheme_decode(scheme, p->ids.id, p->ids.n, &in->song, NULL, e);
    if (rc != 0)
        return rc;
    begin_input(in);
    in->input.scheme = scheme;
    in->input.ids = p->ids.id;
    in->input.n_ids = p->ids.n;
    rc = in->wish->layout->with & BL_WITH_REPEATS ? pack_ids(in, e) : 0;
    return rc == 0 ? measure(in, p->name, out, e) : rc;
}

/* What only the compat columns need. Files that strict readers refuse have none. */
static int read_compat(bl_intake *in, bl_err *e)
{
    bl_midi_report report = {0};
    int rc = bl_events_read(&in->events, in->bytes.data, in->bytes.len, NULL);
    if (rc == BL_E_NOMEM)
        return bl_fail(e, rc, "out of memory");
    if (rc != 0)
        return 0;
    rc = bl_midi_read(in->bytes.data, in->bytes.len, BL_READ_CLOSE_ALL, &in->closed,
                      &report, e);
    in->input.events = &in->events;
    in->input.closed = &in->closed;
    return rc;
}

static int measure_midi(bl_intake *in, const char *name, bl_midi_report *report,
                        bl_buf *out, bl_err *e)
{
    int rc = bl_midi_read(in->bytes.data, in->bytes.len, in->wish->reading, &in->song,
                          report, e);
    begin_input(in);
    if (rc == 0 && in->wish->layout->with & BL_WITH_COMPAT)
        rc = read_compat(in, e);
    if (rc != 0)
        return rc;
    rc = measure(in, name, out, e);
    if (rc == BL_E_LIMIT)
        report->reject = BL_REJECT_TOO_LONG;
    return rc;
}

/* What cannot be used as MIDI is a reject, no error. in->bytes may hold the beginning
 * already; fd < 0 where opening failed for the reason *why. */
static int read_midi(bl_intake *in, int fd, const char *name, bl_err why, bl_buf *out,
                     bl_err *e)
{
    bl_midi_report report = {.reject = BL_REJECT_UNREADABLE};
    size_t start = out->len;
    int rc = why.code;
    if (fd >= 0)
        rc = bl_read_all(fd, &in->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == BL_E_LIMIT)
        report.reject = BL_REJECT_TOO_LARGE;
    if (rc == 0) {
        report = (bl_midi_report){0};
        rc = measure_midi(in, name, &report, out, &why);
    }
    if (rc == BL_E_NOMEM) {
        *e = why;
        return rc;
    }
    if (rc == 0)
        return 0;
    if (report.reject == BL_REJECT_NONE)
        report.reject = BL_REJECT_INTERNAL;
    out->len = start;
    rc = bl_buf_addc(out, DONE_REJECT, e);
    if (rc == 0)
        rc = bl_buf_add(out, &report, sizeof report, e);
    return rc == 0 ? bl_buf_add(out, &why, sizeof why, e) : rc;
}

/* ---- what becomes of it, in the order of the input ---- */

static int add_pg(bl_intake_set *set, const char *text, size_t len, bl_err *e)
{
    bl_json *o = len > 0 ? bl_json_parse(text, len, e) : NULL;
    const bl_json *pg = NULL;
    if (len > 0 && (o == NULL || bl_json_get(o, "pg", &pg, e) != 0)) {
        bl_json_del(o);
        return e->code;
    }
    int rc = bl_prov_add(&set->prov, pg, e);
    bl_json_del(o);
    return rc;
}

static int take_reject(bl_intake *in, bl_intake_set *set, const char *path,
                       bl_reject reject, const bl_err *why, bl_err *e)
{
    set->rejects++;
    return bl_rejects_add(&in->rejects, in->progress, bl_path_shown(path),
                          bl_reject_name(reject), why, e);
}

/* One result of a worker; 1 after the last of a stream. */
static int take(bl_intake *in, const taker *to, const char *path, const bl_buf *result,
                bl_err *e)
{
    const uint8_t *body = result->data + 1;
    bl_midi_report report;
    bl_err why;
    bl_tell(in->progress, &(bl_counts){.pieces = to->set->n});
    switch (result->data[0]) {
    case DONE_PIECE: {
        const char *name = (const char *)body;
        int rc = unpack_row(in, body + strlen(name) + 1, e);
        if (rc != 0)
            return rc;
        to->set->n++;
        return to->take(to->arg, name, &in->row, e);
    }
    case DONE_REJECT:
        memcpy(&report, body, sizeof report);
        memcpy(&why, body + sizeof report, sizeof why);
        return take_reject(in, to->set, path, report.reject, &why, e);
    default: {
        int rc = add_pg(to->set, (const char *)body, result->len - 1, e);
        return rc == 0 ? 1 : rc;
    }
    }
}

/* ---- token streams: each worker reads all, and measures every n-th piece ---- */

typedef struct {
    bl_intake *in;
    const char *path;
    int fd;    /* open, or -1: to be opened by each worker for itself */
    bl_zr *zr; /* of fd, where that was begun; else NULL */
    bl_tokr *reader;
    bl_scheme *scheme;
    size_t next; /* piece */
    int is_over;
} stream;

static int open_stream(stream *s, bl_err *e)
{
    int rc = s->fd >= 0 ? 0 : bl_in_open(s->path, &s->fd, e);
    if (rc == 0)
        rc = s->zr == NULL
                 ? bl_tokr_new(&s->reader, s->fd, bl_path_shown(s->path), e)
                 : bl_tokr_new_over(&s->reader, s->zr, bl_path_shown(s->path), e);
    s->zr = NULL; /* the reader's */
    if (rc == 0) {
        const bl_tokens_kind *kind = bl_tokr_kind(s->reader);
        rc = bl_scheme_open_stated(&s->scheme, &kind->spec, kind->sha256, e);
    }
    if (rc == 0)
        bl_tokr_set_words(s->reader, bl_scheme_words(s->scheme));
    return rc;
}

/* That there is no further piece; pg NULL: nothing is said of who made it. */
static int pack_end(const bl_json *pg, bl_buf *out, bl_err *e)
{
    int rc = bl_buf_addc(out, DONE_STREAM, e);
    bl_json *o = bl_json_object(e);
    if (rc == 0 && o == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0 && pg != NULL) {
        bl_json *own = bl_json_copy(pg, e);
        rc = own == NULL ? e->code : bl_json_put(o, "pg", own, e);
        if (rc == 0)
            rc = bl_json_write(o, out, e);
    }
    bl_json_del(o);
    return rc;
}

static int measure_nth(void *arg, size_t task, bl_buf *out, bl_err *e)
{
    stream *s = arg;
    int rc = s->reader == NULL ? open_stream(s, e) : 0;
    while (rc == 0 && s->next <= task && !s->is_over) {
        rc = bl_tokr_next(s->reader, &s->in->piece, e);
        s->is_over = rc == 0;
        s->next += rc > 0;
        rc = bl_min(rc, 0);
    }
    if (rc == 0 && s->is_over)
        rc = pack_end(bl_tokr_pg(s->reader), out, e);
    else if (rc == 0)
        rc = measure_tokens(s->in, s->scheme, out, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(s->path));
}

static int died_at(const char *path, bl_err *e)
{
    return bl_fail_in(e, bl_fail(e, BL_E_NOMEM, "a worker ended without a result"),
                      bl_path_shown(path));
}

static int read_stream(bl_intake *in, const taker *to, int fd, bl_zr *zr,
                       const char *path, bl_err *e)
{
    stream s = {.in = in, .path = path, .fd = fd, .zr = zr};
    bl_tasks tasks;
    bl_buf result = {0};
    int died = 0;
    int rc = bl_tasks_begin(&tasks, fd >= 0 ? NULL : in->wish->hands, SIZE_MAX,
                            (bl_task_limits){0}, measure_nth, &s, e);
    while (rc == 0 && (rc = bl_tasks_next(&tasks, &result, &died, e)) > 0)
        rc = died ? died_at(path, e) : take(in, to, path, &result, e);
    bl_tasks_end(&tasks);
    bl_buf_free(&result);
    bl_tokr_del(s.reader);
    bl_zr_del(s.zr);
    bl_scheme_del(s.scheme);
    if (fd < 0 && s.fd > STDERR_FILENO)
        close(s.fd);
    return bl_min(rc, 0);
}

/* ---- streams of grooves, which are small: read and measured here ---- */

static int measure_groove(bl_intake *in, const taker *to, const char *path,
                          const bl_groove_songs *songs, bl_err *e)
{
    bl_buf result = {0};
    begin_input(in);
    int rc = measure(in, songs->name, &result, e);
    memcpy(in->group, songs->group, sizeof in->group);
    if (rc == 0)
        rc = take(in, to, path, &result, e);
    in->group[0] = '\0';
    bl_buf_free(&result);
    return rc;
}

/* zr is taken. */
static int read_grooves(bl_intake *in, const taker *to, bl_zr *zr, const char *path,
                        bl_err *e)
{
    bl_groove_songs songs = {0};
    int rc = bl_groove_songs_begin(&songs, zr, bl_path_shown(path), e);
    while (rc == 0 && (rc = bl_groove_songs_next(&songs, &in->song, e)) > 0)
        rc = measure_groove(in, to, path, &songs, e);
    if (rc == 0)
        rc = bl_prov_add(&to->set->prov, bl_rowsr_pg(songs.reader), e);
    bl_groove_songs_free(&songs);
    return rc;
}

/* ---- inputs ---- */

static const char *const suffixes[] = {".mid",         ".midi",    ".kar",
                                       ".rmi",         ".tok.zst", ".tok",
                                       ".tensors.zst", ".tensors", NULL};
enum { MIDI_SUFFIXES = 4 }; /* the first of them */

static int is_midi_name(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < MIDI_SUFFIXES; i++) {
        size_t n = strlen(suffixes[i]);
        if (len > n && strcasecmp(path + len - n, suffixes[i]) == 0)
            return 1;
    }
    return 0;
}

static int begins_with(const bl_buf *b, const char *mark)
{
    return b->len >= strlen(mark) && memcmp(b->data, mark, strlen(mark)) == 0;
}

static int read_midi_here(bl_intake *in, const taker *to, int fd, const char *path,
                          bl_err *e)
{
    bl_buf result = {0};
    to->set->midi_files++;
    int rc = read_midi(in, fd, bl_path_shown(path), BL_ERR_INIT, &result, e);
    if (rc == 0)
        rc = take(in, to, path, &result, e);
    bl_buf_free(&result);
    return rc;
}

/* A stream, whose first bytes are in in->bytes; what of, says its content. */
static int read_content(bl_intake *in, const taker *to, int fd, off_t start,
                        const char *path, bl_err *e)
{
    bl_zr *zr = NULL;
    uint8_t first[SNIFF];
    int rc = bl_zr_new_after(&zr, in->bytes.data, in->bytes.len, fd, e);
    if (rc != 0)
        return rc;
    int64_t n =
        bl_zr_peek(zr, first, sizeof first, NULL); /* readers say what is wrong */
    if (n > 0 && bl_tensors_begin(first, (size_t)n))
        return read_grooves(in, to, zr, path, e);
    if (start < 0 || lseek(fd, start, SEEK_SET) != start)
        return read_stream(in, to, fd, zr, path, e); /* a pipe: no rewinding */
    bl_zr_del(zr);
    return read_stream(in, to, fd == STDIN_FILENO ? fd : -1, NULL, path, e);
}

/* Tells what the input is by its first bytes, which are in in->bytes afterwards. */
static int read_opened(bl_intake *in, const taker *to, int fd, const char *path,
                       bl_err *e)
{
    off_t start = lseek(fd, 0, SEEK_CUR);
    in->bytes.len = 0;
    int rc = bl_buf_reserve(&in->bytes, SNIFF, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_read_some(fd, in->bytes.data, SNIFF, e);
    if (n < 0)
        return (int)n;
    in->bytes.len = (size_t)n;
    if (begins_with(&in->bytes, "MThd") || begins_with(&in->bytes, "RIFF"))
        return read_midi_here(in, to, fd, path, e);
    if (n == 0)
        return bl_fail(e, BL_E_FORMAT, "the input is empty");
    int is_bare = bl_tensors_begin(in->bytes.data, in->bytes.len);
    if (!begins_with(&in->bytes, "#") && !is_bare &&
        !bl_zio_is_zstd(in->bytes.data, in->bytes.len))
        return bl_fail(e, BL_E_FORMAT, "neither a token stream nor a MIDI file");
    return read_content(in, to, fd, start, path, e);
}

static int read_other(bl_intake *in, const taker *to, const char *path, bl_err *e)
{
    int fd, rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = read_opened(in, to, fd, path, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

typedef struct {
    bl_intake *in;
    char **path;
} midi_files;

static int measure_file(void *arg, size_t task, bl_buf *out, bl_err *e)
{
    const midi_files *files = arg;
    const char *path = files->path[task];
    bl_err why = BL_ERR_INIT;
    int fd = -1;
    files->in->bytes.len = 0;
    if (bl_in_open(path, &fd, &why) != 0)
        fd = -1;
    int rc = read_midi(files->in, fd, bl_path_shown(path), why, out, e);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A worker that died is a reject of the file it was at. */
static int reject_dead(bl_intake *in, const taker *to, const char *path, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_fail(&why, BL_E_NOMEM, "a worker ended without a result");
    return take_reject(in, to->set, path, BL_REJECT_INTERNAL, &why, e);
}

/* n files whose names say MIDI: a broken one is a reject. */
static int read_midi_files(bl_intake *in, const taker *to, char **path, size_t n,
                           bl_err *e)
{
    midi_files files = {in, path};
    bl_tasks tasks;
    bl_buf result = {0};
    int died = 0;
    int rc = bl_tasks_begin(&tasks, in->wish->hands, n, (bl_task_limits){0},
                            measure_file, &files, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = bl_tasks_next(&tasks, &result, &died, e);
        if (rc > 0)
            rc = died ? reject_dead(in, to, path[i], e)
                      : take(in, to, path[i], &result, e);
    }
    bl_tasks_end(&tasks);
    bl_buf_free(&result);
    to->set->midi_files += n;
    return rc;
}

/* The files of n operands. */
static int find_paths(bl_paths *paths, const char *const *operands, size_t n, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = bl_paths_add_operand(paths, operands[i], suffixes, e);
    return rc;
}

int bl_intake_measure(bl_intake *in, const char *const *operands, size_t n,
                      bl_intake_set *set, bl_intake_take_fn *take_row, void *arg,
                      bl_err *e)
{
    const taker to = {set, take_row, arg};
    bl_paths paths = {0};
    int rc =
        n == 0 ? bl_paths_add(&paths, "-", 1, e) : find_paths(&paths, operands, n, e);
    if (rc == 0 && paths.n == 0)
        bl_notice(bl_notices_of(in->progress), BL_NOTICE_WARNING,
                  "there is no MIDI file or token stream in what was named");
    for (size_t i = 0, k; rc == 0 && i < paths.n; i += k) {
        for (k = 0; i + k < paths.n && is_midi_name(paths.path[i + k]); k++)
            ;
        if (k > 0) {
            rc = read_midi_files(in, &to, paths.path + i, k, e);
        } else {
            rc = read_other(in, &to, paths.path[i], e);
            k = 1;
        }
    }
    bl_paths_free(&paths);
    return rc;
}

/* ---- pieces to be shown ---- */

/* in->bytes holds what was read of it already. */
static int show_midi(bl_intake *in, int fd, const char *name, bl_intake_show_fn *show,
                     void *arg, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_midi_report report = {0};
    int rc = bl_read_all(fd, &in->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == 0)
        rc = bl_midi_read(in->bytes.data, in->bytes.len, in->wish->reading, &in->song,
                          &report, &why);
    if (rc != 0)
        return rc == BL_E_NOMEM ? bl_fail(e, rc, "out of memory") : 0;
    return show(arg, &(bl_shown){name, &in->song, &in->bytes, BL_WRITE_PROGRAMS}, e);
}

static int show_tokens(bl_intake *in, int fd, bl_zr *zr, const char *path,
                       bl_intake_show_fn *show, void *arg, bl_err *e)
{
    stream s = {.in = in, .path = path, .fd = fd, .zr = zr};
    int rc = open_stream(&s, e);
    while (rc == 0 && (rc = bl_tokr_next(s.reader, &in->piece, e)) > 0) {
        rc = bl_scheme_decode(s.scheme, in->piece.ids.id, in->piece.ids.n, &in->song,
                              NULL, e);
        if (rc == 0)
            rc = show(arg,
                      &(bl_shown){in->piece.name, &in->song, NULL,
                                  bl_scheme_writing(s.scheme)},
                      e);
    }
    bl_tokr_del(s.reader);
    bl_scheme_del(s.scheme);
    return rc;
}

static int show_grooves(bl_intake *in, bl_zr *zr, const char *path,
                        bl_intake_show_fn *show, void *arg, bl_err *e)
{
    bl_groove_songs songs = {0};
    int rc = bl_groove_songs_begin(&songs, zr, path, e);
    while (rc == 0 && (rc = bl_groove_songs_next(&songs, &in->song, e)) > 0)
        rc = show(arg, &(bl_shown){songs.name, &in->song, NULL, BL_WRITE_PROGRAMS}, e);
    bl_groove_songs_free(&songs);
    return rc;
}

/* in->bytes holds what was read of it already. */
static int show_stream(bl_intake *in, int fd, const char *path, bl_intake_show_fn *show,
                       void *arg, bl_err *e)
{
    bl_zr *zr = NULL;
    uint8_t first[SNIFF];
    int rc = bl_zr_new_after(&zr, in->bytes.data, in->bytes.len, fd, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_zr_peek(zr, first, sizeof first, NULL);
    return n > 0 && bl_tensors_begin(first, (size_t)n)
               ? show_grooves(in, zr, path, show, arg, e)
               : show_tokens(in, fd, zr, path, show, arg, e);
}

static int show_path(bl_intake *in, const char *path, bl_intake_show_fn *show,
                     void *arg, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    int fd;
    in->bytes.len = 0;
    if (bl_in_open(path, &fd, &why) != 0)
        return 0;
    int rc = bl_buf_reserve(&in->bytes, SNIFF, e);
    int64_t n = rc == 0 ? bl_read_some(fd, in->bytes.data, SNIFF, e) : rc;
    if (n < 0)
        rc = bl_fail_in(e, (int)n, bl_path_shown(path));
    in->bytes.len = (size_t)bl_max(n, 0);
    if (n == SNIFF)
        rc = begins_with(&in->bytes, "MThd") || begins_with(&in->bytes, "RIFF")
                 ? show_midi(in, fd, bl_path_shown(path), show, arg, e)
                 : show_stream(in, fd, path, show, arg, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

int bl_intake_show(bl_intake *in, const char *const *operands, size_t n,
                   bl_intake_show_fn *show, void *arg, bl_err *e)
{
    bl_paths paths = {0};
    int rc = find_paths(&paths, operands, n, e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++)
        rc = show_path(in, paths.path[i], show, arg, e);
    bl_paths_free(&paths);
    return bl_min(rc, 0);
}

/* ---- the whole ---- */

const char *bl_intake_group(const bl_intake *in)
{
    return in->group;
}

int bl_intake_new(bl_intake **out, const bl_intake_wish *wish,
                  const bl_progress *progress, bl_err *e)
{
    bl_intake *in = *out = bl_calloc(1, sizeof *in, e);
    if (in == NULL)
        return BL_E_NOMEM;
    in->wish = wish;
    in->progress = progress;
    return 0;
}

void bl_intake_del(bl_intake *in)
{
    if (in == NULL)
        return;
    bl_rejects_free(&in->rejects);
    bl_view_free(&in->view);
    bl_row_free(&in->row);
    bl_song_free(&in->song);
    bl_song_free(&in->closed);
    bl_events_free(&in->events);
    bl_piece_free(&in->piece);
    bl_buf_free(&in->bytes);
    bl_zw_del(in->packer);
    bl_buf_free(&in->packed);
    free(in);
}

void bl_intake_set_free(bl_intake_set *set)
{
    bl_prov_del(set->prov);
    *set = (bl_intake_set){0};
}
