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

/* ---- how many voices a loop has ---- */

enum { COUNTS = BL_HEAT_VOICES + 1 };

/* Loops of all labels by how many voices they strike, and how many there are. */
static size_t count_loops(const bl_heat *h, int set, size_t loops[COUNTS])
{
    size_t all = 0;
    for (int n = 0; n < COUNTS; n++) {
        loops[n] = 0;
        for (size_t i = 0; i < h->n; i++)
            loops[n] += h->group[i].used[set][n];
        all += loops[n];
    }
    return all;
}

static double per_cent(size_t n, size_t all)
{
    return all > 0 ? 100 * (double)n / (double)all : 0;
}

/* A bar for each number of voices, of two sets side by side. */
static void draw_voices(bl_svg *s, size_t loops[2][COUNTS], const size_t all[2],
                        int sets)
{
    static const char *const class[] = {"fa", "fb"};
    double most = 0;
    for (int k = 0; k < sets; k++)
        for (int n = 0; n < COUNTS; n++)
            most = fmax(most, per_cent(loops[k][n], all[k]));
    bl_plot frame = {.x0 = -0.5,
                     .x1 = COUNTS - 0.5,
                     .x_step = 1,
                     .y1 = most * 1.05,
                     .left = 30,
                     .top = 20,
                     .width = BL_REPORT_WIDTH - 42,
                     .height = BL_REPORT_HEIGHT - 54};
    bl_plot_frame(s, &frame, "voices", "% of loops");
    double wide = 0.8 * frame.width / COUNTS / sets, foot = bl_plot_y(&frame, 0);
    for (int k = 0; k < sets; k++)
        for (int n = 0; n < COUNTS; n++) {
            double y = bl_plot_y(&frame, per_cent(loops[k][n], all[k]));
            if (loops[k][n] > 0)
                bl_svg_rect(s, bl_plot_x(&frame, n - 0.4) + k * wide, y, wide, foot - y,
                            class[k], 1);
        }
}

static void voices(bl_svg *s, const bl_report *r)
{
    static const char *const names[] = {"voices", "set", "loops", "%"};
    const int sets = r->heat->set[1] != NULL ? 2 : 1;
    size_t loops[2][COUNTS], all[2];
    for (int k = 0; k < sets; k++)
        all[k] = count_loops(r->heat, k, loops[k]);
    bl_svg_raw(s, "<div class=\"grid\">\n");
    bl_report_begin_figure(s, "Voices of a loop", "how many are struck in two bars");
    bl_svg_begin(s, BL_REPORT_WIDTH, BL_REPORT_HEIGHT, "Voices of a loop", 0);
    draw_voices(s, loops, all, sets);
    bl_svg_end(s);
    bl_report_begin_table(s);
    bl_report_head_row(s, names, BL_COUNT(names));
    for (int n = 0; n < COUNTS; n++)
        for (int k = 0; k < sets; k++) {
            bl_svg_printf(s, "<tr><td>%d</td><td>", n);
            bl_svg_escape(s, r->label[k]);
            bl_svg_printf(s, "</td><td>%zu</td>", loops[k][n]);
            bl_report_cell(s, per_cent(loops[k][n], all[k]));
            bl_svg_raw(s, "</tr>\n");
        }
    bl_report_end_figure(s);
    bl_svg_raw(s, "</div>\n");
}

/* ---- sections ---- */

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
           "it is most, over both sets. Dots are hits.</p>\n");
    voices(s, r);
    bl_svg_raw(s, "<div class=\"half\">\n");
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
