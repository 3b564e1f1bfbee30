/* timed.h - messages of MIDI at their time: what a player sends and a listener hears.
 * Times are nanoseconds after beat 1 (schemas/timed-bytes.md). */
#ifndef BL_TIMED_H
#define BL_TIMED_H

#include "base/err.h"

/* A message. n = 0: none, but time has come so far: all before it is said. A pulse of a
 * player's clock (F8) has the song position at it behind it, two bytes as behind F2,
 * which are not sent. */
typedef struct {
    int64_t ns;
    uint8_t n, byte[3];
} bl_timed;

/* When beat 1 of a live stream is, on the monotonic clock of this machine, and how fast
 * its first beat. tempo 0: it says neither. */
typedef struct {
    int64_t t0;   /* nanoseconds */
    double tempo; /* beats a minute */
} bl_origin;

/* Who takes messages, in the order of their times. */
typedef struct {
    /* Before the first: what the stream says of beat 1. */
    int (*begin)(void *arg, const bl_origin *origin, bl_err *e);
    /* 0, or a negative code, which ends whoever sends. */
    int (*take)(void *arg, const bl_timed *t, bl_err *e);
    void *arg;
    /* After begin: 1 and the nanoseconds until that time of the stream is, below 0
     * where it was, or 0 where times are held against no clock; NULL likewise. */
    int (*until)(void *arg, int64_t ns, int64_t *left);
} bl_timed_sink;

/* Who hears bytes of a wire. Times may be below 0: before beat 1. */
typedef struct {
    /* Before all else; origin->tempo 0: the input has no clock, but times of its own.
     */
    int (*begin)(void *arg, const bl_origin *origin, bl_err *e);
    int (*bytes)(void *arg, int64_t ns, const uint8_t *byte, size_t n, bl_err *e);
    int (*pass)(void *arg, int64_t ns, bl_err *e); /* it is that late */
    int64_t (*due)(const void *arg);     /* when to tell, though nothing comes */
    int (*finish)(void *arg, bl_err *e); /* last, whatever has ended it */
    void *arg;
} bl_timed_ear;

/* ---- as text ---- */

#define BL_TIMED_HEADING "ns,bytes"
enum { BL_TIMED_LINE = 48 };

/* "1500000000,90 3C 64" and a line feed: how many bytes. */
size_t bl_timed_print(const bl_timed *t, char line[BL_TIMED_LINE]);
/* Reads such a line, without its end, of up to `most` bytes: how many, or -1 where it
 * is none. */
int bl_timed_scan(const char *line, int64_t *ns, uint8_t *byte, int most);

#endif
