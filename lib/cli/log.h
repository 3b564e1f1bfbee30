/* log.h (tools) - what a tool says on standard error: messages, and a progress line
 * that is drawn on a terminal only, at most six times a second. */
#ifndef BL_LOG_H
#define BL_LOG_H

#include "base/err.h"
#include "base/progress.h"
#include "base/notice.h"
#include "cli/opt.h"

typedef struct bl_log bl_log;

/* `tool` begins every line. Release with bl_log_del (erases the progress line). */
bl_log *bl_log_new(const char *tool, const bl_opt_common *common);
void bl_log_del(bl_log *l);

/* "tool: 'file': byte 3: cause". What failed to be written and has no name is the
 * output.
 */
void bl_log_error(bl_log *l, const bl_err *e);
void bl_log_say(bl_log *l, const char *fmt, ...) BL_PRINTF(2, 3);  /* errors: always */
void bl_log_warn(bl_log *l, const char *fmt, ...) BL_PRINTF(2, 3); /* unless -q */
/* Summaries and hints: on a terminal or with -v, never with -q. */
void bl_log_info(bl_log *l, const char *fmt, ...) BL_PRINTF(2, 3);
void bl_log_debug(bl_log *l, const char *fmt, ...) BL_PRINTF(2, 3); /* with -v */
/* The notices of a use-case, as the functions above. */
bl_notices bl_log_notices(bl_log *l);
/* How a use-case tells: what is done, how fast, what is left, and its notices. */
bl_progress bl_log_progress_of(bl_log *l);
/* Nothing is said until it is let speak again: another process of a group does. */
void bl_log_hush(bl_log *l, int is_hushed);

/* 1 if the progress line would be drawn now (call before formatting costs). */
int bl_log_progress_due(bl_log *l);
/* Draws or redraws the line (cut to the terminal's width). */
void bl_log_progress(bl_log *l, const char *fmt, ...) BL_PRINTF(2, 3);
void bl_log_progress_done(bl_log *l);   /* erases it */
double bl_log_seconds(const bl_log *l); /* since bl_log_new, monotonic */
/* "1:05" or "2:03:04" into buf, for times left. Returns buf. */
const char *bl_log_clock(double seconds, char *buf, size_t size);

#endif
