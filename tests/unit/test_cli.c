/* test_cli.c - option tables, exit statuses and the clock of the progress line. */
#include "cli/shared.h"
#include "cli/tool.h"
#include "tap.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ARGS = 16, MAX_ROWS = 16 };

typedef struct {
    int64_t number;
    double share;
    const char *file;
    int kind, flag, pair;
    bl_meter meter;
    bl_opt_share most;
    const char *old;
    bl_opt_list sets;
    bl_opt_common common;
    bl_opts opts;
    char text[256];
    char *argv[MAX_ARGS];
} fixture;

/* Parses a command line of words without blanks; what it prints goes to /dev/null. */
static int parse(fixture *f, bl_opt *rows, const char *line)
{
    static const bl_opt_about about = {.name = "tool",
                                       .purpose = "does",
                                       .synopsis = "[FILE]...",
                                       .examples = "  tool\n",
                                       .see_also = "x(1)"};
    int argc = 0;
    *f = (fixture){.number = 4, .share = 0.5, .pair = BL_PAIR_OWN};
    const bl_opt table[] = {
        {'n', "number", BL_OPT_INT, &f->number, "N", 1, 5000, "count", 1},
        {0, "share", BL_OPT_REAL, &f->share, "X", 0, 1, "share", 1},
        {0, "file", BL_OPT_STR, &f->file, "FILE", 0, 0, "file", 1},
        {0, "kind", BL_OPT_CHOICE, &f->kind, "red|green|blue", 0, 0, "kind", 0},
        {'x', "flag", BL_OPT_FLAG, &f->flag, NULL, 0, 0, "flag", 1},
        {0, "set", BL_OPT_LIST, &f->sets, "K=V", 0, 0, "set", 0},
        BL_ROW_PAIR(&f->pair),
        BL_ROW_METER(&f->meter),
        BL_ROW_MAX_REJECT(&f->most),
        {0, "old", BL_OPT_STR, &f->old, "FILE", 0, 0, NULL, 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    memcpy(rows, table, sizeof table);
    snprintf(f->text, sizeof f->text, "tool %s", line);
    for (char *word = strtok(f->text, " "); word != NULL; word = strtok(NULL, " "))
        f->argv[argc++] = word;
    f->opts = (bl_opts){.about = &about, .own = rows, .common = &f->common};
    optind = 0; /* glibc: scan a new vector from its start */
    return bl_opt_parse(&f->opts, argc, f->argv);
}

static void test_values(void)
{
    fixture f;
    bl_opt rows[MAX_ROWS];
    ok(parse(
           &f, rows,
           "-n 7 --share=.25 --file /a/b.tsv --kind blue -x --set a=1 --set b=2 in") ==
           -1,
       "a line of everything is accepted");
    ok(f.number == 7 && f.share == 0.25 && f.kind == 2 && f.flag == 1, "values arrive");
    ok(strcmp(f.file, "/a/b.tsv") == 0, "a file keeps its folder");
    ok(f.sets.n == 2 && strcmp(f.sets.item[1], "b=2") == 0, "a list grows");
    ok(f.opts.n_operands == 1 && strcmp(f.opts.operands[0], "in") == 0, "one operand");
    ok(f.opts.n_given == 4 && strcmp(f.opts.given[2], "--file=b.tsv") == 0,
       "the provenance has the options that shape the output, without folders");
    bl_opt_free(&f.opts);

    ok(parse(&f, rows, "in -n 2k -- -x") == -1 && f.number == 2000 && f.flag == 0,
       "2k is 2000, operands may come first, -- ends the options");
    ok(f.opts.n_operands == 2 && strcmp(f.opts.operands[1], "-x") == 0,
       "-x is an operand");
    bl_opt_free(&f.opts);
    ok(parse(&f, rows, "-") == -1 && f.opts.n_operands == 1, "- is an operand");
    bl_opt_free(&f.opts);
    ok(parse(&f, rows, "-qq -v -j 3 --seed 9 -u") == -1 && f.common.quiet == 2 &&
           f.common.jobs == 3 && f.common.seed == 9 && f.common.plain,
       "common options are there");
    bl_opt_free(&f.opts);
}

/* Types of values that only shared rows have. */
static void test_shared(void)
{
    fixture f;
    bl_opt rows[MAX_ROWS];
    ok(parse(&f, rows, "") == -1 && f.pair == BL_PAIR_OWN && f.meter.num == 0 &&
           f.most.most == 0 && !f.most.is_percent,
       "what is not given is as it was");
    bl_opt_free(&f.opts);
    ok(parse(&f, rows, "--pair fifo --meter 7/128 --max-reject 2.5% --old x") == -1 &&
           f.pair == BL_PAIR_FIFO && f.meter.num == 7 && f.meter.den_log2 == 7 &&
           f.most.most == 2.5 && f.most.is_percent && strcmp(f.old, "x") == 0,
       "rules, time signatures, shares, and an old name");
    ok(f.opts.n_given == 2 && strcmp(f.opts.given[1], "--meter=7/128") == 0,
       "those that shape the output are in the provenance");
    bl_opt_free(&f.opts);
    ok(!bl_opt_exceeds(&(bl_opt_share){2.5, 1}, 1, 40) &&
           bl_opt_exceeds(&(bl_opt_share){2.5, 1}, 2, 40) &&
           !bl_opt_exceeds(&(bl_opt_share){3, 0}, 3, 40) &&
           bl_opt_exceeds(&(bl_opt_share){3, 0}, 4, 40),
       "more than a share is more");
}

static void test_misuse(void)
{
    static const char *const bad[] = {
        "-n 0",
        "-n 5001",
        "-n 4x",
        "-n",
        "-n 99999999999999999999",
        "-n 9999999999G",
        "--share 1.5",
        "--share nan",
        "--kind r",
        "--flag=1",
        "--nothing",
        "-Y",
        "--share=",
        "--number=",
        "-j -1",
        "-j k",
        "--seed M",
        "--seed=G",
        "--seed -k",
        "--pair lifo",
        "--pair=",
        "--meter 3",
        "--meter 3/256",
        "--meter 3/4x",
        "--max-reject 101%",
        "--max-reject -1",
        "--max-reject nan",
    };
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        fixture f;
        bl_opt rows[MAX_ROWS];
        ok(parse(&f, rows, bad[i]) == BL_EXIT_USAGE, "refused: %s", bad[i]);
        bl_opt_free(&f.opts);
    }
}

static void test_status(void)
{
    ok(bl_exit_of(0) == 0 && bl_exit_of(BL_E_ARG) == 64 &&
           bl_exit_of(BL_E_TRUNC) == 65 && bl_exit_of(BL_E_OPEN) == 66 &&
           bl_exit_of(BL_E_CREATE) == 73 && bl_exit_of(BL_E_IO) == 74 &&
           bl_exit_of(BL_E_STOPPED) == 75 && bl_exit_of(BL_E_DIVERGED) == 70 &&
           bl_exit_of(BL_E_NOMEM) == 70,
       "errors have the exit statuses of the contract");
}

static void test_clock(void)
{
    char buf[32];
    ok(strcmp(bl_log_clock(65, buf, sizeof buf), "1:05") == 0, "65 s is 1:05");
    ok(strcmp(bl_log_clock(7384, buf, sizeof buf), "2:03:04") == 0,
       "7384 s is 2:03:04");
    ok(strcmp(bl_log_clock(-3, buf, sizeof buf), "0:00") == 0, "no negative time");
}

int main(void)
{
    if (freopen("/dev/null", "w", stderr) == NULL)
        return 1;
    test_values();
    test_shared();
    test_misuse();
    test_status();
    test_clock();
    return tap_done();
}
