/* group.h - several processes that train one model: they begin, save, stop and fail
 * together; the first of them writes and speaks. */
#ifndef BL_GROUP_H
#define BL_GROUP_H

#include "train/comm.h"
#include "train/train_config.h"

/* Zero-initialised: alone. */
typedef struct {
    bl_comm *comm;
    int is_silent;   /* another process tells of the error */
    int is_deserted; /* the others do not know of it */
} bl_group;

/* Finds the processes that this one was started with; once in the life of a process.
 * All but the first are silent then. */
int bl_group_join(bl_group *g, bl_err *e) BL_MUST_CHECK;
/* 1 in the process that writes and speaks. */
int bl_group_leads(const bl_group *g);
/* All come here, each with a status: 0 if that is 0 for all. The first that failed is
 * the one that is not silent. */
int bl_group_agree(bl_group *g, int rc, bl_err *e) BL_MUST_CHECK;
/* BL_E_MISMATCH where not all have the same settings and data, or round alike. */
int bl_group_check(const bl_group *g, const bl_train_config *config,
                   const char *manifest_sha256, const char *blas,
                   bl_err *e) BL_MUST_CHECK;
/* Takes leave, unless deserted: the launcher then ends the others. */
void bl_group_leave(bl_group *g);

#endif
