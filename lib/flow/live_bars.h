/* live_bars.h (internal) - notes as they are heard to the bars of a token stream. */
#ifndef BL_LIVE_BARS_H
#define BL_LIVE_BARS_H

#include "flow/live_in.h"
#include "io/tokens.h"
#include "token/scheme.h"

typedef struct bl_live_bars bl_live_bars;

/* BL_E_ARG as bl_live_in_new. */
int bl_live_bars_new(bl_live_bars **b, const bl_live_in_wish *wish,
                     bl_err *e) BL_MUST_CHECK;
int bl_live_bars_begin(bl_live_bars *b, int fd, const bl_origin *origin, int level,
                       const bl_self *self, bl_err *e) BL_MUST_CHECK;
/* A message of a channel, at a tick after beat 1 (of BL_LIVE_TPQ). */
enum { BL_LIVE_TPQ = 480 };
int bl_live_bars_take(bl_live_bars *b, int64_t tick, const bl_timed *t,
                      bl_err *e) BL_MUST_CHECK;
void bl_live_bars_all_off(bl_live_bars *b, int64_t tick); /* nothing sounds any more */
/* Bars that are over at that tick are written; the last of them had that tempo. */
int bl_live_bars_pass(bl_live_bars *b, int64_t tick, double tempo,
                      bl_err *e) BL_MUST_CHECK;
int bl_live_bars_finish(bl_live_bars *b, int64_t tick, double tempo,
                        bl_err *e) BL_MUST_CHECK;
void bl_live_bars_del(bl_live_bars *b);

#endif
