/* live_out.h - streams of tokens or grooves to messages at their times, as they come.
 */
#ifndef BL_LIVE_OUT_H
#define BL_LIVE_OUT_H

#include "base/progress.h"
#include "midi/timetable.h"

typedef struct {
    double tempo; /* of everything; 0: as the stream says */
    int clock;    /* MIDI clock, start and stop */
} bl_live_out_wish;

/* Reads n inputs (0: standard input) and gives the sink the messages of each bar, or of
 * each window of a groove, as soon as it is whole, then a message of none at its end;
 * of schemes that are decoded as a whole, those of a piece; of a loop those of a step
 * (flow/live_round.h). Pieces follow each other;
 * at the end all notes are ended. Tokens that make no sense are left out, with a
 * warning. What the sink returns below 0 ends it. Errors as of bl_render. */
int bl_live_out(const bl_live_out_wish *wish, const char *const *paths, size_t n,
                const bl_timed_sink *sink, const bl_progress *progress,
                bl_err *e) BL_MUST_CHECK;

#endif
