/* report_parts.c - see report.h: groups, the learning curves of a training run, pieces.
 */
#include "page/curves.h"
#include "page/report.h"
#include "base/sort.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- groups ---- */

enum { MAX_GROUPS = 24, ROW = 26 };

static const char *const shown[] = {
    "note_density",
    "pitch_class_entropy_4bar",
    "scale_consistency",
    "polyphony",
    "avg_ioi",
    "mean_duration",
    "grooving_similarity",
    "off_grid",
    "groove_noi",
    "groove_total_step_density",
    "groove_poly_velocity_mean",
    "groove_poly_velocity_std",
    "groove_poly_offset_mean",
    "groove_poly_offset_std",
    "groove_sync_combined",
    "groove_complexity",
    "groove_weak_to_strong",
    "groove_acorr_centroid",
    "groove_laidbackness",
    "groove_timing_accuracy",
};

/* Distinct labels in the order they come. */
static size_t groups_of(const bl_table *t, const char **group, size_t n)
{
    const char *of = (const char *)t->groups.data;
    for (size_t i = 0; i < t->n; i++, of += strlen(of) + 1) {
        size_t k = 0;
        while (k < n && strcmp(group[k], of) != 0)
            k++;
        if (k == n && n < MAX_GROUPS && of[0] != '\0')
            group[n++] = of;
    }
    return n;
}

/* Quartiles of the sorted values of a group; 0 if it has none. */
static size_t quartiles(bl_svg *s, const bl_table *t, size_t field, const char *group,
                        double q[5])
{
    double *x = NULL;
    size_t n = 0;
    if (s->rc == 0)
        s->rc = bl_report_values(t, field, group, &x, &n, s->e);
    if (n > 0) {
        qsort(x, n, sizeof *x, bl_by_double);
        for (int i = 0; i < 5; i++)
            q[i] = x[(size_t)((double)(n - 1) * i / 4 + 0.5)];
    }
    free(x);
    return n;
}

static void draw_box(bl_svg *s, const bl_plot *p, double y, const double q[5],
                     const char *class)
{
    char line[8];
    snprintf(line, sizeof line, "l%s", class + 1);
    bl_svg_line(s, bl_plot_x(p, q[0]), y, bl_plot_x(p, q[4]), y, line);
    double x = bl_plot_x(p, q[1]);
    bl_svg_rect(s, x, y - 4, fmax(bl_plot_x(p, q[3]) - x, 1), 8, class, 0.6);
    bl_svg_rect(s, bl_plot_x(p, q[2]) - 1, y - 5, 2, 10, class, 1);
}

static void group_figure(bl_svg *s, const bl_report *r, size_t f,
                         const char *const *group, size_t n)
{
    const bl_field *field = &r->a->layout->field[f];
    const bl_table *both[2] = {r->a, r->b};
    double q[MAX_GROUPS][2][5];
    size_t count[MAX_GROUPS][2] = {{0}};
    bl_plot p = {.x0 = INFINITY,
                 .x1 = -INFINITY,
                 .y1 = 1,
                 .left = 84,
                 .top = 8,
                 .width = 226,
                 .height = ROW * (double)n};
    for (size_t g = 0; g < n; g++)
        for (int i = 0; i < 2 && both[i] != NULL; i++) {
            count[g][i] = quartiles(s, both[i], f, group[g], q[g][i]);
            if (count[g][i] > 0) {
                p.x0 = fmin(p.x0, q[g][i][0]);
                p.x1 = fmax(p.x1, q[g][i][4]);
            }
        }
    if (!isfinite(p.x0)) /* of pitches, where there are drums alone */
        return;
    bl_report_begin_figure(s, field->name, field->doc);
    bl_svg_begin(s, 320, p.height + 44, field->doc, 0);
    bl_plot_frame(s, &p, strcmp(field->unit, "1") == 0 ? "" : field->unit, NULL);
    for (size_t g = 0; g < n; g++) {
        double y = p.top + ROW * ((double)g + 0.5);
        char name[16];
        snprintf(name, sizeof name, "%.12s", group[g]);
        bl_svg_text(s, p.left - 6, y + 4, "end", name);
        for (int i = 0; i < 2; i++)
            if (count[g][i] > 0)
                draw_box(s, &p, y + (i == 0 ? -5 : 6), q[g][i], i == 0 ? "fa" : "fb");
    }
    bl_svg_end(s);
    bl_report_begin_table(s);
    bl_svg_raw(s,
               "<tr><th>group</th><th>set</th><th>pieces</th><th>min</th><th>1/4</th>"
               "<th>median</th><th>3/4</th><th>max</th></tr>\n");
    for (size_t g = 0; g < n; g++)
        for (int i = 0; i < 2; i++) {
            if (count[g][i] == 0)
                continue;
            bl_svg_raw(s, "<tr><td>");
            bl_svg_escape(s, group[g]);
            bl_svg_raw(s, "</td><td>");
            bl_svg_escape(s, r->label[i]);
            bl_svg_printf(s, "</td><td>%zu</td>", count[g][i]);
            for (int k = 0; k < 5; k++)
                bl_report_cell(s, q[g][i][k]);
            bl_svg_raw(s, "</tr>\n");
        }
    bl_report_end_figure(s);
}

int bl_report_has_groups(const bl_report *r)
{
    const char *group[MAX_GROUPS];
    size_t n = groups_of(r->a, group, 0);
    return (r->b != NULL ? groups_of(r->b, group, n) : n) > 0;
}

void bl_report_groups(bl_svg *s, const bl_report *r)
{
    const char *group[MAX_GROUPS];
    size_t n = groups_of(r->a, group, 0);
    if (r->b != NULL)
        n = groups_of(r->b, group, n);
    if (n == 0)
        return;
    bl_svg_raw(s,
               "<h2 id=\"groups\">Groups</h2>\n<p class=\"dim\">Smallest and largest "
               "value, quartiles and median of each group, the first set above the "
               "second.</p>\n<div "
               "class=\"grid\">\n");
    for (size_t i = 0; i < BL_COUNT(shown); i++) {
        int f = bl_layout_find(r->a->layout, shown[i]);
        if (f >= 0)
            group_figure(s, r, (size_t)f, group, n);
    }
    bl_svg_raw(s, "</div>\n");
}

/* ---- learning curves ---- */

void bl_report_curves(bl_svg *s, const bl_buf *log)
{
    bl_series rows = {0};
    bl_run_curve run = {.name = "run", .log = log};
    if (s->rc == 0)
        s->rc = bl_curves_read(log, &rows, s->e);
    bl_report_section(
        s, "run", "Learning curves",
        bl_curves_of_grooves(&rows)
            ? "The loss and its terms, which add up to it: hits in nats, velocities "
              "and offsets as they were set to be measured, of a VAE the divergence "
              "of latents. Training (pale, smoothed) and validation."
            : "Nats a token: training (pale, smoothed) and validation.",
        "wide");
    bl_report_begin_figure(s, "Loss", NULL);
    bl_report_begin_plot(s);
    bl_curves_draw(s, &run, 1, 0);
    bl_report_end_plot(s);
    bl_report_begin_table(s);
    bl_svg_raw(s, "<tr><th>step</th><th>training</th><th>validation</th></tr>\n");
    size_t n = rows.n / BL_CURVE_COLUMNS, stride = n / 50 + 1;
    for (size_t i = 0; i < n; i++) {
        if (i % stride != 0 && i + 1 != n &&
            isnan(rows.x[i * BL_CURVE_COLUMNS + BL_CURVE_VALID]))
            continue;
        bl_svg_raw(s, "<tr>");
        for (int k = 0; k < BL_CURVE_TERMS; k++)
            bl_report_cell(s, rows.x[i * BL_CURVE_COLUMNS + (size_t)k]);
        bl_svg_raw(s, "</tr>\n");
    }
    bl_report_end_figure(s);
    bl_svg_raw(s, "</div>\n");
    free(rows.x);
}

/* ---- pieces ---- */

void bl_report_pieces(bl_svg *s, const bl_report *r)
{
    bl_report_section(
        s, "pieces", "Pieces",
        r->heat != NULL
            ? "The first bars of some of the pieces, a row each voice: darker hits are "
              "louder; lines are quarters."
            : "The first bars of some of the pieces: darker notes are louder, colours "
              "are families of instruments, marks below are drums; chords as "
              "recognised.",
        "half");
    for (size_t i = 0; s->rc == 0 && i < r->n_pieces; i++) {
        const bl_report_piece *p = &r->pieces[i];
        const char *part = strrchr(p->name, '/');
        part = part != NULL ? part + 1 : p->name;
        bl_report_begin_figure(s, part, NULL);
        if (s->rc == 0)
            s->rc = bl_buf_add(s->out, p->svg.data, p->svg.len, s->e);
        if (p->sound.len > 0) {
            bl_svg_raw(s, "<audio controls preload=\"metadata\" "
                          "src=\"data:audio/ogg;base64,");
            bl_svg_base64(s, &p->sound);
            bl_svg_raw(s, "\"></audio>");
        }
        bl_svg_raw(s, "<p><a download=\"");
        bl_svg_escape(s, part);
        bl_svg_raw(s, "\" href=\"data:audio/midi;base64,");
        bl_svg_base64(s, &p->midi);
        bl_svg_raw(s, "\">MIDI file</a></p></figure>\n");
    }
    bl_svg_raw(s, "</div>\n");
}
