/* opt.h (tools) - one declarative option table per tool, over getopt_long. Parsing with
 * range checks, --help with defaults, the effective options for provenance and the
 * test that the man page agrees all come from it. */
#ifndef BL_OPT_H
#define BL_OPT_H

#include "base/song.h"

typedef enum {
    BL_OPT_FLAG,   /* int: 1 when given */
    BL_OPT_BIT,    /* unsigned: the bit `low` is set when given */
    BL_OPT_COUNT,  /* int: how often it was given */
    BL_OPT_INT,    /* int64_t in [low, high]; suffixes k, M, G */
    BL_OPT_SEED,   /* int64_t: the same, or "random", which draws one: seed_drawn */
    BL_OPT_REAL,   /* double in [low, high] */
    BL_OPT_STR,    /* const char * into argv */
    BL_OPT_LIST,   /* bl_opt_list: may be given several times */
    BL_OPT_CHOICE, /* int: index into the names "a|b|c" of `arg`; -1 = none yet */
    BL_OPT_METER,  /* bl_meter: "N/D" within 1/1 and 255/128; num 0 = none yet */
    BL_OPT_SHARE,  /* bl_opt_share: "N", or "P%" up to 100 */
    BL_OPT_GROUP,  /* a heading in --help; only `help` is read */
    BL_OPT_END
} bl_opt_type;

typedef struct {
    const char **item; /* owned: freed by bl_opt_free */
    size_t n, cap;
} bl_opt_list;

/* So many of some, or a share of all of them. */
typedef struct {
    double most; /* a number, or percent */
    int is_percent;
} bl_opt_share;

/* 1 if n are more than that of n_all. */
int bl_opt_exceeds(const bl_opt_share *most, uint64_t n, uint64_t n_all);

typedef struct {
    int letter;       /* 'o', or 0 */
    const char *name; /* "output" */
    bl_opt_type type;
    void *value;      /* where it goes; its content is the default */
    const char *arg;  /* metavariable ("FILE", "DIR": a path), or the choices "a|b|c" */
    double low, high; /* of INT and REAL; both 0 = no bound */
    const char *help; /* lower case, no full stop; NULL: an old name, not in --help */
    int shapes_output; /* 1: belongs into the provenance */
} bl_opt;

/* What a tool says of itself in --help and --version. */
typedef struct {
    const char *name;      /* "midi2remi" */
    const char *purpose;   /* one sentence */
    const char *synopsis;  /* "[OPTION]... [FILE]..." */
    const char *examples;  /* lines of two blanks and a command */
    const char *see_also;  /* "vocab(1), shard(1)" */
    const char *libraries; /* lines for --version, or NULL */
    const char *core; /* of a tool that multiplies: see rerun.h; NULL: none is better */
    const char *idle; /* common options that change nothing here, so that --help
                       * has them not: "seed jobs"; or NULL */
    const char *(*setting)(const char *name, size_t len); /* of a tool with --set: the
                                                           * key that is near; NULL */
} bl_opt_about;

/* The options every tool shares: same letter, same meaning, same help. */
typedef struct {
    const char *output;
    int64_t jobs; /* 0 = all processors */
    int64_t seed;
    int seed_drawn; /* by --seed random */
    int quiet, verbose;
    int progress; /* 0 auto, 1 always, 2 never */
    int plain;
    int no_pg;
    int force;
} bl_opt_common;

typedef struct {
    const bl_opt_about *about;
    const bl_opt *own; /* ends with BL_OPT_END */
    bl_opt_common *common;
    char **operands; /* into argv (permuted), set by bl_opt_parse */
    int n_operands;
    char **given; /* effective shaping options "--grid=4", owned */
    size_t n_given;
    uint64_t seen; /* a bit each of the tool's own rows: it was given */
} bl_opts;

/* Parses. Returns -1 to go on, else the status for bl_tool_finish (0 after --help or
 * --version, 64 after one line about a misuse, 70 out of memory). At most 50 own rows.
 */
int bl_opt_parse(bl_opts *o, int argc, char **argv);
/* The value that a shaping option was given last ("" for a flag), or NULL where it was
 * not: its default holds. */
const char *bl_opt_given(const bl_opts *o, const char *name);
/* Whether the row of the tool's own table was given. */
int bl_opt_seen(const bl_opts *o, const bl_opt *row);
void bl_opt_free(bl_opts *o);

#endif
