/* machine.c - see machine.h. */
#include "cli/machine.h"

#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

double bl_machine_memory(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    struct sysinfo s;
    if (sysinfo(&s) != 0)
        return INFINITY;
    double here = ((double)s.totalram + (double)s.totalswap) * s.mem_unit;
    for (size_t i = 0; i < BL_COUNT(limits); i++) {
        double limit;
        FILE *f = fopen(limits[i], "r");
        if (f != NULL && fscanf(f, "%lf", &limit) == 1)
            here = fmin(here, limit);
        if (f != NULL)
            fclose(f);
    }
    return here;
}

int64_t bl_machine_peak(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (int64_t)u.ru_maxrss * 1024 : 0;
}

int bl_machine_may_wait(const char *path)
{
    struct stat st;
    return path != NULL &&
           (strcmp(path, "-") == 0 ||
            (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)));
}
