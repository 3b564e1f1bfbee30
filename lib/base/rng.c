/* rng.c - see rng.h. */
#include "base/rng.h"

#include <math.h>

void bl_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53u * a;
        uint64_t q = (uint64_t)0xCD9E8D57u * c;
        a = (uint32_t)(q >> 32) ^ b ^ k0;
        b = (uint32_t)q;
        c = (uint32_t)(p >> 32) ^ d ^ k1;
        d = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

bl_rng bl_rng_make(uint64_t seed, uint64_t stream)
{
    return (bl_rng){.seed = seed, .stream = stream};
}

uint32_t bl_rng_u32(bl_rng *r)
{
    uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
    uint64_t block = r->used / 4;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32),
                           (uint32_t)r->stream, (uint32_t)(r->stream >> 32)};
    uint32_t out[4];
    bl_philox(key, counter, out);
    return out[r->used++ % 4];
}

double bl_rng_unit(bl_rng *r)
{
    return bl_rng_u32(r) * 0x1p-32;
}

double bl_rng_normal(bl_rng *r)
{
    double u = (bl_rng_u32(r) + 0.5) * 0x1p-32; /* never 0: its logarithm is taken */
    double v = bl_rng_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

uint32_t bl_rng_below(bl_rng *r, uint32_t n)
{
    uint32_t reject = -n % n; /* 2^32 mod n: the incomplete last group is redrawn */
    for (;;) {
        uint32_t x = bl_rng_u32(r);
        if (x >= reject)
            return x % n;
    }
}
