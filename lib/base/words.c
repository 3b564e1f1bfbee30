/* words.c - see words.h. Indexed by XXH3, names in one block. */
#include "base/words.h"
#include "base/index.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t start;
    uint32_t len;
} span;

struct bl_words {
    bl_buf text; /* the names, each with its NUL */
    span *spans;
    size_t n, cap;
    bl_index index;
};

bl_words *bl_words_new(bl_err *e)
{
    return bl_calloc(1, sizeof(bl_words), e);
}

void bl_words_del(bl_words *w)
{
    if (w == NULL)
        return;
    bl_buf_free(&w->text);
    free(w->spans);
    bl_index_free(&w->index);
    free(w);
}

int bl_word_is_valid(const char *name, size_t len)
{
    if (len < 1 || len > BL_WORD_MAX)
        return 0;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        int alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || strchr("_#/.+:-", c) == NULL))
            return 0;
    }
    return name[0] != '#'; /* '#' starts the lines that are not music */
}

static int find(const bl_words *w, uint64_t key, const char *name, size_t len)
{
    size_t at = bl_index_start(&w->index, key);
    int64_t id;
    while ((id = bl_index_next(&w->index, key, &at)) >= 0) {
        const span *s = &w->spans[id];
        if (s->len == len && memcmp(w->text.data + s->start, name, len) == 0)
            break;
    }
    return (int)id;
}

int bl_words_add(bl_words *w, const char *name, size_t len, bl_err *e)
{
    if (!bl_word_is_valid(name, len))
        return bl_fail(e, BL_E_FORMAT, "bad token name '%.*s'",
                       (int)(len > BL_WORD_MAX ? BL_WORD_MAX : len), name);
    if (w->n >= BL_WORDS_MAX)
        return bl_fail(e, BL_E_LIMIT, "more than %d tokens", BL_WORDS_MAX);
    uint64_t key = bl_xxh3(name, len);
    if (find(w, key, name, len) >= 0)
        return bl_fail(e, BL_E_FORMAT, "token '%.*s' stands twice: each has one id",
                       (int)len, name);
    void *p = w->spans;
    int rc = bl_grow(&p, &w->cap, w->n + 1, sizeof *w->spans, e);
    w->spans = p;
    if (rc != 0)
        return rc;
    size_t start = w->text.len;
    rc = bl_buf_add(&w->text, name, len, e);
    if (rc == 0)
        rc = bl_buf_addc(&w->text, '\0', e);
    if (rc == 0)
        rc = bl_index_add(&w->index, key, w->n, e);
    if (rc == 0)
        w->spans[w->n++] = (span){(uint32_t)start, (uint32_t)len};
    return rc;
}

size_t bl_words_size(const bl_words *w)
{
    return w->n;
}

const char *bl_words_name(const bl_words *w, size_t id)
{
    return (const char *)w->text.data + w->spans[id].start;
}

size_t bl_words_len(const bl_words *w, size_t id)
{
    return w->spans[id].len;
}

int bl_words_find(const bl_words *w, const char *name, size_t len)
{
    return find(w, bl_xxh3(name, len), name, len);
}

int bl_words_sha256(const bl_words *w, bl_sha256 hex, bl_err *e)
{
    bl_buf lines = {0};
    int rc = bl_buf_add(&lines, w->text.data, w->text.len, e);
    if (rc == 0) {
        for (size_t i = 0; i < lines.len; i++)
            if (lines.data[i] == '\0')
                lines.data[i] = '\n';
        bl_sha256_of(lines.data, lines.len, hex);
    }
    bl_buf_free(&lines);
    return rc;
}
