/* xltrain_costs.c - --costs: what a run took, in a table of its own, as it is not the
 * same twice. A row a checkpoint: what is lost and done again is counted once. */
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

/* The head, if the file is new, and a row, in one write. */
static int append(const char *path, const char *row, bl_err *e)
{
    char text[256] = "";
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int rc = fd >= 0 ? 0 : bl_fail_errno(e, BL_E_CREATE, "cannot create");
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
