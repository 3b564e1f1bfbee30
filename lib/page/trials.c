/* trials.c - see trials.h: what a run folder says. */
#include "page/trials.h"
#include "page/columns.h"
#include "page/curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables of the folder ---- */

/* The value of a key in lines of "key TAB value", copied; NULL and no error where there
 * is none. */
static char *value_of(const char *text, const char *key, bl_err *e)
{
    size_t len = strlen(key);
    for (const char *line = text; line != NULL; line = bl_line_next(line))
        if (strncmp(line, key, len) == 0 && line[len] == '\t') {
            char *value = bl_strdup(line + len + 1, e);
            if (value != NULL)
                value[strcspn(value, "\n\t\r")] = '\0';
            return value;
        }
    return NULL;
}

static double number_of(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line != NULL; line = bl_line_next(line))
        if (strncmp(line, key, len) == 0 && line[len] == '\t')
            return bl_column_number(line, 1);
    return NAN;
}

/* Of the one row of what xltrain --eval printed. */
static double evaluated(const char *text, const char *column)
{
    const char *row = text != NULL ? bl_line_next(text) : NULL;
    return row != NULL ? bl_column_number(row, bl_column_find(text, column)) : NAN;
}

/* A walk down costs.tsv. */
typedef struct {
    const char *line; /* the last that was read; NULL: no more */
    int at, seconds, tokens, bytes;
    double step, sum_seconds, sum_tokens, peak;
} bill;

static bill open_bill(const char *costs)
{
    const char *head = costs != NULL ? bl_line_first(costs) : NULL;
    if (head == NULL)
        return (bill){0};
    return (bill){.line = head,
                  .at = bl_column_find(head, "step"),
                  .seconds = bl_column_find(head, "seconds"),
                  .tokens = bl_column_find(head, "tokens"),
                  .bytes = bl_column_find(head, "peak_bytes")};
}

static int read_bill(bill *b)
{
    b->line = b->line != NULL ? bl_line_next(b->line) : NULL;
    if (b->line == NULL)
        return 0;
    b->step = bl_column_number(b->line, b->at);
    b->sum_seconds += bl_column_number(b->line, b->seconds);
    b->sum_tokens += bl_column_number(b->line, b->tokens);
    b->peak = fmax(b->peak, bl_column_number(b->line, b->bytes));
    return 1;
}

/* Minutes until the checkpoint of that step; NaN where it has no row. */
static double minutes_at(bill *b, double step)
{
    while (b->step < step && read_bill(b))
        ;
    return b->step == step ? b->sum_seconds / 60 : NAN;
}

static void read_costs(bl_trial *t, const char *costs)
{
    const double mib = 1 << 20;
    bill b = open_bill(costs);
    while (read_bill(&b))
        ;
    if (!(b.sum_seconds > 0))
        return;
    t->value[BL_TRIAL_MINUTES] = b.sum_seconds / 60;
    t->value[BL_TRIAL_SPEED] = b.sum_tokens / b.sum_seconds;
    t->value[BL_TRIAL_MEMORY] = b.peak > 0 ? b.peak / mib : NAN;
}

static int add_point(bl_trial *t, const double point[BL_POINT_SIZE], bl_err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < BL_POINT_SIZE; i++)
        rc = bl_series_add(&t->points, point[i], e);
    return rc;
}

/* Evaluations, the best of them, and how far the run came. */
static int read_metrics(bl_trial *t, const bl_trial_files *f, bl_err *e)
{
    double best = INFINITY;
    bill b = open_bill(f->costs);
    int rc = 0;
    if (f->metrics == NULL || f->metrics[0] == '\0')
        return 0;
    const char *line = bl_line_first(f->metrics);
    int at = bl_column_find(line, "step"), valid = bl_column_find(line, "valid_loss");
    int tokens = bl_column_find(line, "tokens"), term[BL_TERMS];
    for (int i = 0; i < BL_TERMS; i++) {
        char name[32];
        snprintf(name, sizeof name, "valid_%s", bl_curve_term(i));
        term[i] = bl_column_find(line, name);
    }
    if (at < 0 || bl_column_find(line, "loss") < 0)
        return bl_fail(e, BL_E_FORMAT, "metrics.tsv is not the log of a training run");
    while (rc == 0 && (line = bl_line_next(line)) != NULL) {
        double step = bl_column_number(line, at), loss = bl_column_number(line, valid);
        if (strchr(line, '\n') == NULL || !(step >= 0 && step < 0x1p53))
            break; /* torn */
        t->value[BL_TRIAL_STEPS] = step;
        if (!isfinite(loss))
            continue;
        if (loss < best) {
            best = t->value[BL_TRIAL_VALID] = loss;
            t->value[BL_TRIAL_BEST_STEP] = step;
        }
        double point[BL_POINT_SIZE] = {step, bl_column_number(line, tokens),
                                       minutes_at(&b, step), loss};
        for (int i = 0; i < BL_TERMS; i++)
            point[BL_POINT_TERMS + i] = bl_column_number(line, term[i]);
        rc = add_point(t, point, e);
    }
    return rc;
}

/* ---- how it ended ---- */

/* As lib/train decides it. */
static int is_complete(const bl_trial *t, const bl_trial_files *f)
{
    double step = t->value[BL_TRIAL_STEPS], best = t->value[BL_TRIAL_BEST_STEP];
    if (f->steps >= 0 && step >= (double)f->steps)
        return 1;
    if (f->patience <= 0 || f->eval_every <= 0 || isnan(best))
        return 0;
    return (int64_t)step / f->eval_every - (int64_t)best / f->eval_every >= f->patience;
}

static void find_state(bl_trial *t, const bl_trial_files *f)
{
    double status = f->record != NULL ? number_of(f->record, "status") : NAN;
    if (!isnan(status) && status != 0) {
        t->state = BL_TRIAL_FAILED;
        t->status = status > 0 && status < 256 ? (int)status : 255;
    } else if (isnan(t->value[BL_TRIAL_STEPS])) {
        t->state = BL_TRIAL_NOT_RUN;
    } else if (status == 0 || (f->record == NULL && is_complete(t, f))) {
        t->state = BL_TRIAL_DONE;
    } else {
        t->state = BL_TRIAL_UNFINISHED;
    }
}

/* ---- the whole ---- */

static int read_trial(bl_trial *t, const bl_trial_files *f, bl_err *e)
{
    for (int i = 0; i < BL_TRIAL_MEASURES; i++)
        t->value[i] = NAN;
    t->seed = f->seed;
    t->window = f->window;
    if (f->record != NULL) {
        double seed = number_of(f->record, "seed");
        t->setting = value_of(f->record, "name", e);
        t->words = value_of(f->record, "settings", e);
        t->seed = seed >= 0 && seed <= 0x1p53 ? (int64_t)seed : t->seed;
    }
    if (t->setting == NULL)
        t->setting = bl_strdup(f->name, e);
    if (t->words == NULL)
        t->words = bl_strdup("", e);
    if (t->setting == NULL || t->words == NULL)
        return BL_E_NOMEM;
    read_costs(t, f->costs);
    t->value[BL_TRIAL_NATS] = evaluated(f->eval, "loss");
    if (f->surprise != NULL)
        t->value[BL_TRIAL_BITS] = number_of(f->surprise, "bits_per_note");
    int rc = read_metrics(t, f, e);
    find_state(t, f);
    return rc;
}

int bl_trials_add(bl_trials *all, const bl_trial_files *files, bl_err *e)
{
    void *array = all->trial;
    int rc = bl_grow(&array, &all->cap, all->n + 1, sizeof *all->trial, e);
    all->trial = array;
    if (rc != 0)
        return rc;
    all->trial[all->n] = (bl_trial){0};
    return read_trial(&all->trial[all->n++], files, e);
}

int bl_trials_have_term(const bl_trials *all, int term)
{
    for (size_t k = 0; k < all->n; k++) {
        const bl_series *p = &all->trial[k].points;
        for (size_t i = 0; i < p->n; i += BL_POINT_SIZE) {
            double y = p->x[i + BL_POINT_TERMS - 1 + (size_t)term];
            if (isfinite(y) && y != 0)
                return 1;
        }
    }
    return 0;
}

void bl_trials_free(bl_trials *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->trial[i].setting);
        free(all->trial[i].words);
        free(all->trial[i].points.x);
    }
    free(all->trial);
    *all = (bl_trials){0};
}
