/* experiments.h - run folders of xltrain(1): what they came to as a table, a text, a
 * page or a picture (schemas/runs.md), and their learning curves. */
#ifndef BL_EXPERIMENTS_H
#define BL_EXPERIMENTS_H

#include "base/self.h"
#include "flow/output.h"
#include "page/trials.h"

typedef enum { BL_RUNS_TABLE, BL_RUNS_TEXT, BL_RUNS_CURVES } bl_runs_form;

typedef struct {
    bl_runs_form form;
    int by, is_log;          /* of the curves: BL_POINT_STEP, ... */
    int bare;                /* the table without its line of JSON */
    int no_costs;            /* leave out what is not the same twice */
    const char *html;        /* a page, too; NULL: none */
    const bl_guards *guards; /* or NULL */
} bl_runs_wish;

/* Appends what n folders came to; self NULL leaves out the programs. The page is
 * written. BL_E_OPEN for what is no run folder; BL_E_FORMAT for files in it that are
 * none. */
int bl_runs_add(const bl_runs_wish *wish, const char *const *folders, size_t n,
                const bl_self *self, bl_buf *text, bl_err *e) BL_MUST_CHECK;

/* Appends the learning curves of n run folders or their metrics.tsv, as SVG. */
int bl_run_curves_add(const char *const *runs, size_t n, bl_buf *text,
                      bl_err *e) BL_MUST_CHECK;

/* Reads the metrics of a run folder, or the file itself, ended by NUL. */
int bl_run_metrics(const char *run, bl_buf *metrics, bl_err *e) BL_MUST_CHECK;

#endif
