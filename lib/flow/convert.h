/* convert.h - MIDI files to a stream of tokens, or of grooves: a piece for each file,
 * in the order of the files, whoever does the work. */
#ifndef BL_CONVERT_H
#define BL_CONVERT_H

#include "base/hands.h"
#include "base/self.h"
#include "base/song.h"
#include "base/spec.h"
#include "flow/output.h"
#include "base/progress.h"

enum { BL_CONVERT_LEVEL = -1 }; /* as it suits the output */

typedef struct {
    bl_spec spec;    /* its labels are those of the table; scheme "groove": no tokens */
    int window, hop; /* of grooves, in bars; 0: 2 */
    bl_pair pair;
    bl_meter meter;      /* of all bars; num 0: as the files say */
    const char *beats;   /* pattern (io/pattern.h) of annotations of beats, or NULL */
    const char *labels;  /* a table of labels, or NULL */
    const char *columns; /* of it these, separated by commas; NULL: all */
    const char *keep;    /* the parts (token/parts.h) to keep, or NULL */
    const char *drop;    /* or those to leave out */
    int trim;            /* pieces end with the bar of their last note */
    int strict;          /* music lost is a reject */
    int keep_empty;      /* no note is none */
    const char *list;    /* a file of names, each ended by NUL, instead of operands */
    uint64_t part, n_parts;  /* only part 1..n_parts of the files; n_parts 0: all */
    const char *output;      /* NULL or "-": standard output */
    const char *rejects;     /* a table of the files that gave no piece, or NULL */
    int level;               /* of compression, 0 = bare, or BL_CONVERT_LEVEL */
    const bl_hands *hands;   /* with limits of time and memory a file; NULL: nobody's */
    const bl_guards *guards; /* or NULL */
} bl_convert_wish;

typedef struct {
    uint64_t files, pieces, notes, tokens;
    uint64_t windows, hits;      /* of grooves: token/hvo.h */
    uint64_t collided, unmapped; /* drums left out */
    uint64_t rejects;            /* files that gave no piece */
    uint64_t lost;               /* pieces with music lost, or which may have */
    uint64_t unlabelled;         /* files that the table of labels does not name */
} bl_convert_counts;

/* Reads n operands (files, folders, "-"; 0: standard input), or the list, writes the
 * output and then the table. A file that is no good or cannot be read is a reject:
 * said, counted, a row of the table, and the stream goes on. Progress counts files as
 * pieces. BL_E_OPEN where none of several operands, or the one, can be read, or a list
 * or table; BL_E_ARG where the scheme has no such options or bars; BL_E_CREATE,
 * BL_E_IO, BL_E_NOMEM: no output is left. *counts is set, as far as it came. */
int bl_convert(const bl_convert_wish *wish, const char *const *operands, size_t n,
               const bl_self *self, const bl_progress *progress,
               bl_convert_counts *counts, bl_err *e) BL_MUST_CHECK;

#endif
