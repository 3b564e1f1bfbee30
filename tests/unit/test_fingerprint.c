/* test_fingerprint.c - which pieces count as the same music. */
#include "flow/prints.h"
#include "songs.h"
#include "tap.h"
#include "token/fingerprint.h"

/* A line of n pitches, moved by so many semitones, a note each `step` ticks. */
static bl_fingerprint print_of(const int *pitches, int n, int by, int step, int drum)
{
    bl_err e = BL_ERR_INIT;
    bl_song s = {.tpq = 480};
    bl_fingerprint p;
    for (int i = 0; i < n; i++)
        need(bl_song_add_note(&s,
                              (bl_note){.on = i * step,
                                        .off = i * step + step / 2,
                                        .pitch = (uint8_t)(pitches[i] + by),
                                        .velocity = 80,
                                        .drum = (uint8_t)drum},
                              &e),
             &e);
    need(bl_song_sort(&s, &e), &e);
    need(bl_fingerprint_of(&p, &s, &e), &e);
    bl_song_free(&s);
    return p;
}

/* From two notes on a line is known again in another key and at another speed, and
 * told from one that goes elsewhere. */
static void test_lines_of_all_lengths(void)
{
    enum { MOST = 40 };
    int line[MOST], other[MOST], scale[MOST], good = 0, apart = 0, drums = 0;
    bl_rng r = bl_rng_make(5, 0);
    for (int i = 0; i < MOST; i++) {
        line[i] = 60 + (int)bl_rng_below(&r, 12);
        other[i] = line[i];
        scale[i] = 40 + i;
    }
    for (int n = 2; n <= MOST; n++) {
        bl_fingerprint a = print_of(line, n, 0, 120, 0),
                       b = print_of(line, n, 5, 300, 0);
        good += a.n > 0 && a.key == b.key && bl_fingerprint_likeness(&a, &b) == 1;
        other[n - 1]++;
        bl_fingerprint c = print_of(other, n, 0, 120, 0);
        apart += n > 9 || (a.key != c.key && bl_fingerprint_likeness(&a, &c) == 0);
        other[n - 1]--;
        a = print_of(line, n, 0, 120, 1);
        b = print_of(line, n, 0, 300, 1);
        drums += a.n > 0 && a.key == b.key;
    }
    ok(good == MOST - 1, "lines of 2 to %d notes, also transposed (%d)", MOST, good);
    ok(apart == MOST - 1, "short lines that differ in one note are apart");
    ok(drums == MOST - 1, "drums of 2 to %d hits at two speeds (%d)", MOST, drums);
    bl_fingerprint a = print_of(scale, MOST, 0, 120, 0),
                   b = print_of(scale, MOST, 3, 60, 0);
    ok(a.n > 0 && a.key == b.key, "a piece that is nothing but a scale");
    a = print_of(line, 1, 0, 120, 0);
    ok(a.n == 0 && a.key == 0, "one note is no line");
}

/* Twins are found also where all pieces between them have their only n-gram. */
static void test_equal_prints(void)
{
    enum { PIECES = 40 };
    bl_err e = BL_ERR_INIT;
    static bl_fingerprint p[PIECES];
    bl_prints *list;
    uint32_t group[PIECES], order[PIECES];
    int alone = 0;
    need(bl_prints_new(&list, "/tmp/prints", &e), &e);
    for (uint32_t i = 0; i < PIECES; i++) {
        p[i].hash[p[i].n++] = 1000;
        for (uint32_t k = 1; k < 20 && i > 0 && i < PIECES - 1; k++)
            p[i].hash[p[i].n++] = 1000 * (i + 1) + k;
    }
    for (uint32_t i = 0; i < PIECES; i++) { /* added in another order */
        order[i] = PIECES - 1 - i;
        need(bl_prints_add(list, &p[PIECES - 1 - i], &e), &e);
    }
    need(bl_prints_group(list, order, 0.35, group, &e), &e);
    bl_prints_del(list);
    for (uint32_t i = 0; i < PIECES - 1; i++)
        alone += group[i] == i;
    ok(group[PIECES - 1] == 0 && alone == PIECES - 1, "twins with %d between them",
       PIECES - 2);
}

int main(void)
{
    test_lines_of_all_lengths();
    test_equal_prints();
    return tap_done();
}
