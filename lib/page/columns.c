/* columns.c - see columns.h. */
#include "page/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int bl_column_find(const char *head, const char *name)
{
    for (int k = 0; *head != '\0' && *head != '\n'; k++) {
        size_t len = strcspn(head, "\t\n");
        if (strlen(name) == len && memcmp(name, head, len) == 0)
            return k;
        head += len + (head[len] == '\t');
    }
    return -1;
}

double bl_column_number(const char *row, int column)
{
    for (; column > 0; column--) {
        row += strcspn(row, "\t\n");
        if (*row != '\t')
            return NAN;
        row++;
    }
    char *end;
    if (column < 0 || *row == '\t' || *row == '\n')
        return NAN; /* strtod would skip it and take what follows */
    double x = strtod(row, &end);
    return end == row ? NAN : x;
}

const char *bl_line_next(const char *line)
{
    line += strcspn(line, "\n");
    return line[0] == '\n' && line[1] != '\0' ? line + 1 : NULL;
}

const char *bl_line_first(const char *text)
{
    const char *next = text;
    while (text[0] == '#' && (next = bl_line_next(text)) != NULL)
        text = next;
    return text;
}
