/* voices.h - which notes of a song are its melody and which its bass: by the names of
 * tracks where these tell, else by the rule of schemas/remi-scheme.md, section 9. */
#ifndef BL_VOICES_H
#define BL_VOICES_H

#include "base/song.h"

typedef enum { BL_ROLE_OTHER, BL_ROLE_MELODY, BL_ROLE_BASS } bl_role;

/* role[i] = the bl_role of note i of a sorted song, n_notes of them; drums have none.
 * 0 or BL_E_NOMEM; n log n. */
int bl_voices_roles(uint8_t *role, const bl_song *song, bl_err *e) BL_MUST_CHECK;

/* The name of a track without the blanks around it, to *len bytes; "" if it has none.
 * It is not NUL-terminated there. */
const char *bl_voices_name(const bl_song *song, unsigned track, size_t *len);

#endif
