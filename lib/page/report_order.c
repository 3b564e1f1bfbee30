/* report_order.c - see report.h: in which order features come, and how sets are called.
 */
#include "page/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

typedef struct {
    double apart; /* -1: not known */
    size_t field;
} place;

static int farthest_first(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->apart > q->apart || p->apart < q->apart)
        return p->apart > q->apart ? -1 : 1;
    return p->field < q->field ? -1 : p->field > q->field;
}

size_t bl_report_order(const bl_report *r, bl_report_by by, size_t *field)
{
    place all[BL_FIELDS_MAX];
    size_t n = 0;
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = bl_report_compared(r, f);
        double x = c == NULL           ? NAN
                   : by == BL_BY_DELTA ? fabs(c->of.cliff)
                                       : bl_comparison_apart(c);
        if (r->a->layout->field[f].rows > 0)
            all[n++] = (place){isnan(x) ? -1 : x, f};
    }
    qsort(all, n, sizeof *all, farthest_first);
    for (size_t i = 0; i < n; i++)
        field[i] = all[i].field;
    return n;
}

/* ---- names ---- */

static int ends_in(const char *name, size_t n, const char *end)
{
    size_t k = strlen(end);
    return n > k && memcmp(name + n - k, end, k) == 0;
}

/* Without what says that it is a file, and not longer than a heading may be. */
static void shorten(const char *name, char label[BL_REPORT_LABEL])
{
    static const char *const ends[] = {".tok.zst", ".tok", ".mid", ".midi"};
    enum { MOST = BL_REPORT_LABEL - 8 };
    size_t n = strlen(name), most = MOST;
    for (size_t i = 0; i < BL_COUNT(ends); i++)
        if (ends_in(name, n, ends[i]))
            n -= strlen(ends[i]);
    while (n > most && most > 0 && ((unsigned char)name[most] & 0xc0) == 0x80)
        most--;
    snprintf(label, BL_REPORT_LABEL, "%.*s%s", (int)(n > most ? most : n), name,
             n > most ? "\xe2\x80\xa6" : "");
}

void bl_report_name(bl_report *r)
{
    shorten(r->name_a, r->label[0]);
    if (r->b == NULL)
        return;
    shorten(r->name_b, r->label[1]);
    if (strcmp(r->label[0], r->label[1]) != 0)
        return;
    for (int i = 0; i < 2; i++)
        strcat(r->label[i], i == 0 ? " (1)" : " (2)");
}
