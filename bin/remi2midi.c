/* remi2midi - a stream of tokens or grooves to MIDI files, to a table of notes, to a
 * verdict, or played as it comes. */
#include "cli/main.h"
#include "cli/player.h"
#include "cli/shared.h"
#include "flow/live_out.h"
#include "flow/render.h"
#include "io/versions.h"

#include <string.h>

enum { AHEAD = 2 }; /* bars, unless said otherwise */

typedef struct {
    int check, raw, csv, play, clock;
    int64_t grid, ahead, delay;
    double speed, tempo;
    const char *dir, *scheme, *vocab, *mix;
    bl_opt_common common;
} remi2midi;

static int reads_stdin(const bl_opts *o)
{
    int n = o->n_operands == 0;
    for (int i = 0; i < o->n_operands; i++)
        n += strcmp(o->operands[i], "-") == 0;
    return n > 0;
}

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const remi2midi *m = tool;
    int rc = 0;
    int is_timed = m->clock || m->ahead != AHEAD || m->speed != 1 || m->tempo != 0 ||
                   m->delay != 0;
    if (m->check + m->csv + m->play + (m->dir != NULL) > 1 ||
        (m->common.output != NULL && (m->check || m->play || m->dir != NULL)))
        return bl_fail(e, BL_E_ARG,
                       "choose one of -o, -d, --csv (with or without -o), --play and "
                       "--check; try 'remi2midi --help'");
    if (is_timed && !m->play)
        return bl_fail(e, BL_E_ARG,
                       "--tempo, --speed, --ahead, --delay and --clock go with --play");
    if (m->play && m->raw)
        return bl_fail(e, BL_E_ARG, "--play wants a stream, not --raw");
    if (m->csv)
        rc = bl_tool_no_midi(&m->common, "a table", ".csv", e);
    if (rc == 0 && m->play && m->speed > 0)
        rc = bl_tool_tty_binary(&m->common, "a device or a FIFO: > SYNTH", e);
    if (rc == 0 && !m->play && !m->check && !m->csv && m->dir == NULL)
        rc = bl_tool_tty_binary(&m->common, "-o FILE, -d DIR, a pipe", e);
    if (rc == 0 && m->vocab != NULL && (!m->raw || m->scheme != NULL || m->grid != 0))
        rc = bl_fail(e, BL_E_ARG,
                     "--vocab goes with --raw and states the scheme itself");
    if (rc == 0 && m->mix != NULL && m->check)
        rc =
            bl_fail(e, BL_E_ARG,
                    "--mix goes with what is written, not with --check; try 'remi2midi "
                    "--help'");
    if (rc == 0 && m->mix != NULL && strcmp(m->mix, "-") == 0 && reads_stdin(cli->opts))
        rc = bl_fail(e, BL_E_ARG,
                     "--mix -: standard input is what is mixed into already; name the "
                     "other one");
    return rc == 0 ? bl_tool_tty_in(cli->opts, e) : rc;
}

typedef struct {
    const remi2midi *m;
    const bl_cli *cli;
} stream;

static int read_stream(void *arg, const bl_timed_sink *sink, bl_err *e)
{
    const stream *s = arg;
    const bl_live_out_wish wish = {s->m->tempo, s->m->clock};
    const bl_progress progress = {.notices = bl_log_notices(s->cli->log)};
    return bl_live_out(&wish, s->cli->operands, s->cli->n_operands, sink, &progress, e);
}

static int play(const remi2midi *m, const bl_cli *cli, bl_err *e)
{
    const bl_player_wish wish = {m->speed, (int)m->ahead, (int)m->delay, m->tempo};
    bl_player_counts n;
    int rc = bl_player_run(&wish, read_stream, &(stream){m, cli}, cli->log, &n, e);
    if (rc == 0 || m->common.verbose)
        bl_log_info(cli->log,
                    "%llu messages, %llu late (%.1f ms at most), %llu notes left out, "
                    "%llu underruns, %.1f s",
                    (unsigned long long)n.sent, (unsigned long long)n.late,
                    (double)n.latest_ns / 1e6, (unsigned long long)n.left_out,
                    (unsigned long long)n.underruns, bl_log_seconds(cli->log));
    return rc;
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    const remi2midi *m = tool;
    if (m->play)
        return play(m, cli, e);
    const bl_render_wish wish = {
        .as = m->check         ? BL_RENDER_CHECK
              : m->csv         ? BL_RENDER_TABLE
              : m->dir != NULL ? BL_RENDER_FOLDER
                               : BL_RENDER_FILE,
        .to = m->dir != NULL ? m->dir : m->common.output,
        .raw = m->raw,
        .bare = {m->scheme, (int)m->grid, m->vocab},
        .mix = m->mix,
        .guards = &bl_tool_guards,
    };
    const bl_progress progress = bl_log_progress_of(cli->log);
    uint64_t n_pieces;
    int rc = bl_render(&wish, (const char *const *)cli->opts->operands,
                       (size_t)cli->opts->n_operands, &progress, &n_pieces, e);
    if (rc == 0)
        bl_log_info(cli->log, "%llu pieces, %.1f s", (unsigned long long)n_pieces,
                    bl_log_seconds(cli->log));
    return rc;
}

int main(int argc, char **argv)
{
    remi2midi set = {.ahead = AHEAD, .speed = 1};
    char libraries[BL_LIBRARIES_MAX];
    bl_io_libraries(NULL, libraries);
    const bl_opt_about about = {
        .name = "remi2midi",
        .purpose = "turn a stream of tokens or grooves into MIDI files",
        .synopsis = "[OPTION]... [FILE]...",
        .examples = "  remi2midi -d out corpus.tok.zst\n"
                    "  xlsample run | remi2midi -o new.mid\n"
                    "  xlsample run | remi2midi --play > /dev/snd/midiC1D0\n",
        .see_also = "midi2remi(1), xlsample(1)",
        .idle = "jobs seed plain no-pg",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Output", 0},
        {'d', "directory", BL_OPT_STR, &set.dir, "DIR", 0, 0,
         "write each piece to a file of its name there", 0},
        {0, "csv", BL_OPT_FLAG, &set.csv, NULL, 0, 0, "write a table of the notes", 0},
        {0, "check", BL_OPT_FLAG, &set.check, NULL, 0, 0,
         "write nothing, fail where the stream is not sound", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Live", 0},
        BL_FLAG("play", &set.play,
                "send the bytes of MIDI at their time, as they come"),
        BL_REAL("tempo", &set.tempo, "BPM", 0, 1000,
                "with --play: of everything, 0 = as the stream says", 0),
        BL_REAL("speed", &set.speed, "X", 0, 100,
                "with --play: so many times as fast; 0: a table of all, at once", 0),
        BL_INT("ahead", &set.ahead, 1, 64, "with --play: read so many bars ahead", 0),
        BL_INT("delay", &set.delay, 0, 64,
               "with --play: a live stream so many bars after its time", 0),
        BL_FLAG("clock", &set.clock, "with --play: send MIDI clock, start and stop"),
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Input", 0},
        {0, "mix", BL_OPT_STR, &set.mix, "FILE", 0, 0,
         "put the pieces of this token stream into those of the same names", 0},
        {0, "raw", BL_OPT_FLAG, &set.raw, NULL, 0, 0,
         "read bare token names, each input one piece", 0},
        {0, "scheme", BL_OPT_STR, &set.scheme, "NAME", 0, 0,
         "with --raw: the token scheme", 0},
        BL_ROW_GRID(&set.grid, "with --raw: "),
        {0, "vocab", BL_OPT_STR, &set.vocab, "FILE", 0, 0,
         "with --raw: the names are of this vocabulary, merges among them", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, NULL}, &set, argc,
                   argv);
}
