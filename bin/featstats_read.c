/* featstats_read.c - see featstats.h. Workers measure, in the order of the input the
 * results are taken. */
#include "featstats.h"
#include "cli/crew.h"
#include "io/header.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SNIFF = 4 };

/* ---- what workers deliver: a tag, then what comes with it ---- */

typedef enum {
    DONE_PIECE,  /* name and NUL, then the row */
    DONE_REJECT, /* bl_midi_report, bl_err */
    DONE_STREAM, /* the pg chain as text: there is no further piece */
} done;

static int pack_row(run *r, const char *name, bl_buf *out, bl_err *e)
{
    const bl_row *row = &r->row;
    int rc = bl_buf_addc(out, DONE_PIECE, e);
    if (rc == 0)
        rc = bl_buf_add(out, name, strlen(name) + 1, e);
    if (rc == 0)
        rc = bl_buf_add(out, row->value, r->layout.n_columns * sizeof *row->value, e);
    for (size_t i = 0; rc == 0 && i < r->layout.n_series; i++) {
        const bl_series *s = &row->series[i];
        rc = bl_buf_add(out, &s->n, sizeof s->n, e);
        if (rc == 0 && s->n > 0)
            rc = bl_buf_add(out, s->x, s->n * sizeof *s->x, e);
    }
    return rc;
}

static int unpack_row(run *r, const uint8_t *at, bl_err *e)
{
    bl_row *row = &r->row;
    void *p = row->value;
    int rc = bl_grow(&p, &row->cap, r->layout.n_columns, sizeof *row->value, e);
    row->value = p;
    if (rc != 0)
        return rc;
    memcpy(row->value, at, r->layout.n_columns * sizeof *row->value);
    at += r->layout.n_columns * sizeof *row->value;
    for (size_t i = 0; i < r->layout.n_series; i++) {
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

static int measure(run *r, const char *name, bl_buf *out, bl_err *e)
{
    int rc = bl_row_compute(&r->row, &r->layout, &r->view, &r->input, e);
    return rc == 0 ? pack_row(r, name, out, e) : rc;
}

/* Bytes of the ids, two each, as zstd -19 packs them. */
static int pack_ids(run *r, bl_err *e)
{
    const bl_ids *ids = &r->piece.ids;
    uint8_t two[2];
    r->packed.len = 0;
    int rc = r->packer == NULL ? bl_zw_to_buf(&r->packer, &r->packed, 19, e) : 0;
    for (size_t i = 0; rc == 0 && i < ids->n; i++) {
        two[0] = (uint8_t)ids->id[i];
        two[1] = (uint8_t)(ids->id[i] >> 8);
        rc = bl_zw_add(r->packer, two, sizeof two, e);
    }
    if (rc == 0)
        rc = bl_zw_end_frame(r->packer, e);
    r->input.zstd_bytes = r->packed.len;
    return rc;
}

static int measure_tokens(run *r, const bl_scheme *scheme, bl_buf *out, bl_err *e)
{
    const bl_piece *p = &r->piece;
    int rc = bl_scheme_decode(scheme, p->ids.id, p->ids.n, &r->song, NULL, e);
    if (rc != 0)
        return rc;
    r->input.song = &r->song;
    r->input.scheme = scheme;
    r->input.ids = p->ids.id;
    r->input.n_ids = p->ids.n;
    r->input.events = NULL;
    r->input.closed = NULL;
    rc = r->set->repeats ? pack_ids(r, e) : 0;
    return rc == 0 ? measure(r, p->name, out, e) : rc;
}

/* What only the compat columns need. Files that strict readers refuse have none. */
static int read_compat(run *r, bl_err *e)
{
    bl_midi_report report = {0};
    int rc = bl_events_read(&r->events, r->bytes.data, r->bytes.len, NULL);
    if (rc == BL_E_NOMEM)
        return bl_fail(e, rc, "out of memory");
    if (rc != 0)
        return 0;
    rc = bl_midi_read(r->bytes.data, r->bytes.len, BL_READ_CLOSE_ALL, &r->closed,
                      &report, e);
    r->input.events = &r->events;
    r->input.closed = &r->closed;
    return rc;
}

static int measure_midi(run *r, const char *name, bl_midi_report *report, bl_buf *out,
                        bl_err *e)
{
    int rc = bl_midi_read(r->bytes.data, r->bytes.len, r->reading, &r->song, report, e);
    r->input.song = &r->song;
    r->input.scheme = NULL;
    r->input.ids = NULL;
    r->input.n_ids = 0;
    r->input.events = NULL;
    r->input.closed = NULL;
    if (rc == 0 && r->set->compat)
        rc = read_compat(r, e);
    if (rc != 0)
        return rc;
    rc = measure(r, name, out, e);
    if (rc == BL_E_LIMIT)
        report->reject = BL_REJECT_TOO_LONG;
    return rc;
}

/* What cannot be used as MIDI is a reject, no error. r->bytes may hold the beginning
 * already; fd < 0 where opening failed for the reason *why. */
static int read_midi(run *r, int fd, const char *name, bl_err why, bl_buf *out,
                     bl_err *e)
{
    bl_midi_report report = {.reject = BL_REJECT_UNREADABLE};
    size_t start = out->len;
    int rc = why.code;
    if (fd >= 0)
        rc = bl_read_all(fd, &r->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == BL_E_LIMIT)
        report.reject = BL_REJECT_TOO_LARGE;
    if (rc == 0) {
        report = (bl_midi_report){0};
        rc = measure_midi(r, name, &report, out, &why);
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

static int group_of(run *r, const char *name, const char **group, bl_err *e)
{
    const char *label = bl_labels_find(&r->labels, name);
    r->group.len = 0;
    *group = NULL;
    if (label == NULL)
        return 0;
    int rc = bl_name_encode(label, &r->group, e);
    if (rc == 0 && (*group = bl_buf_str(&r->group, e)) == NULL)
        rc = BL_E_NOMEM;
    return rc;
}

int flush_rows(run *r, bl_err *e)
{
    size_t n = r->text.len;
    r->text.len = 0;
    if (r->rows == NULL)
        return bl_write_all(r->out.fd, r->text.data, n, e);
    if (n > 0 && fwrite(r->text.data, 1, n, r->rows) != n)
        return bl_fail_errno(e, BL_E_IO, "cannot write a temporary file");
    return 0;
}

static int take_row(run *r, set_of_pieces *to, const char *name, bl_err *e)
{
    const char *group;
    int rc = group_of(r, name, &group, e);
    r->name.len = 0;
    if (rc == 0)
        rc = bl_name_encode(name, &r->name, e);
    if (rc == 0 && bl_buf_str(&r->name, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc != 0)
        return rc;
    const char *shown = (const char *)r->name.data;
    to->n++;
    if (r->novelty != NULL)
        return take_melody(r, to, shown, e);
    if (to->keeps_table)
        rc = bl_table_add(&to->table, shown, group, &r->row, e);
    if (rc != 0 || !to->prints)
        return rc;
    if (r->set->tensors)
        rc = take_tensors(r, shown, group, e);
    else if (r->set->json)
        rc = bl_print_json(&r->print, shown, group, &r->row, &r->text, e);
    else if (r->set->is_long)
        rc = bl_print_long(&r->print, shown, group, &r->row, &r->text, e);
    else
        rc = bl_print_row(&r->print, shown, group, &r->row, &r->text, e);
    if (rc == 0 && (r->text.len >= WRITE_CHUNK || r->is_awaited))
        rc = flush_rows(r, e);
    return rc;
}

static int add_pg(set_of_pieces *to, const char *text, size_t len, bl_err *e)
{
    bl_json *o = len > 0 ? bl_json_parse(text, len, e) : NULL;
    const bl_json *pg = NULL;
    if (len > 0 && (o == NULL || bl_json_get(o, "pg", &pg, e) != 0)) {
        bl_json_del(o);
        return e->code;
    }
    int rc = bl_prov_add(&to->pg, pg, e);
    bl_json_del(o);
    return rc;
}

/* One result of a worker; 1 after the last of a stream. */
static int take(run *r, set_of_pieces *to, const char *path, const bl_buf *result,
                bl_err *e)
{
    const uint8_t *body = result->data + 1;
    bl_midi_report report;
    bl_err why;
    if (bl_log_progress_due(r->log))
        bl_log_progress(r->log, "%llu pieces, %.0f pieces/s", (unsigned long long)to->n,
                        (double)to->n / bl_log_seconds(r->log));
    switch (result->data[0]) {
    case DONE_PIECE: {
        const char *name = (const char *)body;
        int rc = unpack_row(r, body + strlen(name) + 1, e);
        return rc == 0 ? take_row(r, to, name, e) : rc;
    }
    case DONE_REJECT:
        memcpy(&report, body, sizeof report);
        memcpy(&why, body + sizeof report, sizeof why);
        return bl_rejects_add(&r->rejects, &r->progress, bl_path_shown(path),
                              bl_reject_name(report.reject), &why, e);
    default: {
        int rc = add_pg(to, (const char *)body, result->len - 1, e);
        return rc == 0 ? 1 : rc;
    }
    }
}

/* ---- token streams: each worker reads all, and measures every n-th piece ---- */

typedef struct {
    run *r;
    const char *path;
    int fd;              /* open, or -1: to be opened by each worker for itself */
    const bl_buf *first; /* what was read of fd already, or NULL */
    bl_tokr *reader;
    bl_scheme *scheme;
    size_t next; /* piece */
    int is_over;
} stream;

static int open_stream(stream *s, bl_err *e)
{
    int rc = s->fd >= 0 ? 0 : bl_in_open(s->path, &s->fd, e);
    if (rc == 0)
        rc = s->first == NULL
                 ? bl_tokr_new(&s->reader, s->fd, bl_path_shown(s->path), e)
                 : bl_tokr_new_after(&s->reader, s->first->data, s->first->len, s->fd,
                                     bl_path_shown(s->path), e);
    if (rc == 0) {
        const bl_tokens_kind *kind = bl_tokr_kind(s->reader);
        rc = bl_scheme_open_stated(&s->scheme, &kind->spec, kind->sha256, e);
    }
    if (rc == 0)
        bl_tokr_set_words(s->reader, bl_scheme_words(s->scheme));
    return rc;
}

static int pack_end(stream *s, bl_buf *out, bl_err *e)
{
    int rc = bl_buf_addc(out, DONE_STREAM, e);
    bl_json *o = bl_json_object(e);
    if (rc == 0 && o == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0 && bl_tokr_pg(s->reader) != NULL) {
        bl_json *pg = bl_json_copy(bl_tokr_pg(s->reader), e);
        rc = pg == NULL ? e->code : bl_json_put(o, "pg", pg, e);
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
        rc = bl_tokr_next(s->reader, &s->r->piece, e);
        s->is_over = rc == 0;
        s->next += rc > 0;
        rc = bl_min(rc, 0);
    }
    if (rc == 0 && s->is_over)
        rc = pack_end(s, out, e);
    else if (rc == 0)
        rc = measure_tokens(s->r, s->scheme, out, e);
    return rc == 0 ? 0 : bl_err_in(e, bl_path_shown(s->path));
}

static int died_at(const char *path, bl_err *e)
{
    bl_fail(e, BL_E_NOMEM, "a worker ended without a result");
    return bl_err_in(e, bl_path_shown(path));
}

static int read_stream(run *r, set_of_pieces *to, int fd, const bl_buf *first,
                       const char *path, bl_err *e)
{
    stream s = {.r = r, .path = path, .fd = fd, .first = first};
    bl_crew *crew = NULL;
    bl_buf result = {0};
    int died = 0;
    int rc = bl_crew_new(&crew, fd >= 0 ? 1 : bl_tool_jobs(&r->set->common), SIZE_MAX,
                         measure_nth, &s, e);
    while (rc == 0 && (rc = bl_crew_next(crew, &result, &died, e)) > 0)
        rc = died ? died_at(path, e) : take(r, to, path, &result, e);
    bl_crew_del(crew);
    bl_buf_free(&result);
    bl_tokr_del(s.reader);
    bl_scheme_del(s.scheme);
    if (fd < 0 && s.fd > STDERR_FILENO)
        close(s.fd);
    return bl_min(rc, 0);
}

/* ---- inputs ---- */

static const char *const midi_suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
static const char *const all_suffixes[] = {".mid",     ".midi", ".kar", ".rmi",
                                           ".tok.zst", ".tok",  NULL};

static int is_midi_name(const char *path)
{
    size_t len = strlen(path);
    for (const char *const *s = midi_suffixes; *s != NULL; s++)
        if (len > strlen(*s) && strcasecmp(path + len - strlen(*s), *s) == 0)
            return 1;
    return 0;
}

static int begins_with(const bl_buf *b, const char *mark)
{
    return b->len >= strlen(mark) && memcmp(b->data, mark, strlen(mark)) == 0;
}

/* Tells what the input is by its first bytes, which are in r->bytes afterwards. */
static int read_opened(run *r, set_of_pieces *to, int fd, const char *path, bl_err *e)
{
    off_t start = lseek(fd, 0, SEEK_CUR);
    r->bytes.len = 0;
    int rc = bl_buf_reserve(&r->bytes, SNIFF, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_read_some(fd, r->bytes.data, SNIFF, e);
    if (n < 0)
        return (int)n;
    r->bytes.len = (size_t)n;
    if (begins_with(&r->bytes, "MThd") || begins_with(&r->bytes, "RIFF")) {
        bl_buf result = {0};
        r->n_midi_files++;
        rc = read_midi(r, fd, bl_path_shown(path), BL_ERR_INIT, &result, e);
        if (rc == 0)
            rc = take(r, to, path, &result, e);
        bl_buf_free(&result);
        return rc;
    }
    if (n == 0)
        return bl_fail(e, BL_E_FORMAT, "the input is empty");
    if (!begins_with(&r->bytes, "#") && !bl_zio_is_zstd(r->bytes.data, r->bytes.len))
        return bl_fail(e, BL_E_FORMAT, "neither a token stream nor a MIDI file");
    if (start < 0 || lseek(fd, start, SEEK_SET) != start)
        return read_stream(r, to, fd, &r->bytes, path, e); /* a pipe: no rewinding */
    return read_stream(r, to, fd == STDIN_FILENO ? fd : -1, NULL, path, e);
}

static int read_other(run *r, set_of_pieces *to, const char *path, bl_err *e)
{
    int fd, rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = read_opened(r, to, fd, path, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_err_in(e, bl_path_shown(path));
}

typedef struct {
    run *r;
    char **path;
} midi_files;

static int measure_file(void *arg, size_t task, bl_buf *out, bl_err *e)
{
    const midi_files *files = arg;
    const char *path = files->path[task];
    bl_err why = BL_ERR_INIT;
    int fd = -1;
    files->r->bytes.len = 0;
    if (bl_in_open(path, &fd, &why) != 0)
        fd = -1;
    int rc = read_midi(files->r, fd, bl_path_shown(path), why, out, e);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A worker that died is a reject of the file it was at. */
static int reject_dead(run *r, const char *path, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_fail(&why, BL_E_NOMEM, "a worker ended without a result");
    return bl_rejects_add(&r->rejects, &r->progress, bl_path_shown(path),
                          bl_reject_name(BL_REJECT_INTERNAL), &why, e);
}

/* n files whose names say MIDI: a broken one is a reject. */
static int read_midi_files(run *r, set_of_pieces *to, char **path, size_t n, bl_err *e)
{
    midi_files files = {r, path};
    bl_crew *crew = NULL;
    bl_buf result = {0};
    int died = 0;
    int rc =
        bl_crew_new(&crew, bl_tool_jobs(&r->set->common), n, measure_file, &files, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = bl_crew_next(crew, &result, &died, e);
        if (rc > 0)
            rc = died ? reject_dead(r, path[i], e) : take(r, to, path[i], &result, e);
    }
    bl_crew_del(crew);
    bl_buf_free(&result);
    r->n_midi_files += n;
    return rc;
}

/* Reads and forgets the paths. `rc` is how collecting them went. */
static int read_paths(run *r, set_of_pieces *to, bl_paths *paths, int rc, bl_err *e)
{
    if (rc == 0 && paths->n == 0)
        bl_log_warn(r->log, "there is no MIDI file or token stream in what was named");
    for (size_t i = 0, n; rc == 0 && i < paths->n; i += n) {
        for (n = 0; i + n < paths->n && is_midi_name(paths->path[i + n]); n++)
            ;
        if (n > 0) {
            rc = read_midi_files(r, to, paths->path + i, n, e);
        } else {
            rc = read_other(r, to, paths->path[i], e);
            n = 1;
        }
    }
    bl_paths_free(paths);
    return rc;
}

int read_operands(run *r, bl_err *e)
{
    const bl_opts *o = r->opts;
    bl_paths paths = {0};
    int rc = o->n_operands == 0 ? bl_paths_add(&paths, "-", 1, e) : 0;
    for (int i = 0; rc == 0 && i < o->n_operands; i++)
        rc = bl_paths_add_operand(&paths, o->operands[i], all_suffixes, e);
    return read_paths(r, &r->pieces, &paths, rc, e);
}

int read_training(run *r, bl_err *e)
{
    bl_paths paths = {0};
    int rc = bl_novelty_new(&r->novelty, e);
    if (rc == 0)
        rc = bl_paths_add_operand(&paths, r->set->novelty, all_suffixes, e);
    rc = read_paths(r, &r->training, &paths, rc, e);
    return rc == 0 ? bl_novelty_index(r->novelty, e) : rc;
}

int read_reference(run *r, bl_err *e)
{
    bl_paths paths = {0};
    int rc = bl_paths_add_operand(&paths, r->set->vs, all_suffixes, e);
    rc = read_paths(r, &r->reference, &paths, rc, e);
    find_percentiles(r);
    return rc;
}

/* ---- pieces again, to be shown ---- */

static int show_midi(run *r, int fd, const char *name, bl_show_fn *show, void *arg,
                     bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_midi_report report = {0};
    r->bytes.len = 0;
    int rc = bl_read_all(fd, &r->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == 0)
        rc = bl_midi_read(r->bytes.data, r->bytes.len, r->reading, &r->song, &report,
                          &why);
    if (rc != 0)
        return rc == BL_E_NOMEM ? bl_fail(e, rc, "out of memory") : 0;
    return show(r, name, &r->bytes, arg, e);
}

static int show_stream(run *r, int fd, const char *path, bl_show_fn *show, void *arg,
                       bl_err *e)
{
    stream s = {.r = r, .path = path, .fd = fd};
    int rc = open_stream(&s, e);
    if (rc == 0)
        r->writing = bl_scheme_writing(s.scheme);
    while (rc == 0 && (rc = bl_tokr_next(s.reader, &r->piece, e)) > 0) {
        rc = bl_scheme_decode(s.scheme, r->piece.ids.id, r->piece.ids.n, &r->song, NULL,
                              e);
        if (rc == 0)
            rc = show(r, r->piece.name, NULL, arg, e);
    }
    bl_tokr_del(s.reader);
    bl_scheme_del(s.scheme);
    return rc;
}

int show_pieces(run *r, bl_show_fn *show, void *arg, bl_err *e)
{
    bl_paths paths = {0};
    int rc = 0;
    for (int i = 0; rc == 0 && i < r->opts->n_operands; i++)
        rc = bl_paths_add_operand(&paths, r->opts->operands[i], all_suffixes, e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++) {
        const char *path = paths.path[i];
        bl_err why = BL_ERR_INIT;
        uint8_t mark[SNIFF] = {0};
        int fd;
        if (strcmp(path, "-") == 0 || bl_in_open(path, &fd, &why) != 0)
            continue;
        int64_t n = bl_read_some(fd, mark, SNIFF, e);
        if (n < 0)
            rc = bl_err_in(e, bl_path_shown(path));
        else if (n == SNIFF && lseek(fd, 0, SEEK_SET) == 0)
            rc = mark[0] == 'M' || mark[0] == 'R'
                     ? show_midi(r, fd, bl_path_shown(path), show, arg, e)
                     : show_stream(r, fd, path, show, arg, e);
        close(fd);
    }
    bl_paths_free(&paths);
    return bl_min(rc, 0);
}
