/* mapping.h - maps of streams of vectors, such as latents: principal components and
 * t-SNE (compare/plane.h), as a picture or a table (bin/featstats.1). */
#ifndef BL_MAPPING_H
#define BL_MAPPING_H

#include "feature/labels.h"
#include "io/row_store.h"
#include "page/scatter.h"

typedef struct {
    const char *labels; /* a file of groups, NULL: the labels of the streams */
    uint64_t seed;      /* of t-SNE, and of which vectors are drawn of too many */
    int is_table;       /* a row a vector in the place of the picture */
} bl_map_wish;

/* The points of some vectors. Zero-initialise; release with bl_map_free. */
typedef struct {
    size_t n, of;        /* points, of so many vectors */
    size_t *row, *piece; /* [n] in the store */
    char **group;        /* [n] */
    char **name;         /* [n] as it is shown, with the bar */
    double *xy[2];       /* [n][2] principal components, t-SNE */
    double share[2];     /* of the variance, of the components */
    double perplexity, cost;
    char title[2][96], axis[2][48];
} bl_map;

/* Makes the points of all vectors, or of BL_PLANE_MOST drawn by the seed. */
int bl_map_make(bl_map *m, const bl_row_store *from, const bl_labels *labels,
                uint64_t seed, bl_err *e) BL_MUST_CHECK;
/* The picture of it; names and groups stay the map's. */
bl_scatter bl_map_scatter(bl_map *m);
void bl_map_free(bl_map *m);

/* Appends the map of n streams ("-" or n == 0: standard input). Errors of
 * bl_row_set_read and of compare/plane.h. */
int bl_map_add(const bl_map_wish *w, const char *const *paths, size_t n, bl_buf *text,
               bl_err *e) BL_MUST_CHECK;

#endif
