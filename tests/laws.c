/* laws.c - the laws of the token scheme on real files: `laws DIR...` reads every MIDI
 * file below the directories and prints for each law how many files keep it. Needs no
 * tool; goes through real MIDI bytes. Exit status 1 if a law is broken. */
#include "cli/walk.h"
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
    "every note keeps bar, position, pitch, velocity, duration, program",
    "the grammar accepts what is encoded",
};

typedef struct {
    bl_scheme *scheme;
    char temp[64]; /* MIDI file between decoding and encoding */
    bl_buf bytes;
    bl_song song, decoded, back;
    bl_ids first, second;
    size_t n_files, n_rejected, failed[N_LAWS];
    unsigned long long n_notes, n_bars;
} state;

static int read_song(state *s, const char *path, bl_song *song, bl_err *e)
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
        rc = bl_midi_read(s->bytes.data, s->bytes.len, BL_READ_FIFO, song, &report, e);
    return rc;
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
    if (rc == 0)
        rc = bl_midi_write(&s->decoded, BL_WRITE_PROGRAMS, s->temp, e);
    if (rc == 0)
        rc = read_song(s, s->temp, &s->back, e);
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
    twin a = twin_of(&s->song, bl_scheme_grid(s->scheme));
    twin z = twin_of(&s->back, bl_scheme_grid(s->scheme));
    kept[FIXED_POINT] =
        s->first.n == s->second.n &&
        (s->first.n == 0 || memcmp(s->first.id, s->second.id, 2 * s->first.n) == 0);
    kept[BARS] = n_bars == (size_t)a.n_bars && n_bars == count_bars(s);
    kept[NOTES] = twin_notes_equal(&a, &z);
    kept[GRAMMAR] = is_accepted(s);
    s->n_bars += n_bars;
    twin_free(&a);
    twin_free(&z);
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

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
    bl_err e = BL_ERR_INIT;
    state s = {.temp = "/tmp/barline-laws.XXXXXX"};
    bl_paths paths = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: laws DIR...\n");
        return 64;
    }
    int fd = mkstemp(s.temp), rc = fd < 0 ? BL_E_CREATE : 0;
    if (rc == 0)
        close(fd);
    for (int i = 1; rc == 0 && i < argc; i++)
        rc = bl_paths_add_operand(&paths, argv[i], suffixes, &e);
    if (rc == 0)
        rc = bl_scheme_open(&s.scheme, &(bl_spec){.scheme = "remi"}, &e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++)
        check_file(&s, paths.path[i]);
    if (rc != 0)
        fprintf(stderr, "laws: %s\n", e.text);
    int status = rc == 0 ? report(&s) : 66;
    unlink(s.temp);
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
