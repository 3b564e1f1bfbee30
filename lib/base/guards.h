/* guards.h - what a program removes when it is ended from outside: a file that is not
 * whole, a folder that is still empty or, where the path ends in a slash, with the
 * files in it. Handlers of signals are the program's
 * (cli/tool.h); where there are none, such a file stays. */
#ifndef BL_GUARDS_H
#define BL_GUARDS_H

#include <stddef.h>

/* A folder is added before what is in it. The path is copied. */
typedef struct {
    void (*add)(const char *path);
    void (*drop)(const char *path); /* it is whole, or gone */
} bl_guards;

static inline void bl_guards_add(const bl_guards *g, const char *path)
{
    if (g != NULL)
        g->add(path);
}

static inline void bl_guards_drop(const bl_guards *g, const char *path)
{
    if (g != NULL)
        g->drop(path);
}

#endif
