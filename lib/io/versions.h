/* versions.h - the libraries that a tool runs with, for --version. */
#ifndef BL_VERSIONS_H
#define BL_VERSIONS_H

#include <stddef.h>

enum { BL_LIBRARIES_MAX = 512 };

/* The line "zstd 1.5.5, jansson 2.14, ..." of what every tool uses, and after it
 * `more`, unless that is NULL or empty. */
void bl_io_libraries(const char *more, char text[BL_LIBRARIES_MAX]);

#endif
