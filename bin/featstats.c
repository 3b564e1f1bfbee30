/* featstats - features of pieces, from token streams and MIDI files. */
#include "featstats.h"
#include "io/header.h"
#include "io/versions.h"
#include "io/zio.h"
#include "compare/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is written ---- */

/* An array of the names of the columns after the first. */
static bl_json *column_names(run *r, bl_err *e)
{
    bl_buf text = {0};
    const bl_json *list = NULL;
    bl_json *o = NULL, *names = NULL;
    int rc = bl_buf_adds(&text, "{\"features\":[", e);
    if (rc == 0)
        rc = bl_print_columns(&r->print, "\"", "\"", ",", 0, &text, e);
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

/* The programs that made the data, this one last. */
bl_json *make_pg(const run *r, bl_err *e)
{
    bl_self self = {
        .tool = r->opts->about->name,
        .args = (const char *const *)r->opts->given,
        .n_args = r->opts->n_given,
    };
    const bl_json *parents[] = {bl_prov_list(r->training.pg),
                                bl_prov_list(r->reference.pg),
                                bl_prov_list(r->pieces.pg)};
    return bl_prov_chain(parents, BL_COUNT(parents), &self, e);
}

int put_pg(const run *r, bl_json *o, bl_err *e)
{
    if (r->set->common.no_pg)
        return 0;
    bl_json *pg = make_pg(r, e);
    return pg == NULL ? e->code : bl_json_put(o, "pg", pg, e);
}

static int put_features(run *r, bl_json *o, bl_err *e)
{
    bl_json *names = column_names(r, e);
    return names == NULL ? e->code : bl_json_put(o, "features", names, e);
}

static int put_percentile(bl_json *o, const char *key, double x, bl_err *e)
{
    return isnan(x) ? 0 : bl_json_set_real(o, key, x, e);
}

/* What --novelty compared with. */
static int put_training(run *r, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_int(o, "training", (int64_t)r->training.n, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "reference", (int64_t)r->reference.n, e);
    if (rc == 0)
        rc = put_percentile(o, "copy_8_p95", r->most_copy, e);
    return rc == 0 ? put_percentile(o, "longest_p95", r->most_long, e) : rc;
}

static int put_counts(run *r, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_int(o, "pieces", (int64_t)r->pieces.n, e);
    if (rc == 0 && !r->pieces.prints)
        rc = bl_json_set_int(o, "reference", (int64_t)r->reference.n, e);
    return rc == 0 ? bl_json_set_int(o, "rejects", (int64_t)r->rejects.n, e) : rc;
}

typedef int fill_fn(run *r, bl_json *o, bl_err *e);

/* "#TAG {...}". */
static int add_line(run *r, const char *tag, fill_fn *fill, bl_buf *text, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : fill(r, o, e);
    if (rc == 0)
        rc = bl_header_write(tag, o, text, e);
    bl_json_del(o);
    return rc;
}

/* What is known before the first row. */
static int fill_feat(run *r, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "feat/2", e);
    return rc == 0 ? put_features(r, o, e) : rc;
}

static int fill_end(run *r, bl_json *o, bl_err *e)
{
    int rc = put_counts(r, o, e);
    return rc == 0 ? put_pg(r, o, e) : rc;
}

static int fill_vs(run *r, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "featvs/1", e);
    if (rc == 0)
        rc = put_counts(r, o, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "seed", r->set->common.seed, e);
    return rc == 0 ? put_pg(r, o, e) : rc;
}

static int fill_novelty(run *r, bl_json *o, bl_err *e)
{
    int rc = bl_json_set_str(o, "schema", "featnov/1", e);
    if (rc == 0)
        rc = put_counts(r, o, e);
    if (rc == 0)
        rc = put_training(r, o, e);
    return rc == 0 ? put_pg(r, o, e) : rc;
}

/* What comes before the rows. */
static int add_head(run *r, bl_buf *text, bl_err *e)
{
    int is_novelty = r->novelty != NULL;
    int rc = is_novelty ? add_line(r, "featnov", fill_novelty, text, e)
                        : add_line(r, "feat", fill_feat, text, e);
    if (rc == 0 && is_novelty)
        return bl_buf_adds(text,
                           "name\tset\tsteps\tcopy_4\tcopy_8\tcopy_12\tcopy_16\tcopy_24"
                           "\tcopy_32\tlongest\tbar\ttrain_name\ttrain_bar\tmore\n",
                           e);
    if (rc == 0 && r->set->is_long)
        return bl_buf_adds(text,
                           r->print.with_groups ? "name\tgroup\tfeature\tindex\tvalue\n"
                                                : "name\tfeature\tindex\tvalue\n",
                           e);
    if (rc == 0)
        rc = bl_print_columns(&r->print, "", "", "\t", 1, text, e);
    return rc == 0 ? bl_buf_addc(text, '\n', e) : rc;
}

/* Of --novelty: the rows after their header. */
static int copy_rows(run *r, bl_err *e)
{
    int64_t n = 1;
    int rc = flush_rows(r, e);
    if (rc == 0 && fflush(r->rows) != 0)
        rc = bl_fail_errno(e, BL_E_IO, "cannot write a temporary file");
    if (rc == 0)
        rc = bl_buf_reserve(&r->text, WRITE_CHUNK, e);
    rewind(r->rows);
    while (rc == 0 && n > 0) {
        n = bl_read_some(fileno(r->rows), r->text.data, WRITE_CHUNK, e);
        rc = n < 0 ? (int)n : bl_write_all(r->out.fd, r->text.data, (size_t)n, e);
    }
    return rc;
}

/* Whether rows are read while they are made: of a pipe or a terminal, not of a file. */
static int is_awaited(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

/* 1 where rows go straight to the output, in the order of the input. */
static int is_direct(const run *r)
{
    return r->pieces.prints && r->novelty == NULL;
}

/* Of a table, the lines above the rows; they appear before anything is read. */
static int begin_rows(run *r, bl_err *e)
{
    r->is_awaited = is_awaited(r->out.fd);
    if (r->set->json || r->set->tensors)
        return 0;
    int rc = add_head(r, &r->text, e);
    return rc == 0 && r->is_awaited ? flush_rows(r, e) : rc;
}

static int end_rows(run *r, bl_err *e)
{
    int rc = 0;
    if (r->set->tensors)
        rc = end_tensors(r, e);
    else if (!r->set->json)
        rc = add_line(r, "featend", fill_end, &r->text, e);
    if (rc == 0)
        rc = flush_rows(r, e);
    return rc == 0 && r->set->html != NULL ? write_report(r, NULL, e) : rc;
}

static int compare_sets(run *r, bl_buf *text, bl_err *e)
{
    bl_comparisons c = {
        .seed = (uint64_t)r->set->common.seed,
        .with_mgeval = r->set->compat,
        .force = r->set->common.force,
    };
    int rc = bl_compare(&c, &r->pieces.table, &r->reference.table, e);
    if (rc == 0)
        rc = add_line(r, "featvs", fill_vs, text, e);
    if (rc == 0)
        rc = bl_comparisons_tsv(&c, &r->layout, text, e);
    if (rc == 0 && r->set->html != NULL)
        rc = write_report(r, &c, e);
    bl_comparisons_free(&c);
    return rc;
}

static int add_text(run *r, bl_buf *text, bl_err *e)
{
    const bl_table *t = &r->pieces.table;
    if (r->set->list)
        return bl_layout_list(&r->layout, text, e);
    if (r->set->curves)
        return add_curves(r, text, e);
    if (r->set->surprise)
        return add_surprise(r, text, e);
    if (r->set->roll)
        return add_roll(r, text, e);
    if (r->set->summary && r->set->vs != NULL)
        return bl_table_comparison(t, &r->reference.table, text, e);
    if (r->set->summary)
        return bl_table_summary(t, text, e);
    return r->novelty != NULL ? add_head(r, text, e) : compare_sets(r, text, e);
}

static int write_text(run *r, bl_err *e)
{
    bl_buf text = {0};
    int rc = is_direct(r) ? end_rows(r, e) : add_text(r, &text, e);
    if (rc == 0)
        rc = bl_write_all(r->out.fd, text.data, text.len, e);
    if (rc == 0 && r->rows != NULL)
        rc = copy_rows(r, e);
    if (rc == 0)
        rc = bl_out_commit(&r->out, e);
    bl_guard_file(NULL);
    bl_buf_free(&text);
    return rc;
}

/* ---- the whole ---- */

static int read_labels(run *r, bl_err *e)
{
    int fd;
    if (r->set->labels == NULL)
        return 0;
    int rc = bl_in_open(r->set->labels, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_records(fd, '\n', 1 << 16, &r->labels.text, BL_MIDI_MAX_BYTES, e);
    if (rc == 0)
        rc = bl_labels_parse(&r->labels, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_err_in(e, bl_path_shown(r->set->labels));
}

static int prepare(run *r, bl_err *e)
{
    const settings *set = r->set;
    int is_compared = set->vs != NULL && !set->summary && set->novelty == NULL;
    bl_layout_make(&r->layout,
                   BL_WITH_VECTORS * (set->vectors || set->is_long || set->tensors ||
                                      is_compared || set->html != NULL) |
                       BL_WITH_COMPAT * set->compat | BL_WITH_SI * set->si |
                       BL_WITH_GROOVE * set->groove | BL_WITH_REPEATS * set->repeats);
    r->most_copy = r->most_long = NAN;
    if (set->novelty != NULL)
        bl_layout_make(&r->layout, BL_WITH_MELODY);
    r->print = (bl_print){&r->layout, set->vectors, set->labels != NULL};
    r->pieces.table.layout = r->reference.table.layout = &r->layout;
    r->input.track = (int)set->track;
    r->pieces.keeps_table = set->summary || is_compared || set->html != NULL;
    r->reference.keeps_table = 1;
    r->pieces.prints = !set->list && !set->roll && !set->curves && !set->surprise &&
                       !set->summary && !is_compared;
    if (set->novelty != NULL && (r->rows = tmpfile()) == NULL)
        return bl_fail_errno(e, BL_E_IO, "cannot make a temporary file");
    r->input.meter_num = set->meter.num;
    r->input.meter_den_log2 = set->meter.den_log2;
    r->reading = bl_reading_with(BL_READ_OVERLAP, (bl_pair)set->pair);
    return read_labels(r, e);
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    int rc = r->set->runs ? show_runs(r, &e) : prepare(r, &e);
    if (rc == 0 && r->set->runs)
        return BL_EXIT_OK;
    if (rc == 0)
        rc = bl_out_open(&r->out, r->set->common.output, &e);
    if (rc == 0)
        bl_guard_file(r->out.temp);
    if (rc == 0 && r->pieces.prints && r->set->novelty == NULL)
        rc = begin_rows(r, &e);
    if (rc == 0 && r->set->novelty != NULL)
        rc = read_training(r, &e);
    if (rc == 0 && r->set->novelty != NULL && r->set->vs != NULL)
        rc = read_reference(r, &e);
    if (rc == 0 && !r->set->list && !r->set->roll && !r->set->curves &&
        !r->set->surprise)
        rc = read_operands(r, &e);
    if (rc == 0 && r->set->novelty == NULL && r->set->vs != NULL)
        rc = read_reference(r, &e);
    if (rc == 0)
        rc = write_text(r, &e);
    if (rc != 0) {
        bl_log_error(r->log, &e);
        return bl_exit_of(rc);
    }
    if (!r->set->list && !r->set->roll && !r->set->curves && !r->set->surprise)
        bl_log_info(r->log, "%llu pieces, %llu rejected, %.1f s",
                    (unsigned long long)r->pieces.n, (unsigned long long)r->rejects.n,
                    bl_log_seconds(r->log));
    return bl_opt_exceeds(&r->set->max_reject, r->rejects.n, r->n_midi_files)
               ? BL_EXIT_DATA
               : BL_EXIT_OK;
}

static void run_free(run *r)
{
    bl_out_abort(&r->out);
    bl_rejects_free(&r->rejects);
    bl_table_free(&r->pieces.table);
    bl_table_free(&r->reference.table);
    bl_prov_del(r->pieces.pg);
    bl_prov_del(r->reference.pg);
    bl_prov_del(r->training.pg);
    bl_novelty_del(r->novelty);
    free(r->human_copy.x);
    free(r->human_long.x);
    if (r->rows != NULL)
        fclose(r->rows);
    batch_free(&r->batch);
    bl_labels_free(&r->labels);
    bl_view_free(&r->view);
    bl_row_free(&r->row);
    bl_song_free(&r->song);
    bl_song_free(&r->closed);
    bl_events_free(&r->events);
    bl_piece_free(&r->piece);
    bl_buf_free(&r->bytes);
    bl_buf_free(&r->name);
    bl_buf_free(&r->group);
    bl_buf_free(&r->text);
    bl_zw_del(r->packer);
    bl_buf_free(&r->packed);
}

/* Options that do not go together: a message, or NULL. */
static const char *misuse(const settings *set, const bl_opts *opts)
{
    int pictures = set->curves + set->roll + set->surprise;
    int is_long = set->is_long && !set->surprise;
    if (set->json + set->summary + set->list + is_long + set->tensors + pictures > 1)
        return "--curves, --list, --json, --long, --roll, --summary, --surprise and "
               "--tensors exclude one another";
    if (pictures > 0 && (set->vs != NULL || set->novelty != NULL || set->html != NULL))
        return "--curves, --roll and --surprise go with no other output";
    if (set->runs && set->json + set->list + set->is_long + set->tensors + set->roll +
                             set->surprise + (set->vs != NULL) +
                             (set->novelty != NULL) >
                         0)
        return "--runs goes with --summary, --curves, --html or alone";
    if (set->runs && opts->n_operands == 0)
        return "--runs wants run folders";
    if (set->is_log + set->no_costs > 0 && !set->runs)
        return "--log and --no-costs go with --runs";
    if (set->curves && opts->n_operands == 0)
        return "--curves wants run folders";
    if (set->surprise && opts->n_operands > 1)
        return "--surprise reads one file";
    if (set->html != NULL && set->summary + set->list + set->roll > 0)
        return "--html goes with the table or --vs";
    if (set->novelty != NULL && set->json + set->summary + set->list + set->is_long +
                                        set->tensors + set->roll + (set->html != NULL) >
                                    0)
        return "--novelty goes with --vs or alone";
    if (set->html != NULL && bl_tool_same_output(set->html, set->common.output))
        return "the table and --html want a file each";
    if (set->run != NULL && set->html == NULL)
        return "--run needs --html";
    if (set->sound && set->html == NULL)
        return "--sound needs --html";
    if (set->roll && opts->n_operands != 1)
        return "--roll draws one file";
    if (set->vs != NULL && set->json + set->is_long + set->tensors > 0)
        return "--vs goes with --summary or alone";
    if (set->list && opts->n_operands > 0)
        return "--list takes no input";
    return NULL;
}

static void say(void *arg, bl_say what, const char *line)
{
    (void)what; /* rejects only */
    bl_log_say(arg, "%s", line);
}

static int start(const settings *set, const bl_opts *opts, bl_log *log)
{
    const char *why = misuse(set, opts);
    if (why != NULL) {
        bl_log_say(log, "%s; try 'featstats --help'", why);
        return BL_EXIT_USAGE;
    }
    bl_err e = BL_ERR_INIT;
    if (!set->list && bl_tool_tty_in(opts, &e) != 0) {
        bl_log_error(log, &e);
        return BL_EXIT_USAGE;
    }
    run r = {
        .set = set, .opts = opts, .log = log, .progress = {.arg = log, .say = say}};
    r.out.fd = -1;
    int status = execute(&r);
    run_free(&r);
    return status;
}

int main(int argc, char **argv)
{
    settings set = {.pair = BL_PAIR_OVERLAP, .track = 1, .rolls = 4, .by = 1};
    char smf[64], libraries[BL_LIBRARIES_MAX];
    bl_midi_libraries(smf, sizeof smf);
    bl_io_libraries(smf, libraries);
    const bl_opt_about about = {
        .name = "featstats",
        .purpose = "measure pieces: a table of features",
        .synopsis = "[OPTION]... [FILE|DIRECTORY]...",
        .examples = "  featstats corpus.tok.zst > features.tsv\n"
                    "  featstats --summary --vs corpus.tok.zst new.tok.zst\n",
        .see_also = "midi2remi(1), xlsample(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is printed", 0},
        {0, "list", BL_OPT_FLAG, &set.list, NULL, 0, 0,
         "print name, unit and definition of each feature, and leave", 0},
        {0, "json", BL_OPT_FLAG, &set.json, NULL, 0, 0,
         "print a JSON object a piece, one a line", 0},
        {0, "long", BL_OPT_FLAG, &set.is_long, NULL, 0, 0,
         "print a line a number: name, feature, index, value", 0},
        {0, "tensors", BL_OPT_FLAG, &set.tensors, NULL, 0, 0,
         "write all numbers as a tensor stream: safetensors in zstd", 0},
        {0, "summary", BL_OPT_FLAG, &set.summary, NULL, 0, 0,
         "print a row a feature: mean, deviation, extremes over all pieces", 0},
        {0, "vs", BL_OPT_STR, &set.vs, "REF", 0, 0,
         "compare with the pieces of REF: a row a feature; with --summary for people",
         0},
        {0, "novelty", BL_OPT_STR, &set.novelty, "TRAIN", 0, 0,
         "what of the melodies is in TRAIN; with --vs beside that of REF", 0},
        {0, "roll", BL_OPT_FLAG, &set.roll, NULL, 0, 0,
         "draw the piano roll of one piece, as SVG", 0},
        {0, "curves", BL_OPT_FLAG, &set.curves, NULL, 0, 0,
         "draw the learning curves of run folders, as SVG", 0},
        {0, "runs", BL_OPT_FLAG, &set.runs, NULL, 0, 0,
         "print what run folders came to: a row a setting, over its seeds", 0},
        {0, "by", BL_OPT_CHOICE, &set.by, "step|tokens|minutes", 0, 0,
         "with --runs --curves: what goes to the right", 0},
        {0, "log", BL_OPT_FLAG, &set.is_log, NULL, 0, 0,
         "with --runs --curves: logarithmic axes", 0},
        {0, "no-costs", BL_OPT_FLAG, &set.no_costs, NULL, 0, 0,
         "with --runs: leave out what is not the same twice: time and memory", 0},
        {0, "surprise", BL_OPT_FLAG, &set.surprise, NULL, 0, 0,
         "print what tokens cost a model, from xltrain --log-probs", 0},
        {0, "html", BL_OPT_STR, &set.html, "FILE", 0, 0,
         "write a report for people there, too", 0},
        {0, "rolls", BL_OPT_INT, &set.rolls, "N", 0, 64, "show so many pieces in it",
         0},
        {0, "sound", BL_OPT_FLAG, &set.sound, NULL, 0, 0,
         "and let them be heard there: wants FluidSynth and a sound font", 0},
        {0, "run", BL_OPT_STR, &set.run, "DIR", 0, 0,
         "and the learning curves of that training run", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is measured", 0},
        {0, "vectors", BL_OPT_FLAG, &set.vectors, NULL, 0, 0,
         "histograms and transition matrices too", 1},
        {0, "compat", BL_OPT_FLAG, &set.compat, NULL, 0, 0,
         "what mgeval, MusPy and MusDr compute, faults included, too", 1},
        {0, "track", BL_OPT_INT, &set.track, "N", 0, 4095,
         "the track of the file that mgeval looks at", 1},
        {0, "si", BL_OPT_FLAG, &set.si, NULL, 0, 0,
         "structureness too, which takes seconds a piece", 1},
        {0, "repeats", BL_OPT_FLAG, &set.repeats, NULL, 0, 0,
         "what tokens say again, too: n-grams, bars, how well they compress", 1},
        {0, "groove", BL_OPT_FLAG, &set.groove, NULL, 0, 0,
         "patterns of the drums too, two bars at a time", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How pieces are read", 0},
        BL_ROW_METER(&set.meter),
        BL_ROW_PAIR(&set.pair),
        {0, "groups", BL_OPT_STR, &set.labels, "FILE", 0, 0,
         "groups of pieces: lines of name, tab, group", 0},
        {0, "labels", BL_OPT_STR, &set.labels, "FILE", 0, 0, NULL, 0},
        BL_ROW_MAX_REJECT(&set.max_reject),
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    bl_opts opts = {.about = &about, .own = own, .common = &set.common};
    bl_tool_start();
    int status = bl_opt_parse(&opts, argc, argv);
    bl_log *log = bl_log_new(about.name, &set.common);
    if (status < 0)
        status = start(&set, &opts, log);
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
