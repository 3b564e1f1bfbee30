/* run.c - see run.h. */
#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

#define CKPT_PREFIX "ckpt-"
#define CKPT_SUFFIX ".safetensors"

enum { METRICS_MAX = 1 << 30 };

/* The table as it begins, and as runs of the first version began it. */
static const char metrics_head[] =
    "#train {\"schema\":\"train-log/2\"}\n"
    "step\ttokens\tepoch\tlr\tloss\tgrad_norm\tvalid_loss\tvalid_tokens\tsplit_loss"
    "\tsplit_tokens\n";
static const char metrics_head_groove[] =
    "#train {\"schema\":\"train-log/2\"}\n"
    "step\ttokens\tepoch\tlr\tloss\tgrad_norm\tvalid_loss\tvalid_tokens\tsplit_loss"
    "\tsplit_tokens\thits\tvelocities\toffsets\tdivergence\taccuracy\tf1\tvalid_hits"
    "\tvalid_velocities\tvalid_offsets\tvalid_divergence\tvalid_accuracy\tvalid_f1\n";
static const char metrics_head_1[] =
    "#train {\"schema\":\"train-log/1\"}\n"
    "step\ttokens\tepoch\tlr\tloss\tgrad_norm\tvalid_loss\n";

static void path_of(const bl_run *r, const char *name, char path[BL_RUN_PATH])
{
    snprintf(path, BL_RUN_PATH, "%s/%s", r->dir, name);
}

static int set_dir(bl_run *r, const char *dir, bl_err *e)
{
    r->metrics = -1;
    r->bytes = r->lacks = 0;
    r->keep = r->is_old = r->is_groove = 0;
    if (strlen(dir) >= sizeof r->dir)
        return bl_fail(e, BL_E_CREATE, "the path of the run folder is too long");
    strcpy(r->dir, dir);
    return 0;
}

int bl_run_exists(const char *dir)
{
    char path[BL_RUN_PATH];
    struct stat st;
    static const char *const marks[] = {"config.json", "metrics.tsv", "latest"};
    for (size_t i = 0; i < BL_COUNT(marks); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, marks[i]);
        if (lstat(path, &st) == 0 && st.st_size > 0)
            return 1;
    }
    return 0;
}

/* ---- the checkpoints in the folder ---- */

/* The step in "ckpt-STEP.safetensors" followed by `tail`, or -1. */
static int64_t step_of(const char *name, const char *tail)
{
    char *end;
    size_t prefix = strlen(CKPT_PREFIX), suffix = strlen(CKPT_SUFFIX);
    if (strncmp(name, CKPT_PREFIX, prefix) != 0 || name[prefix] < '0' ||
        name[prefix] > '9')
        return -1;
    errno = 0;
    int64_t step = strtoll(name + prefix, &end, 10);
    if (errno != 0 || strncmp(end, CKPT_SUFFIX, suffix) != 0 ||
        strncmp(end + suffix, tail, strlen(tail)) != 0)
        return -1;
    return tail[0] == '\0' && end[suffix] != '\0' ? -1 : step;
}

static void ckpt_name(int64_t step, char name[64])
{
    snprintf(name, 64, CKPT_PREFIX "%08" PRId64 CKPT_SUFFIX, step);
}

/* Calls fn for each entry of the folder. */
static int each_entry(const bl_run *r,
                      void (*fn)(const char *path, const char *name, void *arg),
                      void *arg, bl_err *e)
{
    char path[BL_RUN_PATH];
    DIR *d = opendir(r->dir);
    if (d == NULL) {
        int rc = bl_fail_errno(e, BL_E_OPEN, "cannot list the folder");
        bl_err_in(e, r->dir);
        return rc; /* nobody may listen */
    }
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (strlen(entry->d_name) > 60)
            continue;
        path_of(r, entry->d_name, path);
        fn(path, entry->d_name, arg);
    }
    closedir(d);
    return 0;
}

static void remove_half_written(const char *path, const char *name, void *arg)
{
    static const char config[] = "config.json.tmp.";
    (void)arg;
    if (step_of(name, ".tmp.") >= 0 || strncmp(name, config, sizeof config - 1) == 0)
        unlink(path);
}

static void remove_ckpt(const char *path, const char *name, void *arg)
{
    (void)arg;
    if (step_of(name, "") >= 0)
        unlink(path);
}

/* What may stay: the newest steps, and the targets of the links. */
typedef struct {
    int64_t newest[BL_RUN_KEEP_MAX];
    int n;
    char linked[2][64];
    int removed;
} keep;

static void note_newest(const char *path, const char *name, void *arg)
{
    keep *k = arg;
    int64_t step = step_of(name, "");
    (void)path;
    for (int i = 0; i < k->n; i++) {
        if (step > k->newest[i]) {
            int64_t older = k->newest[i];
            k->newest[i] = step;
            step = older;
        }
    }
}

static void remove_unless_kept(const char *path, const char *name, void *arg)
{
    keep *k = arg;
    int64_t step = step_of(name, "");
    int stays =
        step < 0 || strcmp(name, k->linked[0]) == 0 || strcmp(name, k->linked[1]) == 0;
    for (int i = 0; i < k->n; i++)
        stays |= step == k->newest[i];
    if (!stays && unlink(path) == 0)
        k->removed++;
}

static void read_link(const bl_run *r, const char *link, char target[64])
{
    char path[BL_RUN_PATH];
    path_of(r, link, path);
    ssize_t n = readlink(path, target, 63);
    target[n > 0 ? n : 0] = '\0';
}

typedef struct {
    int64_t step, newest;
} before;

static void note_before(const char *path, const char *name, void *arg)
{
    before *b = arg;
    int64_t step = step_of(name, "");
    (void)path;
    if (step < b->step && step > b->newest)
        b->newest = step;
}

/* Leaves the newest n and what the links lead to; the number of those removed. */
static int prune(const bl_run *r, int n)
{
    keep k = {.n = n};
    for (int i = 0; i < k.n; i++)
        k.newest[i] = -1;
    read_link(r, "best", k.linked[0]);
    read_link(r, "latest", k.linked[1]);
    /* where it cannot be listed, all stays */
    if (each_entry(r, note_newest, &k, NULL) == 0)
        (void)each_entry(r, remove_unless_kept, &k, NULL);
    return k.removed;
}

static int point(const bl_run *r, const char *link, const char *target, bl_err *e)
{
    char path[BL_RUN_PATH], temp[BL_RUN_PATH];
    char name[32];
    snprintf(name, sizeof name, "%s.tmp", link);
    path_of(r, name, temp);
    path_of(r, link, path);
    unlink(temp);
    if (symlink(target, temp) != 0 || rename(temp, path) != 0) {
        int rc = bl_fail_errno(e, BL_E_IO, "cannot make the link");
        unlink(temp);
        return bl_fail_in(e, rc, path);
    }
    return 0;
}

/* On a full disk the older checkpoints make room; the latest and the best stay. */
static int save_ckpt(const bl_run *r, const char *path, const bl_trainer *t, bl_err *e)
{
    bl_err first = BL_ERR_INIT;
    int rc = bl_ckpt_save(path, &t->info, &t->state, &first);
    if (rc == BL_E_IO && prune(r, 0) > 0)
        return bl_ckpt_save(path, &t->info, &t->state, e);
    if (rc != 0)
        *e = first;
    return rc;
}

static int fail_metrics(const bl_run *r, const char *what, bl_err *e)
{
    char path[BL_RUN_PATH];
    path_of(r, "metrics.tsv", path);
    return bl_fail_in(e, bl_fail_errno(e, BL_E_IO, "%s", what), path);
}

int bl_run_save(bl_run *r, const bl_trainer *t, bl_err *e)
{
    char name[64], path[BL_RUN_PATH];
    int is_best = t->eval_model == NULL || t->info.best_step == t->info.step;
    ckpt_name(t->info.step, name);
    path_of(r, name, path);
    /* A checkpoint must not be newer on disk than the rows that lead to it. */
    if (bl_sync(r->metrics) != 0)
        return fail_metrics(r, "cannot sync", e);
    int rc = save_ckpt(r, path, t, e);
    if (rc == 0)
        rc = point(r, "latest", name, e);
    if (rc == 0 && is_best)
        rc = point(r, "best", name, e);
    /* What a link led to may go when the link is on disk. */
    if (rc == 0)
        rc = bl_sync_folder_of(path, e);
    if (rc == 0)
        prune(r, r->keep > 0 ? r->keep : BL_RUN_KEEP);
    return rc;
}

/* The newest checkpoint of the folder before `step`; -1 if there is none. */
static int newest_before(const bl_run *r, int64_t step, int64_t *newest, bl_err *e)
{
    before b = {step, -1};
    int rc = each_entry(r, note_before, &b, e);
    *newest = b.newest;
    return rc;
}

int bl_run_older(const char *link, char found[BL_RUN_PATH])
{
    bl_run r;
    char name[64] = "";
    const char *slash = strrchr(link, '/');
    size_t len = slash != NULL ? (size_t)(slash - link) : 0;
    if (len == 0 || len >= sizeof r.dir)
        return 0;
    memcpy(r.dir, link, len);
    r.dir[len] = '\0';
    read_link(&r, slash + 1, name);
    int64_t step;
    if (newest_before(&r, step_of(name, ""), &step, NULL) != 0 || step < 0)
        return 0;
    ckpt_name(step, name);
    path_of(&r, name, found);
    return 1;
}

static int is_there(const bl_run *r, const char *name, char path[BL_RUN_PATH])
{
    struct stat st;
    path_of(r, name, path);
    return stat(path, &st) == 0;
}

/* 1 and its path, 0 where a folder holds no checkpoint. */
static int find(const char *path, const char *name, char found[BL_RUN_PATH], bl_err *e)
{
    struct stat st;
    bl_run r;
    char newest[64] = "best";
    if (strlen(path) >= sizeof r.dir)
        return bl_fail(e, BL_E_OPEN, "the path is too long");
    strcpy(found, path);
    if (strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return 1;
    strcpy(r.dir, path);
    if (is_there(&r, name, found) || is_there(&r, "latest", found))
        return 1;
    /* links are the first that a copy of a folder loses */
    int64_t step;
    int rc = newest_before(&r, INT64_MAX, &step, e);
    if (rc != 0)
        return rc;
    if (step >= 0)
        ckpt_name(step, newest);
    return is_there(&r, newest, found) != 0;
}

int bl_run_find(const char *path, const char *name, char found[BL_RUN_PATH], bl_err *e)
{
    int rc = find(path, name, found, e);
    if (rc == 0) {
        rc = bl_fail(e, BL_E_OPEN, "the folder holds no checkpoint");
        bl_err_in(e, path);
    }
    return rc < 0 ? rc : 0;
}

int bl_run_has_ckpt(const char *path, bl_err *e)
{
    char found[BL_RUN_PATH];
    return find(path, "latest", found, e);
}

/* ---- config.json ---- */

int bl_run_config(const bl_run *r, const bl_train_config *c, bl_err *e)
{
    char path[BL_RUN_PATH];
    bl_buf text = {0};
    path_of(r, "config.json", path);
    bl_json *o = bl_config_json(c, e);
    int rc = o != NULL ? bl_json_write(o, &text, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_buf_addc(&text, '\n', e);
    rc =
        rc == 0 ? bl_write_file(path, text.data, text.len, e) : bl_fail_in(e, rc, path);
    bl_buf_free(&text);
    bl_json_del(o);
    return rc;
}

/* ---- metrics.tsv ---- */

static int open_metrics(bl_run *r, bl_err *e)
{
    char path[BL_RUN_PATH];
    path_of(r, "metrics.tsv", path);
    do
        r->metrics = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    while (r->metrics < 0 && errno == EINTR);
    if (r->metrics < 0) {
        return bl_fail_in(e, bl_fail_errno(e, BL_E_CREATE, "cannot create"), path);
    }
    return 0;
}

static int append(bl_run *r, const char *text, size_t len, bl_err *e)
{
    int rc = bl_write_all(r->metrics, text, len, e);
    if (rc == 0) {
        r->bytes += (int64_t)len;
        return 0;
    }
    /* No half row stays; if this fails as well, resuming drops the row. */
    if (ftruncate(r->metrics, r->bytes) != 0)
        bl_fail(e, BL_E_IO, "metrics.tsv ends in a broken row");
    char path[BL_RUN_PATH];
    path_of(r, "metrics.tsv", path);
    bl_err_in(e, path);
    return rc;
}

static const char *loss_text(double loss, char text[32])
{
    snprintf(text, 32, "%.9g", loss);
    return isnan(loss) ? "nan" : text;
}

static const char *head_of(const bl_run *r)
{
    return r->is_groove ? metrics_head_groove : metrics_head;
}

/* The measures of windows, at the end of a row; returns their length. */
static int add_score(const bl_window_score *s, char *text, size_t size)
{
    char number[32];
    int n = 0;
    for (int i = 0; i < BL_N_TERMS; i++)
        n +=
            snprintf(text + n, size - (size_t)n, "\t%s", loss_text(s->term[i], number));
    n += snprintf(text + n, size - (size_t)n, "\t%s", loss_text(s->accuracy, number));
    n += snprintf(text + n, size - (size_t)n, "\t%s", loss_text(s->f1, number));
    return n;
}

int bl_run_log(bl_run *r, const bl_train_row *row, bl_err *e)
{
    char text[1024], loss[32], valid[32], split[32];
    int n = snprintf(text, sizeof text,
                     "%" PRId64 "\t%" PRId64 "\t%.9g\t%.9g\t%s\t%.9g\t%s", row->step,
                     row->tokens, row->epoch, row->lr, loss_text(row->loss, loss),
                     row->grad_norm, loss_text(row->valid_loss, valid));
    if (!r->is_old)
        n += snprintf(text + n, sizeof text - (size_t)n, "\t%" PRId64 "\t%s\t%" PRId64,
                      row->valid_tokens, loss_text(row->split_loss, split),
                      row->split_tokens);
    if (r->is_groove) {
        n += add_score(&row->score, text + n, sizeof text - (size_t)n);
        n += add_score(&row->valid_score, text + n, sizeof text - (size_t)n);
    }
    text[n++] = '\n';
    return append(r, text, (size_t)n, e);
}

/* What a run that goes on keeps of its table. */
typedef struct {
    size_t bytes;
    int64_t line, step; /* the last that is kept; step 0: the head */
    int64_t rows;
    int is_old; /* the table of the first version */
} kept;

/* A power failure may leave a part of the head, or nothing. */
static int keep_head(const bl_buf *b, const char *head, kept *k, bl_err *e)
{
    size_t len = strlen(head), old = sizeof metrics_head_1 - 1;
    if (b->len >= old && memcmp(b->data, metrics_head_1, old) == 0) {
        *k = (kept){.bytes = old, .line = 2, .is_old = 1};
        return 0;
    }
    size_t have = b->len < len ? b->len : len;
    *k = (kept){.bytes = b->len < len ? 0 : len, .line = 2};
    if (have > 0 && memcmp(b->data, head, have) != 0)
        return bl_fail(e, BL_E_FORMAT,
                       "not the table of a run; move it away to begin another");
    return 0;
}

/* The whole rows up to `step`. What follows that row is torn or of no interest; what
 * stands before it is work that nobody may lose. */
static int keep_rows(const bl_buf *b, int64_t step, kept *k, bl_err *e)
{
    const char *text = (const char *)b->data;
    while (k->bytes > 0 && k->bytes < b->len && k->step < step) {
        const char *row = text + k->bytes;
        const char *end = memchr(row, '\n', b->len - k->bytes);
        char *stop = NULL;
        int64_t next = end != NULL ? strtoll(row, &stop, 10) : 0;
        if (end == NULL || next > step)
            break;
        if (*stop != '\t' || next <= k->step)
            return bl_fail_line(e, BL_E_FORMAT, k->line + 1,
                                "not a row of the table; mend it, or move the table "
                                "away to begin another");
        *k =
            (kept){(size_t)(end - text) + 1, k->line + 1, next, k->rows + 1, k->is_old};
    }
    return 0;
}

static int cut_metrics(bl_run *r, int64_t step, bl_err *e)
{
    bl_buf b = {0};
    kept k = {0};
    char path[BL_RUN_PATH];
    path_of(r, "metrics.tsv", path);
    int rc = bl_read_all(r->metrics, &b, METRICS_MAX, e);
    if (rc == 0)
        rc = keep_head(&b, head_of(r), &k, e);
    if (rc == 0)
        rc = keep_rows(&b, step, &k, e);
    if (rc == 0) {
        r->bytes = (int64_t)k.bytes;
        r->is_old = k.is_old;
        r->lacks = step - k.rows;
        if (ftruncate(r->metrics, r->bytes) != 0)
            rc = bl_fail_errno(e, BL_E_IO, "cannot cut the table");
    }
    bl_buf_free(&b);
    if (rc == 0 && r->bytes == 0)
        rc = append(r, head_of(r), strlen(head_of(r)), e);
    if (rc != 0)
        bl_err_in(e, path);
    return rc;
}

/* ---- beginning and resuming ---- */

/* One process writes a run. The lock is the table's and goes with the process; a file
 * system without locks is no reason not to train. */
static int lock(const bl_run *r, bl_err *e)
{
    if (flock(r->metrics, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return 0;
    int rc =
        bl_fail(e, BL_E_CREATE,
                "another xltrain is at work there; stop it, or name another folder");
    return bl_fail_in(e, rc, r->dir);
}

static int remove_old_run(const bl_run *r, bl_err *e)
{
    static const char *const names[] = {"latest", "best", "config.json"};
    char path[BL_RUN_PATH];
    for (size_t i = 0; i < BL_COUNT(names); i++) {
        path_of(r, names[i], path);
        unlink(path);
    }
    int rc = each_entry(r, remove_ckpt, NULL, e);
    return rc == 0 ? each_entry(r, remove_half_written, NULL, e) : rc;
}

int bl_run_begin(bl_run *r, const char *dir, const bl_train_config *c, int anew,
                 bl_err *e)
{
    int rc = set_dir(r, dir, e);
    if (rc != 0)
        return rc;
    r->is_groove = bl_model_is_groove(&c->model);
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return bl_fail_in(e, bl_fail_errno(e, BL_E_CREATE, "cannot make the folder"),
                          dir);
    }
    rc = open_metrics(r, e);
    if (rc == 0)
        rc = lock(r, e);
    if (rc != 0)
        return rc;
    /* another process may have begun and ended since the caller looked */
    if (!anew && bl_run_exists(dir)) {
        return bl_fail_in(e, bl_fail(e, BL_E_CREATE, "it holds a run already"), dir);
    }
    rc = remove_old_run(r, e);
    if (rc == 0 && ftruncate(r->metrics, 0) != 0)
        rc = bl_fail_errno(e, BL_E_CREATE, "cannot empty metrics.tsv");
    if (rc == 0)
        rc = bl_run_config(r, c, e);
    if (rc == 0)
        rc = append(r, head_of(r), strlen(head_of(r)), e);
    return rc;
}

/* A process that ended between the two links left `best` behind. */
static int mend_best(const bl_run *r, const bl_ckpt_info *info, bl_err *e)
{
    char name[64], target[64], path[BL_RUN_PATH];
    struct stat st;
    ckpt_name(info->best_step, name);
    path_of(r, name, path);
    read_link(r, "best", target);
    if (!isfinite(info->best_loss) || strcmp(name, target) == 0 || stat(path, &st) != 0)
        return 0;
    return point(r, "best", name, e);
}

int bl_run_resume(bl_run *r, const char *dir, const bl_ckpt_info *info, bl_err *e)
{
    int rc = set_dir(r, dir, e);
    r->is_groove = bl_model_is_groove(&info->config.model);
    if (rc == 0)
        rc = open_metrics(r, e);
    if (rc == 0)
        rc = lock(r, e);
    if (rc == 0)
        rc = cut_metrics(r, info->step, e);
    if (rc != 0)
        return rc;
    rc = each_entry(r, remove_half_written, NULL, e);
    if (rc == 0)
        rc = bl_run_config(r, &info->config, e);
    return rc == 0 ? mend_best(r, info, e) : rc;
}

void bl_run_close(bl_run *r)
{
    if (r->metrics >= 0)
        close(r->metrics);
    r->metrics = -1;
}
