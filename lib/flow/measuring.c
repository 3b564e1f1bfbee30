/* measuring.c - see measuring.h. */
#include "flow/measuring.h"

#include "compare/verdict.h"
#include "feature/labels.h"
#include "flow/feature_tensors.h"
#include "flow/melodies.h"
#include "io/file.h"
#include "io/header.h"
#include "io/name.h"
#include "io/walk.h"
#include "midi/midi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_CHUNK = 1 << 20, LABEL_MAX = 1 << 16, TENSOR_LEVEL = 3 };

typedef struct {
    bl_intake_set read;
    bl_table table; /* where sets are compared or summed up */
} set_of_pieces;

typedef struct {
    const bl_measure_wish *wish;
    const char *const *operands;
    size_t n_operands;
    const bl_self *self;
    const bl_progress *progress;
    bl_layout layout;
    bl_print print;
    bl_labels labels;
    bl_intake_wish reading;
    bl_intake *intake;
    set_of_pieces pieces, reference, training;
    bl_feature_tensors tensors;
    bl_melodies *melodies; /* of BL_MEASURE_NOVELTY and _JUDGED */
    bl_layout tunes;       /* what is measured of the training set: melodies alone */
    bl_intake_wish reading_tunes;
    bl_verdict verdict; /* of BL_MEASURE_JUDGED */
    bl_output out;
    int is_awaited; /* something reads the output as it comes: each row at once */
    bl_buf text, name, group;
} measuring;

static int is(const measuring *m, bl_measure_form form)
{
    return m->wish->form == form;
}

/* 1 where rows go straight to the output, in the order of the input. */
static int is_direct(const measuring *m)
{
    return m->wish->form <= BL_MEASURE_TENSORS;
}

/* ---- what stands above and below the rows ---- */

/* An array of the names of the columns after the first. */
static bl_json *column_names(const measuring *m, bl_err *e)
{
    bl_buf text = {0};
    const bl_json *list = NULL;
    bl_json *o = NULL, *names = NULL;
    int rc = bl_buf_adds(&text, "{\"features\":[", e);
    if (rc == 0)
        rc = bl_print_columns(&m->print, "\"", "\"", ",", 0, &text, e);
    if (rc == 0)
        rc = bl_buf_adds(&text, "]}", e);
    if (rc == 0)
        o = bl_json_parse((const char *)text.data, text.len, e);
    if (o != NULL && bl_json_get(o, "features", &list, e) == 0)
        names = bl_json_copy(list, e);
    bl_json_del(o);
    bl_buf_free(&text);
    return names;
}

/* The programs that made the data, this one last; the caller releases it. NULL also
 * where they are not wanted. */
static int make_pg(const measuring *m, bl_json **pg, bl_err *e)
{
    const bl_json *parents[] = {bl_prov_list(m->training.read.prov),
                                bl_prov_list(m->reference.read.prov),
                                bl_prov_list(m->pieces.read.prov)};
    *pg = NULL;
    if (m->self == NULL)
        return 0;
    *pg = bl_prov_chain(parents, BL_COUNT(parents), m->self, e);
    return *pg == NULL ? e->code : 0;
}

static int put_pg(const measuring *m, bl_json *o, bl_err *e)
{
    bl_json *pg;
    int rc = make_pg(m, &pg, e);
    return rc == 0 && pg != NULL ? bl_json_put(o, "pg", pg, e) : rc;
}

static int put_features(const measuring *m, bl_json *o, bl_err *e)
{
    bl_json *names = column_names(m, e);
    return names == NULL ? e->code : bl_json_put(o, "features", names, e);
}

static int put_percentile(bl_json *o, const char *key, double x, bl_err *e)
{
    return isnan(x) ? 0 : bl_json_set_real(o, key, x, e);
}

/* What novelty is measured against. */
static int put_training(const measuring *m, bl_json *o, bl_err *e)
{
    double copy_8, longest;
    bl_melodies_usual(m->melodies, &copy_8, &longest);
    int rc = bl_json_set_int(o, "training", (int64_t)m->training.read.n, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "reference", (int64_t)m->reference.read.n, e);
    if (rc == 0)
        rc = put_percentile(o, "copy_8_p95", copy_8, e);
    return rc == 0 ? put_percentile(o, "longest_p95", longest, e) : rc;
}

static uint64_t rejects(const measuring *m)
{
    return m->training.read.rejects + m->reference.read.rejects +
           m->pieces.read.rejects;
}

static int put_counts(const measuring *m, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_int(o, "pieces", (int64_t)m->pieces.read.n, e);
    if (rc == 0 && (is(m, BL_MEASURE_COMPARED) || is(m, BL_MEASURE_JUDGED)))
        rc = bl_json_set_int(o, "reference", (int64_t)m->reference.read.n, e);
    return rc == 0 ? bl_json_set_int(o, "rejects", (int64_t)rejects(m), e) : rc;
}

typedef int fill_fn(const measuring *m, bl_json *o, bl_err *e);

/* "#TAG {...}", where such lines are wanted. */
static int add_line(const measuring *m, const char *tag, fill_fn *fill, bl_buf *text,
                    bl_err *e)
{
    if (m->wish->bare)
        return 0;
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : fill(m, o, e);
    if (rc == 0)
        rc = bl_header_write(tag, o, text, e);
    bl_json_del(o);
    return rc;
}

/* What is known before the first row. */
static int fill_feat(const measuring *m, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "feat/2", e);
    return rc == 0 ? put_features(m, o, e) : rc;
}

static int fill_end(const measuring *m, bl_json *o, bl_err *e)
{
    int rc = put_counts(m, o, e);
    return rc == 0 ? put_pg(m, o, e) : rc;
}

static int fill_vs(const measuring *m, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "featvs/1", e);
    if (rc == 0)
        rc = put_counts(m, o, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "seed", (int64_t)m->wish->seed, e);
    return rc == 0 ? put_pg(m, o, e) : rc;
}

static int fill_novelty(const measuring *m, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "featnov/1", e);
    if (rc == 0)
        rc = put_counts(m, o, e);
    if (rc == 0)
        rc = put_training(m, o, e);
    return rc == 0 ? put_pg(m, o, e) : rc;
}

static int fill_judge(const measuring *m, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "featjudge/1", e);
    if (rc == 0)
        rc = bl_json_set_str(o, "verdict", bl_verdict_name(m->verdict.is), e);
    if (rc == 0)
        rc = put_counts(m, o, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "training", (int64_t)m->training.read.n, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "seed", (int64_t)m->wish->seed, e);
    return rc == 0 ? put_pg(m, o, e) : rc;
}

static int add_heading(const measuring *m, bl_buf *text, bl_err *e)
{
    int rc = add_line(m, "feat", fill_feat, text, e);
    if (rc != 0)
        return rc;
    if (is(m, BL_MEASURE_LONG))
        return bl_buf_adds(text,
                           m->print.with_groups ? "name\tgroup\tfeature\tindex\tvalue\n"
                                                : "name\tfeature\tindex\tvalue\n",
                           e);
    rc = bl_print_columns(&m->print, "", "", "\t", 1, text, e);
    return rc == 0 ? bl_buf_addc(text, '\n', e) : rc;
}

/* ---- rows ---- */

static int flush(measuring *m, bl_err *e)
{
    size_t n = m->text.len;
    m->text.len = 0;
    return bl_write_all(m->out.out.fd, m->text.data, n, e);
}

/* The name as it is shown, in m->name, and its group, NULL where it has none. */
static int show_name(measuring *m, const char *name, const char **shown,
                     const char **group, bl_err *e)
{
    const char *own = m->wish->labels == NULL ? bl_intake_group(m->intake) : "";
    const char *label = own[0] != '\0' ? own : bl_labels_find(&m->labels, name);
    m->group.len = m->name.len = 0;
    *group = NULL;
    int rc = label != NULL ? bl_name_encode(label, &m->group, e) : 0;
    if (rc == 0 && label != NULL && (*group = bl_buf_str(&m->group, e)) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_name_encode(name, &m->name, e);
    if (rc == 0 && (*shown = bl_buf_str(&m->name, e)) == NULL)
        rc = BL_E_NOMEM;
    return rc;
}

static int print_row(measuring *m, const char *name, const char *group,
                     const bl_row *row, bl_err *e)
{
    switch (m->wish->form) {
    case BL_MEASURE_TENSORS:
        return bl_feature_tensors_add(&m->tensors, name, group, row, e);
    case BL_MEASURE_JSON:
        return bl_print_json(&m->print, name, group, row, &m->text, e);
    case BL_MEASURE_LONG:
        return bl_print_long(&m->print, name, group, row, &m->text, e);
    default:
        return bl_print_row(&m->print, name, group, row, &m->text, e);
    }
}

static int take_piece(void *arg, const char *name, const bl_row *row, bl_err *e)
{
    measuring *m = arg;
    const char *shown, *group;
    int rc = show_name(m, name, &shown, &group, e);
    if (rc == 0 && m->melodies != NULL)
        rc = bl_melodies_add(m->melodies, BL_MELODIES_NEW, shown, &m->layout, row, e);
    if (rc != 0 || is(m, BL_MEASURE_NOVELTY))
        return rc;
    if (rc == 0 && (!is_direct(m) || m->wish->page.path != NULL))
        rc = bl_table_add(&m->pieces.table, shown, group, row, e);
    if (rc != 0 || !is_direct(m))
        return rc;
    rc = print_row(m, shown, group, row, e);
    if (rc == 0 && (m->text.len >= WRITE_CHUNK || m->is_awaited))
        rc = flush(m, e);
    return rc;
}

static int take_reference(void *arg, const char *name, const bl_row *row, bl_err *e)
{
    measuring *m = arg;
    const char *shown, *group;
    int rc = show_name(m, name, &shown, &group, e);
    if (rc == 0 && m->melodies != NULL)
        rc = bl_melodies_add(m->melodies, BL_MELODIES_REFERENCE, shown, &m->layout, row,
                             e);
    if (rc != 0 || is(m, BL_MEASURE_NOVELTY))
        return rc;
    return rc == 0 ? bl_table_add(&m->reference.table, shown, group, row, e) : rc;
}

static const char *training_of(const bl_measure_wish *w)
{
    return w->judge != NULL ? w->judge : w->training;
}

static int take_training(void *arg, const char *name, const bl_row *row, bl_err *e)
{
    measuring *m = arg;
    const char *shown, *group;
    int rc = show_name(m, name, &shown, &group, e);
    return rc == 0 ? bl_melodies_add(m->melodies, BL_MELODIES_TRAINING, shown,
                                     &m->tunes, row, e)
                   : rc;
}

/* ---- the sets ---- */

/* Of which nothing but melodies is asked, however much of the others. */
static int read_training(measuring *m, const char *const *training, bl_err *e)
{
    bl_intake *in;
    int rc = bl_intake_new(&in, &m->reading_tunes, m->progress, e);
    if (rc == 0)
        rc = bl_intake_measure(in, training, 1, &m->training.read, take_training, m, e);
    bl_intake_del(in);
    return rc;
}

/* All of them, in the order in which they are needed. */
static int read_sets(measuring *m, bl_err *e)
{
    const char *reference = m->wish->reference, *training = training_of(m->wish);
    int rc = 0;
    if (m->melodies != NULL) {
        rc = read_training(m, &training, e);
        if (rc == 0 && is(m, BL_MEASURE_JUDGED) && m->training.read.n == 0)
            rc = bl_fail(e, BL_E_FORMAT,
                         "--judge: '%.200s' holds no piece, so nobody can say what was "
                         "copied; shard --unshard gives those of shards",
                         training);
        if (rc == 0)
            rc = bl_melodies_end(m->melodies, BL_MELODIES_TRAINING, e);
        if (rc == 0 && reference != NULL)
            rc = bl_intake_measure(m->intake, &reference, 1, &m->reference.read,
                                   take_reference, m, e);
        if (rc == 0)
            rc = bl_melodies_end(m->melodies, BL_MELODIES_REFERENCE, e);
    }
    if (rc == 0)
        rc = bl_intake_measure(m->intake, m->operands, m->n_operands, &m->pieces.read,
                               take_piece, m, e);
    if (rc == 0 && m->melodies == NULL && reference != NULL)
        rc = bl_intake_measure(m->intake, &reference, 1, &m->reference.read,
                               take_reference, m, e);
    return rc;
}

/* ---- what is written of them ---- */

static int write_page(const measuring *m, const bl_comparisons *compared, bl_err *e)
{
    const bl_page_sets sets = {
        .operands = m->operands,
        .n = m->n_operands,
        .table = &m->pieces.table,
        .labels = &m->labels,
        .reference = compared != NULL ? m->wish->reference : NULL,
        .reference_table = compared != NULL ? &m->reference.table : NULL,
        .compared = compared,
        .verdict = is(m, BL_MEASURE_JUDGED) ? &m->verdict : NULL,
    };
    return m->wish->page.path == NULL
               ? 0
               : bl_page_write(&m->wish->page, &sets, &m->reading, m->wish->guards, e);
}

static int end_tensors(measuring *m, bl_err *e)
{
    bl_json *pg;
    int rc = make_pg(m, &pg, e);
    if (rc == 0)
        rc = bl_feature_tensors_end(&m->tensors, pg, e);
    bl_json_del(pg);
    return rc;
}

/* Rows are measured; what comes after them. */
static int end_rows(measuring *m, bl_err *e)
{
    int rc = 0;
    if (is(m, BL_MEASURE_TENSORS))
        rc = end_tensors(m, e);
    else if (!is(m, BL_MEASURE_JSON))
        rc = add_line(m, "featend", fill_end, &m->text, e);
    if (rc == 0)
        rc = flush(m, e);
    return rc == 0 ? write_page(m, NULL, e) : rc;
}

static int add_comparisons(measuring *m, const bl_comparisons *c, bl_err *e)
{
    int rc = add_line(m, "featvs", fill_vs, &m->text, e);
    return rc == 0 ? bl_comparisons_tsv(c, &m->layout, &m->text, e) : rc;
}

static int add_verdict(measuring *m, const bl_comparisons *c, bl_err *e)
{
    m->verdict = bl_verdict_of(c, &m->layout, bl_melodies_more(m->melodies));
    int rc = add_line(m, "featjudge", fill_judge, &m->text, e);
    return rc == 0 ? bl_verdict_tsv(&m->verdict, &m->text, e) : rc;
}

static int compare_sets(measuring *m, bl_err *e)
{
    bl_comparisons c = {
        .seed = m->wish->seed,
        .with_mgeval = (m->layout.with & BL_WITH_COMPAT) != 0,
        .force = m->wish->force,
    };
    int rc = bl_compare(&c, &m->pieces.table, &m->reference.table, e);
    if (rc == 0)
        rc = is(m, BL_MEASURE_JUDGED) ? add_verdict(m, &c, e)
                                      : add_comparisons(m, &c, e);
    if (rc == 0)
        rc = write_page(m, &c, e);
    bl_comparisons_free(&c);
    return rc;
}

static int add_summary(measuring *m, bl_err *e)
{
    return m->wish->reference != NULL
               ? bl_table_comparison(&m->pieces.table, &m->reference.table, &m->text, e)
               : bl_table_summary(&m->pieces.table, &m->text, e);
}

static int write_novelty(measuring *m, bl_err *e)
{
    int rc = add_line(m, "featnov", fill_novelty, &m->text, e);
    if (rc == 0)
        rc = bl_melodies_heading(&m->text, e);
    if (rc == 0)
        rc = flush(m, e);
    return rc == 0 ? bl_melodies_write(m->melodies, m->out.out.fd, e) : rc;
}

static int write_sets(measuring *m, bl_err *e)
{
    if (is_direct(m))
        return end_rows(m, e);
    if (is(m, BL_MEASURE_NOVELTY))
        return write_novelty(m, e);
    int rc = is(m, BL_MEASURE_SUMMARY) ? add_summary(m, e) : compare_sets(m, e);
    return rc == 0 ? flush(m, e) : rc;
}

/* ---- the whole ---- */

static int read_labels(measuring *m, bl_err *e)
{
    const char *path = m->wish->labels;
    if (path == NULL)
        return 0;
    int rc =
        bl_load_records(path, '\n', LABEL_MAX, &m->labels.text, BL_MIDI_MAX_BYTES, e);
    if (rc == 0)
        rc = bl_labels_parse(&m->labels, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

/* Which columns are measured; the page and comparisons show vectors, too. */
static unsigned columns_of(const bl_measure_wish *w)
{
    int shows_vectors = w->form == BL_MEASURE_LONG || w->form == BL_MEASURE_TENSORS ||
                        w->form == BL_MEASURE_COMPARED ||
                        w->form == BL_MEASURE_JUDGED || w->page.path != NULL;
    unsigned melody = w->form == BL_MEASURE_JUDGED ? BL_WITH_MELODY : 0u;
    if (w->form == BL_MEASURE_NOVELTY)
        return BL_WITH_MELODY;
    return w->with | melody | (shows_vectors ? BL_WITH_VECTORS : 0u);
}

static int prepare(measuring *m, bl_err *e)
{
    const bl_measure_wish *w = m->wish;
    bl_layout_make(&m->layout, (int)columns_of(w));
    m->print =
        (bl_print){&m->layout, (w->with & BL_WITH_VECTORS) != 0, w->labels != NULL};
    m->pieces.table.layout = m->reference.table.layout = &m->layout;
    m->reading = (bl_intake_wish){.layout = &m->layout,
                                  .reading = bl_reading_with(BL_READ_OVERLAP, w->pair),
                                  .meter = w->meter,
                                  .track = (int)w->track,
                                  .hands = w->hands};
    m->tensors = (bl_feature_tensors){.layout = &m->layout,
                                      .out = &m->text,
                                      .level = w->plain ? 0 : TENSOR_LEVEL,
                                      .with_groups = m->print.with_groups};
    bl_layout_make(&m->tunes, BL_WITH_MELODY);
    m->reading_tunes = m->reading;
    m->reading_tunes.layout = &m->tunes;
    int rc = training_of(w) != NULL ? bl_melodies_new(&m->melodies, e) : 0;
    if (rc == 0)
        rc = read_labels(m, e);
    return rc == 0 ? bl_intake_new(&m->intake, &m->reading, m->progress, e) : rc;
}

/* Whether rows are read while they are made: of a pipe or a terminal, not of a file. */
static int is_awaited(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

/* The lines above rows appear before anything is read. */
static int begin(measuring *m, bl_err *e)
{
    int rc = bl_output_open(&m->out, m->wish->output, 0, m->wish->guards, e);
    if (rc != 0)
        return rc;
    m->is_awaited = is_awaited(m->out.out.fd);
    if (!is(m, BL_MEASURE_TABLE) && !is(m, BL_MEASURE_LONG))
        return 0;
    rc = add_heading(m, &m->text, e);
    return rc == 0 && m->is_awaited ? flush(m, e) : rc;
}

static void end(measuring *m)
{
    bl_intake_del(m->intake);
    bl_feature_tensors_free(&m->tensors);
    bl_melodies_del(m->melodies);
    bl_labels_free(&m->labels);
    bl_table_free(&m->pieces.table);
    bl_table_free(&m->reference.table);
    bl_intake_set_free(&m->pieces.read);
    bl_intake_set_free(&m->reference.read);
    bl_intake_set_free(&m->training.read);
    bl_buf_free(&m->text);
    bl_buf_free(&m->name);
    bl_buf_free(&m->group);
}

static void count(const measuring *m, bl_intake_set *read)
{
    *read = (bl_intake_set){
        .n = m->pieces.read.n,
        .midi_files = m->training.read.midi_files + m->reference.read.midi_files +
                      m->pieces.read.midi_files,
        .rejects = rejects(m),
    };
}

bl_measure_form bl_measure_asked(unsigned asked, const bl_measure_wish *wish)
{
    for (int form = BL_MEASURE_JSON; form <= BL_MEASURE_SUMMARY; form++)
        if (asked >> form & 1)
            return (bl_measure_form)form;
    if (wish->judge != NULL)
        return BL_MEASURE_JUDGED;
    return wish->training != NULL    ? BL_MEASURE_NOVELTY
           : wish->reference != NULL ? BL_MEASURE_COMPARED
                                     : BL_MEASURE_TABLE;
}

/* Features of tokens are not defined for files that come without. */
static void warn_of_files(const measuring *m)
{
    const bl_intake_set *sets[] = {&m->pieces.read, &m->reference.read};
    for (size_t i = 0; i < BL_COUNT(sets) && m->wish->with & BL_WITH_REPEATS; i++) {
        uint64_t files = sets[i]->midi_files - sets[i]->rejects;
        if (sets[i]->midi_files > sets[i]->rejects)
            bl_notice(bl_notices_of(m->progress), BL_NOTICE_WARNING,
                      "--repeats is about tokens: of %llu MIDI files its columns are "
                      "nan; 'midi2remi ... | featstats --repeats' has them",
                      (unsigned long long)files);
    }
}

int bl_measure(const bl_measure_wish *wish, const char *const *operands, size_t n,
               const bl_self *self, const bl_progress *progress, bl_intake_set *read,
               bl_err *e)
{
    measuring m = {.wish = wish,
                   .operands = operands,
                   .n_operands = n,
                   .self = self,
                   .progress = progress,
                   .out = BL_OUTPUT_INIT};
    int rc = prepare(&m, e);
    if (rc == 0)
        rc = begin(&m, e);
    if (rc == 0)
        rc = read_sets(&m, e);
    if (rc == 0)
        rc = write_sets(&m, e);
    rc = bl_output_close(&m.out, rc, e);
    if (rc == 0)
        warn_of_files(&m);
    count(&m, read);
    end(&m);
    return rc;
}

int bl_measure_list(unsigned with, bl_buf *text, bl_err *e)
{
    bl_layout *l = bl_calloc(1, sizeof *l, e);
    if (l == NULL)
        return BL_E_NOMEM;
    bl_layout_make(l, (int)with);
    int rc = bl_layout_list(l, text, e);
    free(l);
    return rc;
}
