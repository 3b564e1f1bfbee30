/* fidelity_notes.h (internal) - the notes of a piece and those of another that was made
 * on it, but for what is in a hole: how many are the same. */
#ifndef BL_FIDELITY_NOTES_H
#define BL_FIDELITY_NOTES_H

#include "token/holes.h"

/* A note as it is heard: where, whose, and its tokens. */
typedef struct {
    uint32_t bar;
    int16_t position, rank, pitch;
    uint16_t token[3];
} bl_kept_note;

/* In order. Zero-initialise; release with free(note). */
typedef struct {
    bl_kept_note *note;
    size_t n, cap;
} bl_kept_notes;

/* All of a piece (hole NULL), or those that stand outside the hole, or within it but
 * are not of its parts (NULL: all are). BL_E_FORMAT where the grammar forbids the
 * piece.
 */
int bl_kept_read(bl_kept_notes *to, const bl_scheme *s, const uint16_t *ids, size_t n,
                 const bl_hole *hole, const bl_parts *parts, bl_err *e) BL_MUST_CHECK;
/* How many of a stand in b, each for one. */
size_t bl_kept_same(const bl_kept_notes *a, const bl_kept_notes *b);

#endif
