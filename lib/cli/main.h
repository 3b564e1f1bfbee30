/* main.h (tools) - the frame of a tool: parse, log, misuse, work, release, finish. */
#ifndef BL_MAIN_H
#define BL_MAIN_H

#include "base/self.h"
#include "cli/tool.h"

/* What a tool's functions get; nothing of it outlives bl_main. */
typedef struct {
    const bl_opts *opts;
    const char *const *operands; /* [n_operands] those of opts */
    size_t n_operands;
    bl_log *log;
    const bl_self *self; /* for the provenance of what is written; NULL: --no-pg */
} bl_cli;

/* The functions of a tool; `tool` is its own record. */
typedef struct {
    /* Options that do not go together: 0, or BL_E_ARG with the cause. NULL: work finds
     * out, once it knows which process of a group speaks. */
    int (*misuse)(const void *tool, const bl_cli *cli, bl_err *e);
    /* 0, a negative code with the cause, or an exit status where all is said. */
    int (*work)(void *tool, const bl_cli *cli, bl_err *e);
    void (*release)(void *tool); /* after work, also where it failed; may be NULL */
} bl_tool;

/* Runs a tool from its arguments to its exit status, which it returns. The table `own`
 * fills the record `tool`, `common` its shared part. First of all it may run the
 * program anew (rerun.h). */
int bl_main(const bl_opt_about *about, const bl_opt *own, bl_opt_common *common,
            const bl_tool *functions, void *tool, int argc, char **argv);

#endif
