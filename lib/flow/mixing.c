/* mixing.c - see mixing.h. */
#include "flow/mixing.h"
#include "io/walk.h"

#include <string.h>

/* Names that a tool gave where there was none: "sample-000007". */
static int is_named(const char *name)
{
    size_t n = strlen("sample-");
    if (name[0] == '\0')
        return 0;
    return strncmp(name, "sample-", n) != 0 || strspn(name + n, "0123456789") != 6 ||
           name[n + 6] != '\0';
}

int bl_mixing_open(bl_mixing *m, const char *path, bl_err *e)
{
    m->path = bl_path_or_stdin(path);
    int rc = bl_conditions_read(&m->others, path, NULL, NULL, e);
    for (size_t i = 0; i < m->others.n && rc == 0; i++)
        m->has_names |= is_named(m->others.pieces[i].name);
    return rc;
}

static const bl_named_piece *taken(bl_mixing *m, const bl_named_piece *p)
{
    m->n += p != NULL;
    return p;
}

/* NAME.2 is another piece for NAME, which serves again. */
static const bl_named_piece *partner_of(bl_mixing *m, const char *name)
{
    const bl_named_piece *p = bl_conditions_take(&m->others, name);
    const bl_named_piece *again = p == NULL ? bl_conditions_of(&m->others, name) : NULL;
    if (again != NULL && strcmp(again->name, name) != 0)
        return again->is_taken ? again
                               : taken(m, bl_conditions_take(&m->others, again->name));
    int by_place = !m->has_names || !is_named(name);
    if (p == NULL && by_place)
        p = bl_conditions_take_at(&m->others, m->n);
    return taken(m, p);
}

static int32_t scaled(int32_t tick, const bl_song *to, const bl_song *from)
{
    int64_t x = ((int64_t)tick * to->tpq * 2 / from->tpq + 1) / 2;
    return (int32_t)bl_min(x, INT32_MAX);
}

/* Meters that change nothing beside. */
static int has_other_bars(const bl_song *a, const bl_song *b)
{
    if (a->n_meters != b->n_meters)
        return 1;
    for (size_t i = 0; i < a->n_meters; i++)
        if (scaled(b->meters[i].tick, a, b) != a->meters[i].tick ||
            a->meters[i].num != b->meters[i].num ||
            a->meters[i].den_log2 != b->meters[i].den_log2)
            return 1;
    return 0;
}

static int add_music(bl_song *to, const bl_song *from, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < from->n_notes && rc == 0; i++) {
        bl_note n = from->notes[i];
        n.on = scaled(n.on, to, from);
        n.off = scaled(n.off, to, from);
        rc = bl_song_add_note(to, n, e);
    }
    for (size_t i = 0; i < from->n_pedals && rc == 0; i++) {
        bl_pedal p = from->pedals[i];
        p.tick = scaled(p.tick, to, from);
        rc = bl_song_add_pedal(to, p, e);
    }
    for (size_t i = 0; i < from->n_markers && rc == 0; i++)
        rc = bl_song_add_marker(to, scaled(from->markers[i].tick, to, from),
                                from->markers[i].text, e);
    to->end = (int32_t)bl_max(to->end, scaled(from->end, to, from));
    return rc;
}

/* Where the other piece says how the time goes, that holds: it was there first. */
static int take_time(bl_song *to, const bl_song *from, bl_err *e)
{
    int rc = 0;
    to->n_tempos = from->n_tempos > 0 ? 0 : to->n_tempos;
    to->n_meters = from->n_meters > 0 ? 0 : to->n_meters;
    for (size_t i = 0; i < from->n_tempos && rc == 0; i++)
        rc = bl_song_add_tempo(to, scaled(from->tempos[i].tick, to, from),
                               from->tempos[i].us, e);
    for (size_t i = 0; i < from->n_meters && rc == 0; i++)
        rc = bl_song_add_meter(to, scaled(from->meters[i].tick, to, from),
                               from->meters[i].num, from->meters[i].den_log2, e);
    return rc;
}

int bl_mixing_add(bl_mixing *m, bl_song *song, const char *name,
                  const bl_notices *notices, bl_err *e)
{
    const bl_named_piece *p = partner_of(m, name);
    if (p == NULL)
        return bl_fail(e, BL_E_MISMATCH,
                       "piece '%.80s' has no partner in '%.120s', which has %zu pieces",
                       name, m->path, m->others.n);
    int rc = bl_scheme_decode(m->others.source.scheme, p->ids.id, p->ids.n, &m->song,
                              NULL, e);
    if (rc != 0)
        return rc;
    if (has_other_bars(song, &m->song))
        bl_notice(notices, BL_NOTICE_WARNING,
                  "piece '%s': its meters are not those in '%s'; the bars of both do "
                  "not stay together",
                  name, m->path);
    rc = add_music(song, &m->song, e);
    if (rc == 0)
        rc = take_time(song, &m->song, e);
    return rc == 0 ? bl_song_sort(song, e) : rc;
}

int bl_mixing_end(const bl_mixing *m, bl_err *e)
{
    size_t left = m->others.n - m->n;
    if (m->path == NULL || left == 0)
        return 0;
    return bl_fail(e, BL_E_MISMATCH,
                   "'%.120s' has %zu pieces, the input %zu: each wants a partner",
                   m->path, m->others.n, m->n);
}

void bl_mixing_free(bl_mixing *m)
{
    bl_conditions_free(&m->others);
    bl_song_free(&m->song);
}
