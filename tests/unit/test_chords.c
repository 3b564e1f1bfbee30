/* test_chords.c - chord recognition: the published rules on sets of pitches against
 * the same rules note by note; the finder of "remi" on chords that are known. */
#include "songs.h"
#include "tap.h"
#include "token/chords.h"
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

/* ---- the chords of "remi", by the table and the sentences of their page ---- */

enum { STATES = BL_CHORD_WORDS, MOST_BEATS = 40 };

typedef struct {
    char name[BL_QUALITIES][8];
    int cost[BL_QUALITIES], worth[BL_QUALITIES][12];
    int n;
} page;

/* Section 8 of schemas/remi-scheme.md: rows of a name and 13 numbers. */
static void read_page(page *p)
{
    bl_err e = BL_ERR_INIT;
    char line[1024], *field;
    FILE *f = fopen("schemas/remi-scheme.md", "r");
    if (f == NULL)
        need(bl_fail(&e, BL_E_OPEN, "schemas/remi-scheme.md is not here"), &e);
    int is_section = 0;
    p->n = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        is_section |= strncmp(line, "## 8", 4) == 0;
        char name[8];
        int used = 0;
        if (!is_section || p->n == BL_QUALITIES ||
            sscanf(line, "| %7[a-z0-9] | %d |%n", name, &p->cost[p->n], &used) < 2)
            continue;
        strcpy(p->name[p->n], name);
        field = line + used;
        for (int i = 0; i < 12; i++)
            p->worth[p->n][i] = (int)strtol(field, &field, 10), field += 2;
        p->n++;
    }
    fclose(f);
}

static int sounds(bl_pitches p, int class)
{
    for (int pitch = class; pitch < 128; pitch += 12)
        if ((pitch < 64 ? p.low >> pitch : p.high >> (pitch - 64)) & 1)
            return 1;
    return 0;
}

/* How well a state (quality by quality, N after the first) fits a beat. */
static int plain_fit(const page *p, const bl_chord_beat *b, int chord)
{
    bl_pitches all = b->sound[0];
    bl_pitches_join(&all, b->sound[1]);
    if (chord == BL_NO_CHORD)
        return bl_pitches_any(all) ? 0 : 4;
    int root = chord / BL_QUALITIES, q = chord % BL_QUALITIES, sum = -p->cost[q];
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 12; i++)
            if (sounds(b->sound[half], (root + i) % 12))
                sum += p->worth[q][i];
    for (int pitch = 0; pitch < 128; pitch++)
        if ((pitch < 64 ? all.low >> pitch : all.high >> (pitch - 64)) & 1)
            return sum + (pitch % 12 == root ? 10 : 0);
    return sum;
}

/* The worth of a path of chords. */
static int worth_of(const page *p, const bl_chord_beat *beats, const uint8_t *chord,
                    size_t n)
{
    static const int change[] = {20, 14, 12};
    int sum = 0;
    for (size_t b = 0; b < n; b++) {
        sum += plain_fit(p, &beats[b], chord[b]);
        if (b > 0 && chord[b] != chord[b - 1])
            sum -= change[beats[b].rank];
    }
    return sum;
}

/* The greatest worth of any path, from each chord to each. */
static int greatest_worth(const page *p, const bl_chord_beat *beats, size_t n)
{
    static const int change[] = {20, 14, 12};
    int best[STATES], next[STATES], most = INT32_MIN;
    for (size_t b = 0; b < n; b++) {
        for (int c = 0; c < STATES; c++) {
            next[c] = b == 0 ? 0 : INT32_MIN;
            for (int d = 0; d < STATES && b > 0; d++)
                next[c] = (int)bl_max(next[c],
                                      best[d] - (c == d ? 0 : change[beats[b].rank]));
            next[c] += plain_fit(p, &beats[b], c);
        }
        memcpy(best, next, sizeof best);
    }
    for (int c = 0; c < STATES && n > 0; c++)
        most = (int)bl_max(most, best[c]);
    return most;
}

static size_t random_beats(bl_chord_beat *beats, bl_rng *r)
{
    size_t n = (size_t)songs_pick(r, 1, MOST_BEATS);
    int low = songs_pick(r, 0, 90);
    for (size_t b = 0; b < n; b++) {
        beats[b] = (bl_chord_beat){.rank = (bl_beat_rank)songs_pick(r, 0, 2)};
        if (b > 0 && songs_pick(r, 0, 1))
            memcpy(beats[b].sound, beats[b - 1].sound, sizeof beats[b].sound);
        for (int k = songs_pick(r, -1, 4); k > 0; k--)
            bl_pitches_add(&beats[b].sound[songs_pick(r, 0, 1)],
                           low + songs_pick(r, 0, 37));
    }
    return n;
}

static void test_finder(void)
{
    bl_err e = BL_ERR_INIT;
    bl_rng r = bl_rng_make(15, 0);
    page p;
    int wrong = 0;
    size_t n_changes = 0;
    read_page(&p);
    int named = p.n == BL_QUALITIES;
    for (int q = 0; q < p.n; q++) {
        char name[BL_CHORD_NAME_MAX + 1];
        bl_chord_spell(q, name);
        named &= strcmp(name + 2, p.name[q]) == 0;
    }
    ok(named, "the qualities of the page, in order");
    for (int k = 0; k < 150; k++) {
        bl_chord_beat beats[MOST_BEATS];
        uint8_t chord[MOST_BEATS];
        size_t n = random_beats(beats, &r);
        need(bl_chords_find(chord, beats, n, &e), &e);
        wrong += worth_of(&p, beats, chord, n) != greatest_worth(&p, beats, n);
        for (size_t b = 1; b < n; b++)
            n_changes += chord[b] != chord[b - 1];
    }
    ok(wrong == 0 && n_changes > 500,
       "no other chords are worth more by the page's table (%d of 150, %zu changes)",
       wrong, n_changes);
}

int main(void)
{
    test_published_rules();
    test_finder();
    return tap_done();
}
