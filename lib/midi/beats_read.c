/* beats_read.c - see beats.h: texts of beats and time signatures. */
#include "midi/beats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 3, FIELD_MAX = 40 };

typedef struct {
    char field[FIELDS][FIELD_MAX + 1];
    int n; /* fields, at most FIELDS + 1 */
    int64_t number;
} line;

/* ---- lines ---- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int split(line *l, const char *text, size_t len, bl_err *e)
{
    l->n = 0;
    for (size_t i = 0; i < len;) {
        size_t from = i;
        while (i < len && !is_blank(text[i]))
            i++;
        if (i - from > FIELD_MAX)
            return bl_fail_line(e, BL_E_FORMAT, l->number, "a field is too long");
        if (i > from && l->n <= FIELDS && l->n++ < FIELDS) {
            memcpy(l->field[l->n - 1], text + from, i - from);
            l->field[l->n - 1][i - from] = '\0';
        }
        while (i < len && is_blank(text[i]))
            i++;
    }
    return 0;
}

static int get_number(const line *l, int i, double *x, bl_err *e)
{
    char *end;
    errno = 0;
    *x = strtod(l->field[i], &end);
    if (end == l->field[i] || *end != '\0' || !(*x > -1e9 && *x < 1e9))
        return bl_fail_line(e, BL_E_FORMAT, l->number, "'%s' is no number of seconds",
                            l->field[i]);
    return 0;
}

static int get_flag(const line *l, int i, int *flag, bl_err *e)
{
    double x;
    int rc = get_number(l, i, &x, e);
    *flag = x != 0;
    if (rc == 0 && x != 0 && x != 1)
        rc = bl_fail_line(e, BL_E_FORMAT, l->number, "'%s' is neither 1 nor 0",
                          l->field[i]);
    return rc;
}

/* b, bR or db, then perhaps a time signature and a key, each after a comma. */
static int get_label(const line *l, bl_beat *beat, bl_err *e)
{
    const char *label = l->field[2];
    size_t len = strcspn(label, ",");
    beat->is_downbeat = len == 2 && memcmp(label, "db", 2) == 0;
    int is_beat = beat->is_downbeat || (len == 1 && *label == 'b') ||
                  (len == 2 && memcmp(label, "bR", 2) == 0);
    const char *meter = label + len;
    int is_stated = meter[0] == ',' && meter[1] != ',' && meter[1] != '\0';
    if (is_stated) {
        const char *end = bl_meter_scan(meter + 1, &beat->num, &beat->den_log2);
        is_beat &= end != NULL && (*end == ',' || *end == '\0');
    }
    if (!is_beat)
        return bl_fail_line(e, BL_E_FORMAT, l->number, "'%s' is no beat", label);
    return 0;
}

/* ---- texts ---- */

typedef enum { UNKNOWN, PLAIN, FLAG, FLAGS, LABELLED } form;

static form form_of(const line *l)
{
    static const form of_fields[] = {UNKNOWN, PLAIN, FLAG, FLAGS, UNKNOWN};
    return l->n == 3 && strchr("bd", l->field[2][0]) != NULL ? LABELLED
                                                             : of_fields[l->n];
}

/* Of a beat of POP909 both flags, until all are known. */
enum { FIRST_FLAG = 1, SECOND_FLAG = 2 };

static int get_beat(const line *l, bl_beat *beat, bl_err *e)
{
    int first = 1, second = 0;
    int rc = get_number(l, 0, &beat->seconds, e);
    if (rc == 0 && form_of(l) == LABELLED)
        return get_label(l, beat, e);
    if (rc == 0 && l->n >= 2)
        rc = get_flag(l, 1, &first, e);
    if (rc == 0 && l->n == 3)
        rc = get_flag(l, 2, &second, e);
    beat->is_downbeat = first * FIRST_FLAG + second * SECOND_FLAG;
    return rc;
}

/* 1 if most of the first flags are three beats apart. */
static int goes_in_threes(const bl_beats *beats)
{
    size_t last = beats->n, threes = 0, others = 0;
    for (size_t i = 0; i < beats->n; i++) {
        if (!(beats->beat[i].is_downbeat & FIRST_FLAG))
            continue;
        threes += last < beats->n && i - last == 3;
        others += last < beats->n && i - last != 3;
        last = i;
    }
    return threes > others;
}

static void choose_flag(bl_beats *beats)
{
    int flag = goes_in_threes(beats) ? FIRST_FLAG : SECOND_FLAG;
    for (size_t i = 0; i < beats->n; i++)
        beats->beat[i].is_downbeat = (beats->beat[i].is_downbeat & flag) != 0;
}

static int add_line(bl_beats *beats, const line *l, form *found, bl_err *e)
{
    bl_beat beat = {0};
    form here = form_of(l);
    *found = *found == UNKNOWN ? here : *found;
    if (here == UNKNOWN || here != *found)
        return bl_fail_line(e, BL_E_FORMAT, l->number, "not a beat as in line 1");
    int rc = get_beat(l, &beat, e);
    void *p = beats->beat;
    if (rc == 0)
        rc = bl_grow(&p, &beats->cap, beats->n + 1, sizeof beat, e);
    beats->beat = p;
    if (rc == 0)
        beats->beat[beats->n++] = beat;
    return rc;
}

int bl_beats_read(bl_beats *beats, const char *text, size_t len, bl_err *e)
{
    line l = {.number = 0};
    form found = UNKNOWN;
    int rc = 0;
    beats->n = 0;
    for (size_t i = 0; i < len && rc == 0;) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t n = end == NULL ? len - i : (size_t)(end - (text + i));
        l.number++;
        rc = split(&l, text + i, n, e);
        if (rc == 0 && l.n > 0)
            rc = add_line(beats, &l, &found, e);
        i += n + 1;
    }
    if (rc == 0 && found == FLAGS)
        choose_flag(beats);
    return rc;
}
