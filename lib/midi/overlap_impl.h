/* overlap_impl.h (internal) - what the files of bl_overlap share: overlap.c has the
 * events and what is left of them in the end, overlap_rows.c puts them in order within
 * a tick, overlap_pair.c pairs them, overlap_lists.c keeps lists and notes. */
#ifndef BL_OVERLAP_IMPL_H
#define BL_OVERLAP_IMPL_H

#include "base/mem.h"
#include "base/sort.h"
#include "midi/habit.h"
#include "midi/overlap.h"

enum { BL_KEYS_OF_CHANNEL = 128 };

typedef struct {
    int32_t tick;
    uint32_t key; /* where all notes of a channel end, its first */
    uint32_t note;
    uint16_t track;
    uint8_t kind, velocity;
} bl_end_event;

enum { BL_IS_ON, BL_IS_OFF, BL_IS_QUIET }; /* kinds; the last: a channel ends */

typedef struct {
    bl_end_event *x;
    size_t n, cap;
} bl_end_events;

/* Sorted numbers: a key or channel above a tick or length of 32 bits. */
typedef struct {
    bl_keyed *x;
    size_t n, cap;
} bl_end_numbers;

/* Notes of a channel whose pairs are sure, and those of them that the next overlaps. */
typedef struct {
    uint32_t notes, overlapping;
} bl_overlaps;

struct bl_overlap {
    const bl_keys *troubled, *doubtful;
    bl_song *song;
    bl_midi_report *report;
    bl_err *e;
    uint16_t track;
    uint8_t port;
    uint32_t n_ons, closed;
    bl_habits *habits;
    bl_end_events all, quiet;        /* of the file: of the keys; where channels end */
    bl_end_events rows;              /* `all` by key and track, ends in their places */
    bl_end_events left, strays;      /* what pairing leaves */
    bl_end_numbers lengths;          /* of channels: notes with their ends */
    bl_end_numbers own_lengths;      /* of keys: the same */
    bl_end_numbers of_chains;        /* of channels: what may be chains, sorted */
    size_t n_sorted, n_own_sorted;   /* of them */
    bl_end_numbers begins, silences; /* of keys; of channels */
    bl_end_numbers order;            /* for sorting */
    bl_overlaps overlaps[BL_N_KEYS / BL_KEYS_OF_CHANNEL];
    int32_t *track_end;
    size_t cap_track_end;
    uint32_t *stack, *ons, *offs; /* [cap_stack] places in a row */
    size_t cap_stack;
};

/* ---- lists ---- */

int bl_overlap_add(bl_overlap *o, bl_end_events *to, bl_end_event x) BL_MUST_CHECK;
int bl_overlap_number(bl_overlap *o, bl_end_numbers *to, uint32_t high, uint32_t low,
                      uint32_t item) BL_MUST_CHECK;

/* By key, and by tick too if asked for; equal ones stay as they came. */
int bl_overlap_sort(bl_overlap *o, bl_end_events *list, int by_tick) BL_MUST_CHECK;

/* The first place that is not below high, low; the number of them if all are. */
size_t bl_overlap_place(const bl_keyed *x, size_t n, uint32_t high, uint32_t low);

/* How many from the first on are of its key and, if asked for, of its track. */
size_t bl_overlap_run(const bl_end_events *list, size_t from, int of_track);

/* Room for n places in each of stack, ons and offs. */
int bl_overlap_reserve(bl_overlap *o, size_t n) BL_MUST_CHECK;

/* ---- notes ---- */

void bl_overlap_close(bl_overlap *o, const bl_end_event *on, int32_t tick);

/* The same, where the end had to be guessed. */
void bl_overlap_guess(bl_overlap *o, const bl_end_event *on, int32_t tick);

/* The length of a note with its own end. */
int bl_overlap_length(bl_overlap *o, uint32_t key, int32_t length) BL_MUST_CHECK;

/* ---- rows: overlap_rows.c ---- */

/* x[0..n): one key of one track -> o->rows. All Notes Off ends what does not have its
 * own end before the key begins anew. */
int bl_overlap_row(bl_overlap *o, const bl_end_event *x, size_t n) BL_MUST_CHECK;

/* ---- pairs: overlap_pair.c ---- */

/* What pairing looks at: what closes, what does not or not surely, or both as it is. */
enum { BL_ENDS_CLOSED = 1, BL_ENDS_REST = 2, BL_ENDS_ALL = 3 };

/* x[0..n): a stretch of a row up to where all notes end (quiet >= 0) or to its own end;
 * what finds no partner goes to o->left and o->strays. */
int bl_overlap_pair(bl_overlap *o, const bl_end_event *x, size_t n, int32_t quiet,
                    int what) BL_MUST_CHECK;

/* All lengths so far count from now on. */
int bl_overlap_sort_lengths(bl_overlap *o) BL_MUST_CHECK;

/* The median of the lengths that count of the key's channel, of two the shorter; -1 if
 * there are none. */
int64_t bl_overlap_usual(const bl_overlap *o, uint32_t key);

#endif
