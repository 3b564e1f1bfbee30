/* svg_style.c - the colours of pictures and pages, light and dark, as style sheets. A
 * page has variables; a picture that stands alone has none, for viewers and office
 * suites that know none take such a rule for no colour. */
#include "page/svg.h"

#include <string.h>

static const struct {
    const char *name, *light, *dark;
} colours[] = {
    {"bg", "#fff", "#14171a"},      {"fg", "#1d2126", "#e4e7ea"},
    {"dim", "#68707a", "#9aa3ad"},  {"rule", "#d9dde2", "#343a41"},
    {"soft", "#f3f5f7", "#1d2126"}, {"a", "#0b6bcb", "#58a6ff"},
    {"b", "#c2570c", "#f0883e"},    {"c", "#2e8b57", "#56d364"},
    {"d", "#8250df", "#bc8cff"},    {"e", "#0e7c86", "#39c5cf"},
    {"f", "#b83280", "#f778ba"},    {"g", "#d62728", "#ff6b6b"},
    {"h", "#a17a00", "#d8a800"},    {"i", "#1f2a8a", "#8fa0ff"},
    {"j", "#6b8e23", "#a5d65a"},    {"k", "#17a2d8", "#7fd4ff"},
    {"l", "#8c564b", "#c9927f"},    {"m", "#f06fb4", "#ffb3dc"},
    {"o", "#00b388", "#4fe3b5"},    {"p", "#5a4a78", "#b6a6d9"},
    {"q", "#b3a100", "#e6d84a"},
};

/* What of a picture has one of them, and what else it is. Office suites know neither
 * the short form of fonts nor elements within elements. */
static const struct {
    const char *selector, *property, *colour, *more;
} rules[] = {
    {"text", "fill", "dim", "font-size:11px;font-family:system-ui,sans-serif"},
    {".rule", "stroke", "rule", "fill:none"},
    {".bar", "stroke", "dim", "fill:none"},
    {".bg", "fill", "bg", NULL},
    {".soft", "fill", "soft", NULL},
    {".fa", "fill", "a", NULL},
    {".fb", "fill", "b", NULL},
    {".fc", "fill", "c", NULL},
    {".fd", "fill", "d", NULL},
    {".fe", "fill", "e", NULL},
    {".ff", "fill", "f", NULL},
    {".fg", "fill", "g", NULL},
    {".fh", "fill", "h", NULL},
    {".fi", "fill", "i", NULL},
    {".fj", "fill", "j", NULL},
    {".fk", "fill", "k", NULL},
    {".fl", "fill", "l", NULL},
    {".fm", "fill", "m", NULL},
    {".fo", "fill", "o", NULL},
    {".fp", "fill", "p", NULL},
    {".fq", "fill", "q", NULL},
    {".fn", "fill", "dim", NULL},
    {".title", "fill", "fg", "font-weight:600;font-size:13px"},
    {".la", "stroke", "a", "fill:none;stroke-width:1.5"},
    {".lb", "stroke", "b", "fill:none;stroke-width:1.5"},
    {".lc", "stroke", "c", "fill:none;stroke-width:1.5;stroke-dasharray:4 3"},
    {".ld", "stroke", "d", "fill:none;stroke-width:1.5"},
};

static void add_variables(bl_svg *s, int is_dark)
{
    bl_svg_raw(s, ":root{");
    for (size_t i = 0; i < BL_COUNT(colours); i++)
        bl_svg_printf(s, "%s--%s:%s", i > 0 ? ";" : "", colours[i].name,
                      is_dark ? colours[i].dark : colours[i].light);
    bl_svg_raw(s, "}");
}

static size_t find(const char *name)
{
    size_t i = 0;
    while (i + 1 < BL_COUNT(colours) && strcmp(colours[i].name, name) != 0)
        i++;
    return i;
}

void bl_svg_style(bl_svg *s)
{
    add_variables(s, 0);
    bl_svg_raw(s, "@media(prefers-color-scheme:dark){");
    add_variables(s, 1);
    bl_svg_raw(s, "}");
    for (size_t i = 0; i < BL_COUNT(rules); i++)
        bl_svg_printf(s, "svg %s{%s:%s;%s:var(--%s)%s%s}", rules[i].selector,
                      rules[i].property, colours[find(rules[i].colour)].light,
                      rules[i].property, rules[i].colour,
                      rules[i].more != NULL ? ";" : "",
                      rules[i].more != NULL ? rules[i].more : "");
}

void bl_svg_plain_style(bl_svg *s)
{
    for (size_t i = 0; i < BL_COUNT(rules); i++)
        bl_svg_printf(s, "%s{%s:%s%s%s}\n", rules[i].selector, rules[i].property,
                      colours[find(rules[i].colour)].light,
                      rules[i].more != NULL ? ";" : "",
                      rules[i].more != NULL ? rules[i].more : "");
    /* those suites take the rules of any medium for theirs, but know no :root either */
    bl_svg_raw(s, "@media(prefers-color-scheme:dark){");
    for (size_t i = 0; i < BL_COUNT(rules); i++)
        bl_svg_printf(s, ":root %s{%s:%s}", rules[i].selector, rules[i].property,
                      colours[find(rules[i].colour)].dark);
    bl_svg_raw(s, "}");
}
