/* midi.h - Standard MIDI Files to songs and back. Bytes are hostile: they pass
 * the gate (gate.h), then libsmf reads what the gate wrote. Files are written by hand.
 */
#ifndef BL_MIDI_H
#define BL_MIDI_H

#include "base/mem.h"
#include "base/song.h"

/* Bounds: a file beyond them is rejected with BL_E_LIMIT. */
enum {
    BL_MIDI_MAX_BYTES = 64 << 20,
    BL_MIDI_MAX_TRACKS = 4096,
    BL_MIDI_MAX_EVENTS = 4 << 20,
    BL_MIDI_MAX_TICK = BL_TICK_MAX,
};

/* Why a file was rejected, or what was repaired: closed lists, their names are in
 * the --rejects table and in the `fixes` of a stream. */
typedef enum {
    BL_REJECT_NONE,
    BL_REJECT_EMPTY,      /* "empty": zero bytes */
    BL_REJECT_NOT_MIDI,   /* "not-midi": no MThd */
    BL_REJECT_TRUNCATED,  /* "truncated": nothing of the music is there */
    BL_REJECT_STRICT,     /* "strict": the readers of the scheme's paper refuse it */
    BL_REJECT_TOO_LARGE,  /* "too-large": beyond a bound above */
    BL_REJECT_TOO_LONG,   /* "too-long": more bars than the scheme takes */
    BL_REJECT_BEATS,      /* "beats": its annotation of beats cannot be used */
    BL_REJECT_TOO_SLOW,   /* "too-slow": beyond the time a file may take */
    BL_REJECT_UNREADABLE, /* "unreadable": the file cannot be read */
    BL_REJECT_LOST,       /* "lost": music was or may have been lost, with --strict */
    BL_REJECT_NO_NOTES,   /* "no-notes": there is no note in it */
    BL_REJECT_NO_DRUMS,   /* "no-drums": none that the scheme has a voice for */
    BL_REJECT_NO_PART,    /* "no-part": nothing of the parts asked for */
    BL_REJECT_METER,      /* "meter": another one than the scheme has */
    BL_REJECT_INTERNAL,   /* "internal": libsmf refused what the gate wrote */
    BL_N_REJECTS
} bl_reject;

typedef enum {
    BL_FIX_CHUNK_LENGTH, /* "chunk-length": clamped to the file */
    BL_FIX_ALIEN_CHUNK,  /* "alien-chunk": skipped */
    BL_FIX_TRACK_COUNT,  /* "track-count": header and chunks disagree */
    BL_FIX_NO_EOT,       /* "no-eot": end of track added */
    BL_FIX_TRAILING,     /* "trailing": bytes after the last track dropped */
    BL_FIX_AFTER_EOT,    /* "after-eot": bytes after the end of track dropped */
    BL_FIX_DATA_BYTE,    /* "data-byte": a data byte over 127 clipped */
    BL_FIX_BAD_EVENT, /* "bad-event": cannot be read; passed over, or the rest with it
                       */
    BL_FIX_BAD_TEMPO, /* "bad-tempo": of no length, dropped */
    BL_FIX_BAD_METER, /* "bad-meter": cut short or of impossible denominator */
    BL_FIX_BAD_KEY,   /* "bad-key": a key signature that is none, read over */
    BL_FIX_BAD_META,  /* "bad-meta": another meta event of impossible content */
    BL_FIX_RUNNING,   /* "running-status": after a meta or system event, resumed */
    BL_FIX_WRAPPER,   /* "wrapper": RIFF RMID or junk before MThd removed */
    BL_FIX_HEADER,    /* "header": a field of no sense replaced */
    BL_FIX_SMPTE,     /* "smpte": time in film frames turned into quarters */
    BL_FIX_FORMAT_2,  /* "format-2": independent sequences, one after the other */
    BL_FIX_PAUSE,     /* "pause": that no music has, left out */
    BL_FIX_OPEN_NOTE, /* "open-note": closed at the end of its track, or dropped */
    BL_FIX_STRAY_OFF, /* "stray-off": a note-off without its note ignored */
    BL_N_FIXES
} bl_fix;

const char *bl_reject_name(bl_reject r);
const char *bl_fix_name(bl_fix f);

typedef struct {
    uint32_t fixes[BL_N_FIXES]; /* how often each repair was made */
    bl_reject reject;           /* set when reading fails */
    int format;                 /* 0, 1 or 2 */
    int tracks;                 /* MTrk chunks that were read */
    int strict_fix;        /* the first fix that strict readers do not make, or -1 */
    int64_t strict_offset; /* where */
    uint32_t lost;         /* places where music was lost, or may have been */
    bl_fix lost_fix;       /* the repair at the first of them */
    int64_t lost_offset;   /* where */
} bl_midi_report;

/* Reads the bytes of a file into *song (cleared first, memory reused): notes
 * paired as `how` says (merged order of tracks: by tick, ties lower track first), all
 * times in ticks. Memory: at most 200 bytes for each of BL_MIDI_MAX_EVENTS and ten
 * times the file. 0; else a negative code, report->reject and the byte offset in *e.
 */
int bl_midi_read(const uint8_t *bytes, size_t len, bl_reading how, bl_song *song,
                 bl_midi_report *report, bl_err *e) BL_MUST_CHECK;

/* "libsmf 1.3, GLib 2.74.6": the libraries behind these functions. */
void bl_midi_libraries(char *text, size_t size);

/* Appends a song (sorted) to *out as a file, of format 1 where it has notes: a track 0
 * of tempos, meters and markers, then notes as `how` says. With BL_WRITE_PROGRAMS there
 * is one track for each program, drums on channel 10, pedals with the notes of their
 * program; notes that overlap a note of the same pitch and program, and would be paired
 * differently when read back, get a further track, so that reading gives the same
 * notes; all tracks end at song->end or later. Time: n log n of the notes. 0 or
 * BL_E_NOMEM. */
int bl_midi_write(const bl_song *song, bl_writing how, bl_buf *out,
                  bl_err *e) BL_MUST_CHECK;

#endif
