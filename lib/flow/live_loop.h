/* live_loop.h (internal) - hits as they are heard to windows of a groove: the loop of a
 * drummer, or one window after the other. */
#ifndef BL_LIVE_LOOP_H
#define BL_LIVE_LOOP_H

#include "flow/live_in.h"

typedef struct bl_live_loop bl_live_loop;

/* BL_E_ARG as bl_live_in_new. */
int bl_live_loop_new(bl_live_loop **l, const bl_live_in_wish *wish,
                     bl_err *e) BL_MUST_CHECK;
int bl_live_loop_begin(bl_live_loop *l, int fd, const bl_origin *origin, int level,
                       const bl_self *self, bl_err *e) BL_MUST_CHECK;
/* Time is in steps, sixteenths after beat 1, and in nanoseconds. */
void bl_live_loop_hit(bl_live_loop *l, double step, int64_t ns, int pitch,
                      int velocity);
void bl_live_loop_clear(bl_live_loop *l, int64_t ns);
int bl_live_loop_pass(bl_live_loop *l, double step, int64_t ns, double tempo,
                      bl_err *e) BL_MUST_CHECK;
/* When a change is to be written, INT64_MAX: there is none. */
int64_t bl_live_loop_due(const bl_live_loop *l);
int bl_live_loop_finish(bl_live_loop *l, double step, int64_t ns, double tempo,
                        bl_err *e) BL_MUST_CHECK;
void bl_live_loop_del(bl_live_loop *l);

#endif
