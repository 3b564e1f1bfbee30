/* featstats - features of pieces, from token streams and MIDI files. */
#include "cli/crew.h"
#include "cli/main.h"
#include "cli/misuse.h"
#include "cli/shared.h"
#include "flow/showing.h"
#include "io/versions.h"
#include "midi/midi.h"

#include <stdlib.h>

extern char **environ;

typedef struct {
    int pair, sound;
    bl_opt_share max_reject;
    bl_opt_common common;
    bl_measure_wish wish;
    bl_show_wish show;
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
    {"heat map", "blind curves json list long ratings roll summary surprise tensors", 0,
     "--heat and --map go with no other output"},
    {"heat map", "fidelity novelty judge html runs", 0,
     "--heat and --map go with no other output"},
    {"heat map", NULL, 0, "--heat and --map exclude one another"},
    {"map", "vs", 0, "--map draws one set; streams of one kind may stand together"},
    {"heat", "tsv", 0, "--tsv goes with tables"},
    {"blind", "", BL_OPERANDS_NONE, "--blind wants a file or folder for each set"},
    {"pieces excerpt", "!blind", 0, NULL},
    {"runs", "blind fidelity json list long tensors ratings roll surprise vs novelty",
     0, "--runs goes with --summary, --curves, --html or alone"},
    {"runs", "", BL_OPERANDS_NONE, "--runs wants run folders"},
    {"log no-costs by", "!runs", 0, NULL},
    {"curves", "", BL_OPERANDS_NONE, "--curves wants run folders"},
    {"surprise", "", BL_OPERANDS_MANY, "--surprise reads one file"},
    {"fidelity", "json list long summary tensors", 0, "--fidelity goes alone"},
    {"hole", "!fidelity", 0, NULL},
    {"html", "fidelity summary list roll", 0, "--html goes with the table or --vs"},
    {"novelty", "fidelity json summary list long tensors roll html", 0,
     "--novelty goes with --vs or alone"},
    {"judge", "!vs", 0, NULL},
    {"judge", "fidelity json summary list long tensors roll novelty surprise runs", 0,
     "--judge goes with --vs and --html"},
    {"run log-probs sound vectors-of", "!html", 0, NULL},
    {"roll", "", BL_OPERANDS_MANY, "--roll draws one file"},
    {"vs", "fidelity json long tensors", 0, "--vs goes with --summary or alone"},
    {"tsv", "json list summary tensors", 0, "--tsv goes with tables"},
    {"list", "", BL_OPERANDS_SOME, "--list takes no input"},
};

static int has_form(const featstats *f, unsigned forms)
{
    return (f->show.asked & forms) != 0;
}

static int misuse_name(const featstats *f, bl_err *e)
{
    const unsigned pictures = 1u << BL_SHOW_ROLL | 1u << BL_SHOW_CURVES |
                              1u << BL_SHOW_HEAT | 1u << BL_SHOW_MAP;
    if (has_form(f, pictures))
        return bl_tool_no_midi(&f->common, "a picture", ".svg", e);
    if (has_form(f, 1u << BL_SHOW_BLIND))
        return bl_tool_no_midi(&f->common, "a page", ".html", e);
    if (has_form(f, 1u << BL_MEASURE_JSON))
        return bl_tool_no_midi(&f->common, "JSON", ".jsonl", e);
    if (has_form(f, 1u << BL_MEASURE_TENSORS))
        return bl_tool_no_midi(&f->common, "a stream of tensors", ".tensors.zst", e);
    return bl_tool_no_midi(&f->common, "a table", ".tsv", e);
}

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const featstats *f = tool;
    const char *html = f->wish.page.path;
    int rc = bl_misuse_check(misuses, BL_COUNT(misuses), cli->opts, e);
    if (rc == 0)
        rc = misuse_name(f, e);
    if (rc == 0 && html != NULL && bl_tool_same_output(html, f->common.output))
        rc = bl_fail(e, BL_E_ARG, "the table and --html want a file each; try --help");
    return rc != 0 || f->show.asked >> BL_SHOW_LIST & 1 ? rc
                                                        : bl_tool_tty_in(cli->opts, e);
}

/* ---- work ---- */

static int measure(featstats *f, const bl_cli *cli, bl_err *e)
{
    const bl_hands crew = bl_crew_hands(bl_tool_jobs(&f->common));
    bl_measure_wish *w = &f->wish;
    bl_intake_set n;
    w->form = bl_measure_asked(f->show.asked, w);
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

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    featstats *f = tool;
    int rc = bl_tool_temp_path("featstats", &f->temp, e);
    f->progress = bl_log_progress_of(cli->log);
    f->wish.pair = (bl_pair)f->pair;
    f->wish.seed = f->wish.page.seed = (uint64_t)f->common.seed;
    f->player.font = getenv("SOUNDFONT");
    f->player.temp = (const char *)f->temp.data;
    if (rc == 0 && !bl_show_asked(&f->show))
        return measure(f, cli, e);
    if (rc == 0)
        rc = bl_show_add(&f->show, cli->operands, cli->n_operands, cli->self,
                         &f->progress, &f->text, e);
    return rc == 0 ? bl_output_write(f->common.output, &f->text, &bl_tool_guards, e)
                   : rc;
}

static void release(void *tool)
{
    bl_buf_free(&((featstats *)tool)->temp);
    bl_buf_free(&((featstats *)tool)->text);
}

#define SHOW(name, what, help) BL_BIT(name, &set.show.asked, 1u << (what), help, 0)
#define WITH(name, bit, help) BL_BIT(name, &set.wish.with, bit, help, 1)

int main(int argc, char **argv)
{
    featstats set = {
        .pair = BL_PAIR_OVERLAP,
        .wish = {.guards = &bl_tool_guards, .track = 1, .page = {.most = 4}},
        .show = {.runs = {.by = BL_POINT_TOKENS, .guards = &bl_tool_guards},
                 .blind = {.player = &set.player, .most = 8, .seconds = 30},
                 .measured = &set.wish},
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
        SHOW("list", BL_SHOW_LIST,
             "print name, unit, definition of each feature, and leave"),
        SHOW("json", BL_MEASURE_JSON, "print a JSON object a piece, one a line"),
        SHOW("long", BL_MEASURE_LONG, "a line a number: name, feature, index, value"),
        BL_FLAG("tsv", &set.wish.bare, "print tables without their lines of JSON"),
        SHOW("tensors", BL_MEASURE_TENSORS, "write all numbers as a tensor stream"),
        SHOW("summary", BL_MEASURE_SUMMARY,
             "print a row a feature: mean, deviation, extremes over all pieces"),
        BL_TEXT("vs", &set.wish.reference, "REF",
                "compare with the pieces of REF, a row a feature", 0),
        BL_TEXT("fidelity", &set.show.conditions, "ASKED",
                "what came of what the conditions in ASKED say, beside chance", 0),
        BL_TEXT("hole", &set.show.hole, "BARS[:PART]",
                "and of their notes outside these bars, which were filled", 0),
        BL_TEXT("novelty", &set.wish.training, "TRAIN",
                "what of the melodies is in TRAIN; with --vs beside that of REF", 0),
        BL_TEXT("judge", &set.wish.judge, "TRAIN",
                "with --vs: are they near, far, or copied from TRAIN, and why", 0),
        SHOW("roll", BL_SHOW_ROLL, "draw the piano roll of one piece, as SVG"),
        SHOW("curves", BL_SHOW_CURVES,
             "draw the learning curves of run folders, as SVG"),
        SHOW("runs", BL_SHOW_RUNS,
             "print run folders: a row a setting, over its seeds"),
        {0, "by", BL_OPT_CHOICE, &set.show.runs.by, "step|tokens|minutes", 0, 0,
         "with --runs --curves: what goes to the right", 0},
        BL_FLAG("log", &set.show.runs.is_log, "with --runs --curves: logarithmic axes"),
        BL_FLAG("no-costs", &set.show.runs.no_costs,
                "with --runs: without time and memory"),
        SHOW("surprise", BL_SHOW_SURPRISE,
             "print what tokens cost, of xltrain --log-probs"),
        SHOW("heat", BL_SHOW_HEAT,
             "draw how hard drums are struck and when, of grooves, as SVG"),
        SHOW("map", BL_SHOW_MAP,
             "draw vectors of a tensor stream as points of a plane, as SVG"),
        SHOW("blind", BL_SHOW_BLIND,
             "write the page of a listening test, without names"),
        BL_INT("pieces", &set.show.blind.most, 1, 64, "with --blind: of each set", 0),
        BL_REAL("excerpt", &set.show.blind.seconds, "SECONDS", 1, 600,
                "with --blind: of each piece", 0),
        SHOW("ratings", BL_SHOW_RATINGS,
             "print what listeners answered: means, a rank test"),
        BL_TEXT("html", &set.wish.page.path, "FILE",
                "write a report for people there, too", 0),
        BL_INT("rolls", &set.wish.page.most, 0, 64, "show so many pieces in it", 0),
        BL_FLAG("sound", &set.sound,
                "and let them be heard there: wants FluidSynth and a sound font"),
        BL_TEXT("run", &set.wish.page.run, "DIR",
                "and the learning curves of that training run", 0),
        BL_TEXT("vectors-of", &set.wish.page.vectors, "FILE",
                "and the map of the vectors there, such as latents, as of --map", 0),
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
