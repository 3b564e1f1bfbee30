/* walk.h - which files there are to work on: operands, and what is in folders. */
#ifndef BL_WALK_H
#define BL_WALK_H

#include "base/mem.h"

/* Owned paths in the order of work. Zero-initialise; release with bl_paths_free. */
typedef struct {
    char **path;
    size_t n, cap;
} bl_paths;

int bl_paths_add(bl_paths *p, const char *path, size_t len, bl_err *e) BL_MUST_CHECK;

/* Adds an operand: "-" and anything that is not a directory as it is, of a directory
 * the files below it whose names end in one of `suffixes` (NULL-terminated, with their
 * dots, any case), each directory in the byte order of its names. Links to files are
 * followed, links to directories below the operand are not. What cannot be looked into
 * there is added itself, so that opening it fails. BL_E_OPEN if the operand does not
 * exist or may not be read. */
int bl_paths_add_operand(bl_paths *p, const char *operand, const char *const *suffixes,
                         bl_err *e) BL_MUST_CHECK;

/* Keeps the paths of part i of n: those whose shown name has XXH3 mod n == i - 1. The
 * parts of any list are disjoint and together the list. */
void bl_paths_keep_part(bl_paths *p, uint64_t i, uint64_t n);

void bl_paths_free(bl_paths *p);

/* The path as it was given, "stdin" for "-": for messages. */
const char *bl_path_or_stdin(const char *path);
/* The path as it is shown and named in streams: without "./" in front, "stdin" for "-".
 */
const char *bl_path_shown(const char *path);
/* What a file or folder is called: the last part of its path, without slashes at its
 * end; NULL and BL_E_NOMEM on failure. The caller frees. */
char *bl_path_last(const char *path, bl_err *e) BL_MUST_CHECK;

#endif
