/* intake_show.c - the pieces of an intake one by one, to be shown. */
#include "flow/intake_impl.h"

#include "io/file.h"
#include "io/tensors.h"

#include <unistd.h>

/* in->bytes holds what was read of it already. */
static int show_midi(bl_intake *in, int fd, const char *name, bl_intake_show_fn *show,
                     void *arg, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_midi_report report = {0};
    int rc = bl_read_all(fd, &in->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == 0)
        rc = bl_midi_read(in->bytes.data, in->bytes.len, in->wish->reading, &in->song,
                          &report, &why);
    if (rc != 0)
        return rc == BL_E_NOMEM ? bl_fail(e, rc, "out of memory") : 0;
    return show(arg, &(bl_shown){name, &in->song, &in->bytes, BL_WRITE_PROGRAMS}, e);
}

static int show_tokens(bl_intake *in, int fd, bl_zr *zr, const char *path,
                       bl_intake_show_fn *show, void *arg, bl_err *e)
{
    bl_intake_stream s = {.in = in, .path = path, .fd = fd, .zr = zr};
    int shown = 0, rc = bl_intake_open_stream(&s, e);
    while (rc == 0 && (rc = bl_tokr_next(s.reader, &in->piece, e)) > 0) {
        rc = bl_scheme_decode(s.scheme, in->piece.ids.id, in->piece.ids.n, &in->song,
                              NULL, e);
        if (rc == 0)
            rc = shown = show(arg,
                              &(bl_shown){in->piece.name, &in->song, NULL,
                                          bl_scheme_writing(s.scheme)},
                              e);
    }
    bl_tokr_del(s.reader);
    bl_scheme_del(s.scheme);
    return shown == 0 ? bl_fail_in(e, rc, bl_path_shown(path)) : rc;
}

static int show_grooves(bl_intake *in, bl_zr *zr, const char *path,
                        bl_intake_show_fn *show, void *arg, bl_err *e)
{
    bl_groove_songs songs = {0};
    int shown = 0, rc = bl_groove_songs_begin(&songs, zr, path, e);
    while (rc == 0 && (rc = bl_groove_songs_next(&songs, &in->song, e)) > 0)
        rc = shown =
            show(arg, &(bl_shown){songs.name, &in->song, NULL, BL_WRITE_PROGRAMS}, e);
    bl_groove_songs_free(&songs);
    return shown == 0 ? bl_fail_in(e, rc, bl_path_shown(path)) : rc;
}

/* in->bytes holds what was read of it already. */
static int show_stream(bl_intake *in, int fd, const char *path, bl_intake_show_fn *show,
                       void *arg, bl_err *e)
{
    bl_zr *zr = NULL;
    uint8_t first[BL_INTAKE_SNIFF];
    int rc = bl_zr_new_after(&zr, in->bytes.data, in->bytes.len, fd, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_zr_peek(zr, first, sizeof first, NULL);
    return n > 0 && bl_tensors_begin(first, (size_t)n)
               ? show_grooves(in, zr, path, show, arg, e)
               : show_tokens(in, fd, zr, path, show, arg, e);
}

static int show_path(bl_intake *in, const char *path, bl_intake_show_fn *show,
                     void *arg, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    int fd;
    in->bytes.len = 0;
    if (bl_in_open(path, &fd, &why) != 0)
        return 0;
    int rc = bl_buf_reserve(&in->bytes, BL_INTAKE_SNIFF, e);
    int64_t n = rc == 0 ? bl_read_some(fd, in->bytes.data, BL_INTAKE_SNIFF, e) : rc;
    if (n < 0)
        rc = bl_fail_in(e, (int)n, bl_path_shown(path));
    in->bytes.len = (size_t)bl_max(n, 0);
    if (n == BL_INTAKE_SNIFF)
        rc = bl_intake_has_midi(in)
                 ? show_midi(in, fd, bl_path_shown(path), show, arg, e)
                 : show_stream(in, fd, path, show, arg, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

int bl_intake_show(bl_intake *in, const char *const *operands, size_t n,
                   bl_intake_show_fn *show, void *arg, bl_err *e)
{
    bl_paths paths = {0};
    int rc = bl_intake_find_paths(&paths, operands, n, e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++)
        rc = show_path(in, paths.path[i], show, arg, e);
    bl_paths_free(&paths);
    return bl_min(rc, 0);
}
