/* fuzz_midi.c - any bytes through gate, libsmf and the schemes. */
#include "fuzz.h"
#include "midi/midi.h"

enum { LONG_QUARTERS = 4096 };

/* Long silence costs time in every scheme and is the same in all: one will do. */
static int is_enough(const bl_song *song)
{
    return song->end / song->tpq > LONG_QUARTERS;
}

static void read_as(bl_reading how, const uint8_t *data, size_t len)
{
    static bl_song song;
    bl_midi_report report = {0};
    bl_scheme *s;
    int rc = bl_midi_read(data, len, how, &song, &report, NULL);
    claim((rc == 0) == (report.reject == BL_REJECT_NONE));
    claim(report.reject != BL_REJECT_INTERNAL);
    if (rc != 0)
        return;
    claim(song.n_notes + song.n_tempos + song.n_meters + song.n_pedals <= len);
    fuzz_song(&song);
    for (size_t i = 0; (s = fuzz_scheme(i)) != NULL; i++)
        if (bl_scheme_reading(s) == how) {
            fuzz_laws(s, &song);
            if (is_enough(&song))
                return;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    for (bl_reading how = BL_READ_OVERLAP; how <= BL_READ_CLOSE_FIRST; how++)
        read_as(how, data, len);
    return 0;
}
