/* arrival.c - when the bytes of a player arrive, beside a bare loop of clock_nanosleep.
 *
 *   arrival TABLE T0 <FIFO
 *
 * TABLE is what `remi2midi --play --speed 0` says of the same stream, T0 its beat 1 in
 * nanoseconds of the monotonic clock. Prints a line of microseconds for each of the
 * two: the median and the 99.9th percentile of how late messages are read here, and how
 * late the loop wakes, 11 ms beside the same times. Status 1 where bytes are missing,
 * or are more than 300 us (median) or 1 ms (99.9 %) later than the loop. */
#include "base/timed.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 20, BESIDE = 11000000 };

static bl_timed message[MOST];
static double late[MOST]; /* microseconds */
static size_t n_messages;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_table(const char *path)
{
    char line[256];
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(line, sizeof line, f) == NULL)
        exit(2);
    while (n_messages < MOST && fgets(line, sizeof line, f) != NULL) {
        bl_timed *t = &message[n_messages];
        line[strcspn(line, "\n")] = '\0';
        int n = bl_timed_scan(line, &t->ns, t->byte, 3);
        if (n < 0)
            exit(2);
        t->n = (uint8_t)n;
        n_messages += n > 0;
    }
    fclose(f);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints and returns both figures. */
static void say(const char *who, size_t n, double figure[2])
{
    qsort(late, n, sizeof *late, by_size);
    figure[0] = n > 0 ? late[n / 2] : 0;
    figure[1] = n > 0 ? late[(size_t)((double)(n - 1) * .999)] : 0;
    printf("%s\t%zu times\tmedian %.1f us\t99.9 %% %.1f us\tmost %.1f us\n", who, n,
           figure[0], figure[1], n > 0 ? late[n - 1] : 0);
    fflush(stdout);
}

/* As the player does, where the system allows it: what is measured is not how late the
 * measuring is. */
static void come_first(void)
{
    const struct sched_param first = {.sched_priority = 1};
    prctl(PR_SET_TIMERSLACK, 1UL);
    sched_setscheduler(0, SCHED_FIFO, &first);
}

static void sleep_beside(int64_t t0, int to)
{
    double figure[2];
    size_t n = 0;
    int64_t last = -1;
    for (size_t i = 0; i < n_messages; i++) {
        int64_t when = t0 + message[i].ns + BESIDE;
        struct timespec t = {when / 1000000000, when % 1000000000};
        if (message[i].ns == last)
            continue;
        last = message[i].ns;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        late[n++] = (double)(now() - when) / 1e3;
    }
    say("loop", n, figure);
    if (write(to, figure, sizeof figure) != sizeof figure)
        exit(2);
}

/* Notes each message when its last byte is here; how many did not come or are others.
 */
static size_t hear(int64_t t0)
{
    uint8_t bytes[4096];
    ssize_t got;
    size_t i = 0, at = 0, wrong = 0;
    while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        int64_t t = now();
        for (ssize_t k = 0; k < got && i < n_messages; k++) {
            wrong += bytes[k] != message[i].byte[at++];
            if (at == message[i].n) {
                late[i] = (double)(t - t0 - message[i].ns) / 1e3;
                i++;
                at = 0;
            }
        }
    }
    return wrong + n_messages - i;
}

int main(int argc, char **argv)
{
    double loop[2], heard[2];
    int to[2], status;
    if (argc != 3 || pipe(to) != 0)
        return 2;
    read_table(argv[1]);
    int64_t t0 = strtoll(argv[2], NULL, 10);
    come_first();
    pid_t child = fork();
    if (child == 0) {
        close(STDIN_FILENO);
        sleep_beside(t0, to[1]);
        _exit(0);
    }
    size_t missing = hear(t0);
    say("player", n_messages - (missing < n_messages ? missing : n_messages), heard);
    if (read(to[0], loop, sizeof loop) != sizeof loop || waitpid(child, &status, 0) < 0)
        return 2;
    printf("%zu messages are missing or others\n", missing);
    return missing > 0 || heard[0] - loop[0] > 300 || heard[1] - loop[1] > 1000;
}
