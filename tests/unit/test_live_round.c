/* test_live_round.c - the loop of a live stream against a clock of the test: what comes
 * when, and what is heard of it. */
#include "flow/grooves.h"
#include "flow/live_out.h"
#include "songs.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A window that comes: its hits as "step.voice=velocity@percent of a step". */
typedef struct {
    int64_t ms;
    const char *hits; /* NULL: the end */
} arrival;

typedef struct {
    const arrival *next; /* that has not come yet */
    int fd;
    bl_rowsw *w;
    int64_t now;
    int has_clock;
    char heard[2048];
} stage;

/* ---- what comes ---- */

static void come(stage *s)
{
    static float x[32 * BL_HVO_CELLS];
    bl_err e = BL_ERR_INIT;
    const bl_rows_info info = {.name = "live", .sha256 = ""};
    const int32_t bar = (int32_t)(s->next->ms / 2000);
    const float tempo = 120;
    const char *p = s->next->hits;
    int step, voice, velocity, offset, used;
    if (p == NULL) {
        need(bl_rowsw_finish(s->w, 0, &e), &e);
        close(s->fd);
        return;
    }
    memset(x, 0, sizeof x);
    for (; sscanf(p, " %d.%d=%d@%d%n", &step, &voice, &velocity, &offset, &used) == 4;
         p += used) {
        float *cell = x + step * BL_HVO_CELLS + voice;
        cell[0] = 1;
        cell[BL_HVO_VOICES] = (float)velocity / 127;
        cell[2 * BL_HVO_VOICES] = (float)offset / 100;
    }
    need(bl_rowsw_piece(s->w, &info, &(bl_rows){1, x, &bar, &tempo}, &e), &e);
    s->next++;
}

static void pass(stage *s, int64_t now)
{
    s->now = bl_max(s->now, now);
    while (s->fd >= 0 && s->next->ms * 1000000 <= s->now) {
        int is_end = s->next->hits == NULL;
        come(s);
        if (is_end)
            s->fd = -1;
    }
}

/* ---- what is heard ---- */

static int begin(void *arg, const bl_origin *origin, bl_err *e)
{
    (void)arg;
    (void)origin;
    (void)e;
    return 0;
}

static int take(void *arg, const bl_timed *t, bl_err *e)
{
    stage *s = arg;
    size_t n = strlen(s->heard);
    (void)e;
    if (t->n == 3 && (t->byte[0] & 0xE0) == 0x80)
        snprintf(s->heard + n, sizeof s->heard - n, "%s%lld%c%d.%d", n ? " " : "",
                 (long long)(t->ns / 1000000), t->byte[0] < 0x90 ? '-' : '+',
                 bl_hvo_voice(t->byte[1]), t->byte[0] < 0x90 ? 0 : t->byte[2]);
    return 0;
}

/* Who asks is a step's beginning later than nine milliseconds before that time. */
static int until(void *arg, int64_t ns, int64_t *left)
{
    stage *s = arg;
    if (ns > 0)
        pass(s, ns - 9000000);
    *left = ns - s->now;
    return s->has_clock;
}

/* From `begins` milliseconds on, where there is a clock. */
static int hears(const arrival *a, int64_t begins, int has_clock, const char *want)
{
    bl_err e = BL_ERR_INIT;
    int fds[2];
    char path[32];
    stage s = {.next = a, .has_clock = has_clock};
    bl_rows_kind kind = bl_groove_kind(2);
    kind.is_loop = 1;
    const bl_timed_sink sink = {begin, take, &s, until};
    const char *const paths[] = {path};
    if (pipe(fds) != 0)
        return 0;
    s.fd = fds[1];
    snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
    need(bl_rowsw_new(&s.w, s.fd, 0, &kind, NULL, &e), &e);
    pass(&s, has_clock ? begins * 1000000 : INT64_MAX - 1);
    need(bl_live_out(&(bl_live_out_wish){0}, paths, 1, &sink, NULL, &e), &e);
    if (strcmp(s.heard, want) != 0)
        printf("# %s\n", s.heard);
    bl_rowsw_del(s.w);
    close(fds[0]);
    return strcmp(s.heard, want) == 0;
}

/* A step is 125 ms, a window 4 s, a note 62 ms. */
static void test_clock(void)
{
    ok(hears(
           (arrival[]){{0, "1.0=64@0 31.1=32@0"}, {9000, NULL}}, 0, 1,
           "125+0.64 187-0.0 3875+1.32 3937-1.0 4125+0.64 4187-0.0 7875+1.32 7937-1.0 "
           "8125+0.64 8187-0.0"),
       "a window is heard again and again, to the end of the stream");
    ok(hears((arrival[]){{0, "1.0=64@0"}, {6000, NULL}}, 300, 1, "4125+0.64 4187-0.0"),
       "what is over when it comes is not heard before the next round");
    ok(hears((arrival[]){{0, "2.0=64@0 4.0=65@0"},
                         {400, "2.0=9@0 4.0=10@0 5.0=11@0"},
                         {800, NULL}},
             0, 1, "250+0.64 312-0.0 500+0.10 562-0.0 625+0.11 687-0.0"),
       "a new one replaces the steps that are still to come");
    ok(hears((arrival[]){{0, "2.0=64@40"}, {310, ""}, {900, NULL}}, 0, 1,
             "300+0.64 362-0.0"),
       "what sounds then keeps its end");
    ok(hears((arrival[]){{0, "2.0=64@-40 3.1=64@-50"}, {900, NULL}}, 0, 1,
             "200+0.64 262-0.0 313+1.64 375-1.0"),
       "a step has what is before and behind its line");
}

static void test_none(void)
{
    ok(hears((arrival[]){{0, "1.0=64@0"}, {4500, "2.0=9@0"}, {4600, NULL}}, 0, 0,
             "125+0.64 187-0.0 4250+0.9 4312-0.0"),
       "without a clock a window counts from the beginning of its bar on");
    ok(hears((arrival[]){{2500, "1.0=64@0"}, {2600, NULL}}, 0, 0, "4125+0.64 4187-0.0"),
       "bars are those of the stream, and steps of the loop");
    ok(hears((arrival[]){{0, NULL}}, 0, 0, ""), "no window is no sound");
}

int main(void)
{
    test_clock();
    test_none();
    return tap_done();
}
