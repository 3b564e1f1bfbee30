/* vocabulary.c - see vocabulary.h. */
#include "io/vocabulary.h"
#include "io/file.h"
#include "io/header.h"
#include "io/zio.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_MAX = 1 << 20, ROW_MAX = 128 };

static int check_specials(const bl_words *words, bl_err *e)
{
    static const char *const specials[] = {"PAD", "BOS", "EOS", "MASK"};
    for (size_t i = 0; i < BL_COUNT(specials); i++)
        if (i >= bl_words_size(words) ||
            strcmp(bl_words_name(words, i), specials[i]) != 0)
            return bl_fail(e, BL_E_FORMAT, "token %zu is not '%s'", i, specials[i]);
    return 0;
}

int bl_vocab_make(bl_vocab *v, bl_words *words, uint64_t *count,
                  const bl_tokens_kind *kind, bl_err *e)
{
    *v = (bl_vocab){.kind = *kind};
    int rc = check_specials(words, e);
    if (rc == 0)
        rc = bl_words_sha256(words, v->sha256, e);
    if (rc != 0)
        return rc;
    v->words = words;
    v->count = count;
    return 0;
}

/* ---- writing ---- */

static int format_header(const bl_vocab *v, const bl_json *pg, bl_buf *out, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : bl_json_set_str(o, "schema", BL_VOCAB_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "size", (int64_t)bl_words_size(v->words), e);
    if (rc == 0)
        rc = bl_json_set_str(o, "tokens_sha256", v->sha256, e);
    if (rc == 0)
        rc = bl_header_set_kind(o, &v->kind, e);
    if (rc == 0)
        rc = bl_header_set_pg(o, pg, e);
    if (rc == 0)
        rc = bl_header_write("vocab", o, out, e);
    bl_json_del(o);
    return rc;
}

int bl_vocab_write(const bl_vocab *v, int fd, const bl_json *pg, bl_err *e)
{
    bl_buf text = {0};
    int rc = format_header(v, pg, &text, e);
    for (size_t id = 0; id < bl_words_size(v->words) && rc == 0; id++)
        rc = bl_buf_addf(&text, e, "%zu\t%s\t%" PRIu64 "\n", id,
                         bl_words_name(v->words, id), v->count[id]);
    if (rc == 0)
        rc = bl_write_all(fd, text.data, text.len, e);
    bl_buf_free(&text);
    return rc;
}

/* ---- reading ---- */

typedef struct {
    bl_zr *zr;
    bl_words *words;
    uint64_t *count; /* [cap] */
    size_t cap;
    size_t size; /* as the header states it */
    bl_sha256 sha256;
    bl_tokens_kind kind;
    bl_json *pg;
} reader;

static int read_header(reader *r, bl_err *e)
{
    static const char *const keys[] = {
        "schema", "size", "tokens_sha256", "tokenizer", "tokenizer_sha256", "pg", NULL};
    const char *line;
    size_t len;
    char first;
    int64_t size = 0, n = bl_zr_peek(r->zr, &first, 1, e);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return bl_fail(e, BL_E_TRUNC, "the input is empty");
    if (first != '#')
        return bl_fail(e, BL_E_FORMAT, "not a vocabulary");
    bl_json *o = NULL;
    int rc = bl_zr_line(r->zr, &line, &len, HEADER_MAX, e);
    if (rc > 0)
        rc = bl_header_parse(&o, line, len, "vocab", e);
    if (rc == 0)
        rc = bl_header_schema(o, BL_VOCAB_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_int(o, "size", 1, BL_WORDS_MAX, &size, e);
    if (rc == 0)
        rc = bl_header_get_sha256(o, "tokens_sha256", r->sha256, e);
    if (rc == 0)
        rc = bl_header_get_kind(o, &r->kind, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    if (rc == 0)
        rc = bl_header_get_pg(o, &r->pg, e);
    bl_json_del(o);
    r->size = (size_t)size;
    return rc;
}

/* Reads a decimal number without sign or leading zeros that ends in `end`. Returns
 * what stands behind, or NULL. */
static const char *parse_count(const char *p, char end, uint64_t *value)
{
    uint64_t x = 0;
    const char *first = p;
    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (x > ((uint64_t)INT64_MAX - digit) / 10)
            return NULL;
        x = 10 * x + digit;
    }
    if (p == first || (*first == '0' && p > first + 1) || *p != end)
        return NULL;
    *value = x;
    return p + 1;
}

static int read_row(reader *r, size_t id, bl_err *e)
{
    const char *line, *token, *tab;
    uint64_t stated, count;
    size_t len;
    int rc = bl_zr_line(r->zr, &line, &len, ROW_MAX, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return bl_fail(e, BL_E_TRUNC, "%zu tokens follow, not %zu", id, r->size);
    token = parse_count(line, '\t', &stated);
    if (token == NULL || stated != id)
        return bl_fail(e, BL_E_FORMAT, "the line does not begin with the id %zu", id);
    tab = strchr(token, '\t');
    if (tab == NULL || parse_count(tab + 1, '\0', &count) == NULL)
        return bl_fail(e, BL_E_FORMAT, "the line is not 'id TAB token TAB count'");
    rc = bl_words_add(r->words, token, (size_t)(tab - token), e);
    void *array = r->count;
    if (rc == 0)
        rc = bl_grow(&array, &r->cap, id + 1, sizeof *r->count, e);
    r->count = array;
    if (rc == 0)
        r->count[id] = count;
    return rc;
}

static int read_rows(reader *r, bl_vocab *v, bl_err *e)
{
    const char *line;
    size_t len;
    int rc = 0;
    for (size_t id = 0; id < r->size && rc == 0; id++)
        rc = read_row(r, id, e);
    if (rc == 0)
        rc = bl_zr_line(r->zr, &line, &len, ROW_MAX, e);
    if (rc > 0)
        rc = bl_fail(e, BL_E_FORMAT, "more than the stated %zu tokens", r->size);
    if (rc == 0)
        rc = bl_vocab_make(v, r->words, r->count, &r->kind, e);
    if (rc != 0)
        return rc;
    r->words = NULL;
    r->count = NULL;
    if (strcmp(v->sha256, r->sha256) != 0)
        return bl_fail(e, BL_E_CORRUPT, "the tokens do not match their hash");
    v->pg = r->pg;
    r->pg = NULL;
    return 0;
}

int bl_vocab_read(bl_vocab *v, int fd, const char *name, bl_err *e)
{
    reader r = {0};
    *v = (bl_vocab){0};
    r.words = bl_words_new(e);
    int rc = r.words == NULL ? BL_E_NOMEM : bl_zr_new(&r.zr, fd, e);
    if (rc == 0) {
        rc = read_header(&r, e);
        if (rc == 0)
            rc = read_rows(&r, v, e);
        if (rc != 0 && e != NULL && e->line == 0 && e->offset < 0)
            e->line = (int64_t)bl_zr_lines(r.zr);
    }
    if (rc != 0) {
        bl_err_in(e, name);
        bl_vocab_free(v);
    }
    bl_zr_del(r.zr);
    bl_words_del(r.words);
    bl_json_del(r.pg);
    free(r.count);
    return rc;
}

int bl_vocab_load(bl_vocab *v, const char *path, bl_err *e)
{
    int fd;
    *v = (bl_vocab){0};
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_vocab_read(v, fd, path, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

void bl_vocab_free(bl_vocab *v)
{
    bl_words_del(v->words);
    bl_json_del(v->pg);
    free(v->count);
    *v = (bl_vocab){0};
}

void bl_vocab_map(const bl_vocab *v, const bl_words *scheme_words, int32_t *map)
{
    for (size_t id = 0; id < bl_words_size(scheme_words); id++)
        map[id] = bl_words_find(v->words, bl_words_name(scheme_words, id),
                                bl_words_len(scheme_words, id));
}
