/* prompts.h - music that a model is to go on from: the pieces of a token stream, or a
 * MIDI file read as the model's scheme reads it. */
#ifndef BL_PROMPTS_H
#define BL_PROMPTS_H

#include "flow/encode.h"

/* Takes a piece in ids of the scheme, valid during the call; `is_midi`: it was none of
 * a stream, so it has no labels. */
typedef int bl_prompts_take_fn(void *arg, const bl_piece *piece, int is_midi,
                               bl_err *e);

/* Reads PATH ("-" = standard input) and gives `take` its pieces, at least one. *pg is
 * the chain of a stream that has one, else NULL; the caller's. BL_E_OPEN; BL_E_MISMATCH
 * where the stream is of another scheme than `s`, with what differs; BL_E_FORMAT where
 * there is no music; what reading gives, naming the path. */
int bl_prompts_read(const bl_scheme *s, const char *path, bl_prompts_take_fn *take,
                    void *arg, bl_json **pg, bl_err *e) BL_MUST_CHECK;

/* 1 where a reader that nothing was read of begins with a MIDI file, else 0, or what
 * reading gives. */
int bl_prompts_is_midi(bl_zr *zr, bl_err *e) BL_MUST_CHECK;
/* Reads that to a zeroed piece as bl_encode_piece does; `path` gives its name. */
int bl_prompts_midi(const bl_encoding *how, bl_zr *zr, const char *path,
                    bl_piece *piece, bl_err *e) BL_MUST_CHECK;

/* BL_E_MISMATCH where a stream says that its tokens are not those of the scheme: what
 * differs, and the command that makes such. */
int bl_prompts_check(const bl_scheme *s, const bl_tokens_kind *kind,
                     bl_err *e) BL_MUST_CHECK;

#endif
