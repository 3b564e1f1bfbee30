/* split_table.c - see split_table.h. */
#include "flow/split_table.h"

#include "io/file.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_BYTES_MAX = 1 << 28, LINE_BYTES_MAX = 1 << 16 };

/* The split of the only word of a row, "Split_train" LF; -1 where it is none. */
static int split_of(const char *words)
{
    static const struct {
        const char *name;
        int split;
    } known[] = {
        {"train", 0}, {"valid", 1}, {"validation", 1}, {"dev", 1}, {"test", 2}};
    const char *value = strchr(words, '_');
    size_t n = value != NULL ? strcspn(++value, "\n") : 0;
    for (size_t i = 0; i < BL_COUNT(known); i++)
        if (n == strlen(known[i].name) && strncmp(value, known[i].name, n) == 0)
            return known[i].split;
    return -1;
}

/* The first line whose split is none. */
static int check_rows(const bl_label_table *table, bl_err *e)
{
    const char *words, *bad = NULL;
    size_t line, first = 0;
    for (size_t i = 0; (words = bl_label_table_row(table, i, &line)) != NULL; i++)
        if (split_of(words) < 0 && (bad == NULL || line < first)) {
            bad = words;
            first = line;
        }
    if (bad == NULL)
        return 0;
    const char *value = strchr(bad, '_');
    value = value != NULL ? value + 1 : "";
    return bl_fail_line(e, BL_E_FORMAT, (int64_t)first,
                        "'%.*s' is not train, valid, validation, dev or test",
                        (int)strcspn(value, "\n"), value);
}

int bl_split_table_read(bl_split_table *t, const char *text, bl_err *e)
{
    bl_buf content = {0};
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0' ||
        strchr(colon, ',') != NULL)
        return bl_fail(e, BL_E_ARG, "--split-from '%.64s' is not TABLE:COLUMN", text);
    t->path = bl_strdup(text, e);
    if (t->path == NULL)
        return BL_E_NOMEM;
    t->path[colon - text] = '\0';
    int rc =
        bl_load_records(t->path, '\n', LINE_BYTES_MAX, &content, TABLE_BYTES_MAX, e);
    if (rc == 0)
        rc = bl_label_table_read(&t->table, (const char *)content.data, content.len,
                                 colon + 1, e);
    if (rc == 0)
        rc = check_rows(t->table, e);
    bl_buf_free(&content);
    return rc == 0 ? 0 : bl_fail_in(e, rc, t->path);
}

int bl_split_table_of(const bl_split_table *t, const char *piece, int *split, bl_err *e)
{
    const char *words = bl_label_table_of(t->table, piece);
    if (words == NULL)
        return bl_fail(e, BL_E_MISMATCH, "piece '%.120s' is not in '%.120s'", piece,
                       t->path);
    *split = split_of(words);
    return 0;
}

void bl_split_table_free(bl_split_table *t)
{
    bl_label_table_del(t->table);
    free(t->path);
    *t = (bl_split_table){0};
}
