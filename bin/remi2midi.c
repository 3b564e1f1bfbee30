/* remi2midi - a stream of tokens or grooves to MIDI files, to a table of notes, or to a
 * verdict. */
#include "cli/main.h"
#include "cli/shared.h"
#include "flow/render.h"
#include "io/versions.h"

#include <string.h>

typedef struct {
    int check, raw, csv;
    int64_t grid;
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
    if (m->check + m->csv + (m->dir != NULL) > 1 ||
        (m->common.output != NULL && (m->check || m->dir != NULL)))
        return bl_fail(e, BL_E_ARG,
                       "choose one of -o, -d, --csv (with or without -o) and --check; "
                       "try 'remi2midi --help'");
    if (!m->check && !m->csv && m->dir == NULL)
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

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    const remi2midi *m = tool;
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
    remi2midi set = {0};
    char libraries[BL_LIBRARIES_MAX];
    bl_io_libraries(NULL, libraries);
    const bl_opt_about about = {
        .name = "remi2midi",
        .purpose = "turn a stream of tokens or grooves into MIDI files",
        .synopsis = "[OPTION]... [FILE]...",
        .examples = "  remi2midi -d out corpus.tok.zst\n"
                    "  xlsample run | remi2midi -o new.mid\n",
        .see_also = "midi2remi(1), xlsample(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Output", 0},
        {'d', "directory", BL_OPT_STR, &set.dir, "DIR", 0, 0,
         "write each piece to a file of its name there", 0},
        {0, "csv", BL_OPT_FLAG, &set.csv, NULL, 0, 0, "write a table of the notes", 0},
        {0, "check", BL_OPT_FLAG, &set.check, NULL, 0, 0,
         "write nothing, fail where the stream is not sound", 0},
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
