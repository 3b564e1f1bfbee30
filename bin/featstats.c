/* featstats - features of pieces, from token streams and MIDI files. */
#include "cli/crew.h"
#include "cli/main.h"
#include "cli/misuse.h"
#include "cli/shared.h"
#include "flow/experiments.h"
#include "flow/fidelity.h"
#include "flow/listening.h"
#include "flow/measuring.h"
#include "io/versions.h"
#include "midi/midi.h"

#include <stdlib.h>

extern char **environ;

/* What is shown but forms of measures. */
enum { LIST = BL_MEASURE_FORMS, ROLL, CURVES, RUNS, SURPRISE, BLIND, RATINGS };

typedef struct {
    unsigned shown; /* a bit each, of these and of bl_measure_form */
    int pair, sound;
    const char *conditions; /* of --fidelity */
    bl_opt_share max_reject;
    bl_opt_common common;
    bl_measure_wish wish;
    bl_runs_wish runs;
    bl_listening_wish listening;
    bl_player player;
    bl_progress progress;
    bl_buf temp, text;
} featstats;

/* ---- options: the bars of --surprise are --long ---- */
#define EXCLUDE                                                                        \
    "--blind, --curves, --list, --json, --long, --ratings, --roll, --summary, "        \
    "--surprise and --tensors exclude one another"

static const bl_misuse misuses[] = {
    {"blind curves json list long ratings roll summary tensors", NULL, 0, EXCLUDE},
    {"surprise", "blind curves json list ratings roll summary tensors", 0, EXCLUDE},
    {"blind curves ratings roll surprise", "fidelity vs novelty judge html tsv", 0,
     "--blind, --curves, --ratings, --roll and --surprise go with no other output"},
    {"blind", "", BL_OPERANDS_NONE, "--blind wants a file or folder for each set"},
    {"pieces excerpt", "!blind", 0, NULL},
    {"runs", "blind fidelity json list long tensors ratings roll surprise vs novelty",
     0, "--runs goes with --summary, --curves, --html or alone"},
    {"runs", "", BL_OPERANDS_NONE, "--runs wants run folders"},
    {"log no-costs by", "!runs", 0, NULL},
    {"curves", "", BL_OPERANDS_NONE, "--curves wants run folders"},
    {"surprise", "", BL_OPERANDS_MANY, "--surprise reads one file"},
    {"fidelity", "json list long summary tensors", 0, "--fidelity goes alone"},
    {"html", "fidelity summary list roll", 0, "--html goes with the table or --vs"},
    {"novelty", "fidelity json summary list long tensors roll html", 0,
     "--novelty goes with --vs or alone"},
    {"judge", "!vs", 0, NULL},
    {"judge", "fidelity json summary list long tensors roll novelty surprise runs", 0,
     "--judge goes with --vs and --html"},
    {"run log-probs sound", "!html", 0, NULL},
    {"roll", "", BL_OPERANDS_MANY, "--roll draws one file"},
    {"vs", "fidelity json long tensors", 0, "--vs goes with --summary or alone"},
    {"tsv", "fidelity json list runs summary tensors", 0, "--tsv goes with tables"},
    {"list", "", BL_OPERANDS_SOME, "--list takes no input"},
};

static int shows(const featstats *f, int what)
{
    return (int)(f->shown >> what & 1);
}

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const featstats *f = tool;
    const char *html = f->wish.page.path;
    int rc = bl_misuse_check(misuses, BL_COUNT(misuses), cli->opts, e);
    if (rc == 0 && html != NULL && bl_tool_same_output(html, f->common.output))
        rc = bl_fail(e, BL_E_ARG, "the table and --html want a file each; try --help");
    return rc != 0 || shows(f, LIST) ? rc : bl_tool_tty_in(cli->opts, e);
}

/* ---- work ---- */

static int add_blind(featstats *f, const bl_cli *cli, bl_err *e)
{
    bl_listening_wish *w = &f->listening;
    w->seed = (uint64_t)f->common.seed;
    w->pair = (bl_pair)f->pair;
    return bl_listening_add(w, cli->operands, cli->n_operands, &f->text, e);
}

static int measure(featstats *f, const bl_cli *cli, bl_err *e)
{
    const bl_hands crew = bl_crew_hands(bl_tool_jobs(&f->common));
    bl_measure_wish *w = &f->wish;
    bl_intake_set n;
    w->form = bl_measure_asked(f->shown, w);
    w->pair = (bl_pair)f->pair;
    w->seed = (uint64_t)f->common.seed;
    w->force = f->common.force;
    w->plain = f->common.plain;
    w->output = f->common.output;
    w->hands = &crew;
    w->page.player = f->sound ? &f->player : NULL;
    int rc =
        bl_measure(w, cli->operands, cli->n_operands, cli->self, &f->progress, &n, e);
    if (rc != 0)
        return rc;
    bl_log_info(cli->log, "%llu pieces, %llu rejected, %.1f s", (unsigned long long)n.n,
                (unsigned long long)n.rejects, bl_log_seconds(cli->log));
    return bl_opt_exceeds(&f->max_reject, n.rejects, n.midi_files) ? BL_EXIT_DATA : 0;
}

static int add_runs(featstats *f, const bl_cli *cli, bl_err *e)
{
    f->runs.form = shows(f, CURVES)               ? BL_RUNS_CURVES
                   : shows(f, BL_MEASURE_SUMMARY) ? BL_RUNS_TEXT
                                                  : BL_RUNS_TABLE;
    f->runs.html = f->wish.page.path;
    return bl_runs_add(&f->runs, cli->operands, cli->n_operands, cli->self, &f->text,
                       e);
}

static int add_text(featstats *f, const bl_cli *cli, bl_err *e)
{
    const char *first = cli->n_operands > 0 ? cli->operands[0] : "-";
    if (f->conditions != NULL)
        return bl_fidelity_add(f->conditions, cli->operands, cli->n_operands,
                               &f->progress, &f->text, e);
    if (shows(f, RUNS))
        return add_runs(f, cli, e);
    if (shows(f, BLIND))
        return add_blind(f, cli, e);
    if (shows(f, RATINGS))
        return bl_ratings_read(cli->operands, cli->n_operands, (uint64_t)f->common.seed,
                               &f->text, e);
    if (shows(f, LIST))
        return bl_measure_list(f->wish.with, &f->text, e);
    if (shows(f, CURVES))
        return bl_run_curves_add(cli->operands, cli->n_operands, &f->text, e);
    if (shows(f, SURPRISE))
        return bl_surprise_add(first, shows(f, BL_MEASURE_LONG), &f->text, e);
    return bl_roll_add(first, (bl_pair)f->pair, &f->wish.meter, &f->text, e);
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    featstats *f = tool;
    int rc = bl_tool_temp_path("featstats", &f->temp, e);
    f->progress = bl_log_progress_of(cli->log);
    f->player.font = getenv("SOUNDFONT");
    f->player.temp = (const char *)f->temp.data;
    if (rc == 0 && f->shown >> LIST == 0 && f->conditions == NULL)
        return measure(f, cli, e);
    if (rc == 0)
        rc = add_text(f, cli, e);
    return rc == 0 ? bl_output_write(f->common.output, &f->text, &bl_tool_guards, e)
                   : rc;
}

static void release(void *tool)
{
    bl_buf_free(&((featstats *)tool)->temp);
    bl_buf_free(&((featstats *)tool)->text);
}

#define SHOW(name, what, help) BL_BIT(name, &set.shown, 1u << (what), help, 0)
#define WITH(name, bit, help) BL_BIT(name, &set.wish.with, bit, help, 1)

int main(int argc, char **argv)
{
    featstats set = {
        .pair = BL_PAIR_OVERLAP,
        .wish = {.guards = &bl_tool_guards, .track = 1, .page = {.most = 4}},
        .runs = {.by = BL_POINT_TOKENS, .guards = &bl_tool_guards},
        .listening = {.player = &set.player, .most = 8, .seconds = 30},
        .player = {
            .env = environ, .progress = &set.progress, .guards = &bl_tool_guards}};
    char smf[64], libraries[BL_LIBRARIES_MAX];
    bl_midi_libraries(smf, sizeof smf);
    bl_io_libraries(smf, libraries);
    const bl_opt_about about = {
        .name = "featstats",
        .purpose = "measure pieces: a table of features",
        .synopsis = "[OPTION]... [FILE|DIRECTORY]...",
        .examples = "  featstats corpus.tok.zst > features.tsv\n  featstats --summary "
                    "--vs corpus.tok.zst new.tok.zst\n",
        .see_also = "midi2remi(1), xlsample(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is printed", 0},
        SHOW("list", LIST, "print name, unit, definition of each feature, and leave"),
        SHOW("json", BL_MEASURE_JSON, "print a JSON object a piece, one a line"),
        SHOW("long", BL_MEASURE_LONG, "a line a number: name, feature, index, value"),
        BL_FLAG("tsv", &set.wish.bare, "print tables without their lines of JSON"),
        SHOW("tensors", BL_MEASURE_TENSORS, "write all numbers as a tensor stream"),
        SHOW("summary", BL_MEASURE_SUMMARY,
             "print a row a feature: mean, deviation, extremes over all pieces"),
        BL_TEXT("vs", &set.wish.reference, "REF",
                "compare with the pieces of REF, a row a feature", 0),
        BL_TEXT("fidelity", &set.conditions, "ASKED",
                "what came of what the conditions in ASKED say, beside chance", 0),
        BL_TEXT("novelty", &set.wish.training, "TRAIN",
                "what of the melodies is in TRAIN; with --vs beside that of REF", 0),
        BL_TEXT("judge", &set.wish.judge, "TRAIN",
                "with --vs: are they near, far, or copied from TRAIN, and why", 0),
        SHOW("roll", ROLL, "draw the piano roll of one piece, as SVG"),
        SHOW("curves", CURVES, "draw the learning curves of run folders, as SVG"),
        SHOW("runs", RUNS, "print run folders: a row a setting, over its seeds"),
        {0, "by", BL_OPT_CHOICE, &set.runs.by, "step|tokens|minutes", 0, 0,
         "with --runs --curves: what goes to the right", 0},
        BL_FLAG("log", &set.runs.is_log, "with --runs --curves: logarithmic axes"),
        BL_FLAG("no-costs", &set.runs.no_costs, "with --runs: without time and memory"),
        SHOW("surprise", SURPRISE, "print what tokens cost, of xltrain --log-probs"),
        SHOW("blind", BLIND, "write the page of a listening test, without names"),
        BL_INT("pieces", &set.listening.most, 1, 64, "with --blind: of each set", 0),
        BL_REAL("excerpt", &set.listening.seconds, "SECONDS", 1, 600,
                "with --blind: of each piece", 0),
        SHOW("ratings", RATINGS, "print what listeners answered: means, a rank test"),
        BL_TEXT("html", &set.wish.page.path, "FILE",
                "write a report for people there, too", 0),
        BL_INT("rolls", &set.wish.page.most, 0, 64, "show so many pieces in it", 0),
        BL_FLAG("sound", &set.sound,
                "and let them be heard there: wants FluidSynth and a sound font"),
        BL_TEXT("run", &set.wish.page.run, "DIR",
                "and the learning curves of that training run", 0),
        BL_TEXT("log-probs", &set.wish.page.costs, "FILE",
                "and what tokens cost the model, from xltrain --log-probs", 0),
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is measured", 0},
        WITH("vectors", BL_WITH_VECTORS, "histograms and transition matrices too"),
        WITH("compat", BL_WITH_COMPAT,
             "what mgeval, MusPy and MusDr compute, faults included, too"),
        BL_INT("track", &set.wish.track, 0, 4095,
               "the track of the file that mgeval looks at", 1),
        WITH("si", BL_WITH_SI, "structureness too, which takes seconds a piece"),
        WITH("repeats", BL_WITH_REPEATS,
             "what tokens say again, too: n-grams, bars, how well they compress"),
        WITH("groove", BL_WITH_GROOVE, "patterns of the drums too, two bars at a time"),
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How pieces are read", 0},
        BL_ROW_METER(&set.wish.meter),
        BL_ROW_PAIR(&set.pair),
        BL_TEXT("groups", &set.wish.labels, "FILE",
                "groups of pieces: lines of name, tab, group", 0),
        {0, "labels", BL_OPT_STR, &set.wish.labels, "FILE", 0, 0, NULL, 0},
        BL_ROW_MAX_REJECT(&set.max_reject),
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, release}, &set,
                   argc, argv);
}
