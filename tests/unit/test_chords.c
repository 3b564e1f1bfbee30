/* test_chords.c - chord recognition: the published rules on sets of pitches against
 * the same rules note by note; the finder of "remi" on chords that are known. */
#include "songs.h"
#include "tap.h"
#include "token/chords2020.h"

/* ---- the published rules, plainly: each span asks every note ---- */

typedef struct {
    const bl_note *notes;
    size_t n;
    int end; /* of the last note to end */
} plain;

typedef struct {
    int root, score, is_silent;
    const char *quality; /* NULL: none */
} plain_chord;

static int has(const int *classes, int root, int interval)
{
    return classes[(root + interval) % 12] != 0;
}

static const char *plain_quality(const int *classes, int root)
{
    int minor = has(classes, root, 3), major = has(classes, root, 4);
    if (minor && !major)
        return has(classes, root, 6) ? "dim" : "min";
    if (!major || minor)
        return NULL;
    if (has(classes, root, 8))
        return "aug";
    return has(classes, root, 7) && has(classes, root, 10) ? "dom" : "maj";
}

/* What each interval above the root adds: one character each, '.' = of the chord. */
static int plain_score(const int *classes, int root, const char *quality)
{
    static const struct {
        const char *quality, *worth;
    } table[] = {
        /*        0123456789ab */
        {"maj", ".=-=.-=+=-=0"}, {"min", ".=-.=-=+-=0="}, {"dim", ".=-.=-.==+-="},
        {"aug", ".=-=.-==.-=0"}, {"dom", ".=-=.-=.=-.="},
    };
    int score = 0;
    for (size_t q = 0; q < BL_COUNT(table); q++)
        for (int i = 0; i < 12 && strcmp(table[q].quality, quality) == 0; i++)
            if (has(classes, root, i))
                score += table[q].worth[i] == '+'   ? 1
                         : table[q].worth[i] == '-' ? -1
                         : table[q].worth[i] == '=' ? -2
                                                    : 0;
    return score;
}

static plain_chord plain_judge(const plain *p, int start, int end)
{
    plain_chord best = {0, -1000, 1, "N"};
    int lowest_of[12], classes[12] = {0};
    for (int c = 0; c < 12; c++)
        lowest_of[c] = 128;
    for (size_t i = 0; i < p->n; i++)
        if (p->notes[i].on < end && p->notes[i].off > start) {
            int c = p->notes[i].pitch % 12;
            classes[c] = 1;
            lowest_of[c] = (int)bl_min(lowest_of[c], p->notes[i].pitch);
            best.is_silent = 0;
        }
    if (best.is_silent) {
        best.score = 0;
        return best;
    }
    for (int root = 0; root < 12; root++) {
        if (!classes[root])
            continue;
        const char *quality = plain_quality(classes, root);
        int score = quality == NULL ? -100 : plain_score(classes, root, quality);
        if (score > best.score ||
            (score == best.score && lowest_of[root] < lowest_of[best.root]))
            best = (plain_chord){root, score, 0, quality};
    }
    return best;
}

/* "tick root:quality " for each chord, in *text. */
static void plain_chords(const plain *p, bl_buf *text)
{
    static const char *const roots[] = {"C",  "C#", "D",  "D#", "E",  "F",
                                        "F#", "G",  "G#", "A",  "A#", "B"};
    bl_err e = BL_ERR_INIT;
    int n = 0;
    for (int s = 0; s < p->end;) {
        int end4 = (int)bl_min(s + 1920, p->end), end2 = (int)bl_min(s + 960, p->end);
        plain_chord c4 = plain_judge(p, s, end4), c2 = plain_judge(p, s, end2);
        plain_chord c = c2.score > c4.score ? c2 : c4;
        if (c.quality != NULL) {
            int rc = bl_buf_addf(text, &e, "%d %s:%s ", n == 0 ? 0 : s,
                                 c.is_silent ? "N" : roots[c.root], c.quality);
            need(rc, &e);
            n++;
        }
        s = c2.score > c4.score ? end2 : end4;
    }
}

static int by_on(const void *a, const void *b)
{
    const bl_note *x = a, *y = b;
    return (x->on > y->on) - (x->on < y->on);
}

/* Notes that lie on beats more often than not, of few pitches, some of no length. */
static size_t random_notes(bl_note *notes, size_t max, bl_rng *r)
{
    size_t n = (size_t)songs_pick(r, 1, (int)max);
    int step = songs_pick(r, 0, 2) == 0 ? 1 : 120 << songs_pick(r, 0, 2);
    int low = songs_pick(r, 0, 100), width = songs_pick(r, 1, 27);
    for (size_t i = 0; i < n; i++) {
        int on = songs_pick(r, 0, 40) * step + songs_pick(r, 0, 2) * 480;
        int length = songs_pick(r, 0, 9) == 0 ? 0 : songs_pick(r, 0, 12) * step;
        int pitch = low + songs_pick(r, 0, width);
        notes[i] = (bl_note){.on = on, .off = on + length, .pitch = (uint8_t)pitch};
    }
    qsort(notes, n, sizeof *notes, by_on);
    return n;
}

static void test_published_rules(void)
{
    enum { SETS = 4000, MOST = 24 };
    bl_err e = BL_ERR_INIT;
    bl_rng r = bl_rng_make(11, 0);
    bl_buf expected = {0}, got = {0};
    int wrong = 0;
    size_t n_chords = 0;
    for (int k = 0; k < SETS; k++) {
        bl_note notes[MOST];
        bl_chords found = {0};
        plain p = {notes, random_notes(notes, MOST, &r), 0};
        for (size_t i = 0; i < p.n; i++)
            p.end = (int)bl_max(p.end, notes[i].off);
        expected.len = got.len = 0;
        plain_chords(&p, &expected);
        need(bl_chords_2020(&found, notes, p.n, &e), &e);
        for (size_t i = 0; i < found.n; i++) {
            char name[16];
            bl_chord_name(found.chord[i].chord, name);
            need(bl_buf_addf(&got, &e, "%d %s ", found.chord[i].tick, name), &e);
        }
        n_chords += found.n;
        if (strcmp(bl_buf_str(&expected, &e), bl_buf_str(&got, &e)) != 0 &&
            wrong++ == 0)
            printf("# expected %s\n# but got  %s\n", expected.data, got.data);
        free(found.chord);
    }
    ok(wrong == 0 && n_chords > SETS,
       "published rules: sets of pitches and single notes agree (%d of %d not, %zu "
       "chords)",
       wrong, SETS, n_chords);
    bl_buf_free(&expected);
    bl_buf_free(&got);
}

int main(void)
{
    test_published_rules();
    return tap_done();
}
