/* intake_impl.h (internal) - what the files of an intake share. Workers measure, in the
 * order of the input the results are taken. */
#ifndef BL_INTAKE_IMPL_H
#define BL_INTAKE_IMPL_H

#include "flow/intake.h"
#include "flow/groove_songs.h"
#include "flow/rejects.h"
#include "io/tokens.h"
#include "io/walk.h"
#include "io/zio.h"
#include "midi/midi.h"
#include "token/scheme.h"

enum { BL_INTAKE_SNIFF = 8 }; /* bytes that tell what an input is */

struct bl_intake {
    const bl_intake_wish *wish;
    const bl_progress *progress;
    bl_rejects rejects;
    char group[BL_ROW_GROUP_MAX]; /* of the piece that is taken */
    bl_view_input input;          /* what is measured now; meter and track stay */

    /* memory from piece to piece */
    bl_view view;
    bl_row row;
    bl_song song, closed;
    bl_events events;
    bl_piece piece;
    bl_buf bytes, packed;
    bl_zw *packer; /* of ids, into `packed` */
};

/* Where the results of a reading go. */
typedef struct {
    bl_intake_set *set;
    bl_intake_take_fn *take;
    void *arg;
} bl_intake_taker;

/* ---- one piece: what a worker delivers, and what becomes of it ---- */

/* The next piece to be measured is in->song; tokens, if any, are set after it. */
void bl_intake_begin_input(bl_intake *in);
/* Appends the row of that piece to *out. */
int bl_intake_measure_song(bl_intake *in, const char *name, bl_buf *out,
                           bl_err *e) BL_MUST_CHECK;
/* The same of in->piece. */
int bl_intake_measure_tokens(bl_intake *in, const bl_scheme *scheme, bl_buf *out,
                             bl_err *e) BL_MUST_CHECK;
/* The same of a MIDI file: what cannot be used as such is a reject, no error. in->bytes
 * may hold the beginning already; fd < 0 where opening failed for the reason `why`. */
int bl_intake_read_midi(bl_intake *in, int fd, const char *name, bl_err why,
                        bl_buf *out, bl_err *e) BL_MUST_CHECK;
/* That there is no further piece; pg NULL: nothing is said of who made it. */
int bl_intake_pack_end(const bl_json *pg, bl_buf *out, bl_err *e) BL_MUST_CHECK;

/* One result of a worker; 1 after the last of a stream. */
int bl_intake_take(bl_intake *in, const bl_intake_taker *to, const char *path,
                   const bl_buf *result, bl_err *e) BL_MUST_CHECK;
int bl_intake_reject(bl_intake *in, bl_intake_set *set, const char *path,
                     bl_reject reject, const bl_err *why, bl_err *e) BL_MUST_CHECK;

/* ---- streams ---- */

typedef struct {
    bl_intake *in;
    const char *path;
    int fd;    /* open, or -1: to be opened by each worker for itself */
    bl_zr *zr; /* of fd, where that was begun; else NULL */
    bl_tokr *reader;
    bl_scheme *scheme;
    size_t next; /* piece */
    int is_over;
} bl_intake_stream;

/* Sets reader and scheme, which are the caller's, also after an error. */
int bl_intake_open_stream(bl_intake_stream *s, bl_err *e) BL_MUST_CHECK;
/* Measures a stream of tokens; zr is taken. */
int bl_intake_read_stream(bl_intake *in, const bl_intake_taker *to, int fd, bl_zr *zr,
                          const char *path, bl_err *e) BL_MUST_CHECK;
/* The same of grooves. */
int bl_intake_read_grooves(bl_intake *in, const bl_intake_taker *to, bl_zr *zr,
                           const char *path, bl_err *e) BL_MUST_CHECK;

/* ---- inputs ---- */

/* The files of n operands. */
int bl_intake_find_paths(bl_paths *paths, const char *const *operands, size_t n,
                         bl_err *e) BL_MUST_CHECK;
/* Whether in->bytes are those of a MIDI file. */
int bl_intake_has_midi(const bl_intake *in);

#endif
