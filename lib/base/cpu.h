/* cpu.h - which instructions the kernels may use: those that the processor has, asked
 * at run time, up to the level that the build was made for (make CPU=level). The one
 * place that asks; a kernel of a level may use the sets named beside it. */
#ifndef BL_CPU_H
#define BL_CPU_H

/* Ascending: a processor that has a level has those before it. BL_CPU_BF16 is the
 * AVX-512 unit; BL_CPU_AMX depends on the system too, see bl_bf16_can. */
enum {
    BL_CPU_BASELINE = 0, /* what every processor of the architecture has */
    BL_CPU_AVX2 = 1,     /* avx2, fma */
    BL_CPU_AVX512 = 2,   /* avx512f, avx512vl, fma */
    BL_CPU_BF16 = 3,     /* avx512bw, avx512bf16 */
    BL_CPU_AMX = 4
};

/* The highest level that this build uses, for the preprocessor too. */
#ifndef BL_CPU
#define BL_CPU 4
#endif

/* 1 if kernels of that level may run here. */
static inline int bl_cpu_has(int level)
{
    if (level > BL_CPU)
        return 0;
#if defined(__x86_64__)
    if (level >= BL_CPU_BF16 &&
        !(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512bf16")))
        return 0;
    if (level >= BL_CPU_AVX512 &&
        !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")))
        return 0;
    return level < BL_CPU_AVX2 ||
           (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#else
    return level == BL_CPU_BASELINE;
#endif
}

/* 1 if kernels of BL_CPU_AVX512 may use avx512bw too, which some of its processors have
 * not. */
static inline int bl_cpu_has_bw(void)
{
#if defined(__x86_64__)
    return bl_cpu_has(BL_CPU_AVX512) && __builtin_cpu_supports("avx512bw");
#else
    return 0;
#endif
}

/* Dot products of bytes, beside the levels: processors of Intel's have the one without
 * AVX-512. */
static inline int bl_cpu_has_vnni(int wide)
{
#if defined(__x86_64__)
    if (wide)
        return bl_cpu_has(BL_CPU_AVX512) && __builtin_cpu_supports("avx512vnni");
    unsigned a, b, c, d;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "0"(7), "2"(0));
    if (!bl_cpu_has(BL_CPU_AVX2) || a < 1)
        return 0;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "0"(7), "2"(1));
    return (int)(a >> 4 & 1);
#else
    (void)wide;
    return 0;
#endif
}

#endif
