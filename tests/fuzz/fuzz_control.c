/* fuzz_control.c - lines that are said to a sampler while it runs: each is obeyed,
 * waits for its bar, or is one line of complaint without anything that is no text. */
#include "flow/control.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void complain(void *arg, bl_notice_level level, const char *text)
{
    (void)level;
    ++*(size_t *)arg;
    for (const char *c = text; *c != '\0'; c++)
        claim(*c >= ' ' && *c <= '~');
}

static void check(const bl_control_line *l, int64_t bar)
{
    claim(l->bar <= bar);
    claim(l->number >= 0 && l->number <= 100);
    claim(strlen(l->text) <= BL_CONTROL_LINE);
    claim(bl_control_word(l->kind)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_control *c;
    bl_control_line line;
    char path[32];
    size_t n_complaints = 0, n_lines = 1, n = 0;
    const bl_notices notices = {complain, &n_complaints};
    for (size_t i = 0; i < len; i++)
        n_lines += data[i] == '\n';
    int fd = fuzz_fd(data, len);
    snprintf(path, sizeof path, "fd:%d", fd);
    claim(bl_control_open(&c, path, NULL) == 0);
    for (int64_t bar = 1; bar < 200; bar++)
        while (bl_control_next(c, bar, &line, &notices)) {
            check(&line, bar);
            n++;
        }
    claim(n + n_complaints <= n_lines);
    bl_control_del(c);
    claim(close(fd) == 0);
    return 0;
}
