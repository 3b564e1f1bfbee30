/* fuzz_tensors.c - the reader of safetensors records, bare or in zstd. */
#include "fuzz.h"
#include "io/tensors.h"

#include <unistd.h>

enum { BLOCK = 4096 };

/* As many bytes as the header says, a block at a time; 1 if all were there. */
static int read_data(bl_zr *r, uint64_t bytes)
{
    uint8_t block[BLOCK];
    int rc = 1;
    for (; rc == 1 && bytes > 0; bytes -= (uint64_t)bl_min((int64_t)bytes, BLOCK))
        rc = bl_zr_read_exact(r, block, (size_t)bl_min((int64_t)bytes, BLOCK), NULL);
    return rc == 1;
}

static void check_head(const bl_tensors_head *h)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < h->n; i++) {
        const bl_tensor *t = &h->t[i];
        bl_tensor same;
        claim(t->dtype < BL_N_DTYPES && t->ndim >= 0 && t->ndim <= BL_TENSOR_DIMS);
        claim(bl_tensors_find(h, t->name) == t);
        claim(bl_tensor_make(&same, t->name, t->dtype, t->ndim, t->shape, NULL, NULL) ==
              0);
        claim(same.bytes == t->bytes);
        claim(!__builtin_add_overflow(sum, t->bytes, &sum));
    }
    claim(sum == h->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_zr *r = NULL;
    bl_tensors_head h = {0};
    int fd = fuzz_fd(data, len), more = 1;
    claim(bl_zr_new(&r, fd, NULL) == 0);
    while (more && bl_tensors_read_head(r, &h, NULL) == 1) {
        check_head(&h);
        more = read_data(r, h.bytes);
        bl_tensors_head_free(&h);
    }
    bl_zr_del(r);
    close(fd);
    return 0;
}
