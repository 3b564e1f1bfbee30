/* header.c - see header.h. */
#include "io/header.h"
#include "io/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_MAX = 960 };

int bl_header_parse(bl_json **o, const char *line, size_t len, const char *tag,
                    bl_err *e)
{
    size_t n = strlen(tag);
    *o = NULL;
    if (len < n + 2 || line[0] != '#' || memcmp(line + 1, tag, n) != 0 ||
        line[n + 1] != ' ')
        return bl_fail(e, BL_E_FORMAT, "expected a line '#%s {...}'", tag);
    *o = bl_json_parse(line + n + 2, len - n - 2, e);
    return *o == NULL ? bl_code_of(e, BL_E_FORMAT) : 0;
}

int bl_header_schema(const bl_json *o, const char *schema, bl_err *e)
{
    const char *stated;
    int rc = bl_json_str(o, "schema", &stated, e);
    if (rc != 0 || strcmp(stated, schema) == 0)
        return rc;
    size_t n = (size_t)(strchr(schema, '/') - schema) + 1;
    if (strncmp(stated, schema, n) == 0)
        return bl_fail(e, BL_E_VERSION,
                       "the schema is '%.40s', this program knows '%s'", stated,
                       schema);
    return bl_fail(e, BL_E_FORMAT, "the schema is '%.40s', not '%s'", stated, schema);
}

/* ---- the kind of the tokens ---- */

static int set_labels(bl_json *o, const char *labels, bl_err *e)
{
    char word[BL_WORD_MAX + 1];
    bl_json *list = bl_json_array(e);
    int rc = list == NULL ? BL_E_NOMEM : 0;
    for (const char *p = labels; *p != '\0' && rc == 0; p = strchr(p, '\n') + 1) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(p, "\n"), p);
        rc = bl_json_push_str(list, word, e);
    }
    if (rc != 0) {
        bl_json_del(list);
        return rc;
    }
    return bl_json_put(o, "labels", list, e);
}

int bl_header_set_spec(bl_json *o, const bl_spec *spec, bl_err *e)
{
    int rc = bl_json_set_str(o, "name", spec->scheme, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "grid", spec->grid, e);
    if (rc == 0 && spec->chords)
        rc = bl_json_set_int(o, "chords", 1, e);
    if (rc == 0 && spec->key)
        rc = bl_json_set_int(o, "key", 1, e);
    if (rc == 0 && spec->degrees)
        rc = bl_json_set_int(o, "degrees", 1, e);
    if (rc == 0 && spec->common_key)
        rc = bl_json_set_int(o, "common_key", 1, e);
    if (rc == 0 && spec->pedal)
        rc = bl_json_set_int(o, "pedal", 1, e);
    if (rc == 0 && spec->labels[0] != '\0')
        rc = set_labels(o, spec->labels, e);
    return rc;
}

static int add_label(bl_spec *spec, size_t *used, const char *word, bl_err *e)
{
    size_t len = strlen(word);
    if (len == 0 || len > BL_WORD_MAX || !bl_word_is_valid(word, len))
        return bl_fail(e, BL_E_FORMAT, "the label '%.64s' is not a token", word);
    if (*used + len + 2 > sizeof spec->labels)
        return bl_fail(e, BL_E_LIMIT, "more labels than %d bytes", BL_LABELS_MAX);
    memcpy(spec->labels + *used, word, len);
    *used += len;
    spec->labels[(*used)++] = '\n';
    spec->labels[*used] = '\0';
    return 0;
}

static int get_labels(const bl_json *o, bl_spec *spec, bl_err *e)
{
    const bl_json *list;
    const char *word;
    size_t used = 0;
    int rc = bl_json_get(o, "labels", &list, e);
    for (size_t i = 0; rc == 0 && i < bl_json_size(list); i++) {
        if (bl_json_at(list, i) == NULL || !bl_json_as_str(bl_json_at(list, i), &word))
            return bl_fail(e, BL_E_FORMAT, "'labels' is not a list of strings");
        rc = add_label(spec, &used, word, e);
    }
    return rc;
}

static int get_flag(const bl_json *o, const char *key, int *flag, bl_err *e)
{
    int64_t value = 0;
    int rc = bl_json_has(o, key) ? bl_json_int(o, key, 1, 1, &value, e) : 0;
    *flag = (int)value;
    return rc;
}

int bl_header_get_spec(const bl_json *o, bl_spec *spec, bl_err *e)
{
    static const char *const keys[] = {"name",  "grid",    "chords",
                                       "key",   "degrees", "common_key",
                                       "pedal", "labels",  NULL};
    const char *name;
    int64_t grid;
    *spec = (bl_spec){0};
    int rc = bl_json_str(o, "name", &name, e);
    if (rc == 0)
        rc = bl_json_int(o, "grid", 0, GRID_MAX, &grid, e);
    if (rc == 0)
        rc = get_flag(o, "chords", &spec->chords, e);
    if (rc == 0)
        rc = get_flag(o, "key", &spec->key, e);
    if (rc == 0)
        rc = get_flag(o, "degrees", &spec->degrees, e);
    if (rc == 0)
        rc = get_flag(o, "common_key", &spec->common_key, e);
    if (rc == 0)
        rc = get_flag(o, "pedal", &spec->pedal, e);
    if (rc == 0 && bl_json_has(o, "labels"))
        rc = get_labels(o, spec, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    if (rc != 0)
        return rc;
    if (name[0] == '\0' || strlen(name) >= sizeof spec->scheme)
        return bl_fail(e, BL_E_FORMAT, "the tokenizer's name has %zu characters",
                       strlen(name));
    strcpy(spec->scheme, name);
    spec->grid = (int)grid;
    return 0;
}

int bl_header_set_kind(bl_json *o, const bl_tokens_kind *kind, bl_err *e)
{
    bl_json *tokenizer = bl_json_object(e);
    int rc =
        tokenizer == NULL ? BL_E_NOMEM : bl_header_set_spec(tokenizer, &kind->spec, e);
    if (rc != 0) {
        bl_json_del(tokenizer);
        return rc;
    }
    rc = bl_json_put(o, "tokenizer", tokenizer, e);
    if (rc == 0)
        rc = bl_json_set_str(o, "tokenizer_sha256", kind->sha256, e);
    return rc;
}

int bl_header_get_kind(const bl_json *o, bl_tokens_kind *kind, bl_err *e)
{
    const bl_json *tokenizer;
    int rc = bl_json_get(o, "tokenizer", &tokenizer, e);
    if (rc == 0)
        rc = bl_header_get_spec(tokenizer, &kind->spec, e);
    if (rc == 0)
        rc = bl_header_get_sha256(o, "tokenizer_sha256", kind->sha256, e);
    return rc;
}

int bl_header_get_kind_text(const bl_json *meta, bl_tokens_kind *kind, bl_err *e)
{
    const char *text;
    bl_json *o = NULL;
    int rc = bl_json_str(meta, "tokenizer", &text, e);
    if (rc == 0) {
        o = bl_json_parse(text, strlen(text), e);
        rc = o != NULL ? bl_header_get_spec(o, &kind->spec, e)
                       : bl_code_of(e, BL_E_FORMAT);
    }
    if (rc == 0)
        rc = bl_header_get_sha256(meta, "tokenizer_sha256", kind->sha256, e);
    bl_json_del(o);
    return rc;
}

/* ---- live streams ---- */

int bl_header_set_origin(bl_json *o, const bl_origin *origin, bl_err *e)
{
    if (origin->tempo == 0)
        return 0;
    int rc = bl_json_set_int(o, "t0", origin->t0, e);
    return rc == 0 ? bl_json_set_real(o, "tempo", origin->tempo, e) : rc;
}

int bl_header_get_origin(const bl_json *o, bl_origin *origin, bl_err *e)
{
    *origin = (bl_origin){0};
    if (!bl_json_has(o, "t0") && !bl_json_has(o, "tempo"))
        return 0;
    int rc = bl_json_int(o, "t0", 0, INT64_MAX, &origin->t0, e);
    if (rc == 0)
        rc = bl_json_real(o, "tempo", &origin->tempo, e);
    if (rc == 0 && !(origin->tempo >= 1 && origin->tempo <= 1000))
        rc = bl_fail(e, BL_E_FORMAT, "'tempo' is not from 1 to 1000 beats a minute");
    return rc;
}

/* ---- hashes ---- */

static int get_hex(const bl_json *o, const char *key, size_t digits, const char **hex,
                   bl_err *e)
{
    int rc = bl_json_str(o, key, hex, e);
    if (rc != 0)
        return rc;
    if (strlen(*hex) != digits || strspn(*hex, "0123456789abcdef") != digits)
        return bl_fail(e, BL_E_FORMAT, "'%s' is not %zu hexadecimal digits", key,
                       digits);
    return 0;
}

int bl_header_get_sha256(const bl_json *o, const char *key, bl_sha256 hex, bl_err *e)
{
    const char *text;
    int rc = get_hex(o, key, sizeof(bl_sha256) - 1, &text, e);
    if (rc == 0)
        memcpy(hex, text, sizeof(bl_sha256));
    return rc;
}

int bl_header_set_xxh3(bl_json *o, const char *key, uint64_t value, bl_err *e)
{
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, value);
    return bl_json_set_str(o, key, hex, e);
}

int bl_header_get_xxh3(const bl_json *o, const char *key, uint64_t *value, bl_err *e)
{
    const char *text;
    int rc = get_hex(o, key, 16, &text, e);
    if (rc == 0)
        *value = strtoull(text, NULL, 16);
    return rc;
}

/* ---- pieces ---- */

int bl_header_get_source(const bl_json *o, char **name, bl_sha256 sha256, bl_err *e)
{
    const char *text;
    int rc = bl_json_str(o, "name", &text, e);
    if (rc != 0)
        return rc;
    free(*name);
    *name = bl_name_decode(text, e);
    rc =
        *name == NULL ? bl_code_of(e, BL_E_FORMAT) : bl_json_str(o, "sha256", &text, e);
    if (rc != 0 || text[0] != '\0')
        return rc != 0 ? rc : bl_header_get_sha256(o, "sha256", sha256, e);
    sha256[0] = '\0';
    return 0;
}

int bl_header_check_fixes(const bl_json *o, bl_err *e)
{
    const bl_json *fixes, *value;
    int64_t x;
    if (!bl_json_has(o, "fixes"))
        return 0;
    int rc = bl_json_get(o, "fixes", &fixes, e);
    if (rc == 0 && !bl_json_is_object(fixes))
        rc = bl_fail(e, BL_E_FORMAT, "'fixes' is not an object");
    const char *key = rc == 0 ? bl_json_next(fixes, NULL, &value) : NULL;
    for (; rc == 0 && key != NULL; key = bl_json_next(fixes, key, &value))
        if (!bl_json_as_int(value, &x) || x < 0 || x > BL_COUNT_MAX)
            rc = bl_fail(e, BL_E_FORMAT, "'%.64s' of 'fixes' is not a count", key);
    return rc;
}

/* ---- the rest ---- */

int bl_header_set_pg(bl_json *o, const bl_json *pg, bl_err *e)
{
    if (pg == NULL)
        return 0;
    bl_json *copy = bl_json_copy(pg, e);
    return copy == NULL ? BL_E_NOMEM : bl_json_put(o, "pg", copy, e);
}

int bl_header_get_pg(const bl_json *o, bl_json **pg, bl_err *e)
{
    const bl_json *stated;
    *pg = NULL;
    if (!bl_json_has(o, "pg"))
        return 0;
    int rc = bl_json_get(o, "pg", &stated, e);
    if (rc == 0)
        rc = bl_prov_check(stated, e);
    if (rc == 0) {
        *pg = bl_json_copy(stated, e);
        rc = *pg == NULL ? BL_E_NOMEM : 0;
    }
    return rc;
}

int bl_header_write(const char *tag, const bl_json *o, bl_buf *out, bl_err *e)
{
    int rc = bl_buf_addf(out, e, "#%s ", tag);
    if (rc == 0)
        rc = bl_json_write(o, out, e);
    if (rc == 0)
        rc = bl_buf_addc(out, '\n', e);
    return rc;
}
