/* convert.c - see convert.h. */
#include "flow/convert.h"

#include "flow/encode.h"
#include "flow/grooves.h"
#include "flow/rejects.h"
#include "io/tokens.h"
#include "io/walk.h"
#include "io/zio.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    LIST_BYTES_MAX = 1 << 30,
    TABLE_BYTES_MAX = 1 << 28,
    PATH_BYTES_MAX = 4096,
    LINE_BYTES_MAX = 1 << 16,
};

/* What one file may cost: the largest that is read needs less. */
enum { FILE_SECONDS = 10, FILE_BYTES = 1 << 30 };

typedef struct {
    const bl_convert_wish *wish;
    const bl_progress *progress;
    bl_convert_counts *counts;
    bl_paths paths;
    size_t n_named, n_unread; /* operands or names of the list; that cannot be read */
    bl_err unread;            /* why the first of them cannot */
    bl_scheme *scheme;
    bl_label_table *labels;
    bl_parts parts;
    bl_encoding how;
    bl_encoder *encoder; /* each worker has its own copy of this process's */
    bl_output out, table;
    bl_tokw *writer;
    bl_rowsw *rows; /* of grooves, instead */
    bl_rejects rejects;
} conversion;

/* ---- the scheme, and what belongs to it ---- */

static int read_labels(conversion *c, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_load_records(c->wish->labels, '\n', LINE_BYTES_MAX, &text,
                             TABLE_BYTES_MAX, e);
    if (rc == 0)
        rc = bl_label_table_read(&c->labels, (const char *)text.data, text.len,
                                 c->wish->columns, e);
    bl_buf_free(&text);
    return rc == 0 ? 0 : bl_fail_in(e, rc, c->wish->labels);
}

/* A scheme with time signatures must have that one: another would be cut into bars that
 * nobody asked for. */
static int check_meter(const conversion *c, bl_err *e)
{
    const bl_meter *m = &c->wish->meter;
    if (m->num == 0 || bl_scheme_takes_meter(c->scheme, m->num, m->den_log2))
        return 0;
    return bl_fail(e, BL_E_ARG, "--meter %d/%d: scheme '%.32s' has no such bars",
                   m->num, 1 << m->den_log2, bl_scheme_name(c->scheme));
}

/* Chords that are a part are tokens of chords: dropped, they are tokens of the scheme
 * still, so that what is left pairs with what was kept. */
static int read_parts(conversion *c, bl_spec *spec, bl_err *e)
{
    const bl_convert_wish *w = c->wish;
    const char *text = w->keep != NULL ? w->keep : w->drop;
    if (text == NULL)
        return 0;
    if (w->keep != NULL && w->drop != NULL)
        return bl_fail(e, BL_E_ARG, "parts are kept or dropped, not both");
    int rc = bl_parts_parse(&c->parts, text, e);
    if (rc == 0 && c->parts.chords && w->drop != NULL && spec->chords && !spec->degrees)
        return bl_fail(e, BL_E_ARG, "chords are added or dropped, not both");
    spec->chords |= c->parts.chords;
    return rc;
}

static int check_parts(const conversion *c, bl_err *e)
{
    if (c->parts.n == 0 || bl_scheme_takes_parts(c->scheme))
        return 0;
    return bl_fail(e, BL_E_ARG,
                   "scheme '%.32s' has no parts that would line up; 'remi' has",
                   bl_scheme_name(c->scheme));
}

/* What only token schemes have. */
static int check_groove(const conversion *c, bl_err *e)
{
    const bl_convert_wish *w = c->wish;
    if (c->parts.n > 0)
        return bl_fail(e, BL_E_ARG, "scheme 'groove' has no parts: it is drums");
    const char *option = w->spec.chords  ? "chord"
                         : w->spec.key   ? "key"
                         : w->spec.pedal ? "pedal"
                                         : NULL;
    if (option != NULL)
        return bl_fail(e, BL_E_ARG, "scheme 'groove' has no %s tokens", option);
    if (w->spec.grid != 0 && w->spec.grid != BL_HVO_BAR / 4)
        return bl_fail(e, BL_E_ARG, "grid %d: scheme 'groove' has 4", w->spec.grid);
    if (w->meter.num != 0 && (w->meter.num != 4 || w->meter.den_log2 != 2))
        return bl_fail(e, BL_E_ARG, "--meter %d/%d: scheme 'groove' has no such bars",
                       w->meter.num, 1 << w->meter.den_log2);
    return w->keep_empty ? bl_fail(e, BL_E_ARG, "scheme 'groove' has no empty pieces")
                         : 0;
}

static int is_groove(const conversion *c)
{
    return strcmp(c->wish->spec.scheme, BL_GROOVE) == 0;
}

static int open_scheme(conversion *c, bl_err *e)
{
    bl_spec spec = c->wish->spec;
    int rc = c->wish->labels != NULL ? read_labels(c, e) : 0;
    if (rc == 0)
        rc = read_parts(c, &spec, e);
    if (rc == 0 && is_groove(c))
        return check_groove(c, e);
    if (c->labels != NULL)
        snprintf(spec.labels, sizeof spec.labels, "%s",
                 bl_label_table_words(c->labels));
    if (rc == 0)
        rc = bl_scheme_open(&c->scheme, &spec, e);
    if (rc == 0)
        rc = check_parts(c, e);
    return rc == 0 ? check_meter(c, e) : rc;
}

/* ---- the files ---- */

static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};

/* One that cannot be read is a file that will be rejected. */
static int collect_one(conversion *c, const char *name, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    int rc = bl_paths_add_operand(&c->paths, name, suffixes, &why);
    c->n_named++;
    if (rc == BL_E_OPEN) {
        c->unread = c->n_unread++ == 0 ? why : c->unread;
        return bl_paths_add(&c->paths, name, strlen(name), e);
    }
    if (rc != 0 && e != NULL)
        *e = why;
    return rc;
}

/* Names that each end in a NUL, but perhaps the last. */
static int collect_list(conversion *c, bl_err *e)
{
    bl_buf list = {0};
    int rc =
        bl_load_records(c->wish->list, '\0', PATH_BYTES_MAX, &list, LIST_BYTES_MAX, e);
    const char *name = rc == 0 ? bl_buf_str(&list, e) : NULL;
    if (rc == 0 && name == NULL)
        rc = BL_E_NOMEM;
    const char *end = name != NULL ? name + list.len : NULL;
    for (; rc == 0 && name < end; name += strlen(name) + 1)
        rc = collect_one(c, name, e);
    bl_buf_free(&list);
    return rc == 0 ? 0 : bl_fail_in(e, rc, c->wish->list);
}

static int collect_operands(conversion *c, const char *const *operands, size_t n,
                            bl_err *e)
{
    int rc = n == 0 ? collect_one(c, "-", e) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = collect_one(c, operands[i], e);
    return rc;
}

static int collect(conversion *c, const char *const *operands, size_t n, bl_err *e)
{
    int rc = c->wish->list != NULL ? collect_list(c, e)
                                   : collect_operands(c, operands, n, e);
    if (rc == 0 && c->n_unread > 0 && c->n_unread == c->n_named) {
        if (e != NULL) /* not one: the names are wrong, or the place */
            *e = c->unread;
        return BL_E_OPEN;
    }
    if (rc == 0 && c->paths.n == 0)
        bl_notice(bl_notices_of(c->progress), BL_NOTICE_WARNING,
                  "there is no MIDI file in what was named");
    if (c->wish->n_parts > 0)
        bl_paths_keep_part(&c->paths, c->wish->part, c->wish->n_parts);
    c->counts->files = c->paths.n;
    return rc;
}

/* ---- one file's result ---- */

static int encode_task(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    conversion *c = arg;
    bl_encoded o = {0};
    int rc = bl_buf_add(result, &o, sizeof o, e); /* its place */
    if (rc == 0)
        rc = bl_encode_file(c->encoder, c->paths.path[task], task, &o, result, e);
    if (rc == 0)
        memcpy(result->data, &o, sizeof o);
    return rc;
}

/* Of a worker that ended at this file. */
static void explain(bl_encoded *o, int died)
{
    o->reject = BL_REJECT_INTERNAL;
    if (died == BL_TASK_TOO_SLOW) {
        o->reject = BL_REJECT_TOO_SLOW;
        bl_fail(&o->why, BL_E_LIMIT, "it takes more than %d seconds", FILE_SECONDS);
    } else if (died == BL_TASK_TOO_LARGE) {
        o->reject = BL_REJECT_TOO_LARGE;
        bl_fail(&o->why, BL_E_LIMIT, "it takes more than %d MiB of memory",
                FILE_BYTES >> 20);
    } else {
        bl_fail(&o->why, BL_E_FORMAT, "the worker that read it ended");
    }
}

/* A piece without some of its music is no error, but never a secret. */
static void say_lost(conversion *c, const char *name, const bl_encoded *o)
{
    c->counts->lost++;
    bl_notice(bl_notices_of(c->progress), BL_NOTICE_ALWAYS,
              "'%s': byte %lld: music was lost, or may have been (places: %u, first: "
              "%s); --strict rejects such files",
              name, (long long)o->lost_offset, (unsigned)o->lost,
              bl_fix_name(o->lost_fix));
}

static int take(conversion *c, size_t i, const bl_buf *result, int died, bl_err *e)
{
    const char *name = bl_path_shown(c->paths.path[i]);
    bl_encoded o = {.why = BL_ERR_INIT};
    if (died)
        explain(&o, died);
    else
        memcpy(&o, result->data, sizeof o);
    if (o.reject != BL_REJECT_NONE) {
        c->counts->rejects++;
        return bl_rejects_add(&c->rejects, c->progress, name, bl_reject_name(o.reject),
                              &o.why, e);
    }
    c->counts->pieces++;
    c->counts->notes += o.n_notes;
    c->counts->tokens += o.n_tokens;
    c->counts->windows += o.n_windows;
    c->counts->hits += o.n_hits;
    c->counts->collided += o.n_collided;
    c->counts->unmapped += o.n_unmapped;
    c->counts->unlabelled += (uint64_t)o.is_unlabelled;
    if (o.lost > 0)
        say_lost(c, name, &o);
    const uint8_t *packed = result->data + sizeof o;
    size_t len = result->len - sizeof o;
    return c->rows != NULL ? bl_rowsw_packed(c->rows, packed, len, o.n_windows, e)
                           : bl_tokw_packed(c->writer, packed, len, o.n_tokens, e);
}

static int convert_all(conversion *c, bl_err *e)
{
    bl_tasks tasks = {0};
    bl_buf result = {0};
    int died;
    int rc = bl_encoder_new(&c->encoder, &c->how, e);
    if (rc == 0)
        rc = bl_tasks_begin(&tasks, c->wish->hands, c->paths.n,
                            (bl_task_limits){FILE_BYTES, FILE_SECONDS}, encode_task, c,
                            e);
    for (size_t i = 0; rc >= 0 && i < c->paths.n; i++) {
        rc = bl_tasks_next(&tasks, &result, &died, e);
        if (rc > 0)
            rc = take(c, i, &result, died, e);
        bl_tell(c->progress, &(bl_counts){.pieces = i + 1,
                                          .of_pieces = c->paths.n,
                                          .tokens = c->counts->tokens,
                                          .notes = c->counts->notes});
    }
    bl_tasks_end(&tasks);
    bl_buf_free(&result);
    return rc < 0 ? rc : 0;
}

/* ---- output ---- */

/* What goes to a file is kept, what goes into a pipe is soon decompressed. */
static int level_of(const conversion *c)
{
    struct stat to;
    if (c->wish->level != BL_CONVERT_LEVEL)
        return c->wish->level;
    return fstat(c->out.out.fd, &to) == 0 && S_ISREG(to.st_mode) ? BL_ZIO_LEVEL : 1;
}

static int begin_writer(conversion *c, const bl_json *pg, bl_err *e)
{
    const bl_scheme *s = c->scheme;
    bl_tokens_kind kind;
    if (s == NULL) {
        bl_rows_kind rows = bl_groove_kind(c->how.frame.bars);
        return bl_rowsw_new(&c->rows, c->out.out.fd, c->how.level, &rows, pg, e);
    }
    kind.spec = *bl_scheme_spec(s);
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(s));
    return bl_tokw_new(&c->writer, c->out.out.fd, c->how.level, &kind,
                       bl_scheme_words(s), bl_scheme_lines(s), pg, e);
}

static int begin_stream(conversion *c, const bl_self *self, bl_err *e)
{
    int rc = bl_output_open(&c->out, c->wish->output, 0, c->wish->guards, e);
    if (rc != 0)
        return rc;
    c->how.level = level_of(c);
    bl_json *pg = self == NULL ? NULL : bl_prov_chain(NULL, 0, self, e);
    if (pg == NULL && self != NULL)
        return BL_E_NOMEM;
    rc = begin_writer(c, pg, e);
    bl_json_del(pg);
    return rc;
}

/* Opened before the work: that it cannot be written is said before the waiting. */
static int begin_table(conversion *c, bl_err *e)
{
    if (c->wish->rejects == NULL)
        return 0;
    int rc = bl_rejects_begin(&c->rejects, e);
    return rc == 0 ? bl_output_open(&c->table, c->wish->rejects, 0, c->wish->guards, e)
                   : rc;
}

static int finish(conversion *c, bl_err *e)
{
    const bl_buf *table = &c->rejects.table;
    int rc = c->rows != NULL ? bl_rowsw_finish(c->rows, c->rejects.n, e)
                             : bl_tokw_finish(c->writer, c->rejects.n, e);
    if (rc == 0)
        rc = bl_output_close(&c->out, 0, e);
    if (rc != 0 || c->wish->rejects == NULL)
        return rc;
    rc = bl_write_all(c->table.out.fd, table->data, table->len, e);
    if (rc != 0)
        bl_err_in(e, c->wish->rejects);
    return bl_output_close(&c->table, rc, e);
}

static void conversion_free(conversion *c)
{
    bl_tokw_del(c->writer);
    bl_rowsw_del(c->rows);
    bl_encoder_del(c->encoder);
    bl_rejects_free(&c->rejects);
    bl_label_table_del(c->labels);
    bl_paths_free(&c->paths);
    bl_scheme_del(c->scheme);
}

/* ---- the whole ---- */

int bl_convert(const bl_convert_wish *wish, const char *const *operands, size_t n,
               const bl_self *self, const bl_progress *progress,
               bl_convert_counts *counts, bl_err *e)
{
    conversion c = {.wish = wish,
                    .progress = progress,
                    .counts = counts,
                    .out = BL_OUTPUT_INIT,
                    .table = BL_OUTPUT_INIT};
    *counts = (bl_convert_counts){0};
    int rc = open_scheme(&c, e);
    if (rc == 0)
        rc = collect(&c, operands, n, e);
    if (rc == 0) {
        c.how = (bl_encoding){
            .scheme = c.scheme,
            .frame = {wish->window > 0 ? wish->window : 2,
                      wish->hop > 0 ? wish->hop : 2},
            .reading = bl_reading_with(c.scheme != NULL ? bl_scheme_reading(c.scheme)
                                                        : BL_READ_OVERLAP,
                                       wish->pair),
            .meter_num = wish->meter.num,
            .meter_den_log2 = wish->meter.den_log2,
            .beats = wish->beats,
            .labels = c.labels,
            .parts = c.parts.n > 0 ? &c.parts : NULL,
            .drop_parts = wish->drop != NULL,
            .trim = wish->trim,
            .strict = wish->strict,
            .keep_empty = wish->keep_empty,
        };
        rc = begin_table(&c, e);
    }
    if (rc == 0)
        rc = begin_stream(&c, self, e);
    if (rc == 0)
        rc = convert_all(&c, e);
    if (rc == 0)
        rc = finish(&c, e);
    rc = bl_output_close(&c.out, rc, e);
    rc = bl_output_close(&c.table, rc, e);
    conversion_free(&c);
    return rc;
}
