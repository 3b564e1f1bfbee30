/* showing.h - what is shown of pieces and runs but a measure of each piece: lists,
 * pictures, tables of runs, pages of listening tests. */
#ifndef BL_SHOWING_H
#define BL_SHOWING_H

#include "flow/experiments.h"
#include "flow/listening.h"
#include "flow/measuring.h"

/* Behind bl_measure_form: a tool has one set of bits for both. */
typedef enum {
    BL_SHOW_LIST = BL_MEASURE_FORMS,
    BL_SHOW_ROLL,
    BL_SHOW_CURVES,
    BL_SHOW_RUNS,
    BL_SHOW_SURPRISE,
    BL_SHOW_BLIND,
    BL_SHOW_RATINGS,
    BL_SHOW_HEAT,
    BL_SHOW_MAP,
} bl_show_form;

typedef struct {
    unsigned asked;            /* bits of bl_measure_form and bl_show_form */
    const char *conditions;    /* what came of them instead; NULL: nothing is asked */
    const char *hole;          /* of them, as bl_hole_parse reads it, or NULL */
    bl_runs_wish runs;         /* its form and page are set from the rest */
    bl_listening_wish blind;   /* its seed and pairing likewise */
    bl_measure_wish *measured; /* how pieces are read, what they are beside */
} bl_show_wish;

/* 1 where something is to be shown, 0 where pieces are to be measured. */
int bl_show_asked(const bl_show_wish *w);
/* Appends it, of n operands (n == 0: standard input); self NULL leaves out the
 * programs. Errors of what makes it. */
int bl_show_add(bl_show_wish *w, const char *const *operands, size_t n,
                const bl_self *self, const bl_progress *progress, bl_buf *text,
                bl_err *e) BL_MUST_CHECK;

#endif
