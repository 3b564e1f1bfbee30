/* number.c - see number.h. */
#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789";

int bl_number_begin(const char *text, double *x, const char **end)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, digits);
    size_t part = p[whole] == '.' ? strspn(p + whole + 1, digits) : 0;
    if (whole + part == 0 || (whole == 1 && *p == '0' && (p[1] == 'x' || p[1] == 'X')))
        return 0;
    char *behind;
    *x = strtod(text, &behind);
    *end = behind;
    return isfinite(*x);
}

int bl_number(const char *text, double *x)
{
    const char *end;
    return bl_number_begin(text, x, &end) && *end == '\0';
}
