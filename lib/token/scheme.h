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

/* Finds a scheme: "remi" with `grid` positions a quarter note (0 = the default,
 * 4; allowed 1, 2, 3, 4, 6, 8, 12, 24). 0; BL_E_ARG for an unknown name (the
 * message lists the known ones) or a bad grid; BL_E_NOMEM. Release with _del. */
int bl_scheme_open(bl_scheme **scheme, const char *name, int grid,
                   bl_err *e) BL_MUST_CHECK;
void bl_scheme_del(bl_scheme *s);

const char *bl_scheme_name(const bl_scheme *s);
int bl_scheme_grid(const bl_scheme *s);
const bl_words *bl_scheme_words(const bl_scheme *s); /* the closed vocabulary */
/* SHA-256 of name, parameters and words: two streams mix only if it agrees. */
const char *bl_scheme_sha256(const bl_scheme *s);

/* Appends the tokens of one piece (no BOS or EOS) to *ids and their bar count to
 * *bars. BL_E_LIMIT if the piece has more than BL_BARS_MAX bars. */
enum { BL_BARS_MAX = 1 << 20 };
int bl_scheme_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                     bl_scheme_fixes *fixes, bl_err *e) BL_MUST_CHECK;

/* Turns ids (each below the vocabulary size) into a song of 480 ticks a quarter,
 * sorted, with `end` at the end of the last bar. Total: what makes no sense is
 * skipped, and counted in *skipped (may be NULL). */
int bl_scheme_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                     size_t *skipped, bl_err *e) BL_MUST_CHECK;

/* 1 if a line of the text form begins with this token (for remi: Bar). */
int bl_scheme_begins_line(const bl_scheme *s, unsigned id);

/* The kind of a token, for statistics: "Bar", "Pitch", ... The string is static. */
const char *bl_scheme_kind(const bl_scheme *s, unsigned id);

/* ---- grammar: one automaton for sampling masks, --check and statistics ---- */

typedef struct {
    const bl_scheme *scheme;
    int32_t v[8]; /* the scheme's state: what came last, position, program, ... */
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

#endif
