/* mutate.c - `mutate [-n N] [-s SEED] [-k DIR] PATH...`: N random mutations of the MIDI
 * files at PATH, each through gate, libsmf and the laws of the schemes. The work is
 * done in a child, so that a crash or a hang costs one input: the parent notes it,
 * writes the bytes to DIR and goes on after it. Mutation i depends on SEED, i and the
 * files alone. Prints what came of them; exit status 1 after a crash, a hang, or a
 * second of processor time for one input. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "base/rng.h"
#include "io/walk.h"
#include "fuzz/fuzz.h"
#include "io/file.h"
#include "midi/midi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANG_SECONDS = 20, CHANGES_MAX = 4, SPAN_MAX = 64 };

/* Sanitizers make loops many times slower: there the bound only tells a hang. */
#if defined(__SANITIZE_ADDRESS__)
static const double slow_seconds = 30;
#else
static const double slow_seconds = 1;
#endif

/* What the child says, in memory that both see. */
typedef struct {
    uint64_t next; /* the mutation being worked on */
    uint64_t n_read, n_notes, n_slow, n_rejected[BL_N_REJECTS];
    double slowest;
} tally;

typedef struct {
    bl_buf *file;
    size_t n_files;
    uint64_t n, seed;
    const char *keep; /* folder for the inputs that failed, or NULL */
    tally *t;
} state;

/* ---- one mutation ---- */

static size_t below(bl_rng *r, size_t n)
{
    return n == 0 ? 0 : bl_rng_below(r, (uint32_t)n);
}

static int put(bl_buf *b, size_t at, const uint8_t *bytes, size_t n)
{
    size_t tail = b->len - at;
    if (bl_buf_reserve(b, b->len + n, NULL) != 0)
        return BL_E_NOMEM;
    memmove(b->data + at + n, b->data + at, tail);
    memcpy(b->data + at, bytes, n);
    b->len += n;
    return 0;
}

static int insert_noise(bl_rng *r, bl_buf *b)
{
    uint8_t noise[SPAN_MAX];
    size_t n = 1 + below(r, SPAN_MAX);
    for (size_t i = 0; i < n; i++)
        noise[i] = (uint8_t)bl_rng_u32(r);
    return put(b, below(r, b->len + 1), noise, n);
}

static int insert_copy(bl_rng *r, bl_buf *b)
{
    uint8_t copy[SPAN_MAX];
    size_t from = below(r, b->len);
    size_t n =
        (size_t)bl_min(1 + (int64_t)below(r, SPAN_MAX), (int64_t)(b->len - from));
    memcpy(copy, b->data + from, n);
    return put(b, below(r, b->len + 1), copy, n);
}

static void delete_span(bl_rng *r, bl_buf *b)
{
    size_t at = below(r, b->len);
    size_t n = (size_t)bl_min(1 + (int64_t)below(r, SPAN_MAX), (int64_t)(b->len - at));
    memmove(b->data + at, b->data + at + n, b->len - at - n);
    b->len -= n;
}

/* The length of a random chunk becomes something it is not. */
static void change_length(bl_rng *r, bl_buf *b)
{
    static const uint32_t odd[] = {0,          1,          0x7f,      0xffff,
                                   0x7fffffff, 0x80000000, 0xffffffff};
    size_t at = below(r, b->len);
    for (size_t i = 0; i < b->len; i++, at = (at + 1) % b->len) {
        uint8_t *p = b->data + at;
        if (b->len - at < 8 || memcmp(p, at == 0 ? "MThd" : "MTrk", 4) != 0)
            continue;
        uint32_t n =
            (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
        n = below(r, 2) ? odd[below(r, BL_COUNT(odd))] : n + (uint32_t)below(r, 9) - 4;
        for (int k = 0; k < 4; k++)
            p[4 + k] = (uint8_t)(n >> (24 - 8 * k));
        return;
    }
}

static int change(bl_rng *r, bl_buf *b)
{
    static const uint8_t edge[] = {0x00, 0x7f, 0x80, 0x90, 0xb0, 0xf0, 0xf7, 0xff};
    if (b->len == 0)
        return 0;
    switch (below(r, 8)) {
    case 0:
        b->len = below(r, b->len);
        break;
    case 1:
        delete_span(r, b);
        break;
    case 2:
        return insert_noise(r, b);
    case 3:
        return insert_copy(r, b);
    case 4:
        change_length(r, b);
        break;
    case 5:
        b->data[below(r, b->len)] = edge[below(r, BL_COUNT(edge))];
        break;
    case 6: /* in the header: format, number of tracks, division */
        b->data[below(r, (size_t)bl_min(22, (int64_t)b->len))] = (uint8_t)bl_rng_u32(r);
        break;
    default:
        b->data[below(r, b->len)] ^= (uint8_t)(1u << below(r, 8));
        break;
    }
    return 0;
}

/* *b becomes the i-th mutation. */
static void mutation(const state *s, uint64_t i, bl_buf *b)
{
    bl_rng r = bl_rng_make(s->seed, i);
    const bl_buf *file = &s->file[below(&r, s->n_files)];
    b->len = 0;
    claim(bl_buf_add(b, file->data, file->len, NULL) == 0);
    for (size_t n = 1 + below(&r, CHANGES_MAX); n > 0; n--)
        claim(change(&r, b) == 0);
}

/* ---- the child: from mutation t->next on ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void read_as(tally *t, bl_reading how, const uint8_t *bytes, size_t len)
{
    static bl_song song;
    bl_midi_report report = {0};
    bl_scheme *scheme;
    double start = seconds();
    int rc = bl_midi_read(bytes, len, how, &song, &report, NULL);
    claim((rc == 0) == (report.reject == BL_REJECT_NONE));
    if (rc == 0)
        fuzz_song(&song);
    for (size_t i = 0; rc == 0 && (scheme = fuzz_scheme(i)) != NULL; i++)
        if (bl_scheme_reading(scheme) == how)
            fuzz_laws(scheme, &song);
    double took = seconds() - start;
    if (took > t->slowest)
        t->slowest = took;
    t->n_slow += took > slow_seconds;
    if (how != BL_READ_OVERLAP)
        return;
    t->n_read += rc == 0;
    t->n_notes += rc == 0 ? song.n_notes : 0;
    t->n_rejected[report.reject]++;
}

static void work(const state *s)
{
    bl_buf b = {0};
    for (; s->t->next < s->n; s->t->next++) {
        mutation(s, s->t->next, &b);
        uint8_t *exact = malloc(b.len + (b.len == 0)); /* a sanitizer sees its end */
        claim(exact != NULL);
        if (b.len > 0)
            memcpy(exact, b.data, b.len);
        alarm(HANG_SECONDS);
        for (bl_reading how = BL_READ_OVERLAP; how <= BL_READ_CLOSE_FIRST; how++)
            read_as(s->t, how, exact, b.len);
        free(exact);
    }
    bl_buf_free(&b);
}

/* ---- the parent ---- */

static void keep(const state *s, uint64_t i)
{
    bl_buf b = {0};
    bl_out out;
    char path[4096];
    mutation(s, i, &b);
    snprintf(path, sizeof path, "%s/mutation-%llu-%llu.mid", s->keep,
             (unsigned long long)s->seed, (unsigned long long)i);
    if (bl_out_open(&out, path, NULL) != 0 ||
        bl_write_all(out.fd, b.data, b.len, NULL) != 0 ||
        bl_out_commit(&out, NULL) != 0)
        fprintf(stderr, "mutate: '%s' cannot be written\n", path);
    bl_buf_free(&b);
}

/* How many inputs ended the child. */
static uint64_t run_children(const state *s)
{
    uint64_t n_crashed = 0;
    for (; s->t->next < s->n; s->t->next++) {
        int status = 0;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            work(s);
            exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child) {
            perror("mutate: child");
            exit(71);
        }
        if (status == 0)
            break;
        fprintf(stderr, "mutate: mutation %llu ended the child: %s %d\n",
                (unsigned long long)s->t->next,
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        n_crashed++;
        if (s->keep != NULL)
            keep(s, s->t->next);
    }
    return n_crashed;
}

static int report(const state *s, uint64_t n_crashed)
{
    const tally *t = s->t;
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("%llu mutations of %zu files: %llu read with %llu notes, rejected",
           (unsigned long long)s->n, s->n_files, (unsigned long long)t->n_read,
           (unsigned long long)t->n_notes);
    for (int i = BL_REJECT_NONE + 1; i < BL_N_REJECTS; i++)
        if (t->n_rejected[i] > 0)
            printf(" %llu %s", (unsigned long long)t->n_rejected[i],
                   bl_reject_name((bl_reject)i));
    printf(
        "\nslowest %.3f s, %llu over %.0f s, %ld MiB at most, %llu crashed or hung\n",
        t->slowest, (unsigned long long)t->n_slow, slow_seconds, usage.ru_maxrss / 1024,
        (unsigned long long)n_crashed);
    return n_crashed > 0 || t->n_slow > 0;
}

static int load(state *s, const bl_paths *paths, bl_err *e)
{
    s->file = bl_calloc(paths->n, sizeof *s->file, e);
    int rc = s->file == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < paths->n; i++) {
        int fd;
        rc = bl_in_open(paths->path[i], &fd, e);
        if (rc != 0)
            break;
        rc = bl_read_all(fd, &s->file[s->n_files++], BL_MIDI_MAX_BYTES, e);
        close(fd);
    }
    return rc == 0 && s->n_files == 0 ? bl_fail(e, BL_E_OPEN, "no MIDI file") : rc;
}

static int collect(state *s, int argc, char **argv, bl_err *e)
{
    static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
    bl_paths paths = {0};
    int rc = 0;
    for (int i = optind; rc == 0 && i < argc; i++)
        rc = bl_paths_add_operand(&paths, argv[i], suffixes, e);
    if (rc == 0)
        rc = load(s, &paths, e);
    bl_paths_free(&paths);
    return rc;
}

int main(int argc, char **argv)
{
    bl_err e = BL_ERR_INIT;
    state s = {.n = 1000, .seed = 1};
    int option;
    while ((option = getopt(argc, argv, "n:s:k:")) != -1) {
        if (option == 'n')
            s.n = strtoull(optarg, NULL, 10);
        else if (option == 's')
            s.seed = strtoull(optarg, NULL, 10);
        else if (option == 'k')
            s.keep = optarg;
        else
            return 64;
    }
    if (collect(&s, argc, argv, &e) != 0) {
        fprintf(stderr, "mutate: %s: %s\n", e.where, e.text);
        return 66;
    }
    s.t = mmap(NULL, sizeof *s.t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
               -1, 0);
    claim(s.t != MAP_FAILED);
    int status = report(&s, run_children(&s));
    for (size_t i = 0; i < s.n_files; i++)
        bl_buf_free(&s.file[i]);
    free(s.file);
    return status;
}
