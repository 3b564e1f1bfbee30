/* remi_grammar.c - the shape of a piece in "remi" as an automaton.
 *
 *     piece    = [BOS] Label* (first bar* EOS | EOS)
 *     first    = Bar TimeSig [Key] Position_0 [Chord] Tempo played* moment*
 *     bar      = Bar [TimeSig] moment*
 *     moment   = Position (Chord [Tempo] played* | Tempo played* | played+)
 *     played   = [Program] Pedal | ([Program] Pitch | PitchDrum) Velocity Duration
 *
 * with order inside: labels rise and differ in prefix; positions rise; TimeSig, Chord,
 * Tempo, Program and Pedal only where they change something, the first Chord and
 * the Key always if the scheme has them; within a moment programs rise, each with its
 * pedal first, pitches of one do not fall, drums are last. One function says what a
 * state allows; reading and masks both use it. */
#include "token/remi.h"

#include <string.h>

enum state {
    LAST,     /* kind of the last token, -1 before the first */
    METER,    /* -1 until stated */
    POSITION, /* -1 at the start of a bar */
    TEMPO,    /* -1 until stated */
    PROGRAM,  /* -1 until stated */
    RANK,  /* of what was last played at this moment: program, BL_PROGRAM_DRUMS or -1 */
    PITCH, /* of that note; 0 after a pedal */
    CHORD, /* -1 until stated */
    LABEL, /* -1 before the first */
    KEY,   /* -1 until stated */
    DOWN,  /* 128 bits, a program each: its pedal is down */
    N_STATES = DOWN + 4
};

/* Values low <= i < high of a kind are allowed, but not `except`. */
typedef struct {
    int low, high, except;
    const char *why_not; /* where the kind, or the value, is not allowed */
} span;

static const span never = {0, 0, -1, "out of place"};

_Static_assert(N_STATES <= BL_COUNT(((bl_grammar *)0)->v), "all states have a place");

void bl_remi_grammar_start(bl_grammar *g)
{
    for (int i = 0; i < DOWN; i++)
        g->v[i] = -1;
    for (int i = DOWN; i < N_STATES; i++)
        g->v[i] = 0;
}

/* 1 where an item is complete: the bar may go on or end. The head of the piece (first
 * TimeSig, first Tempo) counts as one item. */
static int is_between(const int32_t *v)
{
    switch (v[LAST]) {
    case REMI_BAR:
    case REMI_TIMESIG:
        return v[METER] >= 0 && v[TEMPO] >= 0;
    case REMI_CHORD:
        return v[TEMPO] >= 0;
    case REMI_TEMPO:
    case REMI_DURATION:
    case REMI_PEDAL:
        return 1;
    default:
        return 0;
    }
}

static int may_be_played(const int32_t *v)
{
    return v[TEMPO] >= 0 &&
           (v[LAST] == REMI_POSITION || v[LAST] == REMI_CHORD ||
            v[LAST] == REMI_TEMPO || v[LAST] == REMI_DURATION || v[LAST] == REMI_PEDAL);
}

static int is_down(const int32_t *v, int program)
{
    return (int)((uint32_t)v[DOWN + program / 32] >> program % 32 & 1);
}

static void set_down(int32_t *v, int program, int down)
{
    uint32_t bit = (uint32_t)1 << program % 32, word = (uint32_t)v[DOWN + program / 32];
    v[DOWN + program / 32] = (int32_t)(down ? word | bit : word & ~bit);
}

static span all_of(int kind, const bl_grammar *g)
{
    return (span){0, g->scheme->first[kind + 1] - g->scheme->first[kind], -1, NULL};
}

static span allowed_position(const bl_grammar *g)
{
    const int32_t *v = g->v;
    if (v[TEMPO] < 0 && v[METER] >= 0 &&
        (v[LAST] == REMI_TIMESIG || v[LAST] == REMI_BAR || v[LAST] == REMI_KEY))
        return g->scheme->spec.key && v[KEY] < 0
                   ? (span){0, 0, -1, "no key stated"}
                   : (span){0, 1, -1, "the first position is not 0"};
    if (!is_between(v))
        return never;
    int high = bl_remi_positions(v[METER], g->scheme->grid);
    return (span){v[POSITION] + 1, high, -1, "position goes back or leaves the bar"};
}

/* Where the first position comes next. */
static span allowed_key(const bl_grammar *g)
{
    const int32_t *v = g->v;
    if (v[KEY] >= 0 || v[TEMPO] >= 0 || v[METER] < 0 ||
        (v[LAST] != REMI_TIMESIG && v[LAST] != REMI_BAR))
        return never;
    return all_of(REMI_KEY, g);
}

static span allowed_program(const bl_grammar *g)
{
    const int32_t *v = g->v;
    if (!may_be_played(v))
        return never;
    return (span){v[RANK] + 1, 128, v[PROGRAM], "program out of order or repeated"};
}

static span allowed_pitch(const bl_grammar *g)
{
    const int32_t *v = g->v;
    if (v[LAST] != REMI_PROGRAM && !may_be_played(v))
        return never;
    if (v[PROGRAM] < 0)
        return (span){0, 0, -1, "no program stated"};
    if (v[RANK] == BL_PROGRAM_DRUMS)
        return (span){0, 0, -1, "melodic note after drums"};
    int low = v[RANK] == v[PROGRAM] ? v[PITCH] : 0;
    return (span){low, 128, -1, "pitches out of order"};
}

static span allowed_pedal(const bl_grammar *g)
{
    const int32_t *v = g->v;
    if (v[LAST] != REMI_PROGRAM && !may_be_played(v))
        return never;
    if (v[PROGRAM] < 0)
        return (span){0, 0, -1, "no program stated"};
    if (v[RANK] >= v[PROGRAM])
        return (span){0, 0, -1, "pedal after a note or pedal of the program"};
    if (is_down(v, v[PROGRAM]))
        return (span){REMI_RELEASED, REMI_PRESSED, -1, "pedal pressed that is down"};
    return (span){REMI_PRESSED, REMI_N_PEDALS, -1, "pedal released that is up"};
}

static span allowed_tempo(const bl_grammar *g)
{
    const int32_t *v = g->v;
    int has_chord = v[CHORD] >= 0 || !g->scheme->spec.chords;
    if (v[LAST] != REMI_CHORD && (v[LAST] != REMI_POSITION || !has_chord))
        return never;
    span s = all_of(REMI_TEMPO, g);
    s.except = v[TEMPO];
    s.why_not = "tempo does not change";
    return s;
}

static span allowed_drum(const bl_grammar *g)
{
    const int32_t *v = g->v;
    if (!may_be_played(v))
        return never;
    int low = v[RANK] == BL_PROGRAM_DRUMS ? v[PITCH] : 0;
    return (span){low, 128, -1, "drum pitches out of order"};
}

static int is_at_start(const int32_t *v)
{
    return v[LAST] == -1 || v[LAST] == REMI_BOS || v[LAST] == REMI_LABEL;
}

static span allowed(const bl_grammar *g, int kind)
{
    const int32_t *v = g->v;
    int last = v[LAST], at_start = is_at_start(v);
    span s = all_of(kind, g);
    s.why_not = never.why_not;
    switch (kind) {
    case REMI_BOS:
        return last == -1 ? s : never;
    case REMI_EOS:
    case REMI_BAR:
        return at_start || is_between(v) ? s : never;
    case REMI_TIMESIG:
        s.except = v[METER];
        s.why_not = "time signature does not change";
        return last == REMI_BAR ? s : never;
    case REMI_POSITION:
        return allowed_position(g);
    case REMI_CHORD:
        s.except = v[CHORD];
        s.why_not = "chord does not change";
        return last == REMI_POSITION ? s : never;
    case REMI_TEMPO:
        return allowed_tempo(g);
    case REMI_KEY:
        return allowed_key(g);
    case REMI_PEDAL:
        return allowed_pedal(g);
    case REMI_LABEL:
        s.why_not = "label out of order or of a prefix that was";
        if (at_start)
            s.low = bl_remi_next_label(&g->scheme->spec, v[LABEL]);
        return at_start ? s : never;
    case REMI_PROGRAM:
        return allowed_program(g);
    case REMI_PITCH:
        return allowed_pitch(g);
    case REMI_DRUM:
        return allowed_drum(g);
    case REMI_VELOCITY:
        return last == REMI_PITCH || last == REMI_DRUM ? s : never;
    case REMI_DURATION:
        return last == REMI_VELOCITY ? s : never;
    default:
        return never;
    }
}

/* What the decoder would make of the token: ignored ones leave the state as it is,
 * and a head that was left out gets its defaults. */
static int is_ignored(const int32_t *v, int kind)
{
    switch (kind) {
    case REMI_PAD:
    case REMI_MASK:
        return 1;
    case REMI_BOS:
        return v[LAST] != -1;
    case REMI_TIMESIG:
        return v[LAST] != REMI_BAR && !is_at_start(v);
    case REMI_LABEL:
        return !is_at_start(v);
    case REMI_KEY: /* the decoder takes the first wherever it stands */
        return v[METER] < 0 || v[TEMPO] >= 0 ||
               (v[LAST] != REMI_TIMESIG && v[LAST] != REMI_BAR);
    case REMI_VELOCITY:
        return v[LAST] != REMI_PITCH && v[LAST] != REMI_DRUM;
    case REMI_DURATION:
        return v[LAST] != REMI_VELOCITY;
    default:
        return v[LAST] == REMI_EOS;
    }
}

static void begin_note(int32_t *v, int rank, int pitch)
{
    v[RANK] = rank;
    v[PITCH] = pitch;
}

static void advance(bl_grammar *g, int kind, int i)
{
    int32_t *v = g->v;
    if (kind == REMI_KEY && v[KEY] < 0)
        v[KEY] = i;
    if (is_ignored(v, kind))
        return;
    if (kind > REMI_TIMESIG && kind != REMI_LABEL && v[METER] < 0)
        v[METER] = REMI_METER_4_4;
    if (kind > REMI_TEMPO && kind != REMI_CHORD && kind != REMI_KEY &&
        kind != REMI_LABEL && v[TEMPO] < 0)
        v[TEMPO] = REMI_BPM_DEFAULT - REMI_BPM_MIN;
    v[LAST] = kind;
    switch (kind) {
    case REMI_LABEL:
        v[LABEL] = i;
        break;
    case REMI_BAR:
        v[POSITION] = v[RANK] = -1;
        break;
    case REMI_TIMESIG:
        v[METER] = i;
        break;
    case REMI_POSITION:
        v[POSITION] = (int)bl_min(i, bl_remi_positions(v[METER], g->scheme->grid) - 1);
        v[RANK] = -1;
        break;
    case REMI_TEMPO:
        v[TEMPO] = i;
        break;
    case REMI_CHORD:
        v[CHORD] = i;
        break;
    case REMI_PROGRAM:
        v[PROGRAM] = i;
        break;
    case REMI_PEDAL:
        v[PROGRAM] = (int32_t)bl_max(v[PROGRAM], 0);
        set_down(v, v[PROGRAM], i != REMI_RELEASED);
        begin_note(v, v[PROGRAM], 0);
        break;
    case REMI_PITCH:
        v[PROGRAM] = (int32_t)bl_max(v[PROGRAM], 0);
        begin_note(v, v[PROGRAM], i);
        break;
    case REMI_DRUM:
        begin_note(v, BL_PROGRAM_DRUMS, i);
        break;
    default:
        break;
    }
}

const char *bl_remi_grammar_step(bl_grammar *g, unsigned id)
{
    int kind = g->scheme->kind_of[id];
    int i = (int)id - g->scheme->first[kind];
    span s = allowed(g, kind);
    int is_allowed = i >= s.low && i < s.high && i != s.except;
    advance(g, kind, i);
    return is_allowed ? NULL : s.why_not;
}

void bl_remi_grammar_mask(const bl_grammar *g, uint8_t *mask)
{
    const bl_scheme *scheme = g->scheme;
    memset(mask, 0, scheme->first[REMI_N_KINDS]);
    for (int kind = 0; kind < REMI_N_KINDS; kind++) {
        span s = allowed(g, kind);
        uint8_t *of_kind = mask + scheme->first[kind];
        /* without its option a kind has no tokens */
        s.high = (int)bl_min(s.high, scheme->first[kind + 1] - scheme->first[kind]);
        if (s.high > s.low)
            memset(of_kind + s.low, 1, (size_t)(s.high - s.low));
        if (s.except >= s.low && s.except < s.high)
            of_kind[s.except] = 0;
    }
}
