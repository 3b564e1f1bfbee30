/* hash.c - the only file that includes xxhash.h and libmd's sha2.h. */
#include "base/hash.h"
#include "base/sha_ni.h"

#include <sha2.h>
#include <stdlib.h>
#include <sys/types.h>
#include <xxhash.h>

struct bl_xxh3_state {
    XXH3_state_t *xxh;
};

uint64_t bl_xxh3(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

bl_xxh3_state *bl_xxh3_new(bl_err *e)
{
    bl_xxh3_state *s = malloc(sizeof *s);
    XXH3_state_t *xxh = XXH3_createState();
    if (s == NULL || xxh == NULL) {
        bl_fail(e, BL_E_NOMEM, "out of memory for a hash");
        XXH3_freeState(xxh);
        free(s);
        return NULL;
    }
    s->xxh = xxh;
    bl_xxh3_reset(s);
    return s;
}

void bl_xxh3_reset(bl_xxh3_state *s)
{
    XXH3_64bits_reset(s->xxh);
}

void bl_xxh3_add(bl_xxh3_state *s, const void *bytes, size_t len)
{
    XXH3_64bits_update(s->xxh, bytes, len);
}

uint64_t bl_xxh3_value(const bl_xxh3_state *s)
{
    return XXH3_64bits_digest(s->xxh);
}

void bl_xxh3_del(bl_xxh3_state *s)
{
    if (s == NULL)
        return;
    XXH3_freeState(s->xxh);
    free(s);
}

/* Whole blocks by the processor where it can; libmd takes what is left. */
static size_t add_blocks(SHA2_CTX *ctx, const void *bytes, size_t len)
{
    if (len < SHA256_BLOCK_LENGTH || !bl_sha_ni_is_here())
        return 0;
    size_t n = len / SHA256_BLOCK_LENGTH;
    bl_sha_ni_blocks(ctx->state.st32, bytes, n);
    ctx->bitcount[0] += (uint64_t)n * SHA256_BLOCK_LENGTH * 8;
    return n * SHA256_BLOCK_LENGTH;
}

void bl_sha256_of(const void *bytes, size_t len, bl_sha256 hex)
{
    static const char digit[] = "0123456789abcdef";
    uint8_t raw[SHA256_DIGEST_LENGTH];
    SHA2_CTX ctx;
    SHA256Init(&ctx);
    size_t done = add_blocks(&ctx, bytes, len);
    SHA256Update(&ctx, (const uint8_t *)bytes + done, len - done);
    SHA256Final(raw, &ctx);
    for (size_t i = 0; i < sizeof raw; i++) {
        hex[2 * i] = digit[raw[i] >> 4];
        hex[2 * i + 1] = digit[raw[i] & 15];
    }
    hex[64] = '\0';
}
