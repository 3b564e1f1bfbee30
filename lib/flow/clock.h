/* clock.h - time, from whoever has a clock: the library reads none. */
#ifndef BL_CLOCK_H
#define BL_CLOCK_H

#include <stddef.h>

/* Seconds since some moment; they never go back. */
typedef struct {
    double (*seconds)(void *arg);
    void *arg;
} bl_clock;

/* 0, always, without a clock. */
static inline double bl_now(const bl_clock *c)
{
    return c->seconds != NULL ? c->seconds(c->arg) : 0;
}

#endif
