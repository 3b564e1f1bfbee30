/* notice.c - see notice.h. */
#include "base/notice.h"

#include <stdarg.h>
#include <stdio.h>

void bl_notice(const bl_notices *n, bl_notice_level level, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    if (n == NULL || n->say == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    n->say(n->arg, level, text);
}
