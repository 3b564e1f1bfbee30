/* pages.h - what is drawn of pieces: the page of a set or two, the roll of a piece. */
#ifndef BL_PAGES_H
#define BL_PAGES_H

#include "compare/verdict.h"
#include "feature/labels.h"
#include "flow/intake.h"
#include "flow/sound.h"

typedef struct {
    const char *path;
    const char *run;     /* a training run whose curves it shows, or NULL */
    const char *costs;   /* what tokens cost a model, its log-probabilities, or NULL */
    const char *vectors; /* a stream of tensors that it maps, or NULL */
    uint64_t seed;       /* of that, and of the hits that heat-maps show */
    int64_t most;        /* pieces that it shows */
    bl_player *player;   /* lets them be heard, or NULL */
} bl_page_wish;

/* What the page is about: the pieces of operands, alone or beside the reference. */
typedef struct {
    const char *const
        *operands; /* [n]; n == 0: standard input, whose pieces are gone */
    size_t n;
    const bl_table *table;
    const bl_labels *labels; /* groups of pieces, where streams do not say them */
    const char *reference;   /* its operand; these three are NULL where there is none */
    const bl_table *reference_table;
    const bl_comparisons *compared;
    const bl_verdict *verdict; /* NULL: nothing is judged */
} bl_page_sets;

/* Writes the page. Errors name the file that they are of; guards may be NULL. */
int bl_page_write(const bl_page_wish *wish, const bl_page_sets *sets,
                  const bl_intake_wish *reading, const bl_guards *guards,
                  bl_err *e) BL_MUST_CHECK;

/* Appends the roll of the first piece at `path`, its first 512 bars, as SVG.
 * meter->num 0: in its own time signature. BL_E_FORMAT where there is no piece. */
int bl_roll_add(const char *path, bl_pair pair, const bl_meter *meter, bl_buf *text,
                bl_err *e) BL_MUST_CHECK;

/* Appends the table of what tokens cost a model, from the file of its log-probabilities
 * ("-": standard input); with `bars` a row a bar instead. */
int bl_surprise_add(const char *path, int bars, bl_buf *text, bl_err *e) BL_MUST_CHECK;

#endif
