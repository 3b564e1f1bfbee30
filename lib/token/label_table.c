/* label_table.c - see label_table.h. */
#include "token/label_table.h"
#include "base/words.h"
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64, PREFIX_MAX = BL_WORD_MAX / 2 };

typedef struct {
    char *file, *words; /* each word ended by a line feed */
    size_t line;
} row;

struct bl_label_table {
    row *rows; /* by file, then line */
    size_t n_rows, cap_rows;
    char *prefixes[COLUMNS_MAX]; /* "Genre_"; NULL where the column is not taken */
    int n_columns;
    char words[BL_LABELS_MAX];
};

typedef struct {
    char *field[COLUMNS_MAX];
    int n;
} fields;

/* Cuts the line, which is of this number, into its fields. */
static int split(fields *f, char *line, size_t number, bl_err *e)
{
    line[strcspn(line, "\r")] = '\0';
    for (f->n = 0; line != NULL; f->n++) {
        char *tab = strchr(line, '\t');
        if (f->n == COLUMNS_MAX)
            return bl_fail_line(e, BL_E_FORMAT, (int64_t)number, "more than %d columns",
                                COLUMNS_MAX);
        if (tab != NULL)
            *tab++ = '\0';
        f->field[f->n] = line;
        line = tab;
    }
    return 0;
}

/* ---- words ---- */

/* Appends text to the word of len characters up to `most`, with a '-' for each run of
 * what words cannot hold, `also` among it. Returns the new length. */
static size_t append(char *word, size_t len, size_t most, const char *text, char also)
{
    size_t from = len;
    for (; *text != '\0' && len < most; text++) {
        int is_good = *text != also && *text != '#' && bl_word_is_valid(text, 1);
        if (is_good)
            word[len++] = *text;
        else if (len == from || word[len - 1] != '-')
            word[len++] = '-';
    }
    word[len] = '\0';
    return len;
}

static char *prefix_of(const char *column, bl_err *e)
{
    char word[BL_WORD_MAX + 1];
    size_t len = append(word, 0, PREFIX_MAX, column, '_');
    if (word[0] >= 'a' && word[0] <= 'z')
        word[0] = (char)(word[0] - 'a' + 'A');
    memcpy(word + len, "_", 2);
    return bl_strdup(word, e);
}

/* The lines of a text (which is cut), sorted and without duplicates, into out. */
static int sort_lines(char *out, size_t size, char *text, bl_err *e)
{
    size_t n = 0, len = 0;
    for (const char *s = text; *s != '\0'; s++)
        n += *s == '\n';
    char **line = bl_calloc(n, sizeof *line, e);
    if (line == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        line[i] = text;
        text += strcspn(text, "\n");
        *text++ = '\0';
    }
    qsort(line, n, sizeof *line, bl_by_text);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t more = strlen(line[i]);
        if (i > 0 && strcmp(line[i], line[i - 1]) == 0)
            continue;
        if (len + more + 2 > size) {
            rc = bl_fail(e, BL_E_LIMIT, "labels of more than %zu characters", size - 1);
        } else {
            memcpy(out + len, line[i], more);
            memcpy(out + len + more, "\n", 2);
            len += more + 1;
        }
    }
    free(line);
    return rc;
}

/* ---- reading ---- */

static int is_listed(const char *columns, const char *name)
{
    size_t len = strlen(name);
    for (const char *c = columns; c != NULL; c = strchr(c, ',')) {
        c += *c == ',';
        if (strcspn(c, ",") == len && strncmp(c, name, len) == 0)
            return 1;
    }
    return 0;
}

static int read_head(bl_label_table *t, char *line, const char *columns, bl_err *e)
{
    fields f;
    int n_listed = columns != NULL, n_found = 0;
    int rc = split(&f, line, 1, e);
    t->n_columns = f.n;
    for (int i = 1; i < f.n && rc == 0; i++) {
        if (columns != NULL && !is_listed(columns, f.field[i]))
            continue;
        n_found++;
        t->prefixes[i] = prefix_of(f.field[i], e);
        rc = t->prefixes[i] == NULL ? BL_E_NOMEM : 0;
    }
    for (const char *c = columns; c != NULL && *c != '\0'; c++)
        n_listed += *c == ',';
    if (rc == 0 && n_found < n_listed)
        rc = bl_fail(e, BL_E_ARG, "the table does not have all columns of '%.64s'",
                     columns);
    return rc;
}

static int add_words(const bl_label_table *t, const fields *f, bl_buf *words, bl_err *e)
{
    int rc = 0;
    for (int i = 1; i < f->n && rc == 0; i++) {
        char word[BL_WORD_MAX + 1];
        if (t->prefixes[i] == NULL || f->field[i][0] == '\0')
            continue;
        size_t len = append(word, 0, BL_WORD_MAX, t->prefixes[i], '\0');
        append(word, len, BL_WORD_MAX, f->field[i], '\0');
        rc = bl_buf_addf(words, e, "%s\n", word);
    }
    return rc;
}

static int add_row(bl_label_table *t, char *line, size_t number, bl_buf *all, bl_err *e)
{
    fields f;
    int rc = split(&f, line, number, e);
    if (rc == 0 && f.n != t->n_columns)
        rc = bl_fail_line(e, BL_E_FORMAT, (int64_t)number,
                          "%d columns, the first line has %d", f.n, t->n_columns);
    void *p = t->rows;
    if (rc == 0)
        rc = bl_grow(&p, &t->cap_rows, t->n_rows + 1, sizeof *t->rows, e);
    t->rows = p;
    if (rc != 0)
        return rc;
    row *x = &t->rows[t->n_rows++];
    *x = (row){.file = bl_strdup(f.field[0], e), .line = number};
    bl_buf words = {0};
    rc = x->file == NULL ? BL_E_NOMEM : add_words(t, &f, &words, e);
    if (rc == 0)
        rc = bl_buf_add(all, words.data, words.len, e);
    x->words = rc == 0 ? bl_calloc(words.len + 1, 1, e) : NULL;
    if (rc == 0)
        rc = x->words == NULL || bl_buf_str(&words, e) == NULL
                 ? BL_E_NOMEM
                 : sort_lines(x->words, words.len + 1, (char *)words.data, e);
    bl_buf_free(&words);
    return rc;
}

static int by_file(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int read_lines(bl_label_table *t, char *text, const char *columns, bl_err *e)
{
    bl_buf all = {0};
    int rc = 0;
    for (size_t number = 1; text != NULL && rc == 0; number++) {
        char *line = text;
        text = strchr(text, '\n');
        if (text != NULL)
            *text++ = '\0';
        if (number == 1)
            rc = read_head(t, line, columns, e);
        else if (line[0] != '\0' && line[0] != '\r')
            rc = add_row(t, line, number, &all, e);
    }
    if (rc == 0 && bl_buf_str(&all, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = sort_lines(t->words, sizeof t->words, (char *)all.data, e);
    bl_buf_free(&all);
    if (rc == 0 && t->n_rows > 1)
        qsort(t->rows, t->n_rows, sizeof *t->rows, by_file);
    return rc;
}

int bl_label_table_read(bl_label_table **table, const char *text, size_t len,
                        const char *columns, bl_err *e)
{
    bl_buf copy = {0};
    bl_label_table *t = bl_calloc(1, sizeof *t, e);
    *table = NULL;
    if (t == NULL)
        return BL_E_NOMEM;
    int rc = memchr(text, '\0', len) != NULL
                 ? bl_fail(e, BL_E_FORMAT, "a table of labels is text")
                 : bl_buf_add(&copy, text, len, e);
    if (rc == 0 && bl_buf_str(&copy, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = read_lines(t,
                        (char *)copy.data +
                            (bl_behind_mark((char *)copy.data) - (char *)copy.data),
                        columns, e);
    bl_buf_free(&copy);
    if (rc == 0)
        *table = t;
    else
        bl_label_table_del(t);
    return rc;
}

void bl_label_table_del(bl_label_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_rows; i++) {
        free(t->rows[i].file);
        free(t->rows[i].words);
    }
    for (int i = 0; i < COLUMNS_MAX; i++)
        free(t->prefixes[i]);
    free(t->rows);
    free(t);
}

/* ---- asking ---- */

const char *bl_label_table_words(const bl_label_table *t)
{
    return t->words;
}

const char *bl_label_table_row(const bl_label_table *t, size_t i, size_t *line)
{
    if (i >= t->n_rows)
        return NULL;
    *line = t->rows[i].line;
    return t->rows[i].words;
}

/* The first row of that name, or NULL. */
static const row *find(const bl_label_table *t, const char *file)
{
    size_t low = 0, high = t->n_rows;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(t->rows[mid].file, file) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->n_rows && strcmp(t->rows[low].file, file) == 0 ? &t->rows[low]
                                                                   : NULL;
}

const char *bl_label_table_of(const bl_label_table *t, const char *path)
{
    while (path != NULL) {
        const row *x = find(t, path);
        if (x != NULL)
            return x->words;
        path = strchr(path, '/');
        path += path != NULL;
    }
    return NULL;
}
