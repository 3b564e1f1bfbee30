/* xlsample - a checkpoint in, new pieces out, as a token stream. */
#include "cli/main.h"
#include "cli/misuse.h"
#include "cli/shared.h"
#include "flow/engine.h"
#include "flow/grooving.h"
#include "flow/output.h"
#include "flow/sampling.h"
#include "io/zio.h"
#include "midi/midi.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    const char *threshold, *max_hits; /* of grooves, with latent, between */
    int64_t n, bars, tempo, top_k, between;
    int precision, latent;
    bl_opt_common common;
    bl_sampling_wish wish;
    bl_sampling *sampling;
} xlsample;

static const bl_misuse misuses[] = {
    {"latent", "threshold max-hits temperature", 0, "--latent gives no hits to choose"},
    {"like", "bars seconds", 0,
     "--like says how long pieces are: it goes with neither --bars nor --seconds"},
    {"endless", "pieces bars seconds like max-tokens condition answer", 0,
     "--endless goes on until it is stopped, without what says how long pieces are"},
    {"fill",
     "answer bars chords condition density key labels like meter programs "
     "prompt-bars seconds tempo",
     0, "--fill: all but the bars of the hole stays as --prompt has it"},
    {"control", "fill", 0, "--control goes on from bar to bar, without --fill"},
    {"answer", "bars condition like meter no-grammar pieces prompt-bars seconds tempo",
     0, "--answer: who is answered says when, how fast and for how long"},
    {"answer", "!prompt", 0, "--answer wants who is to be answered: --prompt FILE"},
    {"fill", "!prompt", 0, "--fill wants the piece that has the hole: --prompt FILE"},
};

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const xlsample *x = tool;
    const char *const inputs[] = {x->wish.condition, x->wish.prompt, x->wish.like};
    int rc = bl_tool_tty_out(&x->common, e);
    if (rc == 0 && cli->opts->n_operands != 1)
        rc = bl_fail(e, BL_E_ARG,
                     "name one checkpoint or run folder; try 'xlsample --help'");
    if (rc == 0)
        rc = bl_misuse_check(misuses, BL_COUNT(misuses), cli->opts, e);
    return rc == 0 ? bl_misuse_inputs(inputs, BL_COUNT(inputs),
                                      "--condition, --prompt and --like", cli->opts, e)
                   : rc;
}

static void make_wish(xlsample *x, const bl_cli *cli)
{
    bl_sampling_wish *w = &x->wish;
    w->model = cli->opts->operands[0];
    w->precision = (const bl_precision[]){BL_FP32, BL_BF16, BL_INT8}[x->precision];
    w->threads = bl_tool_jobs(&x->common);
    w->seed = x->common.seed;
    w->n = x->wish.like == NULL || bl_opt_given(cli->opts, "pieces") != NULL ? x->n : 0;
    w->tempo = (int)x->tempo;
    w->bars = bl_opt_given(cli->opts, "bars") != NULL ? x->bars : -1;
    w->draw.top_k = (int)x->top_k;
    w->stop = bl_stop_asked;
}

static int write_out(const xlsample *x, const bl_cli *cli, bl_err *e)
{
    bl_sampling_counts n;
    const bl_progress progress = bl_log_progress_of(cli->log);
    bl_output o;
    int rc = bl_output_open(&o, x->common.output, 0, &bl_tool_guards, e);
    int level = x->common.plain ? 0 : BL_ZIO_LEVEL;
    if (x->wish.is_endless)
        bl_stop_watch(); /* a file is whole then, too */
    if (rc == 0)
        rc = bl_sampling_write(x->sampling, o.out.fd, level, cli->self, &progress, &n,
                               e);
    rc = bl_output_close(&o, rc, e);
    if (rc == 0)
        bl_log_info(cli->log, "%" PRId64 " pieces, %" PRId64 " tokens, %.0f tok/s",
                    n.pieces, n.tokens, (double)n.tokens / bl_log_seconds(cli->log));
    return rc;
}

/* ---- runs of grooves ---- */

/* What cannot be said of the run is told by who reads it, unless an option asks. */
static int check_options(const bl_cli *cli, int *is_groove, bl_err *e)
{
    static const char *const of[] = {
        "latent between threshold max-hits",
        "bars seconds like max-tokens prompt prompt-bars "
        "labels fill meter programs chords key top-k top-p "
        "min-p no-grammar memory precision endless answer"};
    bl_err why = BL_ERR_INIT;
    int is = *is_groove = bl_grooving_is(cli->opts->operands[0], &why), len;
    const char *option = bl_misuse_given(cli->opts, of[is > 0], &len);
    if (option == NULL && why.code != BL_E_NOMEM)
        return 0;
    if (why.code == 0)
        bl_fail(&why, BL_E_ARG, "--%.*s goes with runs of %s, which this is not", len,
                option, is ? "tokens" : "grooves");
    *e = why;
    return why.code;
}

static int groove(const xlsample *x, const bl_cli *cli, bl_err *e)
{
    const bl_grooving_wish wish = {
        .model = cli->opts->operands[0],
        .condition = x->wish.condition,
        .threads = bl_tool_jobs(&x->common),
        .seed = x->common.seed,
        .n = x->n,
        .gives_latents = x->latent,
        .between = x->between,
        .temperature = x->wish.draw.temperature,
        .threshold = x->threshold,
        .max_hits = x->max_hits,
        .density = bl_opt_given(cli->opts, "density") != NULL ? x->wish.density : -1,
        .tempo = (int)x->tempo,
        .control = x->wish.control,
    };
    bl_counts counts = {0};
    bl_output o;
    const bl_progress progress = bl_log_progress_of(cli->log);
    int rc = bl_output_open(&o, x->common.output, 0, &bl_tool_guards, e);
    if (rc == 0)
        rc = bl_grooving_write(&wish, o.out.fd, x->common.plain ? 0 : BL_ZIO_LEVEL,
                               cli->self, &progress, &counts, e);
    rc = bl_output_close(&o, rc, e);
    if (rc == 0)
        bl_log_info(cli->log, "%" PRIu64 " pieces, %" PRIu64 " windows", counts.pieces,
                    counts.tokens);
    return rc;
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    xlsample *x = tool;
    int is_groove, rc = check_options(cli, &is_groove, e);
    if (bl_opt_given(cli->opts, "temperature") == NULL)
        x->wish.draw.temperature = -1; /* as suits the model, and so is top_p */
    if (bl_opt_given(cli->opts, "top-p") == NULL)
        x->wish.draw.top_p = -1;
    if (rc != 0 || is_groove > 0)
        return rc != 0 ? rc : groove(x, cli, e);
    bl_tool_need_room(cli->log, BL_TOOL_ROOM);
    make_wish(x, cli);
    rc = bl_sampling_new(&x->sampling, &x->wish, e);
    return rc == 0 ? write_out(x, cli, e) : rc;
}

static void release(void *tool)
{
    bl_sampling_del(((xlsample *)tool)->sampling);
}

int main(int argc, char **argv)
{
    xlsample set = {
        .n = 1,
        .bars = BL_SAMPLING_BARS,
        .wish = {.max_tokens = 65536, .draw = {.temperature = 0.95, .top_p = 0.95}}};
    char smf[64], libraries[BL_LIBRARIES_MAX];
    bl_midi_libraries(smf, sizeof smf);
    bl_engine_libraries(smf, libraries);
    const bl_opt_about about = {
        .name = "xlsample",
        .purpose = "make new pieces with a trained model",
        .synopsis = "[OPTION]... CHECKPOINT|RUN",
        .examples = "  xlsample run --bars 16 --seed 7 | remi2midi -o new.mid\n"
                    "  xlsample run --prompt song.mid | remi2midi -o more.mid\n",
        .see_also = "xltrain(1), remi2midi(1)",
        .libraries = libraries,
        .core = bl_engine_core(),
    };
    const bl_opt own[] = {
        {'n', "pieces", BL_OPT_INT, &set.n, "N", 1, 1e9, "make N pieces", 1},
        BL_INT("bars", &set.bars, 0, 1 << 20,
               "make N bars (after the prompt), 0 = until the model ends the piece", 1),
        BL_REAL("seconds", &set.wish.seconds, "S", 0, 65536,
                "make bars until the music lasts S seconds, 0 = --bars decides", 1),
        BL_TEXT("like", &set.wish.like, "FILE",
                "as many pieces, each as long, as those of this token stream", 1),
        BL_INT("max-tokens", &set.wish.max_tokens, 1, 1 << 24,
               "cut a piece that has more new tokens", 1),
        {0, "endless", BL_OPT_FLAG, &set.wish.is_endless, NULL, 0, 0,
         "go on bar after bar, each written as it is made, until a signal", 1},
        BL_TEXT("prompt", &set.wish.prompt, "FILE",
                "go on from this MIDI file, or from the pieces of a token stream", 1),
        BL_INT("prompt-bars", &set.wish.prompt_bars, 0, 1 << 20,
               "take the first N bars of a prompt only, 0 = all", 1),
        BL_INT("answer", &set.wish.answer, 1, 64,
               "hear N bars of --prompt as they come, answer in N, and so on", 1),
        BL_TEXT("labels", &set.wish.labels, "WORDS",
                "begin with these labels, such as Composer_Bach,Genre_fugue", 1),
        {0, "tempo", BL_OPT_INT, &set.tempo, "BPM", 0, 300,
         "at BPM quarter notes a minute, 0 = as the model likes", 1},
        BL_ROW_METER(&set.wish.meter),
        BL_TEXT("programs", &set.wish.programs, "LIST",
                "with no other instruments, such as piano,33,drums", 1),
        BL_TEXT("key", &set.wish.key, "KEY",
                "in this key, such as C, F#m or 'Bb minor'", 1),
        BL_REAL("density", &set.wish.density, "D", 0, 24,
                "begin something D times a quarter note, of grooves hit D of cells", 1),
        BL_TEXT("chords", &set.wish.chords, "CHORDS",
                "a bar on each of these chords in turn, such as 'C Am F G7:2'", 1),
        BL_TEXT("condition", &set.wish.condition, "FILE",
                "make a piece for each of these (a token stream or a MIDI file), of "
                "which the run has learned, or a pattern for each of these grooves",
                1),
        BL_TEXT("control", &set.wish.control, "FILE",
                "change what is wished while it runs: lines of a FIFO or of fd:N", 1),
        BL_TEXT("fill", &set.wish.fill, "BARS[:PARTS]",
                "make these bars of the prompt anew, such as 9-12:bass", 1),
        BL_INT("memory", &set.wish.memory, 0, 65536,
               "each token sees N before it, 0 = twice the memory of training", 1),
        {0, "precision", BL_OPT_CHOICE, &set.precision, "fp32|bf16|int8", 0, 0,
         "of weights, keys and values; bf16 halves them, int8 the weights again", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How the next token is drawn", 0},
        BL_REAL("temperature", &set.wish.draw.temperature, "T", 0, 100,
                "flatten (over 1) or sharpen (below 1) the odds, 0 = the likeliest", 1),
        {0, "top-k", BL_OPT_INT, &set.top_k, "K", 0, 65536,
         "among the K likeliest only, 0 = all", 1},
        BL_REAL("top-p", &set.wish.draw.top_p, "P", 0, 1,
                "among the likeliest that hold P of the odds", 1),
        BL_REAL("min-p", &set.wish.draw.min_p, "P", 0, 1,
                "among those with at least P times the odds of the likeliest", 1),
        {0, "no-grammar", BL_OPT_FLAG, &set.wish.no_grammar, NULL, 0, 0,
         "allow what the scheme's grammar forbids (for experiments)", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Grooves", 0},
        BL_TEXT("threshold", &set.threshold, "P[,...]",
                "hits are what has at least these odds, of all or each of nine voices",
                1),
        BL_TEXT("max-hits", &set.max_hits, "N[,...]",
                "of a window the N likeliest hits of a voice at most", 1),
        {0, "latent", BL_OPT_FLAG, &set.latent, NULL, 0, 0,
         "give latents of a VAE in the place of drums", 1},
        {0, "between", BL_OPT_INT, &set.between, "N", 1, 65536,
         "go in N steps from each window of --condition to the next", 1},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, release}, &set,
                   argc, argv);
}
