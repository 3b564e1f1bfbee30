/* chords_eval.c - agreement of the chord finders with chords set by hand:
 * `chords_eval DIR...` reads the MIDI files below the directories whose track 1 is
 * music and whose track 2 has its chords as blocks of notes (POP909-CL is such a set),
 * gives track 1 alone to the finder of "remi" and to the published rules, and compares
 * frame by frame, a frame being a sixteenth note with a chord of a known shape in
 * track 2.
 *
 * Prints TSV: of all frames, then by quality and by root of the hand-set chord, their
 * number and for either finder the percentage with the same root, with the same root
 * and third (major, minor, none), and with the same root and quality. */
#include "io/walk.h"
#include "io/file.h"
#include "midi/midi.h"
#include "token/chords.h"
#include "token/chords2020.h"
#include "token/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MUSIC = 1, CHORDS = 2, FRAME = 120, TPQ = 480 };
enum { MAJ, MIN, DIM, AUG, SUS2, SUS4, DOM7, MAJ7, MIN7, HDIM7, DIM7 };
enum { REMI, PUBLISHED, N_FINDERS };
enum { SAME_ROOT, SAME_THIRD, SAME_QUALITY, N_MEASURES };

static const char *const qualities[BL_QUALITIES] = {
    "maj", "min", "dim", "aug", "sus2", "sus4", "dom7", "maj7", "min7", "hdim7", "dim7",
};

/* Shapes as sets of intervals above the root, bit i = i semitones. */
static const unsigned shapes[BL_QUALITIES] = {
    [MAJ] = 0x091,  [MIN] = 0x089,   [DIM] = 0x049,  [AUG] = 0x111,
    [SUS2] = 0x085, [SUS4] = 0x0a1,  [DOM7] = 0x491, [MAJ7] = 0x891,
    [MIN7] = 0x489, [HDIM7] = 0x449, [DIM7] = 0x249,
};

static const char thirds[BL_QUALITIES + 1] = "MmmM..MMmmm";

typedef struct {
    unsigned long long n, same[N_FINDERS][N_MEASURES];
} row;

typedef struct {
    bl_scheme *scheme;
    bl_buf bytes;
    bl_song song, decoded;
    bl_ids ids;
    int *chord[N_FINDERS + 1]; /* [n_frames], of each finder, then by hand; -1 = none */
    size_t n_frames, n_files, n_other;
    row all, of_quality[BL_QUALITIES], of_root[12];
} state;

static int read_song(state *s, const char *path, bl_err *e)
{
    bl_midi_report report = {0};
    int fd;
    s->bytes.len = 0;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &s->bytes, BL_MIDI_MAX_BYTES, e);
    close(fd);
    if (rc == 0)
        rc = bl_midi_read(s->bytes.data, s->bytes.len, BL_READ_OVERLAP, &s->song,
                          &report, e);
    if (rc == 0 && s->song.tpq != TPQ)
        rc = bl_fail(e, BL_E_FORMAT, "not of 480 ticks a quarter note");
    return rc;
}

/* ---- chords by hand ---- */

/* The chord of a shape whose root is the bass, else of any root; -1 for other sets. */
static int chord_of_pitches(bl_pitches p)
{
    unsigned classes = bl_pitches_classes(p);
    int bass = bl_pitches_any(p) ? bl_pitches_lowest(p) % 12 : 0;
    for (int up = 0; up < 12; up++) {
        int root = (bass + up) % 12;
        unsigned intervals = (classes >> root | classes << (12 - root)) & 0xfff;
        for (int q = 0; q < BL_QUALITIES; q++)
            if (intervals == shapes[q])
                return root * BL_QUALITIES + q;
    }
    return -1;
}

static int read_hand(state *s, bl_err *e)
{
    bl_pitches *sound = bl_calloc(s->n_frames, sizeof *sound, e);
    if (sound == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < s->song.n_notes; i++) {
        const bl_note *n = &s->song.notes[i];
        if (n->track != CHORDS)
            continue;
        for (int f = (n->on + FRAME / 2) / FRAME; f * FRAME + FRAME / 2 < n->off; f++)
            bl_pitches_add(&sound[f], n->pitch);
    }
    for (size_t f = 0; f < s->n_frames; f++) {
        s->chord[N_FINDERS][f] = chord_of_pitches(sound[f]);
        s->n_other += s->chord[N_FINDERS][f] < 0 && bl_pitches_any(sound[f]);
    }
    free(sound);
    return 0;
}

/* ---- chords that are found ---- */

static void keep_music(bl_song *song)
{
    size_t n = 0;
    for (size_t i = 0; i < song->n_notes; i++)
        if (song->notes[i].track == MUSIC)
            song->notes[n++] = song->notes[i];
    song->n_notes = n;
}

/* The chord holds from its tick on. */
static void hold(int *chord, size_t n_frames, int tick, int value)
{
    for (size_t f = (size_t)tick / FRAME; f < n_frames; f++)
        chord[f] = value;
}

static int chord_of_name(const char *text)
{
    char name[BL_CHORD_NAME_MAX + 1];
    for (int c = 0; c < BL_CHORD_WORDS; c++) {
        bl_chord_spell(c, name);
        if (strcmp(name, text) == 0)
            return c == BL_NO_CHORD ? -1 : c;
    }
    return -1;
}

static int find_chords(state *s, bl_err *e)
{
    static const int of_published[] = {MAJ, MIN, DIM, AUG, DOM7};
    size_t bars, skipped;
    bl_chords published = {0};
    s->ids.n = 0;
    int rc = bl_scheme_encode(s->scheme, &s->song, &s->ids, &bars, NULL, e);
    if (rc == 0)
        rc = bl_scheme_decode(s->scheme, s->ids.id, s->ids.n, &s->decoded, &skipped, e);
    for (size_t i = 0; rc == 0 && i < s->decoded.n_markers; i++)
        hold(s->chord[REMI], s->n_frames, s->decoded.markers[i].tick,
             chord_of_name(s->decoded.markers[i].text));
    if (rc == 0)
        rc = bl_chords_2020(&published, s->song.notes, s->song.n_notes, e);
    for (size_t i = 0; rc == 0 && i < published.n; i++) {
        int c = published.chord[i].chord;
        int chord =
            c / CHORD_QUALITIES * BL_QUALITIES + of_published[c % CHORD_QUALITIES];
        hold(s->chord[PUBLISHED], s->n_frames, published.chord[i].tick,
             c == CHORD_NONE ? -1 : chord);
    }
    free(published.chord);
    return rc;
}

/* ---- comparing ---- */

static void count(row *r, int hand, const int found[N_FINDERS])
{
    r->n++;
    for (int k = 0; k < N_FINDERS; k++) {
        int is_root = found[k] >= 0 && found[k] / BL_QUALITIES == hand / BL_QUALITIES;
        int third =
            is_root && thirds[found[k] % BL_QUALITIES] == thirds[hand % BL_QUALITIES];
        r->same[k][SAME_ROOT] += (unsigned)is_root;
        r->same[k][SAME_THIRD] += (unsigned)third;
        r->same[k][SAME_QUALITY] += found[k] == hand;
    }
}

static int compare(state *s, const char *path, bl_err *e)
{
    int rc = read_song(s, path, e);
    if (rc != 0)
        return rc;
    s->n_frames = (size_t)s->song.end / FRAME + 1;
    for (size_t i = 0; i < s->song.n_notes; i++)
        s->n_frames =
            (size_t)bl_max((int64_t)s->n_frames, s->song.notes[i].off / FRAME + 1);
    for (int k = 0; k <= N_FINDERS && rc == 0; k++) {
        s->chord[k] = bl_calloc(s->n_frames, sizeof *s->chord[k], e);
        rc = s->chord[k] == NULL ? BL_E_NOMEM : 0;
        if (rc == 0)
            hold(s->chord[k], s->n_frames, 0, -1);
    }
    if (rc == 0)
        rc = read_hand(s, e);
    keep_music(&s->song);
    if (rc == 0)
        rc = find_chords(s, e);
    for (size_t f = 0; rc == 0 && f < s->n_frames; f++) {
        int hand = s->chord[N_FINDERS][f];
        int found[N_FINDERS] = {s->chord[REMI][f], s->chord[PUBLISHED][f]};
        if (hand < 0)
            continue;
        count(&s->all, hand, found);
        count(&s->of_quality[hand % BL_QUALITIES], hand, found);
        count(&s->of_root[hand / BL_QUALITIES], hand, found);
    }
    for (int k = 0; k <= N_FINDERS; k++) {
        free(s->chord[k]);
        s->chord[k] = NULL;
    }
    s->n_files++;
    return rc;
}

static void print_row(const char *group, const char *name, const row *r)
{
    printf("%s\t%s\t%llu", group, name, r->n);
    for (int k = 0; k < N_FINDERS; k++)
        for (int m = 0; m < N_MEASURES; m++)
            printf("\t%.1f",
                   r->n > 0 ? 100.0 * (double)r->same[k][m] / (double)r->n : 0);
    printf("\n");
}

static void print_table(const state *s)
{
    char name[BL_CHORD_NAME_MAX + 1];
    printf("group\tchord\tframes\troot\tthird\tquality\tpublished_root\t"
           "published_third\tpublished_quality\n");
    print_row("all", "all", &s->all);
    for (int q = 0; q < BL_QUALITIES; q++)
        print_row("quality", qualities[q], &s->of_quality[q]);
    for (int root = 0; root < 12; root++) {
        bl_chord_spell(root * BL_QUALITIES, name);
        *strchr(name, ':') = '\0';
        print_row("root", name, &s->of_root[root]);
    }
    fprintf(stderr, "%zu files, %llu frames, %zu more of other shapes\n", s->n_files,
            s->all.n, s->n_other);
}

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {".mid", ".midi", NULL};
    bl_err e = BL_ERR_INIT;
    state s = {0};
    bl_paths paths = {0};
    int rc = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: chords_eval DIR...\n");
        return 64;
    }
    for (int i = 1; rc == 0 && i < argc; i++)
        rc = bl_paths_add_operand(&paths, argv[i], suffixes, &e);
    if (rc == 0)
        rc = bl_scheme_open(&s.scheme, &(bl_spec){.scheme = "remi", .chords = 1}, &e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++)
        rc = compare(&s, paths.path[i], &e);
    if (rc == 0)
        print_table(&s);
    else
        fprintf(stderr, "chords_eval: %s\n", e.text);
    bl_paths_free(&paths);
    bl_scheme_del(s.scheme);
    bl_buf_free(&s.bytes);
    bl_song_free(&s.song);
    bl_song_free(&s.decoded);
    bl_ids_free(&s.ids);
    return rc == 0 ? 0 : 66;
}
