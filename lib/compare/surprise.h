/* surprise.h - what tokens cost a model: by kind of token, by note and by bar, which
 * compare across token schemes where the mean of all tokens does not. */
#ifndef BL_SURPRISE_H
#define BL_SURPRISE_H

#include "token/scheme.h"

#include <stdint.h>

/* Tokens of one kind: what stands before the first '_' of their names. */
typedef struct {
    char kind[64];
    uint64_t n;  /* predicted */
    double nats; /* the sum of -ln p */
} bl_surprise_kind;

typedef struct {
    bl_surprise_kind *kinds; /* in the order of the vocabulary; those that occur */
    size_t n_kinds;
    uint64_t tokens, notes, bars; /* predicted; a merge stands for all it is made of */
    double nats;
} bl_surprise;

/* A vocabulary: n_words names of tokens, those of merges (token/merges.h) among them;
 * what they mean says the scheme, NULL where nothing does: then none is a note or a
 * bar. */
typedef struct {
    const bl_scheme *scheme;
    const char *const *words;
    size_t n_words;
} bl_surprise_words;

/* Adds up n tokens: ids below w->n_words, log_prob NaN where not predicted. Merges
 * count as what they stand for. 0; BL_E_NOMEM; BL_E_FORMAT where the words are no
 * vocabulary. Release with bl_surprise_free. */
int bl_surprise_make(bl_surprise *s, const bl_surprise_words *w, const uint16_t *ids,
                     const float *log_prob, size_t n, bl_err *e) BL_MUST_CHECK;
void bl_surprise_free(bl_surprise *s);

/* Appends a table: name, value, unit. What cannot be computed is nan. */
int bl_surprise_print(const bl_surprise *s, bl_buf *text, bl_err *e) BL_MUST_CHECK;

/* Appends a table of a row a bar: piece, from 1, bar, from 1 (0 is what comes before
 * the first), tokens and notes in it, and the sum of -ln p. Tokens as above; piece i is
 * the places offsets[i] to offsets[i + 1] - 1. */
int bl_surprise_bars(const bl_surprise_words *w, const uint16_t *ids,
                     const float *log_prob, const int64_t *offsets, size_t n_pieces,
                     bl_buf *text, bl_err *e) BL_MUST_CHECK;

#endif
