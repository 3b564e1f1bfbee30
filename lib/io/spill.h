/* spill.h - bytes that are kept for later and may be more than memory holds: the last
 * of them in a buffer, those before it in a file without a name, which is gone with the
 * process. */
#ifndef BL_SPILL_H
#define BL_SPILL_H

#include "base/mem.h"

typedef struct bl_spill bl_spill;

/* What does not fit into BL_SPILL_BUFFER bytes goes into the folder that `path` is in,
 * where what is made of it will need as much room. Release with bl_spill_del. */
enum { BL_SPILL_BUFFER = 1 << 20 };
int bl_spill_new(bl_spill **s, const char *path, bl_err *e) BL_MUST_CHECK;
/* 0, BL_E_CREATE where the file cannot be made, BL_E_IO. */
int bl_spill_add(bl_spill *s, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
uint64_t bl_spill_size(const bl_spill *s); /* where the next bytes will be */
/* len bytes from `at` on, all of them added before. 0 or BL_E_IO. */
int bl_spill_read(const bl_spill *s, uint64_t at, void *bytes, size_t len,
                  bl_err *e) BL_MUST_CHECK;
void bl_spill_del(bl_spill *s);

#endif
