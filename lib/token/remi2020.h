/* remi2020.h (internal) - the scheme "remi-2020": the published REMI encoder (Huang and
 * Yang, "Pop Music Transformer", 2020) token for token, the anchor for papers. Inside
 * lib/token only. Defined completely in schemas/remi-2020-scheme.md. */
#ifndef BL_REMI2020_H
#define BL_REMI2020_H

#include "token/chords2020.h"
#include "token/scheme_impl.h"

enum {
    R20_BAR = BL_N_SPECIALS,
    R20_POSITION,
    R20_CHORD,
    R20_CLASS,
    R20_TEMPO,
    R20_VELOCITY,
    R20_ON,
    R20_DURATION,
    R20_N_KINDS
};

/* Ticks: 480 a beat are assumed, four beats a bar. */
enum {
    R20_BAR_TICKS = 1920,
    R20_STEP = 120,
    R20_POSITIONS = 16,
    R20_DURATION_STEP = 60
};

int bl_r20_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                  bl_scheme_fixes *fixes, bl_err *e) BL_MUST_CHECK;
int bl_r20_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                  size_t *skipped, bl_err *e) BL_MUST_CHECK;
void bl_r20_grammar_start(bl_grammar *g);
const char *bl_r20_grammar_step(bl_grammar *g, unsigned id);
void bl_r20_grammar_mask(const bl_grammar *g, uint8_t *allowed);
void bl_r20_pace_step(bl_pace *p, unsigned id);
int64_t bl_r20_pace_end(bl_pace *p, int *step, int *tpq);

#endif
