/* labels.h - which group a piece belongs to: lines of name TAB group. */
#ifndef BL_LABELS_H
#define BL_LABELS_H

#include "base/mem.h"

typedef struct {
    const char *name, *group; /* into the text; ordered by the name */
} bl_label;

/* Zero-initialise; release with bl_labels_free. */
typedef struct {
    bl_buf text;
    bl_label *label; /* [n] by name */
    size_t n, cap;
} bl_labels;

/* Takes what is in l->text. 0; BL_E_FORMAT with the line that is no such line;
 * BL_E_NOMEM. */
int bl_labels_parse(bl_labels *l, bl_err *e) BL_MUST_CHECK;
/* The group of that name, or of the last part of it as a path, or NULL. */
const char *bl_labels_find(const bl_labels *l, const char *name);
void bl_labels_free(bl_labels *l);

#endif
