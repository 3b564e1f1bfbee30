/* laws.c - the laws of the token schemes on real files: `laws [OPTION]... DIR...` reads
 * every MIDI file below the directories and prints for each law how many files keep it.
 * Options: --scheme remi|performance, --grid N, --chords, --key, --degrees,
 * --common-key, --pedal. Needs no tool; goes through real MIDI bytes. Exit status 1 if
 * a law is broken. */
#include "io/walk.h"
#include "io/file.h"
#include "midi/midi.h"
#include "remi_twin.h"
#include "token/scheme.h"

#include <stdio.h>
#include <unistd.h>

enum { FIXED_POINT, BARS, NOTES, GRAMMAR, N_LAWS };

static const char *const laws[N_LAWS] = {
    "tokens of the decoded file are the tokens of the file",
    "as many Bar tokens as bars",
    "every note keeps what the scheme says of it",
    "the grammar accepts what is encoded",
};

typedef struct {
    bl_scheme *scheme;
    bl_buf bytes; /* of the file, then of that between decoding and encoding */
    bl_song song, decoded, back;
    bl_ids first, second;
    size_t n_files, n_rejected, failed[N_LAWS];
    unsigned long long n_notes, n_bars;
} state;

static int read_bytes(state *s, bl_song *song, bl_err *e)
{
    bl_midi_report report = {0};
    return bl_midi_read(s->bytes.data, s->bytes.len, bl_scheme_reading(s->scheme), song,
                        &report, e);
}

static int read_song(state *s, const char *path, bl_song *song, bl_err *e)
{
    int fd;
    s->bytes.len = 0;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &s->bytes, BL_MIDI_MAX_BYTES, e);
    close(fd);
    return rc == 0 ? read_bytes(s, song, e) : rc;
}

/* song -> first, n_bars; first -> MIDI bytes -> back -> second. */
static int there_and_back(state *s, size_t *n_bars, bl_err *e)
{
    size_t unused;
    s->first.n = s->second.n = 0;
    int rc = bl_scheme_encode(s->scheme, &s->song, &s->first, n_bars, NULL, e);
    if (rc == 0)
        rc = bl_scheme_decode(s->scheme, s->first.id, s->first.n, &s->decoded, &unused,
                              e);
    s->bytes.len = 0;
    if (rc == 0)
        rc = bl_midi_write(&s->decoded, BL_WRITE_PROGRAMS, &s->bytes, e);
    if (rc == 0)
        rc = read_bytes(s, &s->back, e);
    if (rc == 0)
        rc = bl_scheme_encode(s->scheme, &s->back, &s->second, &unused, NULL, e);
    return rc;
}

static size_t count_bars(const state *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->first.n; i++)
        n += (size_t)bl_scheme_begins_bar(s->scheme, s->first.id[i]);
    return n;
}

static int is_accepted(const state *s)
{
    bl_grammar g;
    int good = 1;
    bl_grammar_start(&g, s->scheme);
    for (size_t i = 0; i < s->first.n; i++)
        good &= bl_grammar_step(&g, s->first.id[i]) == NULL;
    return good && bl_grammar_step(&g, BL_ID_EOS) == NULL;
}

/* What the scheme keeps of the song, said a second time. */
static void compare_twins(const state *s, size_t n_bars, int kept[N_LAWS])
{
    twin a = twin_of(&s->song, bl_scheme_grid(s->scheme));
    twin z = twin_of(&s->back, bl_scheme_grid(s->scheme));
    kept[BARS] = n_bars == (size_t)a.n_bars && n_bars == count_bars(s);
    kept[NOTES] = twin_notes_equal(&a, &z);
    twin_free(&a);
    twin_free(&z);
}

static int by_note(const void *a, const void *b)
{
    const bl_note *x = a, *y = b;
    if (x->on != y->on)
        return x->on < y->on ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    if (x->off != y->off)
        return x->off < y->off ? -1 : 1;
    return (x->velocity > y->velocity) - (x->velocity < y->velocity);
}

/* Schemes without bars: the notes of the decoded song are those of its file, and as
 * many as there are tokens for them. */
static void compare_decoded(state *s, size_t n_bars, int kept[N_LAWS])
{
    bl_song *a = &s->decoded, *z = &s->back;
    size_t n_on = 0;
    for (size_t i = 0; i < s->first.n; i++)
        n_on += strcmp(bl_scheme_kind(s->scheme, s->first.id[i]), "Note-On") == 0;
    if (a->n_notes > 1)
        qsort(a->notes, a->n_notes, sizeof *a->notes, by_note);
    if (z->n_notes > 1)
        qsort(z->notes, z->n_notes, sizeof *z->notes, by_note);
    kept[BARS] = n_bars == count_bars(s);
    kept[NOTES] = a->n_notes == z->n_notes && a->n_notes == n_on;
    for (size_t i = 0; kept[NOTES] && i < a->n_notes; i++)
        kept[NOTES] = by_note(&a->notes[i], &z->notes[i]) == 0;
}

static void check_file(state *s, const char *path)
{
    bl_err e = BL_ERR_INIT;
    char text[1024];
    size_t n_bars;
    int kept[N_LAWS];
    if (read_song(s, path, &s->song, &e) != 0) {
        bl_err_in(&e, path);
        fprintf(stderr, "not read: %s\n", bl_err_text(&e, text, sizeof text));
        s->n_rejected++;
        return;
    }
    s->n_files++;
    s->n_notes += s->song.n_notes;
    if (there_and_back(s, &n_bars, &e) != 0) {
        bl_err_in(&e, path);
        fprintf(stderr, "failed: %s\n", bl_err_text(&e, text, sizeof text));
        for (int law = 0; law < N_LAWS; law++)
            s->failed[law]++;
        return;
    }
    kept[FIXED_POINT] =
        s->first.n == s->second.n &&
        (s->first.n == 0 || memcmp(s->first.id, s->second.id, 2 * s->first.n) == 0);
    if (strcmp(bl_scheme_name(s->scheme), "remi") == 0)
        compare_twins(s, n_bars, kept);
    else
        compare_decoded(s, n_bars, kept);
    kept[GRAMMAR] = is_accepted(s);
    s->n_bars += n_bars;
    for (int law = 0; law < N_LAWS; law++) {
        s->failed[law] += !kept[law];
        if (!kept[law])
            fprintf(stderr, "broken: %s: %s\n", path, laws[law]);
    }
}

static int report(const state *s)
{
    int broken = 0;
    printf("files %zu (%zu more could not be read), notes %llu, bars %llu\n",
           s->n_files, s->n_rejected, s->n_notes, s->n_bars);
    for (int law = 0; law < N_LAWS; law++) {
        printf("%zu passed, %zu failed: %s\n", s->n_files - s->failed[law],
               s->failed[law], laws[law]);
        broken |= s->failed[law] > 0;
    }
    return broken || s->n_files == 0;
}

/* Reads the options; returns the index of the first operand. */
static int options(int argc, char **argv, bl_spec *spec)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--chords") == 0)
            spec->chords = 1;
        else if (strcmp(argv[i], "--key") == 0)
            spec->key = 1;
        else if (strcmp(argv[i], "--degrees") == 0)
            spec->degrees = spec->chords = spec->key = 1;
        else if (strcmp(argv[i], "--common-key") == 0)
            spec->common_key = spec->key = 1;
        else if (strcmp(argv[i], "--pedal") == 0)
            spec->pedal = 1;
        else if (strcmp(argv[i], "--grid") == 0 && i + 1 < argc)
            spec->grid = atoi(argv[++i]);
        else if (strcmp(argv[i], "--scheme") == 0 && i + 1 < argc)
            snprintf(spec->scheme, sizeof spec->scheme, "%s", argv[++i]);
        else
            return argc;
    }
    return i;
}

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
    bl_err e = BL_ERR_INIT;
    state s = {0};
    bl_paths paths = {0};
    bl_spec spec = {.scheme = "remi"};
    int first = options(argc, argv, &spec);
    if (first >= argc) {
        fprintf(stderr, "usage: laws [--scheme NAME] [--grid N] [--chords] [--key] "
                        "[--degrees] [--common-key] [--pedal] DIR...\n");
        return 64;
    }
    int rc = 0;
    for (int i = first; rc == 0 && i < argc; i++)
        rc = bl_paths_add_operand(&paths, argv[i], suffixes, &e);
    if (rc == 0)
        rc = bl_scheme_open(&s.scheme, &spec, &e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++)
        check_file(&s, paths.path[i]);
    if (rc != 0)
        fprintf(stderr, "laws: %s\n", e.text);
    int status = rc == 0 ? report(&s) : 66;
    bl_paths_free(&paths);
    bl_scheme_del(s.scheme);
    bl_buf_free(&s.bytes);
    bl_song_free(&s.song);
    bl_song_free(&s.decoded);
    bl_song_free(&s.back);
    bl_ids_free(&s.first);
    bl_ids_free(&s.second);
    return status;
}
