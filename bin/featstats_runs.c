/* featstats_runs.c - see featstats.h: the tables and pictures of --runs. */
#include "featstats.h"
#include "io/header.h"
#include "page/trials.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 << 20 };

/* The files of a run folder that are there. */
enum { RECORD, METRICS, EVAL, SURPRISE, COSTS, CONFIG, FILES };

static const char *const names[FILES] = {"run.tsv",      "metrics.tsv", "eval.tsv",
                                         "surprise.tsv", "costs.tsv",   "config.json"};

/* A file as text, NULL in *text where there is none. */
static int read_text(const char *folder, const char *name, bl_buf *b, const char **text,
                     bl_err *e)
{
    bl_buf path = {0};
    struct stat st;
    int fd = -1;
    *text = NULL;
    int rc = bl_buf_addf(&path, e, "%s/%s", folder, name);
    if (rc == 0 && bl_buf_str(&path, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0 && stat((char *)path.data, &st) == 0) {
        rc = bl_in_open((char *)path.data, &fd, e);
        if (rc == 0)
            rc = bl_read_all(fd, b, TEXT_MAX, e);
        if (rc == 0 && (*text = bl_buf_str(b, e)) == NULL)
            rc = BL_E_NOMEM;
        if (fd >= 0)
            close(fd);
        if (rc != 0)
            bl_err_in(e, bl_path_shown((char *)path.data));
    }
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
        return bl_err_in(e, path);
    }
    f->seed = setting_of(config, "seed");
    f->steps = setting_of(config, "steps");
    f->eval_every = setting_of(config, "eval_every");
    f->patience = setting_of(config, "patience");
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
        bl_fail(e, BL_E_OPEN, "no run folder");
        return bl_err_in(e, bl_path_shown(folder));
    }
    char *name = set_name(folder, e);
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
static int add_head(const bl_trials *all, const run *r, bl_buf *text, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o != NULL ? bl_json_set_str(o, "schema", "runs/1", e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_json_set_int(o, "settings", (int64_t)bl_trials_settings(all), e);
    if (rc == 0)
        rc = bl_json_set_int(o, "runs", (int64_t)all->n, e);
    if (rc == 0)
        rc = put_pg(r, o, e);
    if (rc == 0)
        rc = bl_header_write("runs", o, text, e);
    bl_json_del(o);
    return rc;
}

static int draw(const bl_trials *all, const settings *set, bl_buf *text, bl_err *e)
{
    bl_svg s = {.out = text, .e = e};
    bl_bands how = {.by = set->by, .is_log = set->is_log, .is_standalone = 1};
    bl_bands_draw(&s, all, &how);
    return s.rc;
}

static int add_runs(run *r, const bl_trials *all, bl_buf *text, bl_err *e)
{
    int with_costs = !r->set->no_costs;
    if (r->set->curves)
        return draw(all, r->set, text, e);
    if (r->set->summary)
        return bl_trials_text(all, with_costs, text, e);
    int rc = add_head(all, r, text, e);
    return rc == 0 ? bl_trials_tsv(all, with_costs, text, e) : rc;
}

static int write_file(const char *path, const bl_buf *text, bl_err *e)
{
    bl_out out = {.fd = -1};
    int rc = bl_out_open(&out, path, e);
    if (rc == 0)
        rc = bl_write_all(out.fd, text->data, text->len, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    return rc;
}

int show_runs(run *r, bl_err *e)
{
    bl_trials all = {0};
    bl_buf text = {0}, page = {0};
    int rc = 0;
    for (int i = 0; i < r->opts->n_operands && rc == 0; i++)
        rc = read_folder(&all, r->opts->operands[i], e);
    if (rc == 0)
        rc = add_runs(r, &all, &text, e);
    if (rc == 0 && r->set->html != NULL)
        rc = bl_trials_page(&all, !r->set->no_costs, &page, e);
    if (rc == 0 && r->set->html != NULL)
        rc = write_file(r->set->html, &page, e);
    if (rc == 0)
        rc = write_file(r->set->common.output, &text, e);
    bl_trials_free(&all);
    bl_buf_free(&text);
    bl_buf_free(&page);
    return rc;
}
