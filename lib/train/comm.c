/* comm.c - see comm.h. The only file that knows MPI, and of MPI only point-to-point
 * messages: its own reductions add up in an order that changes with their number. */
#include "train/comm.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BL_MPI
#include <mpi.h>
#endif

enum { MESSAGE = 1 << 30, LEVELS = 20 };

struct bl_comm {
    int rank, size;
    bl_real *scratch; /* [cap] what comes in */
    size_t cap;
};

/* Sends and receives at the same time, in messages that an int can count; the partner
 * calls it with the sizes exchanged. */
#ifdef BL_MPI
static int swap(const bl_comm *c, int peer, const void *out, size_t n_out, void *in,
                size_t n_in, bl_err *e)
{
    const char *from = out;
    char *to = in;
    (void)c;
    do {
        int o = (int)bl_min((int64_t)n_out, MESSAGE);
        int i = (int)bl_min((int64_t)n_in, MESSAGE);
        if (MPI_Sendrecv(from, o, MPI_BYTE, peer, 0, to, i, MPI_BYTE, peer, 0,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return bl_fail(e, BL_E_IO, "process %d cannot be reached", peer);
        n_out -= (size_t)o;
        n_in -= (size_t)i;
        from = n_out > 0 ? from + o : from;
        to = n_in > 0 ? to + i : to;
    } while (n_out > 0 || n_in > 0);
    return 0;
}

static int join(bl_comm *c, bl_err *e)
{
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS ||
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN) != MPI_SUCCESS ||
        MPI_Comm_rank(MPI_COMM_WORLD, &c->rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &c->size) != MPI_SUCCESS)
        return bl_fail(e, BL_E_IO, "MPI cannot be started");
    return 0;
}

static void leave(void)
{
    MPI_Finalize();
}

void bl_comm_library(char *text, size_t size)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING];
    int len = 0;
    text[0] = '\0';
    /* its name and version come first, then how it was built */
    if (MPI_Get_library_version(all, &len) == MPI_SUCCESS)
        snprintf(text, size, "%.*s", (int)strcspn(all, ",\n\t"), all);
}
#else
void bl_comm_library(char *text, size_t size)
{
    (void)size;
    text[0] = '\0';
}

static int swap(const bl_comm *c, int peer, const void *out, size_t n_out, void *in,
                size_t n_in, bl_err *e)
{
    (void)c, (void)out, (void)n_out, (void)in, (void)n_in;
    return bl_fail(e, BL_E_IO, "process %d cannot be reached", peer);
}

static int join(bl_comm *c, bl_err *e)
{
    (void)c, (void)e;
    return 0;
}

static void leave(void)
{
}
#endif

int bl_comm_new(bl_comm **out, bl_err *e)
{
    *out = NULL;
    bl_comm *c = bl_calloc(1, sizeof *c, e);
    if (c == NULL)
        return BL_E_NOMEM;
    c->size = 1;
    *out = c;
    int rc = join(c, e);
    if (rc == 0 && ((c->size & (c->size - 1)) != 0 || c->size > 1 << LEVELS))
        rc = bl_fail(e, BL_E_ARG, "%d processes: their number is a power of two",
                     c->size);
    return rc;
}

void bl_comm_del(bl_comm *c)
{
    if (c == NULL)
        return;
    leave();
    free(c->scratch);
    free(c);
}

int bl_comm_rank(const bl_comm *c)
{
    return c != NULL ? c->rank : 0;
}

int bl_comm_size(const bl_comm *c)
{
    return c != NULL ? c->size : 1;
}

static int reserve(bl_comm *c, size_t n, bl_err *e)
{
    void *scratch = c->scratch;
    int rc = bl_grow(&scratch, &c->cap, n, sizeof *c->scratch, e);
    c->scratch = scratch;
    return rc;
}

/* Partners at distance 1 halve the numbers between them, then those at distance 2, ...:
 * each number meets its parts in the order of the tree, as a + b is b + a. Then the
 * way back, to copy the sums. */
int bl_comm_sum(bl_comm *c, bl_real *x, int64_t n, bl_err *e)
{
    int64_t start[LEVELS + 1] = {0}, end[LEVELS + 1] = {n};
    int size = bl_comm_size(c), level = 0;
    int rc = size > 1 ? reserve(c, (size_t)(n + 1) / 2, e) : 0;
    for (int d = 1; d < size && rc == 0; d *= 2, level++) {
        int64_t a = start[level], b = end[level], middle = a + (b - a) / 2;
        int upper = (c->rank & d) != 0;
        int64_t mine = upper ? middle : a, n_mine = upper ? b - middle : middle - a;
        int64_t other = upper ? a : middle;
        rc = swap(c, c->rank ^ d, x + other, (size_t)(b - a - n_mine) * sizeof *x,
                  c->scratch, (size_t)n_mine * sizeof *x, e);
        for (int64_t i = 0; i < n_mine && rc == 0; i++)
            x[mine + i] += c->scratch[i];
        start[level + 1] = mine;
        end[level + 1] = mine + n_mine;
    }
    for (int d = size / 2; d > 0 && rc == 0; d /= 2, level--) {
        int64_t a = start[level], b = end[level];
        int64_t other = (c->rank & d) != 0 ? start[level - 1] : b;
        int64_t n_other = end[level - 1] - start[level - 1] - (b - a);
        rc = swap(c, c->rank ^ d, x + a, (size_t)(b - a) * sizeof *x, x + other,
                  (size_t)n_other * sizeof *x, e);
    }
    return rc;
}

int bl_comm_sum_double(bl_comm *c, double *x, bl_err *e)
{
    int rc = 0;
    for (int d = 1; d < bl_comm_size(c) && rc == 0; d *= 2) {
        double theirs = 0;
        rc = swap(c, c->rank ^ d, x, sizeof *x, &theirs, sizeof theirs, e);
        *x += theirs;
    }
    return rc;
}

int bl_comm_max(bl_comm *c, int64_t *x, bl_err *e)
{
    int rc = 0;
    for (int d = 1; d < bl_comm_size(c) && rc == 0; d *= 2) {
        int64_t theirs = *x;
        rc = swap(c, c->rank ^ d, x, sizeof *x, &theirs, sizeof theirs, e);
        *x = bl_max(*x, theirs);
    }
    return rc;
}

int bl_comm_share(bl_comm *c, void *data, size_t size, bl_err *e)
{
    int rc = 0;
    if (bl_comm_rank(c) != 0)
        return swap(c, 0, NULL, 0, data, size, e);
    for (int peer = 1; peer < bl_comm_size(c) && rc == 0; peer++)
        rc = swap(c, peer, data, size, NULL, 0, e);
    return rc;
}

int bl_comm_gather(bl_comm *c, void *data, size_t size, bl_err *e)
{
    char *part = data;
    int rc = 0, rank = bl_comm_rank(c);
    if (rank != 0)
        return swap(c, 0, part + (size_t)rank * size, size, NULL, 0, e);
    for (int peer = 1; peer < bl_comm_size(c) && rc == 0; peer++)
        rc = swap(c, peer, NULL, 0, part + (size_t)peer * size, size, e);
    return rc;
}
