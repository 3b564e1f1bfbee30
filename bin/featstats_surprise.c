/* featstats_surprise.c - see featstats.h: the table of --surprise. */
#include "featstats.h"
#include "io/logprobs.h"
#include "compare/surprise.h"

int add_surprise(run *r, bl_buf *text, bl_err *e)
{
    bl_logprobs l;
    bl_surprise s = {0};
    const char *path = r->opts->n_operands > 0 ? r->opts->operands[0] : "-";
    int rc = bl_logprobs_read(&l, path, e);
    if (rc == 0 && r->set->is_long)
        rc = bl_surprise_bars(l.words, l.n_words, l.ids, l.log_prob, l.offsets,
                              l.n_pieces, text, e);
    else if (rc == 0)
        rc = bl_surprise_make(&s, l.words, l.n_words, l.ids, l.log_prob, l.n, e);
    if (rc == 0 && !r->set->is_long)
        rc = bl_surprise_print(&s, text, e);
    bl_surprise_free(&s);
    bl_logprobs_free(&l);
    return rc;
}
