/* featstats_report.c - see featstats.h: the page of --html, the picture of --roll. */
#include "featstats.h"
#include "io/header.h"
#include "page/curves.h"
#include "page/report.h"
#include "page/roll.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_PIECES = 64, LOG_MAX = 64 << 20, ROLL_BARS = 512 };
enum { SECONDS_MAX = 600 }; /* of a piece that --sound plays */

/* ---- pieces ---- */

typedef struct {
    bl_report_piece piece[MAX_PIECES];
    size_t n, most;
} shown;

static int draw(run *r, const bl_roll *roll, const char *name, bl_buf *svg, bl_err *e)
{
    bl_svg s = {.out = svg, .e = e};
    r->input.song = &r->song;
    int rc = bl_view_make(&r->view, &r->input, e);
    return rc == 0 ? bl_roll_draw(&s, roll, &r->view, name) : rc;
}

static int take_shown(run *r, const char *name, const bl_buf *midi, void *arg,
                      bl_err *e)
{
    static const bl_roll roll = {.width = 480, .per_line = 4, .most_bars = 16};
    shown *all = arg;
    if (all->n == all->most)
        return 1;
    bl_report_piece *p = &all->piece[all->n++];
    r->name.len = 0;
    int rc = bl_name_encode(name, &r->name, e);
    if (rc == 0 && bl_buf_str(&r->name, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0 && (p->name = bl_strdup((char *)r->name.data, e)) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = draw(r, &roll, p->name, &p->svg, e);
    if (rc == 0)
        rc = midi != NULL ? bl_buf_add(&p->midi, midi->data, midi->len, e)
                          : bl_midi_write(&r->song, r->writing, &p->midi, e);
    if (rc == 0 && r->set->sound &&
        bl_view_seconds(&r->view, r->view.last) <= SECONDS_MAX)
        rc = make_sound(r, &p->midi, &p->sound, e);
    return rc;
}

static void shown_free(shown *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->piece[i].name);
        bl_buf_free(&all->piece[i].svg);
        bl_buf_free(&all->piece[i].midi);
        bl_buf_free(&all->piece[i].sound);
    }
}

static int take_roll(run *r, const char *name, const bl_buf *midi, void *arg, bl_err *e)
{
    static const bl_roll roll = {
        .width = 1200, .per_line = 8, .most_bars = ROLL_BARS, .is_standalone = 1};
    bl_buf *text = arg;
    (void)midi;
    if (text->len > 0)
        return 1;
    r->name.len = 0;
    int rc = bl_name_encode(name, &r->name, e);
    if (rc == 0 && bl_buf_str(&r->name, e) == NULL)
        rc = BL_E_NOMEM;
    const char *path = (const char *)r->name.data;
    const char *part = rc == 0 ? strrchr(path, '/') : NULL;
    return rc == 0 ? draw(r, &roll, part != NULL ? part + 1 : path, text, e) : rc;
}

int add_roll(run *r, bl_buf *text, bl_err *e)
{
    int rc = show_pieces(r, take_roll, text, e);
    if (rc == 0 && text->len == 0)
        return bl_fail(e, BL_E_FORMAT, "there is no piece to draw");
    return rc;
}

/* ---- the page ---- */

/* The log of a run directory, or the file itself, ended by NUL. */
static int read_log(const char *from, bl_buf *log, bl_err *e)
{
    bl_buf path = {0};
    struct stat st;
    int fd = -1, is_dir = stat(from, &st) != 0 || S_ISDIR(st.st_mode);
    int rc = bl_buf_addf(&path, e, "%s%s", from, is_dir ? "/metrics.tsv" : "");
    if (rc == 0 && bl_buf_str(&path, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_in_open((char *)path.data, &fd, e);
    if (rc == 0)
        rc = bl_read_all(fd, log, LOG_MAX, e);
    if (rc == 0 && bl_buf_str(log, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc != 0)
        bl_err_in(e, bl_path_shown(path.data != NULL ? (char *)path.data : from));
    if (fd >= 0)
        close(fd);
    bl_buf_free(&path);
    return rc;
}

char *set_name(const char *path, bl_err *e)
{
    size_t n = strlen(path), from;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/';)
        from--;
    from = from == n ? 0 : from;
    char *name = bl_strdup(path + from, e);
    if (name != NULL)
        name[n - from] = '\0';
    return name;
}

static int write_page(const bl_report *page, const char *path, bl_err *e)
{
    bl_buf text = {0};
    bl_out out = {.fd = -1};
    int rc = bl_report_write(page, &text, e);
    if (rc == 0)
        rc = bl_out_open(&out, path, e);
    char *temp = rc == 0 && out.temp != NULL ? bl_strdup(out.temp, e) : NULL;
    if (temp != NULL)
        bl_guard_also(temp);
    if (rc == 0)
        rc = bl_write_all(out.fd, text.data, text.len, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    if (temp != NULL)
        bl_guard_less(temp);
    free(temp);
    bl_buf_free(&text);
    return rc == 0 ? 0 : bl_err_in(e, path);
}

int add_curves(run *r, bl_buf *text, bl_err *e)
{
    size_t n = r->opts->n_operands;
    bl_run_log *runs = bl_calloc(n, sizeof *runs, e);
    bl_buf *logs = bl_calloc(n, sizeof *logs, e);
    char **names = bl_calloc(n, sizeof *names, e);
    bl_svg s = {.out = text, .e = e};
    int rc = runs != NULL && logs != NULL && names != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < n && rc == 0; i++) {
        names[i] = set_name(r->opts->operands[i], e);
        runs[i] = (bl_run_log){names[i], &logs[i]};
        rc =
            names[i] != NULL ? read_log(r->opts->operands[i], &logs[i], e) : BL_E_NOMEM;
    }
    if (rc == 0) {
        bl_curves_draw(&s, runs, n, 1);
        rc = s.rc;
    }
    for (size_t i = 0; i < n && logs != NULL; i++)
        bl_buf_free(&logs[i]);
    for (size_t i = 0; i < n && names != NULL; i++)
        free(names[i]);
    free(names);
    free(logs);
    free(runs);
    return rc;
}

int write_report(run *r, const bl_comparisons *compared, bl_err *e)
{
    bl_buf log = {0};
    shown all = {.most = (size_t)r->set->rolls};
    const bl_opts *o = r->opts;
    char *name_a = set_name(o->n_operands > 0 ? o->operands[0] : "stdin", e);
    char *name_b = set_name(compared != NULL ? r->set->vs : "", e);
    bl_report page = {
        .name_a = name_a,
        .a = &r->pieces.table,
        .compared = compared,
        .log = r->set->run != NULL ? &log : NULL,
    };
    if (compared != NULL) {
        page.b = &r->reference.table;
        page.name_b = name_b;
    }
    int rc = name_a != NULL && name_b != NULL ? 0 : BL_E_NOMEM;
    if (rc == 0 && r->set->run != NULL)
        rc = read_log(r->set->run, &log, e);
    if (rc == 0)
        rc = show_pieces(r, take_shown, &all, e);
    page.pieces = all.piece;
    page.n_pieces = all.n;
    if (rc == 0)
        rc = write_page(&page, r->set->html, e);
    shown_free(&all);
    free(name_a);
    free(name_b);
    bl_buf_free(&log);
    return rc;
}
