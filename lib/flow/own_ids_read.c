/* own_ids_read.c - see own_ids_read.h. */
#include "flow/own_ids_read.h"

#include "io/file.h"
#include "io/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 30, WORD_MAX = 1 << 16, PADDING = -1 };

static const char npy_magic[] = "\x93NUMPY";

/* ---- pieces ---- */

static int add_id(bl_own_pieces *p, int64_t id, bl_err *e)
{
    void *array = p->id;
    if (id < 0 || id >= BL_TOKEN_NAMES_MAX)
        return bl_fail(e, BL_E_LIMIT, "the id %lld is not within 0..%d", (long long)id,
                       BL_TOKEN_NAMES_MAX - 1);
    int rc = bl_grow(&array, &p->n_cap, p->n + 1, sizeof *p->id, e);
    p->id = array;
    if (rc != 0)
        return rc;
    p->id[p->n++] = (int32_t)id;
    if (id >= p->highest)
        p->highest = (int32_t)id;
    return 0;
}

/* What stands since the last piece is one, unless it is nothing. */
static int end_piece(bl_own_pieces *p, bl_err *e)
{
    void *array = p->end;
    size_t start = p->pieces > 0 ? p->end[p->pieces - 1] : 0;
    if (p->n == start)
        return 0;
    int rc = bl_grow(&array, &p->end_cap, p->pieces + 1, sizeof *p->end, e);
    p->end = array;
    if (rc == 0)
        p->end[p->pieces++] = p->n;
    return rc;
}

void bl_own_pieces_free(bl_own_pieces *p)
{
    free(p->id);
    free(p->end);
    *p = (bl_own_pieces){0};
}

static int add_name(bl_own_pieces *p, const bl_token_names *names, const char *name,
                    bl_err *e)
{
    int64_t id = bl_token_names_find(names, name);
    char *end;
    if (id < 0 && name[0] >= '0' && name[0] <= '9') {
        id = strtoll(name, &end, 10);
        if (*end != '\0')
            id = -1;
    }
    if (id < 0)
        return bl_fail(e, BL_E_FORMAT,
                       names->n > 0
                           ? "'%.64s' is not in the vocabulary"
                           : "'%.64s' is no number; --vocab FILE says what names mean",
                       name);
    return add_id(p, id, e);
}

/* ---- NumPy, format 1 to 3 ---- */

typedef struct {
    int size, is_signed;
    uint64_t rows, cols;
    size_t start; /* of the numbers */
} npy;

static const char *value_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    return at + strspn(at, " :");
}

static int read_shape(const char *text, npy *a, bl_err *e)
{
    unsigned long long d[3] = {0};
    int n = sscanf(text, "(%llu , %llu , %llu", &d[0], &d[1], &d[2]);
    if (n < 1 || n > 2)
        return bl_fail(e, BL_E_FORMAT, "the array has not one or two dimensions");
    a->rows = n == 1 ? 1 : d[0];
    a->cols = n == 1 ? d[0] : d[1];
    if (a->rows > 0 && a->cols == 0)
        return bl_fail(e, BL_E_FORMAT, "the array has rows without a number");
    return 0;
}

static int read_npy_head(const bl_buf *file, npy *a, bl_err *e)
{
    char text[1024];
    size_t length = 0, at = file->len > 8 && file->data[6] > 1 ? 12 : 10;
    if (file->len < at)
        return bl_fail(e, BL_E_TRUNC, "the file ends inside its header");
    if (file->data[6] < 1 || file->data[6] > 3)
        return bl_fail(e, BL_E_VERSION, "the array is of format %d; 1 to 3 are read",
                       file->data[6]);
    for (size_t i = at; i > 8; i--)
        length = length << 8 | file->data[i - 1];
    if (length >= sizeof text || length > file->len - at)
        return bl_fail(e, BL_E_FORMAT, "the header of the array has %zu bytes", length);
    memcpy(text, file->data + at, length);
    text[length] = '\0';
    a->start = at + length;
    const char *type = value_of(text, "'descr'"), *shape = value_of(text, "'shape'"),
               *order = value_of(text, "'fortran_order'");
    if (type == NULL || shape == NULL || order == NULL || strlen(type) < 4)
        return bl_fail(e, BL_E_FORMAT, "the header says neither type nor shape");
    a->is_signed = type[2] == 'i';
    a->size = type[3] - '0';
    if ((type[1] != '<' && type[1] != '|') || (type[2] != 'i' && type[2] != 'u') ||
        type[4] != '\'' || strchr("1248", type[3]) == NULL)
        return bl_fail(e, BL_E_FORMAT,
                       "the array is of type %.5s: whole numbers are read, the low "
                       "byte first",
                       type);
    int rc = read_shape(shape, a, e);
    if (rc == 0 && a->rows > 1 && strncmp(order, "True", 4) == 0)
        rc = bl_fail(e, BL_E_FORMAT, "the array is in Fortran's order");
    uint64_t numbers, bytes;
    if (rc == 0 && (__builtin_mul_overflow(a->rows, a->cols, &numbers) ||
                    __builtin_mul_overflow(numbers, (uint64_t)a->size, &bytes) ||
                    bytes != file->len - a->start))
        rc = bl_fail(e, BL_E_FORMAT, "the array has not as many bytes as its shape");
    return rc;
}

/* What is too large for its type here is too large for an id. */
static int64_t number_at(const bl_buf *file, const npy *a, uint64_t i)
{
    uint64_t x = 0;
    const uint8_t *p = file->data + a->start + i * (uint64_t)a->size;
    for (int k = a->size; k > 0; k--)
        x = x << 8 | p[k - 1];
    if (a->is_signed && a->size < 8 && x >> (8 * a->size - 1) != 0)
        x |= UINT64_MAX << 8 * a->size;
    return !a->is_signed && x > INT64_MAX ? INT64_MAX : (int64_t)x;
}

static int read_npy(bl_own_pieces *p, const bl_buf *file, bl_err *e)
{
    npy a;
    int rc = read_npy_head(file, &a, e);
    for (uint64_t r = 0; rc == 0 && r < a.rows; r++) {
        uint64_t cols = a.cols, first = r * a.cols;
        while (cols > 0 && number_at(file, &a, first + cols - 1) <= PADDING)
            cols--;
        for (uint64_t c = 0; c < cols && rc == 0; c++)
            rc = add_id(p, number_at(file, &a, first + c), e);
        if (rc == 0)
            rc = end_piece(p, e);
    }
    return rc;
}

/* ---- JSON ---- */

static int add_list(bl_own_pieces *p, const bl_token_names *names, const bl_json *list,
                    int depth, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < bl_json_size(list) && rc == 0; i++) {
        const bl_json *one = bl_json_at(list, i);
        const char *name;
        int64_t id;
        if (bl_json_is_array(one) && depth == 0)
            rc = add_list(p, names, one, 1, e);
        else if (bl_json_as_int(one, &id))
            rc = add_id(p, id, e);
        else if (bl_json_as_str(one, &name))
            rc = add_name(p, names, name, e);
        else
            rc = bl_fail(e, BL_E_FORMAT,
                         "the list holds neither ids nor names; several ids at a place "
                         "are not read");
    }
    return rc == 0 ? end_piece(p, e) : rc;
}

/* A bare list is read as {"ids": list}. */
static int read_json(bl_own_pieces *p, const bl_token_names *names, const bl_buf *file,
                     bl_err *e)
{
    static const char *const keys[] = {"ids", "tokens"};
    const bl_json *list = NULL;
    bl_buf text = {0};
    int is_list = file->data[0] == '[';
    int rc = is_list ? bl_buf_adds(&text, "{\"ids\":", e) : 0;
    if (rc == 0)
        rc = bl_buf_add(&text, file->data, file->len, e);
    if (rc == 0 && is_list)
        rc = bl_buf_addc(&text, '}', e);
    bl_json *o = rc == 0 ? bl_json_parse((const char *)text.data, text.len, e) : NULL;
    if (rc == 0 && o == NULL)
        rc = bl_code_of(e, BL_E_FORMAT);
    for (size_t i = 0; i < BL_COUNT(keys) && rc == 0 && list == NULL; i++)
        if (bl_json_has(o, keys[i]))
            rc = bl_json_get(o, keys[i], &list, e);
    if (rc == 0 && (list == NULL || !bl_json_is_array(list)))
        rc = bl_fail(e, BL_E_FORMAT, "no list 'ids' or 'tokens' is in the object");
    if (rc == 0)
        rc = add_list(p, names, list, 0, e);
    bl_json_del(o);
    bl_buf_free(&text);
    return rc;
}

/* ---- text ---- */

static int read_line(bl_own_pieces *p, const bl_token_names *names, char *line,
                     bl_err *e)
{
    int rc = 0;
    char *save = NULL;
    for (char *word = strtok_r(line, " \t\r,", &save); word != NULL && rc == 0;
         word = strtok_r(NULL, " \t\r,", &save))
        rc = add_name(p, names, word, e);
    return rc == 0 ? end_piece(p, e) : rc;
}

static int read_text(bl_own_pieces *p, const bl_token_names *names, bl_buf *file,
                     bl_err *e)
{
    int64_t number = 1;
    const uint8_t *nul = file->len > 0 ? memchr(file->data, '\0', file->len) : NULL;
    if (nul != NULL)
        return bl_fail_at(e, BL_E_FORMAT, nul - file->data,
                          "a zero byte: this is neither text nor an array");
    int rc = bl_buf_addc(file, '\0', e);
    for (char *line = (char *)file->data; rc == 0 && line != NULL; number++) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        rc = read_line(p, names, line, e);
        line = end != NULL ? end + 1 : NULL;
    }
    if (rc != 0 && e != NULL && e->line == 0)
        e->line = number - 1;
    return rc;
}

int bl_own_pieces_read(bl_own_pieces *p, const bl_token_names *names, const char *path,
                       bl_err *e)
{
    bl_buf file = {0};
    int fd;
    if (p->pieces == 0)
        p->highest = -1;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &file, FILE_MAX, e);
    if (fd != STDIN_FILENO)
        close(fd);
    size_t before = p->pieces, magic = sizeof npy_magic - 1;
    if (rc == 0 && file.len > magic && memcmp(file.data, npy_magic, magic) == 0)
        rc = read_npy(p, &file, e);
    else if (rc == 0 && file.len > 0 && (file.data[0] == '{' || file.data[0] == '['))
        rc = read_json(p, names, &file, e);
    else if (rc == 0)
        rc = read_text(p, names, &file, e);
    if (rc == 0 && p->pieces == before)
        rc = bl_fail(e, BL_E_FORMAT, "no ids are in it");
    bl_buf_free(&file);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}
