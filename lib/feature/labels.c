/* labels.c - see labels.h. */
#include "feature/labels.h"
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

static int add(bl_labels *l, char *line, int64_t number, bl_err *e)
{
    char *tab = strchr(line, '\t');
    if (tab == NULL || tab == line || tab[1] == '\0')
        return bl_fail_line(e, BL_E_FORMAT, number, "not a name, a tab and a group");
    *tab = '\0';
    tab[1 + strcspn(tab + 1, "\t")] = '\0';
    void *p = l->label;
    int rc = bl_grow(&p, &l->cap, l->n + 1, sizeof *l->label, e);
    l->label = p;
    if (rc == 0)
        l->label[l->n++] = (bl_label){line, tab + 1};
    return rc;
}

int bl_labels_parse(bl_labels *l, bl_err *e)
{
    int64_t number = 0;
    if (bl_buf_str(&l->text, e) == NULL)
        return BL_E_NOMEM;
    l->n = 0;
    for (char *line = (char *)l->text.data, *next; *line != '\0'; line = next) {
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        line[len] = '\0';
        int rc = add(l, line, ++number, e);
        if (rc != 0)
            return rc;
    }
    if (l->n > 0)
        qsort(l->label, l->n, sizeof *l->label, bl_by_text);
    return 0;
}

const char *bl_labels_find(const bl_labels *l, const char *name)
{
    const char *part = strrchr(name, '/');
    const char *names[2] = {name, part == NULL ? NULL : part + 1};
    for (int i = 0; i < 2 && names[i] != NULL && l->n > 0; i++) {
        bl_label key = {names[i], NULL};
        const bl_label *found =
            bsearch(&key, l->label, l->n, sizeof *l->label, bl_by_text);
        if (found != NULL)
            return found->group;
    }
    return NULL;
}

void bl_labels_free(bl_labels *l)
{
    bl_buf_free(&l->text);
    free(l->label);
    *l = (bl_labels){0};
}
