/* test_crew.c - what tools share to work on many files: the crew of workers, the walk
 * over directories, names for files, the table of rejects. */
#include "base/hash.h"
#include "cli/crew.h"
#include "cli/shared.h"
#include "flow/rejects.h"
#include "io/names.h"
#include "io/walk.h"
#include "tap.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- crew ---- */

enum { N_TASKS = 200, BIG = 3 << 20 };

/* Task t gives "t" and t * t bytes; every 50th gives more than a pipe holds. */
static int square(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    size_t *deadly = arg;
    if (deadly != NULL && task % 10 == *deadly)
        raise(SIGKILL);
    size_t len = task % 50 == 49 ? BIG : task * task;
    int rc = bl_buf_addf(result, e, "%zu:", task);
    if (rc == 0)
        rc = bl_buf_reserve(result, result->len + len, e);
    if (rc == 0) {
        memset(result->data + result->len, 'x', len);
        result->len += len;
    }
    return rc;
}

static int is_square(const bl_buf *result, size_t task)
{
    char start[32];
    size_t n = (size_t)snprintf(start, sizeof start, "%zu:", task);
    size_t len = task % 50 == 49 ? BIG : task * task;
    return result->len == n + len && memcmp(result->data, start, n) == 0 &&
           (len == 0 || result->data[n + len - 1] == 'x');
}

/* Runs all tasks; returns how many came right, *dead how many died. */
static size_t run_crew(int n_workers, size_t *deadly, size_t *dead)
{
    bl_err e = BL_ERR_INIT;
    bl_crew *c;
    bl_buf result = {0};
    size_t right = 0, task = 0;
    int died;
    *dead = 0;
    if (bl_crew_new(&c, n_workers, N_TASKS, square, deadly, &e) != 0)
        return 0;
    while (bl_crew_next(c, &result, &died, &e) == 1) {
        right += !died && is_square(&result, task);
        *dead += died && deadly != NULL && task % 10 == *deadly && result.len == 0;
        task++;
    }
    bl_crew_del(c);
    bl_buf_free(&result);
    return right;
}

/* Task 1 never ends, task 2 wants more memory than it gets. */
static int greedy(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    volatile size_t n = 1;
    (void)arg;
    while (task == 1 && n > 0)
        n = n == 1 ? 2 : 1;
    if (task == 2) {
        void *p = bl_calloc((size_t)1 << 30, 1, e);
        int got = p != NULL;
        free(p);
        return bl_buf_adds(result, got ? "got it" : "refused", NULL);
    }
    return bl_buf_adds(result, "done", e);
}

static void test_limits(void)
{
    bl_err e = BL_ERR_INIT;
    bl_crew *c;
    bl_buf result = {0};
    int died[4] = {0}, sane = 1;
    bl_task_limits limits = {.bytes = 256 << 20, .seconds = 1};
    int rc = bl_crew_new_limited(&c, 1, 4, limits, greedy, NULL, &e);
    for (int task = 0; rc == 0 && task < 4; task++) {
        sane &= bl_crew_next(c, &result, &died[task], &e) == 1;
        if (task == 0 || task == 3)
            sane &= result.len == 4 && memcmp(result.data, "done", 4) == 0;
        if (task == 2)
            ok((result.len == 7 && memcmp(result.data, "refused", 7) == 0) ||
                   getenv("ASAN_OPTIONS") != NULL,
               "a task that wants too much memory is refused it");
    }
    ok(rc == 0 && sane && died[1] == BL_TASK_TOO_SLOW && died[0] == 0 && died[2] == 0 &&
           died[3] == 0,
       "a task without end costs itself only");
    bl_crew_del(c);
    bl_buf_free(&result);
}

static int tell_pid(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    pid_t pid = getpid();
    (void)arg;
    (void)task;
    return bl_buf_add(result, &pid, sizeof pid, e);
}

/* Of how many tasks there are is not known: the caller stops. */
static void test_endless(void)
{
    bl_err e = BL_ERR_INIT;
    bl_crew *c;
    bl_buf result = {0};
    pid_t pid[4] = {0};
    int died, rc = bl_crew_new(&c, 2, SIZE_MAX, tell_pid, NULL, &e);
    for (int i = 0; rc == 0 && i < 4; i++)
        if (bl_crew_next(c, &result, &died, &e) == 1 && result.len == sizeof *pid)
            memcpy(&pid[i], result.data, sizeof *pid);
    ok(pid[0] != 0 && pid[1] != 0 && pid[0] != pid[1] && pid[0] != getpid() &&
           pid[0] == pid[2] && pid[1] == pid[3],
       "any number of tasks is done by as many workers as were asked for");
    bl_crew_del(c);
    bl_buf_free(&result);
}

static int fail_at_7(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    (void)arg;
    (void)result;
    return task == 7 ? bl_fail(e, BL_E_NOMEM, "no memory for %zu", task) : 0;
}

static void test_crew(void)
{
    static const int crews[] = {1, 2, 3, 16, N_TASKS + 5};
    size_t dead, deadly = 3;
    for (size_t i = 0; i < BL_COUNT(crews); i++)
        ok(run_crew(crews[i], NULL, &dead) == N_TASKS && dead == 0,
           "%d workers deliver all results in order", crews[i]);
    for (size_t i = 1; i < BL_COUNT(crews); i++)
        ok(run_crew(crews[i], &deadly, &dead) == N_TASKS - N_TASKS / 10 &&
               dead == N_TASKS / 10,
           "%d workers: each that dies costs its task only", crews[i]);
    for (int n = 1; n <= 3; n++) {
        bl_err e = BL_ERR_INIT;
        bl_crew *c;
        bl_buf result = {0};
        int died, rc = bl_crew_new(&c, n, 20, fail_at_7, NULL, &e);
        size_t done = 0;
        while (rc >= 0 && (rc = bl_crew_next(c, &result, &died, &e)) > 0)
            done++;
        ok(rc == BL_E_NOMEM && done == 7 && strcmp(e.text, "no memory for 7") == 0,
           "%d workers: a failure reaches the caller", n);
        bl_crew_del(c);
        bl_buf_free(&result);
    }
}

static void test_no_tasks(void)
{
    bl_err e = BL_ERR_INIT;
    bl_crew *c;
    bl_buf result = {0};
    int died;
    ok(bl_crew_new(&c, 4, 0, square, NULL, &e) == 0 &&
           bl_crew_next(c, &result, &died, &e) == 0,
       "no tasks, no results");
    bl_crew_del(c);
    bl_buf_free(&result);
}

/* ---- walk ---- */

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0666);
    if (fd >= 0)
        close(fd);
}

static int paths_are(const bl_paths *p, const char *const *expected)
{
    size_t n = 0;
    while (expected[n] != NULL)
        n++;
    if (p->n != n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(p->path[i], expected[i]) != 0)
            return 0;
    return 1;
}

static void test_walk(void)
{
    static const char *const suffixes[] = {".mid", ".kar", NULL};
    static const char *const expected[] = {
        "d/.mid",     "d/B.MID",    "d/a/x.mid",       "d/a/y.kar", "d/a.mid",
        "d/gone.mid", "d/link.mid", "d/sub.mid/z.mid", NULL};
    bl_err e = BL_ERR_INIT;
    bl_paths p = {0}, all = {0};
    char dir[] = "/tmp/test_walk.XXXXXX";
    if (mkdtemp(dir) == NULL || chdir(dir) != 0) {
        ok(0, "a directory to work in");
        return;
    }
    mkdir("d", 0777);
    mkdir("d/a", 0777);
    mkdir("d/sub.mid", 0777);
    touch("d/B.MID");
    touch("d/a.mid");
    touch("d/none.txt");
    touch("d/.mid");
    touch("d/a/y.kar");
    touch("d/a/x.mid");
    touch("d/sub.mid/z.mid");
    ok(symlink("a.mid", "d/link.mid") == 0 && symlink("nowhere", "d/gone.mid") == 0 &&
           symlink(".", "d/loop") == 0 && mkfifo("d/fifo.mid", 0666) == 0,
       "links and a pipe");
    ok(bl_paths_add_operand(&p, "d", suffixes, &e) == 0 && paths_are(&p, expected),
       "a directory gives its files in order");
    for (size_t i = 0; i < p.n; i++)
        printf("# %s\n", p.path[i]);
    bl_paths_free(&p);
    ok(bl_paths_add_operand(&p, "d/nothing", suffixes, &e) == BL_E_OPEN &&
           strcmp(e.where, "d/nothing") == 0,
       "what is not there is an error");
    e = BL_ERR_INIT;
    size_t sum = 0;
    for (uint64_t part = 1; part <= 3; part++) {
        if (bl_paths_add_operand(&all, "d", suffixes, &e) != 0)
            break;
        bl_paths_keep_part(&all, part, 3);
        sum += all.n;
        bl_paths_free(&all);
    }
    ok(sum == BL_COUNT(expected) - 1, "parts make the whole");
    ok(strcmp(bl_path_shown(".//./a/./b"), "a/./b") == 0 &&
           strcmp(bl_path_shown("./"), "./") == 0 &&
           strcmp(bl_path_shown("../a"), "../a") == 0 &&
           strcmp(bl_path_shown("-"), "stdin") == 0,
       "paths as they are shown");
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ok(chdir("/") == 0 && system(command) == 0, "cleared away");
}

/* ---- names ---- */

static int gives(bl_names *names, const char *piece, const char *expected)
{
    bl_err e = BL_ERR_INIT;
    char name[BL_FILE_NAME_MAX + 1];
    return bl_names_give(names, piece, ".mid", name, &e) == 0 &&
           strcmp(name, expected) == 0;
}

static void test_names(void)
{
    bl_err e = BL_ERR_INIT;
    bl_names names = {0};
    char name[BL_FILE_NAME_MAX + 1], piece[600];
    ok(gives(&names, "a/b/song.kar", "song.mid") &&
           gives(&names, "song", "song-2.mid") &&
           gives(&names, "song-2.mid", "song-2-2.mid") &&
           gives(&names, "x/song.tar.gz", "song.tar.mid"),
       "each name once");
    ok(gives(&names, "d/tune.mid", "tune.mid") &&
           gives(&names, "d/tune.mid.2", "tune.2.mid") &&
           gives(&names, "d/tune.mid.13", "tune.13.mid") &&
           gives(&names, "e/tune.kar.2", "tune.2-2.mid") &&
           gives(&names, "sample-000001.2", "sample-000001.2.mid") &&
           gives(&names, "Op.27", "Op.27.mid") &&
           gives(&names, "Op.27.2", "Op.27.2.mid") && gives(&names, ".2", "_.2.mid"),
       "a number is kept");
    ok(gives(&names, "..", "_..mid") && gives(&names, "", "_.mid") &&
           gives(&names, "a/", "_-2.mid") && gives(&names, ".x.mid", "_.x.mid") &&
           gives(&names, "-rf", "_-rf.mid") && gives(&names, "a\n\x7f", "a__.mid"),
       "safe ones");
    memset(piece, 'y', sizeof piece);
    memcpy(piece + 596, ".mid", 4);
    piece[599] = '\0';
    ok(bl_names_give(&names, piece, ".mid", name, &e) == 0 && strlen(name) < 200,
       "long ones are cut");
    memcpy(piece + 590, ".mid.12345", 10);
    piece[599] = '\0';
    ok(bl_names_give(&names, piece, ".mid", name, &e) == 0 && strlen(name) < 200 &&
           strcmp(name + strlen(name) - 9, ".1234.mid") == 0,
       "before their number");
    for (size_t i = 0; i + 1 < sizeof piece; i++)
        piece[i] = (char)(i % 2 ? 0xa4 : 0xc3);
    ok(bl_names_give(&names, piece, ".mid", name, &e) == 0 && strlen(name) % 2 == 0 &&
           (unsigned char)name[strlen(name) - 5] == 0xa4,
       "between characters");
    int unique = 1;
    for (int i = 0; i < 3000; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, i == 0 ? "many.mid" : "many-%d.mid", i + 1);
        unique &= gives(&names, "many.mid", wanted);
    }
    ok(unique, "three thousand times the same name");
    bl_names_free(&names);
}

/* ---- rejects ---- */

static void keep_line(void *arg, bl_notice_level what, const char *line)
{
    snprintf(arg, 256, "%s%s", what == BL_NOTICE_ALWAYS ? "" : "warning: ", line);
}

static int share_is_read(const char *text, bl_opt_share *share)
{
    static const bl_opt_about about = {
        .name = "tool", .purpose = "", .synopsis = "", .examples = "", .see_also = ""};
    const bl_opt rows[] = {BL_ROW_MAX_REJECT(share),
                           {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0}};
    char name[] = "tool", option[64];
    char *argv[] = {name, option, NULL};
    bl_opt_common common = {0};
    bl_opts opts = {.about = &about, .own = rows, .common = &common};
    snprintf(option, sizeof option, "--max-reject=%s", text);
    optind = 0; /* glibc: scan a new vector from its start */
    int status = bl_opt_parse(&opts, 2, argv);
    bl_opt_free(&opts);
    return status == -1;
}

static void test_rejects(void)
{
    static const struct {
        const char *limit;
        uint64_t n, of;
        int exceeds;
    } cases[] = {
        {"0", 0, 10, 0},   {"0", 1, 10, 1},   {"3", 3, 10, 0},     {"3", 4, 10, 1},
        {"10%", 1, 10, 0}, {"10%", 2, 10, 1}, {"0.5%", 1, 200, 0}, {"100%", 9, 9, 0},
    };
    static const char *const bad[] = {"", "x", "-1", "101%", "3x", "nan", "%", "1e30"};
    bl_err e = BL_ERR_INIT;
    int right = 1;
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        bl_opt_share most = {0};
        right &= share_is_read(cases[i].limit, &most) &&
                 bl_opt_exceeds(&most, cases[i].n, cases[i].of) == cases[i].exceeds;
    }
    ok(right, "limits as numbers and shares");
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        right &= !share_is_read(bad[i], &(bl_opt_share){0});
    ok(right, "and what is neither");

    char said[256] = "";
    const bl_progress progress = {.arg = said, .notices = {keep_line, said}};
    bl_rejects r = {0};
    bl_err why = BL_ERR_INIT;
    e = BL_ERR_INIT;
    bl_fail_at(&why, BL_E_FORMAT, 12, "wrong\tbyte");
    ok(bl_rejects_begin(&r, &e) == 0 &&
           bl_rejects_add(&r, &progress, "a\tb%.mid", "not-midi", &why, &e) == 0 &&
           r.n == 1,
       "a row");
    const char *table = bl_buf_str(&r.table, &e);
    ok(table != NULL &&
           strcmp(table, "file\tcode\toffset\treason\n"
                         "a%09b%25.mid\tnot-midi\t12\twrong%09byte\n") == 0,
       "of the table");
    ok(strcmp(said, "'a?b%.mid': byte 12: wrong?byte [not-midi]") == 0,
       "and its line: %s", said);
    bl_rejects_free(&r);
}

int main(void)
{
    test_crew();
    test_limits();
    test_endless();
    test_no_tasks();
    test_walk();
    test_names();
    test_rejects();
    return tap_done();
}
