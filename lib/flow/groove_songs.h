/* groove_songs.h - a stream of grooves as songs, one a piece. */
#ifndef BL_GROOVE_SONGS_H
#define BL_GROOVE_SONGS_H

#include "flow/grooves.h"
#include "flow/row_sets.h"

/* Zero-initialise; release with bl_groove_songs_free. */
typedef struct {
    char *name;                   /* of the song that was given last */
    char group[BL_ROW_GROUP_MAX]; /* of its labels, bl_row_group */
    bl_rowsr *reader;
    bl_rows_piece record; /* behind it, where `more` is above 0 */
    int bars, more;
    bl_hvo_decoder decoder;
} bl_groove_songs;

/* The reader zr is the stream's, also on failure; `name` is for messages. BL_E_FORMAT
 * for a stream of something else; what reading gives. */
int bl_groove_songs_begin(bl_groove_songs *g, bl_zr *zr, const char *name,
                          bl_err *e) BL_MUST_CHECK;
/* The next piece into *song: 1, or 0 after the last. As bl_rowsr_next and
 * bl_groove_check. */
int bl_groove_songs_next(bl_groove_songs *g, bl_song *song, bl_err *e) BL_MUST_CHECK;
void bl_groove_songs_free(bl_groove_songs *g);

#endif
