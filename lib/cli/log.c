/* log.c - see log.h. */
#include "cli/log.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double REDRAW_SECONDS = 1.0 / 6;
static const double FIRST_DRAW_SECONDS = 1.0; /* a short run draws nothing */

struct bl_log {
    const char *tool;
    const char *output; /* as the user names it */
    int quiet, verbose, is_hushed;
    int is_tty;
    int draws;    /* a progress line is wanted */
    int is_drawn; /* one stands on the terminal now */
    double start, last;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bl_log *bl_log_new(const char *tool, const bl_opt_common *common)
{
    bl_log *l = calloc(1, sizeof *l);
    if (l == NULL) {
        fprintf(stderr, "%s: out of memory\n", tool);
        exit(70);
    }
    const char *term = getenv("TERM");
    l->tool = tool;
    l->output = common->output;
    l->quiet = common->quiet;
    l->verbose = common->verbose;
    l->is_tty = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
    l->draws =
        common->progress == 1 || (common->progress == 0 && l->is_tty && !l->quiet);
    l->start = now();
    l->last = l->start + FIRST_DRAW_SECONDS - REDRAW_SECONDS;
    return l;
}

void bl_log_del(bl_log *l)
{
    if (l == NULL)
        return;
    bl_log_progress_done(l);
    free(l);
}

/* One write for the whole line: lines of several processes do not mix. */
static BL_PRINTF(3, 0) void say(bl_log *l, const char *level, const char *fmt,
                                va_list args)
{
    char text[1024], line[1200];
    if (l->is_hushed)
        return;
    vsnprintf(text, sizeof text, fmt, args);
    bl_log_progress_done(l);
    snprintf(line, sizeof line, "%s: %s%s\n", l->tool, level, text);
    fputs(line, stderr);
    fflush(stderr);
}

void bl_log_error(bl_log *l, const bl_err *e)
{
    char text[1024];
    bl_err named = *e;
    int is_file = l->output != NULL && strcmp(l->output, "-") != 0;
    if (named.code == BL_E_IO) /* inputs have their names */
        bl_err_in(&named, is_file ? l->output : "stdout");
    bl_log_say(l, "%s", bl_err_text(&named, text, sizeof text));
}

void bl_log_say(bl_log *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(l, "", fmt, args);
    va_end(args);
}

void bl_log_warn(bl_log *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!l->quiet)
        say(l, "warning: ", fmt, args);
    va_end(args);
}

void bl_log_info(bl_log *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!l->quiet && (l->is_tty || l->verbose))
        say(l, "", fmt, args);
    va_end(args);
}

void bl_log_debug(bl_log *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!l->quiet && l->verbose)
        say(l, "", fmt, args);
    va_end(args);
}

static void say_notice(void *log, bl_notice_level level, const char *text)
{
    bl_log *l = log;
    switch (level) {
    case BL_NOTICE_ALWAYS:
        bl_log_say(l, "%s", text);
        break;
    case BL_NOTICE_WARNING:
        bl_log_warn(l, "%s", text);
        break;
    case BL_NOTICE_INFO:
        bl_log_info(l, "%s", text);
        break;
    default:
        bl_log_debug(l, "%s", text);
    }
}

bl_notices bl_log_notices(bl_log *l)
{
    return (bl_notices){say_notice, l};
}

void bl_log_hush(bl_log *l, int is_hushed)
{
    l->is_hushed = is_hushed;
}

int bl_log_progress_due(bl_log *l)
{
    return l->draws && now() - l->last >= REDRAW_SECONDS;
}

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

void bl_log_progress(bl_log *l, const char *fmt, ...)
{
    char text[512], line[640];
    va_list args;
    if (!l->draws)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(line, sizeof line, "%s: %s", l->tool, text);
    /* the last column stays free: some terminals wrap when it is written */
    fprintf(stderr, "\r%.*s\033[K", terminal_width() - 1, line);
    fflush(stderr);
    l->is_drawn = 1;
    l->last = now();
}

/* bl_progress.tell: what the use-case counts, the rest of the line left out. */
static void tell(void *log, const bl_counts *n)
{
    bl_buf line = {0};
    char left[32];
    double seconds = bl_log_seconds(log), rate = (double)n->pieces / seconds;
    if (!bl_log_progress_due(log))
        return;
    int rc = bl_buf_addf(&line, NULL, "%" PRIu64, n->pieces);
    if (rc == 0 && n->of_pieces > 0)
        rc = bl_buf_addf(&line, NULL, "/%" PRIu64, n->of_pieces);
    if (rc == 0)
        rc = bl_buf_addf(&line, NULL, " pieces, %.3g/s", rate);
    if (rc == 0 && n->notes > 0)
        rc = bl_buf_addf(&line, NULL, ", %.0f notes/s", (double)n->notes / seconds);
    if (rc == 0 && n->tokens > 0)
        rc = bl_buf_addf(&line, NULL, ", %.0f tokens/s", (double)n->tokens / seconds);
    if (rc == 0 && n->copies > 0)
        rc = bl_buf_addf(&line, NULL, ", %" PRIu64 " copies", n->copies);
    if (rc == 0 && n->of_pieces > n->pieces && n->pieces > 0)
        rc = bl_buf_addf(
            &line, NULL, ", %s left",
            bl_log_clock((double)(n->of_pieces - n->pieces) / rate, left, sizeof left));
    if (rc == 0)
        bl_log_progress(log, "%s", (const char *)line.data);
    bl_buf_free(&line);
}

bl_progress bl_log_progress_of(bl_log *l)
{
    return (bl_progress){tell, l, bl_log_notices(l)};
}

void bl_log_progress_done(bl_log *l)
{
    if (!l->is_drawn)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    l->is_drawn = 0;
}

double bl_log_seconds(const bl_log *l)
{
    return now() - l->start;
}

const char *bl_log_clock(double seconds, char *buf, size_t size)
{
    long s = seconds > 0 && seconds < 3.6e9 ? (long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(buf, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, size, "%ld:%02ld", s / 60, s % 60);
    return buf;
}
