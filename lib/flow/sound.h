/* sound.h - pieces as sound, by FluidSynth. */
#ifndef BL_SOUND_H
#define BL_SOUND_H

#include "base/mem.h"
#include "flow/output.h"
#include "base/progress.h"

/* All borrowed. */
typedef struct {
    const char *font; /* a sound font; NULL or empty: the first that the system has */
    const char *temp; /* a template for mkdtemp */
    char *const *env; /* of the player, as of execve */
    const bl_progress *progress; /* or NULL */
    const bl_guards *guards;     /* or NULL */
    int is_mute;                 /* there is no font, and that was said */
} bl_player;

/* The MIDI file as Ogg Vorbis in *ogg (emptied first); the same file is the same bytes.
 * Without FluidSynth or a sound font a warning and nothing. 0; BL_E_CREATE, BL_E_IO,
 * BL_E_NOMEM. */
int bl_play(bl_player *p, const bl_buf *midi, bl_buf *ogg, bl_err *e) BL_MUST_CHECK;

#endif
