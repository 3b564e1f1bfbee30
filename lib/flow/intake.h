/* intake.h - the pieces that operands hold, MIDI files, streams of tokens and of
 * grooves, and folders of them: measured by a crew, or given one by one as songs. */
#ifndef BL_INTAKE_H
#define BL_INTAKE_H

#include "feature/field.h"
#include "base/hands.h"
#include "base/progress.h"
#include "io/prov.h"

/* How pieces are read. */
typedef struct {
    const bl_layout *layout; /* what is measured; not needed by bl_intake_show */
    bl_reading reading;      /* of MIDI files */
    bl_meter meter;          /* of all bars; num 0: as the pieces say */
    int track;               /* that mgeval looks at */
    const bl_hands *hands;   /* of those who measure, or NULL */
} bl_intake_wish;

/* What was read of a set of pieces. Zero-initialise; release with bl_intake_set_free.
 */
typedef struct {
    uint64_t n; /* pieces */
    uint64_t midi_files, rejects;
    bl_prov *prov; /* of the streams; NULL before the first that has one */
} bl_intake_set;

typedef struct bl_intake bl_intake;

/* Wish and progress (may be NULL) must outlive it. Release with bl_intake_del. */
int bl_intake_new(bl_intake **in, const bl_intake_wish *wish,
                  const bl_progress *progress, bl_err *e) BL_MUST_CHECK;

/* Takes a piece, whatever its name; the row is the intake's. 0 or a negative code,
 * which ends the reading. */
typedef int bl_intake_take_fn(void *arg, const char *name, const bl_row *row,
                              bl_err *e);

/* Measures all pieces of n operands ("-" or n == 0: standard input), adds to *set and
 * gives the rows in the order of the input, whoever measures. A MIDI file that
 * cannot be used is a reject, which is said, no error. BL_E_OPEN; BL_E_FORMAT for an
 * input of another kind; errors of bl_tokr_next. */
int bl_intake_measure(bl_intake *in, const char *const *operands, size_t n,
                      bl_intake_set *set, bl_intake_take_fn *take, void *arg,
                      bl_err *e) BL_MUST_CHECK;

/* The label of the piece that is taken, as its stream of grooves says; "" elsewhere. */
const char *bl_intake_group(const bl_intake *in);

/* A piece to be shown. */
typedef struct {
    const char *name;
    const bl_song *song;
    const bl_buf *midi; /* its file; NULL: it came as tokens */
    bl_writing writing; /* how those are to be written then */
} bl_shown;

/* 0, 1 to end it, or a negative code. */
typedef int bl_intake_show_fn(void *arg, const bl_shown *piece, bl_err *e);

/* Reads the operands, but standard input, and shows each piece; files that cannot be
 * used are passed over. */
int bl_intake_show(bl_intake *in, const char *const *operands, size_t n,
                   bl_intake_show_fn *show, void *arg, bl_err *e) BL_MUST_CHECK;

void bl_intake_del(bl_intake *in);
void bl_intake_set_free(bl_intake_set *set);

#endif
