/* fuzz.c - see fuzz.h. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"
#include "io/file.h"
#include "midi/midi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_claim(int pass, const char *text, const char *file, int line)
{
    if (pass)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

int fuzz_fd(const void *bytes, size_t len)
{
    int fd = memfd_create("fuzz", 0);
    claim(fd >= 0);
    claim(bl_write_all(fd, bytes, len, NULL) == 0);
    claim(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

bl_scheme *fuzz_scheme(size_t i)
{
    static const bl_spec specs[] = {
        {.scheme = "remi"},
        {.scheme = "remi", .grid = 12, .chords = 1, .pedal = 1},
        {.scheme = "performance"},
        {.scheme = "performance", .grid = 125, .pedal = 1},
        {.scheme = "remi-2020", .chords = 1},
    };
    static bl_scheme *open[BL_COUNT(specs)];
    if (i >= BL_COUNT(specs))
        return NULL;
    if (open[i] == NULL)
        claim(bl_scheme_open(&open[i], &specs[i], NULL) == 0);
    return open[i];
}

void fuzz_song(const bl_song *song)
{
    claim(song->tpq >= 1 && song->tpq <= 32767);
    claim(song->end >= 0 && song->end <= BL_MIDI_MAX_TICK);
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *n = &song->notes[i];
        claim(n->on >= 0 && n->on <= n->off && n->off <= song->end);
        claim(i == 0 || song->notes[i - 1].on <= n->on);
        claim(n->pitch < 128 && n->velocity >= 1 && n->velocity < 128);
        claim(n->program < 128 && n->drum <= 1 && n->channel < 16);
    }
    for (size_t i = 0; i < song->n_tempos; i++) {
        const bl_tempo *t = &song->tempos[i];
        claim(t->us > 0 && t->tick >= 0 && t->tick <= BL_TICK_MAX);
        claim(i == 0 || song->tempos[i - 1].tick <= t->tick);
    }
    for (size_t i = 0; i < song->n_meters; i++) {
        const bl_meter *m = &song->meters[i];
        claim(m->den_log2 >= 0 && m->den_log2 <= 7 && m->num >= 0 && m->num <= 255);
        claim(m->tick >= 0 && m->tick <= BL_TICK_MAX);
        claim(i == 0 || song->meters[i - 1].tick <= m->tick);
    }
    for (size_t i = 0; i < song->n_pedals; i++) {
        const bl_pedal *p = &song->pedals[i];
        claim(p->value < 128 && p->tick >= 0 && p->tick <= BL_TICK_MAX);
        claim(i == 0 || song->pedals[i - 1].tick <= p->tick);
    }
}

static void check_grammar(const bl_scheme *s, const bl_ids *ids, size_t bars)
{
    bl_grammar g;
    size_t n_bars = 0;
    bl_grammar_start(&g, s);
    for (size_t i = 0; i < ids->n; i++) {
        claim(bl_grammar_step(&g, ids->id[i]) == NULL);
        n_bars += (size_t)bl_scheme_begins_bar(s, ids->id[i]);
    }
    claim(bl_grammar_step(&g, BL_ID_EOS) == NULL);
    claim(n_bars == bars);
}

/* The pages of the other schemes name music that is not the same when it comes back. */
static int is_lawful(const bl_scheme *s)
{
    return strcmp(bl_scheme_name(s), "remi") == 0;
}

void fuzz_laws(const bl_scheme *s, const bl_song *song)
{
    static bl_ids first, second; /* kept from input to input, as the workers do */
    static bl_song decoded;
    size_t bars = 0, skipped = 0;
    first.n = second.n = 0;
    int rc = bl_scheme_encode(s, song, &first, &bars, NULL, NULL);
    /* where the published encoder fails, remi-2020 does */
    claim(rc == 0 || rc == BL_E_LIMIT ||
          (rc == BL_E_FORMAT && strcmp(bl_scheme_name(s), "remi-2020") == 0));
    if (rc != 0)
        return;
    check_grammar(s, &first, bars);
    claim(bl_scheme_decode(s, first.id, first.n, &decoded, &skipped, NULL) == 0);
    fuzz_song(&decoded);
    if (strcmp(bl_scheme_name(s), "remi-2020") != 0)
        claim(skipped == 0);
    if (!is_lawful(s))
        return;
    claim(bl_scheme_encode(s, &decoded, &second, &bars, NULL, NULL) == 0);
    claim(first.n == second.n);
    claim(first.n == 0 || memcmp(first.id, second.id, first.n * sizeof *first.id) == 0);
}
