/* token_names.h - names of tokens by id, as other programs write them: MidiTok's and
 * Hugging Face's tokenizer files, a JSON object of ids, or a vocabulary of ours. */
#ifndef BL_TOKEN_NAMES_H
#define BL_TOKEN_NAMES_H

#include "io/vocabulary.h"

enum { BL_TOKEN_NAMES_MAX = BL_WORDS_MAX };

/* Zero-initialise; release with bl_token_names_free. */
typedef struct {
    char **name;    /* [n]; NULL where no token has the id */
    size_t n;       /* 1 + the highest id */
    size_t n_known; /* ids with a name */
    int is_ours;    /* they are a vocabulary file's */
    size_t *order;  /* [n_known] ids by name, for bl_token_names_find */
} bl_token_names;

/* Reads a file ("-" = standard input): a vocabulary of ours; {"name": id, ...}; the
 * `_vocab_base` of MidiTok's tokenizer.json; `model.vocab` and `added_tokens` of the
 * tokenizer library's. BL_E_FORMAT where it is none, or an id stands twice; BL_E_LIMIT
 * for ids beyond BL_TOKEN_NAMES_MAX. */
int bl_token_names_read(bl_token_names *t, const char *path, bl_err *e) BL_MUST_CHECK;
/* The names of a vocabulary, copied. */
int bl_token_names_of(bl_token_names *t, const bl_words *words,
                      bl_err *e) BL_MUST_CHECK;
/* The id of a name, or -1. */
int64_t bl_token_names_find(const bl_token_names *t, const char *name);
/* The id of a token of ours: of its own name; of the scheme `remi` (grid > 0) that of
 * MidiTok; of a special the names that others give it. -1. */
int64_t bl_token_names_match(const bl_token_names *t, const char *name, int grid);
/* Our name of a special that others call so ("PAD_None", "<s>"), or NULL. */
const char *bl_token_names_special(const char *name);
void bl_token_names_free(bl_token_names *t);

#endif
