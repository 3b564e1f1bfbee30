/* scheme_impl.h (internal) - what a scheme is made of. Adding a
 * scheme means adding its file, which fills a bl_scheme_ops, and one line in scheme.c.
 */
#ifndef BL_TOKEN_IMPL_H
#define BL_TOKEN_IMPL_H

#include "token/pace.h"

enum { BL_KINDS_MAX = 20 };

/* A kind of tokens: its name, and what they are. */
typedef struct {
    const char *name;
    bl_meaning is;
} bl_kind;

typedef struct {
    const char *name;
    int grids[9]; /* allowed, the default first, ended by 0 */
    int takes_chords, takes_key, takes_pedal, takes_labels;
    bl_reading reading;
    bl_writing writing;
    /* Parts of a piece: every bar is written, chords are of notes aside, too. */
    int takes_parts;
    int is_strict; /* files that the readers of its paper refuse are refused */
    /* The kinds of tokens in id order: the ids of a kind are contiguous, those that
     * name pitches in the order of these from 0 on. */
    const bl_kind *kinds;
    int n_kinds;
    /* How many tokens a kind has, and the name of its i-th. */
    int (*count)(int kind, const bl_spec *spec);
    void (*word)(int kind, int i, const bl_spec *spec, char name[BL_WORD_MAX + 1]);
    /* In schemes without bars the steps that a token moves on, at most 255; else NULL.
     * `grid` steps are a second, and a line of text. */
    int (*steps)(const bl_scheme *s, unsigned id);

    int (*encode)(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                  bl_scheme_fixes *fixes, bl_err *e);
    int (*decode)(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                  size_t *skipped, bl_err *e);
    /* See bl_scheme_begins_decoding; both NULL where all tokens are wanted first. */
    void (*decode_begin)(bl_decoder *d);
    int (*decode_more)(bl_decoder *d, const uint16_t *ids, size_t n, bl_err *e);
    void (*grammar_start)(bl_grammar *g);
    const char *(*grammar_step)(bl_grammar *g, unsigned id);
    void (*grammar_mask)(const bl_grammar *g, uint8_t *allowed);
    /* See bl_grammar_close; NULL where nothing sounds beyond its token. */
    int (*grammar_close)(const bl_grammar *g, bl_ids *ids, bl_err *e);
    /* See pace.h. pace_end may change p: the tick at which the song ends, those between
     * two positions, and those of a quarter note. Both NULL in schemes without bars. */
    void (*pace_step)(bl_pace *p, unsigned id);
    int64_t (*pace_end)(bl_pace *p, int *step, int *tpq);
} bl_scheme_ops;

struct bl_scheme {
    const bl_scheme_ops *ops;
    bl_spec spec;
    int grid; /* of spec */
    bl_words *words;
    bl_sha256 sha256;
    uint16_t first[BL_KINDS_MAX + 1]; /* ids of kind k: first[k] .. first[k + 1] - 1 */
    uint8_t *kind_of;                 /* [vocabulary] */
    uint8_t *advance;                 /* [vocabulary] of bl_lines */
};

/* The i-th token of a kind. */
static inline unsigned bl_token(const bl_scheme *s, int kind, int i)
{
    return (unsigned)s->first[kind] + (unsigned)i;
}

/* The tempos of a bar whose positions are `step` ticks apart take effect; the next one
 * begins at tick `next`. */
void bl_pace_close_bar(bl_pace *p, int step, int64_t next);

extern const bl_scheme_ops bl_remi_ops;
extern const bl_scheme_ops bl_remi2020_ops;
extern const bl_scheme_ops bl_performance_ops;
extern const bl_scheme_ops bl_opaque_ops; /* not in the register: it needs words */

#endif
