/* words.h - a bijection between token names and dense ids, with a fast look-up.
 * Schemes own one (their closed vocabulary), vocabulary files are one. */
#ifndef BL_WORDS_H
#define BL_WORDS_H

#include "base/hash.h"

enum { BL_WORD_MAX = 64, BL_WORDS_MAX = 65536 };

typedef struct bl_words bl_words;

/* How the words of a piece are laid out in lines of text: a line ends before the word
 * at which the running sum of `advance` reaches the next multiple of `unit`. With
 * 1 for Bar, 0 for all else and unit 1 a line is a bar; with the steps of a shift of
 * time and the steps of a second, a line is a second. */
typedef struct {
    const uint8_t *advance; /* [words] */
    unsigned unit;          /* > 0 */
} bl_lines;

bl_words *bl_words_new(bl_err *e) BL_MUST_CHECK; /* empty; release with bl_words_del */
void bl_words_del(bl_words *w);

/* 1 if a token may be called so: 1..64 characters of [A-Za-z0-9_#/.+:-], no '#' first.
 */
int bl_word_is_valid(const char *name, size_t len);

/* Appends a name; its id is the old bl_words_size. Names are 1..64 characters
 * of [A-Za-z0-9_#/.+:-]. 0; BL_E_FORMAT for a bad or repeated name; BL_E_LIMIT
 * beyond 65,536; BL_E_NOMEM. */
int bl_words_add(bl_words *w, const char *name, size_t len, bl_err *e) BL_MUST_CHECK;

size_t bl_words_size(const bl_words *w);
const char *bl_words_name(const bl_words *w, size_t id); /* id < size; w owns it */
size_t bl_words_len(const bl_words *w, size_t id);

/* The id of a name (not necessarily NUL-terminated), or -1. */
int bl_words_find(const bl_words *w, const char *name, size_t len);

/* SHA-256 over "name LF" in id order: the identity of a vocabulary. */
int bl_words_sha256(const bl_words *w, bl_sha256 hex, bl_err *e) BL_MUST_CHECK;

#endif
