/* vocab_json.h - a vocabulary as other tokenizers read it. Both append a line. */
#ifndef BL_VOCAB_JSON_H
#define BL_VOCAB_JSON_H

#include "io/vocabulary.h"
#include "token/scheme.h"

/* {"token":id,...}, as the tokenizer library of Hugging Face reads it. 0; BL_E_NOMEM.
 */
int bl_vocab_json(const bl_vocab *v, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* 1 for the scheme whose tokens have names in MidiTok. */
int bl_vocab_has_miditok(const char *scheme);

/* The object that MidiTok's REMI loads: its names for the tokens of the scheme `remi`,
 * and the settings under which they mean the same. BL_E_ARG for another scheme. */
int bl_vocab_miditok(const bl_vocab *v, const bl_scheme *scheme, bl_buf *text,
                     bl_err *e) BL_MUST_CHECK;

#endif
