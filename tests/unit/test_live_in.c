/* test_live_in.c - bytes of a wire as they come: messages, bars of tokens, loops. */
#include "flow/grooves.h"
#include "flow/live_in.h"
#include "io/tokens.h"
#include "midi/wire.h"
#include "songs.h"
#include "tap.h"
#include "tempfd.h"

#include <math.h>
#include <unistd.h>

/* ---- messages ---- */

/* "903C40 F8": what the messages of these bytes are, in hexadecimal. */
static int gives(const char *bytes, const char *messages)
{
    bl_wire w = {0};
    bl_timed t;
    char made[256] = "";
    unsigned byte;
    int used;
    for (const char *p = bytes; sscanf(p, " %2x%n", &byte, &used) == 1; p += used) {
        if (!bl_wire_take(&w, (uint8_t)byte, &t))
            continue;
        snprintf(made + strlen(made), sizeof made - strlen(made), "%s",
                 made[0] ? " " : "");
        for (int i = 0; i < t.n; i++)
            snprintf(made + strlen(made), sizeof made - strlen(made), "%02X",
                     t.byte[i]);
    }
    if (strcmp(made, messages) != 0)
        printf("# %s\n", made);
    return strcmp(made, messages) == 0;
}

static void test_wire(void)
{
    ok(gives("90 3C 40 3D 41 80 3C 00", "903C40 903D41 803C00"), "a status runs on");
    ok(gives("90 3C 00", "803C40"), "a note-on of velocity 0 is a note-off");
    ok(gives("C5 07 08 D1 09", "C507 C508 D109"), "messages of two bytes are");
    ok(gives("90 F8 3C FE 40 FA", "F8 FE 903C40 FA"),
       "real-time bytes inside of a message change nothing of it");
    ok(gives("90 3C F0 7E 01 F8 02 F7 3C 40 90 3C 40", "F8 903C40"),
       "a system exclusive message is passed over, and ends what ran");
    ok(gives("90 3C 40 F3 01 3C 40 F6 90 01 02", "903C40 900102"),
       "so is a common one");
    ok(gives("90 3C 40 F2 01 F8 02 3C 40 F2 90 01 02", "903C40 F8 F20102 900102"),
       "but for a song position pointer, which does not run on");
    ok(gives("F0 01 90 3C 40", "903C40"), "a status ends an exclusive message");
    ok(gives("3C 40 90 3C 91 3D 40 7F", "913D40"),
       "what is cut or has no status is lost");
}

/* ---- bars ---- */

typedef struct {
    int64_t ms;
    const char *bytes; /* hexadecimal; NULL: the end */
} event;

static void hear(const bl_live_in_wish *wish, const event *events, int fd)
{
    bl_err e = BL_ERR_INIT;
    bl_live_in *l;
    need(bl_live_in_new(&l, wish, fd, NULL, (bl_notices){0}, &e), &e);
    bl_timed_ear ear = bl_live_in_ear(l);
    need(ear.begin(ear.arg, &(bl_origin){0}, &e), &e);
    for (; events->bytes != NULL; events++) {
        uint8_t byte[64];
        unsigned x;
        int n = 0, used;
        for (const char *p = events->bytes; sscanf(p, " %2x%n", &x, &used) == 1;
             p += used)
            byte[n++] = (uint8_t)x;
        need(ear.bytes(ear.arg, events->ms * 1000000, byte, (size_t)n, &e), &e);
    }
    need(ear.pass(ear.arg, events->ms * 1000000, &e), &e);
    need(ear.finish(ear.arg, &e), &e);
    bl_live_in_del(l);
    lseek(fd, 0, SEEK_SET);
}

static bl_live_in_wish bars_at(double tempo)
{
    bl_live_in_wish wish = {.tempo = tempo};
    strcpy(wish.spec.scheme, "remi");
    return wish;
}

/* The music of the stream, bars apart by " | ". */
static int makes(bl_live_in_wish wish, const event *events, const char *want)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_scheme(0);
    bl_tokr *r;
    bl_piece piece = {0};
    bl_buf text = {0};
    char made[2048] = "";
    int fd = temp_fd(), rc;
    hear(&wish, events, fd);
    need(bl_tokr_new(&r, fd, "live", &e), &e);
    bl_tokr_set_words(r, bl_scheme_words(s));
    while ((rc = bl_tokr_arrive(r, &piece, &e)) > 0)
        if (rc == BL_TOKR_LINE) {
            text.len = 0;
            snprintf(made + strlen(made), sizeof made - strlen(made), "%s%s",
                     made[0] ? " | " : "", spell(&text, s, &piece.ids));
        }
    need(rc, &e);
    if (strcmp(made, want) != 0)
        printf("# %s\n", made);
    rc = strcmp(made, want) == 0;
    close(fd);
    bl_buf_free(&text);
    bl_piece_free(&piece);
    bl_tokr_del(r);
    bl_scheme_del(s);
    return rc;
}

#define FIRST "Bar TimeSig_4/4 Position_0 Tempo_120"

static void test_bars(void)
{
    ok(makes(bars_at(120), (event[]){{0, "90 3C 40"}, {500, "80 3C 00"}, {4000, NULL}},
             FIRST " Program_0 Pitch_60 Velocity_63 Duration_8 | Bar"),
       "a note, and bars that are over");
    ok(makes(bars_at(120), (event[]){{0, ""}, {3900, NULL}}, FIRST),
       "a bar that is not over, without music, is none");
    ok(makes(bars_at(120), (event[]){{2100, "99 26 40"}, {2150, NULL}},
             FIRST " | Bar Position_1 PitchDrum_38 Velocity_63 Duration_1"),
       "with music it is one");
    ok(makes(bars_at(120),
             (event[]){{1500, "C3 07 93 3C 40"}, {2500, "83 3C 00"}, {4000, NULL}},
             FIRST " Position_12 Program_7 Pitch_60 Velocity_63 Duration_8 | Bar"),
       "a note ends with its bar");
    ok(makes(bars_at(120),
             (event[]){{1980, "90 3C 40"}, {2250, "80 3C 00"}, {4000, NULL}},
             FIRST " | Bar Position_0 Program_0 Pitch_60 Velocity_63 Duration_4"),
       "one that is a little early belongs to the next bar");
    ok(makes(bars_at(120),
             (event[]){
                 {0, "90 3C 40"}, {500, "90 3C 40"}, {750, "80 3C 00"}, {2000, NULL}},
             FIRST " Program_0 Pitch_60 Velocity_63 Duration_8 Position_4 Pitch_60 "
                   "Velocity_63 Duration_4"),
       "where a note-off is lost the next of the pitch ends it");
    ok(makes(bars_at(120),
             (event[]){{0, "FE 90 3C 40"}, {300, "FE"}, {1900, "FE"}, {2000, NULL}},
             FIRST " Program_0 Pitch_60 Velocity_63 Duration_10"),
       "where active sensing ceases notes end");
    ok(makes(bars_at(120), (event[]){{0, "90 3C 40"}, {1000, "B0 7B 00"}, {2000, NULL}},
             FIRST " Program_0 Pitch_60 Velocity_63 Duration_16"),
       "all notes off is for all");
    ok(makes(bars_at(120),
             (event[]){{0, "C0 05 90 3C 40 80 3C 00"},
                       {2000, "90 3C 40 80 3C 00"},
                       {4000, "C0 06 90 3C 40 80 3C 00"},
                       {6000, NULL}},
             FIRST
             " Program_5 Pitch_60 Velocity_63 Duration_1 | Bar Position_0 Pitch_60 "
             "Velocity_63 Duration_1 | Bar Position_0 Program_6 Pitch_60 "
             "Velocity_63 Duration_1"),
       "programs are said where they change, over bars");
    bl_live_in_wish waltz = bars_at(60);
    waltz.meter = (bl_meter){.num = 3, .den_log2 = 2};
    ok(makes(waltz, (event[]){{3000, "90 3C 40"}, {4000, "80 3C 00"}, {6000, NULL}},
             "Bar TimeSig_3/4 Position_0 Tempo_60 | Bar Position_0 Program_0 Pitch_60 "
             "Velocity_63 Duration_8"),
       "tempo and meter are what is wished for");
}

/* 24 pulses a quarter of 400 ms, a start at 1000 ms, one hit on each beat. */
static void test_clock(void)
{
    event events[300] = {{0, "90 3C 40"}, {1000, "FA"}};
    size_t n = 2;
    for (int pulse = 0; pulse <= 192; pulse++) {
        events[n++] = (event){1000 + pulse * 400 / 24, "F8"};
        if (pulse == 24)
            events[n++] = (event){1000 + pulse * 400 / 24 + 3, "99 26 40 F8 89 26 40"};
    }
    events[n - 1].bytes = "F8 FC";
    events[n] = (event){9000, NULL};
    /* the pulse beside the hit is one too many: what follows is a pulse earlier */
    bl_live_in_wish wish = bars_at(90);
    wish.follows = 1;
    ok(makes(wish, events,
             "Bar TimeSig_4/4 Position_0 Tempo_152 Position_4 PitchDrum_38 Velocity_63 "
             "Duration_1 | Bar Position_0 Tempo_150"),
       "bars follow a clock of others, and have its tempo");
}

/* What a sequencer sends, 24 pulses a quarter of 400 ms. */
typedef struct {
    event event[800];
    size_t n;
    int n_pulses;   /* so far: when it is */
    int64_t pauses; /* ms */
} sequencer;

static void sends(sequencer *s, const char *bytes)
{
    s->event[s->n++] = (event){s->pauses + s->n_pulses * 400 / 24, bytes};
    s->event[s->n] = (event){s->event[s->n - 1].ms, NULL};
}

static void pulses(sequencer *s, int n)
{
    for (int i = 0; i < n; i++) {
        sends(s, "F8");
        s->n_pulses++;
    }
    s->event[s->n] = (event){s->pauses + s->n_pulses * 400 / 24, NULL};
}

#define HIT "99 26 40 89 26 40"
#define IS_HIT "PitchDrum_38 Velocity_63 Duration_1"

static void test_places(void)
{
    bl_live_in_wish wish = bars_at(150);
    wish.follows = 1;
#define AT_150 "Bar TimeSig_4/4 Position_0 Tempo_150"
    sequencer a = {.n = 0};
    sends(&a, "F2 08 00 FB"); /* eight sixteenths */
    pulses(&a, 1);
    sends(&a, HIT);
    pulses(&a, 48);
    sends(&a, HIT);
    pulses(&a, 96);
    ok(makes(wish, a.event, AT_150 " Position_8 " IS_HIT " | Bar Position_0 " IS_HIT),
       "a continue that is the first begins where the pointer says, in its bar");
    sequencer b = {.n = 0};
    pulses(&b, 30); /* of nobody knows which bar */
    sends(&b, HIT " FB");
    pulses(&b, 1);
    sends(&b, HIT);
    pulses(&b, 96);
    ok(makes(wish, b.event, AT_150 " " IS_HIT), "without a pointer at beat 1");
    sequencer c = {.n = 0};
    sends(&c, "FA FC FA");
    pulses(&c, 1);
    sends(&c, HIT);
    pulses(&c, 96);
    ok(makes(wish, c.event, AT_150 " " IS_HIT),
       "of two starts without a pulse between the second is the first");
    sequencer d = {.n = 0};
    sends(&d, "FA");
    pulses(&d, 49);
    sends(&d, "FC");
    d.pauses = 30000;
    sends(&d, "F2 08 00 F2 09 00 F2 08 00 FB"); /* where it is: the last one holds */
    sends(&d, HIT);
    pulses(&d, 241);
    ok(makes(wish, d.event, AT_150 " Position_8 " IS_HIT " | Bar | Bar"),
       "a continue goes on in its bar, and a pause is no tempo");
    sequencer e = {.n = 0};
    sends(&e, "FA");
    pulses(&e, 97 + 24);
    sends(&e, "FC F2 04 00 FB"); /* beat 2 of bar 1 again */
    pulses(&e, 1);
    sends(&e, HIT);
    pulses(&e, 72 + 96);
    ok(makes(wish, e.event, AT_150 " | Bar | Bar Position_4 " IS_HIT " | Bar"),
       "back to another bar it goes on in the next one, at its place");
    sequencer f = {.n = 0};
    sends(&f, "FA");
    pulses(&f, 25);
    sends(&f, "FC F2 0C 00 FB"); /* beat 4 */
    pulses(&f, 1);
    sends(&f, HIT);
    pulses(&f, 24);
    ok(makes(wish, f.event, AT_150 " Position_12 " IS_HIT),
       "ahead in its bar it goes on there");
    sequencer g = {.n = 0};
    sends(&g, "FA");
    pulses(&g, 25);
    sends(&g, "F2 00 04 FB " HIT); /* of one that plays */
    pulses(&g, 72);
    ok(makes(wish, g.event, AT_150 " Position_4 " IS_HIT),
       "a pointer and a continue of one that plays change nothing");
    sequencer h = {.n = 0};
    sends(&h, "FA");
    for (int i = 0; i < 8; i++) {
        pulses(&h, 12);
        sends(&h, "FC FB"); /* where the next one is due */
    }
    pulses(&h, 1);
    sends(&h, HIT);
    pulses(&h, 96);
    ok(makes(wish, h.event, AT_150 " | Bar Position_0 " IS_HIT),
       "a pulse that a stop has kept back comes behind the continue, and counts once");
    sequencer i = {.n = 0};
    sends(&i, "FA");
    pulses(&i, 48);
    i.pauses = 60000; /* and no stop */
    pulses(&i, 49);
    sends(&i, HIT);
    pulses(&i, 96);
    ok(makes(wish, i.event, AT_150 " | Bar Position_0 " IS_HIT),
       "nor is a pause that nobody said");
}

/* ---- loops ---- */

/* Windows of the stream as text: bar, then step.voice=velocity of each hit. */
static int loops(bl_live_in_wish wish, const event *events, const char *want)
{
    bl_err e = BL_ERR_INIT;
    bl_zr *zr;
    bl_rowsr *r;
    bl_rows_piece p = {0};
    char made[2048] = "";
    int fd = temp_fd(), rc;
    strcpy(wish.spec.scheme, "groove");
    hear(&wish, events, fd);
    need(bl_zr_new(&zr, fd, &e), &e);
    need(bl_rowsr_new(&r, zr, "live", &e), &e);
    while ((rc = bl_rowsr_next(r, &p, &e)) > 0) {
        need(bl_groove_check(&p, 2, &e), &e);
        snprintf(made + strlen(made), sizeof made - strlen(made),
                 "%s%d:", made[0] ? " " : "", (int)p.rows.bar[0]);
        for (int s = 0; s < 32; s++)
            for (int v = 0; v < 9; v++)
                if (p.rows.x[s * 27 + v] > 0)
                    snprintf(made + strlen(made), sizeof made - strlen(made),
                             "%d.%d=%.0f%+.0f ", s, v,
                             127. * (double)p.rows.x[s * 27 + 9 + v],
                             100. * (double)p.rows.x[s * 27 + 18 + v]);
    }
    need(rc, &e);
    if (strcmp(made, want) != 0)
        printf("# %s\n", made);
    rc = strcmp(made, want) == 0;
    close(fd);
    bl_rows_piece_free(&p);
    bl_rowsr_del(r);
    return rc;
}

/* A step is 125 ms, a loop 4 s. */
static void test_loops(void)
{
    const bl_live_in_wish loop = {.tempo = 120};
    ok(loops(loop, (event[]){{0, "90 3C 40"}, {150, "90 50 50"}, {4100, NULL}},
             "0:0.3=64+0  0:0.3=64+0 1.3=80+20 "),
       "a tap of any pitch changes the loop, which is written at once");
    ok(loops(loop,
             (event[]){
                 {0, "90 3C 40"}, {4000, "90 3C 30"}, {7990, "90 3C 50"}, {9000, NULL}},
             "0:0.3=64+0  3:0.3=80-8 "),
       "a step keeps the loudest, round after round, and no change writes nothing");
    bl_live_in_wish wish = loop;
    wish.has_voices = 1;
    ok(loops(wish, (event[]){{0, "99 24 40 99 00 40"}, {250, "99 2A 40"}, {300, NULL}},
             "0:0.0=64+0  0:0.0=64+0 2.2=64+0 "),
       "with voices pitches are drums, or nothing");
    wish = loop;
    wish.forget = 2;
    ok(loops(wish,
             (event[]){{0, "90 3C 40"},
                       {1000, "90 3C 40"},
                       {4000, ""},
                       {6000, ""},
                       {7000, NULL}},
             "0:0.3=64+0  0:0.3=64+0 8.3=64+0  3:"),
       "hits are forgotten at the bar after so many bars");
    ok(loops(loop,
             (event[]){{0, "90 3C 40"}, {1000, "B0 7B 00"}, {2500, "FA"}, {3000, NULL}},
             "0:0.3=64+0  0:"),
       "all notes off clears it, once");
    wish = loop;
    wish.wait = .5;
    ok(loops(wish,
             (event[]){{0, "90 3C 40"}, {300, "90 3C 40"}, {500, ""}, {900, NULL}},
             "0:0.3=64+0 2.3=64+40 "),
       "changes of half a second are one window");
    wish = loop;
    wish.hop = 1;
    ok(loops(wish,
             (event[]){{0, "90 3C 40"},
                       {1980, "90 3C 41"},
                       {4000, ""},
                       {4500, "90 3C 42"},
                       {6000, NULL}},
             "0:0.3=64+0 16.3=65-16  1:0.3=65-16 20.3=66+0 "),
       "without a loop each bar writes the last two");
    ok(loops(wish, (event[]){{500, "90 3C 40"}, {600, NULL}}, "0:4.3=64+0 "),
       "what has begun is written at the end");
}

static void test_refused(void)
{
    bl_live_in *l;
    bl_live_in_wish bad[6];
    int n_refused = 0;
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        bad[i] = bars_at(120);
    strcpy(bad[0].spec.scheme, "performance");
    bad[1].spec.chords = 1;
    bad[2].tempo = 10;
    bad[3].meter = (bl_meter){.num = 77, .den_log2 = 7};
    strcpy(bad[4].spec.scheme, "groove");
    bad[4].meter = (bl_meter){.num = 3, .den_log2 = 2};
    bad[5].wait = 1;
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        n_refused +=
            bl_live_in_new(&l, &bad[i], 1, NULL, (bl_notices){0}, NULL) == BL_E_ARG;
    ok(n_refused == BL_COUNT(bad), "what cannot be heard bar by bar is refused");
}

int main(void)
{
    test_wire();
    test_bars();
    test_clock();
    test_places();
    test_loops();
    test_refused();
    return tap_done();
}
