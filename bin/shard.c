/* shard - token streams to tensors of ids, split for training. */
#include "cli/main.h"
#include "cli/misuse.h"
#include "cli/shared.h"
#include "flow/output.h"
#include "flow/own_ids.h"
#include "flow/unsharding.h"
#include "io/versions.h"
#include "io/zio.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *vocab, *split, *split_from, *augment, *report, *unshard, *condition;
    bl_opt_share max_alone;
    int64_t holes, around;
    int left_only;
    int dedup, near, ids, llmc, megatron, numpy;
    int64_t level, lines;
    bl_opt_common common;
    bl_sharding_wish wish;
    bl_sharding *sharding;
} shard;

/* ---- options ---- */

/* Reads "train=.8,valid=.2" into share; what is not named gets nothing. */
static int parse_split(const char *text, double share[BL_SPLITS], bl_err *e)
{
    int seen[BL_SPLITS] = {0};
    for (const char *p = text;;) {
        const char *value = strchr(p, '=');
        int s = 0;
        while (value != NULL && s < BL_SPLITS &&
               (strlen(bl_split_name(s)) != (size_t)(value - p) ||
                strncmp(p, bl_split_name(s), (size_t)(value - p)) != 0))
            s++;
        if (value == NULL || s == BL_SPLITS || seen[s]++)
            return bl_fail(e, BL_E_ARG,
                           "--split '%.64s': '%.32s' is not train=, valid= or test=, "
                           "each once",
                           text, p);
        char *end;
        share[s] = strtod(value + 1, &end);
        if (end == value + 1 || (*end != '\0' && *end != ','))
            return bl_fail(e, BL_E_ARG, "--split '%.64s': '%.32s' is not a number",
                           text, value + 1);
        if (*end == '\0')
            return 0;
        p = end + 1;
    }
}

static const bl_misuse misuses[] = {
    {"unshard",
     "around augment condition dedup holes ids left-only level llmc max-alone megatron "
     "near numpy report split split-from vocab",
     0, "--unshard goes with --lines alone"},
    {"split", "split-from", 0, "splits are of --split or of --split-from, not both"},
    {"holes", "condition ids", 0,
     "--holes: a piece's condition is the piece itself with a hole, so that neither "
     "--condition nor --ids goes with it"},
    {"around", "!holes", 0, "--around goes with --holes alone"},
    {"left-only", "!holes", 0, "--left-only goes with --holes alone"},
    {"lines", "!unshard", 0, "--lines goes with --unshard"},
    {"unshard", "", BL_OPERANDS_NOT_ONE, "--unshard reads one folder of shards"},
};

/* BL_SPLITS where there is no such split. */
static int split_named(const char *name)
{
    for (int k = 0; k < BL_SPLITS; k++)
        if (strcmp(name, bl_split_name(k)) == 0)
            return k;
    return BL_SPLITS;
}

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const shard *s = tool;
    const char *dir = s->common.output;
    int rc = bl_misuse_check(misuses, BL_COUNT(misuses), cli->opts, e);
    if (rc != 0)
        return rc;
    if (s->unshard != NULL && split_named(s->unshard) < BL_SPLITS)
        return bl_tool_tty_out(&s->common, e);
    if (s->unshard != NULL)
        return bl_fail(e, BL_E_ARG, "--unshard '%.32s': it is train, valid or test",
                       s->unshard);
    if (dir == NULL || dir[0] == '\0' || strcmp(dir, "-") == 0)
        return bl_fail(e, BL_E_ARG,
                       "name the folder to write with -o DIR; try 'shard --help'");
    if (s->report != NULL && bl_tool_same_output(s->report, dir))
        return bl_fail(e, BL_E_ARG, "-o and --report want a name each");
    if (s->ids && (s->augment || s->report || s->condition || s->near == BL_NEAR_DROP))
        return bl_fail(e, BL_E_ARG,
                       "--ids: what tokens mean is not known, so that --augment, "
                       "--condition, --report and --near drop do not go with it");
    if (s->report != NULL && s->near == BL_NEAR_OFF)
        return bl_fail(e, BL_E_ARG, "--near off finds nothing to --report");
    if (s->max_alone.most > 0 && s->condition == NULL)
        return bl_fail(e, BL_E_ARG, "--max-alone goes with --condition");
    return bl_tool_tty_in(cli->opts, e);
}

static int make_wish(shard *s, bl_err *e)
{
    s->wish = (bl_sharding_wish){
        .dir = s->common.output,
        .vocab = s->vocab,
        .split_from = s->split_from,
        .condition = s->condition,
        .near = (bl_near)s->near,
        .report = s->report,
        .dedup = s->dedup,
        .exports = (s->llmc ? BL_EXPORT_LLMC : 0u) |
                   (s->megatron ? BL_EXPORT_MEGATRON : 0u) |
                   (s->numpy ? BL_EXPORT_NUMPY : 0u),
        .level = s->common.plain ? 0
                 : s->level > 0  ? (int)s->level
                                 : BL_ZIO_LEVEL,
        .replace = s->common.force,
        .threads = bl_tool_jobs(&s->common),
        .holes = {(int)s->holes, s->common.seed, {(size_t)s->around, s->left_only}},
    };
    int rc = parse_split(s->split, s->wish.share, e);
    if (rc == 0 && s->augment != NULL)
        rc = bl_copies_parse(&s->wish.copies, s->augment, e);
    return rc;
}

/* ---- work ---- */

static void summarise(const shard *s, const bl_sharding_counts *n, bl_log *log)
{
    bl_log_info(log,
                "train %" PRIu64 " pieces %" PRIu64 " tokens, valid %" PRIu64
                " pieces %" PRIu64 " tokens, test %" PRIu64 " pieces %" PRIu64
                " tokens, %" PRIu64 " repeated pieces dropped, %" PRIu64
                " near copies %s, %" PRIu64 " copies added",
                n->pieces[0], n->tokens[0], n->pieces[1], n->tokens[1], n->pieces[2],
                n->tokens[2], n->n_dropped, n->n_near,
                s->near == BL_NEAR_DROP ? "dropped" : "kept with their like",
                n->n_copies);
}

static int unshard(const shard *s, const bl_cli *cli, bl_err *e)
{
    const bl_unsharding_wish wish = {cli->opts->operands[0], split_named(s->unshard),
                                     s->lines, s->common.plain ? 0 : BL_ZIO_LEVEL};
    uint64_t n, tokens;
    bl_output o;
    int rc = bl_output_open(&o, s->common.output, 0, &bl_tool_guards, e);
    if (rc == 0)
        rc = bl_unshard(&wish, o.out.fd, cli->self, &n, &tokens, e);
    rc = bl_output_close(&o, rc, e);
    if (rc == 0)
        bl_log_info(cli->log, "%llu pieces, %llu tokens", (unsigned long long)n,
                    (unsigned long long)tokens);
    return rc;
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    shard *s = tool;
    if (s->unshard != NULL)
        return unshard(s, cli, e);
    const bl_progress progress = bl_log_progress_of(cli->log);
    bl_sharding_counts counts = {0};
    int rc = make_wish(s, e);
    if (rc == 0 && s->ids)
        rc = bl_own_ids_shard(&s->wish, cli->operands, cli->n_operands, cli->self,
                              &progress, &counts, e);
    else if (rc == 0)
        rc = bl_sharding_new(&s->sharding, &s->wish, cli->operands, cli->n_operands,
                             &progress, e);
    if (rc == 0 && !s->ids) {
        bl_stop_watch(); /* a signal waits for the whole folder; a second does not */
        rc = bl_sharding_write(s->sharding, cli->self, &counts, e);
    }
    if (rc == 0)
        summarise(s, &counts, cli->log);
    int over = bl_opt_exceeds(&s->max_alone, counts.n_alone, counts.n_named);
    return rc == 0 && over ? BL_EXIT_DATA : rc;
}

static void release(void *tool)
{
    bl_sharding_del(((shard *)tool)->sharding);
}

int main(int argc, char **argv)
{
    shard set = {.around = 4, .split = "train=.8,valid=.1,test=.1"};
    char libraries[BL_LIBRARIES_MAX];
    bl_io_libraries(NULL, libraries);
    const bl_opt_about about = {
        .name = "shard",
        .purpose = "turn token streams into tensors of ids, split for training",
        .synopsis = "-o DIR [OPTION]... [FILE]...",
        .examples = "  midi2remi samples/*.mid | shard -o data\n"
                    "  shard -o data --split train=.9,valid=.1 --dedup *.tok.zst\n",
        .see_also = "midi2remi(1), vocab(1), xltrain(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Shards", 0},
        {0, "vocab", BL_OPT_STR, &set.vocab, "FILE", 0, 0,
         "number the tokens as this vocabulary, not as the scheme", 1},
        {0, "ids", BL_OPT_FLAG, &set.ids, NULL, 0, 0,
         "the files are ids or names that others made: NumPy, JSON or text", 1},
        {0, "condition", BL_OPT_STR, &set.condition, "FILE", 0, 0,
         "a stream of what the pieces go with, paired by name", 1},
        {0, "holes", BL_OPT_INT, &set.holes, "N", 0, 1000,
         "N copies of each piece, each with bars taken out to be filled, 0 = none", 1},
        {0, "around", BL_OPT_INT, &set.around, "N", 0, 65536,
         "bars of the piece on each side of a hole, 0 = all", 1},
        {0, "left-only", BL_OPT_FLAG, &set.left_only, NULL, 0, 0,
         "of these the bars before the hole alone", 1},
        {0, "max-alone", BL_OPT_SHARE, &set.max_alone, "N|P%", 0, 0,
         "fail if more lack one", 0},
        {0, "split", BL_OPT_STR, &set.split, "SHARES", 0, 0,
         "shares of train, valid and test; they sum to 1", 1},
        {0, "split-from", BL_OPT_STR, &set.split_from, "TABLE:COLUMN", 0, 0,
         "take each piece's split from that column of a table of names", 1},
        {0, "dedup", BL_OPT_FLAG, &set.dedup, NULL, 0, 0,
         "keep one of the pieces that have the same tokens", 1},
        {0, "near", BL_OPT_CHOICE, &set.near, "keep|drop|off", 0, 0,
         "pieces of the same music: in one split, only one of them, or as it comes", 1},
        {0, "report", BL_OPT_STR, &set.report, "FILE", 0, 0,
         "write a table of the pieces that are like an earlier one", 0},
        {0, "augment", BL_OPT_STR, &set.augment, "COPIES", 0, 0,
         "add copies to train: transpose=-5..6, tempo=.9..1.1/3, or both", 1},
        {0, "llmc", BL_OPT_FLAG, &set.llmc, NULL, 0, 0, "write files for llm.c too", 0},
        {0, "megatron", BL_OPT_FLAG, &set.megatron, NULL, 0, 0,
         "write files for Megatron too", 0},
        {0, "numpy", BL_OPT_FLAG, &set.numpy, NULL, 0, 0, "write .npy files too", 0},
        {0, "unshard", BL_OPT_STR, &set.unshard, "SPLIT", 0, 0,
         "write the pieces of that split of a folder of shards as a stream again", 1},
        {0, "lines", BL_OPT_INT, &set.lines, "N", 0, 1 << 24,
         "with --unshard: of each its first N lines, bars or seconds, 0 = all", 1},
        BL_ROW_LEVEL(&set.level),
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, release}, &set,
                   argc, argv);
}
