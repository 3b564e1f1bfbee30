/* fingerprint.c - see fingerprint.h. */
#include "token/fingerprint.h"
#include "base/hash.h"
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

enum {
    GRAM = 8,       /* intervals of an n-gram */
    DRUM_GRAM = 16, /* drum pitches */
};

enum { TOP, BOTTOM, DRUMS };

typedef struct {
    uint64_t *hash;
    size_t n, cap;
    bl_buf line; /* which one it is, then its steps */
    bl_err *e;
} grams;

static int add_hash(grams *g, const uint8_t *bytes, size_t n)
{
    void *p = g->hash;
    int rc = bl_grow(&p, &g->cap, g->n + 1, sizeof *g->hash, g->e);
    g->hash = p;
    if (rc == 0)
        g->hash[g->n++] = bl_xxh3(bytes, n);
    return rc;
}

/* One line through the song: at each onset the highest or the lowest pitch. Its steps
 * are the intervals, for drums the pitches. */
static int read_line(grams *g, const bl_song *song, int line)
{
    int last = -1;
    g->line.len = 0;
    int rc = bl_buf_addc(&g->line, line, g->e);
    for (size_t i = 0; i < song->n_notes && rc == 0;) {
        int32_t on = song->notes[i].on;
        int pitch = -1;
        for (; i < song->n_notes && song->notes[i].on == on; i++) {
            const bl_note *x = &song->notes[i];
            if (x->drum != (line == DRUMS))
                continue;
            if (pitch < 0 || (line == TOP ? x->pitch > pitch : x->pitch < pitch))
                pitch = x->pitch;
        }
        if (pitch < 0)
            continue;
        if (line == DRUMS || last >= 0)
            rc = bl_buf_addc(&g->line, line == DRUMS ? pitch : (uint8_t)(pitch - last),
                             g->e);
        last = pitch;
    }
    return rc;
}

/* All n-grams of a line but those of one step: scales and repeated notes are in all
 * music. */
static int add_windows(grams *g, const bl_song *song, int line)
{
    size_t size = line == DRUMS ? DRUM_GRAM : GRAM;
    uint8_t bytes[DRUM_GRAM + 1] = {(uint8_t)line};
    int rc = read_line(g, song, line);
    for (size_t i = 1; rc == 0 && i + size <= g->line.len; i++) {
        const uint8_t *steps = g->line.data + i;
        if (memcmp(steps, steps + 1, size - 1) == 0)
            continue;
        memcpy(bytes + 1, steps, size);
        rc = add_hash(g, bytes, size + 1);
    }
    return rc;
}

/* A line as one n-gram, for songs that have no other. */
static int add_whole(grams *g, const bl_song *song, int line)
{
    size_t too_short = line == DRUMS ? 2 : 1; /* of one onset */
    int rc = read_line(g, song, line);
    if (rc != 0 || g->line.len <= too_short)
        return rc;
    return add_hash(g, g->line.data, g->line.len);
}

static int add_lines(grams *g, const bl_song *song,
                     int (*add)(grams *g, const bl_song *song, int line))
{
    int rc = add(g, song, TOP);
    if (rc == 0)
        rc = add(g, song, BOTTOM);
    return rc == 0 && g->n == 0 ? add(g, song, DRUMS) : rc;
}

int bl_fingerprint_of(bl_fingerprint *p, const bl_song *song, bl_err *e)
{
    grams g = {.e = e};
    *p = (bl_fingerprint){0};
    int rc = add_lines(&g, song, add_windows);
    if (rc == 0 && g.n == 0)
        rc = add_lines(&g, song, add_whole);
    if (rc == 0 && g.n > 1)
        qsort(g.hash, g.n, sizeof *g.hash, bl_by_uint64);
    for (size_t i = 0; rc == 0 && i < g.n && p->n < BL_PRINT_SIZE; i++)
        if (p->n == 0 || p->hash[p->n - 1] != g.hash[i])
            p->hash[p->n++] = g.hash[i];
    if (p->n > 0) /* the least hash itself is near 0 in all pieces */
        p->key = bl_xxh3(&p->hash[0], sizeof p->hash[0]);
    bl_buf_free(&g.line);
    free(g.hash);
    return rc;
}

double bl_fingerprint_likeness(const bl_fingerprint *a, const bl_fingerprint *b)
{
    uint32_t i = 0, j = 0, both = 0, either = 0;
    while (i < a->n && j < b->n && either < BL_PRINT_SIZE) {
        both += a->hash[i] == b->hash[j];
        uint64_t x = a->hash[i], y = b->hash[j];
        i += x <= y;
        j += y <= x;
        either++;
    }
    /* what is left of one of them, where the sketch is the whole set */
    uint32_t left = a->n - i + b->n - j;
    uint32_t room = BL_PRINT_SIZE - either;
    either += left < room ? left : room;
    return either == 0 ? 0 : (double)both / either;
}
