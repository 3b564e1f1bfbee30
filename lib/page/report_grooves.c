/* report_grooves.c - see report.h: heat-maps of drums, and the map of vectors. */
#include "page/report.h"

#include <math.h>

static void heat_row(bl_svg *s, const char *voice, const char *set,
                     const bl_heat_cell *c, size_t windows)
{
    bl_svg_raw(s, "<tr><td>");
    bl_svg_escape(s, voice);
    bl_svg_raw(s, "</td><td>");
    bl_svg_escape(s, set);
    bl_svg_printf(s, "</td><td>%zu</td>", c->n);
    bl_report_cell(s, windows > 0 ? (double)c->n / (double)windows : NAN);
    bl_svg_raw(s, "</tr>\n");
}

void bl_report_heat(bl_svg *s, const bl_report *r)
{
    static const char *const names[] = {"voice", "set", "hits", "hits a loop"};
    const bl_heat *h = r->heat;
    bl_svg_raw(s, "<h2 id=\"drums\">Drums</h2>\n<p class=\"dim\">");
    bl_report_key(s, 'a', "", r->label[0]);
    if (h->set[1] != NULL)
        bl_report_key(s, 'b', "", r->label[1]);
    bl_svg_raw(
        s, "<br>Two bars of each label: when a voice is struck (across, in beats) "
           "and how hard (up, velocity), in hits a loop; a voice is strongest where "
           "it is most, over both sets. Dots are hits.</p>\n<div class=\"half\">\n");
    for (size_t i = 0; i < h->n; i++) {
        const bl_heat_group *g = &h->group[i];
        bl_report_begin_figure(s, g->name, NULL);
        bl_heat_draw_group(s, h, g);
        bl_report_begin_table(s);
        bl_report_head_row(s, names, BL_COUNT(names));
        for (int v = 0; v < BL_HEAT_VOICES; v++)
            for (int k = 0; k < (h->set[1] != NULL ? 2 : 1); k++)
                heat_row(s, h->voice[v], r->label[k], &g->cell[k][v], g->windows[k]);
        bl_report_end_figure(s);
    }
    bl_svg_raw(s, "</div>\n");
}

void bl_report_map(bl_svg *s, const bl_report *r)
{
    bl_report_section(s, "map", "Map",
                      "Vectors, such as latents, as points of a plane: by their two "
                      "principal components, and by t-SNE, where near means alike and "
                      "far means nothing.",
                      "half");
    for (int i = 0; i < 2; i++) {
        bl_svg_raw(s, "<figure>");
        bl_scatter_draw(s, r->map, i, 0);
        bl_svg_raw(s, "</figure>\n");
    }
    bl_svg_raw(s, "</div>\n");
}
