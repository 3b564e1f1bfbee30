/* report_frame.c - see report.h: what all parts of a page are made with. */
#include "page/report.h"

#include <math.h>
#include <string.h>

static const char style[] =
    "*{box-sizing:border-box}html{color-scheme:light dark}"
    "body{margin:0 auto;padding:1rem;max-width:1360px;background:var(--bg);"
    "color:var(--fg);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .4rem;"
    "border-bottom:1px solid var(--rule);padding-bottom:.2rem}"
    "p{margin:.4rem 0 .8rem;max-width:72ch}.dim{color:var(--dim)}"
    "nav{font-size:.9rem;margin:.6rem 0}nav a{margin-right:1rem;white-space:nowrap}"
    "a{color:var(--a)}footer{margin-top:3rem;font-size:.8rem;color:var(--dim);"
    "border-top:1px solid var(--rule);padding-top:.5rem}audio{width:100%;height:2.2rem}"
    "#overview+p+div table{width:100%}td svg{display:block;margin:auto}"
    "td:first-child{position:sticky;left:0;background:var(--bg)}"
    ".grid{display:grid;gap:1rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr))}"
    ".wide,.half,.pair{display:grid;gap:1rem}"
    ".half{grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr))}"
    ".pair{grid-template-columns:repeat(auto-fill,minmax(min(100%,560px),1fr))}"
    "figure{margin:0;padding:.6rem;border:1px solid var(--rule);border-radius:8px;"
    "min-width:0;break-inside:avoid;display:flex;flex-direction:column}"
    "figcaption{font-weight:600;margin-bottom:.3rem}.grid figcaption{flex:1}"
    "figcaption small{display:block;font-weight:400;font-size:.75rem;line-height:1.35;"
    "color:var(--dim)}"
    "figure svg{display:block;width:100%;height:auto}"
    ".grid figure svg{max-height:340px}.wide figure{max-width:940px}"
    "@media(max-width:640px){figure .scroll svg{min-width:600px}"
    ".verdict td:nth-child(3){white-space:normal;overflow-wrap:normal}}"
    "details{margin-top:.4rem;font-size:.85rem}summary{cursor:pointer;color:var(--dim)}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem;"
    "font-variant-numeric:tabular-nums}"
    "td,th{padding:.18rem .5rem;text-align:right;border-bottom:1px solid var(--rule);"
    "white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}"
    ".key::before{content:'';display:inline-block;width:.8em;height:.8em;"
    "margin:0 .3em 0 0;border-radius:2px;background:var(--k)}"
    ".key{white-space:nowrap;margin-right:1.2em}"
    ".verdict{border:1px solid var(--rule);border-left:6px solid var(--dim);"
    "border-radius:8px;padding:.5rem 1rem;margin:1rem 0;background:var(--soft)}"
    ".verdict>p{font-size:1.1rem}.verdict.near{border-left-color:var(--c)}"
    ".verdict.far,.verdict.copied{border-left-color:var(--b)}"
    ".verdict table{font-size:.9rem;width:100%;max-width:60rem}"
    ".verdict td:first-child,.verdict th:first-child{white-space:normal}"
    ".verdict td,.verdict th{padding:.25rem .3rem}"
    "svg .rule,svg .bar{vector-effect:non-scaling-stroke}"
    ".verdict td:first-child{position:static;background:none}"
    ".verdict small{display:block;color:var(--dim);overflow-wrap:normal}"
    ".verdict .bad td:last-child{color:var(--b);font-weight:600}"
    ".verdict .good td:last-child{color:var(--c);font-weight:600}"
    "@media "
    "print{:root{--bg:#fff;--fg:#000}figure{border-color:#bbb}nav{display:none}}";

void bl_report_begin(bl_svg *s, const char *title)
{
    bl_svg_raw(s, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,"
                  "initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n<title>");
    bl_svg_escape(s, title);
    bl_svg_raw(s, "</title>\n<style>");
    bl_svg_style(s);
    bl_svg_raw(s, style);
    bl_svg_raw(s, "</style></head><body>\n");
}

void bl_report_begin_figure(bl_svg *s, const char *title, const char *what)
{
    bl_svg_raw(s, "<figure><figcaption>");
    bl_svg_escape(s, title);
    if (what != NULL) {
        bl_svg_raw(s, "<small>");
        bl_svg_escape(s, what);
        bl_svg_raw(s, "</small>");
    }
    bl_svg_raw(s, "</figcaption>");
}

void bl_report_begin_plot(bl_svg *s)
{
    bl_svg_raw(s, "<div class=\"scroll\">");
}

void bl_report_end_plot(bl_svg *s)
{
    bl_svg_raw(s, "</div>");
}

void bl_report_begin_table(bl_svg *s)
{
    bl_svg_raw(s, "<details><summary>numbers</summary><div class=\"scroll\"><table>\n");
}

void bl_report_end_figure(bl_svg *s)
{
    bl_svg_raw(s, "</table></div></details></figure>\n");
}

void bl_report_cell(bl_svg *s, double x)
{
    if (isnan(x))
        bl_svg_raw(s, "<td class=\"dim\">–</td>");
    else
        bl_svg_printf(
            s, fabs(x) >= 1000 && fabs(x) < 1e7 ? "<td>%.0f</td>" : "<td>%.4g</td>", x);
}

void bl_report_head_row(bl_svg *s, const char *const *name, size_t n)
{
    bl_svg_raw(s, "<tr>");
    for (size_t i = 0; i < n; i++) {
        bl_svg_raw(s, "<th>");
        bl_svg_escape(s, name[i]);
        bl_svg_raw(s, "</th>");
    }
    bl_svg_raw(s, "</tr>\n");
}

void bl_report_section(bl_svg *s, const char *id, const char *title, const char *text,
                       const char *class)
{
    bl_svg_printf(s, "<h2 id=\"%s\">%s</h2>\n<p class=\"dim\">", id, title);
    bl_svg_raw(s, text);
    bl_svg_printf(s, "</p>\n<div class=\"%s\">\n", class);
}

void bl_report_key(bl_svg *s, int colour, const char *text, const char *name)
{
    bl_svg_printf(s, "<span class=\"key\" style=\"--k:var(--%c)\">%s", colour, text);
    bl_svg_escape(s, name);
    bl_svg_raw(s, "</span> ");
}

/* ---- values ---- */

int bl_report_values(const bl_table *t, size_t field, const char *group, double **value,
                     size_t *n, bl_err *e)
{
    const char *of = (const char *)t->groups.data;
    *n = 0;
    *value = bl_calloc(t->n, sizeof **value, e);
    if (*value == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < t->n; i++, of += strlen(of) + 1) {
        double x = t->value[i * t->layout->n_columns + t->layout->at[field]];
        if (!isnan(x) && (group == NULL || strcmp(of, group) == 0))
            (*value)[(*n)++] = x;
    }
    return 0;
}

const bl_comparison *bl_report_compared(const bl_report *r, size_t field)
{
    for (size_t i = 0; r->compared != NULL && i < r->compared->n; i++) {
        const bl_comparison *c = &r->compared->row[i];
        if (c->field == (int)field && strcmp(c->group, "all") == 0)
            return c;
    }
    return NULL;
}
