/* notice.h - how a use-case says what a user should hear while it goes on: lines to
 * whoever asked for them. What ends it is a bl_err. */
#ifndef BL_NOTICE_H
#define BL_NOTICE_H

#include "base/base.h"

typedef enum {
    BL_NOTICE_ALWAYS,  /* it is not what was asked for, or not all of it */
    BL_NOTICE_WARNING, /* something is lost or looks wrong; the work goes on */
    BL_NOTICE_INFO,    /* what is done */
    BL_NOTICE_DETAIL
} bl_notice_level;

/* `say` gets one line, lower case, no full stop, and returns at once; NULL, or a NULL
 * bl_notices, tells nobody. */
typedef struct {
    void (*say)(void *arg, bl_notice_level level, const char *text);
    void *arg;
} bl_notices;

void bl_notice(const bl_notices *n, bl_notice_level level, const char *fmt, ...)
    BL_PRINTF(3, 4);

#endif
