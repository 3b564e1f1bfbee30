/* row_sets.c - see row_sets.h. */
#include "flow/row_sets.h"

#include "flow/grooves.h"
#include "io/file.h"
#include "io/input.h"
#include "io/walk.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 1 << 16, LABELS_MAX = 64 << 20 };

static int check_kind(const bl_row_store *s, const bl_rows_kind *kind, int is_first,
                      int wants_grooves, bl_err *e)
{
    char ours[128], theirs[128];
    int bars;
    if (!is_first && !bl_rows_same_kind(&s->kind, kind))
        return bl_fail(e, BL_E_MISMATCH, "a stream of %s beside one of %s",
                       bl_rows_kind_text(kind, theirs, sizeof theirs),
                       bl_rows_kind_text(&s->kind, ours, sizeof ours));
    return wants_grooves ? bl_groove_bars(kind, &bars, e) : 0;
}

static int read_stream(bl_row_store *s, const char *path, int is_first,
                       int wants_grooves, bl_err *e)
{
    bl_input in = BL_INPUT_INIT;
    bl_rowsr *r = NULL;
    int bars = 0, rc = bl_input_open(&in, path, e);
    if (rc == 0 && !in.is_tensors)
        rc = bl_fail(e, BL_E_MISMATCH,
                     "no stream of tensors: 'midi2remi --scheme groove' makes one of "
                     "drums, 'xlsample --latent' of latents");
    if (rc == 0)
        rc = bl_rowsr_new(&r, bl_input_take(&in), path, e);
    if (rc == 0)
        rc = check_kind(s, bl_rowsr_kind(r), is_first, wants_grooves, e);
    if (rc == 0 && bl_groove_bars(bl_rowsr_kind(r), &bars, NULL) != 0)
        bars = 0; /* vectors of another kind */
    if (rc == 0)
        rc = bl_groove_read(s, r, bars, e);
    bl_rowsr_del(r);
    bl_input_close(&in);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

int bl_row_set_read(bl_row_store *s, const char *const *paths, size_t n,
                    int wants_grooves, bl_err *e)
{
    static const char *const in = "-";
    const char *const *of = n > 0 ? paths : &in;
    int rc = 0;
    for (size_t i = 0; i < n + (n == 0) && rc == 0; i++)
        rc = read_stream(s, of[i], i == 0, wants_grooves, e);
    if (rc == 0 && s->n_rows == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "there is no row in the stream");
        bl_err_in(e, bl_path_shown(of[0]));
    }
    return rc;
}

int bl_row_labels_read(bl_labels *l, const char *path, bl_err *e)
{
    if (path == NULL)
        return 0;
    int rc = bl_load_records(path, '\n', LABEL_MAX, &l->text, LABELS_MAX, e);
    if (rc == 0)
        rc = bl_labels_parse(l, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

void bl_row_group(const char *name, const char *words, const bl_labels *labels,
                  char group[BL_ROW_GROUP_MAX])
{
    const char *of = labels->n > 0 ? bl_labels_find(labels, name) : NULL;
    group[0] = '\0';
    if (labels->n == 0 && words[0] != '\0') {
        const char *genre =
            strncmp(words, "Genre_", 6) == 0 ? words : strstr(words, "\nGenre_");
        of = genre == NULL ? words : genre + (genre[0] == '\n');
        size_t column = strcspn(of, "_\n");
        of += of[column] == '_' ? column + 1 : 0;
    }
    if (of != NULL)
        snprintf(group, BL_ROW_GROUP_MAX, "%.*s", (int)strcspn(of, "\n"), of);
}
