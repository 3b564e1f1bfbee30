/* conditions.c - see conditions.h. */
#include "flow/conditions.h"

#include <stdlib.h>
#include <string.h>

static int in_order(const void *va, const void *vb)
{
    const bl_named_piece *a = va, *b = vb;
    int order = strcmp(a->name, b->name);
    if (order != 0)
        return order;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int keep(bl_conditions *c, const bl_piece *piece, bl_err *e)
{
    void *array = c->pieces;
    int rc = bl_grow(&array, &c->cap, c->n + 1, sizeof *c->pieces, e);
    c->pieces = array;
    if (rc != 0)
        return rc;
    bl_named_piece *p = &c->pieces[c->n];
    *p = (bl_named_piece){
        .name = bl_strdup(piece->name, e), .xxh3 = piece->xxh3, .order = c->n};
    if (p->name == NULL)
        return BL_E_NOMEM;
    c->n++;
    return bl_ids_add_n(&p->ids, piece->ids.id, piece->ids.n, e);
}

int bl_conditions_read(bl_conditions *c, const char *path, const bl_tokens_kind *kind,
                       const char *of, bl_err *e)
{
    bl_piece piece = {0};
    int rc = bl_source_open(&c->source, &path, 1, e);
    if (rc != 0)
        return rc;
    if (kind != NULL)
        rc = bl_tokens_same_kind(of, kind, path, bl_corpus_kind(c->source.corpus), e);
    if (rc != 0)
        return rc;
    while ((rc = bl_corpus_next(c->source.corpus, &piece, e)) > 0) {
        rc = keep(c, &piece, e);
        if (rc != 0)
            break;
    }
    bl_piece_free(&piece);
    if (rc == 0 && c->n == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
        bl_err_in(e, path);
    }
    if (rc == 0)
        qsort(c->pieces, c->n, sizeof *c->pieces, in_order);
    return rc;
}

/* Whether the name is the first len bytes of `text`, before it or behind it. */
static int against(const char *name, const char *text, size_t len)
{
    int order = strncmp(name, text, len);
    return order != 0 ? order : name[len] != '\0';
}

/* The place of the first piece of that name, or of the next greater one. */
static size_t place_of(const bl_conditions *c, const char *name, size_t len)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (against(c->pieces[middle].name, name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const bl_named_piece *first_of(const bl_conditions *c, const char *name,
                                      size_t len)
{
    size_t i = place_of(c, name, len);
    return i < c->n && against(c->pieces[i].name, name, len) == 0 ? &c->pieces[i]
                                                                  : NULL;
}

const bl_named_piece *bl_conditions_of(const bl_conditions *c, const char *name)
{
    const bl_named_piece *found = first_of(c, name, strlen(name));
    const char *dot = strrchr(name, '.');
    if (found != NULL || dot == NULL || dot[1] == '\0' ||
        strspn(dot + 1, "0123456789") != strlen(dot + 1))
        return found;
    return first_of(c, name, (size_t)(dot - name));
}

const bl_named_piece *bl_conditions_take(bl_conditions *c, const char *name)
{
    size_t low = place_of(c, name, strlen(name));
    while (low < c->n && c->pieces[low].is_taken)
        low++;
    if (low == c->n || strcmp(c->pieces[low].name, name) != 0)
        return NULL;
    c->pieces[low].is_taken = 1;
    return &c->pieces[low];
}

const bl_named_piece *bl_conditions_take_at(bl_conditions *c, size_t i)
{
    size_t k = 0;
    while (k < c->n && c->pieces[k].order != i)
        k++;
    if (k == c->n || c->pieces[k].is_taken)
        return NULL;
    c->pieces[k].is_taken = 1;
    return &c->pieces[k];
}

void bl_conditions_free(bl_conditions *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->pieces[i].name);
        bl_ids_free(&c->pieces[i].ids);
    }
    free(c->pieces);
    bl_source_free(&c->source);
    *c = (bl_conditions){0};
}
