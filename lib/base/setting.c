/* setting.c - see setting.h. */
#include "base/setting.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one field as a number ---- */

double bl_setting_get(const bl_setting *s, const void *record)
{
    const void *at = (const char *)record + s->at;
    switch (s->kind) {
    case BL_SET_REAL:
    case BL_SET_OWN:
        return *(const double *)at;
    case BL_SET_LONG:
        return (double)*(const int64_t *)at;
    default:
        return *(const int *)at;
    }
}

void bl_setting_put(const bl_setting *s, void *record, double x)
{
    void *at = (char *)record + s->at;
    switch (s->kind) {
    case BL_SET_REAL:
    case BL_SET_OWN:
        *(double *)at = x;
        break;
    case BL_SET_LONG:
        *(int64_t *)at = (int64_t)x;
        break;
    case BL_SET_LAYERS:
        memset(at, 0, BL_SET_LAYERS_MAX / 8);
        break;
    default:
        *(int *)at = (int)x;
    }
}

/* Words have no other bounds than their number. */
static double highest(const bl_setting *s)
{
    int n = 0;
    if (s->kind != BL_SET_WORD)
        return s->high;
    while (s->words[n] != NULL)
        n++;
    return n - 1;
}

static int check_number(const bl_setting *s, double x, int code, bl_err *e)
{
    if (x >= s->low && x <= highest(s))
        return 0;
    return bl_fail(e, code, "%s is %.10g, which is not within %.10g..%.10g", s->key, x,
                   s->low, highest(s));
}

int bl_setting_try(const bl_setting *s, void *record, double x, int code, bl_err *e)
{
    int rc = check_number(s, x, code, e);
    if (rc == 0 && s->kind != BL_SET_REAL && s->kind != BL_SET_OWN && x != floor(x))
        rc = bl_fail(e, code, "%s is %.10g, which is not a whole number", s->key, x);
    if (rc == 0)
        bl_setting_put(s, record, x);
    return rc;
}

int bl_setting_check(const bl_setting *s, const void *record, bl_err *e)
{
    if (s->kind == BL_SET_LAYERS || s->kind == BL_SET_AMONG)
        return 0;
    double x = bl_setting_get(s, record);
    return s->kind == BL_SET_OWN && x == -1 ? 0 : check_number(s, x, BL_E_ARG, e);
}

/* ---- words ---- */

int bl_setting_word(const bl_setting *s, void *record, const char *text, int code,
                    bl_err *e)
{
    char all[160] = "";
    for (int i = 0; s->words != NULL && s->words[i] != NULL; i++) {
        if (strcmp(text, s->words[i]) == 0) {
            bl_setting_put(s, record, s->low + i);
            return 1;
        }
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", s->words[i]);
    }
    if (s->kind != BL_SET_WORD)
        return 0;
    return bl_fail(e, code, "%s is one of %s, not '%.64s'", s->key, all, text);
}

/* ---- sets of words ---- */

static int fail_among(const bl_setting *s, const char *text, int code, bl_err *e)
{
    char all[160] = "";
    for (int i = 2; s->words[i] != NULL; i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i > 2 ? "," : "", s->words[i]);
    }
    return bl_fail(e, code, "%s is %s, or some of %s:%s, not '%.64s'", s->key,
                   s->words[0], s->words[1], all, text);
}

int bl_setting_among(const bl_setting *s, void *record, const char *text, int code,
                     bl_err *e)
{
    size_t lead = strlen(s->words[1]);
    const char *at = text + lead + 1;
    int set = 0;
    bl_setting_put(s, record, 0);
    if (strcmp(text, s->words[0]) == 0)
        return 0;
    if (strncmp(text, s->words[1], lead) != 0 || text[lead] != ':')
        return fail_among(s, text, code, e);
    for (;; at++) {
        size_t len = strcspn(at, ",");
        int i = 2;
        while (s->words[i] != NULL &&
               (strlen(s->words[i]) != len || strncmp(s->words[i], at, len) != 0))
            i++;
        if (s->words[i] == NULL)
            return fail_among(s, text, code, e);
        set |= 1 << (i - 2);
        at += len;
        if (*at == '\0')
            break;
    }
    bl_setting_put(s, record, set);
    return 0;
}

const char *bl_setting_among_text(const bl_setting *s, const void *record, char *text,
                                  size_t size)
{
    int set = (int)bl_setting_get(s, record);
    size_t n = (size_t)snprintf(text, size, "%s", s->words[set != 0]);
    for (int i = 2, first = 1; s->words[i] != NULL && n < size; i++)
        if (set >> (i - 2) & 1) {
            n += (size_t)snprintf(text + n, size - n, "%c%s", first ? ':' : ',',
                                  s->words[i]);
            first = 0;
        }
    return text;
}

/* ---- sets of layers ---- */

int bl_setting_layer(const bl_setting *s, void *record, double x, int code, bl_err *e)
{
    uint64_t *set = (uint64_t *)(void *)((char *)record + s->at);
    if (!(x >= 1 && x <= BL_SET_LAYERS_MAX) || x != floor(x))
        return bl_fail(e, code, "%s lists layers from 1 to %d, not %.10g", s->key,
                       BL_SET_LAYERS_MAX, x);
    set[((int)x - 1) / 64] |= (uint64_t)1 << ((int)x - 1) % 64;
    return 0;
}

int bl_setting_has_layer(const bl_setting *s, const void *record, int layer)
{
    const uint64_t *set =
        (const uint64_t *)(const void *)((const char *)record + s->at);
    return (int)(set[(layer - 1) / 64] >> (layer - 1) % 64 & 1);
}

static int layers_from_text(const bl_setting *s, void *record, const char *text,
                            bl_err *e)
{
    int rc = 0;
    bl_setting_put(s, record, 0);
    if (strcmp(text, "all") == 0)
        return 0;
    for (const char *end; rc == 0; text = end + 1) {
        double x;
        if (!bl_number_begin(text, &x, &end) || (*end != ',' && *end != '\0'))
            return bl_fail(e, BL_E_ARG,
                           "%s wants layers as in 5,6, or all, not '%.64s'", s->key,
                           text);
        rc = bl_setting_layer(s, record, x, BL_E_ARG, e);
        if (*end == '\0')
            return rc;
    }
    return rc;
}

/* ---- text, and what two records share ---- */

int bl_setting_text(const bl_setting *s, void *record, const char *text, bl_err *e)
{
    if (s->kind == BL_SET_LAYERS)
        return layers_from_text(s, record, text, e);
    if (s->kind == BL_SET_AMONG)
        return bl_setting_among(s, record, text, BL_E_ARG, e);
    int rc = bl_setting_word(s, record, text, BL_E_ARG, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    double x;
    if (!bl_number(text, &x))
        return bl_fail(e, BL_E_ARG, "%s wants a number, not '%.64s'", s->key, text);
    return bl_setting_try(s, record, x, BL_E_ARG, e);
}

int bl_setting_same(const bl_setting *s, const void *a, const void *b)
{
    if (s->kind != BL_SET_LAYERS)
        return bl_setting_get(s, a) == bl_setting_get(s, b);
    return memcmp((const char *)a + s->at, (const char *)b + s->at,
                  BL_SET_LAYERS_MAX / 8) == 0;
}

int bl_setting_is_usual(const bl_setting *s, const void *record)
{
    if (s->kind != BL_SET_LAYERS)
        return bl_setting_get(s, record) == s->usual;
    for (int n = 1; n <= BL_SET_LAYERS_MAX; n++)
        if (bl_setting_has_layer(s, record, n))
            return 0;
    return 1;
}

int bl_setting_check_use(const bl_setting *s, const void *record, bl_err *e)
{
    if (s->is_used == NULL || s->is_used(record) || bl_setting_is_usual(s, record))
        return 0;
    return bl_fail(e, BL_E_ARG, "%s goes with %s", s->key, s->with);
}

int bl_setting_is_called(const bl_setting *s, const char *name)
{
    size_t len = strlen(name), n;
    for (const char *p = s->also != NULL ? s->also : ""; *p != '\0'; p += n) {
        p += strspn(p, " ");
        n = strcspn(p, " ");
        if (n == len && memcmp(p, name, n) == 0)
            return 1;
    }
    return 0;
}

int bl_setting_distance(const char *a, const char *b)
{
    int row[BL_SET_KEY_MAX + 1];
    int n = (int)strlen(b);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = (int)bl_min(change, bl_min(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}
