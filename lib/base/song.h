/* song.h - music as plain arrays: what lib/midi reads and writes, what
 * lib/token encodes and decodes, what lib/feature measures. Times are ticks from
 * the start of the piece, `tpq` ticks a quarter note. */
#ifndef BL_SONG_H
#define BL_SONG_H

#include "base/err.h"

enum {
    BL_PROGRAM_DRUMS = 128, /* sort key of drum notes, after all programs */
    BL_TICK_MAX = (1 << 28) - 1,
};

typedef struct {
    int32_t on, off;  /* ticks, off >= on */
    uint8_t pitch;    /* 0..127, 60 = middle C */
    uint8_t velocity; /* 1..127 */
    uint8_t program;  /* General MIDI program 0..127; on the drum channel, the kit */
    uint8_t drum;     /* 1 on a channel of drums */
    uint8_t channel;  /* 0..15 */
    uint8_t port;     /* 0..15, for more than 16 channels */
    uint16_t track;   /* of the file, from 0 */
    uint32_t closed;  /* rank of its end in the file: track by track, as events come */
} bl_note;

typedef struct {
    int32_t tick;
    uint32_t us; /* microseconds a quarter note, > 0 */
    uint16_t track;
} bl_tempo;

typedef struct {
    int32_t tick;
    int num;      /* numerator, as in the file: may be 0 or odd sizes */
    int den_log2; /* denominator = 2^den_log2, 0..7 */
} bl_meter;

/* Reads "3/4" as 3 and 2 from the beginning of a text: numerators 1..255, denominators
 * 1, 2, 4, ... 128. Where it ends, or NULL where it is none. */
const char *bl_meter_scan(const char *text, int *num, int *den_log2);

/* As a file states it, and maybe nothing of the music: C major is what programs write
 * where nobody said anything. */
typedef struct {
    int32_t tick;
    uint8_t key; /* BL_KEYS_MAJOR + tonic or BL_KEYS_MINOR + tonic, C = 0 */
} bl_key_mark;

enum { BL_KEYS_MAJOR = 0, BL_KEYS_MINOR = 12, BL_N_MUSIC_KEYS = 24 };

/* A text at a time, such as the name of a chord. */
typedef struct {
    int32_t tick;
    char text[20]; /* printable ASCII, NUL-terminated */
} bl_marker;

/* The first that a track has. */
typedef struct {
    uint16_t track;
    char text[62]; /* any bytes, NUL-terminated, cut to that */
} bl_track_name;

typedef struct {
    int32_t tick;
    uint8_t value; /* of controller 64: 64 and more is down */
    uint8_t program, drum, channel, port;
    uint16_t track;
} bl_pedal;

/* How the events of a file become notes: by channel and pitch, within a track. */
typedef enum {
    /* barline's own: a note-off ends the oldest open note of its key, but a note whose
     * note-off is missing, or came before it, costs its own end only. The rule is in
     * schemas/remi-scheme.md, 3.0. Program and drums as below. */
    BL_READ_OVERLAP,
    /* A note-off ends the oldest open note; what is open at the end of the track ends
     * there; the program is that of the channel, in the merged order of the tracks, at
     * the beginning of the note. */
    BL_READ_FIFO,
    /* The readers of 2018 to 2020 (pretty_midi, miditoolkit up to 0.1.16): a note-off
     * ends all open notes that began earlier; if there is none, it drops those that
     * begin with it. What stays open is dropped; the program is that of the channel in
     * this track, at the end of the note. */
    BL_READ_CLOSE_ALL,
    /* Later miditoolkit: as the last, but a note-off ends the oldest open note. */
    BL_READ_CLOSE_FIRST,
} bl_reading;

/* Whether the rules are barline's own, not those of a published reader. */
static inline int bl_reading_is_own(bl_reading how)
{
    return how == BL_READ_OVERLAP || how == BL_READ_FIFO;
}

/* Which note a note-off ends, as a user says it. */
#define BL_PAIR_WORDS "overlap|fifo|all"
typedef enum {
    BL_PAIR_OWN = -1, /* as the scheme's paper */
    BL_PAIR_OVERLAP,
    BL_PAIR_FIFO,
    BL_PAIR_ALL,
} bl_pair;

/* With the other rules of a reading. */
static inline bl_reading bl_reading_with(bl_reading how, bl_pair pair)
{
    switch (pair) {
    case BL_PAIR_OVERLAP:
        return BL_READ_OVERLAP;
    case BL_PAIR_FIFO:
        return bl_reading_is_own(how) ? BL_READ_FIFO : BL_READ_CLOSE_FIRST;
    case BL_PAIR_ALL:
        return BL_READ_CLOSE_ALL;
    default:
        return how;
    }
}

/* How notes become tracks of a file. */
typedef enum {
    /* One track a program, more where pairing would change overlapping notes. */
    BL_WRITE_PROGRAMS,
    /* miditoolkit of 2020: all notes in one track of program 0, ordered by tick, pitch
     * and velocity, with ends as note-ons of velocity 0; tracks end a tick after their
     * last event. */
    BL_WRITE_ONE_TRACK,
} bl_writing;

typedef struct {
    int tpq;     /* ticks a quarter note, 1..32767 */
    int32_t end; /* tick of the last end-of-track */
    bl_note *notes;
    size_t n_notes, cap_notes; /* by `on`, ties in file order (track, then event) */
    bl_tempo *tempos;
    size_t n_tempos, cap_tempos; /* by tick, ties in file order: the last one holds */
    bl_meter *meters;
    size_t n_meters, cap_meters; /* as tempos */
    bl_pedal *pedals;
    size_t n_pedals, cap_pedals; /* as tempos */
    bl_marker *markers; /* only those of decoded songs: files are read without */
    size_t n_markers, cap_markers;
    bl_key_mark *keys;
    size_t n_keys, cap_keys; /* as tempos */
    bl_track_name *names;
    size_t n_names, cap_names; /* by track; only of files that were read */
    bl_note *aside; /* of other parts: chords and the key are found in them, too */
    size_t n_aside, cap_aside; /* as notes */
    int hides_chords;          /* its chords are another part's: none are written */
    bl_note *mute;             /* of velocity 0, only in songs decoded from remi-2020 */
    size_t n_mute, cap_mute;
} bl_song;

/* Append one element; the arrays grow. 0 or BL_E_NOMEM. */
int bl_song_add_note(bl_song *s, bl_note note, bl_err *e) BL_MUST_CHECK;
int bl_song_add_tempo(bl_song *s, int32_t tick, uint32_t us, bl_err *e) BL_MUST_CHECK;
/* Text beyond what a marker holds is cut. */
int bl_song_add_marker(bl_song *s, int32_t tick, const char *text,
                       bl_err *e) BL_MUST_CHECK;
/* The published decoder of remi-2020 writes notes of velocity 0, which a reader takes
 * for ends of notes: no music, kept aside for that file. */
int bl_song_add_mute(bl_song *s, bl_note note, bl_err *e) BL_MUST_CHECK;
int bl_song_add_key(bl_song *s, int32_t tick, int key, bl_err *e) BL_MUST_CHECK;
/* Bytes beyond what a name holds are cut. */
int bl_song_add_name(bl_song *s, uint16_t track, const void *text, size_t len,
                     bl_err *e) BL_MUST_CHECK;
/* Another part's: kept aside. */
int bl_song_add_aside(bl_song *s, bl_note note, bl_err *e) BL_MUST_CHECK;
int bl_song_add_pedal(bl_song *s, bl_pedal pedal, bl_err *e) BL_MUST_CHECK;
int bl_song_add_meter(bl_song *s, int32_t tick, int num, int den_log2,
                      bl_err *e) BL_MUST_CHECK;

/* Puts the arrays in the order stated above (stable in the order of
 * addition, which the caller makes the file order). 0 or BL_E_NOMEM. */
int bl_song_sort(bl_song *s, bl_err *e) BL_MUST_CHECK;

/* The song ends with its last note. */
void bl_song_trim(bl_song *s);

/* Seconds from the start of a sorted song to a tick >= 0; 120 a minute until the first
 * tempo. */
double bl_song_seconds(const bl_song *s, int32_t tick);

/* What sounds in the first `seconds` of a sorted song from its first note on: notes,
 * tempos and pedals, from tick 0; notes that go on are cut. *to is cleared first. 0 or
 * BL_E_NOMEM. */
int bl_song_excerpt(bl_song *to, const bl_song *from, double seconds,
                    bl_err *e) BL_MUST_CHECK;

void bl_song_clear(bl_song *s); /* empty, memory kept for the next piece */
void bl_song_free(bl_song *s);

#endif
