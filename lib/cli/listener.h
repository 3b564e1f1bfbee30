/* listener.h (tools) - bytes from standard input, as they come, to who hears them. */
#ifndef BL_LISTENER_H
#define BL_LISTENER_H

#include "base/timed.h"
#include "cli/log.h"

/* Reads until the end, or SIGINT, SIGTERM or SIGHUP: 0. The times are of the monotonic
 * clock, beat 1 `lead` nanoseconds from now; or, where the input begins with
 * BL_TIMED_HEADING, those of its lines, which BL_E_FORMAT is for. BL_E_IO where the
 * wire is cut. What was heard before an error is finished. */
int bl_listen(const bl_timed_ear *ear, int64_t lead, double tempo, bl_log *log,
              bl_err *e) BL_MUST_CHECK;

#endif
