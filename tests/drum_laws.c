/* drum_laws.c - the law of the scheme groove on real files: `drum_laws DIR...` reads
 * every MIDI file below the directories as drums in windows, writes them as a file,
 * reads that and counts what differs. Files without drums or not in 4/4 are passed
 * over. Exit status 1 if the law is broken. */
#include "io/file.h"
#include "io/walk.h"
#include "midi/midi.h"
#include "token/hvo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    bl_buf bytes;
    bl_song song, decoded, back;
    bl_hvo first, second;
    float *x;
    size_t n_files, n_other, n_windows, n_hits, n_collided, n_unmapped, failed;
    double ticks; /* the greatest difference of an offset */
} state;

static int read_bytes(state *s, bl_song *song, bl_err *e)
{
    bl_midi_report report;
    return bl_midi_read(s->bytes.data, s->bytes.len, BL_READ_OVERLAP, song, &report, e);
}

/* first -> windows -> decoded -> MIDI bytes -> back -> second */
static int there_and_back(state *s, bl_hvo_frame frame, bl_err *e)
{
    bl_hvo_decoder d;
    size_t n = bl_hvo_windows(&s->first, frame);
    int rc = bl_hvo_decode_begin(&d, &s->decoded, s->song.tpq, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t bar = i * (size_t)frame.hop;
        bl_hvo_window(&s->first, frame, i, s->x);
        rc = bl_hvo_check(s->x, (size_t)frame.bars * BL_HVO_BAR, e);
        if (rc == 0)
            rc = bl_hvo_decode(&d, s->x, frame.bars, (int32_t)bar, s->first.tempo[bar],
                               e);
    }
    if (rc == 0)
        rc = bl_hvo_decode_end(&d, e);
    s->n_windows += n;
    s->bytes.len = 0;
    if (rc == 0)
        rc = bl_midi_write(&s->decoded, BL_WRITE_PROGRAMS, &s->bytes, e);
    if (rc == 0)
        rc = read_bytes(s, &s->back, e);
    return rc == 0 ? bl_hvo_encode(&s->second, &s->back, e) : rc;
}

/* Hits, velocities and tempos of windows equal, offsets within half a tick. */
static int is_kept(state *s, bl_hvo_frame frame)
{
    const bl_hvo *a = &s->first, *b = &s->second;
    double most = 0;
    int same = a->n_bars == b->n_bars && b->collided + b->unmapped == 0;
    for (size_t i = 0; same && i < a->n_bars * BL_HVO_BAR * BL_HVO_CELLS; i++) {
        double d = fabs(a->x[i] - b->x[i]);
        if (i % BL_HVO_CELLS >= 2 * BL_HVO_VOICES)
            most = fmax(most, d * s->decoded.tpq / 4);
        else
            same &= d == 0;
    }
    for (size_t i = 0; same && i < bl_hvo_windows(a, frame); i++) /* hop 1 */
        same = fabs(a->tempo[i] - b->tempo[i]) <= 1e-3 * a->tempo[i];
    s->ticks = fmax(s->ticks, most);
    return same && most <= .5;
}

static void check_file(state *s, const char *path)
{
    const bl_hvo_frame frame = {2, 1};
    bl_err e = BL_ERR_INIT;
    char text[1024];
    s->bytes.len = 0;
    int rc = bl_load_file(path, &s->bytes, BL_MIDI_MAX_BYTES, &e);
    if (rc == 0)
        rc = read_bytes(s, &s->song, &e);
    if (rc == 0)
        rc = bl_hvo_encode(&s->first, &s->song, &e);
    if (rc != 0 || s->first.n_bars == 0) {
        s->n_other++;
        return;
    }
    s->n_files++;
    s->n_hits += s->first.hits;
    s->n_collided += s->first.collided;
    s->n_unmapped += s->first.unmapped;
    rc = there_and_back(s, frame, &e);
    if (rc == 0 && is_kept(s, frame))
        return;
    s->failed++;
    fprintf(stderr, "broken: %s: %s\n", path, bl_err_text(&e, text, sizeof text));
}

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
    bl_err e = BL_ERR_INIT;
    bl_paths paths = {0};
    state s = {.x = calloc(2 * BL_HVO_BAR * BL_HVO_CELLS, sizeof(float))};
    int rc = s.x == NULL || argc < 2 ? BL_E_ARG : 0;
    for (int i = 1; rc == 0 && i < argc; i++)
        rc = bl_paths_add_operand(&paths, argv[i], suffixes, &e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++)
        check_file(&s, paths.path[i]);
    if (rc != 0)
        fprintf(stderr, "drum_laws: %s\n",
                argc < 2 ? "usage: drum_laws DIR..." : e.text);
    else
        printf(
            "files %zu with drums in 4/4 (%zu others), windows %zu, hits %zu, "
            "collided %zu, unmapped %zu\n%zu passed, %zu failed: hits and velocities "
            "come back, offsets within half a tick (%.2g)\n",
            s.n_files, s.n_other, s.n_windows, s.n_hits, s.n_collided, s.n_unmapped,
            s.n_files - s.failed, s.failed, s.ticks);
    bl_paths_free(&paths);
    bl_buf_free(&s.bytes);
    bl_song_free(&s.song);
    bl_song_free(&s.decoded);
    bl_song_free(&s.back);
    bl_hvo_free(&s.first);
    bl_hvo_free(&s.second);
    free(s.x);
    return rc != 0 ? 66 : s.failed > 0;
}
