/* pages.c - see pages.h. */
#include "flow/pages.h"

#include "compare/surprise.h"
#include "flow/experiments.h"
#include "flow/groove_heat.h"
#include "flow/mapping.h"
#include "flow/row_sets.h"
#include "io/file.h"
#include "io/input.h"
#include "io/logprobs.h"
#include "io/name.h"
#include "io/walk.h"
#include "midi/midi.h"
#include "page/report.h"
#include "page/roll.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROLL_BARS = 512 };
enum { SECONDS_MAX = 600 }; /* of a piece that is played */

/* ---- a roll ---- */

/* Of pieces that are drawn. */
typedef struct {
    const bl_intake_wish *reading;
    bl_view view;
} drawing;

static int draw(drawing *d, const bl_roll *roll, const bl_song *song, const char *name,
                bl_buf *svg, bl_err *e)
{
    const bl_view_input input = {
        .song = song,
        .meter_num = d->reading->meter.num,
        .meter_den_log2 = d->reading->meter.den_log2,
        .track = d->reading->track,
    };
    bl_svg s = {.out = svg, .e = e};
    int rc = bl_view_make(&d->view, &input, e);
    return rc == 0 ? bl_roll_draw(&s, roll, &d->view, name) : rc;
}

/* The name as it is shown, which the caller frees. */
static int show_name(char **shown, const char *name, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_name_encode(name, &text, e);
    if (rc == 0 && bl_buf_str(&text, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0 && (*shown = bl_strdup((char *)text.data, e)) == NULL)
        rc = BL_E_NOMEM;
    bl_buf_free(&text);
    return rc;
}

typedef struct {
    drawing drawing;
    bl_buf *text;
} one_roll;

static int take_first(void *arg, const bl_shown *x, bl_err *e)
{
    static const bl_roll roll = {
        .width = 1200, .per_line = 8, .most_bars = ROLL_BARS, .is_standalone = 1};
    one_roll *one = arg;
    char *name = NULL;
    if (one->text->len > 0)
        return 1;
    int rc = show_name(&name, x->name, e);
    const char *part = rc == 0 ? strrchr(name, '/') : NULL;
    if (rc == 0)
        rc = draw(&one->drawing, &roll, x->song, part != NULL ? part + 1 : name,
                  one->text, e);
    free(name);
    return rc;
}

static int show(const char *const *operands, size_t n, const bl_intake_wish *reading,
                bl_intake_show_fn *take, void *arg, bl_err *e)
{
    bl_intake *in;
    int rc = bl_intake_new(&in, reading, NULL, e);
    if (rc == 0)
        rc = bl_intake_show(in, operands, n, take, arg, e);
    bl_intake_del(in);
    return rc;
}

int bl_roll_add(const char *path, bl_pair pair, const bl_meter *meter, bl_buf *text,
                bl_err *e)
{
    const bl_intake_wish reading = {
        .reading = bl_reading_with(BL_READ_OVERLAP, pair),
        .meter = *meter,
    };
    one_roll one = {.drawing = {.reading = &reading}, .text = text};
    int rc = show(&path, 1, &reading, take_first, &one, e);
    bl_view_free(&one.drawing.view);
    if (rc == 0 && text->len == 0)
        return bl_fail(e, BL_E_FORMAT, "there is no piece to draw");
    return rc;
}

/* ---- the page ---- */

typedef struct {
    drawing drawing;
    const bl_page_wish *wish;
    bl_report_piece *piece; /* [wish->most] */
    int64_t n;
} gallery;

static int take_piece(void *arg, const bl_shown *x, bl_err *e)
{
    static const bl_roll roll = {.width = 480, .per_line = 4, .most_bars = 16};
    gallery *all = arg;
    const bl_view *v = &all->drawing.view;
    if (all->n == all->wish->most)
        return 1;
    bl_report_piece *p = &all->piece[all->n++];
    int rc = show_name(&p->name, x->name, e);
    if (rc == 0)
        rc = draw(&all->drawing, &roll, x->song, p->name, &p->svg, e);
    if (rc == 0)
        rc = x->midi != NULL ? bl_buf_add(&p->midi, x->midi->data, x->midi->len, e)
                             : bl_midi_write(x->song, x->writing, &p->midi, e);
    if (rc == 0 && all->wish->player != NULL &&
        bl_view_seconds(v, v->last) <= SECONDS_MAX)
        rc = bl_play(all->wish->player, &p->midi, &p->sound, e);
    return rc;
}

static void gallery_free(gallery *all)
{
    for (int64_t i = 0; i < all->n; i++) {
        free(all->piece[i].name);
        bl_buf_free(&all->piece[i].svg);
        bl_buf_free(&all->piece[i].midi);
        bl_buf_free(&all->piece[i].sound);
    }
    free(all->piece);
    bl_view_free(&all->drawing.view);
}

static int write_report(const bl_report *page, const char *path,
                        const bl_guards *guards, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_report_write(page, &text, e);
    rc = rc == 0 ? bl_output_write(path, &text, guards, e) : bl_fail_in(e, rc, path);
    bl_buf_free(&text);
    return rc;
}

/* The scheme that the record states, which the caller closes; NULL of tokens that mean
 * nothing here. */
static int open_words(bl_scheme **scheme, const bl_logprobs *l, bl_surprise_words *w,
                      bl_err *e)
{
    *scheme = NULL;
    int rc = strcmp(l->kind.spec.scheme, BL_SCHEME_IDS) == 0
                 ? 0
                 : bl_scheme_open_stated(scheme, &l->kind.spec, l->kind.sha256, e);
    *w = (bl_surprise_words){*scheme, l->words, l->n_words};
    return rc;
}

static int sum_costs(const bl_logprobs *l, bl_surprise *cost, bl_err *e)
{
    bl_scheme *scheme;
    bl_surprise_words w;
    int rc = open_words(&scheme, l, &w, e);
    if (rc == 0)
        rc = bl_surprise_make(cost, &w, l->ids, l->log_prob, l->n, e);
    bl_scheme_del(scheme);
    return rc;
}

static int read_costs(const char *path, bl_surprise *cost, bl_err *e)
{
    bl_logprobs l;
    int rc = bl_logprobs_read(&l, path, e);
    if (rc == 0)
        rc = sum_costs(&l, cost, e);
    bl_logprobs_free(&l);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}

/* ---- drums and vectors ---- */

/* 1 for a file that holds a stream of tensors; what was a pipe is gone. */
static int is_tensors(const char *path)
{
    struct stat st;
    bl_input in = BL_INPUT_INIT;
    int is = stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
             bl_input_open(&in, path, NULL) == 0 && in.is_tensors;
    bl_input_close(&in);
    return is;
}

/* The heat-maps, where all is streams of grooves; else there are none. */
static int read_heat(bl_heat *h, const bl_page_sets *sets, bl_err *e)
{
    bl_row_store own = {0}, other = {0};
    int are_all = sets->n > 0, rc = 0;
    for (size_t i = 0; i < sets->n && are_all; i++)
        are_all = is_tensors(sets->operands[i]);
    if (!are_all || (sets->reference != NULL && !is_tensors(sets->reference)))
        return 0;
    h->set[0] = "first";
    h->set[1] = sets->reference != NULL ? "second" : NULL;
    rc = bl_row_set_read(&own, sets->operands, sets->n, 1, e);
    if (rc == 0)
        rc = bl_groove_heat_fill(h, 0, &own, sets->labels, e);
    if (rc == 0 && sets->reference != NULL)
        rc = bl_row_set_read(&other, &sets->reference, 1, 1, e);
    if (rc == 0 && sets->reference != NULL)
        rc = bl_groove_heat_fill(h, 1, &other, sets->labels, e);
    bl_heat_sort(h);
    bl_row_store_free(&own);
    bl_row_store_free(&other);
    return rc;
}

static int read_map(bl_map *m, const bl_page_wish *wish, const bl_labels *labels,
                    bl_err *e)
{
    bl_row_store rows = {0};
    int rc = bl_row_set_read(&rows, &wish->vectors, 1, 0, e);
    if (rc == 0)
        rc = bl_map_make(m, &rows, labels, wish->seed, e);
    bl_row_store_free(&rows);
    return rc;
}

/* ---- the whole ---- */

int bl_page_write(const bl_page_wish *wish, const bl_page_sets *sets,
                  const bl_intake_wish *reading, const bl_guards *guards, bl_err *e)
{
    bl_buf log = {0};
    bl_surprise cost = {0};
    bl_heat heat = {.seed = wish->seed};
    bl_map map = {0};
    bl_scatter points;
    gallery all = {.drawing = {.reading = reading}, .wish = wish};
    int judges = sets->verdict != NULL; /* then it is clear what the sets are */
    char *name_a = judges ? bl_strdup("new pieces", e)
                          : bl_path_last(sets->n > 0 ? sets->operands[0] : "stdin", e);
    char *name_b = judges                    ? bl_strdup("human pieces", e)
                   : sets->reference != NULL ? bl_path_last(sets->reference, e)
                                             : NULL;
    bl_report page = {
        .name_a = name_a,
        .name_b = name_b,
        .a = sets->table,
        .b = sets->reference_table,
        .compared = sets->compared,
        .log = wish->run != NULL ? &log : NULL,
        .verdict = sets->verdict,
        .cost = wish->costs != NULL ? &cost : NULL,
    };
    all.piece = bl_calloc((size_t)wish->most, sizeof *all.piece, e);
    int rc = name_a == NULL || (name_b == NULL) != (sets->reference == NULL) ||
                     all.piece == NULL
                 ? BL_E_NOMEM
                 : 0;
    if (rc == 0 && wish->run != NULL)
        rc = bl_run_metrics(wish->run, &log, e);
    if (rc == 0 && wish->costs != NULL)
        rc = read_costs(wish->costs, &cost, e);
    if (rc == 0)
        rc = show(sets->operands, sets->n, reading, take_piece, &all, e);
    if (rc == 0)
        rc = read_heat(&heat, sets, e);
    if (rc == 0 && wish->vectors != NULL)
        rc = read_map(&map, wish, sets->labels, e);
    page.heat = heat.n > 0 ? &heat : NULL;
    points = bl_map_scatter(&map);
    page.map = map.n > 0 ? &points : NULL;
    page.pieces = all.piece;
    page.n_pieces = (size_t)all.n;
    if (rc == 0)
        rc = write_report(&page, wish->path, guards, e);
    gallery_free(&all);
    bl_heat_free(&heat);
    bl_map_free(&map);
    free(name_a);
    free(name_b);
    bl_buf_free(&log);
    bl_surprise_free(&cost);
    return rc;
}

/* ---- what tokens cost ---- */

static int add_bars(const bl_logprobs *l, bl_buf *text, bl_err *e)
{
    bl_scheme *scheme;
    bl_surprise_words w;
    int rc = open_words(&scheme, l, &w, e);
    if (rc == 0)
        rc =
            bl_surprise_bars(&w, l->ids, l->log_prob, l->offsets, l->n_pieces, text, e);
    bl_scheme_del(scheme);
    return rc;
}

int bl_surprise_add(const char *path, int bars, bl_buf *text, bl_err *e)
{
    bl_logprobs l;
    bl_surprise s = {0};
    int rc = bl_logprobs_read(&l, path, e), is_read = rc == 0;
    if (rc == 0)
        rc = bars ? add_bars(&l, text, e) : sum_costs(&l, &s, e);
    if (rc == 0 && !bars)
        rc = bl_surprise_print(&s, text, e);
    bl_surprise_free(&s);
    bl_logprobs_free(&l);
    return rc != 0 && is_read ? bl_fail_in(e, rc, bl_path_or_stdin(path)) : rc;
}
