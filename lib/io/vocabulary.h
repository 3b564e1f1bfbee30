/* vocabulary.h - the vocabulary file `vocab.tsv`, schema remi-vocab/1: id TAB token TAB
 * count. Its identity is the SHA-256 of the token column. */
#ifndef BL_VOCAB_H
#define BL_VOCAB_H

#include "base/words.h"
#include "io/json.h"
#include "io/tokens.h"

#define BL_VOCAB_SCHEMA "remi-vocab/1"

typedef struct {
    bl_words *words;     /* owned */
    uint64_t *count;     /* [bl_words_size(words)], owned */
    bl_tokens_kind kind; /* of the scheme the tokens belong to */
    bl_sha256 sha256;    /* identity */
    bl_json *pg;         /* or NULL */
} bl_vocab;

/* Takes ownership of words and count on success; computes the identity. BL_E_FORMAT
 * where the first tokens are not PAD BOS EOS MASK. */
int bl_vocab_make(bl_vocab *v, bl_words *words, uint64_t *count,
                  const bl_tokens_kind *kind, bl_err *e) BL_MUST_CHECK;
int bl_vocab_write(const bl_vocab *v, int fd, const bl_json *pg,
                   bl_err *e) BL_MUST_CHECK;
/* `name` is for messages. Release with bl_vocab_free. */
int bl_vocab_read(bl_vocab *v, int fd, const char *name, bl_err *e) BL_MUST_CHECK;
/* The same from a file, "-" = standard input. */
int bl_vocab_load(bl_vocab *v, const char *path, bl_err *e) BL_MUST_CHECK;
void bl_vocab_free(bl_vocab *v);

/* map[scheme id] = vocabulary id, or -1 where the vocabulary has no such token.
 * `map` has bl_words_size(scheme_words) elements. */
void bl_vocab_map(const bl_vocab *v, const bl_words *scheme_words, int32_t *map);

#endif
