/* fuzz_decode.c - any ids through the decoder of each scheme: it accepts them, what it
 * gives keeps the laws and survives being a MIDI file; grammar and mask agree. The
 * input is ids of two bytes, low byte first, modulo the size of the vocabulary. */
#include "fuzz.h"
#include "io/file.h"
#include "midi/midi.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MASKED = 32 }; /* tokens at which the whole mask is asked for */

static void check_masks(const bl_scheme *s, const bl_ids *ids)
{
    uint8_t allowed[BL_WORDS_MAX];
    bl_grammar g;
    bl_grammar_start(&g, s);
    for (size_t i = 0; i < ids->n; i++) {
        if (i < MASKED)
            bl_grammar_mask(&g, allowed);
        const char *why = bl_grammar_step(&g, ids->id[i]);
        claim(i >= MASKED || allowed[ids->id[i]] == (why == NULL));
    }
}

/* Writes the song as a file and reads it: *back. */
static void through_file(const bl_scheme *s, const bl_song *song, bl_song *back)
{
    static bl_buf bytes;
    bl_midi_report report = {0};
    bytes.len = 0;
    claim(bl_midi_write(song, bl_scheme_writing(s), &bytes, NULL) == 0);
    claim(bl_midi_read(bytes.data, bytes.len, bl_scheme_reading(s), back, &report,
                       NULL) == 0);
}

static void check_file(const bl_scheme *s, const bl_song *song)
{
    static bl_song back;
    static bl_ids first, second;
    size_t bars;
    first.n = second.n = 0;
    through_file(s, song, &back);
    fuzz_song(&back);
    if (strcmp(bl_scheme_name(s), "remi") != 0 ||
        bl_scheme_encode(s, song, &first, &bars, NULL, NULL) != 0)
        return;
    claim(bl_scheme_encode(s, &back, &second, &bars, NULL, NULL) == 0);
    claim(first.n == second.n);
    claim(first.n == 0 || memcmp(first.id, second.id, first.n * sizeof *first.id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bl_ids ids;
    static bl_song song;
    bl_scheme *s;
    for (size_t i = 0; (s = fuzz_scheme(i)) != NULL; i++) {
        size_t size = bl_words_size(bl_scheme_words(s));
        ids.n = 0;
        for (size_t k = 0; k + 1 < len; k += 2)
            claim(bl_ids_add(&ids, (data[k] | data[k + 1] << 8) % size, NULL) == 0);
        check_masks(s, &ids);
        claim(bl_scheme_decode(s, ids.id, ids.n, &song, NULL, NULL) == 0);
        fuzz_song(&song);
        fuzz_laws(s, &song);
        check_file(s, &song);
    }
    return 0;
}
