/* shards_export.c - splits as the files that other trainers read, one writer for each
 * format. All numbers are little-endian; tokens are those of the shards, with BOS and
 * EOS.
 */
#include "io/shards_impl.h"
#include "io/zio.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

/* A file on its way. */
typedef struct {
    bl_out out;
    bl_zw *zw; /* without compression: a buffer */
} target;

static int begin(const bl_shardw *w, int split, const char *end, target *t, bl_err *e)
{
    char name[NAME_MAX_BYTES];
    *t = (target){.out = {.fd = -1}};
    snprintf(name, sizeof name, "%s%s", bl_split_name(split), end);
    int rc = bl_shardw_open(w, name, &t->out, e);
    return rc == 0 ? bl_zw_new(&t->zw, t->out.fd, 0, e) : rc;
}

static int finish(target *t, int rc, bl_err *e)
{
    if (rc == 0)
        rc = bl_zw_end_frame(t->zw, e);
    if (rc == 0)
        rc = bl_out_commit(&t->out, e);
    bl_zw_del(t->zw);
    bl_out_abort(&t->out);
    return rc;
}

static int put(target *t, uint64_t value, int bytes, bl_err *e)
{
    uint8_t b[8];
    for (int i = 0; i < bytes; i++)
        b[i] = (uint8_t)(value >> (8 * i));
    return bl_zw_add(t->zw, b, (size_t)bytes, e);
}

/* The next piece of the split at or after i; w->n_pieces after the last. */
static size_t next_piece(const bl_shardw *w, int split, size_t i)
{
    while (i < w->n_pieces && w->pieces[i].split != split)
        i++;
    return i;
}

static int put_tokens(const bl_shardw *w, int split, target *t, bl_err *e)
{
    bl_ids ids = {0};
    int rc = 0;
    for (size_t i = next_piece(w, split, 0); i < w->n_pieces && rc == 0;
         i = next_piece(w, split, i + 1)) {
        rc = bl_shardw_fetch(w, &w->pieces[i], 0, &ids, e);
        for (size_t k = 0; k < ids.n && rc == 0; k++)
            rc = put(t, ids.id[k], 2, e);
    }
    bl_ids_free(&ids);
    return rc;
}

/* ---- llm.c: 256 numbers of 32 bits, then tokens ---- */

enum { LLMC_MAGIC = 20240520, LLMC_VERSION = 1, LLMC_HEADER = 256 };

static int write_llmc(const bl_shardw *w, int split, uint64_t n_tokens, bl_err *e)
{
    target t;
    if (n_tokens > INT32_MAX)
        return bl_fail(e, BL_E_LIMIT, "llm.c files hold at most %d tokens", INT32_MAX);
    const uint32_t head[] = {LLMC_MAGIC, LLMC_VERSION, (uint32_t)n_tokens};
    int rc = begin(w, split, ".llmc.bin", &t, e);
    for (size_t i = 0; i < LLMC_HEADER && rc == 0; i++)
        rc = put(&t, i < BL_COUNT(head) ? head[i] : 0, 4, e);
    if (rc == 0)
        rc = put_tokens(w, split, &t, e);
    return finish(&t, rc, e);
}

/* ---- Megatron: tokens, and beside them an index of pieces ---- */

enum { MEGATRON_VERSION = 1, MEGATRON_U16 = 8 };

/* The three lists of the index: lengths, byte offsets, pieces that begin a document. */
static int put_index(const bl_shardw *w, int split, uint64_t n_pieces, target *t,
                     bl_err *e)
{
    uint64_t at = 0;
    int rc = 0;
    size_t i;
    for (i = next_piece(w, split, 0); i < w->n_pieces && rc == 0;
         i = next_piece(w, split, i + 1))
        rc = put(t, w->pieces[i].n, 4, e);
    for (i = next_piece(w, split, 0); i < w->n_pieces && rc == 0;
         i = next_piece(w, split, i + 1)) {
        rc = put(t, at, 8, e);
        at += 2 * (uint64_t)w->pieces[i].n;
    }
    for (uint64_t k = 0; k <= n_pieces && rc == 0; k++)
        rc = put(t, k, 8, e);
    return rc;
}

static int write_megatron(const bl_shardw *w, int split, uint64_t n_pieces, bl_err *e)
{
    target t;
    int rc = begin(w, split, ".megatron.bin", &t, e);
    if (rc == 0)
        rc = put_tokens(w, split, &t, e);
    rc = finish(&t, rc, e);
    if (rc != 0)
        return rc;
    rc = begin(w, split, ".megatron.idx", &t, e);
    if (rc == 0)
        rc = bl_zw_add(t.zw, "MMIDIDX\0\0", 9, e);
    if (rc == 0)
        rc = put(&t, MEGATRON_VERSION, 8, e);
    if (rc == 0)
        rc = put(&t, MEGATRON_U16, 1, e);
    if (rc == 0)
        rc = put(&t, n_pieces, 8, e);
    if (rc == 0)
        rc = put(&t, n_pieces + 1, 8, e);
    if (rc == 0)
        rc = put_index(w, split, n_pieces, &t, e);
    return finish(&t, rc, e);
}

/* ---- NumPy: an array of tokens, one of where pieces begin ---- */

enum { NPY_HEADER = 128 };

static int put_npy_header(target *t, const char *type, uint64_t n, bl_err *e)
{
    char head[NPY_HEADER + 1];
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = NPY_HEADER - 10;
    head[9] = 0;
    int len = snprintf(head + 10, sizeof head - 10,
                       "{'descr': '%s', 'fortran_order': False, 'shape': (%llu,), }",
                       type, (unsigned long long)n);
    head[10 + len] = ' ';
    head[NPY_HEADER - 1] = '\n';
    return bl_zw_add(t->zw, head, NPY_HEADER, e);
}

static int write_numpy(const bl_shardw *w, int split, uint64_t n_pieces,
                       uint64_t n_tokens, bl_err *e)
{
    target t;
    uint64_t at = 0;
    int rc = begin(w, split, "-tokens.npy", &t, e);
    if (rc == 0)
        rc = put_npy_header(&t, "<u2", n_tokens, e);
    if (rc == 0)
        rc = put_tokens(w, split, &t, e);
    rc = finish(&t, rc, e);
    if (rc != 0)
        return rc;
    rc = begin(w, split, "-offsets.npy", &t, e);
    if (rc == 0)
        rc = put_npy_header(&t, "<i8", n_pieces + 1, e);
    if (rc == 0)
        rc = put(&t, 0, 8, e);
    for (size_t i = next_piece(w, split, 0); i < w->n_pieces && rc == 0;
         i = next_piece(w, split, i + 1))
        rc = put(&t, at += w->pieces[i].n, 8, e);
    return finish(&t, rc, e);
}

int bl_shardw_list_exports(const bl_shardw *w, int split, bl_json *o, bl_err *e)
{
    static const struct {
        unsigned format;
        const char *end;
    } files[] = {
        {BL_EXPORT_LLMC, ".llmc.bin"},         {BL_EXPORT_MEGATRON, ".megatron.bin"},
        {BL_EXPORT_MEGATRON, ".megatron.idx"}, {BL_EXPORT_NUMPY, "-tokens.npy"},
        {BL_EXPORT_NUMPY, "-offsets.npy"},
    };
    if (w->exports == 0)
        return 0;
    bl_json *list = bl_json_array(e);
    int rc = list == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < BL_COUNT(files) && rc == 0; i++) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "%s%s", bl_split_name(split), files[i].end);
        if (w->exports & files[i].format)
            rc = bl_json_push_str(list, name, e);
    }
    if (rc == 0)
        return bl_json_put(o, "exports", list, e);
    bl_json_del(list);
    return rc;
}

int bl_shardw_write_exports(const bl_shardw *w, int split, bl_err *e)
{
    uint64_t pieces, tokens;
    int rc = 0;
    bl_shardw_counts(w, split, &pieces, &tokens);
    if (w->exports & BL_EXPORT_LLMC)
        rc = write_llmc(w, split, tokens, e);
    if (rc == 0 && (w->exports & BL_EXPORT_MEGATRON))
        rc = write_megatron(w, split, pieces, e);
    if (rc == 0 && (w->exports & BL_EXPORT_NUMPY))
        rc = write_numpy(w, split, pieces, tokens, e);
    return rc;
}
