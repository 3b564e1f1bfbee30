/* compare.c - see compare.h. */
#include "compare/compare.h"
#include "base/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of random numbers; each feature has its own, so that none hangs on others. */
enum { DRAW_A = 1, DRAW_B, HALVE, BOOTSTRAP };

/* The pieces of a set that have a label, or all. */
typedef struct {
    const bl_table *t;
    size_t *piece;
    size_t n;
} part;

/* The numbers of one field of some pieces: x (n, d), those with NaN left out. */
typedef struct {
    double *x;
    size_t n, d;
} points;

static const char *group_at(const bl_table *t, const char *at)
{
    return at == NULL ? (const char *)t->groups.data : at + strlen(at) + 1;
}

static int part_of(part *p, const bl_table *t, const char *group, bl_err *e)
{
    const char *of = NULL;
    *p = (part){.t = t, .piece = bl_calloc(t->n, sizeof *p->piece, e)};
    if (p->piece == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        of = group_at(t, of);
        if (group == NULL || strcmp(of, group) == 0)
            p->piece[p->n++] = i;
    }
    return 0;
}

/* Without the last digits, in which equal quantities differ that were computed from
 * different numbers: they must not be ordered by them. NaN stays. */
static double steady(double x)
{
    enum { BITS = 33 };
    int exponent = 0;
    if (!isfinite(x))
        return x;
    double mantissa = frexp(x, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, BITS)), exponent - BITS);
}

static int points_of(points *x, const part *p, size_t field, bl_err *e)
{
    const bl_layout *l = p->t->layout;
    size_t d = bl_field_size(&l->field[field]);
    *x = (points){.d = d, .x = bl_calloc(p->n, d * sizeof *x->x, e)};
    if (x->x == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < p->n; i++) {
        const double *of = p->t->value + p->piece[i] * l->n_columns + l->at[field];
        size_t k = 0;
        while (k < d && !isnan(of[k]))
            k++;
        if (k < d)
            continue;
        double *to = x->x + d * x->n++;
        memcpy(to, of, d * sizeof *of);
        if (d == 1)
            *to = steady(*to);
    }
    return 0;
}

/* Puts `most` pieces drawn by lot to the front. */
static void draw(points *x, size_t most, bl_rng rng)
{
    for (size_t i = 0; i < most && i + 1 < x->n; i++) {
        size_t k = i + bl_rng_below(&rng, (uint32_t)(x->n - i));
        for (size_t j = 0; j < x->d; j++) {
            double swap = x->x[i * x->d + j];
            x->x[i * x->d + j] = x->x[k * x->d + j];
            x->x[k * x->d + j] = swap;
        }
    }
}

int bl_distances(const double *x, size_t n_x, const double *y, size_t n_y, size_t d,
                 bl_series *out, bl_err *e)
{
    int is_intra = y == NULL;
    if (is_intra) {
        y = x;
        n_y = n_x;
    }
    void *p = out->x;
    int rc = bl_grow(&p, &out->cap, out->n + n_x * n_y, sizeof *out->x, e);
    out->x = p;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < n_x; i++)
        for (size_t k = 0; k < n_y; k++) {
            double sum = 0;
            if (is_intra && i == k)
                continue;
            for (size_t j = 0; j < d; j++) {
                double off = x[i * d + j] - y[k * d + j];
                sum += off * off;
            }
            out->x[out->n++] = sqrt(sum);
        }
    return 0;
}

static int density_of(bl_density *density, const double *x, size_t n_x, const double *y,
                      size_t n_y, size_t d, bl_err *e)
{
    bl_series s = {0};
    int rc = bl_distances(x, n_x, y, n_y, d, &s, e);
    if (rc == 0)
        rc = bl_density_make(density, s.x, s.n, e);
    free(s.x);
    return rc;
}

/* ---- one feature ---- */

static void mean_and_sd(const points *x, double *mean, double *sd)
{
    double sum = 0, squares = 0;
    size_t n = x->n * x->d;
    for (size_t i = 0; i < n; i++)
        sum += x->x[i];
    *mean = n > 0 ? sum / (double)n : NAN;
    for (size_t i = 0; i < n; i++)
        squares += (x->x[i] - *mean) * (x->x[i] - *mean);
    *sd = n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
}

static int set_apart(bl_comparisons *c, bl_comparison *r, const points *a,
                     const points *b, bl_err *e)
{
    bl_density da = {0}, db = {0}, between = {0};
    size_t n_a = bl_min(a->n, BL_PAIRED_MAX), n_b = bl_min(b->n, BL_PAIRED_MAX);
    int rc = density_of(&da, a->x, n_a, NULL, 0, a->d, e);
    if (rc == 0)
        rc = density_of(&db, b->x, n_b, NULL, 0, b->d, e);
    if (rc == 0)
        rc = density_of(&between, a->x, n_a, b->x, n_b, a->d, e);
    r->intra_a = da.mean;
    r->intra_b = db.mean;
    r->inter = between.mean;
    if (rc == 0)
        rc = bl_density_apart(&da, &between, &r->a, e);
    if (rc == 0)
        rc = bl_density_apart(&db, &between, &r->b, e);
    if (rc == 0 && c->with_mgeval)
        rc = bl_density_apart_mgeval(&da, &between, &r->mgeval_a, e);
    if (rc == 0 && c->with_mgeval)
        rc = bl_density_apart_mgeval(&db, &between, &r->mgeval_b, e);
    bl_density_free(&da);
    bl_density_free(&db);
    bl_density_free(&between);
    return rc;
}

/* Two halves of the reference, shuffled, each at most as large as what is paired. */
static int set_ceiling(bl_comparison *r, const points *b, bl_err *e)
{
    bl_density half = {0}, between = {0};
    size_t n = b->n / 2, paired = bl_min(n, BL_PAIRED_MAX);
    const double *first = b->x, *second = b->x + n * b->d;
    int rc = density_of(&half, first, paired, NULL, 0, b->d, e);
    if (rc == 0)
        rc = density_of(&between, first, paired, second, paired, b->d, e);
    if (rc == 0)
        rc = bl_density_apart(&half, &between, &r->ceiling, e);
    if (rc == 0 && b->d == 1)
        rc = bl_twosample_of(&r->ceiling_of, first, n, second, b->n - n, (bl_rng){0}, 0,
                             e);
    bl_density_free(&half);
    bl_density_free(&between);
    return rc;
}

static bl_comparison undefined(int field, const char *group)
{
    const bl_apart apart = {NAN, NAN};
    const bl_twosample of = {NAN, NAN, NAN, NAN, NAN, NAN};
    return (bl_comparison){field, group, 0,   0,   NAN,   NAN,   NAN,
                           NAN,   NAN,   NAN, NAN, apart, apart, apart,
                           apart, of,    NAN, NAN, apart, of,    NAN};
}

static int compare_field(bl_comparisons *c, bl_comparison *r, const part *pa,
                         const part *pb, bl_err *e)
{
    points a = {0}, b = {0};
    uint64_t stream = (uint64_t)r->field << 8;
    int rc = points_of(&a, pa, (size_t)r->field, e);
    if (rc == 0)
        rc = points_of(&b, pb, (size_t)r->field, e);
    if (rc == 0) {
        r->n_a = a.n;
        r->n_b = b.n;
        mean_and_sd(&a, &r->mean_a, &r->sd_a);
        mean_and_sd(&b, &r->mean_b, &r->sd_b);
        draw(&a, BL_PAIRED_MAX, bl_rng_make(c->seed, stream | DRAW_A));
        draw(&b, b.n, bl_rng_make(c->seed, stream | DRAW_B));
        rc = set_apart(c, r, &a, &b, e);
    }
    if (rc == 0)
        rc = set_ceiling(r, &b, e);
    if (rc == 0 && a.d == 1)
        rc = bl_twosample_of(&r->of, a.x, a.n, b.x, b.n,
                             bl_rng_make(c->seed, stream | BOOTSTRAP), BL_BOOTSTRAP, e);
    free(a.x);
    free(b.x);
    return rc;
}

/* ---- all features at once ---- */

/* The single features that every piece of both sets defines, and that vary in b. */
static size_t common_fields(const part *pa, const part *pb, size_t *column)
{
    const bl_layout *l = pb->t->layout;
    const part *both[2] = {pa, pb};
    size_t n = 0;
    for (size_t f = 0; f < l->n && f < bl_feat_count(); f++) {
        size_t at = l->at[f];
        double first = NAN;
        int is_defined = 1, varies = 0;
        for (int s = 0; s < 2; s++)
            for (size_t i = 0; i < both[s]->n; i++) {
                double x =
                    steady(both[s]->t->value[both[s]->piece[i] * l->n_columns + at]);
                is_defined &= !isnan(x);
                if (s == 1 && i == 0)
                    first = x;
                varies |= s == 1 && x != first;
            }
        if (is_defined && varies)
            column[n++] = at;
    }
    return n;
}

static void take_columns(const part *p, const size_t *column, size_t d, double *x)
{
    size_t width = p->t->layout->n_columns;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < d; j++)
            x[i * d + j] = steady(p->t->value[p->piece[i] * width + column[j]]);
}

static int compare_all(bl_comparisons *c, bl_comparison *r, const part *pa,
                       const part *pb, bl_err *e)
{
    size_t column[BL_FIELDS_MAX];
    size_t d = common_fields(pa, pb, column), half = pb->n / 2;
    double *x = bl_calloc(pa->n + pb->n, (d + 1) * sizeof *x, e);
    if (x == NULL)
        return BL_E_NOMEM;
    points b = {.x = x + pa->n * d, .n = pb->n, .d = d};
    int rc = 0;
    r->n_a = pa->n;
    r->n_b = pb->n;
    take_columns(pa, column, d, x);
    take_columns(pb, column, d, b.x);
    if (c->force || (pa->n >= 2 * d && pb->n >= 2 * d))
        rc = bl_frechet(x, pa->n, b.x, b.n, d, &r->frechet, e);
    draw(&b, b.n, bl_rng_make(c->seed, HALVE));
    if (rc == 0 && (c->force || half >= 2 * d))
        rc = bl_frechet(b.x, half, b.x + half * d, b.n - half, d, &r->ceiling_frechet,
                        e);
    free(x);
    return rc;
}

/* ---- groups ---- */

static int add_row(bl_comparisons *c, bl_comparison r, bl_err *e)
{
    void *p = c->row;
    int rc = bl_grow(&p, &c->cap, c->n + 1, sizeof r, e);
    c->row = p;
    if (rc == 0)
        c->row[c->n++] = r;
    return rc;
}

static int adjust(bl_comparisons *c, size_t from, bl_err *e)
{
    double p[BL_FIELDS_MAX + 1];
    for (size_t i = from; i < c->n; i++)
        p[i - from] = c->row[i].of.p;
    int rc = bl_holm(p, c->n - from, e);
    for (size_t i = from; rc == 0 && i < c->n; i++)
        c->row[i].holm = p[i - from];
    return rc;
}

static int compare_group(bl_comparisons *c, const bl_table *a, const bl_table *b,
                         const char *group, bl_err *e)
{
    part pa = {0}, pb = {0};
    size_t from = c->n;
    const char *name = group == NULL ? "all" : group;
    int rc = part_of(&pa, a, group, e);
    if (rc == 0)
        rc = part_of(&pb, b, group, e);
    for (size_t f = 0; rc == 0 && f < a->layout->n; f++) {
        if (a->layout->field[f].rows == 0)
            continue;
        bl_comparison r = undefined((int)f, name);
        rc = compare_field(c, &r, &pa, &pb, e);
        if (rc == 0)
            rc = add_row(c, r, e);
    }
    if (rc == 0)
        rc = adjust(c, from, e);
    if (rc == 0) {
        bl_comparison r = undefined(-1, name);
        rc = compare_all(c, &r, &pa, &pb, e);
        if (rc == 0)
            rc = add_row(c, r, e);
    }
    free(pa.piece);
    free(pb.piece);
    return rc;
}

/* The distinct labels of a table, sorted; *name is the caller's to free. */
static int labels_of(const bl_table *t, const char ***name, size_t *n, bl_err *e)
{
    const char *at = NULL;
    *n = 0;
    *name = bl_calloc(t->n, sizeof **name, e);
    if (*name == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        at = group_at(t, at);
        (*name)[i] = at;
    }
    if (t->n > 0)
        qsort(*name, t->n, sizeof **name, bl_by_text);
    for (size_t i = 0; i < t->n; i++)
        if ((*name)[i][0] != '\0' &&
            (*n == 0 || strcmp((*name)[*n - 1], (*name)[i]) != 0))
            (*name)[(*n)++] = (*name)[i];
    return 0;
}

int bl_compare(bl_comparisons *c, const bl_table *a, const bl_table *b, bl_err *e)
{
    const char **of_a = NULL, **of_b = NULL;
    size_t n_a = 0, n_b = 0;
    int rc = compare_group(c, a, b, NULL, e);
    if (rc == 0)
        rc = labels_of(a, &of_a, &n_a, e);
    if (rc == 0)
        rc = labels_of(b, &of_b, &n_b, e);
    for (size_t i = 0; rc == 0 && i < n_a; i++)
        if (bsearch(&of_a[i], of_b, n_b, sizeof *of_b, bl_by_text) != NULL)
            rc = compare_group(c, a, b, of_a[i], e);
    free(of_a);
    free(of_b);
    return rc;
}

void bl_comparisons_free(bl_comparisons *c)
{
    free(c->row);
    c->row = NULL;
    c->n = c->cap = 0;
}

/* ---- as text ---- */

static const char *const columns[] = {
    "mean_a",       "sd_a",        "mean_b",       "sd_b",          "intra_a",
    "intra_b",      "inter",       "kld_a",        "oa_a",          "kld_b",
    "oa_b",         "w1",          "ks",           "cliff",         "cliff_low",
    "cliff_high",   "p",           "p_holm",       "frechet",       "kld_ceiling",
    "oa_ceiling",   "w1_ceiling",  "ks_ceiling",   "cliff_ceiling", "frechet_ceiling",
    "kld_a_mgeval", "oa_a_mgeval", "kld_b_mgeval", "oa_b_mgeval",
};
enum { N_PUBLISHED = 4 };

int bl_comparisons_tsv(const bl_comparisons *c, const bl_layout *l, bl_buf *text,
                       bl_err *e)
{
    size_t n = BL_COUNT(columns) - (c->with_mgeval ? 0 : N_PUBLISHED);
    int rc = bl_buf_adds(text, "feature\tgroup\tn_a\tn_b", e);
    for (size_t k = 0; rc == 0 && k < n; k++)
        rc = bl_buf_addf(text, e, "\t%s", columns[k]);
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        const bl_comparison *r = &c->row[i];
        const double x[BL_COUNT(columns)] = {
            r->mean_a,
            r->sd_a,
            r->mean_b,
            r->sd_b,
            r->intra_a,
            r->intra_b,
            r->inter,
            r->a.kld,
            r->a.oa,
            r->b.kld,
            r->b.oa,
            r->of.w1,
            r->of.ks,
            r->of.cliff,
            r->of.low,
            r->of.high,
            r->of.p,
            r->holm,
            r->frechet,
            r->ceiling.kld,
            r->ceiling.oa,
            r->ceiling_of.w1,
            r->ceiling_of.ks,
            r->ceiling_of.cliff,
            r->ceiling_frechet,
            r->mgeval_a.kld,
            r->mgeval_a.oa,
            r->mgeval_b.kld,
            r->mgeval_b.oa,
        };
        rc = bl_buf_addf(text, e, "\n%s\t%s\t%zu\t%zu",
                         r->field < 0 ? "fd_feat" : l->field[r->field].name, r->group,
                         r->n_a, r->n_b);
        for (size_t k = 0; rc == 0 && k < n; k++)
            rc = isnan(x[k]) ? bl_buf_adds(text, "\tnan", e)
                             : bl_buf_addf(text, e, "\t%.9g", x[k]);
    }
    return rc == 0 ? bl_buf_addc(text, '\n', e) : rc;
}
