/* engine.c - see engine.h. */
#include "flow/engine.h"

#include "nn/kernel/gemm.h"
#include "train/comm.h"

#include <stdio.h>

void bl_engine_libraries(char text[BL_LIBRARIES_MAX])
{
    char blas[128], mpi[128], both[258];
    bl_gemm_name(BL_FP32, blas, sizeof blas);
    bl_comm_library(mpi, sizeof mpi);
    snprintf(both, sizeof both, "%s%s%s", blas, mpi[0] != '\0' ? ", " : "", mpi);
    bl_io_libraries(both, text);
}

const char *bl_engine_core(void)
{
    return bl_gemm_better_core();
}
