/* sha_ni.h - SHA-256 with the instructions some processors have for it. */
#ifndef BL_SHA_NI_H
#define BL_SHA_NI_H

#include <stddef.h>
#include <stdint.h>

/* Whether this processor has them. */
int bl_sha_ni_is_here(void);
/* Takes n blocks of 64 bytes into the state, if it has. */
void bl_sha_ni_blocks(uint32_t state[8], const uint8_t *bytes, size_t n);

#endif
