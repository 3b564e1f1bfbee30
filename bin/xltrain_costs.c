/* xltrain_costs.c - --costs: what a run took, in a table of its own, as it is not the
 * same twice. A row a checkpoint: what is lost and done again is counted once. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/file.h"
#include "xltrain.h"

static const char head[] =
    "#costs {\"schema\":\"train-costs/1\"}\nstep\ttokens\tseconds\tpeak_bytes\n";

static int64_t peak_bytes(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (int64_t)u.ru_maxrss * 1024 : 0;
}

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

int check_costs(const char *path, bl_err *e)
{
    int fd = open_costs(path, e);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : bl_err_in(e, path);
}

/* The head, if the file is new, and a row, in one write. */
static int append(const char *path, const char *row, bl_err *e)
{
    char text[256] = "";
    int fd = open_costs(path, e), rc = fd >= 0 ? 0 : fd;
    if (rc == 0) {
        snprintf(text, sizeof text, "%s%s", lseek(fd, 0, SEEK_END) == 0 ? head : "",
                 row);
        rc = bl_write_all(fd, text, strlen(text), e);
        close(fd);
    }
    return rc == 0 ? 0 : bl_err_in(e, path);
}

void log_costs(job *j)
{
    char row[128], text[1024];
    bl_err e = BL_ERR_INIT;
    const bl_ckpt_info *info = &j->trainer.info;
    if (j->costs == NULL)
        return;
    double now = bl_log_seconds(j->log);
    snprintf(row, sizeof row, "%" PRId64 "\t%" PRId64 "\t%.3f\t%" PRId64 "\n",
             info->step, info->tokens - j->counted_tokens, now - j->counted,
             peak_bytes());
    j->counted = now;
    j->counted_tokens = info->tokens;
    if (append(j->costs, row, &e) != 0)
        bl_log_warn(j->log, "a row is lost, training goes on: %s",
                    bl_err_text(&e, text, sizeof text));
}
