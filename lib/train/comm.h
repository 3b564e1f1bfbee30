/* comm.h - processes that train one model together: equal partners, started side by
 * side by mpirun or srun, that call these functions in the same order. Sums are taken
 * over a fixed binary tree whose leaves are the processes: ((0 + 1) + (2 + 3)) + ...,
 * so that they have the same bytes as when one process adds up the same parts.
 *
 * A build without MPI has groups of one. NULL is a group of one as well. All functions
 * return 0, or BL_E_IO where a partner cannot be reached; then the group is lost. */
#ifndef BL_COMM_H
#define BL_COMM_H

#include "base/err.h"
#include "nn/kernel/real.h"

typedef struct bl_comm bl_comm;

/* The group that this process was started in; at most once in the life of a process.
 * BL_E_ARG where the number of processes is not a power of two. Release with
 * bl_comm_del, also after an error. */
int bl_comm_new(bl_comm **c, bl_err *e) BL_MUST_CHECK;
/* Takes leave; all partners do. One that leaves the group because of an error that its
 * partners do not know of must not call it: the launcher then ends the others. */
void bl_comm_del(bl_comm *c);

int bl_comm_rank(const bl_comm *c); /* 0 .. size - 1 */
int bl_comm_size(const bl_comm *c);

/* x[i] = the sum of all partners' x[i]: recursive halving and doubling, each number
 * crosses the wire twice. */
int bl_comm_sum(bl_comm *c, bl_real *x, int64_t n, bl_err *e) BL_MUST_CHECK;
/* The same of one number in double. */
int bl_comm_sum_double(bl_comm *c, double *x, bl_err *e) BL_MUST_CHECK;
/* *x = the greatest of all partners' *x. */
int bl_comm_max(bl_comm *c, int64_t *x, bl_err *e) BL_MUST_CHECK;
/* All have the bytes of partner 0. */
int bl_comm_share(bl_comm *c, void *data, size_t size, bl_err *e) BL_MUST_CHECK;
/* `data` is one part of `size` bytes for each partner, and each has filled its own:
 * partner 0 gets them all. */
int bl_comm_gather(bl_comm *c, void *data, size_t size, bl_err *e) BL_MUST_CHECK;

/* "Open MPI v4.1.4": the library of a build with MPI, else "". */
void bl_comm_library(char *text, size_t size);

#endif
