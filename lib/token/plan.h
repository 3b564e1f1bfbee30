/* plan.h - what of a piece in "remi" is settled before it is drawn: labels, the tempo,
 * the meter, the key, who plays and how often, the chord of each bar. A plan narrows
 * what the grammar allows, token by token, so that the model fills in the rest. */
#ifndef BL_PLAN_H
#define BL_PLAN_H

#include "token/scheme.h"

/* Zero-initialised it settles nothing. Release with bl_plan_free. */
typedef struct {
    const bl_scheme *scheme; /* NULL: nothing is settled */
    bl_ids labels;           /* that a piece begins with */
    bl_ids chords;           /* one a bar, again from the first when all are used */
    int of_c;                /* they are degrees, to be taken as if of C */
    bl_ids key;              /* one or none */
    bl_ids tempo;            /* one or none */
    bl_ids meter;            /* one or none */
    uint32_t programs[4];    /* bits of those that may play, where has_programs */
    int has_programs, has_drums;
    unsigned scale;       /* pitch classes that may sound, bit 0 = C; 0: any */
    double density;       /* see bl_plan_density; 0: as it comes */
    const int32_t *known; /* [words] -1: a token that is never drawn */
    int has_sense;        /* see bl_plan_sense */
    int leaves_pickups;   /* likewise */
} bl_plan;

/* `scheme` must outlive the plan. BL_E_ARG where it is not "remi", has no such tokens,
 * or the text is not understood; BL_E_NOMEM. */
int bl_plan_tempo(bl_plan *p, const bl_scheme *scheme, int bpm,
                  bl_err *e) BL_MUST_CHECK;
int bl_plan_meter(bl_plan *p, const bl_scheme *scheme, int num, int den_log2,
                  bl_err *e) BL_MUST_CHECK;
/* Who may play, words of base/instruments.h between commas: "piano,32-39,drums". */
int bl_plan_programs(bl_plan *p, const bl_scheme *scheme, const char *text,
                     bl_err *e) BL_MUST_CHECK;
/* 1 if the token states an instrument that is named so. */
int bl_plan_names(const bl_plan *p, unsigned id);
/* Chord symbols ("C", "F#m7", "Bbmaj7", "Am7b5", "N") or names of the scheme ("A:min"),
 * between blanks, commas or bar lines; "Am:2" is two bars. Where the scheme has keys,
 * they settle the key, which is found in them. Where its chords are degrees, instead
 * all may be degrees ("I", "vi", "bVII7", "N"), of whatever key. */
int bl_plan_chords(bl_plan *p, const bl_scheme *scheme, const char *text,
                   bl_err *e) BL_MUST_CHECK;
/* The token of the i-th chord in a key of that tonic, a pitch class; 0 where none is.
 */
unsigned bl_plan_chord(const bl_plan *p, size_t i, int tonic);
int bl_plan_tonic(const bl_plan *p); /* of the key that is settled; 0 */
/* The key, "C", "F#m", "Bb major": the token of a scheme that has such. In others it is
 * a scale: melodic notes of the key and of the chord in force, of chords that are not
 * settled those of the key alone. Of minor keys, both the seventh above the tonic and
 * the leading note are theirs. */
int bl_plan_key(bl_plan *p, const bl_scheme *scheme, const char *text,
                bl_err *e) BL_MUST_CHECK;
/* 1 if the token is a pitch or chord that the scale leaves. */
int bl_plan_in_scale(const bl_plan *p, unsigned id);
/* In so many moments a quarter note something begins, whatever plays: in each new bar
 * their number to the nearest, at least 1, give or take a quarter of it, as far as the
 * bar has positions. `known` must outlive the plan. */
int bl_plan_density(bl_plan *p, const bl_scheme *scheme, double density,
                    const int32_t *known, bl_err *e) BL_MUST_CHECK;
/* What no piece wants, though the grammar has it, for data does: a note that its
 * program has just struck at the same moment; and with leaves_pickups a meter of one
 * beat that goes on after a bar, which is a pickup. Of other schemes than "remi"
 * nothing is wanted. */
void bl_plan_sense(bl_plan *p, const bl_scheme *scheme, int leaves_pickups);
/* Words of the scheme, "Composer_Bach", between commas. */
int bl_plan_labels(bl_plan *p, const bl_scheme *scheme, const char *text,
                   bl_err *e) BL_MUST_CHECK;
void bl_plan_free(bl_plan *p);

/* What another piece has in its bars: the meter, and the tempo that it begins with;
 * ids, -1 = none was stated yet. Zero-initialise; release with bl_plan_course_free. */
typedef struct {
    int32_t meter, tempo;
} bl_plan_bar;

typedef struct {
    bl_plan_bar *bar; /* [n] */
    size_t n, cap;
    int has_moved; /* 1: behind the beginning of the last bar */
} bl_plan_course;

/* Reads more of the piece, whole tokens in any parts. Of other schemes than "remi"
 * nothing is kept. 0 or BL_E_NOMEM. */
int bl_plan_course_read(bl_plan_course *c, const bl_scheme *scheme, const uint16_t *ids,
                        size_t n, bl_err *e) BL_MUST_CHECK;
void bl_plan_course_free(bl_plan_course *c);

/* Where a piece is. Copy it to try a token. */
typedef struct {
    /* borrowed, or NULL: bar by bar what meter and tempo are to be where the plan has
     * none; behind its last bar as there */
    const bl_plan_course *course;
    bl_plan_bar asked;            /* of it, in this bar */
    size_t n_labels, n_bars;      /* drawn */
    size_t n_all_bars;            /* with those given */
    int32_t chord, tempo, meter;  /* ids in force, -1 = none yet */
    int tonic;                    /* of the key, 0 until it is stated */
    int32_t chord_due;            /* id that this bar begins with, -1 = none */
    int32_t tempo_due, meter_due; /* ids, -1 = none */
    int is_pickup;                /* this bar has one beat, and the next one more */
    int leaves_pickup;            /* this bar must state a longer meter */
    int program;                  /* in force, -1 = none yet */
    int is_counted;               /* this bar is drawn, and a density settled */
    int n_moments;                /* of this bar, in which a note has begun */
    int least, most;              /* of them that it is to have */
    int latest;      /* position where the next may be, that there be the least */
    int position;    /* -1: before the first */
    int rank, pitch; /* last struck at this moment: program or BL_PROGRAM_DRUMS; -1 */
} bl_plan_at;

void bl_plan_start(bl_plan_at *at);
/* Reads a token that was drawn, or one that was `given`, which is not of the plan. */
void bl_plan_step(const bl_plan *p, bl_plan_at *at, unsigned id, int given);
/* 1 if the plan has nothing against a token that the grammar allows. */
int bl_plan_allows(const bl_plan *p, const bl_plan_at *at, unsigned id);

#endif
