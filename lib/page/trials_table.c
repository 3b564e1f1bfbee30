/* trials_table.c - see trials.h: rows of settings, as TSV and for people. */
#include "feature/summary.h"
#include "page/trials.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bl_trial_column columns[BL_TRIAL_MEASURES] = {
    {"nats", "nats/token", 4, 1},  {"bits_per_note", "bits/note", 3, 1},
    {"valid_loss", "valid", 4, 1}, {"best_step", "best step", 0, 1},
    {"steps", "steps", 0, 0},      {"tokens_per_s", "tokens/s", 0, 0},
    {"minutes", "minutes", 2, 0},  {"memory_mib", "MiB", 0, 0},
};

const bl_trial_column *bl_trial_columns(void)
{
    return columns;
}

static int are_of_windows(const bl_trials *all)
{
    size_t n = 0;
    while (n < all->n && all->trial[n].window > 0)
        n++;
    return n > 0 && n == all->n;
}

double bl_trials_shown(const bl_trials *all, const bl_trial *t, int measure, double x)
{
    return measure == BL_TRIAL_SPEED && are_of_windows(all) ? x / (double)t->window : x;
}

const char *bl_trials_title(const bl_trials *all, int measure)
{
    if (measure == BL_TRIAL_SPEED && are_of_windows(all))
        return "windows/s";
    return measure == BL_TRIAL_NATS && bl_trials_have_term(all, 1)
               ? "loss"
               : columns[measure].title;
}

const char *bl_trial_state_name(bl_trial_state state)
{
    static const char *const names[] = {"done", "unfinished", "failed", "not run"};
    return names[state];
}

/* ---- rows ---- */

static int same_setting(const bl_trial *a, const bl_trial *b)
{
    return strcmp(a->setting, b->setting) == 0;
}

static int same_row(const bl_trial *a, const bl_trial *b)
{
    return same_setting(a, b) && a->state == b->state && a->status == b->status;
}

/* Whether nothing before place i in the list is like it. */
static int is_first(const bl_trials *all, size_t i,
                    int (*same)(const bl_trial *a, const bl_trial *b))
{
    for (size_t k = 0; k < i; k++)
        if (same(&all->trial[k], &all->trial[i]))
            return 0;
    return 1;
}

size_t bl_trials_settings(const bl_trials *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        n += is_first(all, i, same_setting) != 0;
    return n;
}

/* Mean and deviation over the trials that are like the first of the row. */
static int fill_row(bl_trial_row *row, const bl_trials *all, bl_err *e)
{
    double *x = bl_calloc(all->n, sizeof *x, e);
    int rc = x != NULL ? 0 : BL_E_NOMEM;
    for (int m = 0; rc == 0 && m < BL_TRIAL_MEASURES; m++) {
        bl_summary s;
        row->n = 0;
        for (size_t i = 0; i < all->n; i++)
            if (same_row(row->first, &all->trial[i]))
                x[row->n++] = all->trial[i].value[m];
        rc = bl_summary_of(&s, x, row->n, 1, e);
        row->mean[m] = rc == 0 ? s.mean : NAN;
        row->sd[m] = rc == 0 ? s.sd : NAN;
    }
    for (size_t i = 0; rc == 0 && i < all->n; i++)
        if (same_row(row->first, &all->trial[i]) && all->trial[i].seed >= 0)
            rc = bl_buf_addf(&row->seeds, e, "%s%" PRId64,
                             row->seeds.len > 0 ? "," : "", all->trial[i].seed);
    if (rc == 0 && bl_buf_str(&row->seeds, e) == NULL)
        rc = BL_E_NOMEM;
    free(x);
    return rc;
}

/* By setting, then as the states are listed, then by status. */
static int comes_before(const bl_trials *all, const bl_trial *a, const bl_trial *b)
{
    for (size_t i = 0; !same_setting(a, b); i++) {
        if (same_setting(&all->trial[i], a))
            return 1;
        if (same_setting(&all->trial[i], b))
            return 0;
    }
    return a->state != b->state ? a->state < b->state : a->status < b->status;
}

int bl_trial_rows_make(bl_trial_row **rows, size_t *n, const bl_trials *all, bl_err *e)
{
    int rc = 0;
    *n = 0;
    *rows = bl_calloc(all->n, sizeof **rows, e);
    if (*rows == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < all->n; i++) {
        size_t k = *n;
        if (!is_first(all, i, same_row))
            continue;
        for (; k > 0 && comes_before(all, &all->trial[i], (*rows)[k - 1].first); k--)
            (*rows)[k] = (*rows)[k - 1];
        (*rows)[k] = (bl_trial_row){.first = &all->trial[i]};
        (*n)++;
    }
    for (size_t i = 0; i < *n && rc == 0; i++)
        rc = fill_row(&(*rows)[i], all, e);
    return rc;
}

void bl_trial_rows_free(bl_trial_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bl_buf_free(&rows[i].seeds);
    free(rows);
}

/* ---- TSV ---- */

static int add_number(bl_buf *out, double x, bl_err *e)
{
    return isnan(x) ? bl_buf_adds(out, "\tnan", e) : bl_buf_addf(out, e, "\t%.9g", x);
}

static int tsv_row(const bl_trial_row *row, int measures, bl_buf *out, bl_err *e)
{
    const bl_trial *t = row->first;
    int rc = bl_buf_addf(out, e, "%s\t%s\t%d\t%zu\t%s\t%s", t->setting,
                         bl_trial_state_name(t->state), t->status, row->n,
                         (const char *)row->seeds.data, t->words);
    for (int m = 0; m < measures && rc == 0; m++) {
        rc = add_number(out, row->mean[m], e);
        if (rc == 0)
            rc = add_number(out, row->sd[m], e);
    }
    return rc == 0 ? bl_buf_addc(out, '\n', e) : rc;
}

int bl_trials_tsv(const bl_trials *all, int with_costs, bl_buf *out, bl_err *e)
{
    bl_trial_row *rows = NULL;
    size_t n;
    int measures = with_costs ? BL_TRIAL_MEASURES : BL_TRIAL_COSTS;
    int rc = bl_trial_rows_make(&rows, &n, all, e);
    if (rc == 0)
        rc = bl_buf_adds(out, "setting\tstate\tstatus\truns\tseeds\tsettings", e);
    for (int m = 0; m < measures && rc == 0; m++)
        rc = bl_buf_addf(out, e, "\t%s\t%s_sd", columns[m].name, columns[m].name);
    if (rc == 0)
        rc = bl_buf_addc(out, '\n', e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = tsv_row(&rows[i], measures, out, e);
    bl_trial_rows_free(rows, n);
    return rc;
}

/* ---- for people ---- */

enum { CELL = 24 };

/* "1.6364 (0.0012)", the deviation where there is one. */
static void mean_text(const bl_trials *all, const bl_trial_row *row, int m,
                      char text[CELL])
{
    int digits = columns[m].digits;
    double mean = bl_trials_shown(all, row->first, m, row->mean[m]);
    if (isnan(row->mean[m]))
        snprintf(text, CELL, "-");
    else if (!columns[m].has_sd || isnan(row->sd[m]))
        snprintf(text, CELL, "%.*f", digits, mean);
    else
        snprintf(text, CELL, "%.*f (%.*f)", digits, mean, digits, row->sd[m]);
}

/* "seeds 1,2: failed with status 70", or "" of a row that is whole. */
static int ending(const bl_trial_row *row, bl_buf *out, bl_err *e)
{
    const bl_trial *t = row->first;
    int rc = bl_buf_addf(out, e, "  %s", bl_trial_state_name(t->state));
    if (rc == 0 && t->state == BL_TRIAL_FAILED)
        rc = bl_buf_addf(out, e, " with status %d", t->status);
    return rc == 0 && row->seeds.len > 0
               ? bl_buf_addf(out, e, ", seed %s", (const char *)row->seeds.data)
               : rc;
}

/* How wide each column has to be. */
static void find_widths(const bl_trials *all, const bl_trial_row *rows, size_t n,
                        int width[])
{
    char text[CELL];
    width[0] = (int)strlen("setting");
    for (size_t i = 0; i < n; i++)
        width[0] = (int)bl_max(width[0], (int64_t)strlen(rows[i].first->setting));
    for (int m = 0; m < BL_TRIAL_MEASURES; m++) {
        width[m + 1] = (int)strlen(bl_trials_title(all, m));
        for (size_t i = 0; i < n; i++) {
            mean_text(all, &rows[i], m, text);
            width[m + 1] = (int)bl_max(width[m + 1], (int64_t)strlen(text));
        }
    }
}

static int text_row(const bl_trials *all, const bl_trial_row *row, const int width[],
                    int measures, bl_buf *out, bl_err *e)
{
    char text[CELL];
    int rc = bl_buf_addf(out, e, "%-*s  %4zu", width[0], row->first->setting, row->n);
    for (int m = 0; m < measures && rc == 0; m++) {
        mean_text(all, row, m, text);
        rc = bl_buf_addf(out, e, "  %*s", width[m + 1], text);
    }
    if (rc == 0 && row->first->state != BL_TRIAL_DONE)
        rc = ending(row, out, e);
    return rc == 0 ? bl_buf_addc(out, '\n', e) : rc;
}

int bl_trials_text(const bl_trials *all, int with_costs, bl_buf *out, bl_err *e)
{
    bl_trial_row *rows = NULL;
    size_t n;
    int width[BL_TRIAL_MEASURES + 1];
    int measures = with_costs ? BL_TRIAL_MEASURES : BL_TRIAL_COSTS;
    int rc = bl_trial_rows_make(&rows, &n, all, e);
    find_widths(all, rows, n, width);
    if (rc == 0)
        rc = bl_buf_addf(out, e, "%-*s  runs", width[0], "setting");
    for (int m = 0; m < measures && rc == 0; m++)
        rc = bl_buf_addf(out, e, "  %*s", width[m + 1], bl_trials_title(all, m));
    if (rc == 0)
        rc = bl_buf_addc(out, '\n', e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = text_row(all, &rows[i], width, measures, out, e);
    bl_trial_rows_free(rows, n);
    return rc;
}
