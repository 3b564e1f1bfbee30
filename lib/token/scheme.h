/* scheme.h - a token scheme: a closed vocabulary, an encoder, a decoder and a
 * grammar. Pure: arrays in, arrays out. Each scheme is one file that fills the
 * record below; `bl_scheme_open` finds it by name.
 *
 * Laws, tested as properties (DESIGN: token schemes):
 *   decode accepts any sequence of ids below the vocabulary size;
 *   encode(decode(encode(song))) == encode(song);
 *   the number of Bar tokens is the number of bars of the song. */
#ifndef BL_SCHEME_H
#define BL_SCHEME_H

#include "base/mem.h"
#include "base/song.h"
#include "base/spec.h"
#include "base/words.h"

/* The ids every scheme begins with. */
enum { BL_ID_PAD, BL_ID_BOS, BL_ID_EOS, BL_ID_MASK, BL_N_SPECIALS };

typedef struct bl_scheme bl_scheme;

/* What the encoder had to change, for the `fixes` of the stream. */
typedef struct {
    uint32_t meters;    /* time signatures outside the vocabulary, replaced */
    uint32_t tempos;    /* tempos outside the vocabulary, clamped */
    uint32_t durations; /* notes longer than the longest bin, shortened */
} bl_scheme_fixes;

/* Finds the scheme of that name with those options. 0; BL_E_ARG for an unknown name
 * (the message lists the known ones), a grid the scheme does not have (remi: 1, 2, 3,
 * 4, 6, 8, 12, 24; performance: 100, 125) or an option it does not know; BL_E_NOMEM.
 * Release with _del. */
int bl_scheme_open(bl_scheme **scheme, const bl_spec *spec, bl_err *e) BL_MUST_CHECK;

/* The scheme that a stream or vocabulary states, with the hash it states. As above, but
 * BL_E_VERSION where this version does not know it, BL_E_MISMATCH where its hash is
 * another one. */
int bl_scheme_open_stated(bl_scheme **scheme, const bl_spec *spec, const char *sha256,
                          bl_err *e) BL_MUST_CHECK;
/* The scheme of tokens that mean nothing here, of the name BL_SCHEME_IDS: those of
 * `words`, which are copied and begin with the specials. Any token may follow any
 * other; what it decodes has no notes. BL_E_FORMAT, BL_E_LIMIT, BL_E_NOMEM. */
#define BL_SCHEME_IDS "ids"
int bl_scheme_open_words(bl_scheme **scheme, const bl_words *words,
                         bl_err *e) BL_MUST_CHECK;
int bl_scheme_is_opaque(const bl_scheme *s); /* 1 for such a one */
void bl_scheme_del(bl_scheme *s);

const char *bl_scheme_name(const bl_scheme *s);
int bl_scheme_grid(const bl_scheme *s);
const bl_spec *bl_scheme_spec(const bl_scheme *s); /* with its grid filled in */
/* How the events of a file are to be read for it. */
bl_reading bl_scheme_reading(const bl_scheme *s);
bl_writing bl_scheme_writing(const bl_scheme *s); /* and its songs to be written */
/* 1 if files are to be rejected that the readers of its paper refuse. */
int bl_scheme_is_strict(const bl_scheme *s);
const bl_words *bl_scheme_words(const bl_scheme *s); /* the closed vocabulary */
/* SHA-256 of name, parameters and words: two streams mix only if it agrees. */
const char *bl_scheme_sha256(const bl_scheme *s);

/* Appends the tokens of one piece (no BOS or EOS) to *ids and their bar count to
 * *bars. BL_E_LIMIT if the piece has more than BL_BARS_MAX bars. */
enum { BL_BARS_MAX = 1 << 20 };
int bl_scheme_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                     bl_scheme_fixes *fixes, bl_err *e) BL_MUST_CHECK;

/* Turns ids (each below the vocabulary size) into a song, sorted: of 480 ticks a
 * quarter, with `end` at the end of the last bar; performance: of 500 at 120 beats a
 * minute, so that steps are whole ticks. Total: what makes no sense is
 * skipped, and counted in *skipped (may be NULL). */
int bl_scheme_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                     size_t *skipped, bl_err *e) BL_MUST_CHECK;

/* Decoding as tokens arrive, of schemes whose bars are decided by what came before. */
typedef struct {
    const bl_scheme *scheme;
    bl_song *song;
    size_t skipped;
    int32_t end;                    /* of the bars so far, in ticks */
    _Alignas(8) uint8_t state[128]; /* the scheme's */
} bl_decoder;

/* Clears the song and sets its division: 1; 0 where the scheme has to see the end of a
 * piece first. */
int bl_scheme_begins_decoding(const bl_scheme *s, bl_decoder *d, bl_song *song);
/* Appends what n tokens more say, those of whole bars: what bl_scheme_decode makes of
 * all, unsorted, but that notes may go on beyond d->end. The caller may take the lists
 * of the song away. */
int bl_scheme_decode_more(bl_decoder *d, const uint16_t *ids, size_t n,
                          bl_err *e) BL_MUST_CHECK;

/* What tokens are, whatever a scheme calls them; what several tools ask for. */
typedef enum {
    BL_IS_OTHER,
    BL_IS_SPECIAL,  /* PAD, BOS, EOS, MASK */
    BL_IS_BAR,      /* begins a bar */
    BL_IS_METER,    /* bl_scheme_meter */
    BL_IS_POSITION, /* bl_scheme_position */
    BL_IS_NOTE,     /* begins a note of bl_scheme_pitch */
    BL_IS_DRUM,     /* likewise, of a drum, which no other key moves */
    BL_IS_NOTE_OFF, /* ends one */
    BL_IS_CHORD,    /* in degrees of a key, where bl_spec says so */
    BL_IS_KEY,
    BL_IS_LABEL
} bl_meaning;

bl_meaning bl_scheme_meaning(const bl_scheme *s, unsigned id);
/* 0 .. 127 of a note, a drum or a note's end, else -1. */
int bl_scheme_pitch(const bl_scheme *s, unsigned id);
/* The step of its bar that a token says comes next, from 0; else -1. */
int bl_scheme_position(const bl_scheme *s, unsigned id);
/* 1 and the meter num/den of a time signature, else 0. */
int bl_scheme_meter(const bl_scheme *s, unsigned id, int *num, int *den);
/* 0 where the scheme has time signatures, but none of num over 2^den_log2. */
int bl_scheme_takes_meter(const bl_scheme *s, int num, int den_log2);
/* 1 if notes of a song may be kept aside (token/parts.h). */
int bl_scheme_takes_parts(const bl_scheme *s);
int bl_scheme_has_bars(const bl_scheme *s);
/* 1 for the token that begins a bar; in schemes without bars there is none. */
int bl_scheme_begins_bar(const bl_scheme *s, unsigned id);

/* How pieces are laid out as text; the scheme owns the array. */
bl_lines bl_scheme_lines(const bl_scheme *s);

/* The kind of a token, for statistics: "Bar", "Pitch", ... The string is static. */
const char *bl_scheme_kind(const bl_scheme *s, unsigned id);

/* ---- grammar: one automaton for sampling masks, --check and statistics ---- */

typedef struct {
    const bl_scheme *scheme;
    int32_t v[72]; /* the scheme's state: what came last, position, program, ... */
} bl_grammar;

/* The state before the first token of a piece. */
void bl_grammar_start(bl_grammar *g, const bl_scheme *s);

/* Reads one token. Returns NULL if the grammar allows it, else why not (a static
 * string such as "position goes back"); the state then recovers as a decoder
 * would, so that one slip is one violation. EOS is allowed where a piece may
 * end; PAD and MASK never; BOS only first. */
const char *bl_grammar_step(bl_grammar *g, unsigned id);

/* allowed[id] = 1 for each token that bl_grammar_step would accept now, else 0;
 * `allowed` has as many bytes as the vocabulary has words. */
void bl_grammar_mask(const bl_grammar *g, uint8_t *allowed);

/* Ends a piece that may not end yet because something sounds: appends to *ids (may be
 * NULL: only asks) what ends it. 1; 0 where it cannot be ended so; BL_E_NOMEM. */
int bl_grammar_close(const bl_grammar *g, bl_ids *ids, bl_err *e) BL_MUST_CHECK;

#endif
