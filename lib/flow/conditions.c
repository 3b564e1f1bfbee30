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

const bl_named_piece *bl_conditions_take(bl_conditions *c, const char *name)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(c->pieces[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
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
