/* words.c - see words.h. Open addressing over XXH3, names in one block. */
#include "base/words.h"
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
    uint32_t *slots; /* id + 1, 0 where free */
    size_t n_slots;  /* a power of two, at least 2 n */
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
    free(w->slots);
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

/* The slot that holds the name, or the free slot where it belongs. */
static size_t slot_of(const bl_words *w, const char *name, size_t len)
{
    size_t mask = w->n_slots - 1;
    size_t i = (size_t)bl_xxh3(name, len) & mask;
    while (w->slots[i] != 0) {
        const span *s = &w->spans[w->slots[i] - 1];
        if (s->len == len && memcmp(w->text.data + s->start, name, len) == 0)
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static int grow_slots(bl_words *w, bl_err *e)
{
    if (w->n_slots >= 2 * (w->n + 1))
        return 0;
    size_t n_slots = w->n_slots == 0 ? 1024 : 2 * w->n_slots;
    uint32_t *slots = bl_calloc(n_slots, sizeof *slots, e);
    if (slots == NULL)
        return BL_E_NOMEM;
    free(w->slots);
    w->slots = slots;
    w->n_slots = n_slots;
    for (size_t id = 0; id < w->n; id++)
        w->slots[slot_of(w, bl_words_name(w, id), w->spans[id].len)] = (uint32_t)id + 1;
    return 0;
}

int bl_words_add(bl_words *w, const char *name, size_t len, bl_err *e)
{
    if (!bl_word_is_valid(name, len))
        return bl_fail(e, BL_E_FORMAT, "bad token name '%.*s'",
                       (int)(len > BL_WORD_MAX ? BL_WORD_MAX : len), name);
    if (w->n >= BL_WORDS_MAX)
        return bl_fail(e, BL_E_LIMIT, "more than %d tokens", BL_WORDS_MAX);
    int rc = grow_slots(w, e);
    if (rc != 0)
        return rc;
    size_t slot = slot_of(w, name, len);
    if (w->slots[slot] != 0)
        return bl_fail(e, BL_E_FORMAT, "token '%.*s' stands twice", (int)len, name);
    void *p = w->spans;
    rc = bl_grow(&p, &w->cap, w->n + 1, sizeof *w->spans, e);
    w->spans = p;
    if (rc != 0)
        return rc;
    size_t start = w->text.len;
    rc = bl_buf_add(&w->text, name, len, e);
    if (rc == 0)
        rc = bl_buf_addc(&w->text, '\0', e);
    if (rc != 0)
        return rc;
    w->spans[w->n] = (span){(uint32_t)start, (uint32_t)len};
    w->slots[slot] = (uint32_t)++w->n;
    return 0;
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
    if (w->n_slots == 0)
        return -1;
    return (int)w->slots[slot_of(w, name, len)] - 1;
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
