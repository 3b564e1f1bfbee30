/* reasons.c - the closed lists of reasons and repairs, as users see them. */
#include "midi/midi.h"

const char *bl_reject_name(bl_reject r)
{
    static const char name[BL_N_REJECTS][16] = {
        "none",     "empty",   "not-midi", "truncated",  "strict", "too-large",
        "too-long", "beats",   "too-slow", "unreadable", "lost",   "no-notes",
        "no-drums", "no-part", "meter",    "internal",
    };
    return (unsigned)r < BL_N_REJECTS ? name[r] : "unknown";
}

const char *bl_fix_name(bl_fix f)
{
    static const char name[BL_N_FIXES][16] = {
        "chunk-length", "alien-chunk", "track-count",    "no-eot",    "trailing",
        "after-eot",    "data-byte",   "bad-event",      "bad-tempo", "bad-meter",
        "bad-key",      "bad-meta",    "running-status", "wrapper",   "header",
        "smpte",        "format-2",    "pause",          "open-note", "stray-off",
    };
    return (unsigned)f < BL_N_FIXES ? name[f] : "unknown";
}
