/* machine.h (tools) - what a tool may know of the machine and of itself. */
#ifndef BL_MACHINE_H
#define BL_MACHINE_H

#include <stdint.h>

/* The bytes that may be had: those of the machine with its swap, or what the container
 * that we are in allows; infinity where nobody says. */
double bl_machine_memory(void);
/* The most bytes that this process has had at once; 0 if it is not known. */
int64_t bl_machine_peak(void);
/* 1 for an input that may come late or never: standard input, a pipe. NULL is none. */
int bl_machine_may_wait(const char *path);

#endif
