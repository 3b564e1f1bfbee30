/* costs.c - see costs.h. */
#include "flow/costs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

static const char head[] =
    "#costs {\"schema\":\"train-costs/1\"}\nstep\ttokens\tseconds\tpeak_bytes\n";

/* Whether rows may be appended: the file is new, empty or a table of costs. */
static int check(int fd, bl_err *e)
{
    char begin[sizeof "#costs "] = "";
    ssize_t n = pread(fd, begin, sizeof begin - 1, 0);
    if (n == 0 || (n < 0 && errno == ESPIPE) || strcmp(begin, "#costs ") == 0)
        return 0;
    return bl_fail(e, BL_E_CREATE, "the file holds something else than costs");
}

static int open_costs(const char *path, bl_err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int rc = fd >= 0 ? check(fd, e) : bl_fail_errno(e, BL_E_CREATE, "cannot create");
    if (rc != 0 && fd >= 0)
        close(fd);
    return rc == 0 ? fd : rc;
}

int bl_costs_check(const char *path, bl_err *e)
{
    int fd = open_costs(path, e);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : bl_fail_in(e, fd, path);
}

int bl_costs_append(const char *path, const bl_costs_row *row, bl_err *e)
{
    char text[256];
    int fd = open_costs(path, e), rc = fd >= 0 ? 0 : fd;
    if (rc == 0) {
        int n = snprintf(text, sizeof text,
                         "%s%" PRId64 "\t%" PRId64 "\t%.3f\t%" PRId64 "\n",
                         lseek(fd, 0, SEEK_END) == 0 ? head : "", row->step,
                         row->tokens, row->seconds, row->peak_bytes);
        rc = bl_write_all(fd, text, (size_t)n, e);
        close(fd);
    }
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}
