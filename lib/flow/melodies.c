/* melodies.c - see melodies.h. */
#include "flow/melodies.h"

#include "base/sort.h"
#include "compare/novelty.h"
#include "io/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITE_CHUNK = 1 << 20 };

struct bl_melodies {
    bl_novelty *novelty;
    bl_series copy, longest;          /* of the reference */
    double usual_copy, usual_longest; /* their 95th percentiles, or NaN */
    uint64_t n_new, n_more;
    bl_buf text; /* rows that are not in the file yet */
    FILE *rows;
};

int bl_melodies_new(bl_melodies **out, bl_err *e)
{
    bl_melodies *m = *out = bl_calloc(1, sizeof *m, e);
    if (m == NULL)
        return BL_E_NOMEM;
    m->usual_copy = m->usual_longest = NAN;
    m->rows = tmpfile();
    if (m->rows == NULL)
        return bl_fail_errno(e, BL_E_IO, "cannot make a temporary file");
    return bl_novelty_new(&m->novelty, e);
}

static int flush(bl_melodies *m, bl_err *e)
{
    size_t n = m->text.len;
    m->text.len = 0;
    if (n > 0 && fwrite(m->text.data, 1, n, m->rows) != n)
        return bl_fail_errno(e, BL_E_IO, "cannot write a temporary file");
    return 0;
}

static int add_row(bl_melodies *m, bl_melodies_of set, const char *name,
                   const bl_novelty_match *match, bl_err *e)
{
    int rc = bl_buf_addf(&m->text, e, "%s\t%s\t%zu", name,
                         set == BL_MELODIES_REFERENCE ? "ref" : "a", match->n);
    for (int i = 0; rc == 0 && i < BL_COPY_LENGTHS; i++)
        rc = isnan(match->copy[i]) ? bl_buf_adds(&m->text, "\tnan", e)
                                   : bl_buf_addf(&m->text, e, "\t%.9g", match->copy[i]);
    if (rc == 0)
        rc = bl_buf_addf(&m->text, e, "\t%zu\t%u\t%s\t%u", match->longest,
                         match->bar + 1, match->piece != NULL ? match->piece : "-",
                         match->bar_there + 1);
    if (rc == 0 && isnan(m->usual_longest))
        return bl_buf_adds(&m->text, "\tnan\n", e);
    int is_more =
        (double)match->longest > m->usual_longest || match->copy[1] > m->usual_copy;
    m->n_new += set == BL_MELODIES_NEW;
    m->n_more += set == BL_MELODIES_NEW && is_more;
    return rc == 0 ? bl_buf_addf(&m->text, e, "\t%d\n", is_more) : rc;
}

int bl_melodies_add(bl_melodies *m, bl_melodies_of set, const char *name,
                    const bl_layout *l, const bl_row *row, bl_err *e)
{
    const bl_series *step = &row->series[l->at[bl_layout_find(l, "melody")]];
    const bl_series *bar = &row->series[l->at[bl_layout_find(l, "melody_bar")]];
    bl_novelty_match match;
    if (set == BL_MELODIES_TRAINING)
        return bl_novelty_add(m->novelty, name, step->x, bar->x, step->n, e);
    int rc = bl_novelty_match_of(m->novelty, step->x, bar->x, step->n, &match, e);
    if (rc == 0 && set == BL_MELODIES_REFERENCE) {
        rc = bl_series_add(&m->longest, (double)match.longest, e);
        if (rc == 0 && !isnan(match.copy[1]))
            rc = bl_series_add(&m->copy, match.copy[1], e);
    }
    if (rc == 0)
        rc = add_row(m, set, name, &match, e);
    return rc == 0 && m->text.len >= WRITE_CHUNK ? flush(m, e) : rc;
}

static double percentile_95(bl_series *s)
{
    if (s->n == 0)
        return NAN;
    qsort(s->x, s->n, sizeof *s->x, bl_by_double);
    return s->x[(size_t)(0.95 * (double)(s->n - 1) + 0.5)];
}

int bl_melodies_end(bl_melodies *m, bl_melodies_of set, bl_err *e)
{
    if (set == BL_MELODIES_TRAINING)
        return bl_novelty_index(m->novelty, e);
    if (set == BL_MELODIES_REFERENCE) {
        m->usual_copy = percentile_95(&m->copy);
        m->usual_longest = percentile_95(&m->longest);
    }
    return 0;
}

void bl_melodies_usual(const bl_melodies *m, double *copy_8, double *longest)
{
    *copy_8 = m->usual_copy;
    *longest = m->usual_longest;
}

double bl_melodies_more(const bl_melodies *m)
{
    return m->n_new > 0 ? (double)m->n_more / (double)m->n_new : NAN;
}

int bl_melodies_heading(bl_buf *text, bl_err *e)
{
    return bl_buf_adds(text,
                       "name\tset\tsteps\tcopy_4\tcopy_8\tcopy_12\tcopy_16\tcopy_24"
                       "\tcopy_32\tlongest\tbar\ttrain_name\ttrain_bar\tmore\n",
                       e);
}

int bl_melodies_write(bl_melodies *m, int fd, bl_err *e)
{
    int64_t n = 1;
    int rc = flush(m, e);
    if (rc == 0 && fflush(m->rows) != 0)
        rc = bl_fail_errno(e, BL_E_IO, "cannot write a temporary file");
    if (rc == 0)
        rc = bl_buf_reserve(&m->text, WRITE_CHUNK, e);
    rewind(m->rows);
    while (rc == 0 && n > 0) {
        n = bl_read_some(fileno(m->rows), m->text.data, WRITE_CHUNK, e);
        rc = n < 0 ? (int)n : bl_write_all(fd, m->text.data, (size_t)n, e);
    }
    return rc;
}

void bl_melodies_del(bl_melodies *m)
{
    if (m == NULL)
        return;
    bl_novelty_del(m->novelty);
    free(m->copy.x);
    free(m->longest.x);
    bl_buf_free(&m->text);
    if (m->rows != NULL)
        fclose(m->rows);
    free(m);
}
