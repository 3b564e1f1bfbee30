/* control.c - see control.h. */
#include "flow/control.h"
#include "base/mem.h"
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 4096,        /* bytes that are read at once */
    LATER = 256,         /* lines for bars that are still to come */
    NOW = CHUNK / 5 + 1, /* lines for the next bar, of a chunk of "stop" */
    BAR_DIGITS = 9,
};

struct bl_control {
    int fd; /* -1: it has ended */
    int is_own;
    char line[BL_CONTROL_LINE]; /* the one that is being read */
    size_t n;
    int is_long;              /* it had more than that, which are passed over */
    bl_control_line *waiting; /* [n_waiting] of LATER + NOW, as they came */
    size_t n_waiting, n_later;
};

/* ---- a line ---- */

static const struct {
    const char *word;
    bl_control_kind kind;
    double most; /* of a number; 0: text, -1: nothing follows */
} words[] = {
    {"temperature", BL_CONTROL_TEMPERATURE, 100},
    {"density", BL_CONTROL_DENSITY, BL_CONTROL_MAX_DENSITY},
    {"threshold", BL_CONTROL_THRESHOLD, 0},
    {"max-hits", BL_CONTROL_MAX_HITS, 0},
    {"labels", BL_CONTROL_LABELS, 0},
    {"chords", BL_CONTROL_CHORDS, 0},
    {"stop", BL_CONTROL_STOP, -1},
};

const char *bl_control_word(bl_control_kind kind)
{
    size_t i = 0;
    while (words[i].kind != kind)
        i++;
    return words[i].word;
}

/* "@12 ": what follows, or NULL. */
static const char *read_bar(const char *text, int64_t *bar)
{
    size_t n = strspn(++text, "0123456789");
    if (n == 0 || n > BAR_DIGITS || text[n] != ' ' || text[0] == '0')
        return NULL;
    *bar = strtoll(text, NULL, 10);
    return text + n + strspn(text + n, " ");
}

static int read_rest(bl_control_line *to, const char *rest, size_t i, bl_err *e)
{
    to->kind = words[i].kind;
    if (words[i].most < 0 && *rest != '\0')
        return bl_fail(e, BL_E_ARG, "nothing follows '%s'", words[i].word);
    if (words[i].most == 0 && *rest == '\0')
        return bl_fail(e, BL_E_ARG, "'%s' wants a value", words[i].word);
    if (words[i].most > 0 &&
        (!bl_number(rest, &to->number) || to->number < 0 || to->number > words[i].most))
        return bl_fail(e, BL_E_ARG, "'%s' is a number from 0 to %g", words[i].word,
                       words[i].most);
    memmove(to->text, rest, strlen(rest) + 1);
    return 1;
}

int bl_control_parse(const char *line, size_t n, bl_control_line *to, bl_err *e)
{
    const char *at = to->text;
    *to = (bl_control_line){0};
    if (n > BL_CONTROL_LINE)
        return bl_fail(e, BL_E_ARG, "more than %d bytes", BL_CONTROL_LINE);
    for (size_t i = 0; i < n; i++)
        if (iscntrl((unsigned char)line[i]) && line[i] != '\t' && line[i] != '\r')
            return bl_fail(e, BL_E_ARG, "byte %zu is no text", i + 1);
    for (size_t i = 0; i < n; i++)
        to->text[i] = line[i] == '\t' || line[i] == '\r' ? ' ' : line[i];
    while (n > 0 && to->text[n - 1] == ' ')
        to->text[--n] = '\0';
    at += strspn(at, " ");
    if (*at == '\0' || *at == '#')
        return 0;
    if (*at == '@' && (at = read_bar(at, &to->bar)) == NULL)
        return bl_fail(e, BL_E_ARG, "'@' stands before the number of a bar, from 1");
    size_t len = strcspn(at, " ");
    for (size_t i = 0; i < BL_COUNT(words); i++)
        if (strlen(words[i].word) == len && memcmp(words[i].word, at, len) == 0)
            return read_rest(to, at + len + strspn(at + len, " "), i, e);
    return bl_fail(e, BL_E_ARG,
                   "what can be said is temperature, density, threshold, max-hits, "
                   "labels, chords and stop");
}

/* ---- lines as they come ---- */

static int open_named(bl_control *c, const char *what, bl_err *e)
{
    struct stat st;
    int is_fifo = stat(what, &st) == 0 && S_ISFIFO(st.st_mode);
    /* with a writer of its own a FIFO has no end */
    c->fd = open(what, (is_fifo ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    c->is_own = 1;
    if (c->fd < 0)
        return bl_fail_errno(e, BL_E_OPEN, "--control: cannot open '%.200s'", what);
    if (fstat(c->fd, &st) == 0 && S_ISDIR(st.st_mode))
        return bl_fail(e, BL_E_OPEN, "--control: '%.200s' is a folder", what);
    return 0;
}

static int open_number(bl_control *c, const char *number, bl_err *e)
{
    char *end;
    long fd = strtol(number, &end, 10);
    if (!isdigit((unsigned char)*number) || *end != '\0' || fd > 65535)
        return bl_fail(e, BL_E_ARG, "--control: 'fd:%.40s' is no descriptor", number);
    c->fd = (int)fd;
    if (fcntl(c->fd, F_GETFD) < 0)
        return bl_fail_errno(e, BL_E_OPEN, "--control: descriptor %ld", fd);
    return 0;
}

int bl_control_open(bl_control **control, const char *what, bl_err *e)
{
    bl_control *c = *control = bl_calloc(1, sizeof *c, e);
    if (c == NULL)
        return BL_E_NOMEM;
    c->fd = -1;
    c->waiting = bl_calloc(LATER + NOW, sizeof *c->waiting, e);
    int rc = c->waiting == NULL             ? BL_E_NOMEM
             : strncmp(what, "fd:", 3) == 0 ? open_number(c, what + 3, e)
                                            : open_named(c, what, e);
    if (rc != 0) {
        bl_control_del(c);
        *control = NULL;
    }
    return rc;
}

/* What a terminal or a log should not get is left out. */
static void complain(const char *text, size_t n, const char *why, const bl_notices *to)
{
    char shown[41];
    size_t len = n < sizeof shown ? n : sizeof shown - 1;
    for (size_t i = 0; i < len; i++)
        shown[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    shown[len] = '\0';
    bl_notice(to, BL_NOTICE_ALWAYS, "--control: '%s': %s", shown, why);
}

static void end_line(bl_control *c, const bl_notices *notices)
{
    bl_err why = BL_ERR_INIT;
    bl_control_line line;
    int rc = c->is_long ? bl_fail(&why, BL_E_ARG, "more than %d bytes", BL_CONTROL_LINE)
                        : bl_control_parse(c->line, c->n, &line, &why);
    if (rc == 1 && line.bar > 0 && c->n_later == LATER)
        rc = bl_fail(&why, BL_E_LIMIT, "%d lines wait for their bars already", LATER);
    if (rc == 1) {
        c->waiting[c->n_waiting++] = line;
        c->n_later += line.bar > 0;
    }
    if (rc < 0)
        complain(c->line, c->n, why.text, notices);
    c->n = 0;
    c->is_long = 0;
}

static void take_bytes(bl_control *c, const char *bytes, size_t n, const bl_notices *to)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            end_line(c, to);
        else if (c->n < sizeof c->line)
            c->line[c->n++] = bytes[i];
        else
            c->is_long = 1;
    }
}

static void close_input(bl_control *c)
{
    if (c->is_own && c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* A flood is read in the course of some bars; what is for the next one is obeyed before
 * more is read, so that there is room for it, whatever waits. */
static void read_what_came(bl_control *c, const bl_notices *to)
{
    char bytes[CHUNK];
    struct pollfd in = {.fd = c->fd, .events = POLLIN};
    for (int i = 0;
         i < 16 && c->fd >= 0 && c->n_waiting == c->n_later && poll(&in, 1, 0) > 0;
         i++) {
        ssize_t n = read(c->fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            return;
        if (n > 0) {
            take_bytes(c, bytes, (size_t)n, to);
            continue;
        }
        if (c->n > 0) /* a last line without its end */
            end_line(c, to);
        close_input(c);
    }
}

int bl_control_next(bl_control *c, int64_t bar, bl_control_line *line,
                    const bl_notices *notices)
{
    if (c == NULL)
        return 0;
    read_what_came(c, notices);
    for (size_t i = 0; i < c->n_waiting; i++) {
        if (c->waiting[i].bar > bar)
            continue;
        *line = c->waiting[i];
        c->n_later -= line->bar > 0;
        memmove(c->waiting + i, c->waiting + i + 1,
                (--c->n_waiting - i) * sizeof *c->waiting);
        return 1;
    }
    return 0;
}

void bl_control_refuse(const bl_control_line *line, const bl_err *why,
                       const bl_notices *notices)
{
    const char *word = bl_control_word(line->kind);
    complain(word, strlen(word), why->text, notices);
}

void bl_control_del(bl_control *c)
{
    if (c == NULL)
        return;
    close_input(c);
    free(c->waiting);
    free(c);
}
