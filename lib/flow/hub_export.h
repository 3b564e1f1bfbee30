/* hub_export.h - a trained model as a folder of Hugging Face's form. */
#ifndef BL_HUB_EXPORT_H
#define BL_HUB_EXPORT_H

#include "base/notice.h"
#include "flow/hub.h"

/* The best checkpoint of the run `from`, or the checkpoint or folder of that name, as
 * the folder `dir` (bl_hub_write); a notice says how much was written. `replace`: a
 * folder that holds such a model already. What bl_start_ckpt, bl_hub_may_write and
 * bl_hub_write give; nothing is written then. */
int bl_hub_export(const char *from, const char *dir, int replace,
                  const bl_guards *guards, const bl_notices *notices,
                  bl_err *e) BL_MUST_CHECK;

#endif
