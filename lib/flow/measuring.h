/* measuring.h - the features of pieces, whatever they come in: a row a piece, their
 * summary, two sets compared, what of their melodies was trained on, and a page about
 * them (schemas/feat.md, featvs.md, featnov.md, feat-tensors.md). */
#ifndef BL_MEASURING_H
#define BL_MEASURING_H

#include "base/self.h"
#include "flow/pages.h"

typedef enum {
    BL_MEASURE_TABLE,    /* a row a piece, as soon as it is measured */
    BL_MEASURE_JSON,     /* an object a piece */
    BL_MEASURE_LONG,     /* a row a number */
    BL_MEASURE_TENSORS,  /* all numbers, in records of many pieces */
    BL_MEASURE_SUMMARY,  /* for people; with a reference side by side */
    BL_MEASURE_COMPARED, /* a row a feature; wants a reference */
    BL_MEASURE_NOVELTY,  /* what of the melodies is in `training` */
    BL_MEASURE_JUDGED,   /* both at once: a verdict; wants a reference and `judge` */
    BL_MEASURE_FORMS
} bl_measure_form;

typedef struct {
    bl_measure_form form;
    unsigned with; /* BL_WITH_...: vectors, compat, structureness, repeats, grooves */
    const char *reference, *training; /* operands; NULL: there is none */
    const char *judge;       /* the same of BL_MEASURE_JUDGED: its training set */
    const char *labels;      /* a file of the groups of pieces, or NULL */
    bl_pair pair;            /* how MIDI files are read */
    bl_meter meter;          /* of all bars; num 0: as the pieces say */
    int64_t track;           /* that mgeval looks at */
    uint64_t seed;           /* of the random choices of comparing */
    int force;               /* a Frechet distance of few pieces, too */
    int plain;               /* tensors uncompressed */
    int bare;                /* tables without the lines that say what they are */
    const char *output;      /* NULL or "-": standard output */
    bl_page_wish page;       /* beside it; path NULL: none */
    const bl_hands *hands;   /* of those who measure, or NULL */
    const bl_guards *guards; /* or NULL */
} bl_measure_wish;

/* The form of those of whose bits (1 << form) are set in `asked`; where none is, that
 * of what else is wished: novelty, a comparison, or a table. */
bl_measure_form bl_measure_asked(unsigned asked, const bl_measure_wish *wish);

/* Measures the pieces of n operands (n == 0: standard input) and writes what is wished;
 * rows appear as they are measured, to a pipe at once, and another output whole or not
 * at all. self NULL leaves out the programs; progress may be NULL. *read: of all sets,
 * its `prov` empty. Errors of bl_intake_measure, of writing, and BL_E_FORMAT for labels
 * that are none. */
int bl_measure(const bl_measure_wish *wish, const char *const *operands, size_t n,
               const bl_self *self, const bl_progress *progress, bl_intake_set *read,
               bl_err *e) BL_MUST_CHECK;

/* Appends name, unit and definition of each column that `with` asks for. */
int bl_measure_list(unsigned with, bl_buf *text, bl_err *e) BL_MUST_CHECK;

#endif
