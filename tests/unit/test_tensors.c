/* test_tensors.c - safetensors: the bytes that are written, and hostile headers. */
#include <stdlib.h>
#include <string.h>

#include "io/tensors.h"
#include "tap.h"
#include "tempfd.h"

static float weights[6] = {1, 2, 3, 4, 5, 6};
static int64_t offsets[3] = {0, 1, -1};
static uint16_t tokens[5] = {9, 8, 7, 6, 5};
static uint8_t flag[1] = {1};

static int make_four(bl_tensor t[4])
{
    int64_t two_three[] = {2, 3}, three = 3, five = 5, zero_two[] = {0, 2};
    return bl_tensor_make(&t[0], "b", BL_U16, 1, &five, tokens, NULL) |
           bl_tensor_make(&t[1], "w", BL_F32, 2, two_three, weights, NULL) |
           bl_tensor_make(&t[2], "empty", BL_F32, 2, zero_two, NULL, NULL) |
           bl_tensor_make(&t[3], "a", BL_I64, 1, &three, offsets, NULL);
}

/* The four, `times` records back to back. */
static bl_buf write_four(int level, int times)
{
    bl_tensor t[4];
    bl_zw *w = NULL;
    int fd = temp_fd();
    bl_json *meta = bl_json_object(NULL);
    int rc = make_four(t) | bl_json_set_str(meta, "k", "v", NULL);
    if (rc == 0)
        rc = bl_zw_new(&w, fd, level, NULL);
    for (int i = 0; i < times && rc == 0; i++)
        rc = bl_tensors_write(w, t, 4, meta, NULL);
    if (rc == 0)
        rc = bl_zw_end_frame(w, NULL);
    if (rc != 0)
        exit(1);
    bl_zw_del(w);
    bl_json_del(meta);
    bl_buf b = temp_bytes(fd);
    close(fd);
    return b;
}

static void test_layout(void)
{
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"},"
        "\"a\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[0,24]},"
        "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,2],\"data_offsets\":[24,24]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
        "\"b\":{\"dtype\":\"U16\",\"shape\":[5],\"data_offsets\":[48,58]}}";
    bl_buf b = write_four(0, 1);
    uint64_t n;
    memcpy(&n, b.data, sizeof n);
    ok(n + 8 == 4096, "tensors: the data begin at a page");
    ok(memcmp(b.data + 8, header, strlen(header)) == 0 && b.data[4095] == ' ',
       "tensors: the header lists them in data order, padded with blanks");
    ok(b.len == 4096 + 58 && memcmp(b.data + 4096, offsets, 24) == 0 &&
           memcmp(b.data + 4120, weights, 24) == 0 &&
           memcmp(b.data + 4144, tokens, 10) == 0,
       "tensors: the data follow without a hole");
    bl_buf_free(&b);
}

/* Reads a stream of the four. Returns the number of records, or an error. */
static int count_records(const bl_buf *b)
{
    bl_zr *r = NULL;
    bl_tensors_head h;
    uint8_t data[64];
    int fd = temp_with(b->data, b->len), n = 0;
    int rc = bl_zr_new(&r, fd, NULL);
    while (rc == 0 && (rc = bl_tensors_read_head(r, &h, NULL)) == 1) {
        const bl_tensor *w = bl_tensors_find(&h, "w");
        rc = h.n == 4 && h.bytes == 58 && w != NULL && w->ndim == 2 &&
                     w->shape[1] == 3 && strcmp(h.t[3].name, "b") == 0 &&
                     bl_json_has(h.meta, "k") && bl_tensors_find(&h, "k") == NULL
                 ? 0
                 : -1;
        for (size_t i = 0; i < h.n && rc == 0; i++)
            rc = bl_zr_read_exact(r, data, h.t[i].bytes, NULL) == 1 ? 0 : BL_E_TRUNC;
        if (rc == 0 && memcmp(data, tokens, sizeof tokens) != 0)
            rc = -1;
        bl_tensors_head_free(&h);
        n++;
    }
    bl_zr_del(r);
    close(fd);
    return rc < 0 ? rc : n;
}

static void test_records(void)
{
    for (int level = 0; level <= 5; level += 5) {
        bl_buf b = write_four(level, 3);
        ok(count_records(&b) == 3, "tensors: three records, level %d", level);
        size_t whole = b.len;
        int refused = 1;
        for (size_t cut = 1; cut < whole; cut += level == 0 ? 7 : 1) {
            b.len = cut;
            if (level > 0 || cut % (whole / 3) != 0) /* bare, a border is a clean end */
                refused &= count_records(&b) == BL_E_TRUNC;
        }
        ok(refused, "tensors: cut inside a record, level %d", level);
        bl_buf_free(&b);
    }
    bl_buf none = {0};
    ok(count_records(&none) == 0, "tensors: nothing is no record");
}

static void test_make(void)
{
    bl_tensor t[2];
    int64_t huge[] = {INT64_MAX, 2}, minus = -1, one = 1, dims[9] = {1};
    char name[300];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    ok(bl_tensor_make(t, "x", BL_F32, 2, huge, NULL, NULL) == BL_E_LIMIT &&
           bl_tensor_make(t, "x", BL_U8, 1, &minus, NULL, NULL) == BL_E_LIMIT &&
           bl_tensor_make(t, "x", BL_U8, 9, dims, NULL, NULL) == BL_E_LIMIT &&
           bl_tensor_make(t, name, BL_U8, 1, &one, NULL, NULL) == BL_E_LIMIT &&
           bl_tensor_make(t, "", BL_U8, 1, &one, NULL, NULL) == BL_E_LIMIT,
       "tensors: shapes and names that do not fit");
    ok(bl_tensor_make(t, "x", BL_F64, 0, NULL, NULL, NULL) == 0 && t[0].bytes == 8,
       "tensors: a scalar");
    bl_zw *w;
    int fd = temp_fd();
    int rc = bl_zw_new(&w, fd, 0, NULL);
    rc |= bl_tensor_make(&t[0], "x", BL_U8, 1, &one, flag, NULL) |
          bl_tensor_make(&t[1], "x", BL_U8, 1, &one, flag, NULL);
    ok(rc == 0 && bl_tensors_write(w, t, 2, NULL, NULL) == BL_E_ARG,
       "tensors: the same name twice");
    bl_zw_del(w);
    close(fd);
    for (int i = 0; i < BL_N_DTYPES; i++)
        ok(bl_dtype_name((bl_dtype)i)[1] != '\0' && bl_dtype_size((bl_dtype)i) <= 8,
           "tensors: type %s has %zu bytes", bl_dtype_name((bl_dtype)i),
           bl_dtype_size((bl_dtype)i));
}

/* ---- headers that others may write ---- */

/* What reading a header of this text gives; *n the number of tensors. */
static int head_of(const char *json, uint64_t stated, size_t *n, bl_err *e)
{
    bl_buf b = {0};
    bl_zr *r = NULL;
    bl_tensors_head h;
    *e = BL_ERR_INIT;
    if (bl_buf_add(&b, &stated, sizeof stated, NULL) != 0 ||
        bl_buf_adds(&b, json, NULL) != 0)
        exit(1);
    int fd = temp_with(b.data, b.len);
    int rc = bl_zr_new(&r, fd, e);
    if (rc == 0)
        rc = bl_tensors_read_head(r, &h, e);
    if (rc == 1) {
        *n = h.n;
        bl_tensors_head_free(&h);
    }
    bl_zr_del(r);
    close(fd);
    bl_buf_free(&b);
    return rc;
}

#define T(name, dtype, shape, range)                                                   \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape                           \
    ",\"data_offsets\":" range "}"

static void test_good_heads(void)
{
    static const char *const good[] = {
        "{}",
        "{\"__metadata__\":{}}   ",
        "{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U16", "[]", "[2,4]") "}",
        "{" T("b", "U16", "[1]", "[2,4]") "," T("a", "U8", "[2]", "[0,2]") "}",
        "{" T("z", "U8", "[0]", "[2,2]") "," T("a", "U8", "[2]", "[0,2]") "," T(
            "b", "U8", "[1,1,1,1,1,1,1,1]", "[2,3]") "}",
    };
    static const size_t tensors[] = {0, 0, 2, 2, 3};
    bl_err e;
    for (size_t i = 0; i < BL_COUNT(good); i++) {
        size_t n = 99;
        ok(head_of(good[i], strlen(good[i]), &n, &e) == 1 && n == tensors[i],
           "tensors: good header %zu (%s)", i, e.text);
    }
}

static void test_bad_heads(void)
{
    static const char *const bad[] = {
        " {}",
        "[]",
        "{\"a\":1}",
        "{\"a\":{}}",
        "{\"__metadata__\":1}",
        "{\"__metadata__\":[]}",
        "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":{\"a\":{}}}",
        "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}",
        "{" T("", "U8", "[2]", "[0,2]") "}",
        "{" T("a", "U8", "[2]", "[0,2]") "," T("a", "U8", "[2]", "[2,4]") "}",
        "{" T("a", "F8_E4M3", "[2]", "[0,2]") "}",
        "{" T("a", "u8", "[2]", "[0,2]") "}",
        "{" T("a", "U8", "[2]", "[1,3]") "}",
        "{" T("a", "U8", "[2]", "[0,1]") "}",
        "{" T("a", "U8", "[2]", "[0,3]") "}",
        "{" T("a", "U8", "[2]", "[2,0]") "}",
        "{" T("a", "U8", "[2]", "[0]") "}",
        "{" T("a", "U8", "[2]", "[0,2,2]") "}",
        "{" T("a", "U8", "[2]", "[-2,0]") "}",
        "{" T("a", "U8", "[2]", "[0.0,2.0]") "}",
        "{" T("a", "U8", "[2]", "\"02\"") "}",
        "{" T("a", "U8", "[-2]", "[0,2]") "}",
        "{" T("a", "U8", "[2.0]", "[0,2]") "}",
        "{" T("a", "U8", "2", "[0,2]") "}",
        "{" T("a", "U8", "{}", "[0,1]") "}",
        "{" T("a", "U8", "[true]", "[0,1]") "}",
        "{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}",
        "{" T("a", "F32", "[4611686018427387904,4]", "[0,0]") "}",
        "{" T("a", "F64", "[2305843009213693952]", "[0,0]") "}",
        "{" T("a", "U8", "[9223372036854775807]", "[1,0]") "}",
        "{" T("a", "U8", "[9223372036854775808]", "[0,1]") "}",
        "{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[1,3]") "}",
        "{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[0,2]") "}",
        "{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[3,5]") "}",
        "{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[0]", "[1,1]") "}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"x-more\":1}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}",
        "{\"a\":{\"shape\":[2],\"data_offsets\":[0,2]}}",
        "{}x",
        "{\"a\":",
    };
    bl_err e;
    size_t n;
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        int rc = head_of(bad[i], strlen(bad[i]), &n, &e);
        ok(rc == BL_E_FORMAT || rc == BL_E_LIMIT, "tensors: bad header %zu: %s", i,
           e.text);
    }
    ok(head_of("{}", 1 << 24, &n, &e) == BL_E_TRUNC,
       "tensors: a header of 16 MiB, not there");
    ok(head_of("{}", (1 << 24) + 1, &n, &e) == BL_E_FORMAT, "tensors: a longer header");
    ok(head_of("{}", UINT64_MAX, &n, &e) == BL_E_FORMAT, "tensors: the longest");
    ok(head_of("{}", 1, &n, &e) == BL_E_FORMAT, "tensors: a header of one byte");
    ok(head_of("{}", 3, &n, &e) == BL_E_TRUNC, "tensors: a header cut");
}

static void test_many(void)
{
    bl_buf b = {0};
    bl_err e;
    size_t n = 0;
    int rc = bl_buf_addc(&b, '{', NULL);
    for (int i = 0; i < 40000; i++)
        rc |= bl_buf_addf(&b, NULL,
                          "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":"
                          "[0,0]}",
                          i == 0 ? "" : ",", i);
    rc |= bl_buf_addc(&b, '}', NULL);
    ok(rc == 0 && head_of(bl_buf_str(&b, NULL), b.len, &n, &e) == BL_E_LIMIT,
       "tensors: more than anything has");
    bl_buf_free(&b);
}

int main(void)
{
    test_layout();
    test_records();
    test_make();
    test_good_heads();
    test_bad_heads();
    test_many();
    return tap_done();
}
