/* hash.c - the only file that includes xxhash.h and nettle's sha2.h. */
#include "base/hash.h"

#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdio.h>
#include <stdlib.h>
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

void bl_sha256_of(const void *bytes, size_t len, bl_sha256 hex)
{
    static const char digit[] = "0123456789abcdef";
    uint8_t raw[SHA256_DIGEST_SIZE];
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, len, bytes);
    sha256_digest(&ctx, sizeof raw, raw);
    for (size_t i = 0; i < sizeof raw; i++) {
        hex[2 * i] = digit[raw[i] >> 4];
        hex[2 * i + 1] = digit[raw[i] & 15];
    }
    hex[64] = '\0';
}

void bl_hash_libraries(char *text, size_t size)
{
    unsigned xxh = XXH_versionNumber();
    snprintf(text, size, "xxHash %u.%u.%u, nettle %d.%d", xxh / 10000, xxh / 100 % 100,
             xxh % 100, nettle_version_major(), nettle_version_minor());
}
