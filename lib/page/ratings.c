/* ratings.c - see ratings.h. */
#include "page/ratings.h"
#include "page/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 5, VALUE_MAX = 100, SETS_MAX = 64 };

static const char *const columns[CELLS] = {"scale", "set", "piece", "rater", "rating"};

/* ---- reading ---- */

static int by_answer(const void *a, const void *b)
{
    const bl_rating *x = a, *y = b;
    const char *const of_x[] = {x->scale, x->set, x->piece, x->rater};
    const char *const of_y[] = {y->scale, y->set, y->piece, y->rater};
    for (size_t k = 0; k < BL_COUNT(of_x); k++) {
        int order = strcmp(of_x[k], of_y[k]);
        if (order != 0)
            return order;
    }
    return 0;
}

/* As by_answer, later files and lines behind. */
static int by_place(const void *a, const void *b)
{
    const bl_rating *x = a, *y = b;
    int order = by_answer(a, b);
    if (order == 0)
        order = (x->file > y->file) - (x->file < y->file);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* Cuts a line into cells in place. How many there are of `most`. */
static size_t cut(char *line, char **cell, size_t most)
{
    size_t n = 0;
    for (char *tab; n < most; line = tab + 1) {
        cell[n++] = line;
        tab = strchr(line, '\t');
        if (tab == NULL)
            break;
        *tab = '\0';
    }
    return n;
}

static int add_line(bl_ratings *r, char *line, int64_t number, const int at[CELLS],
                    bl_err *e)
{
    enum { MOST = 32 };
    char *cell[MOST], *end;
    size_t n = cut(line, cell, MOST);
    for (int k = 0; k < CELLS; k++)
        if ((size_t)at[k] >= n || cell[at[k]][0] == '\0')
            return bl_fail_line(e, BL_E_FORMAT, number, "no %s in this line",
                                columns[k]);
    double value = strtod(cell[at[4]], &end);
    if (strspn(cell[at[4]], "0123456789.") != strlen(cell[at[4]]) || *end != '\0' ||
        value > VALUE_MAX)
        return bl_fail_line(e, BL_E_FORMAT, number, "the rating '%.20s' is not 0..%d",
                            cell[at[4]], VALUE_MAX);
    if (r->n == BL_RATINGS_MAX)
        return bl_fail_line(e, BL_E_LIMIT, number, "more than %d ratings",
                            BL_RATINGS_MAX);
    void *p = r->row;
    int rc = bl_grow(&p, &r->cap, r->n + 1, sizeof *r->row, e);
    r->row = p;
    if (rc == 0)
        r->row[r->n++] = (bl_rating){.scale = cell[at[0]],
                                     .set = cell[at[1]],
                                     .piece = cell[at[2]],
                                     .rater = cell[at[3]],
                                     .value = value,
                                     .line = number,
                                     .file = r->n_texts};
    return rc;
}

/* The next line, ended with NUL, or NULL after the last. */
static char *next_line(char **rest)
{
    char *line = *rest;
    size_t len = strcspn(line, "\n");
    if (*line == '\0')
        return NULL;
    *rest = line + len + (line[len] == '\n');
    line[len] = '\0';
    if (len > 0 && line[len - 1] == '\r')
        line[len - 1] = '\0';
    return line;
}

static int add_lines(bl_ratings *r, char *text, bl_err *e)
{
    int at[CELLS], rc = 0, has_names = 0;
    int64_t number = 0;
    text += bl_behind_mark(text) - text;
    for (char *line; rc == 0 && (line = next_line(&text)) != NULL;) {
        number++;
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (has_names) {
            rc = add_line(r, line, number, at, e);
            continue;
        }
        for (int k = 0; k < CELLS; k++)
            if ((at[k] = bl_column_find(line, columns[k])) < 0)
                return bl_fail_line(e, BL_E_FORMAT, number,
                                    "not a table of ratings: no column '%s'",
                                    columns[k]);
        has_names = 1;
    }
    if (rc == 0 && !has_names)
        return bl_fail(e, BL_E_FORMAT,
                       "not a table of ratings: it has no line of names");
    return rc;
}

static int keep_text(bl_ratings *r, const char *text, bl_err *e)
{
    void *p = r->text;
    int rc = bl_grow(&p, &r->cap_texts, r->n_texts + 1, sizeof *r->text, e);
    r->text = p;
    if (rc == 0 && (r->text[r->n_texts] = bl_strdup(text, e)) == NULL)
        rc = BL_E_NOMEM;
    return rc;
}

int bl_ratings_add(bl_ratings *r, const char *text, bl_err *e)
{
    int rc = keep_text(r, text, e);
    if (rc != 0)
        return rc;
    rc = add_lines(r, r->text[r->n_texts], e);
    r->n_texts++;
    if (r->n > 0)
        qsort(r->row, r->n, sizeof *r->row, by_place);
    for (size_t i = 1; rc == 0 && i < r->n; i++)
        if (by_answer(&r->row[i - 1], &r->row[i]) == 0)
            rc = bl_fail_line(e, BL_E_FORMAT, r->row[i].line,
                              "'%.40s' has rated '%.60s' on '%.20s' before",
                              r->row[i].rater, r->row[i].piece, r->row[i].scale);
    return rc;
}

void bl_ratings_free(bl_ratings *r)
{
    for (size_t i = 0; i < r->n_texts; i++)
        free(r->text[i]);
    free(r->text);
    free(r->row);
    *r = (bl_ratings){0};
}

/* ---- what one scale says ---- */

/* The answers of one scale with numbers for names. */
typedef struct {
    const bl_rating *row; /* [n] by set, piece, rater */
    size_t n;
    uint32_t *rater, *piece; /* [n]: places of the names */
    uint32_t n_raters, n_pieces;
    size_t set[SETS_MAX + 1]; /* the rows of set k are set[k] .. set[k + 1] */
    size_t n_sets;
    uint32_t *drawn_rater, *drawn_piece; /* how often each was drawn */
    double *found;                       /* [BL_BOOTSTRAP * sets] means */
} answers;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int number_raters(answers *a, bl_err *e)
{
    const char **name = bl_calloc(a->n, sizeof *name, e);
    if (name == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < a->n; i++)
        name[i] = a->row[i].rater;
    qsort(name, a->n, sizeof *name, by_text);
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (n == 0 || strcmp(name[n - 1], name[i]) != 0)
            name[n++] = name[i];
    for (size_t i = 0; i < a->n; i++) {
        const char **of = bsearch(&a->row[i].rater, name, n, sizeof *name, by_text);
        a->rater[i] = (uint32_t)(of - name);
    }
    a->n_raters = (uint32_t)n;
    free(name);
    return 0;
}

/* Rows come by set and piece, so a new name is a new number. */
static int number_pieces(answers *a, bl_err *e)
{
    for (size_t i = 0; i < a->n; i++) {
        int is_set = i == 0 || strcmp(a->row[i - 1].set, a->row[i].set) != 0;
        if (is_set && a->n_sets == SETS_MAX)
            return bl_fail(e, BL_E_LIMIT,
                           "more than %d different names in the column 'set', which "
                           "says where pieces are from: those of pieces are in 'piece'",
                           SETS_MAX);
        if (is_set)
            a->set[a->n_sets++] = i;
        a->n_pieces += is_set || strcmp(a->row[i - 1].piece, a->row[i].piece) != 0;
        a->piece[i] = a->n_pieces - 1;
    }
    a->set[a->n_sets] = a->n;
    return 0;
}

static int answers_open(answers *a, const bl_rating *row, size_t n, bl_err *e)
{
    *a = (answers){.row = row, .n = n};
    a->rater = bl_calloc(n, sizeof *a->rater, e);
    a->piece = bl_calloc(n, sizeof *a->piece, e);
    a->drawn_rater = bl_calloc(n, sizeof *a->drawn_rater, e);
    a->drawn_piece = bl_calloc(n, sizeof *a->drawn_piece, e);
    if (a->rater == NULL || a->piece == NULL || a->drawn_rater == NULL ||
        a->drawn_piece == NULL)
        return BL_E_NOMEM;
    int rc = number_raters(a, e);
    if (rc == 0)
        rc = number_pieces(a, e);
    if (rc == 0 &&
        (a->found = bl_calloc(a->n_sets * BL_BOOTSTRAP, sizeof(double), e)) == NULL)
        rc = BL_E_NOMEM;
    return rc;
}

static void answers_close(answers *a)
{
    free(a->rater);
    free(a->piece);
    free(a->drawn_rater);
    free(a->drawn_piece);
    free(a->found);
}

static double mean_of(const answers *a, size_t set, int is_drawn)
{
    double sum = 0, n = 0;
    for (size_t i = a->set[set]; i < a->set[set + 1]; i++) {
        double times =
            is_drawn ? (double)a->drawn_rater[a->rater[i]] * a->drawn_piece[a->piece[i]]
                     : 1;
        sum += times * a->row[i].value;
        n += times;
    }
    return n > 0 ? sum / n : NAN;
}

/* Draws listeners, and pieces within each set, with replacement. */
static void draw_again(answers *a, bl_rng *rng)
{
    memset(a->drawn_rater, 0, a->n_raters * sizeof *a->drawn_rater);
    memset(a->drawn_piece, 0, a->n_pieces * sizeof *a->drawn_piece);
    for (uint32_t i = 0; i < a->n_raters; i++)
        a->drawn_rater[bl_rng_below(rng, a->n_raters)]++;
    for (size_t k = 0; k < a->n_sets; k++) {
        uint32_t from = a->piece[a->set[k]], to = a->piece[a->set[k + 1] - 1] + 1;
        for (uint32_t i = from; i < to; i++)
            a->drawn_piece[from + bl_rng_below(rng, to - from)]++;
    }
}

static void bootstrap(answers *a, bl_rng rng)
{
    for (int t = 0; t < BL_BOOTSTRAP; t++) {
        draw_again(a, &rng);
        for (size_t k = 0; k < a->n_sets; k++)
            a->found[k * BL_BOOTSTRAP + (size_t)t] = mean_of(a, k, 1);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 95 % of the means of a set, less those of another where there is one. Draws that have
 * no rating of a set (few listeners, not all of whom heard all) do not count. */
static void interval(const answers *a, size_t set, const size_t *against,
                     bl_rating_row *row)
{
    double x[BL_BOOTSTRAP];
    size_t n = 0;
    for (size_t t = 0; t < BL_BOOTSTRAP; t++) {
        double d = a->found[set * BL_BOOTSTRAP + t];
        if (against != NULL)
            d -= a->found[*against * BL_BOOTSTRAP + t];
        if (!isnan(d))
            x[n++] = d;
    }
    row->low = row->high = NAN;
    if (n == 0)
        return;
    qsort(x, n, sizeof *x, by_value);
    row->low = x[(size_t)(0.025 * (double)(n - 1) + 0.5)];
    row->high = x[(size_t)(0.975 * (double)(n - 1) + 0.5)];
}

static const bl_twosample nothing = {NAN, NAN, NAN, NAN, NAN, NAN};

static bl_rating_row set_row(answers *a, size_t k)
{
    bl_rating_row row = {.scale = a->row[0].scale,
                         .set = a->row[a->set[k]].set,
                         .n_ratings = a->set[k + 1] - a->set[k],
                         .mean = mean_of(a, k, 0),
                         .rank = nothing,
                         .holm = NAN};
    double squares = 0;
    memset(a->drawn_rater, 0, a->n_raters * sizeof *a->drawn_rater);
    for (size_t i = a->set[k]; i < a->set[k + 1]; i++) {
        double off = a->row[i].value - row.mean;
        squares += off * off;
        row.n_raters += a->drawn_rater[a->rater[i]]++ == 0;
    }
    row.n_pieces = a->piece[a->set[k + 1] - 1] - a->piece[a->set[k]] + 1u;
    row.sd =
        row.n_ratings > 1 ? sqrt(squares / (double)(row.n_ratings - 1)) : (double)NAN;
    interval(a, k, NULL, &row);
    return row;
}

/* The mean of each piece of a set over its listeners. How many pieces there are. */
static size_t piece_means(const answers *a, size_t k, double *mean)
{
    uint32_t first = a->piece[a->set[k]];
    size_t n = 0;
    for (size_t i = a->set[k], from = i; i < a->set[k + 1]; i++) {
        if (i + 1 < a->set[k + 1] && a->piece[i + 1] == a->piece[i])
            continue;
        double sum = 0;
        for (size_t j = from; j <= i; j++)
            sum += a->row[j].value;
        mean[a->piece[i] - first] = sum / (double)(i + 1 - from);
        n++;
        from = i + 1;
    }
    return n;
}

static int pair_row(const answers *a, const bl_rating_row *sets, size_t i, size_t k,
                    uint64_t seed, bl_rating_row *row, bl_err *e)
{
    *row = (bl_rating_row){.scale = sets[i].scale,
                           .set = sets[i].set,
                           .against = sets[k].set,
                           .n_ratings = sets[i].n_ratings + sets[k].n_ratings,
                           .n_raters = a->n_raters,
                           .n_pieces = sets[i].n_pieces + sets[k].n_pieces,
                           .mean = sets[i].mean - sets[k].mean,
                           .sd = NAN};
    interval(a, i, &k, row);
    double *x = bl_calloc(sets[i].n_pieces, sizeof *x, e);
    double *y = bl_calloc(sets[k].n_pieces, sizeof *y, e);
    int rc = x == NULL || y == NULL ? BL_E_NOMEM : 0;
    if (rc == 0) {
        size_t n_x = piece_means(a, i, x), n_y = piece_means(a, k, y);
        rc = bl_twosample_of(&row->rank, x, n_x, y, n_y, bl_rng_make(seed, 1),
                             BL_BOOTSTRAP, e);
    }
    free(x);
    free(y);
    return rc;
}

/* ---- all scales ---- */

typedef struct {
    bl_rating_row *row;
    size_t n, cap;
} rows_list;

static int add_row(rows_list *all, const bl_rating_row *row, bl_err *e)
{
    void *p = all->row;
    int rc = bl_grow(&p, &all->cap, all->n + 1, sizeof *all->row, e);
    all->row = p;
    if (rc == 0)
        all->row[all->n++] = *row;
    return rc;
}

static int add_scale(rows_list *all, const bl_rating *rating, size_t n, uint64_t seed,
                     bl_err *e)
{
    answers a;
    bl_rating_row row, sets[SETS_MAX];
    int rc = answers_open(&a, rating, n, e);
    if (rc == 0)
        bootstrap(&a, bl_rng_make(seed, 0));
    for (size_t k = 0; rc == 0 && k < a.n_sets; k++) {
        sets[k] = set_row(&a, k);
        rc = add_row(all, &sets[k], e);
    }
    for (size_t i = 0; rc == 0 && i < a.n_sets; i++)
        for (size_t k = i + 1; rc == 0 && k < a.n_sets; k++) {
            rc = pair_row(&a, sets, i, k, seed, &row, e);
            if (rc == 0)
                rc = add_row(all, &row, e);
        }
    answers_close(&a);
    return rc;
}

static int adjust(rows_list *all, bl_err *e)
{
    double *p = bl_calloc(all->n, sizeof *p, e);
    if (p == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < all->n; i++)
        p[i] = all->row[i].against != NULL ? all->row[i].rank.p : (double)NAN;
    int rc = bl_holm(p, all->n, e);
    for (size_t i = 0; i < all->n; i++)
        all->row[i].holm = p[i];
    free(p);
    return rc;
}

int bl_ratings_rows(const bl_ratings *r, uint64_t seed, bl_rating_row **rows, size_t *n,
                    bl_err *e)
{
    rows_list all = {0};
    int rc = 0;
    for (size_t from = 0, to; rc == 0 && from < r->n; from = to) {
        for (to = from + 1;
             to < r->n && strcmp(r->row[to].scale, r->row[from].scale) == 0;)
            to++;
        rc = add_scale(&all, r->row + from, to - from, seed, e);
    }
    if (rc == 0)
        rc = adjust(&all, e);
    *rows = all.row;
    *n = all.n;
    return rc;
}

static int add_number(bl_buf *out, double x, bl_err *e)
{
    return isnan(x) ? bl_buf_adds(out, "\tnan", e) : bl_buf_addf(out, e, "\t%.6g", x);
}

int bl_ratings_tsv(const bl_rating_row *rows, size_t n, bl_buf *out, bl_err *e)
{
    int rc = bl_buf_adds(out,
                         "scale\tset\tagainst\tratings\traters\tpieces\tmean\tsd\tlow\t"
                         "high\tcliff\tcliff_low\tcliff_high\tp\tholm\n",
                         e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const bl_rating_row *r = &rows[i];
        const double x[] = {r->mean,      r->sd,         r->low,
                            r->high,      r->rank.cliff, r->rank.low,
                            r->rank.high, r->rank.p,     r->holm};
        rc = bl_buf_addf(out, e, "%s\t%s\t%s\t%zu\t%zu\t%zu", r->scale, r->set,
                         r->against != NULL ? r->against : "-", r->n_ratings,
                         r->n_raters, r->n_pieces);
        for (size_t k = 0; rc == 0 && k < BL_COUNT(x); k++)
            rc = add_number(out, x[k], e);
        if (rc == 0)
            rc = bl_buf_addc(out, '\n', e);
    }
    return rc;
}
