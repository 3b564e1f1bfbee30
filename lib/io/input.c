/* input.c - see input.h. */
#include "io/input.h"
#include "io/file.h"
#include "io/tensors.h"
#include "io/walk.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int sniff(bl_input *in, bl_err *e)
{
    uint8_t first[8];
    int rc = bl_zr_new(&in->zr, in->fd, e);
    int64_t n = rc == 0 ? bl_zr_peek(in->zr, first, sizeof first, e) : rc;
    in->is_empty = n == 0;
    in->is_tensors = n > 0 && bl_tensors_begin(first, (size_t)n);
    return n < 0 ? (int)n : 0;
}

int bl_input_open(bl_input *in, const char *path, bl_err *e)
{
    struct stat st;
    *in = BL_INPUT_INIT;
    int is_folder =
        strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    int rc = is_folder ? bl_fail(e, BL_E_OPEN,
                                 "cannot open: Is a directory; midi2remi makes a "
                                 "stream of the MIDI files in it")
                       : bl_in_open(path, &in->fd, e);
    if (rc == 0)
        rc = sniff(in, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_or_stdin(path));
}

bl_zr *bl_input_take(bl_input *in)
{
    bl_zr *zr = in->zr;
    in->zr = NULL;
    return zr;
}

void bl_input_close(bl_input *in)
{
    bl_zr_del(in->zr);
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    *in = BL_INPUT_INIT;
}
