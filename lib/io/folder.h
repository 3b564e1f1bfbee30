/* folder.h - folders of files that appear whole or not at all. Errors do not
 * name the folder: the caller knows what the user calls it. */
#ifndef BL_FOLDER_H
#define BL_FOLDER_H

#include "base/mem.h"

/* The folder itself where `dir` is a link, without slashes at the end. NULL and
 * BL_E_NOMEM on failure. The caller frees. */
char *bl_folder_path(const char *dir, bl_err *e) BL_MUST_CHECK;

/* 0 if a folder can be created beside or in the place of `dir`, without doing so;
 * BL_E_CREATE, BL_E_NOMEM. */
int bl_folder_may_create(const char *dir, bl_err *e) BL_MUST_CHECK;

/* A folder of files that can be removed again without memory. */
typedef struct {
    char *path; /* NULL: none */
    void *list;
} bl_folder;

/* Creates the folder DIR.tmp.N; release with bl_folder_drop. 0, BL_E_CREATE or
 * BL_E_NOMEM. */
int bl_folder_temp(bl_folder *temp, const char *dir, bl_err *e) BL_MUST_CHECK;

/* Removes it, unless it is another's place by now, and releases *f. */
void bl_folder_drop(bl_folder *f);

/* Puts `temp` in the place of `dir`, and deletes the folder and files that were there;
 * for a moment these have another name. After an error `dir` is as it was, but where it
 * says otherwise. 0, BL_E_CREATE, BL_E_IO. */
int bl_folder_swap(const char *temp, const char *dir, bl_err *e) BL_MUST_CHECK;

/* Removes a folder of files. What cannot be removed stays. */
void bl_folder_remove(const char *path);

#endif
