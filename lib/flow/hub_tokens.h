/* hub_tokens.h - a vocabulary beside the weights, as AutoTokenizer and MidiTok open it.
 */
#ifndef BL_HUB_TOKENS_H
#define BL_HUB_TOKENS_H

#include "flow/hub.h"

/* Writes DIR/NAME, whole or not at all. */
int bl_hub_put_file(const char *dir, const char *name, const bl_buf *text,
                    bl_err *e) BL_MUST_CHECK;

/* Of BOS, EOS and PAD. */
bl_hub_ids bl_hub_ids_of(const bl_words *words);

/* Writes tokenizer.json (tokens between blanks, BOS before a text), its
 * tokenizer_config.json, vocab.tsv and, for the scheme `remi` without merges,
 * miditok.json. Merges are names like others there: a text of them is not merged. */
int bl_hub_write_tokens(const bl_vocab *v, int64_t context, const char *dir,
                        bl_err *e) BL_MUST_CHECK;

#endif
