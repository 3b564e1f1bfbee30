/* late.c - see late.h. */
#include "cli/late.h"

int bl_late_sends(const bl_sounding *sounding, const bl_timed *t, int64_t lag)
{
    switch (t->byte[0] & 0xF0) {
    case 0x90:
        return lag <= BL_LATE_MOST;
    case 0x80:
        return bl_sounding_has(sounding, t->byte[0] & 15, t->byte[1]);
    default:
        return 1;
    }
}
