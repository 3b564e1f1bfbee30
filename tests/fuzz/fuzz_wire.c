/* fuzz_wire.c - bytes of a MIDI wire, at times that the input says, to a stream that
 * can be read; the first byte is what is wanted. What is heard of it is played, and
 * ends. */
#include "base/sounding.h"
#include "flow/live_in.h"
#include "flow/live_out.h"
#include "fuzz.h"

#include <stdio.h>
#include <unistd.h>

typedef struct {
    int64_t last;
    bl_sounding sounding;
} hearer;

static int begin(void *arg, const bl_origin *origin, bl_err *e)
{
    (void)arg;
    (void)origin;
    (void)e;
    return 0;
}

static int take(void *arg, const bl_timed *t, bl_err *e)
{
    hearer *h = arg;
    (void)e;
    claim(t->ns >= h->last);
    h->last = t->ns;
    bl_sounding_note(&h->sounding, t->byte, t->n);
    return 0;
}

static void play(int fd)
{
    char path[64];
    hearer h = {0};
    const char *const paths[] = {path};
    const bl_timed_sink sink = {begin, take, &h, NULL};
    claim(lseek(fd, 0, SEEK_SET) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    claim(bl_live_out(&(bl_live_out_wish){0}, paths, 1, &sink, NULL, NULL) == 0);
    claim(!bl_sounding_is_any(&h.sounding));
}

/* Chunks: two bytes of time in milliseconds, up to two seconds, one of length, so many
 * bytes. */
static void hear(const bl_timed_ear *ear, const uint8_t *data, size_t len)
{
    int64_t ns = 0;
    while (len >= 3) {
        size_t n = data[2] < len - 3 ? data[2] : len - 3;
        ns += (data[0] | (data[1] & 7) << 8) * INT64_C(1000000);
        claim(ear->bytes(ear->arg, ns, data + 3, n, NULL) == 0);
        claim(ear->due(ear->arg) >= 0);
        data += 3 + n;
        len -= 3 + n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_live_in *live;
    unsigned how = len > 0 ? data[0] : 0;
    bl_live_in_wish wish = {.tempo = how & 16 ? 300 : 97,
                            .meter = {.num = how & 32 ? 3 : 4, .den_log2 = 2},
                            .follows = how >> 1 & 1};
    snprintf(wish.spec.scheme, sizeof wish.spec.scheme, how & 1 ? "groove" : "remi");
    if (how & 1) {
        wish.meter.num = 4;
        wish.hop = how >> 2 & 3;
        wish.has_voices = how >> 4 & 1;
        wish.forget = wish.hop == 0 ? how >> 5 & 3 : 0;
        wish.wait = wish.hop == 0 && how & 128 ? .5 : 0;
    } else {
        wish.spec.grid = how & 4 ? 12 : 0;
    }
    int fd = fuzz_fd("", 0);
    claim(bl_live_in_new(&live, &wish, fd, NULL, (bl_notices){0}, NULL) == 0);
    bl_timed_ear ear = bl_live_in_ear(live);
    claim(ear.begin(ear.arg, &(bl_origin){0}, NULL) == 0);
    if (len > 1)
        hear(&ear, data + 1, len - 1);
    claim(ear.finish(ear.arg, NULL) == 0);
    bl_live_in_del(live);
    play(fd);
    close(fd);
    return 0;
}
