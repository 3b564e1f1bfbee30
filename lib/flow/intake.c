/* intake.c - see intake.h: which inputs there are, and what each of them is. */
#include "flow/intake_impl.h"

#include "io/file.h"
#include "io/tensors.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- inputs ---- */

static const char *const suffixes[] = {".mid",         ".midi",    ".kar",
                                       ".rmi",         ".tok.zst", ".tok",
                                       ".tensors.zst", ".tensors", NULL};
enum { MIDI_SUFFIXES = 4 }; /* the first of them */

static int is_midi_name(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < MIDI_SUFFIXES; i++) {
        size_t n = strlen(suffixes[i]);
        if (len > n && strcasecmp(path + len - n, suffixes[i]) == 0)
            return 1;
    }
    return 0;
}

static int begins_with(const bl_buf *b, const char *mark)
{
    return b->len >= strlen(mark) && memcmp(b->data, mark, strlen(mark)) == 0;
}

int bl_intake_has_midi(const bl_intake *in)
{
    return begins_with(&in->bytes, "MThd") || begins_with(&in->bytes, "RIFF");
}

static int read_midi_here(bl_intake *in, const bl_intake_taker *to, int fd,
                          const char *path, bl_err *e)
{
    bl_buf result = {0};
    to->set->midi_files++;
    int rc = bl_intake_read_midi(in, fd, bl_path_shown(path), BL_ERR_INIT, &result, e);
    if (rc == 0)
        rc = bl_intake_take(in, to, path, &result, e);
    bl_buf_free(&result);
    return rc;
}

/* A stream, whose first bytes are in in->bytes; what of, says its content. */
static int read_content(bl_intake *in, const bl_intake_taker *to, int fd, off_t start,
                        const char *path, bl_err *e)
{
    bl_zr *zr = NULL;
    uint8_t first[BL_INTAKE_SNIFF];
    int rc = bl_zr_new_after(&zr, in->bytes.data, in->bytes.len, fd, e);
    if (rc != 0)
        return rc;
    int64_t n =
        bl_zr_peek(zr, first, sizeof first, NULL); /* readers say what is wrong */
    if (n > 0 && bl_tensors_begin(first, (size_t)n))
        return bl_intake_read_grooves(in, to, zr, path, e);
    /* a pipe does not rewind */
    if (start < 0 || lseek(fd, start, SEEK_SET) != start)
        return bl_intake_read_stream(in, to, fd, zr, path, e);
    bl_zr_del(zr);
    return bl_intake_read_stream(in, to, fd == STDIN_FILENO ? fd : -1, NULL, path, e);
}

/* Tells what the input is by its first bytes, which are in in->bytes afterwards. */
static int read_opened(bl_intake *in, const bl_intake_taker *to, int fd,
                       const char *path, bl_err *e)
{
    off_t start = lseek(fd, 0, SEEK_CUR);
    in->bytes.len = 0;
    int rc = bl_buf_reserve(&in->bytes, BL_INTAKE_SNIFF, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_read_some(fd, in->bytes.data, BL_INTAKE_SNIFF, e);
    if (n < 0)
        return (int)n;
    in->bytes.len = (size_t)n;
    if (bl_intake_has_midi(in))
        return read_midi_here(in, to, fd, path, e);
    if (n == 0)
        return bl_fail(e, BL_E_FORMAT, "the input is empty");
    int is_bare = bl_tensors_begin(in->bytes.data, in->bytes.len);
    if (!begins_with(&in->bytes, "#") && !is_bare &&
        !bl_zio_is_zstd(in->bytes.data, in->bytes.len))
        return bl_fail(e, BL_E_FORMAT, "neither a token stream nor a MIDI file");
    return read_content(in, to, fd, start, path, e);
}

static int read_other(bl_intake *in, const bl_intake_taker *to, const char *path,
                      bl_err *e)
{
    int fd, rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = read_opened(in, to, fd, path, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

typedef struct {
    bl_intake *in;
    char **path;
} midi_files;

static int measure_file(void *arg, size_t task, bl_buf *out, bl_err *e)
{
    const midi_files *files = arg;
    const char *path = files->path[task];
    bl_err why = BL_ERR_INIT;
    int fd = -1;
    files->in->bytes.len = 0;
    if (bl_in_open(path, &fd, &why) != 0)
        fd = -1;
    int rc = bl_intake_read_midi(files->in, fd, bl_path_shown(path), why, out, e);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A worker that died is a reject of the file it was at. */
static int reject_dead(bl_intake *in, const bl_intake_taker *to, const char *path,
                       bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_fail(&why, BL_E_NOMEM, "a worker ended without a result");
    return bl_intake_reject(in, to->set, path, BL_REJECT_INTERNAL, &why, e);
}

/* n files whose names say MIDI: a broken one is a reject. */
static int read_midi_files(bl_intake *in, const bl_intake_taker *to, char **path,
                           size_t n, bl_err *e)
{
    midi_files files = {in, path};
    bl_tasks tasks;
    bl_buf result = {0};
    int died = 0;
    int rc = bl_tasks_begin(&tasks, in->wish->hands, n, (bl_task_limits){0},
                            measure_file, &files, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = bl_tasks_next(&tasks, &result, &died, e);
        if (rc > 0)
            rc = died ? reject_dead(in, to, path[i], e)
                      : bl_intake_take(in, to, path[i], &result, e);
    }
    bl_tasks_end(&tasks);
    bl_buf_free(&result);
    to->set->midi_files += n;
    return rc;
}

int bl_intake_find_paths(bl_paths *paths, const char *const *operands, size_t n,
                         bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = bl_paths_add_operand(paths, operands[i], suffixes, e);
    return rc;
}

int bl_intake_measure(bl_intake *in, const char *const *operands, size_t n,
                      bl_intake_set *set, bl_intake_take_fn *take_row, void *arg,
                      bl_err *e)
{
    const bl_intake_taker to = {set, take_row, arg};
    bl_paths paths = {0};
    int rc = n == 0 ? bl_paths_add(&paths, "-", 1, e)
                    : bl_intake_find_paths(&paths, operands, n, e);
    if (rc == 0 && paths.n == 0)
        bl_notice(bl_notices_of(in->progress), BL_NOTICE_WARNING,
                  "there is no MIDI file or token stream in what was named");
    for (size_t i = 0, k; rc == 0 && i < paths.n; i += k) {
        for (k = 0; i + k < paths.n && is_midi_name(paths.path[i + k]); k++)
            ;
        if (k > 0) {
            rc = read_midi_files(in, &to, paths.path + i, k, e);
        } else {
            rc = read_other(in, &to, paths.path[i], e);
            k = 1;
        }
    }
    bl_paths_free(&paths);
    return rc;
}

/* ---- the whole ---- */

const char *bl_intake_group(const bl_intake *in)
{
    return in->group;
}

int bl_intake_new(bl_intake **out, const bl_intake_wish *wish,
                  const bl_progress *progress, bl_err *e)
{
    bl_intake *in = *out = bl_calloc(1, sizeof *in, e);
    if (in == NULL)
        return BL_E_NOMEM;
    in->wish = wish;
    in->progress = progress;
    return 0;
}

void bl_intake_del(bl_intake *in)
{
    if (in == NULL)
        return;
    bl_rejects_free(&in->rejects);
    bl_view_free(&in->view);
    bl_row_free(&in->row);
    bl_song_free(&in->song);
    bl_song_free(&in->closed);
    bl_events_free(&in->events);
    bl_piece_free(&in->piece);
    bl_buf_free(&in->bytes);
    bl_zw_del(in->packer);
    bl_buf_free(&in->packed);
    free(in);
}

void bl_intake_set_free(bl_intake_set *set)
{
    bl_prov_del(set->prov);
    *set = (bl_intake_set){0};
}
