/* progress.c - see progress.h. */
#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>

void bl_sayf(const bl_progress *p, bl_say what, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    if (p == NULL || p->say == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    p->say(p->arg, what, line);
}
