/* shards_dir.c - what shards.h knows of the folder: names, what may be replaced, what
 * the writer has for it. */
#include "io/json.h"
#include "io/shards_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *bl_split_name(int split)
{
    static const char *const names[BL_SPLITS] = {"train", "valid", "test"};
    return names[split];
}

/* ---- what a shard directory holds ---- */

/* `first` is some file of the folder, for the message. */
static int read_manifest(int folder, const char *first, bl_json **manifest, bl_err *e)
{
    bl_buf text = {0};
    bl_err why = BL_ERR_INIT;
    int fd = openat(folder, "manifest.json", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return bl_fail(e, BL_E_CREATE,
                       "the folder holds '%.200s' and no manifest of shards", first);
    int rc = bl_read_all(fd, &text, BL_MANIFEST_MAX, e);
    close(fd);
    if (rc == 0) {
        *manifest = bl_json_parse((const char *)text.data, text.len, &why);
        if (why.code == BL_E_NOMEM)
            rc = bl_fail(e, why.code, "%s", why.text);
        else if (*manifest == NULL)
            rc = bl_fail(e, BL_E_CREATE,
                         "the folder holds a damaged manifest.json, which does not say "
                         "what else is of the shards; remove the folder, or name "
                         "another");
    }
    bl_buf_free(&text);
    return rc;
}

static int is_export_listed(const bl_json *split, const char *name)
{
    const bl_json *exports;
    const char *listed;
    if (bl_json_get(split, "exports", &exports, NULL) != 0)
        return 0;
    for (size_t i = 0; bl_json_is_array(exports) && i < bl_json_size(exports); i++)
        if (bl_json_as_str(bl_json_at(exports, i), &listed) &&
            strcmp(listed, name) == 0)
            return 1;
    return 0;
}

/* 1 if the manifest lists a file of tensors or for another trainer of this name. */
static int is_listed(const bl_json *manifest, const char *name)
{
    const bl_json *splits, *split, *files;
    const char *listed;
    for (int s = 0; s < BL_SPLITS; s++) {
        if (bl_json_get(manifest, "splits", &splits, NULL) != 0 ||
            bl_json_get(splits, bl_split_name(s), &split, NULL) != 0)
            continue;
        if (is_export_listed(split, name))
            return 1;
        if (bl_json_get(split, "files", &files, NULL) != 0)
            continue;
        for (size_t i = 0; bl_json_is_array(files) && i < bl_json_size(files); i++)
            if (bl_json_str(bl_json_at(files, i), "name", &listed, NULL) == 0 &&
                strcmp(listed, name) == 0)
                return 1;
    }
    return 0;
}

/* 1 if the manifest names the file, or it is one of those that each folder has. */
static int is_ours(const bl_json *manifest, const char *name)
{
    for (int s = 0; s < BL_SPLITS; s++) {
        size_t n = strlen(bl_split_name(s));
        if (strncmp(name, bl_split_name(s), n) == 0 &&
            strcmp(name + n, ".pieces.tsv") == 0)
            return 1;
    }
    return strcmp(name, "manifest.json") == 0 || strcmp(name, "vocab.tsv") == 0 ||
           is_listed(manifest, name);
}

static int look_through(DIR *d, bl_err *e)
{
    bl_json *manifest = NULL;
    int rc = 0;
    for (struct dirent *f = readdir(d); rc >= 0 && f != NULL; f = readdir(d)) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
            continue;
        if (manifest == NULL)
            rc = read_manifest(dirfd(d), f->d_name, &manifest, e);
        if (rc == 0 && !is_ours(manifest, f->d_name))
            rc = bl_fail(e, BL_E_CREATE,
                         "the folder holds '%.200s', which is no part of its shards",
                         f->d_name);
    }
    if (rc == 0)
        rc = manifest != NULL;
    bl_json_del(manifest);
    return rc;
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
    int rc = bl_buf_addf(&path, e, "%s/%s", w->temp.path, name);
    if (rc == 0)
        rc = bl_out_open(out, (const char *)path.data, e);
    bl_buf_free(&path);
    return rc;
}

int bl_shardw_fetch(const bl_shardw *w, const piece *p, int condition, bl_ids *ids,
                    bl_err *e)
{
    size_t n = condition ? p->n_condition : p->n;
    int rc = bl_room(&ids->id, &ids->cap, n, sizeof *ids->id, e);
    if (rc == 0)
        rc = bl_spill_read(w->kept, condition ? p->condition : p->start, ids->id,
                           n * sizeof *ids->id, e);
    ids->n = n;
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
