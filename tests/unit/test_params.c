/* test_params.c - the table of tensors: each field of a record has one row, the page of
 * checkpoints tells every row, and a model's tensors are where the table says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/model_impl.h"
#include "tap.h"

enum { PAGE_MAX = 1 << 16 };

/* ---- fields ---- */

/* Rows of groups of layers or of the model that are bound to the field at `at`; cells
 * of two kinds share it, no model has both. */
static int n_rows(int of_layers, size_t at)
{
    size_t n;
    int most = 0;
    const bl_tensor_group *group = bl_model_tensor_groups(&n);
    for (unsigned kind = BL_OF_ATTENTION; kind <= BL_OF_VAE; kind *= 2) {
        int found = 0;
        for (size_t g = 0; g < n; g++) {
            int here = 0;
            for (size_t i = 0; i < group[g].n; i++)
                here += (group[g].of & kind) &&
                        (group[g].prefix[0] != '\0') == of_layers &&
                        group[g].rows[i].at == at;
            found = of_layers ? (int)bl_max(found, here) : found + here;
        }
        most = (int)bl_max(most, found);
    }
    return most;
}

/* Both records hold nothing but matrices there. */
static void test_fields(void)
{
    int wrong = 0;
    for (size_t at = 0; at < sizeof(bl_layer); at += sizeof(bl_mat *)) {
        int is_view = at == offsetof(bl_layer, wx) || at == offsetof(bl_layer, wh);
        if (n_rows(1, at) != !is_view)
            printf("# %d rows for byte %zu of a layer\n", n_rows(1, at), at);
        wrong += n_rows(1, at) != !is_view;
    }
    for (size_t at = offsetof(bl_model, emb); at < offsetof(bl_model, layer);
         at += sizeof(bl_mat *))
        wrong += n_rows(0, at) != 1;
    ok(wrong == 0, "every field of a layer and of the ends has one row");
}

/* ---- the page ---- */

/* The table of parameters of schemas/xl-checkpoint.md, from its first row on. */
static char *read_page(const char *head)
{
    const char *root = getenv("BARLINE_ROOT");
    char path[4096], *text = calloc(1, PAGE_MAX);
    snprintf(path, sizeof path, "%s/schemas/xl-checkpoint.md", root ? root : ".");
    FILE *f = fopen(path, "r");
    if (text == NULL || f == NULL || fread(text, 1, PAGE_MAX - 1, f) == 0) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
    fclose(f);
    char *table = strstr(text, head), *rest = NULL;
    if (table != NULL)
        rest = strstr(table, "\n\n");
    if (rest != NULL)
        *rest = '\0';
    memmove(text, table != NULL ? table : "", table != NULL ? strlen(table) + 1 : 1);
    return text;
}

/* The i-th item of a cell of items "`name`" or "[shape]" with commas between, without
 * its brackets; the last one where there are fewer. Returns 0 if there is none. */
static int item_of(const char *cell, const char *brackets, int i, char *out, size_t cap)
{
    const char *end = strstr(cell, " |"), *at = cell;
    for (int k = 0;; k++) {
        const char *from = strchr(at, brackets[0]);
        const char *to = from != NULL ? strchr(from + 1, brackets[1]) : NULL;
        if (to == NULL || to > end)
            return k > 0;
        snprintf(out, cap, "%.*s", (int)(to - from - 1), from + 1);
        if (k == i)
            return 1;
        at = to + 1;
    }
}

/* The first cell of the next row of the table, NULL beyond the last. */
static const char *next_row(const char *at)
{
    const char *row = strstr(at, "\n| `");
    return row != NULL && strstr(row, " | [") != NULL ? row + 3 : NULL;
}

static int is_told(const char *page, const char *name, char *shape, size_t cap)
{
    char item[64], last[64];
    for (const char *row = next_row(page); row != NULL; row = next_row(row)) {
        last[0] = '\0';
        for (int i = 0; item_of(row, "``", i, item, sizeof item); i++) {
            if (strcmp(item, last) == 0) /* that was the last one */
                break;
            if (strcmp(item, name) == 0)
                return item_of(strstr(row, " | [") + 3, "[]", i, shape, cap);
            snprintf(last, sizeof last, "%s", item);
        }
    }
    return 0;
}

static int n_told(const char *page)
{
    int ticks = 0;
    for (const char *row = next_row(page); row != NULL; row = next_row(row))
        for (const char *at = row; at < strstr(row, " |"); at++)
            ticks += *at == '`';
    return ticks / 2;
}

/* The table of that head, of some kinds of models; a layer's rows stand once. */
static void test_page(const char *head, unsigned kinds, int with_layers)
{
    size_t n;
    int wrong = 0, rows = 0;
    char name[64], shape[64], want[64], *page = read_page(head);
    const bl_tensor_group *group = bl_model_tensor_groups(&n);
    for (size_t g = 0; g < n; g++)
        /* the encoder's rows are those of the layers before */
        for (size_t i = 0;
             i < group[g].n && !group[g].is_of_encoder && (group[g].of & kinds) &&
             (with_layers || group[g].prefix[0] == '\0');
             i++, rows++) {
            const bl_tensor_row *r = &group[g].rows[i];
            int is_layer = group[g].prefix[0] != '\0',
                is_vector = r->rows == BL_DIM_ONE;
            snprintf(name, sizeof name, "%s%s%s", group[g].prefix, is_layer ? "0." : "",
                     r->name);
            snprintf(want, sizeof want, "%s%s%s", is_vector ? "" : bl_dim_name(r->rows),
                     is_vector ? "" : ", ", bl_dim_name(r->cols));
            int is_right =
                is_told(page, name, shape, sizeof shape) && strcmp(shape, want) == 0;
            if (!is_right)
                printf("# the page does not tell %s [%s]\n", name, want);
            wrong += !is_right;
        }
    ok(wrong == 0, "the page of checkpoints has the name and shape of %d tensors",
       rows);
    ok(n_told(page) == rows, "and no other: %d", n_told(page));
    free(page);
}

int main(void)
{
    test_fields();
    test_page("| NAME | shape |", BL_OF_ATTENTION | BL_OF_CELLS, 1);
    test_page("| NAME of grooves | shape |", BL_OF_GROOVE | BL_OF_VAE, 0);
    return tap_done();
}
