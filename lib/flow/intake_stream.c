/* intake_stream.c - streams of an intake, of tokens and of grooves. */
#include "flow/intake_impl.h"

#include "io/file.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* ---- token streams: each worker reads all, and measures every n-th piece ---- */

int bl_intake_open_stream(bl_intake_stream *s, bl_err *e)
{
    int rc = s->fd >= 0 ? 0 : bl_in_open(s->path, &s->fd, e);
    if (rc == 0)
        rc = s->zr == NULL
                 ? bl_tokr_new(&s->reader, s->fd, bl_path_shown(s->path), e)
                 : bl_tokr_new_over(&s->reader, s->zr, bl_path_shown(s->path), e);
    s->zr = NULL; /* the reader's */
    if (rc == 0) {
        const bl_tokens_kind *kind = bl_tokr_kind(s->reader);
        rc = bl_scheme_open_stated(&s->scheme, &kind->spec, kind->sha256, e);
    }
    if (rc == 0)
        bl_tokr_set_words(s->reader, bl_scheme_words(s->scheme));
    return rc;
}

static int measure_nth(void *arg, size_t task, bl_buf *out, bl_err *e)
{
    bl_intake_stream *s = arg;
    int rc = s->reader == NULL ? bl_intake_open_stream(s, e) : 0;
    while (rc == 0 && s->next <= task && !s->is_over) {
        rc = bl_tokr_next(s->reader, &s->in->piece, e);
        s->is_over = rc == 0;
        s->next += rc > 0;
        rc = bl_min(rc, 0);
    }
    if (rc == 0 && s->is_over)
        rc = bl_intake_pack_end(bl_tokr_pg(s->reader), out, e);
    else if (rc == 0)
        rc = bl_intake_measure_tokens(s->in, s->scheme, out, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(s->path));
}

static int died_at(const char *path, bl_err *e)
{
    return bl_fail_in(e, bl_fail(e, BL_E_NOMEM, "a worker ended without a result"),
                      bl_path_shown(path));
}

int bl_intake_read_stream(bl_intake *in, const bl_intake_taker *to, int fd, bl_zr *zr,
                          const char *path, bl_err *e)
{
    bl_intake_stream s = {.in = in, .path = path, .fd = fd, .zr = zr};
    bl_tasks tasks;
    bl_buf result = {0};
    int died = 0;
    int rc = bl_tasks_begin(&tasks, fd >= 0 ? NULL : in->wish->hands, SIZE_MAX,
                            (bl_task_limits){0}, measure_nth, &s, e);
    while (rc == 0 && (rc = bl_tasks_next(&tasks, &result, &died, e)) > 0)
        rc = died ? died_at(path, e) : bl_intake_take(in, to, path, &result, e);
    bl_tasks_end(&tasks);
    bl_buf_free(&result);
    bl_tokr_del(s.reader);
    bl_zr_del(s.zr);
    bl_scheme_del(s.scheme);
    if (fd < 0 && s.fd > STDERR_FILENO)
        close(s.fd);
    return bl_min(rc, 0);
}

/* ---- streams of grooves, which are small: read and measured here ---- */

static int measure_groove(bl_intake *in, const bl_intake_taker *to, const char *path,
                          const bl_groove_songs *songs, bl_err *e)
{
    bl_buf result = {0};
    bl_intake_begin_input(in);
    int rc = bl_intake_measure_song(in, songs->name, &result, e);
    memcpy(in->group, songs->group, sizeof in->group);
    if (rc == 0)
        rc = bl_intake_take(in, to, path, &result, e);
    in->group[0] = '\0';
    bl_buf_free(&result);
    return rc;
}

/* zr is taken. */
int bl_intake_read_grooves(bl_intake *in, const bl_intake_taker *to, bl_zr *zr,
                           const char *path, bl_err *e)
{
    bl_groove_songs songs = {0};
    int rc = bl_groove_songs_begin(&songs, zr, bl_path_shown(path), e);
    while (rc == 0 && (rc = bl_groove_songs_next(&songs, &in->song, e)) > 0)
        rc = measure_groove(in, to, path, &songs, e);
    if (rc == 0)
        rc = bl_prov_add(&to->set->prov, bl_rowsr_pg(songs.reader), e);
    bl_groove_songs_free(&songs);
    return rc;
}
