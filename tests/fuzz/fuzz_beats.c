/* fuzz_beats.c - the reader of annotations of beats, and a song that gets its bars from
 * what was read. */
#include "fuzz.h"
#include "midi/beats.h"

#include <stdlib.h>

enum { NOTES = 40, GAP = 250 };

static void make_song(bl_song *song)
{
    bl_song_clear(song);
    song->tpq = 480;
    for (int i = 0; i < NOTES; i++) {
        bl_note n = {.on = i * GAP, .off = i * GAP + GAP, .pitch = 60, .velocity = 64};
        claim(bl_song_add_note(song, n, NULL) == 0);
    }
    song->end = NOTES * GAP;
    claim(bl_song_add_tempo(song, 10 * GAP, 300000, NULL) == 0);
    claim(bl_song_sort(song, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bl_song song;
    bl_beats beats = {0};
    bl_scheme *s;
    make_song(&song);
    if (bl_beats_read(&beats, (const char *)data, len, NULL) == 0) {
        int rc = bl_song_align(&song, beats.beat, beats.n, NULL);
        claim(rc == 0 || rc == BL_E_FORMAT || rc == BL_E_LIMIT);
        claim(song.n_notes == NOTES);
        fuzz_song(&song);
        for (size_t i = 0; (s = fuzz_scheme(i)) != NULL; i++)
            fuzz_laws(s, &song);
    }
    free(beats.beat);
    return 0;
}
