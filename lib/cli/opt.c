/* opt.c - see opt.h. */
#define _DEFAULT_SOURCE /* getentropy */
#include "cli/opt.h"
#include "cli/rerun.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BL_BUILD
#define BL_BUILD "unknown"
#endif

enum {
    HELP_COLUMN = 30,
    N_COMMON = 11,
    MAX_OPTIONS = 64,
    EXIT_MISUSE = 64,
    EXIT_NO_MEMORY = 70,
    EXIT_IO = 74
};

/* ---- the rows of all tools ---- */

static size_t common_rows(bl_opt_common *c, bl_opt rows[N_COMMON])
{
    const bl_opt table[N_COMMON] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Common options", 0},
        {'o', "output", BL_OPT_STR, &c->output, "FILE", 0, 0,
         "write there instead of standard output", 0},
        {'j', "jobs", BL_OPT_INT, &c->jobs, "N", 0, 1024,
         "work on N processors, 0 = all", 0},
        {0, "seed", BL_OPT_SEED, &c->seed, "N", 0, 0x1p53,
         "seed of all chance; random draws one and says it", 1},
        {'q', "quiet", BL_OPT_COUNT, &c->quiet, NULL, 0, 0, "print errors only", 0},
        {'v', "verbose", BL_OPT_COUNT, &c->verbose, NULL, 0, 0, "print more", 0},
        {0, "progress", BL_OPT_CHOICE, &c->progress, "auto|always|never", 0, 0,
         "draw a progress line; auto: on a terminal", 0},
        {'u', "plain", BL_OPT_FLAG, &c->plain, NULL, 0, 0, "write without compression",
         0},
        {0, "no-pg", BL_OPT_FLAG, &c->no_pg, NULL, 0, 0,
         "leave out the record of the programs that made the data", 0},
        {'f', "force", BL_OPT_FLAG, &c->force, NULL, 0, 0,
         "replace what exists, write binary data to a terminal", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    memcpy(rows, table, sizeof table);
    return N_COMMON - 1;
}

/* Whether `name` is one of `list`, blanks between. */
static int is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at != NULL && (at = strstr(at, name)) != NULL;
         at += len)
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return 1;
    return 0;
}

static int has_argument(const bl_opt *o)
{
    return o->type != BL_OPT_FLAG && o->type != BL_OPT_BIT && o->type != BL_OPT_COUNT;
}

/* ---- --help and --version ---- */

static void print_default(const bl_opt *o)
{
    if (o->type == BL_OPT_INT || o->type == BL_OPT_SEED) {
        printf(" [%" PRId64 "]", *(const int64_t *)o->value);
    } else if (o->type == BL_OPT_REAL) {
        if (!isnan(*(const double *)o->value))
            printf(" [%g]", *(const double *)o->value);
    } else if (o->type == BL_OPT_STR && *(const char *const *)o->value != NULL) {
        printf(" [%s]", *(const char *const *)o->value);
    } else if (o->type == BL_OPT_SHARE) {
        const bl_opt_share *share = o->value;
        printf(" [%g%s]", share->most, share->is_percent ? "%" : "");
    } else if (o->type == BL_OPT_CHOICE && *(const int *)o->value >= 0) {
        const char *name = o->arg;
        for (int i = *(const int *)o->value; i > 0; i--)
            name = strchr(name, '|') + 1;
        printf(" [%.*s]", (int)strcspn(name, "|"), name);
    }
}

static void print_row(const bl_opt *o)
{
    char left[128];
    if (o->help == NULL)
        return;
    if (o->type == BL_OPT_GROUP) {
        printf("\n%s:\n", o->help);
        return;
    }
    int used = o->letter != 0 ? snprintf(left, sizeof left, "  -%c, ", o->letter)
                              : snprintf(left, sizeof left, "      ");
    snprintf(left + used, sizeof left - (size_t)used, "--%s%s%s", o->name,
             has_argument(o) ? " " : "", has_argument(o) ? o->arg : "");
    if (strlen(left) < HELP_COLUMN - 1)
        printf("%-*s", HELP_COLUMN, left);
    else
        printf("%s\n%*s", left, HELP_COLUMN, "");
    printf("%s", o->help);
    print_default(o);
    printf("\n");
}

static void print_help(const bl_opts *o, const bl_opt *const *rows, size_t n)
{
    printf("%s - %s\n\nUsage: %s %s\n", o->about->name, o->about->purpose,
           o->about->name, o->about->synopsis);
    if (rows[0]->type != BL_OPT_GROUP)
        printf("\nOptions:\n");
    for (size_t i = 0; i < n; i++)
        print_row(rows[i]);
    printf("  %-*s%s\n  %-*s%s\n", HELP_COLUMN - 2, "-h, --help",
           "print this, and leave", HELP_COLUMN - 2, "-V, --version",
           "print versions and build flags, and leave");
    printf("\nExamples:\n%s\nSee also: %s\n", o->about->examples, o->about->see_also);
}

static const char *cpu_path(void)
{
#if defined(__x86_64__)
    if (bl_cpu_has(BL_CPU_BF16))
        return "x86-64 avx512f avx512bf16";
    if (bl_cpu_has(BL_CPU_AVX512))
        return "x86-64 avx512f";
    return bl_cpu_has(BL_CPU_AVX2) ? "x86-64 avx2" : "x86-64";
#else
    return "portable";
#endif
}

static void print_version(const bl_opts *o)
{
    printf("%s (barline) %s\n", o->about->name, BL_VERSION);
    if (o->about->libraries != NULL)
        printf("%s", o->about->libraries);
    printf("build: %s\ncpu: %s\n", BL_BUILD, cpu_path());
    if (bl_rerun_core() != NULL)
        printf("OPENBLAS_CORETYPE=%s, told to OpenBLAS for this processor\n",
               bl_rerun_core());
}

/* The status after --help and --version: a full disk counts there too. */
static int printed(const bl_opts *o)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "%s: cannot write standard output: %s\n", o->about->name,
            strerror(errno));
    return EXIT_IO;
}

/* ---- values ---- */

static BL_PRINTF(2, 3) int misuse(const bl_opts *o, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "%s: %s; try '%s --help'\n", o->about->name, text, o->about->name);
    return EXIT_MISUSE;
}

static int no_memory(const bl_opts *o)
{
    fprintf(stderr, "%s: out of memory\n", o->about->name);
    return EXIT_NO_MEMORY;
}

static int parse_int(const bl_opts *o, const bl_opt *row, const char *text)
{
    char *end;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    int64_t unit = 1;
    int is_number =
        end != text && !isspace((unsigned char)*text); /* not "k", not " 3" */
    if (*end == 'k')
        unit = 1000;
    else if (*end == 'M')
        unit = 1000000;
    else if (*end == 'G')
        unit = 1000000000;
    end += unit != 1;
    int64_t value;
    if (!is_number || *end != '\0' || errno != 0 ||
        __builtin_mul_overflow((int64_t)x, unit, &value))
        return misuse(o, "--%s wants a whole number, not '%s'", row->name, text);
    if ((row->low != 0 || row->high != 0) &&
        ((double)value < row->low || (double)value > row->high))
        return misuse(o, "--%s is %s, which is not within %.0f..%.0f", row->name, text,
                      row->low, row->high);
    *(int64_t *)row->value = value;
    return 0;
}

/* Six digits, so that whoever likes a piece can type it. */
static int parse_seed(const bl_opts *o, const bl_opt *row, const char *text)
{
    enum { DRAWN_MAX = 1000000 };
    uint32_t drawn;
    if (strcmp(text, "random") != 0)
        return parse_int(o, row, text);
    if (getentropy(&drawn, sizeof drawn) != 0)
        return misuse(o, "--seed random: the system gives no chance; name a number");
    *(int64_t *)row->value = drawn % DRAWN_MAX;
    o->common->seed_drawn = 1;
    return 0;
}

static int parse_real(const bl_opts *o, const bl_opt *row, const char *text)
{
    double x;
    if (!bl_number(text, &x))
        return misuse(o, "--%s wants a number, not '%s'", row->name, text);
    if ((row->low != 0 || row->high != 0) && (x < row->low || x > row->high))
        return misuse(o, "--%s is %s, which is not within %.15g..%.15g", row->name,
                      text, row->low, row->high);
    *(double *)row->value = x;
    return 0;
}

static int parse_choice(const bl_opts *o, const bl_opt *row, const char *text)
{
    const char *name = row->arg;
    for (int i = 0;; i++) {
        size_t len = strcspn(name, "|");
        if (strlen(text) == len && strncmp(name, text, len) == 0) {
            *(int *)row->value = i;
            return 0;
        }
        if (name[len] == '\0')
            return misuse(o, "--%s is one of %s, not '%s'", row->name, row->arg, text);
        name += len + 1;
    }
}

static int parse_meter(const bl_opts *o, const bl_opt *row, const char *text)
{
    bl_meter *m = row->value;
    const char *end = bl_meter_scan(text, &m->num, &m->den_log2);
    if (end == NULL || *end != '\0')
        return misuse(o, "--%s wants a time signature such as 3/4, not '%s'", row->name,
                      text);
    return 0;
}

static int parse_share(const bl_opts *o, const bl_opt *row, const char *text)
{
    bl_opt_share *share = row->value;
    char *end;
    double x = strtod(text, &end);
    int is_percent = strcmp(end, "%") == 0;
    if (end == text || (*end != '\0' && !is_percent) || !(x >= 0 && x < 1e18) ||
        (is_percent && x > 100))
        return misuse(o, "--%s wants a number or a share like 2%%, not '%s'", row->name,
                      text);
    *share = (bl_opt_share){x, is_percent};
    return 0;
}

int bl_opt_exceeds(const bl_opt_share *most, uint64_t n, uint64_t n_all)
{
    return (double)n >
           (most->is_percent ? most->most / 100 * (double)n_all : most->most);
}

static int parse_list(const bl_opts *o, const bl_opt *row, const char *text)
{
    bl_opt_list *list = row->value;
    void *items = list->item;
    if (bl_grow(&items, &list->cap, list->n + 1, sizeof *list->item, NULL) != 0)
        return no_memory(o);
    list->item = items;
    list->item[list->n++] = text;
    return 0;
}

static int set_value(const bl_opts *o, const bl_opt *row, const char *text)
{
    switch (row->type) {
    case BL_OPT_FLAG:
        *(int *)row->value = 1;
        return 0;
    case BL_OPT_BIT:
        *(unsigned *)row->value |= (unsigned)row->low;
        return 0;
    case BL_OPT_COUNT:
        ++*(int *)row->value;
        return 0;
    case BL_OPT_INT:
        return parse_int(o, row, text);
    case BL_OPT_SEED:
        return parse_seed(o, row, text);
    case BL_OPT_REAL:
        return parse_real(o, row, text);
    case BL_OPT_CHOICE:
        return parse_choice(o, row, text);
    case BL_OPT_METER:
        return parse_meter(o, row, text);
    case BL_OPT_SHARE:
        return parse_share(o, row, text);
    case BL_OPT_LIST:
        return parse_list(o, row, text);
    default:
        *(const char **)row->value = text;
        return 0;
    }
}

/* Keeps "--name=value" for the provenance; folders are cut off, so that the same work
 * in another place leaves the same record. */
static int remember(bl_opts *o, const bl_opt *row, const char *text)
{
    int is_path = row->type == BL_OPT_STR &&
                  (strcmp(row->arg, "FILE") == 0 || strcmp(row->arg, "DIR") == 0);
    const char *slash = is_path && text != NULL ? strrchr(text, '/') : NULL;
    if (slash != NULL)
        text = slash + 1;
    bl_buf b = {0};
    char **given = realloc(o->given, (o->n_given + 1) * sizeof *given);
    if (given != NULL)
        o->given = given;
    if (given == NULL ||
        bl_buf_addf(&b, NULL, "--%s%s%s", row->name, text != NULL ? "=" : "",
                    text != NULL ? text : "") != 0 ||
        bl_buf_str(&b, NULL) == NULL) {
        bl_buf_free(&b);
        return no_memory(o);
    }
    o->given[o->n_given++] = (char *)b.data;
    return 0;
}

/* ---- parsing ---- */

/* The edits between a name of len letters and `other`: letters to be added, left out,
 * changed, or swapped with the next. */
static int distance(const char *name, size_t len, const char *other)
{
    enum { LONGEST = 32 };
    int d[LONGEST + 1][LONGEST + 1];
    size_t n = strlen(other);
    if (len > LONGEST || n > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= len; i++)
        for (size_t k = 0; k <= n; k++) {
            d[i][k] = (int)(i == 0 ? k : i);
            if (i == 0 || k == 0)
                continue;
            int is_same = name[i - 1] == other[k - 1];
            d[i][k] = (int)bl_min(bl_min(d[i - 1][k], d[i][k - 1]) + 1,
                                  d[i - 1][k - 1] + !is_same);
            if (i > 1 && k > 1 && name[i - 1] == other[k - 2] &&
                name[i - 2] == other[k - 1])
                d[i][k] = (int)bl_min(d[i][k], d[i - 2][k - 2] + 1);
        }
    return d[len][n];
}

/* The option that was perhaps meant, or NULL: a third of it may be wrong, or it begins
 * as the other does. */
static const char *nearest(const bl_opt *const *rows, size_t n, const char *name)
{
    const char *best = NULL;
    size_t len = strcspn(name, "=");
    int least = (int)bl_clamp((int64_t)len / 3, 1, 4) + 1;
    for (size_t i = 0; i < n; i++) {
        if (rows[i]->type == BL_OPT_GROUP || rows[i]->help == NULL)
            continue;
        const char *other = rows[i]->name;
        int d = distance(name, len, other);
        size_t shared = strlen(other);
        if (shared > 2 && len > shared && strncmp(name, other, shared) == 0)
            d = (int)bl_min(d, 2); /* --bars-count */
        if (d < least) {
            best = other;
            least = d;
        }
    }
    return best;
}

/* Options that begin with a name, getopt's abbreviation for more than one: "--tempo or
 * --temperature" into text; how many there are. */
static int begin_so(const bl_opt *const *rows, size_t n, const char *name, char *text,
                    size_t size)
{
    size_t len = strcspn(name, "="), at = 0;
    int found = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i]->type != BL_OPT_GROUP && rows[i]->help != NULL && len > 0 &&
            strncmp(rows[i]->name, name, len) == 0 && at < size)
            at += (size_t)snprintf(text + at, size - at, "%s--%s",
                                   found++ > 0 ? " or " : "", rows[i]->name);
    return found;
}

static int unknown_long(const bl_opts *o, const bl_opt *const *rows, size_t n,
                        const char *arg)
{
    char several[256];
    const char *name = arg + 2;
    if (begin_so(rows, n, name, several, sizeof several) > 1)
        return misuse(o, "'%.*s' is short for %s: write one of them",
                      (int)strcspn(arg, "="), arg, several);
    const char *meant = nearest(rows, n, name);
    if (meant != NULL)
        return misuse(o, "unknown option '%s'; there is --%s", arg, meant);
    /* the settings of models are no options */
    const char *key =
        o->about->setting != NULL ? o->about->setting(name, strcspn(name, "=")) : NULL;
    if (key != NULL)
        return misuse(o, "unknown option '%s'; a setting is --set %s=VALUE", arg, key);
    return misuse(o, "unknown option '%s'", arg);
}

static int bad_option(const bl_opts *o, const bl_opt *const *rows, size_t n, int c,
                      char **argv)
{
    if (c == ':')
        return misuse(o, "option '%s' wants a value", argv[optind - 1]);
    if (optopt >= 256 || (optopt != 0 && strncmp(argv[optind - 1], "--", 2) == 0))
        return misuse(o, "option '%s' takes no value", argv[optind - 1]);
    if (optopt != 0)
        return misuse(o, "unknown option '-%c'", optopt);
    return unknown_long(o, rows, n, argv[optind - 1]);
}

static int parse_all(bl_opts *o, const bl_opt *const *rows, size_t n, int argc,
                     char **argv)
{
    struct option longs[MAX_OPTIONS + 3];
    char letters[2 * MAX_OPTIONS + 8] = ":hV";
    size_t n_longs = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i]->type == BL_OPT_GROUP)
            continue;
        longs[n_longs++] =
            (struct option){rows[i]->name, has_argument(rows[i]), NULL, 256 + (int)i};
        if (rows[i]->letter != 0) {
            char one[] = {(char)rows[i]->letter, has_argument(rows[i]) ? ':' : '\0',
                          '\0'};
            strcat(letters, one);
        }
    }
    longs[n_longs++] = (struct option){"help", no_argument, NULL, 'h'};
    longs[n_longs++] = (struct option){"version", no_argument, NULL, 'V'};
    longs[n_longs] = (struct option){NULL, 0, NULL, 0};

    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (c == 'h') {
            print_help(o, rows, n);
            return printed(o);
        }
        if (c == 'V') {
            print_version(o);
            return printed(o);
        }
        if (c == '?' || c == ':')
            return bad_option(o, rows, n, c, argv);
        size_t i = c >= 256 ? (size_t)c - 256 : 0;
        while (c < 256 && rows[i]->letter != c)
            i++;
        const bl_opt *row = rows[i];
        int rc = set_value(o, row, optarg);
        if (i < n - (N_COMMON - 1))
            o->seen |= (uint64_t)1 << i;
        char seed[24];
        if (row->type == BL_OPT_SEED && rc == 0) {
            snprintf(seed, sizeof seed, "%" PRId64, *(const int64_t *)row->value);
            optarg = o->common->seed_drawn ? seed : optarg;
        }
        if (rc == 0 && row->shapes_output)
            rc = remember(o, row, has_argument(row) ? optarg : NULL);
        if (rc != 0)
            return rc;
    }
    return -1;
}

int bl_opt_parse(bl_opts *o, int argc, char **argv)
{
    bl_opt common[N_COMMON];
    const bl_opt *rows[MAX_OPTIONS];
    size_t n = 0, n_common = common_rows(o->common, common);
    for (const bl_opt *row = o->own; row->type != BL_OPT_END; row++)
        rows[n++] = row;
    for (size_t i = 0; i < n_common; i++) {
        if (common[i].name != NULL && is_listed(o->about->idle, common[i].name))
            common[i].help = NULL; /* taken, as every tool takes it */
        rows[n++] = &common[i];
    }
    int rc = parse_all(o, rows, n, argc, argv);
    o->operands = argv + optind;
    o->n_operands = argc - optind;
    return rc;
}

int bl_opt_seen(const bl_opts *o, const bl_opt *row)
{
    return (int)(o->seen >> (row - o->own) & 1);
}

const char *bl_opt_given(const bl_opts *o, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = o->n_given; i-- > 0;) {
        const char *one = o->given[i] + 2;
        if (strncmp(one, name, len) == 0 && (one[len] == '=' || one[len] == '\0'))
            return one + len + (one[len] == '=');
    }
    return NULL;
}

void bl_opt_free(bl_opts *o)
{
    for (size_t i = 0; i < o->n_given; i++)
        free(o->given[i]);
    free(o->given);
    for (const bl_opt *row = o->own; row->type != BL_OPT_END; row++)
        if (row->type == BL_OPT_LIST)
            free(((bl_opt_list *)row->value)->item);
    o->given = NULL;
    o->n_given = 0;
}
