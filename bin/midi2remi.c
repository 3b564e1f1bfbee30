/* midi2remi - MIDI files, or what is played now, to a token stream. */
#include "cli/crew.h"
#include "cli/listener.h"
#include "cli/main.h"
#include "cli/shared.h"
#include "flow/convert.h"
#include "flow/live_in.h"
#include "io/pattern.h"
#include "io/versions.h"
#include "midi/midi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int64_t grid, level, window, hop;
    int chords, key, degrees, common_key, pedal, pair, listen;
    const char *scheme, *part;
    bl_opt_share max_reject;
    bl_opt_common common;
    bl_hands crew;
    bl_convert_wish wish;
    bl_live_in_wish live;
} midi2remi;

/* What is heard is no file, and has nothing that files have. */
static int misuse_live(const midi2remi *m, const bl_cli *cli, bl_err *e)
{
    const bl_convert_wish *w = &m->wish;
    const bl_live_in_wish *l = &m->live;
    int of_loop = l->forget != 0 || l->wait != 0 || l->has_voices;
    if (!m->listen && (of_loop || l->tempo != 0 || l->follows || l->count_in != 1))
        return bl_fail(e, BL_E_ARG,
                       "--tempo, --count-in, --follow-clock, --forget, --wait and "
                       "--voices go with --listen");
    if (!m->listen)
        return 0;
    if (cli->n_operands > 0 || w->list != NULL || w->beats != NULL ||
        w->labels != NULL || w->rejects != NULL || m->part != NULL || w->trim ||
        w->strict || w->keep != NULL || w->drop != NULL || m->common.output != NULL)
        return bl_fail(e, BL_E_ARG,
                       "--listen hears standard input and writes to standard output: "
                       "no files, and no options of files");
    return 0;
}

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const midi2remi *m = tool;
    const bl_convert_wish *w = &m->wish;
    if (w->meter.num > 0 && w->beats != NULL)
        return bl_fail(e, BL_E_ARG, "bars are of --meter or of --beats, not both");
    if (w->beats != NULL && !bl_pattern_is_good(w->beats))
        return bl_fail(
            e, BL_E_ARG,
            "a %% in --beats is %%d, the folder, %%n, the name, or %%%%, a %%");
    if (w->list != NULL && cli->opts->n_operands > 0)
        return bl_fail(e, BL_E_ARG,
                       "inputs are named by operands or by --files0-from, not both");
    if ((m->window != 0 || m->hop != 0) && strcmp(m->scheme, "groove") != 0)
        return bl_fail(e, BL_E_ARG, "--window and --hop go with --scheme groove");
    if (w->columns != NULL && w->labels == NULL)
        return bl_fail(e, BL_E_ARG, "--columns are of the table of --labels FILE");
    if (w->rejects != NULL && bl_tool_same_output(w->rejects, m->common.output))
        return bl_fail(e, BL_E_ARG, "tokens and --rejects want a file each");
    int rc = misuse_live(m, cli, e);
    if (rc == 0 && w->list == NULL && !m->listen)
        rc = bl_tool_tty_in(cli->opts, e);
    return rc == 0 ? bl_tool_tty_out(&m->common, e) : rc;
}

/* "I/N" of --part. */
static int parse_part(const char *text, uint64_t *i, uint64_t *n, bl_err *e)
{
    int used = -1;
    if (strspn(text, "0123456789/") == strlen(text) && strlen(text) < 20 &&
        sscanf(text, "%" SCNu64 "/%" SCNu64 "%n", i, n, &used) == 2 &&
        text[used] == '\0' && *i >= 1 && *i <= *n)
        return 0;
    return bl_fail(e, BL_E_ARG, "--part wants I/N with I from 1 to N, not '%s'", text);
}

static int make_wish(midi2remi *m, bl_err *e)
{
    bl_convert_wish *w = &m->wish;
    snprintf(w->spec.scheme, sizeof w->spec.scheme, "%s", m->scheme);
    w->spec.grid = (int)m->grid;
    w->spec.chords = m->chords || m->degrees;
    w->spec.key = m->key || m->degrees || m->common_key;
    w->spec.degrees = m->degrees || (m->common_key && m->chords);
    w->spec.common_key = m->common_key;
    w->spec.pedal = m->pedal;
    w->window = (int)m->window;
    w->hop = (int)m->hop;
    w->pair = (bl_pair)m->pair;
    w->output = m->common.output;
    w->level = m->common.plain ? 0 : m->level > 0 ? (int)m->level : BL_CONVERT_LEVEL;
    m->crew = bl_crew_hands(bl_tool_jobs(&m->common));
    w->hands = &m->crew;
    w->guards = &bl_tool_guards;
    return m->part != NULL ? parse_part(m->part, &w->part, &w->n_parts, e) : 0;
}

static void summarise(const midi2remi *m, const bl_convert_counts *n, bl_log *log)
{
    char made[160];
    if (strcmp(m->scheme, "groove") == 0)
        snprintf(made, sizeof made,
                 "%llu windows, %llu hits, %llu beside a louder one, %llu unmapped",
                 (unsigned long long)n->windows, (unsigned long long)n->hits,
                 (unsigned long long)n->collided, (unsigned long long)n->unmapped);
    else
        snprintf(made, sizeof made, "%llu tokens", (unsigned long long)n->tokens);
    bl_log_info(log,
                "%llu pieces, %llu notes, %s, %llu rejected, %llu with music "
                "lost, %.1f s",
                (unsigned long long)n->pieces, (unsigned long long)n->notes, made,
                (unsigned long long)n->rejects, (unsigned long long)n->lost,
                bl_log_seconds(log));
    if (n->unlabelled > 0)
        bl_log_warn(log, "%llu files have no line in %s",
                    (unsigned long long)n->unlabelled, m->wish.labels);
}

static int listen(midi2remi *m, const bl_cli *cli, bl_err *e)
{
    bl_live_in_wish *live = &m->live;
    live->spec = m->wish.spec;
    live->meter = m->wish.meter;
    live->tempo = live->tempo > 0 ? live->tempo : 120;
    live->window = m->window;
    live->hop = m->hop;
    live->level = m->common.plain ? 0 : m->level > 0 ? (int)m->level : 1;
    bl_live_in *heard;
    int rc = bl_live_in_new(&heard, live, STDOUT_FILENO, cli->self,
                            bl_log_notices(cli->log), e);
    if (rc != 0)
        return rc;
    bl_timed_ear ear = bl_live_in_ear(heard);
    rc = bl_listen(&ear, bl_live_in_lead(heard), live->tempo, cli->log, e);
    bl_live_in_del(heard);
    return rc;
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    midi2remi *m = tool;
    const bl_progress progress = bl_log_progress_of(cli->log);
    bl_convert_counts counts;
    int rc = make_wish(m, e);
    if (rc == 0 && m->listen)
        return listen(m, cli, e);
    if (rc == 0)
        rc =
            bl_convert(&m->wish, (const char *const *)cli->opts->operands,
                       (size_t)cli->opts->n_operands, cli->self, &progress, &counts, e);
    if (rc != 0)
        return rc;
    summarise(m, &counts, cli->log);
    return bl_opt_exceeds(&m->max_reject, counts.rejects, counts.files) ? BL_EXIT_DATA
                                                                        : 0;
}

int main(int argc, char **argv)
{
    midi2remi set = {.scheme = "remi", .pair = BL_PAIR_OWN, .live = {.count_in = 1}};
    bl_convert_wish *w = &set.wish;
    char smf[64], libraries[BL_LIBRARIES_MAX];
    bl_midi_libraries(smf, sizeof smf);
    bl_io_libraries(smf, libraries);
    const bl_opt_about about = {
        .name = "midi2remi",
        .purpose = "turn MIDI files into a token stream",
        .synopsis = "[OPTION]... [FILE|DIRECTORY]...",
        .examples = "  midi2remi -u song.mid | grep -c ^Bar\n"
                    "  midi2remi -j 0 -o corpus.tok.zst ~/midi\n",
        .see_also = "shard(1), vocab(1), remi2midi(1)",
        .idle = "seed",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Tokens", 0},
        {0, "scheme", BL_OPT_STR, &set.scheme, "NAME", 0, 0, "the token scheme", 1},
        BL_ROW_GRID(&set.grid, ""),
        BL_ROW_PAIR(&set.pair),
        {0, "chords", BL_OPT_FLAG, &set.chords, NULL, 0, 0, "add tokens of chords", 1},
        {0, "key", BL_OPT_FLAG, &set.key, NULL, 0, 0,
         "add a token of the key: the file's own, or found", 1},
        {0, "degrees", BL_OPT_FLAG, &set.degrees, NULL, 0, 0,
         "chords as degrees of the key; implies --chords and --key", 1},
        {0, "common-key", BL_OPT_FLAG, &set.common_key, NULL, 0, 0,
         "pitches as in C major or A minor, and the key; chords as degrees", 1},
        {0, "pedal", BL_OPT_FLAG, &set.pedal, NULL, 0, 0,
         "add tokens of the sustain pedal", 1},
        BL_ROW_METER(&w->meter),
        {0, "beats", BL_OPT_STR, &w->beats, "PATTERN", 0, 0,
         "take beats and bars from there; %d is a file's folder, %n its name", 0},
        {0, "keep", BL_OPT_STR, &w->keep, "PARTS", 0, 0,
         "keep these parts: melody, bass, drums, chords, track=NAME, program=A-B", 1},
        {0, "drop", BL_OPT_STR, &w->drop, "PARTS", 0, 0, "keep all but these parts", 1},
        {0, "trim", BL_OPT_FLAG, &w->trim, NULL, 0, 0,
         "end pieces with the bar in which their last note ends", 1},
        {0, "window", BL_OPT_INT, &set.window, "N", 0, 64,
         "with --scheme groove: bars of a window, 0 = 2", 1},
        {0, "hop", BL_OPT_INT, &set.hop, "N", 0, 64,
         "with --scheme groove: bars from one window to the next, 0 = 2", 1},
        {0, "labels", BL_OPT_STR, &w->labels, "FILE", 0, 0,
         "a table of labels that pieces begin with", 0},
        {0, "columns", BL_OPT_STR, &w->columns, "LIST", 0, 0,
         "of the labels take these columns only", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Live", 0},
        {0, "listen", BL_OPT_FLAG, &set.listen, NULL, 0, 0,
         "hear the bytes of MIDI that come now; write each bar when it is over", 1},
        BL_REAL("tempo", &set.live.tempo, "BPM", 0, 300,
                "with --listen: quarters a minute, 0 = 120", 1),
        BL_INT("count-in", &set.live.count_in, 0, 64,
               "with --listen: bars until the first one begins", 0),
        {0, "follow-clock", BL_OPT_FLAG, &set.live.follows, NULL, 0, 0,
         "with --listen: the time is MIDI clock, from start to stop", 1},
        BL_INT("forget", &set.live.forget, 0, 1000,
               "of a loop: hits go after so many bars, 0 = never", 1),
        BL_REAL("wait", &set.live.wait, "S", 0, 60,
                "of a loop: write it so many seconds after a change", 1),
        {0, "voices", BL_OPT_FLAG, &set.live.has_voices, NULL, 0, 0,
         "of a groove: pitches are drums; without it any is a tap", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Files", 0},
        {0, "files0-from", BL_OPT_STR, &w->list, "FILE", 0, 0,
         "read the names of the inputs there, each ended by NUL", 0},
        {0, "part", BL_OPT_STR, &set.part, "I/N", 0, 0,
         "take the I-th of N parts of the files only", 1},
        {0, "rejects", BL_OPT_STR, &w->rejects, "FILE", 0, 0,
         "write a table of the files that gave no piece", 0},
        {0, "strict", BL_OPT_FLAG, &w->strict, NULL, 0, 0,
         "reject files where music was or may have been lost", 1},
        {0, "keep-empty", BL_OPT_FLAG, &w->keep_empty, NULL, 0, 0,
         "keep pieces without a note", 1},
        BL_ROW_MAX_REJECT(&set.max_reject),
        BL_ROW_LEVEL(&set.level),
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, NULL}, &set, argc,
                   argv);
}
