/* report.h - one self-contained HTML page about one set of pieces or two: readable in
 * light and dark, on a phone and on paper, no script. What it comes to stands first,
 * then pieces, then features, those first in which the sets differ most. A table stands
 * under each plot.
 */
#ifndef BL_REPORT_H
#define BL_REPORT_H

#include "compare/surprise.h"
#include "compare/verdict.h"
#include "page/heat.h"
#include "page/scatter.h"
#include "page/svg.h"

/* A piece that is shown. Owned by the caller. */
typedef struct {
    char *name;
    bl_buf svg;   /* its roll */
    bl_buf midi;  /* its file, for download */
    bl_buf sound; /* as Ogg Vorbis, or empty */
} bl_report_piece;

enum { BL_REPORT_LABEL = 32 };

typedef struct {
    const char *name_a, *name_b;    /* of the sets; name_b NULL: there is one */
    const bl_table *a, *b;          /* with vectors; b NULL likewise */
    const bl_comparisons *compared; /* a with b, NULL likewise */
    const bl_report_piece *pieces;
    size_t n_pieces;
    const bl_buf *log;         /* of a training run (schemas/train-log.md), or NULL */
    const bl_verdict *verdict; /* or NULL; where there is a b */
    const bl_surprise *cost;   /* or NULL */
    const bl_heat *heat;       /* of drums, or NULL */
    const bl_scatter *map;     /* of vectors, or NULL */
    char label[2][BL_REPORT_LABEL]; /* what sets are called; bl_report_write's */
} bl_report;

/* Appends the page. 0, BL_E_NOMEM, or BL_E_FORMAT for a log that is none. */
int bl_report_write(const bl_report *of, bl_buf *out, bl_err *e) BL_MUST_CHECK;

/* ---- its parts, inside lib/page ---- */

/* Pixels of a small plot, and points of a curve. */
enum { BL_REPORT_WIDTH = 320, BL_REPORT_HEIGHT = 190, BL_REPORT_GRID = 160 };

/* A page up to its body: title, style. */
void bl_report_begin(bl_svg *s, const char *title);
/* `what`: a line below the title, or NULL. */
void bl_report_begin_figure(bl_svg *s, const char *title, const char *what);
/* Around a picture as wide as the page, which scrolls where a screen is narrow. */
void bl_report_begin_plot(bl_svg *s);
void bl_report_end_plot(bl_svg *s);
/* Ends the figure; what is written between the two is the table below the plot. */
void bl_report_begin_table(bl_svg *s);
void bl_report_end_figure(bl_svg *s);
/* A cell; dim where it is not defined. */
void bl_report_cell(bl_svg *s, double x);
void bl_report_head_row(bl_svg *s, const char *const *name, size_t n);
/* The comparison of a field over all pieces, or NULL. */
const bl_comparison *bl_report_compared(const bl_report *r, size_t field);
/* A heading, a paragraph, and the beginning of a div of that class. */
void bl_report_section(bl_svg *s, const char *id, const char *title, const char *text,
                       const char *class);
/* The fields that are no series: in their order, or those first that differ most, by
 * Cliff's delta or by overlap beside the ceiling. field[BL_FIELDS_MAX]; returns how
 * many. */
typedef enum { BL_BY_DELTA, BL_BY_OVERLAP } bl_report_by;
size_t bl_report_order(const bl_report *r, bl_report_by by, size_t *field);
void bl_report_name(bl_report *r);
void bl_report_verdict(bl_svg *s, const bl_report *r);
void bl_report_surprise(bl_svg *s, const bl_surprise *cost);
/* A square of colour a, b or c and what it stands for: a text and a name. */
void bl_report_key(bl_svg *s, int colour, const char *text, const char *name);
void bl_report_scatter(bl_svg *s, const bl_report *r);
void bl_report_distances(bl_svg *s, const bl_report *r);
void bl_report_pieces(bl_svg *s, const bl_report *r);
void bl_report_curves(bl_svg *s, const bl_buf *log);
void bl_report_heat(bl_svg *s, const bl_report *r);
void bl_report_map(bl_svg *s, const bl_report *r);
int bl_report_has_groups(const bl_report *r);
void bl_report_groups(bl_svg *s, const bl_report *r);
/* The defined values of a single feature; *value is the caller's to free. group NULL:
 * of all pieces. */
int bl_report_values(const bl_table *t, size_t field, const char *group, double **value,
                     size_t *n, bl_err *e) BL_MUST_CHECK;

#endif
