/* verdict.c - see verdict.h. */
#include "compare/verdict.h"

#include <math.h>
#include <string.h>

/* Of the ceiling's overlapping area: as near as can be told. */
static const double near_enough = 0.9;
/* Less of them in human pieces says nothing of form. */
static const double repeats_least = 0.01;

static const bl_fact_bound bounds[BL_FACTS] = {
    {"likeness", "features as near as two halves of the human pieces", 0.75, NAN},
    {"key", "key: overlap by that of the halves", 0.9, NAN},
    {"form", "form: repeats by those of the human pieces", 0.5, 2},
    {"copying", "pieces with more from the training set than human ones", NAN, 0.2},
};

const bl_fact_bound *bl_fact_bounds(void)
{
    return bounds;
}

const char *bl_verdict_name(bl_verdict_is is)
{
    static const char *const names[] = {"unknown", "near", "far", "copied"};
    return names[is];
}

/* NaN where it is not known. Pieces that are all the same in what human ones differ in
 * have no area to overlap. */
static double by_ceiling(const bl_comparison *c)
{
    if (!(c->ceiling.oa > 0) || c->n_a < 2)
        return NAN;
    return isnan(c->a.oa) ? 0 : c->a.oa / c->ceiling.oa;
}

double bl_comparison_apart(const bl_comparison *c)
{
    double ratio = by_ceiling(c);
    return isnan(ratio) ? NAN : fmax(1 - ratio, 0);
}

/* The comparison of all pieces, or NULL. */
static const bl_comparison *find(const bl_comparisons *c, const bl_layout *l,
                                 const char *name)
{
    int field = bl_layout_find(l, name);
    for (size_t i = 0; field >= 0 && i < c->n; i++)
        if (c->row[i].field == field && strcmp(c->row[i].group, "all") == 0)
            return &c->row[i];
    return NULL;
}

static void judge_likeness(bl_verdict *v, const bl_comparisons *c)
{
    for (size_t i = 0; i < c->n; i++) {
        double ratio = by_ceiling(&c->row[i]);
        if (c->row[i].field < 0 || strcmp(c->row[i].group, "all") != 0 || isnan(ratio))
            continue;
        v->n_features++;
        v->n_near += ratio >= near_enough;
    }
    if (v->n_features > 0)
        v->fact[BL_FACT_LIKENESS].value = (double)v->n_near / (double)v->n_features;
}

static void take(bl_fact *fact, double value, const char *name, const bl_comparison *c)
{
    *fact = (bl_fact){value, name, c->mean_a, c->mean_b};
}

static void judge_key(bl_fact *fact, const bl_comparisons *c, const bl_layout *l)
{
    static const char *const names[] = {"scale_consistency", "pitch_class_histogram"};
    for (size_t i = 0; i < BL_COUNT(names); i++) {
        const bl_comparison *of = find(c, l, names[i]);
        double ratio = of != NULL ? by_ceiling(of) : NAN;
        if (!isnan(ratio) && !(fact->value <= ratio))
            take(fact, ratio, names[i], of);
    }
}

/* How many times farther from 1 than it is a ratio of 0 is, too. */
static double away(double ratio)
{
    return ratio >= 1 ? ratio : 1 / ratio;
}

static void judge_form(bl_fact *fact, const bl_comparisons *c, const bl_layout *l)
{
    static const char *const names[] = {"rep_8", "repeated_bar_share"};
    for (size_t i = 0; i < BL_COUNT(names); i++) {
        const bl_comparison *of = find(c, l, names[i]);
        if (of == NULL || !(of->mean_b >= repeats_least) || isnan(of->mean_a))
            continue;
        double ratio = of->mean_a / of->mean_b;
        if (!(away(fact->value) >= away(ratio)))
            take(fact, ratio, names[i], of);
    }
}

int bl_fact_holds(const bl_verdict *v, int fact)
{
    double x = v->fact[fact].value;
    if (isnan(x))
        return -1;
    return !(x < bounds[fact].low) && !(x > bounds[fact].high);
}

bl_verdict bl_verdict_of(const bl_comparisons *c, const bl_layout *l, double copying)
{
    bl_verdict v = {BL_VERDICT_UNKNOWN, {{0}}, 0, 0};
    for (int i = 0; i < BL_FACTS; i++)
        v.fact[i] = (bl_fact){NAN, NULL, NAN, NAN};
    judge_likeness(&v, c);
    judge_key(&v.fact[BL_FACT_KEY], c, l);
    judge_form(&v.fact[BL_FACT_FORM], c, l);
    v.fact[BL_FACT_COPYING].value = copying;
    int fails = 0, is_known = bl_fact_holds(&v, BL_FACT_LIKENESS) >= 0;
    for (int i = 0; i < BL_FACT_COPYING; i++)
        fails |= bl_fact_holds(&v, i) == 0;
    if (bl_fact_holds(&v, BL_FACT_COPYING) == 0)
        v.is = BL_VERDICT_COPIED;
    else if (fails && is_known)
        v.is = BL_VERDICT_FAR;
    else if (bl_fact_holds(&v, BL_FACT_LIKENESS) == 1)
        v.is = BL_VERDICT_NEAR;
    return v;
}

static int add_number(bl_buf *text, double x, bl_err *e)
{
    return isnan(x) ? bl_buf_adds(text, "\tnan", e) : bl_buf_addf(text, e, "\t%.9g", x);
}

int bl_verdict_tsv(const bl_verdict *v, bl_buf *text, bl_err *e)
{
    int rc = bl_buf_adds(text, "fact\tvalue\tlow\thigh\tholds\tfeature\n", e);
    for (int i = 0; rc == 0 && i < BL_FACTS; i++) {
        int holds = bl_fact_holds(v, i);
        rc = bl_buf_adds(text, bounds[i].name, e);
        if (rc == 0)
            rc = add_number(text, v->fact[i].value, e);
        if (rc == 0)
            rc = add_number(text, bounds[i].low, e);
        if (rc == 0)
            rc = add_number(text, bounds[i].high, e);
        if (rc == 0)
            rc = bl_buf_addf(text, e, "\t%s\t%s\n",
                             holds < 0    ? "nan"
                             : holds == 0 ? "0"
                                          : "1",
                             v->fact[i].field != NULL ? v->fact[i].field : "-");
    }
    return rc;
}
