/* notes.c - `notes FILE...`: prints what bl_midi_read makes of MIDI files, for
 * comparison with another reader: a line "file PATH", then "track channel tick pitch
 * velocity" for each beginning of a note, track by track in order; "refused CODE"
 * instead where it reads nothing. */
#include "io/file.h"
#include "midi/midi.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int in_file_order(const void *a, const void *b)
{
    const bl_note *x = a, *y = b;
    if (x->track != y->track)
        return x->track < y->track ? -1 : 1;
    if (x->on != y->on)
        return x->on < y->on ? -1 : 1;
    if (x->channel != y->channel)
        return x->channel < y->channel ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    return (x->velocity > y->velocity) - (x->velocity < y->velocity);
}

int main(int argc, char **argv)
{
    bl_buf bytes = {0};
    bl_song song = {0};
    for (int i = 1; i < argc; i++) {
        bl_midi_report report = {.reject = BL_REJECT_UNREADABLE};
        int fd, rc = bl_in_open(argv[i], &fd, NULL);
        bytes.len = 0;
        if (rc == 0) {
            rc = bl_read_all(fd, &bytes, BL_MIDI_MAX_BYTES, NULL);
            close(fd);
        }
        if (rc == 0)
            rc = bl_midi_read(bytes.data, bytes.len, BL_READ_OVERLAP, &song, &report,
                              NULL);
        printf("file %s\n", argv[i]);
        if (rc != 0) {
            printf("refused %s\n", bl_reject_name(report.reject));
            continue;
        }
        if (song.n_notes > 1)
            qsort(song.notes, song.n_notes, sizeof *song.notes, in_file_order);
        for (size_t n = 0; n < song.n_notes; n++) {
            const bl_note *x = &song.notes[n];
            printf("%u %u %d %u %u\n", x->track, x->channel, x->on, x->pitch,
                   x->velocity);
        }
    }
    bl_buf_free(&bytes);
    bl_song_free(&song);
    return 0;
}
