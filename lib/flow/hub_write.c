/* hub_write.c - see hub.h: a checkpoint as a folder of Hugging Face's form. */
#include "flow/hub_names.h"
#include "flow/hub_tokens.h"

#include "io/file.h"
#include "io/folder.h"
#include "io/header.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- may it be written? ---- */

static int is_empty(DIR *d)
{
    for (struct dirent *f = readdir(d); f != NULL; f = readdir(d))
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
            return 0;
    return 1;
}

int bl_hub_may_write(const char *dir, int replace, bl_err *e)
{
    struct stat st;
    int is_json, rc = 0;
    if (stat(dir, &st) != 0) {
        char *path = bl_folder_path(dir, e);
        rc = path != NULL ? bl_folder_may_create(path, e) : BL_E_NOMEM;
        free(path);
    } else if (!S_ISDIR(st.st_mode)) {
        rc = bl_fail(e, BL_E_CREATE, "a file is there, and no folder");
    } else if (!bl_hub_states_type(dir, &is_json)) {
        DIR *d = opendir(dir);
        if (d == NULL || !is_empty(d))
            rc = bl_fail(e, BL_E_CREATE,
                         "the folder holds something else than a model of this form");
        if (d != NULL)
            closedir(d);
    } else if (!replace) {
        rc = bl_fail(e, BL_E_CREATE, "the folder holds a model; -f replaces it");
    }
    return rc == 0 ? 0 : bl_fail_in(e, rc, dir);
}

/* ---- files ---- */

/* Takes the object. */
static int write_json(const char *dir, const char *name, bl_json *o, bl_err *e)
{
    bl_buf text = {0};
    int rc = o != NULL ? bl_json_write(o, &text, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_buf_addc(&text, '\n', e);
    if (rc == 0)
        rc = bl_hub_put_file(dir, name, &text, e);
    bl_json_del(o);
    bl_buf_free(&text);
    return rc;
}

/* ---- tensors ---- */

typedef struct {
    bl_ckpt *c;
    bl_hub_kind kind;
    bl_hub_links links;
    bl_tensor *t; /* [n] of the hub, data owned */
    size_t n;
} writing;

static bl_tensor *ours_of(const writing *w, const bl_hub_link *l, bl_err *e)
{
    char name[BL_TENSOR_NAME];
    int64_t shape[2];
    snprintf(name, sizeof name, "param.%s", l->ours);
    bl_hub_our_shape(l, shape);
    const bl_tensor *found = bl_tensors_find(&w->c->head, name);
    if (found == NULL || found->data == NULL || found->dtype != BL_F32 ||
        found->ndim != l->ndim ||
        memcmp(found->shape, shape, (size_t)l->ndim * sizeof *shape) != 0) {
        bl_fail(e, BL_E_FORMAT, "tensor '%s' is missing or has another shape", name);
        return NULL;
    }
    return &w->c->head.t[found - w->c->head.t];
}

/* What no link behind this one reads is given back: memory holds each number once, but
 * for a tensor on its way. */
static void release(const writing *w, size_t link, bl_tensor *t)
{
    for (size_t i = link + 1; i < w->links.n; i++)
        if (strcmp(w->links.link[i].ours, w->links.link[link].ours) == 0)
            return;
    free(t->data);
    t->data = NULL;
}

/* The hub's tensor of the links from `first` on; *next is the first of another. */
static int gather(writing *w, size_t first, size_t *next, bl_err *e)
{
    const bl_hub_link *l = w->links.link;
    bl_tensor *to = &w->t[w->n];
    char name[BL_TENSOR_NAME];
    int64_t shape[2];
    bl_hub_full(w->kind, l[first].hub, name, sizeof name);
    bl_hub_shape(&l[first], shape);
    int rc = bl_tensor_make(to, name, BL_F32, l[first].ndim, shape, NULL, e);
    if (rc != 0)
        return rc;
    w->n++;
    to->data = bl_calloc((size_t)to->bytes, 1, e);
    if (to->data == NULL)
        return BL_E_NOMEM;
    size_t i = first;
    for (; i < w->links.n && strcmp(l[i].hub, l[first].hub) == 0; i++) {
        bl_tensor *ours = ours_of(w, &l[i], e);
        if (ours == NULL)
            return bl_code_of(e, BL_E_FORMAT);
        bl_hub_to_hub(&l[i], ours->data, to->data);
        release(w, i, ours);
    }
    *next = i;
    return 0;
}

static int write_tensors(const writing *w, const char *dir, bl_err *e)
{
    bl_buf path = {0};
    bl_out out = {.fd = -1};
    bl_zw *zw = NULL;
    bl_json *meta = bl_json_object(e);
    /* older versions of transformers refuse a file that does not say so */
    int rc = meta != NULL ? bl_json_set_str(meta, "format", "pt", e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_buf_addf(&path, e, "%s/model.safetensors", dir);
    const char *file = rc == 0 ? bl_buf_str(&path, e) : NULL;
    if (rc == 0)
        rc = file != NULL ? bl_out_open(&out, file, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_zw_new(&zw, out.fd, 0, e);
    if (rc == 0)
        rc = bl_tensors_write(zw, w->t, w->n, meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(zw, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_zw_del(zw);
    bl_json_del(meta);
    bl_buf_free(&path);
    return rc;
}

static int write_weights(writing *w, const char *dir, bl_err *e)
{
    int rc = bl_hub_links_make(&w->links, w->kind, &w->c->info.config.model, e);
    if (rc == 0) {
        w->t = bl_calloc(w->links.n, sizeof *w->t, e);
        rc = w->t != NULL ? 0 : BL_E_NOMEM;
    }
    for (size_t i = 0; i < w->links.n && rc == 0;)
        rc = gather(w, i, &i, e);
    if (rc == 0)
        rc = write_tensors(w, dir, e);
    for (size_t i = 0; i < w->n; i++)
        free(w->t[i].data);
    free(w->t);
    bl_hub_links_free(&w->links);
    return rc;
}

/* ---- the folder ---- */

static int write_all(writing *w, const bl_hub_ids *stated, const char *dir, bl_err *e)
{
    const bl_model_config *m = &w->c->info.config.model;
    const bl_vocab *vocab = &w->c->vocab;
    bl_hub_ids ids = *stated;
    if (vocab->words != NULL)
        ids = bl_hub_ids_of(vocab->words);
    int rc = write_json(dir, "config.json", bl_hub_config(m, w->kind, &ids, e), e);
    if (rc == 0)
        rc = write_json(dir, "generation_config.json", bl_hub_generation(&ids, e), e);
    if (rc == 0 && vocab->words != NULL)
        rc = bl_hub_write_tokens(vocab, bl_hub_context(m, w->kind), dir, e);
    return rc == 0 ? write_weights(w, dir, e) : rc;
}

/* The unfinished folder, guarded while files are put into it; what moves is not. */
static int write_guarded(writing *w, const bl_hub_ids *ids, const char *temp,
                         const bl_guards *guards, bl_err *e)
{
    bl_buf with_files = {0};
    int rc = bl_buf_addf(&with_files, e, "%s/", temp);
    const char *path = rc == 0 ? bl_buf_str(&with_files, e) : NULL;
    if (path != NULL) {
        bl_guards_add(guards, path);
        rc = write_all(w, ids, temp, e);
        bl_guards_drop(guards, path);
    }
    bl_buf_free(&with_files);
    return path != NULL ? rc : BL_E_NOMEM;
}

int bl_hub_write(bl_ckpt *c, const bl_hub_ids *ids, const char *dir, int replace,
                 const bl_guards *guards, bl_err *e)
{
    writing w = {.c = c};
    bl_folder temp = {0};
    int rc = bl_hub_kind_of(&c->info.config.model, &w.kind, e);
    if (rc == 0)
        rc = bl_hub_may_write(dir, replace, e);
    if (rc != 0)
        return rc;
    char *path = bl_folder_path(dir, e);
    rc = path != NULL ? bl_folder_temp(&temp, path, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = write_guarded(&w, ids, temp.path, guards, e);
    if (rc == 0)
        rc = bl_folder_swap(temp.path, path, e);
    bl_folder_drop(&temp);
    if (rc != 0)
        bl_err_in(e, dir);
    free(path);
    return rc;
}
