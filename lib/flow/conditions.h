/* conditions.h - the pieces of a token stream by their names, for those that they go
 * with. */
#ifndef BL_CONDITIONS_H
#define BL_CONDITIONS_H

#include "flow/source.h"

typedef struct {
    char *name;
    bl_ids ids; /* the scheme's */
    uint64_t xxh3;
    size_t order; /* in the stream */
    int is_taken;
} bl_named_piece;

/* Zero-initialise; release with bl_conditions_free, also after an error. */
typedef struct {
    bl_source source;
    bl_named_piece *pieces; /* [n] sorted by name, those of one name as they came */
    size_t n, cap;
} bl_conditions;

/* Reads a whole stream. BL_E_MISMATCH where it is not of the scheme `kind` (NULL: any)
 * of the stream `of`; BL_E_FORMAT where there is no piece. */
int bl_conditions_read(bl_conditions *c, const char *path, const bl_tokens_kind *kind,
                       const char *of, bl_err *e) BL_MUST_CHECK;
/* The first one of that name or, where that is NAME.2 (or any number) and there is
 * none, of NAME, taken or not; or NULL. */
const bl_named_piece *bl_conditions_of(const bl_conditions *c, const char *name);
/* The next one of that name that nobody has taken, or NULL. */
const bl_named_piece *bl_conditions_take(bl_conditions *c, const char *name);
/* The i-th of the stream, or NULL where there is none or somebody has taken it. */
const bl_named_piece *bl_conditions_take_at(bl_conditions *c, size_t i);
void bl_conditions_free(bl_conditions *c);

#endif
