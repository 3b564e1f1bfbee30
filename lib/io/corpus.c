/* corpus.c - see corpus.h. */
#include "io/corpus.h"
#include "io/prov.h"
#include "io/walk.h"

#include <stdlib.h>
#include <string.h>

struct bl_corpus {
    const char *const *paths; /* [n_paths] */
    size_t n_paths, i;        /* i: the one being read */
    bl_input in;
    bl_tokr *reader; /* NULL after the last stream */
    bl_tokens_kind kind;
    const bl_words *words;
    bl_prov *pg; /* of the streams that ended, or NULL */
};

static const char *path_of(const bl_corpus *c, size_t i)
{
    return c->n_paths == 0 ? "-" : c->paths[i];
}

static const char *shown(const bl_corpus *c, size_t i)
{
    return bl_path_or_stdin(path_of(c, i));
}

static int open_stream(bl_corpus *c, bl_err *e)
{
    int rc = c->in.zr == NULL ? bl_input_open(&c->in, path_of(c, c->i), e) : 0;
    if (rc != 0)
        return rc;
    return bl_tokr_new_over(&c->reader, bl_input_take(&c->in), shown(c, c->i), e);
}

static void close_stream(bl_corpus *c)
{
    bl_tokr_del(c->reader);
    c->reader = NULL;
    bl_input_close(&c->in);
}

int bl_corpus_open(bl_corpus **c, const char *const *paths, size_t n, bl_err *e)
{
    bl_input first = BL_INPUT_INIT;
    return bl_corpus_open_over(c, paths, n, &first, e);
}

int bl_corpus_open_over(bl_corpus **c, const char *const *paths, size_t n,
                        bl_input *first, bl_err *e)
{
    *c = NULL;
    bl_corpus *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->paths = paths;
    new->n_paths = n;
    new->in = *first;
    *first = BL_INPUT_INIT;
    int rc = open_stream(new, e);
    if (rc != 0) {
        bl_corpus_del(new);
        return rc;
    }
    new->kind = *bl_tokr_kind(new->reader);
    *c = new;
    return 0;
}

const bl_tokens_kind *bl_corpus_kind(const bl_corpus *c)
{
    return &c->kind;
}

void bl_corpus_set_words(bl_corpus *c, const bl_words *words)
{
    c->words = words;
    bl_tokr_set_words(c->reader, words);
}

static int open_next(bl_corpus *c, bl_err *e)
{
    int rc = bl_prov_add(&c->pg, bl_tokr_pg(c->reader), e);
    close_stream(c);
    c->i++;
    if (rc != 0 || c->i >= c->n_paths)
        return rc;
    rc = open_stream(c, e);
    if (rc != 0)
        return rc;
    rc = bl_tokens_same_kind(shown(c, 0), &c->kind, shown(c, c->i),
                             bl_tokr_kind(c->reader), e);
    if (rc != 0)
        return rc;
    bl_tokr_set_words(c->reader, c->words);
    return 0;
}

int bl_corpus_next(bl_corpus *c, bl_piece *piece, bl_err *e)
{
    while (c->reader != NULL) {
        int rc = bl_tokr_next(c->reader, piece, e);
        if (rc != 0)
            return rc;
        rc = open_next(c, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

bl_tokr *bl_corpus_stream(bl_corpus *c)
{
    return c->reader;
}

const char *bl_corpus_file(const bl_corpus *c)
{
    return shown(c, c->reader != NULL || c->i == 0 ? c->i : c->i - 1);
}

const bl_json *bl_corpus_pg(const bl_corpus *c)
{
    return bl_prov_list(c->pg);
}

void bl_corpus_del(bl_corpus *c)
{
    if (c == NULL)
        return;
    close_stream(c);
    bl_prov_del(c->pg);
    free(c);
}
