/* prints.h - the fingerprints of many pieces, kept outside memory, and which of them
 * are alike. */
#ifndef BL_PRINTS_H
#define BL_PRINTS_H

#include "io/spill.h"
#include "token/fingerprint.h"

typedef struct bl_prints bl_prints;

/* `path` as bl_spill_new. Release with bl_prints_del. */
int bl_prints_new(bl_prints **p, const char *path, bl_err *e) BL_MUST_CHECK;
int bl_prints_add(bl_prints *p, const bl_fingerprint *print, bl_err *e) BL_MUST_CHECK;
size_t bl_prints_size(const bl_prints *p);
/* The i-th that was added: *print is the list's, until some hundred others are asked
 * for. 0 or BL_E_IO. */
int bl_prints_at(bl_prints *p, size_t i, const bl_fingerprint **print,
                 bl_err *e) BL_MUST_CHECK;

/* Of the list in another order, piece k being the one added as order[k]: group[k] = the
 * least number of the pieces that piece k belongs with, those at least so alike, and
 * those that are so to them. Takes time in proportion to their number: of each n-gram
 * that many pieces share only some are compared. 0, BL_E_NOMEM, BL_E_IO. */
int bl_prints_group(bl_prints *p, const uint32_t *order, double at_least,
                    uint32_t *group, bl_err *e) BL_MUST_CHECK;
void bl_prints_del(bl_prints *p);

#endif
