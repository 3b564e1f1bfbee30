/* test_parts.c - the parts of a song: how they are named, that together they are the
 * whole and keep its bars and chords, and what is its melody and its bass. */
#include "songs.h"
#include "tap.h"
#include "token/parts.h"
#include "token/voices.h"

/* ---- names ---- */

static void test_names(void)
{
    static const char *const good[] = {"melody",
                                       "bass,drums",
                                       "chords,program=7",
                                       "track=*,program=0-127",
                                       "track=lead ?",
                                       "program=piano,program=synth-lead",
                                       "program=tuba,program=pan-flute"};
    static const char *const bad[] = {"",
                                      "melody,",
                                      "tune",
                                      "track=",
                                      "program=",
                                      "program=5-4",
                                      "program=-4",
                                      "program=0-128",
                                      "program=1-2x",
                                      "Melody",
                                      "melody bass",
                                      "program=0001",
                                      "program=kazoo",
                                      "program=drums"};
    bl_parts p;
    bl_err e = BL_ERR_INIT;
    for (size_t i = 0; i < BL_COUNT(good); i++)
        ok(bl_parts_parse(&p, good[i], &e) == 0, "'%s' names parts", good[i]);
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        e = BL_ERR_INIT;
        ok(bl_parts_parse(&p, bad[i], &e) == BL_E_ARG, "'%s' names none", bad[i]);
    }
}

/* ---- songs typed by hand ---- */

static void add(bl_song *s, int track, int on, int off, int pitch, int program)
{
    bl_err e = BL_ERR_INIT;
    bl_note n = {.on = on,
                 .off = off,
                 .pitch = (uint8_t)pitch,
                 .velocity = 80,
                 .program = (uint8_t)program,
                 .drum = track == 9,
                 .channel = (uint8_t)track,
                 .track = (uint16_t)track};
    need(bl_song_add_note(s, n, &e), &e);
}

static void name(bl_song *s, int track, const char *text)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_name(s, (uint16_t)track, text, strlen(text), &e), &e);
}

/* Four bars of a tune (track 1), chords (2), a bass (3), drums (9). */
static void make_band(bl_song *s)
{
    bl_err e = BL_ERR_INIT;
    bl_song_clear(s);
    s->tpq = 4;
    for (int beat = 0; beat < 16; beat++) {
        int t = 4 * beat;
        add(s, 1, t, t + 4, 72 + beat % 5, 0);
        for (int k = 0; k < 3; k++)
            add(s, 2, t, t + 4, 60 + 4 * k, 0);
        add(s, 3, t, t + 4, 36 + beat % 4, 33);
        add(s, 9, t, t + 1, 42, 0);
    }
    s->end = 100;
    need(bl_song_sort(s, &e), &e);
}

static size_t count(const bl_song *s, int track)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_notes; i++)
        n += s->notes[i].track == track;
    return n;
}

static void take(bl_song *s, const char *text, int is_drop)
{
    bl_parts p;
    bl_err e = BL_ERR_INIT;
    need(bl_parts_parse(&p, text, &e), &e);
    need(bl_parts_take(&p, is_drop, s, &e), &e);
}

static int is_only(const bl_song *s, int track)
{
    return s->n_notes == 16 && count(s, track) == 16;
}

static void test_band(void)
{
    bl_song s = {0};
    make_band(&s);
    take(&s, "melody", 0);
    ok(is_only(&s, 1), "the melody is the voice that is a line");
    ok(s.n_aside == 80 && s.end == 100, "the others are aside, the end stays");
    make_band(&s);
    take(&s, "bass", 0);
    ok(is_only(&s, 3), "the bass is the one of its program");
    make_band(&s);
    for (size_t i = 0; i < s.n_notes; i++)
        s.notes[i].program = 0;
    take(&s, "bass", 0);
    ok(is_only(&s, 3), "or the low line");
    make_band(&s);
    take(&s, "drums", 0);
    ok(is_only(&s, 9), "drums are drums");
    make_band(&s);
    take(&s, "program=33", 0);
    ok(is_only(&s, 3), "a program is its notes");
    make_band(&s);
    take(&s, "drums,bass", 1);
    ok(s.n_notes == 64 && count(&s, 9) + count(&s, 3) == 0, "what is dropped goes");
    make_band(&s);
    take(&s, "chords", 0);
    ok(s.n_notes == 0 && s.n_aside == 96, "chords are no notes");
    bl_song_free(&s);
}

static void test_tracks(void)
{
    static const char *const all[] = {"track=Lead*", "track=*GUITAR",
                                      "track=lead gu?tar", "track=*e*t*"};
    static const char *const none[] = {"track=lead", "track=guitar", "track=?",
                                       "track=lead guitar?"};
    bl_song s = {0};
    for (size_t i = 0; i < BL_COUNT(all) + BL_COUNT(none); i++) {
        const char *text = i < BL_COUNT(all) ? all[i] : none[i - BL_COUNT(all)];
        make_band(&s);
        name(&s, 2, " Lead Guitar  ");
        take(&s, text, 0);
        ok(s.n_notes == (i < BL_COUNT(all) ? 48 : 0), "%s", text);
    }
    make_band(&s);
    name(&s, 2, "VOCALS");
    take(&s, "melody", 0);
    ok(s.n_notes == 48 && count(&s, 2) == 48, "a name says which is the melody");
    make_band(&s);
    name(&s, 1, "Backing vocals");
    name(&s, 2, "Bass drum");
    take(&s, "melody,bass", 0);
    ok(s.n_notes == 32 && count(&s, 2) == 0, "but not each with the word in it");
    make_band(&s);
    for (int i = 1; i < 4; i++)
        name(&s, i, "Melody in F");
    take(&s, "melody", 0);
    ok(is_only(&s, 1), "nor one that all have");
    bl_song_free(&s);
}

/* A piano of one track: its highest notes are the melody, low ones below the bass. */
static void test_piano(void)
{
    bl_song s = {0};
    bl_err e = BL_ERR_INIT;
    uint8_t role[8];
    s.tpq = 4;
    add(&s, 0, 0, 8, 48, 0);
    add(&s, 0, 0, 8, 64, 0);
    add(&s, 0, 0, 8, 72, 0);
    add(&s, 0, 4, 8, 67, 0);  /* under 72, which sounds */
    add(&s, 0, 8, 12, 40, 0); /* alone: the highest */
    add(&s, 0, 12, 16, 62, 0);
    add(&s, 0, 12, 16, 71, 0);
    s.end = 16;
    need(bl_voices_roles(role, &s, &e), &e);
    static const uint8_t expected[] = {BL_ROLE_BASS,  BL_ROLE_OTHER,  BL_ROLE_MELODY,
                                       BL_ROLE_OTHER, BL_ROLE_MELODY, BL_ROLE_OTHER,
                                       BL_ROLE_MELODY};
    ok(memcmp(role, expected, sizeof expected) == 0, "the edges of what is no line");
    bl_song_free(&s);
}

/* ---- laws on random songs ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(bl_note));
}

/* The notes of two songs together, in an order of their own. */
static bl_note *joined(const bl_note *a, size_t n, const bl_note *b, size_t m)
{
    bl_note *all = calloc(n + m + 1, sizeof *all);
    for (size_t i = 0; i < n + m; i++)
        all[i] = i < n ? a[i] : b[i - n];
    qsort(all, n + m, sizeof *all, by_bytes);
    return all;
}

static void copy_song(bl_song *to, const bl_song *from)
{
    bl_err e = BL_ERR_INIT;
    bl_song_clear(to);
    to->tpq = from->tpq;
    to->end = from->end;
    for (size_t i = 0; i < from->n_notes; i++)
        need(bl_song_add_note(to, from->notes[i], &e), &e);
    for (size_t i = 0; i < from->n_meters; i++)
        need(bl_song_add_meter(to, from->meters[i].tick, from->meters[i].num,
                               from->meters[i].den_log2, &e),
             &e);
    for (size_t i = 0; i < from->n_tempos; i++)
        need(bl_song_add_tempo(to, from->tempos[i].tick, from->tempos[i].us, &e), &e);
}

/* All tokens but those of notes: bars, meters, chords, tempos with their positions. */
static void frame_of(const bl_scheme *s, const bl_song *song, bl_ids *frame,
                     size_t *bars)
{
    bl_ids ids = {0};
    bl_err e = BL_ERR_INIT;
    int position = -1;
    need(bl_scheme_encode(s, song, &ids, bars, NULL, &e), &e);
    for (size_t i = 0; i < ids.n; i++) {
        const char *kind = bl_scheme_kind(s, ids.id[i]);
        if (strcmp(kind, "Position") == 0)
            position = ids.id[i];
        if (strcmp(kind, "Bar") != 0 && strcmp(kind, "TimeSig") != 0 &&
            strcmp(kind, "Chord") != 0 && strcmp(kind, "Tempo") != 0)
            continue;
        if (strcmp(kind, "Chord") == 0 || strcmp(kind, "Tempo") == 0)
            need(bl_ids_add(frame, (unsigned)position, &e), &e);
        need(bl_ids_add(frame, ids.id[i], &e), &e);
    }
    bl_ids_free(&ids);
}

static void test_laws(void)
{
    static const char *const parts[] = {
        "melody", "bass", "drums", "chords", "program=40-127", "bass,melody,drums"};
    bl_rng rng = bl_rng_make(11, 0);
    bl_scheme *s = open_full_scheme(4);
    bl_song song = {0}, keep = {0}, drop = {0};
    int same_notes = 1, same_frame = 1, hidden = 1;
    for (int i = 0; i < 300; i++) {
        const char *text = parts[i % (int)BL_COUNT(parts)];
        bl_ids whole = {0}, a = {0}, b = {0};
        size_t bars, bars_a, bars_b;
        random_song(&song, &rng);
        copy_song(&keep, &song);
        copy_song(&drop, &song);
        take(&keep, text, 0);
        take(&drop, text, 1);
        bl_note *all = joined(song.notes, song.n_notes, NULL, 0);
        bl_note *both = joined(keep.notes, keep.n_notes, drop.notes, drop.n_notes);
        same_notes &= keep.n_notes + drop.n_notes == song.n_notes &&
                      memcmp(all, both, song.n_notes * sizeof *all) == 0;
        hidden &=
            !keep.hides_chords && drop.hides_chords == (strcmp(text, "chords") == 0);
        drop.hides_chords = 0; /* but for that its frame is the same */
        frame_of(s, &song, &whole, &bars);
        frame_of(s, &keep, &a, &bars_a);
        frame_of(s, &drop, &b, &bars_b);
        same_frame &= bars == bars_a && bars == bars_b && whole.n == a.n &&
                      whole.n == b.n &&
                      memcmp(whole.id, a.id, whole.n * sizeof *a.id) == 0 &&
                      memcmp(whole.id, b.id, whole.n * sizeof *a.id) == 0;
        bl_ids_free(&whole);
        bl_ids_free(&a);
        bl_ids_free(&b);
        free(all);
        free(both);
    }
    ok(hidden, "chords that are dropped are hidden");
    ok(same_notes, "what is kept and what is dropped are all notes");
    ok(same_frame, "each has the bars, meters, tempos and chords of the whole");
    bl_song_free(&song);
    bl_song_free(&keep);
    bl_song_free(&drop);
    bl_scheme_del(s);
}

int main(void)
{
    test_names();
    test_band();
    test_tracks();
    test_piano();
    test_laws();
    return tap_done();
}
