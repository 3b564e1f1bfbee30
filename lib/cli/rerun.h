/* rerun.h (tools) - the program once more, before it has read anything, with what a
 * library reads in the environment when it is loaded and at no other time. */
#ifndef BL_RERUN_H
#define BL_RERUN_H

/* `core`: the processor whose kernels OpenBLAS is to use, or NULL. Does not return
 * where the program runs anew, with OPENBLAS_CORETYPE. It does so once: not where the
 * variable is set, by us or by the user, whatever its value; nor where that fails. */
void bl_rerun(const char *core, char **argv);
/* The core that we have told OpenBLAS so, or NULL. */
const char *bl_rerun_core(void);

#endif
