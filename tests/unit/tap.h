/* tap.h - a plain main, numbered "ok" lines (Test Anything Protocol), no framework.
 *     int main(void) { ok(1 + 1 == 2, "addition"); return tap_done(); } */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>

static int tap_run, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static int
tap_ok(int pass, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("%sok %d - ", pass ? "" : "not ", ++tap_run);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    if (!pass) {
        tap_failed++;
        printf("# at %s:%d\n", file, line);
    }
    fflush(stdout);
    return pass;
}

/* Prints the plan; returns the exit status of the test. */
__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_run);
    return tap_failed == 0 ? 0 : 1;
}

/* ok(condition, "what is claimed", ...) counts one test; returns the condition. */
#define ok(pass, ...) tap_ok(!!(pass), __FILE__, __LINE__, __VA_ARGS__)

#endif
