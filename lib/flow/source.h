/* source.h - token streams as a tool's operands, with the scheme that they state:
 * pieces in, each once, until the trailer of the last. */
#ifndef BL_SOURCE_H
#define BL_SOURCE_H

#include "io/corpus.h"
#include "token/scheme.h"

/* Zero-initialise; release with bl_source_free, also after an error. */
typedef struct {
    bl_corpus *corpus;
    bl_scheme *scheme;
} bl_source;

/* Opens n streams as bl_corpus_open does, and the scheme of the first. BL_E_VERSION and
 * BL_E_MISMATCH as bl_scheme_open_stated. */
int bl_source_open(bl_source *s, const char *const *paths, size_t n,
                   bl_err *e) BL_MUST_CHECK;
/* The same, as bl_corpus_open_over. */
int bl_source_open_over(bl_source *s, const char *const *paths, size_t n,
                        bl_input *first, bl_err *e) BL_MUST_CHECK;
/* The chain for what is made of the streams read so far and of another parent (or
 * NULL), this run the last: *pg is the caller's, NULL where self is NULL. */
int bl_source_pg(const bl_source *s, const bl_json *other, const bl_self *self,
                 bl_json **pg, bl_err *e) BL_MUST_CHECK;
void bl_source_free(bl_source *s);

#endif
