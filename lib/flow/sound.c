/* sound.c - see sound.h. */
#include "flow/sound.h"

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOUND_MAX = 64 << 20 };

/* The font that is named, or the first the system has, into path[n]; 0 if there is
 * none.
 */
static int find_font(const char *named, char *path, size_t n)
{
    static const char *const places[] = {"/usr/share/sounds/sf2/*.sf2",
                                         "/usr/share/soundfonts/*.sf2"};
    size_t len = 0;
    if (named != NULL)
        len = (size_t)snprintf(path, n, "%s", named);
    for (size_t i = 0; len == 0 && i < BL_COUNT(places); i++) {
        glob_t found;
        if (glob(places[i], 0, NULL, &found) == 0)
            len = (size_t)snprintf(path, n, "%s", found.gl_pathv[0]);
        globfree(&found);
    }
    return len > 0 && len < n && access(path, R_OK) == 0;
}

/* Runs FluidSynth in silence. 0 where it did what it was asked. */
static int run_fluidsynth(char *font, char *midi, char *ogg, char *const *env)
{
    enum { FLAGS = 12 };
    char flag[FLAGS][12] = {"fluidsynth", "-n",  "-i", "-q",  "-r", "22050",
                            "-g",         "0.6", "-T", "oga", "-F"};
    char *argv[FLAGS + 3] = {NULL};
    posix_spawn_file_actions_t quiet;
    pid_t child;
    int status = -1, n = 0;
    for (; flag[n][0] != '\0'; n++)
        argv[n] = flag[n];
    argv[n++] = ogg;
    argv[n++] = font;
    argv[n] = midi;
    if (posix_spawn_file_actions_init(&quiet) != 0)
        return -1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0) != 0)
            status = -2;
    if (status == -1 && posix_spawnp(&child, argv[0], &quiet, NULL, argv, env) == 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    posix_spawn_file_actions_destroy(&quiet);
    return status;
}

/* The checksum of an Ogg page: polynomial 0x04c11db7, nothing reflected. */
static uint32_t ogg_checksum(const uint8_t *page, size_t n)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint32_t)page[i] << 24;
        for (int k = 0; k < 8; k++)
            crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
    }
    return crc;
}

/* Streams carry a number drawn by lot; with 1 the same sound is the same bytes. */
static void number_stream(bl_buf *ogg)
{
    enum { SERIAL = 14, CHECKSUM = 22, SEGMENTS = 26, HEAD = 27 };
    for (size_t at = 0, size; at + HEAD <= ogg->len; at += size) {
        uint8_t *page = ogg->data + at;
        size = HEAD + (size_t)page[SEGMENTS];
        if (memcmp(page, "OggS", 4) != 0 || at + size > ogg->len)
            return;
        for (int k = 0; k < page[SEGMENTS]; k++)
            size += page[HEAD + k];
        if (at + size > ogg->len)
            return;
        for (int k = 0; k < 4; k++)
            page[SERIAL + k] = k == 0;
        memset(page + CHECKSUM, 0, 4);
        uint32_t crc = ogg_checksum(page, size);
        for (int k = 0; k < 4; k++)
            page[CHECKSUM + k] = (uint8_t)(crc >> 8 * k);
    }
}

/* A new file of this name. */
static int create_file(const char *path, const bl_buf *from, bl_err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return bl_fail_errno(e, BL_E_CREATE, "cannot make a temporary file");
    int rc = bl_write_all(fd, from->data, from->len, e);
    close(fd);
    return rc;
}

/* In the folder `dir`, which is removed by the caller. */
static int play(bl_player *p, const char *dir, char *font, const bl_buf *midi,
                bl_buf *ogg, bl_err *e)
{
    bl_buf in = {0}, out = {0};
    int rc = bl_buf_addf(&in, e, "%s/in.mid", dir);
    if (rc == 0)
        rc = bl_buf_addf(&out, e, "%s/out.ogg", dir);
    if (rc == 0 && (bl_buf_str(&in, e) == NULL || bl_buf_str(&out, e) == NULL))
        rc = BL_E_NOMEM;
    if (rc == 0) {
        char *from = (char *)in.data, *to = (char *)out.data;
        bl_guards_add(p->guards, from);
        bl_guards_add(p->guards, to);
        rc = create_file(from, midi, e);
        if (rc == 0 && run_fluidsynth(font, from, to, p->env) != 0)
            bl_notice(bl_notices_of(p->progress), BL_NOTICE_WARNING,
                      "--sound: FluidSynth does not play this (Debian: fluidsynth)");
        else if (rc == 0)
            rc = bl_load_file(to, ogg, SOUND_MAX, e);
        unlink(from);
        unlink(to);
        bl_guards_drop(p->guards, from);
        bl_guards_drop(p->guards, to);
    }
    bl_buf_free(&in);
    bl_buf_free(&out);
    return rc;
}

int bl_play(bl_player *p, const bl_buf *midi, bl_buf *ogg, bl_err *e)
{
    char font[1024];
    ogg->len = 0;
    if (p->is_mute)
        return 0;
    if (!find_font(p->font, font, sizeof font)) {
        p->is_mute = 1; /* for the pieces to come there is none either */
        bl_notice(bl_notices_of(p->progress), BL_NOTICE_WARNING,
                  "--sound: there is no sound font (Debian: timgm6mb-soundfont)");
        return 0;
    }
    char *dir = bl_strdup(p->temp, e);
    int rc = dir != NULL ? 0 : BL_E_NOMEM;
    if (rc == 0 && mkdtemp(dir) == NULL) {
        rc = bl_fail_errno(e, BL_E_CREATE, "cannot make the folder '%s'", dir);
    } else if (rc == 0) {
        bl_guards_add(p->guards, dir);
        rc = play(p, dir, font, midi, ogg, e);
        number_stream(ogg);
        rmdir(dir);
        bl_guards_drop(p->guards, dir);
    }
    free(dir);
    return rc;
}
