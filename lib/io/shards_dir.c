/* shards_dir.c - what shards.h knows of the folder: names, what may be replaced, what
 * the writer has for it. */
#include "io/shards_impl.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

const char *bl_split_name(int split)
{
    static const char *const names[BL_SPLITS] = {"train", "valid", "test"};
    return names[split];
}

/* 1 if a shard directory may hold a file of this name. */
static int is_ours(const char *name)
{
    static const char *const ends[] = {
        ".pieces.tsv",   ".safetensors",  ".safetensors.zst", ".llmc.bin",
        ".megatron.bin", ".megatron.idx", "-tokens.npy",      "-offsets.npy"};
    int begins_so = 0, ends_so = 0;
    for (int s = 0; s < BL_SPLITS; s++)
        begins_so |= strncmp(name, bl_split_name(s), strlen(bl_split_name(s))) == 0;
    for (size_t i = 0; i < BL_COUNT(ends); i++) {
        size_t n = strlen(name), n_end = strlen(ends[i]);
        ends_so |= n >= n_end && strcmp(name + n - n_end, ends[i]) == 0;
    }
    return (begins_so && ends_so) || strcmp(name, "manifest.json") == 0 ||
           strcmp(name, "vocab.tsv") == 0;
}

static int look_through(DIR *d, bl_err *e)
{
    int n = 0, has_manifest = 0;
    for (struct dirent *f = readdir(d); f != NULL; f = readdir(d)) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
            continue;
        n++;
        has_manifest |= strcmp(f->d_name, "manifest.json") == 0;
        if (!is_ours(f->d_name))
            return bl_fail(e, BL_E_CREATE,
                           "the folder holds '%.200s', which is no part of shards",
                           f->d_name);
    }
    if (n > 0 && !has_manifest)
        return bl_fail(e, BL_E_CREATE, "the folder holds other things than shards");
    return n > 0;
}

int bl_shards_there(const char *dir, bl_err *e)
{
    DIR *d = opendir(dir);
    if (d == NULL && errno == ENOENT)
        return 0;
    int rc = d != NULL ? look_through(d, e)
                       : bl_fail_errno(e, BL_E_CREATE, "cannot write there");
    if (rc < 0)
        bl_err_in(e, dir);
    if (d != NULL)
        closedir(d);
    return rc;
}

int bl_shardw_open(const bl_shardw *w, const char *name, bl_out *out, bl_err *e)
{
    bl_buf path = {0};
    int rc = bl_buf_addf(&path, e, "%s/%s", w->temp, name);
    if (rc == 0)
        rc = bl_out_open(out, (const char *)path.data, e);
    bl_buf_free(&path);
    return rc;
}

void bl_shardw_counts(const bl_shardw *w, int split, uint64_t *pieces, uint64_t *tokens)
{
    *pieces = *tokens = 0;
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].split == split) {
            ++*pieces;
            *tokens += w->pieces[i].n;
        }
    }
}
