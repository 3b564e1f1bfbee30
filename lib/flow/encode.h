/* encode.h - one MIDI file to one piece, and why it gave none: packed for a stream of
 * tokens or of grooves, the task of a worker of convert.c, or as ids for a model. */
#ifndef BL_ENCODE_H
#define BL_ENCODE_H

#include "io/tokens.h"
#include "midi/midi.h"
#include "token/label_table.h"
#include "token/hvo.h"
#include "token/parts.h"
#include "token/scheme.h"

/* How files are read; what is pointed at must outlive the encoder. */
typedef struct {
    const bl_scheme *scheme; /* NULL: drums in windows of the frame, without tokens */
    bl_hvo_frame frame;
    bl_reading reading;
    int meter_num, meter_den_log2; /* of all bars; num 0: as the files say */
    const char *beats; /* pattern (io/pattern.h) of annotations of beats, or NULL */
    const bl_label_table *labels; /* or NULL */
    const bl_parts *parts;        /* only these, or all but these; NULL: all */
    int drop_parts;
    int trim;       /* pieces end with the bar of their last note */
    int strict;     /* music lost is a reject */
    int keep_empty; /* no note is none */
    int level;      /* of compression, 0 = bare */
} bl_encoding;

/* What became of a file. Plain bytes: it goes through pipes. */
typedef struct {
    bl_reject reject;
    bl_err why; /* it was rejected */
    size_t n_notes, n_tokens;
    size_t n_windows, n_hits, n_collided, n_unmapped; /* of grooves: token/hvo.h */
    int is_unlabelled; /* the table of labels does not name it */
    uint32_t lost;     /* places where music was lost, or may have been */
    bl_fix lost_fix;   /* of the first */
    int64_t lost_offset;
} bl_encoded;

typedef struct bl_encoder bl_encoder;

int bl_encoder_new(bl_encoder **enc, const bl_encoding *how, bl_err *e) BL_MUST_CHECK;
/* Sets *o, and where it is no reject appends the packed piece of index i to *piece. The
 * file's failures are rejects; negative is only what is no fault of it: BL_E_NOMEM. */
int bl_encode_file(bl_encoder *enc, const char *path, uint64_t i, bl_encoded *o,
                   bl_buf *piece, bl_err *e) BL_MUST_CHECK;
/* The bytes of such a file to a piece of the scheme, which is no groove: the same
 * tokens under the same name, but no labels of a table. BL_E_FORMAT and what else makes
 * a file a reject, as the message of bl_encoded says it. */
int bl_encode_piece(const bl_encoding *how, const bl_buf *bytes, const char *path,
                    bl_piece *piece, bl_err *e) BL_MUST_CHECK;
void bl_encoder_del(bl_encoder *enc);

#endif
