/* player.h (tools) - messages to standard output, each at its time on the monotonic
 * clock; whatever ends it, no note goes on. */
#ifndef BL_PLAYER_H
#define BL_PLAYER_H

#include "base/timed.h"
#include "cli/log.h"

typedef struct {
    double speed; /* of time; 0: all at once, as text with the times */
    int ahead;    /* messages of none that are taken before their time, at least 1 */
    int delay; /* bars of four beats that a stream with t0 is played after its time */
    double tempo; /* of those bars; 0: the stream's */
} bl_player_wish;

typedef struct {
    uint64_t sent;      /* messages */
    uint64_t late;      /* of them more than 1 ms after their time */
    int64_t latest_ns;  /* the most */
    uint64_t left_out;  /* notes that came too late to be sent (cli/late.h) */
    uint64_t underruns; /* how often nothing had come in time; after a t0 silence that
                         * is known when it is over is none */
} bl_player_counts;

/* Gives the sink all messages: 0, or a negative code, also what the sink returned. */
typedef int bl_player_source(void *arg, const bl_timed_sink *sink, bl_err *e);

/* Plays what a source gives, which runs in a thread of its own, as far ahead as wished.
 * The first message is sent when so much has come, or at the source's t0 if that is
 * within a minute of now; what comes later than it should moves all the rest, or with
 * t0 is sent at once, but for notes that are too late for that. Without messages, at
 * the end, after an error, after SIGINT, SIGTERM or SIGHUP what sounds is ended. 0,
 * BL_E_IO, or what the source returned; a signal ends it with 0, or the process where
 * the source does not notice. */
int bl_player_run(const bl_player_wish *wish, bl_player_source *source, void *arg,
                  bl_log *log, bl_player_counts *counts, bl_err *e) BL_MUST_CHECK;

#endif
