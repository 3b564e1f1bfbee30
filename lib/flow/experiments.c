/* experiments.c - see experiments.h. */
#include "flow/experiments.h"

#include "io/file.h"
#include "io/header.h"
#include "io/walk.h"
#include "page/curves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT_MAX = 256 << 20, LOG_MAX = 64 << 20 };

/* The files of a run folder that are there. */
enum { RECORD, METRICS, EVAL, SURPRISE, COSTS, CONFIG, FILES };

static const char *const names[FILES] = {"run.tsv",      "metrics.tsv", "eval.tsv",
                                         "surprise.tsv", "costs.tsv",   "config.json"};

/* A path in *b, ended by NUL, and whether there is something. */
static int find(const char *folder, const char *name, bl_buf *b, int *is_there,
                bl_err *e)
{
    struct stat st;
    int rc = bl_buf_addf(b, e, "%s/%s", folder, name);
    if (rc == 0 && bl_buf_str(b, e) == NULL)
        rc = BL_E_NOMEM;
    *is_there = rc == 0 && stat((char *)b->data, &st) == 0;
    return rc;
}

/* A file as text, NULL in *text where there is none. */
static int read_text(const char *folder, const char *name, bl_buf *b, const char **text,
                     bl_err *e)
{
    bl_buf path = {0};
    int is_there;
    *text = NULL;
    int rc = find(folder, name, &path, &is_there, e);
    if (is_there)
        rc = bl_load_file((char *)path.data, b, TEXT_MAX, e);
    if (rc == 0 && is_there && (*text = bl_buf_str(b, e)) == NULL)
        rc = BL_E_NOMEM;
    bl_buf_free(&path);
    return rc;
}

static int64_t setting_of(const bl_json *config, const char *key)
{
    int64_t x;
    return bl_json_has(config, key) &&
                   bl_json_int(config, key, 0, INT64_C(1) << 53, &x, NULL) == 0
               ? x
               : -1;
}

/* The steps of its windows, if the run is of grooves. */
static int64_t window_of(const bl_json *config)
{
    const char *arch = "";
    int is_groove = bl_json_has(config, "arch") &&
                    bl_json_str(config, "arch", &arch, NULL) == 0 &&
                    strncmp(arch, "groove", strlen("groove")) == 0;
    return is_groove ? bl_max(setting_of(config, "segment"), 0) : 0;
}

static int read_config(const char *folder, const char *text, bl_trial_files *f,
                       bl_err *e)
{
    char path[512];
    f->seed = f->steps = f->eval_every = f->patience = -1;
    if (text == NULL)
        return 0;
    bl_json *config = bl_json_parse(text, strlen(text), e);
    if (config == NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, names[CONFIG]);
        return bl_fail_in(e, bl_code_of(e, BL_E_FORMAT), path);
    }
    f->seed = setting_of(config, "seed");
    f->steps = setting_of(config, "steps");
    f->eval_every = setting_of(config, "eval_every");
    f->patience = setting_of(config, "patience");
    f->window = window_of(config);
    bl_json_del(config);
    return 0;
}

static int read_folder(bl_trials *all, const char *folder, bl_err *e)
{
    bl_buf b[FILES] = {{0}};
    const char *text[FILES] = {0};
    struct stat st;
    bl_trial_files f = {0};
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return bl_fail_in(e, bl_fail(e, BL_E_OPEN, "no run folder"),
                          bl_path_shown(folder));
    }
    char *name = bl_path_last(folder, e);
    int rc = name != NULL ? 0 : BL_E_NOMEM;
    for (int i = 0; i < FILES && rc == 0; i++)
        rc = read_text(folder, names[i], &b[i], &text[i], e);
    if (rc == 0)
        rc = read_config(bl_path_shown(folder), text[CONFIG], &f, e);
    f.name = name;
    f.record = text[RECORD];
    f.metrics = text[METRICS];
    f.eval = text[EVAL];
    f.surprise = text[SURPRISE];
    f.costs = text[COSTS];
    if (rc == 0 && f.record == NULL && f.metrics == NULL)
        rc = bl_fail(e, BL_E_OPEN, "no run folder: it has no metrics.tsv");
    if (rc == 0)
        rc = bl_trials_add(all, &f, e);
    if (rc != 0)
        bl_err_in(e, bl_path_shown(folder));
    for (int i = 0; i < FILES; i++)
        bl_buf_free(&b[i]);
    free(name);
    return rc;
}

/* "#runs {...}" */
static int add_head(const bl_trials *all, const bl_self *self, bl_buf *text, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    bl_json *pg = self != NULL ? bl_prov_chain(NULL, 0, self, e) : NULL;
    int rc = o != NULL ? bl_json_set_str(o, "schema", "runs/1", e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_json_set_int(o, "settings", (int64_t)bl_trials_settings(all), e);
    if (rc == 0)
        rc = bl_json_set_int(o, "runs", (int64_t)all->n, e);
    if (rc == 0 && self != NULL && pg == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_header_set_pg(o, pg, e);
    if (rc == 0)
        rc = bl_header_write("runs", o, text, e);
    bl_json_del(pg);
    bl_json_del(o);
    return rc;
}

static int add_table(const bl_trials *all, const bl_runs_wish *wish,
                     const bl_self *self, bl_buf *text, bl_err *e)
{
    int rc = wish->bare ? 0 : add_head(all, self, text, e);
    return rc == 0 ? bl_trials_tsv(all, !wish->no_costs, text, e) : rc;
}

static int draw(const bl_trials *all, const bl_runs_wish *wish, bl_buf *text, bl_err *e)
{
    bl_svg s = {.out = text, .e = e};
    bl_bands how = {.by = wish->by, .is_log = wish->is_log, .is_standalone = 1};
    bl_bands_draw(&s, all, &how);
    return s.rc;
}

static int write_page(const bl_trials *all, const bl_runs_wish *wish, bl_err *e)
{
    bl_buf page = {0};
    int rc = bl_trials_page(all, !wish->no_costs, &page, e);
    if (rc == 0)
        rc = bl_output_write(wish->html, &page, wish->guards, e);
    bl_buf_free(&page);
    return rc;
}

int bl_runs_add(const bl_runs_wish *wish, const char *const *folders, size_t n,
                const bl_self *self, bl_buf *text, bl_err *e)
{
    bl_trials all = {0};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_folder(&all, folders[i], e);
    if (rc == 0 && wish->form == BL_RUNS_CURVES)
        rc = draw(&all, wish, text, e);
    else if (rc == 0)
        rc = wish->form == BL_RUNS_TEXT ? bl_trials_text(&all, !wish->no_costs, text, e)
                                        : add_table(&all, wish, self, text, e);
    if (rc == 0 && wish->html != NULL)
        rc = write_page(&all, wish, e);
    bl_trials_free(&all);
    return rc;
}

/* ---- learning curves ---- */

int bl_run_metrics(const char *run, bl_buf *metrics, bl_err *e)
{
    bl_buf path = {0};
    struct stat st;
    int is_dir = stat(run, &st) != 0 || S_ISDIR(st.st_mode);
    int rc = bl_buf_addf(&path, e, "%s%s", run, is_dir ? "/metrics.tsv" : "");
    if (rc == 0 && bl_buf_str(&path, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_load_file((char *)path.data, metrics, LOG_MAX, e);
    if (rc == 0 && bl_buf_str(metrics, e) == NULL)
        rc = BL_E_NOMEM;
    bl_buf_free(&path);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(run));
}

/* A run that is drawn; all owned. */
typedef struct {
    char *name;
    bl_buf metrics;
} curve;

static int read_curve(curve *c, const char *run, bl_err *e)
{
    c->name = bl_path_last(run, e);
    return c->name != NULL ? bl_run_metrics(run, &c->metrics, e) : BL_E_NOMEM;
}

int bl_run_curves_add(const char *const *paths, size_t n, bl_buf *text, bl_err *e)
{
    bl_run_curve *runs = bl_calloc(n, sizeof *runs, e);
    curve *curves = bl_calloc(n, sizeof *curves, e);
    bl_svg s = {.out = text, .e = e};
    int rc = runs != NULL && curves != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = read_curve(&curves[i], paths[i], e);
        runs[i] = (bl_run_curve){curves[i].name, &curves[i].metrics};
    }
    if (rc == 0) {
        bl_curves_draw(&s, runs, n, 1);
        rc = s.rc;
    }
    for (size_t i = 0; i < n && curves != NULL; i++) {
        bl_buf_free(&curves[i].metrics);
        free(curves[i].name);
    }
    free(curves);
    free(runs);
    return rc;
}
