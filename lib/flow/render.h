/* render.h - a token stream to MIDI files, to a table of notes, or to a verdict on it.
 */
#ifndef BL_RENDER_H
#define BL_RENDER_H

#include "flow/bare.h"
#include "flow/output.h"
#include "base/progress.h"

typedef enum {
    BL_RENDER_FILE,   /* the only piece to a MIDI file */
    BL_RENDER_FOLDER, /* each piece to a file of its name in a folder */
    BL_RENDER_TABLE,  /* all notes to a table: CSV */
    BL_RENDER_CHECK   /* nothing: the first fault is the error */
} bl_render_as;

typedef struct {
    bl_render_as as;
    const char *to; /* the folder; else a file, NULL or "-": standard output */
    int raw;        /* inputs are bare names, not streams */
    bl_bare_wish bare;
    const char *mix; /* a token stream whose pieces are put into these, or NULL */
    const bl_guards *guards; /* or NULL */
} bl_render_wish;

/* Reads n inputs (0: standard input) and writes their pieces. Tokens that make no sense
 * are left out, with a warning. BL_E_LIMIT for a second piece where one is wanted,
 * BL_E_FORMAT where there is none, or for a fault of the grammar with its place;
 * BL_E_MISMATCH where pieces and those to mix are not as many or have no partner;
 * BL_E_OPEN, BL_E_CREATE, BL_E_IO and what readers of streams give. After an error
 * files of a folder stay that were whole before it, a folder without any does not; a
 * link in the folder is replaced, not followed. *n_pieces is set. */
int bl_render(const bl_render_wish *wish, const char *const *paths, size_t n,
              const bl_progress *progress, uint64_t *n_pieces, bl_err *e) BL_MUST_CHECK;

#endif
