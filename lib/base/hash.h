/* hash.h - XXH3 for integrity, SHA-256 for identity. */
#ifndef BL_HASH_H
#define BL_HASH_H

#include "base/err.h"

/* XXH3-64 of len bytes (the value `xxhsum -H3` prints). */
uint64_t bl_xxh3(const void *bytes, size_t len);

/* Running XXH3-64, for data that does not lie in one piece. */
typedef struct bl_xxh3_state bl_xxh3_state;
bl_xxh3_state *bl_xxh3_new(bl_err *e) BL_MUST_CHECK; /* release with bl_xxh3_del */
void bl_xxh3_reset(bl_xxh3_state *s);
void bl_xxh3_add(bl_xxh3_state *s, const void *bytes, size_t len);
uint64_t bl_xxh3_value(const bl_xxh3_state *s);
void bl_xxh3_del(bl_xxh3_state *s);

/* SHA-256 as 64 lower-case hexadecimal digits and a NUL. */
typedef char bl_sha256[65];
void bl_sha256_of(const void *bytes, size_t len, bl_sha256 hex);

/* "xxHash 0.8.1, nettle 3.8": the libraries behind them, as they run. */
void bl_hash_libraries(char *text, size_t size);

#endif
