/* engine.h - what models are run with, for --version. */
#ifndef BL_ENGINE_H
#define BL_ENGINE_H

#include "io/versions.h"

/* The line of bl_io_libraries with what multiplies, what joins processes, and `more`
 * (or NULL). */
void bl_engine_libraries(const char *more, char text[BL_LIBRARIES_MAX]);
/* As bl_gemm_better_core. */
const char *bl_engine_core(void);

#endif
