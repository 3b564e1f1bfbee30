/* control.h (internal) - what is asked of a sampler while it runs: lines of text, each
 * for the next bar or window that is not begun, or with "@BAR " in front from that bar
 * on. */
#ifndef BL_CONTROL_H
#define BL_CONTROL_H

#include "base/err.h"
#include "base/notice.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BL_CONTROL_LINE = 512,       /* bytes of a line, at most */
    BL_CONTROL_MAX_DENSITY = 24, /* as of the option */
};

typedef enum {
    BL_CONTROL_TEMPERATURE, /* number: 0..100 */
    BL_CONTROL_DENSITY,     /* number: 0..24, of grooves 0..1 */
    BL_CONTROL_THRESHOLD,   /* text, as of the options of these names; "-": none */
    BL_CONTROL_MAX_HITS,
    BL_CONTROL_LABELS,
    BL_CONTROL_CHORDS,
    BL_CONTROL_STOP, /* neither */
} bl_control_kind;

typedef struct {
    bl_control_kind kind;
    int64_t bar; /* from 1; 0: the next */
    double number;
    char text[BL_CONTROL_LINE + 1];
} bl_control_line;

/* The words of a kind: "max-hits". */
const char *bl_control_word(bl_control_kind kind);
/* Reads one line of n bytes, without its end: 1; 0 where there is nothing in it but
 * blanks or, behind '#', a remark; BL_E_ARG. */
int bl_control_parse(const char *line, size_t n, bl_control_line *to,
                     bl_err *e) BL_MUST_CHECK;

typedef struct bl_control bl_control;

/* A file, a FIFO, whose writers may come and go, or "fd:N", which stays open.
 * BL_E_OPEN, BL_E_ARG, BL_E_NOMEM. Release with bl_control_del. */
int bl_control_open(bl_control **c, const char *what, bl_err *e) BL_MUST_CHECK;
/* Reads what has come, without waiting; the first line that holds for bar `bar`: 1, or
 * 0 where there is none. What is no line is told and passed over. NULL: 0. */
int bl_control_next(bl_control *c, int64_t bar, bl_control_line *line,
                    const bl_notices *notices) BL_MUST_CHECK;
/* That a line could not be obeyed, which goes on. */
void bl_control_refuse(const bl_control_line *line, const bl_err *why,
                       const bl_notices *notices);
void bl_control_del(bl_control *c);

#endif
