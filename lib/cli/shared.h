/* shared.h (tools) - the rows of options that several tools have: name, values, bounds,
 * help and place in the provenance are the same everywhere. What a value means is said
 * once, too: opt.h for their types.
 *
 * `when` is "", or a tool's condition in front of the help: "with --raw: ". */
#ifndef BL_SHARED_H
#define BL_SHARED_H

#include "cli/opt.h"

/* int: 1 where it is given. */
#define BL_FLAG(name, value, help)                                                     \
    {                                                                                  \
        0, name, BL_OPT_FLAG, value, NULL, 0, 0, help, 0                               \
    }

/* const char *, int64_t, double. */
#define BL_TEXT(name, value, arg, help, shapes_output)                                 \
    {                                                                                  \
        0, name, BL_OPT_STR, value, arg, 0, 0, help, shapes_output                     \
    }
#define BL_INT(name, value, low, high, help, shapes_output)                            \
    {                                                                                  \
        0, name, BL_OPT_INT, value, "N", low, high, help, shapes_output                \
    }
#define BL_REAL(name, value, arg, low, high, help, shapes_output)                      \
    {                                                                                  \
        0, name, BL_OPT_REAL, value, arg, low, high, help, shapes_output               \
    }

/* unsigned: the bit is set where it is given. */
#define BL_BIT(name, value, bit, help, shapes_output)                                  \
    {                                                                                  \
        0, name, BL_OPT_BIT, value, NULL, bit, 0, help, shapes_output                  \
    }

/* int: a bl_pair (base/song.h); BL_PAIR_OWN where the scheme decides. */
#define BL_ROW_PAIR(value)                                                             \
    {                                                                                  \
        0, "pair", BL_OPT_CHOICE, value, BL_PAIR_WORDS, 0, 0,                          \
            "what note-offs end: overlap, fifo (the oldest), all", 1                   \
    }

/* bl_meter: of all bars; num 0: as the files or tokens say. */
#define BL_ROW_METER(value)                                                            \
    {                                                                                  \
        0, "meter", BL_OPT_METER, value, "N/D", 0, 0,                                  \
            "all bars have this time signature, whatever the pieces say", 1            \
    }

/* int64_t, of bl_spec: 0 = the scheme's own. */
#define BL_ROW_GRID(value, when)                                                       \
    {                                                                                  \
        0, "grid", BL_OPT_INT, value, "N", 0, 1000,                                    \
            when "resolution of time, 0 = the scheme's own", 1                         \
    }

/* int64_t: 0 = BL_ZIO_LEVEL for what is kept, 1 for what is soon read. */
#define BL_ROW_LEVEL(value)                                                            \
    {                                                                                  \
        0, "level", BL_OPT_INT, value, "N", 0, 19,                                     \
            "compression level, 0 = 5 in files and 1 in pipes", 0                      \
    }

/* bl_opt_share: BL_EXIT_DATA in the end where bl_opt_exceeds. */
#define BL_ROW_MAX_REJECT(value)                                                       \
    {                                                                                  \
        0, "max-reject", BL_OPT_SHARE, value, "N|P%", 0, 0,                            \
            "fail at the end if more MIDI files gave no piece", 0                      \
    }

#endif
