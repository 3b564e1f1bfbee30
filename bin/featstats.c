/* featstats - features of pieces, from token streams and MIDI files. */
#include "cli/crew.h"
#include "cli/main.h"
#include "cli/misuse.h"
#include "cli/shared.h"
#include "flow/experiments.h"
#include "flow/measuring.h"
#include "io/versions.h"
#include "midi/midi.h"

#include <stdlib.h>

extern char **environ;

typedef struct {
    int list, json, summary, is_long, tensors, roll, curves, surprise;
    int vectors, compat, si, groove, repeats, pair;
    int is_runs, sound;
    bl_opt_share max_reject;
    bl_opt_common common;
    bl_measure_wish wish;
    bl_runs_wish runs;
    bl_buf temp, text;
} featstats;

/* ---- options ---- */

/* The bars of --surprise are --long. */
#define EXCLUDE                                                                        \
    "--curves, --list, --json, --long, --roll, --summary, --surprise and --tensors "   \
    "exclude one another"

static const bl_misuse misuses[] = {
    {"curves json list long roll summary tensors", NULL, 0, EXCLUDE},
    {"surprise", "curves json list roll summary tensors", 0, EXCLUDE},
    {"curves roll surprise", "vs novelty html", 0,
     "--curves, --roll and --surprise go with no other output"},
    {"runs", "json list long tensors roll surprise vs novelty", 0,
     "--runs goes with --summary, --curves, --html or alone"},
    {"runs", "", BL_OPERANDS_NONE, "--runs wants run folders"},
    {"log no-costs", "!runs", 0, "--log and --no-costs go with --runs"},
    {"curves", "", BL_OPERANDS_NONE, "--curves wants run folders"},
    {"surprise", "", BL_OPERANDS_MANY, "--surprise reads one file"},
    {"html", "summary list roll", 0, "--html goes with the table or --vs"},
    {"novelty", "json summary list long tensors roll html", 0,
     "--novelty goes with --vs or alone"},
    {"run", "!html", 0, "--run needs --html"},
    {"sound", "!html", 0, "--sound needs --html"},
    {"roll", "", BL_OPERANDS_NOT_ONE, "--roll draws one file"},
    {"vs", "json long tensors", 0, "--vs goes with --summary or alone"},
    {"list", "", BL_OPERANDS_SOME, "--list takes no input"},
};

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const featstats *f = tool;
    const char *html = f->wish.page.path;
    int rc = bl_misuse_check(misuses, BL_COUNT(misuses), cli->opts, e);
    if (rc == 0 && html != NULL && bl_tool_same_output(html, f->common.output))
        rc = bl_fail(e, BL_E_ARG,
                     "the table and --html want a file each; try 'featstats --help'");
    return rc != 0 || f->list ? rc : bl_tool_tty_in(cli->opts, e);
}

static unsigned columns(const featstats *f)
{
    return (f->vectors ? BL_WITH_VECTORS : 0u) | (f->compat ? BL_WITH_COMPAT : 0u) |
           (f->si ? BL_WITH_SI : 0u) | (f->groove ? BL_WITH_GROOVE : 0u) |
           (f->repeats ? BL_WITH_REPEATS : 0u);
}

static bl_measure_form form_of(const featstats *f)
{
    return f->summary                  ? BL_MEASURE_SUMMARY
           : f->wish.training != NULL  ? BL_MEASURE_NOVELTY
           : f->wish.reference != NULL ? BL_MEASURE_COMPARED
           : f->json                   ? BL_MEASURE_JSON
           : f->is_long                ? BL_MEASURE_LONG
           : f->tensors                ? BL_MEASURE_TENSORS
                                       : BL_MEASURE_TABLE;
}

/* ---- work ---- */

static void tell(void *arg, const bl_counts *n)
{
    if (bl_log_progress_due(arg))
        bl_log_progress(arg, "%llu pieces, %.0f pieces/s",
                        (unsigned long long)n->pieces,
                        (double)n->pieces / bl_log_seconds(arg));
}

static int measure(featstats *f, const bl_cli *cli, bl_err *e)
{
    const bl_progress progress = {.tell = tell, .arg = cli->log, .say = bl_log_hear};
    const bl_hands crew = bl_crew_hands(bl_tool_jobs(&f->common));
    bl_measure_wish *w = &f->wish;
    int rc = bl_tool_temp_path("featstats", &f->temp, e);
    bl_player player = {.font = getenv("SOUNDFONT"),
                        .temp = (const char *)f->temp.data,
                        .env = environ,
                        .progress = &progress,
                        .guards = w->guards};
    bl_intake_set n;
    w->form = form_of(f);
    w->with = columns(f);
    w->pair = (bl_pair)f->pair;
    w->seed = (uint64_t)f->common.seed;
    w->force = f->common.force;
    w->plain = f->common.plain;
    w->output = f->common.output;
    w->hands = &crew;
    w->page.player = f->sound ? &player : NULL;
    if (rc == 0)
        rc = bl_measure(w, cli->operands, cli->n_operands, cli->self, &progress, &n, e);
    if (rc != 0)
        return rc;
    bl_log_info(cli->log, "%llu pieces, %llu rejected, %.1f s", (unsigned long long)n.n,
                (unsigned long long)n.rejects, bl_log_seconds(cli->log));
    return bl_opt_exceeds(&f->max_reject, n.rejects, n.midi_files) ? BL_EXIT_DATA : 0;
}

static int add_runs(featstats *f, const bl_cli *cli, bl_err *e)
{
    f->runs.form = f->curves    ? BL_RUNS_CURVES
                   : f->summary ? BL_RUNS_TEXT
                                : BL_RUNS_TABLE;
    f->runs.html = f->wish.page.path;
    f->runs.guards = f->wish.guards;
    return bl_runs_add(&f->runs, cli->operands, cli->n_operands, cli->self, &f->text,
                       e);
}

static int add_text(featstats *f, const bl_cli *cli, bl_err *e)
{
    const char *first = cli->n_operands > 0 ? cli->operands[0] : "-";
    if (f->is_runs)
        return add_runs(f, cli, e);
    if (f->list)
        return bl_measure_list(columns(f), &f->text, e);
    if (f->curves)
        return bl_run_curves_add(cli->operands, cli->n_operands, &f->text, e);
    if (f->surprise)
        return bl_surprise_add(first, f->is_long, &f->text, e);
    return bl_roll_add(first, (bl_pair)f->pair, &f->wish.meter, &f->text, e);
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    featstats *f = tool;
    f->wish.guards = &bl_tool_guards;
    if (f->is_runs + f->list + f->curves + f->surprise + f->roll == 0)
        return measure(f, cli, e);
    int rc = add_text(f, cli, e);
    return rc == 0 ? bl_output_write(f->common.output, &f->text, &bl_tool_guards, e)
                   : rc;
}

static void release(void *tool)
{
    featstats *f = tool;
    bl_buf_free(&f->temp);
    bl_buf_free(&f->text);
}

int main(int argc, char **argv)
{
    featstats set = {.pair = BL_PAIR_OVERLAP,
                     .wish = {.track = 1, .page = {.most = 4}},
                     .runs = {.by = BL_POINT_TOKENS}};
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
        BL_FLAG("list", &set.list,
                "print name, unit and definition of each feature, and leave", 0),
        BL_FLAG("json", &set.json, "print a JSON object a piece, one a line", 0),
        BL_FLAG("long", &set.is_long,
                "print a line a number: name, feature, index, value", 0),
        BL_FLAG("tensors", &set.tensors,
                "write all numbers as a tensor stream: safetensors in zstd", 0),
        BL_FLAG("summary", &set.summary,
                "print a row a feature: mean, deviation, extremes over all pieces", 0),
        {0, "vs", BL_OPT_STR, &set.wish.reference, "REF", 0, 0,
         "compare with the pieces of REF: a row a feature; with --summary for people",
         0},
        {0, "novelty", BL_OPT_STR, &set.wish.training, "TRAIN", 0, 0,
         "what of the melodies is in TRAIN; with --vs beside that of REF", 0},
        BL_FLAG("roll", &set.roll, "draw the piano roll of one piece, as SVG", 0),
        BL_FLAG("curves", &set.curves,
                "draw the learning curves of run folders, as SVG", 0),
        BL_FLAG("runs", &set.is_runs,
                "print what run folders came to: a row a setting, over its seeds", 0),
        {0, "by", BL_OPT_CHOICE, &set.runs.by, "step|tokens|minutes", 0, 0,
         "with --runs --curves: what goes to the right", 0},
        BL_FLAG("log", &set.runs.is_log, "with --runs --curves: logarithmic axes", 0),
        BL_FLAG("no-costs", &set.runs.no_costs,
                "with --runs: leave out what is not the same twice: time and memory",
                0),
        BL_FLAG("surprise", &set.surprise,
                "print what tokens cost a model, from xltrain --log-probs", 0),
        {0, "html", BL_OPT_STR, &set.wish.page.path, "FILE", 0, 0,
         "write a report for people there, too", 0},
        {0, "rolls", BL_OPT_INT, &set.wish.page.most, "N", 0, 64,
         "show so many pieces in it", 0},
        BL_FLAG("sound", &set.sound,
                "and let them be heard there: wants FluidSynth and a sound font", 0),
        {0, "run", BL_OPT_STR, &set.wish.page.run, "DIR", 0, 0,
         "and the learning curves of that training run", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is measured", 0},
        BL_FLAG("vectors", &set.vectors, "histograms and transition matrices too", 1),
        BL_FLAG("compat", &set.compat,
                "what mgeval, MusPy and MusDr compute, faults included, too", 1),
        {0, "track", BL_OPT_INT, &set.wish.track, "N", 0, 4095,
         "the track of the file that mgeval looks at", 1},
        BL_FLAG("si", &set.si, "structureness too, which takes seconds a piece", 1),
        BL_FLAG("repeats", &set.repeats,
                "what tokens say again, too: n-grams, bars, how well they compress", 1),
        BL_FLAG("groove", &set.groove, "patterns of the drums too, two bars at a time",
                1),
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How pieces are read", 0},
        BL_ROW_METER(&set.wish.meter),
        BL_ROW_PAIR(&set.pair),
        {0, "groups", BL_OPT_STR, &set.wish.labels, "FILE", 0, 0,
         "groups of pieces: lines of name, tab, group", 0},
        {0, "labels", BL_OPT_STR, &set.wish.labels, "FILE", 0, 0, NULL, 0},
        BL_ROW_MAX_REJECT(&set.max_reject),
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, release}, &set,
                   argc, argv);
}
