/* kernels.c - which kernels the tests run on this processor, and which they do not:
 * kernel TAB how. Emulated are those that test_tiles (AMX) and make test-cpus run. */
#include "base/cpu.h"
#include "nn/kernel/bf16.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    const char *none = "not run: this processor has no unit for it";
    int avx512 = bl_cpu_has(BL_CPU_AVX512), avx2 = bl_cpu_has(BL_CPU_AVX2) && !avx512;
    int amx = bl_bf16_can(BL_BF16X3);
    const char *dots = none, *tiles = none;
    char blas[128];
    if (bl_cpu_has(BL_CPU_BF16)) {
        dots = bl_bf16_can(BL_BF16) && !amx ? "run" : "not run: not the faster here";
        tiles = amx ? "run" : "emulated (test_tiles)";
    }
    bl_gemm_name(BL_FP32, blas, sizeof blas);
    printf("portable\t%s\n", avx512 || avx2 ? "emulated (Nehalem)" : "run");
    printf("AVX2\t%s\n", avx2 ? "run" : "emulated (Haswell, EPYC)");
    printf("AVX-512\t%s\n", avx512 ? "run" : none);
    printf("AVX-512 BF16\t%s\nAMX\t%s\n", dots, tiles);
    printf("AVX-512 VNNI\t%s\nAVX-VNNI\t%s\n", bl_cpu_has_vnni(1) ? "run" : none,
           bl_cpu_has_vnni(0) ? "run" : none);
    printf("OpenBLAS\t%s, others not run\n", strstr(blas, "OpenBLAS"));
    return 0;
}
