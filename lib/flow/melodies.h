/* melodies.h - what of the melodies of pieces is in a training set: the rows of
 * schemas/featnov.md. */
#ifndef BL_MELODIES_H
#define BL_MELODIES_H

#include "feature/field.h"

/* The order in which sets come; the reference may lack. */
typedef enum {
    BL_MELODIES_TRAINING,  /* to compare with */
    BL_MELODIES_REFERENCE, /* music that was not trained on */
    BL_MELODIES_NEW
} bl_melodies_of;

typedef struct bl_melodies bl_melodies;

/* Rows wait in a temporary file without a name: the header above them counts them. 0;
 * BL_E_IO; BL_E_NOMEM. Release with bl_melodies_del. */
int bl_melodies_new(bl_melodies **m, bl_err *e) BL_MUST_CHECK;
/* Adds a piece under a name of printable ASCII; the row has
 * BL_WITH_MELODY in layout l, maybe among others. */
int bl_melodies_add(bl_melodies *m, bl_melodies_of set, const char *name,
                    const bl_layout *l, const bl_row *row, bl_err *e) BL_MUST_CHECK;
/* The set is whole; called once for each in its turn. */
int bl_melodies_end(bl_melodies *m, bl_melodies_of set, bl_err *e) BL_MUST_CHECK;
/* The 95th percentiles of the reference, or NaN: of the share of sequences of 8 steps
 * that were trained on, and of the longest one. */
void bl_melodies_usual(const bl_melodies *m, double *copy_8, double *longest);
/* The share of new pieces that have more than these, NaN where nothing is known. */
double bl_melodies_more(const bl_melodies *m);
/* Appends the names of the columns. */
int bl_melodies_heading(bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* Writes the rows of reference and new pieces. 0 or BL_E_IO. */
int bl_melodies_write(bl_melodies *m, int fd, bl_err *e) BL_MUST_CHECK;
void bl_melodies_del(bl_melodies *m);

#endif
