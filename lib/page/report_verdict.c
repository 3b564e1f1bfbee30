/* report_verdict.c - see report.h: what the page comes to, and what tokens cost. */
#include "page/report.h"

#include <math.h>
#include <stdio.h>

/* ---- the verdict ---- */

static const char *const said[] = {
    "Not known: there are too few pieces to compare.",
    "Near: by these measures the new pieces are as near to the human ones as human "
    "pieces are to one another, and not copied.",
    "Far: the new pieces differ from the human ones by more than human pieces differ "
    "from one another.",
    "Copied: more of the melodies stands in the training set than in human pieces "
    "that are not in it.",
};

static void wanted_cell(bl_svg *s, const bl_fact_bound *b, int is_percent)
{
    double by = is_percent ? 100 : 1;
    const char *unit = is_percent ? " %" : "";
    if (isnan(b->low))
        bl_svg_printf(s, "<td>at most %.3g%s</td>", by * b->high, unit);
    else if (isnan(b->high))
        bl_svg_printf(s, "<td>at least %.3g%s</td>", by * b->low, unit);
    else
        bl_svg_printf(s, "<td>%.3g to %.3g</td>", b->low, b->high);
}

/* What of several it is, and what that is in both sets. */
static void field_note(bl_svg *s, const bl_verdict *v, int i)
{
    const bl_fact *fact = &v->fact[i];
    if (i == BL_FACT_LIKENESS && v->n_features > 0)
        bl_svg_printf(s, "<small>%zu of %zu features</small>", v->n_near,
                      v->n_features);
    if (fact->field == NULL)
        return;
    bl_svg_printf(s, "<small>%s", fact->field);
    if (i == BL_FACT_FORM)
        bl_svg_printf(s, ": mean %.3g, human %.3g", fact->mean_a, fact->mean_b);
    bl_svg_raw(s, "</small>");
}

static void fact_row(bl_svg *s, const bl_verdict *v, int i)
{
    static const char *const mark[] = {"not known", "no", "yes"};
    static const char *const class[] = {"dim", "bad", "good"};
    const bl_fact_bound *b = &bl_fact_bounds()[i];
    int holds = bl_fact_holds(v, i), is_percent = i != BL_FACT_FORM;
    double x = v->fact[i].value;
    bl_svg_printf(s, "<tr class=\"%s\"><td>", class[holds + 1]);
    bl_svg_escape(s, b->title);
    field_note(s, v, i);
    bl_svg_raw(s, "</td>");
    if (isnan(x))
        bl_report_cell(s, x);
    else if (is_percent)
        bl_svg_printf(s, "<td>%.3g %%</td>", 100 * x);
    else
        bl_svg_printf(s, "<td>%.3g</td>", x);
    wanted_cell(s, b, is_percent);
    bl_svg_printf(s, "<td>%s</td></tr>\n", mark[holds + 1]);
}

/* The features that differ most, in words. */
static void differences(bl_svg *s, const bl_report *r)
{
    enum { SAID = 4 };
    size_t field[BL_FIELDS_MAX], n = bl_report_order(r, BL_BY_DELTA, field);
    int told = 0;
    for (size_t i = 0; i < n && told < SAID; i++) {
        const bl_comparison *c = bl_report_compared(r, field[i]);
        if (c == NULL || isnan(c->of.cliff) || fabs(c->of.cliff) < 0.15)
            continue;
        bl_svg_printf(s, "%s%s (%.3g, human %.3g)",
                      told++ == 0 ? "<p>What differs most: " : ", ",
                      r->a->layout->field[field[i]].name, c->mean_a, c->mean_b);
    }
    if (told > 0)
        bl_svg_raw(s, ".</p>\n");
}

void bl_report_verdict(bl_svg *s, const bl_report *r)
{
    const bl_verdict *v = r->verdict;
    const char *text = said[v->is];
    size_t word = 0;
    while (text[word] != ':')
        word++;
    bl_svg_printf(s,
                  "<section class=\"verdict %s\" id=\"verdict\"><p><b>%.*s</b>%s</p>\n",
                  bl_verdict_name(v->is), (int)word, text, text + word);
    bl_svg_raw(s, "<table><tr><th>rests on</th><th>found</th><th>wanted</th>"
                  "<th>holds</th></tr>\n");
    for (int i = 0; i < BL_FACTS; i++)
        fact_row(s, v, i);
    bl_svg_raw(s, "</table>\n");
    differences(s, r);
    bl_svg_raw(s, "</section>\n");
}

/* ---- what tokens cost ---- */

void bl_report_surprise(bl_svg *s, const bl_surprise *cost)
{
    const double width = 120;
    char text[160];
    double most = 0;
    for (size_t i = 0; i < cost->n_kinds; i++)
        most = fmax(most, cost->kinds[i].nats);
    snprintf(text, sizeof text,
             "%.4g nats a token, %.4g bits a note, on human pieces that were not "
             "trained on; the bar is a kind's share of all nats.",
             cost->nats / (double)cost->tokens,
             cost->nats / log(2) / (double)cost->notes);
    bl_report_section(s, "surprise", "What tokens cost the model", text, "scroll");
    bl_svg_raw(s, "<table><tr><th>kind</th><th>tokens</th><th>nats each</th>"
                  "<th>share</th><th></th></tr>\n");
    for (size_t i = 0; i < cost->n_kinds; i++) {
        const bl_surprise_kind *k = &cost->kinds[i];
        bl_svg_raw(s, "<tr><td>");
        bl_svg_escape(s, k->kind);
        bl_svg_printf(s, "</td><td>%llu</td><td>%.3g</td><td>%.1f %%</td><td>",
                      (unsigned long long)k->n, k->n > 0 ? k->nats / (double)k->n : 0,
                      cost->nats > 0 ? 100 * k->nats / cost->nats : 0);
        bl_svg_printf(s,
                      "<svg viewBox=\"0 0 %.0f 12\" width=\"%.0f\" height=\"12\" "
                      "aria-hidden=\"true\">",
                      width, width);
        bl_svg_rect(s, 0, 1, most > 0 ? width * k->nats / most : 0, 10, "fa", 1);
        bl_svg_raw(s, "</svg></td></tr>\n");
    }
    bl_svg_raw(s, "</table></div>\n");
}
