/* source.c - see source.h. */
#include "flow/source.h"

int bl_source_open(bl_source *s, const char *const *paths, size_t n, bl_err *e)
{
    bl_input first = BL_INPUT_INIT;
    return bl_source_open_over(s, paths, n, &first, e);
}

int bl_source_open_over(bl_source *s, const char *const *paths, size_t n,
                        bl_input *first, bl_err *e)
{
    int rc = bl_corpus_open_over(&s->corpus, paths, n, first, e);
    if (rc != 0)
        return rc;
    const bl_tokens_kind *kind = bl_corpus_kind(s->corpus);
    rc = bl_scheme_open_stated(&s->scheme, &kind->spec, kind->sha256, e);
    if (rc != 0)
        return bl_fail_in(e, rc, bl_corpus_file(s->corpus));
    bl_corpus_set_words(s->corpus, bl_scheme_words(s->scheme));
    return 0;
}

int bl_source_pg(const bl_source *s, const bl_json *other, const bl_self *self,
                 bl_json **pg, bl_err *e)
{
    const bl_json *parents[] = {s->corpus != NULL ? bl_corpus_pg(s->corpus) : NULL,
                                other};
    *pg = NULL;
    if (self == NULL)
        return 0;
    *pg = bl_prov_chain(parents, BL_COUNT(parents), self, e);
    return *pg == NULL ? BL_E_NOMEM : 0;
}

void bl_source_free(bl_source *s)
{
    bl_scheme_del(s->scheme);
    bl_corpus_del(s->corpus);
    *s = (bl_source){0};
}
