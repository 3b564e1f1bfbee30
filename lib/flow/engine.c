/* engine.c - see engine.h. */
#include "flow/engine.h"

#include "nn/kernel/gemm.h"
#include "train/comm.h"

#include <stdio.h>

void bl_engine_libraries(const char *more, char text[BL_LIBRARIES_MAX])
{
    char blas[128], mpi[128], all[324];
    bl_gemm_name(BL_FP32, blas, sizeof blas);
    bl_comm_library(mpi, sizeof mpi);
    snprintf(all, sizeof all, "%s%s%s%s%.64s", blas, mpi[0] != '\0' ? ", " : "", mpi,
             more != NULL ? ", " : "", more != NULL ? more : "");
    bl_io_libraries(all, text);
}

const char *bl_engine_core(void)
{
    return bl_gemm_better_core();
}
