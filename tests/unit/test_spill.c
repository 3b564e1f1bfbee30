/* test_spill.c - what is kept outside memory comes back, in the order asked for. */
#include "base/texts.h"
#include "flow/postings.h"
#include "songs.h"
#include "tap.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/barline-spill-XXXXXX";
static char path[64];

static int files_there(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *f = readdir(d); f != NULL; f = readdir(d))
        n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Bytes of all lengths, three buffers of them, read at all places. */
static void test_spill(void)
{
    enum { N = 3 * BL_SPILL_BUFFER + 1000 };
    bl_err e = BL_ERR_INIT;
    bl_spill *s;
    uint8_t *bytes = malloc(N), *back = malloc(N);
    bl_rng r = bl_rng_make(1, 0);
    int same = 1;
    for (size_t i = 0; i < N; i++)
        bytes[i] = (uint8_t)bl_rng_below(&r, 256);
    need(bl_spill_new(&s, path, &e), &e);
    for (size_t at = 0, n; at < N; at += n) {
        n = (size_t)bl_min(bl_rng_below(&r, 50000), (int64_t)(N - at));
        need(bl_spill_add(s, bytes + at, n, &e), &e);
    }
    ok(bl_spill_size(s) == N, "spill: as many bytes as were added");
    ok(files_there() == 0, "spill: no file has a name");
    for (int i = 0; i < 2000; i++) {
        size_t at = (size_t)bl_rng_below(&r, N),
               n = (size_t)bl_rng_below(&r, (uint32_t)bl_min(70000, (int64_t)(N - at)));
        need(bl_spill_read(s, at, back, n, &e), &e);
        same &= memcmp(back, bytes + at, n) == 0;
    }
    need(bl_spill_read(s, 0, back, N, &e), &e);
    ok(same && memcmp(back, bytes, N) == 0, "spill: read back from anywhere");
    bl_spill_del(s);
    need(bl_spill_new(&s, "/no/such/folder/data", &e), &e);
    need(bl_spill_add(s, bytes, 1000, &e), &e);
    ok(bl_spill_add(s, bytes, BL_SPILL_BUFFER, &e) == BL_E_CREATE,
       "spill: a file that cannot be made is told when it is wanted");
    bl_spill_del(s);
    free(bytes);
    free(back);
}

static int in_order(const void *va, const void *vb)
{
    const bl_posting *a = va, *b = vb;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->piece < b->piece ? -1 : a->piece > b->piece;
}

static void test_postings(uint32_t n)
{
    bl_err e = BL_ERR_INIT;
    bl_postings *p;
    bl_posting next, *all = calloc(n + 1, sizeof *all);
    bl_rng r = bl_rng_make(n, 0);
    uint32_t k = 0, good = 0;
    int rc;
    need(bl_postings_new(&p, path, &e), &e);
    for (uint32_t i = 0; i < n; i++) {
        all[i] = (bl_posting){(uint64_t)bl_rng_below(&r, n / 4 + 1) << 40, i};
        need(bl_postings_add(p, all[i].hash, i, &e), &e);
    }
    qsort(all, n, sizeof *all, in_order);
    need(bl_postings_sort(p, &e), &e);
    for (; (rc = bl_postings_next(p, &next, &e)) > 0 && k < n; k++)
        good += all[k].hash == next.hash && all[k].piece == next.piece;
    ok(rc == 0 && k == n && good == n, "postings: %u of them in order", (unsigned)n);
    bl_postings_del(p);
    free(all);
}

static void test_texts(void)
{
    enum { N = 5000 };
    bl_texts t = {0};
    static char *room[N];
    int good = 0;
    for (int i = 0; i < N; i++) {
        room[i] = bl_texts_room(&t, i == N / 2 ? 300000 : 30, NULL);
        snprintf(room[i], 30, "text %d", i);
    }
    for (int i = 0; i < N; i++)
        good += atoi(room[i] + 5) == i;
    ok(good == N, "texts: all stay where they are");
    bl_texts_free(&t);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 70;
    snprintf(path, sizeof path, "%s/data", folder);
    test_spill();
    for (uint32_t n = 0; n < 3; n++)
        test_postings(n);
    test_postings(1 << 15);
    test_postings(300000);
    test_texts();
    return rmdir(folder) == 0 ? tap_done() : 1;
}
