/* grooving.h - drums from a trained model of grooves: a pattern for each groove of a
 * stream, from latents, or from nothing; a VAE's latents. */
#ifndef BL_GROOVING_H
#define BL_GROOVING_H

#include "base/progress.h"
#include "base/self.h"
#include "token/hvo.h"

typedef struct {
    const char *model;     /* a checkpoint, or a run folder: its best one */
    const char *condition; /* a stream of grooves or latents; NULL: of nothing */
    int threads;
    int64_t seed;
    int64_t n;         /* windows of nothing, or pieces for each of the condition */
    int gives_latents; /* 1: latents in the place of drums */
    int64_t between;   /* steps from each window to the next; 0: the windows alone */
    /* of the odds of hits: which are drawn by them unless there is a threshold; 0 or
     * -1: what reaches it is a hit, as the odds are */
    double temperature;
    /* "P", "N", or nine with commas, of each voice; NULL: 1/2, and no limit. Of a
     * window the N likeliest hits of a voice stay */
    const char *threshold, *max_hits;
    double density; /* of a run that sees one; -1: that of the groove */
    int tempo;      /* 0: that of the condition, and of nothing 120 */
    /* Lines that change the odds of hits while it runs: a file, a FIFO, "fd:N"
     * (flow/control.h); NULL: none. They hold for the next window, where `between` or
     * copies are wished for the next piece. */
    const char *control;
} bl_grooving_wish;

/* 1 if `model` is a run or checkpoint of grooves, 0 if it is another; what reading
 * gives, and BL_E_ARG where it can be read but once. */
int bl_grooving_is(const char *model, bl_err *e) BL_MUST_CHECK;

/* The stream to a descriptor, compressed at `level` (0: bare); *counts has pieces, and
 * windows as tokens. BL_E_ARG where the run cannot do what is wished, BL_E_FORMAT and
 * BL_E_MISMATCH of a condition that is not of its kind; what reading and writing give.
 */
int bl_grooving_write(const bl_grooving_wish *w, int fd, int level, const bl_self *self,
                      const bl_progress *progress, bl_counts *counts,
                      bl_err *e) BL_MUST_CHECK;

#endif
