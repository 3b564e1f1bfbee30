/* live_bars.c - see live_bars.h.
 *
 * A bar is encoded as the second of a song whose first has what came before it: meter,
 * tempo and program. So its tokens are those of the whole piece. */
#include "flow/live_bars.h"

#include <math.h>
#include <stdlib.h>

enum { DRUMS = 9, STEADY = 3 }; /* STEADY / 4 beats a minute are no change of tempo */

typedef struct {
    int64_t on, off; /* ticks after beat 1; off < 0: it sounds */
    uint8_t pitch, velocity, program, channel;
} heard;

struct bl_live_bars {
    bl_scheme *scheme;
    bl_tokw *w;
    int num, den_log2;
    int64_t bar; /* ticks of one */
    int step;    /* ticks of a position */
    heard *note; /* [n] of this bar and the next */
    size_t n, cap;
    int64_t open[16][128]; /* the note that sounds, or -1 */
    uint8_t program[16];
    size_t n_bars;        /* that are written */
    int last_program;     /* of their tokens, -1: none */
    uint32_t us, last_us; /* of a quarter, of this bar and the one before */
    bl_song song;
    bl_ids ids;
};

static void none_sounds(bl_live_bars *b)
{
    for (int c = 0; c < 16; c++)
        for (int pitch = 0; pitch < 128; pitch++)
            b->open[c][pitch] = -1;
}

static int check(const bl_live_in_wish *wish, bl_err *e)
{
    const bl_spec *spec = &wish->spec;
    if (strcmp(spec->scheme, "remi") != 0)
        return bl_fail(e, BL_E_ARG,
                       "scheme '%.31s' has no bars to be written one by one: --listen "
                       "makes remi or groove",
                       spec->scheme);
    if (spec->chords || spec->key || spec->pedal || spec->labels[0] != '\0')
        return bl_fail(
            e, BL_E_ARG,
            "chords, keys, pedals and labels want the whole piece, not --listen");
    if (wish->hop > 0 || wish->window > 0 || wish->forget > 0 || wish->wait > 0 ||
        wish->has_voices)
        return bl_fail(e, BL_E_ARG,
                       "--forget, --wait and --voices go with --scheme groove");
    if (wish->tempo < 20 || wish->tempo > 300)
        return bl_fail(e, BL_E_ARG, "scheme 'remi' has tempos from 20 to 300");
    return 0;
}

int bl_live_bars_new(bl_live_bars **bars, const bl_live_in_wish *wish, bl_err *e)
{
    *bars = NULL;
    int rc = check(wish, e);
    bl_live_bars *b = rc == 0 ? bl_calloc(1, sizeof *b, e) : NULL;
    if (b == NULL)
        return rc != 0 ? rc : BL_E_NOMEM;
    b->num = wish->meter.num > 0 ? wish->meter.num : 4;
    b->den_log2 = wish->meter.num > 0 ? wish->meter.den_log2 : 2;
    b->bar = (int64_t)b->num * ((4 * BL_LIVE_TPQ) >> b->den_log2);
    b->last_program = -1;
    none_sounds(b);
    rc = bl_scheme_open(&b->scheme, &wish->spec, e);
    if (rc == 0)
        b->step = BL_LIVE_TPQ / bl_scheme_grid(b->scheme);
    if (rc == 0 && !bl_scheme_takes_meter(b->scheme, b->num, b->den_log2))
        rc = bl_fail(e, BL_E_ARG, "--meter %d/%d: scheme 'remi' has no such bars",
                     b->num, 1 << b->den_log2);
    if (rc != 0) {
        bl_live_bars_del(b);
        return rc;
    }
    *bars = b;
    return 0;
}

int bl_live_bars_begin(bl_live_bars *b, int fd, const bl_origin *origin, int level,
                       const bl_self *self, bl_err *e)
{
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(b->scheme), .origin = *origin};
    strcpy(kind.sha256, bl_scheme_sha256(b->scheme));
    bl_json *pg = self != NULL ? bl_prov_chain(NULL, 0, self, e) : NULL;
    int rc = self != NULL && pg == NULL ? BL_E_NOMEM : 0;
    if (rc == 0)
        rc = bl_tokw_new_live(&b->w, fd, level, &kind, bl_scheme_words(b->scheme),
                              bl_scheme_lines(b->scheme), pg, e);
    if (rc == 0)
        rc = bl_tokw_begin(b->w, &(bl_piece_info){.name = "live", .sha256 = ""}, e);
    bl_json_del(pg);
    return rc;
}

/* ---- what is heard ---- */

static void end_note(bl_live_bars *b, int64_t tick, int channel, int pitch)
{
    int64_t i = b->open[channel][pitch];
    if (i >= 0)
        b->note[i].off = bl_max(tick, b->note[i].on);
    b->open[channel][pitch] = -1;
}

static int begin_note(bl_live_bars *b, int64_t tick, int channel, int pitch,
                      int velocity, bl_err *e)
{
    int rc = bl_room(&b->note, &b->cap, b->n + 1, sizeof *b->note, e);
    if (rc != 0)
        return rc;
    end_note(b, tick, channel, pitch);
    b->open[channel][pitch] = (int64_t)b->n;
    b->note[b->n++] = (heard){.on = tick,
                              .off = -1,
                              .pitch = (uint8_t)pitch,
                              .velocity = (uint8_t)velocity,
                              .program = b->program[channel],
                              .channel = (uint8_t)channel};
    return 0;
}

/* Beat 1 takes what is up to half a position early. */
static int is_too_early(const bl_live_bars *b, int64_t tick)
{
    return 2 * tick < -b->step;
}

int bl_live_bars_take(bl_live_bars *b, int64_t tick, const bl_timed *t, bl_err *e)
{
    int channel = t->byte[0] & 15, pitch = t->byte[1] & 127;
    switch (t->byte[0] & 0xF0) {
    case 0x90:
        return is_too_early(b, tick)
                   ? 0
                   : begin_note(b, bl_max(tick, 0), channel, pitch, t->byte[2], e);
    case 0x80:
        end_note(b, tick, channel, pitch);
        return 0;
    case 0xC0:
        b->program[channel] = t->byte[1] & 127;
        return 0;
    case 0xB0:
        if (pitch == 120 || pitch == 123)
            for (int p = 0; p < 128; p++)
                end_note(b, tick, channel, p);
        return 0;
    default:
        return 0;
    }
}

void bl_live_bars_all_off(bl_live_bars *b, int64_t tick)
{
    for (int c = 0; c < 16; c++)
        for (int pitch = 0; pitch < 128; pitch++)
            end_note(b, tick, c, pitch);
}

/* ---- bars ---- */

/* What the bar before left behind, as a bar of its own. */
static int add_before(bl_live_bars *b, bl_err *e)
{
    bl_note note = {.off = b->step,
                    .pitch = 60,
                    .velocity = 64,
                    .program = (uint8_t)bl_max(b->last_program, 0),
                    .drum = b->last_program < 0};
    int rc = bl_song_add_tempo(&b->song, 0, b->last_us, e);
    return rc == 0 ? bl_song_add_note(&b->song, note, e) : rc;
}

/* The position of a note in the bar that begins at `start`, as the encoder has it. */
static int64_t position_of(const bl_live_bars *b, const heard *n, int64_t start)
{
    return (2 * (n->on - start) + b->step) / (2 * b->step);
}

/* Notes of the bar to the song, `at` its beginning there; those of the next stay. */
static int take_notes(bl_live_bars *b, int64_t start, int64_t at, bl_err *e)
{
    int64_t end = start + b->bar, n_positions = (b->bar + b->step - 1) / b->step;
    int64_t last = -1;
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        heard *n = &b->note[i];
        int64_t position = position_of(b, n, start);
        if (position >= n_positions) {
            n->on = bl_max(n->on, end);
            if (n->off < 0)
                b->open[n->channel][n->pitch] = (int64_t)kept;
            b->note[kept++] = *n;
            continue;
        }
        if (n->off < 0) /* it sounds on, but its bar does not */
            b->open[n->channel][n->pitch] = -1;
        int64_t off = n->off < 0 ? end : bl_clamp(n->off, n->on, end);
        int is_drum = n->channel == DRUMS;
        rc = bl_song_add_note(&b->song,
                              (bl_note){.on = (int32_t)(at + n->on - start),
                                        .off = (int32_t)(at + off - start),
                                        .pitch = n->pitch,
                                        .velocity = n->velocity,
                                        .program = n->program,
                                        .drum = (uint8_t)is_drum,
                                        .channel = n->channel},
                              e);
        if (!is_drum)
            last = bl_max(last, position << 8 | n->program);
    }
    b->n = kept;
    b->last_program = last >= 0 ? (int)(last & 127) : b->last_program;
    return rc;
}

/* Tokens from the last Bar on. */
static int write_last(bl_live_bars *b, bl_err *e)
{
    size_t from = b->ids.n;
    while (from > 0 && !bl_scheme_begins_bar(b->scheme, b->ids.id[from - 1]))
        from--;
    from -= from > 0;
    b->n_bars++;
    return bl_tokw_lines(b->w, b->ids.id + from, b->ids.n - from, e);
}

static int write_bar(bl_live_bars *b, bl_err *e)
{
    int64_t start = (int64_t)b->n_bars * b->bar, at = b->n_bars > 0 ? b->bar : 0;
    size_t bars = 0;
    bl_song_clear(&b->song);
    b->song.tpq = BL_LIVE_TPQ;
    b->song.end = (int32_t)(at + b->bar);
    b->ids.n = 0;
    int rc = bl_song_add_meter(&b->song, 0, b->num, b->den_log2, e);
    if (rc == 0 && at > 0)
        rc = add_before(b, e);
    if (rc == 0)
        rc = bl_song_add_tempo(&b->song, (int32_t)at, b->us, e);
    if (rc == 0)
        rc = take_notes(b, start, at, e);
    if (rc == 0)
        rc = bl_song_sort(&b->song, e);
    if (rc == 0)
        rc = bl_scheme_encode(b->scheme, &b->song, &b->ids, &bars, NULL, e);
    b->last_us = b->us;
    return rc == 0 ? write_last(b, e) : rc;
}

/* A clock that wavers has one tempo. */
static void set_tempo(bl_live_bars *b, double tempo)
{
    double now = b->us > 0 ? 6e7 / b->us : 0;
    if (fabs(tempo - now) > STEADY / 4.)
        b->us = (uint32_t)bl_clamp(llround(6e7 / tempo), 1, 60000000);
}

int bl_live_bars_pass(bl_live_bars *b, int64_t tick, double tempo, bl_err *e)
{
    int rc = 0;
    while (rc == 0 && tick >= ((int64_t)b->n_bars + 1) * b->bar) {
        set_tempo(b, tempo);
        rc = write_bar(b, e);
    }
    return rc;
}

/* The bar at hand is written where there is music in it. */
int bl_live_bars_finish(bl_live_bars *b, int64_t tick, double tempo, bl_err *e)
{
    int rc = bl_live_bars_pass(b, tick, tempo, e);
    bl_live_bars_all_off(b, tick);
    while (rc == 0 && b->n > 0) {
        set_tempo(b, tempo);
        rc = write_bar(b, e);
    }
    if (rc == 0)
        rc = bl_tokw_end(b->w, b->n_bars, e);
    return rc == 0 ? bl_tokw_finish(b->w, 0, e) : rc;
}

void bl_live_bars_del(bl_live_bars *b)
{
    if (b == NULL)
        return;
    bl_tokw_del(b->w);
    bl_scheme_del(b->scheme);
    free(b->note);
    bl_song_free(&b->song);
    bl_ids_free(&b->ids);
    free(b);
}
