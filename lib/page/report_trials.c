/* report_trials.c - see trials.h: the page of an experiment. */
#include "page/curves.h"
#include "page/report.h"
#include "page/trials.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* A text; names and options are read from the left. */
static void text_cell(bl_svg *s, const char *text)
{
    bl_svg_raw(s, "<td style=\"text-align:left\">");
    bl_svg_escape(s, text);
    bl_svg_raw(s, "</td>");
}

static void state_cell(bl_svg *s, const bl_trial *t)
{
    if (t->state == BL_TRIAL_FAILED)
        bl_svg_printf(s, "<td>failed, status %d</td>", t->status);
    else
        bl_svg_printf(s, "<td>%s</td>", bl_trial_state_name(t->state));
}

static void head(bl_svg *s, const bl_trials *all, const char *first, const char *second,
                 int measures)
{
    bl_svg_printf(s, "<tr><th>%s</th><th>%s</th><th></th>", first, second);
    for (int m = 0; m < measures; m++)
        bl_svg_printf(s, "<th>%s</th>", bl_trials_title(all, m));
    bl_svg_raw(s, "<th style=\"text-align:left\">settings</th></tr>\n");
}

/* The mean, and the deviation beside it where seeds differ. */
static void mean_cell(bl_svg *s, int measure, double mean, double sd)
{
    const bl_trial_column *c = &bl_trial_columns()[measure];
    if (isnan(mean)) {
        bl_report_cell(s, mean);
        return;
    }
    bl_svg_printf(s, "<td>%.*f", c->digits, mean);
    if (c->has_sd && sd > 0)
        bl_svg_printf(s, " <span class=\"dim\">\xc2\xb1%.*f</span>", c->digits, sd);
    bl_svg_raw(s, "</td>");
}

static void settings_table(bl_svg *s, const bl_trials *all, const bl_trial_row *rows,
                           size_t n, int measures)
{
    bl_svg_raw(s, "<div class=\"scroll\"><table>\n");
    head(s, all, "setting", "seeds", measures);
    for (size_t i = 0; i < n; i++) {
        const bl_trial *t = rows[i].first;
        bl_svg_raw(s, "<tr>");
        text_cell(s, t->setting);
        text_cell(s, rows[i].seeds.len > 0 ? (const char *)rows[i].seeds.data : "-");
        state_cell(s, t);
        for (int m = 0; m < measures; m++)
            mean_cell(s, m, bl_trials_shown(all, t, m, rows[i].mean[m]), rows[i].sd[m]);
        text_cell(s, t->words);
        bl_svg_raw(s, "</tr>\n");
    }
    bl_svg_raw(s, "</table></div>\n");
}

static void runs_table(bl_svg *s, const bl_trials *all, int measures)
{
    head(s, all, "setting", "seed", measures);
    for (size_t i = 0; i < all->n; i++) {
        const bl_trial *t = &all->trial[i];
        bl_svg_raw(s, "<tr>");
        text_cell(s, t->setting);
        bl_svg_printf(s, "<td>%" PRId64 "</td>", t->seed);
        state_cell(s, t);
        for (int m = 0; m < measures; m++)
            mean_cell(s, m, bl_trials_shown(all, t, m, t->value[m]), NAN);
        text_cell(s, t->words);
        bl_svg_raw(s, "</tr>\n");
    }
}

static void pictures(bl_svg *s, const bl_trials *all, int measures)
{
    const bl_bands line = {.by = BL_POINT_TOKENS};
    const bl_bands log = {.by = BL_POINT_TOKENS, .is_log = 1};
    bl_report_section(s, "curves", "Learning curves",
                      "Loss on the validation split by what was seen in training. The "
                      "first picture leaves out the beginning; on the logarithmic axes "
                      "of the second a power law is a straight line.",
                      "wide");
    bl_report_begin_figure(s, "Validation loss", NULL);
    bl_report_begin_plot(s);
    bl_bands_draw(s, all, &line);
    bl_report_end_plot(s);
    bl_report_begin_table(s);
    runs_table(s, all, measures);
    bl_report_end_figure(s);
    bl_report_begin_figure(s, "Validation loss, logarithmic", NULL);
    bl_report_begin_plot(s);
    bl_bands_draw(s, all, &log);
    bl_report_end_plot(s);
    bl_svg_raw(s, "</figure>\n</div>\n");
}

/* What the loss of models of grooves is the sum of. */
static void terms(bl_svg *s, const bl_trials *all)
{
    if (!bl_trials_have_term(all, 1))
        return;
    bl_report_section(s, "terms", "Terms of the loss",
                      "What the loss of models of grooves is the sum of, on the "
                      "validation split: hits, velocities, offsets, and of a VAE the "
                      "divergence of latents, times beta.",
                      "pair");
    for (int i = 1; i <= BL_TERMS; i++) {
        const bl_bands how = {.by = BL_POINT_TOKENS, .term = i};
        if (!bl_trials_have_term(all, i))
            continue;
        bl_report_begin_figure(s, bl_curve_term(i - 1), NULL);
        bl_report_begin_plot(s);
        bl_bands_draw(s, all, &how);
        bl_report_end_plot(s);
        bl_svg_raw(s, "</figure>\n");
    }
    bl_svg_raw(s, "</div>\n");
}

int bl_trials_page(const bl_trials *all, int with_costs, bl_buf *out, bl_err *e)
{
    bl_svg s = {.out = out, .e = e};
    bl_trial_row *rows = NULL;
    size_t n, settings = bl_trials_settings(all);
    int measures = with_costs ? BL_TRIAL_MEASURES : BL_TRIAL_COSTS;
    s.rc = bl_trial_rows_make(&rows, &n, all, e);
    bl_report_begin(&s, "Training runs");
    bl_svg_printf(&s, "<h1>%zu %s, %zu %s</h1>\n", settings,
                  settings == 1 ? "setting" : "settings", all->n,
                  all->n == 1 ? "run" : "runs");
    bl_report_section(
        &s, "settings", "Settings",
        bl_trials_have_term(all, 1)
            ? "Mean and standard deviation over the seeds. The loss, but for models of "
              "grooves in nats a token, and bits a note are of the best checkpoint on "
              "the split that was evaluated at the end; validation is the best one "
              "while training."
            : "Mean and standard deviation over the seeds. Nats a token and "
              "bits a note are of the best checkpoint on the split that was "
              "evaluated at the end; validation is the best one while training.",
        "wide");
    settings_table(&s, all, rows, n, measures);
    bl_svg_raw(&s, "</div>\n");
    pictures(&s, all, measures);
    terms(&s, all);
    bl_svg_raw(&s, "<footer>Written by featstats of barline " BL_VERSION
                   ": <code>featstats --runs</code>.</footer>\n</body></html>\n");
    bl_trial_rows_free(rows, n);
    return s.rc;
}
