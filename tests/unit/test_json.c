/* test_json.c - JSON text, and the chain of programs made of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/prov.h"
#include "tap.h"

static int refuses(const char *text)
{
    bl_err e = BL_ERR_INIT;
    bl_json *o = bl_json_parse(text, strlen(text), &e);
    bl_json_del(o);
    return o == NULL && e.code == BL_E_FORMAT;
}

/* 1 if the value writes as this text. */
static int writes(const bl_json *j, const char *text)
{
    bl_buf b = {0};
    int same = bl_json_write(j, &b, NULL) == 0 && b.len == strlen(text) &&
               memcmp(b.data, text, b.len) == 0;
    if (!same)
        printf("# wrote %.*s\n", (int)b.len, (const char *)b.data);
    bl_buf_free(&b);
    return same;
}

static int comes_back(const char *text)
{
    bl_json *o = bl_json_parse(text, strlen(text), NULL);
    int same = o != NULL && writes(o, text);
    bl_json_del(o);
    return same;
}

static void test_refusals(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1}x",
        "{\"a\":99999999999999999999}",
        "{\"a\":1e999}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":01}",
        "{\"a\":nan}",
        "{\"a\":'b'}",
        "{a:1}",
        "{\"a\":1,}",
    };
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        ok(refuses(bad[i]), "json: refuses %s", bad[i]);
    char deep[400] = "{\"a\":";
    for (int i = 0; i < 32; i++)
        strcat(deep, "[");
    for (int i = 0; i < 32; i++)
        strcat(deep, "]");
    strcat(deep, "}");
    ok(refuses(deep), "json: refuses a depth of 33");
    memmove(deep + 5, deep + 6, strlen(deep + 6) + 1);
    deep[strlen(deep) - 2] = '\0';
    strcat(deep, "}");
    ok(!refuses(deep), "json: takes a depth of 32");
    bl_json *o = bl_json_parse("{\"a\":1}rest", 7, NULL);
    ok(o != NULL, "json: reads no further than told");
    bl_json_del(o);
}

/* The code with which a list of n times `value`, parsed, is refused. */
static int code_of_many(const char *value, size_t n)
{
    bl_buf b = {0};
    bl_err e = BL_ERR_INIT;
    int rc = bl_buf_adds(&b, "{\"a\":[", NULL);
    for (size_t i = 0; i < n; i++)
        rc |= bl_buf_adds(&b, value, NULL);
    rc |= bl_buf_adds(&b, "0]}", NULL);
    bl_json_del(bl_json_parse((const char *)b.data, b.len, &e));
    bl_buf_free(&b);
    return rc != 0 ? rc : e.code;
}

static void test_bounds(void)
{
    ok(code_of_many("[],", 170000) == 0, "json: takes 170,000 lists");
    ok(code_of_many("[],", 180000) == BL_E_LIMIT, "json: refuses 180,000 lists");
    ok(code_of_many("{},", 110000) == BL_E_LIMIT, "json: refuses 110,000 objects");
    ok(code_of_many("0,", 500000) == 0, "json: takes 500,000 numbers");
    ok(code_of_many("0,", 530000) == BL_E_LIMIT, "json: refuses 530,000 numbers");
    ok(code_of_many("\"[{,:\\\"\",", 170000) == 0,
       "json: what stands in strings is no value");
    ok(code_of_many("\"[[", 170000) == BL_E_FORMAT,
       "json: a string without an end is bad, not large");
}

static void test_writing(void)
{
    static const char *const texts[] = {
        "{}",
        "{\"z\":1,\"a\":[1,-2,[]],\"m\":{\"k\":true,\"l\":false,\"n\":null}}",
        "{\"x\":0.1,\"y\":1.0,\"z\":1e+300,\"w\":0.30000000000000004}",
        "{\"s\":\"a \\\"b\\\" \\\\ /\"}",
        "{\"s\":\"\\u00E9\\u0001\"}",
        "{\"n\":9223372036854775807}",
    };
    for (size_t i = 0; i < BL_COUNT(texts); i++)
        ok(comes_back(texts[i]), "json: %s comes back", texts[i]);
    bl_json *o = bl_json_object(NULL), *a = bl_json_array(NULL);
    int rc = bl_json_push_str(a, "x", NULL) | bl_json_push_int(a, -1, NULL) |
             bl_json_push(a, bl_json_array(NULL), NULL) |
             bl_json_set_int(o, "b", 7, NULL) | bl_json_put(o, "a", a, NULL) |
             bl_json_set_real(o, "r", 0.5, NULL) | bl_json_set_bool(o, "t", 1, NULL) |
             bl_json_set_str(o, "b", "again", NULL);
    ok(rc == 0 &&
           writes(o, "{\"b\":\"again\",\"a\":[\"x\",-1,[]],\"r\":0.5,\"t\":true}"),
       "json: keys come out in the order they were set");
    ok(bl_json_set_str(o, "c", "\xff", NULL) == BL_E_FORMAT &&
           bl_json_set_real(o, "c", INFINITY, NULL) == BL_E_FORMAT &&
           !bl_json_has(o, "c"),
       "json: refuses to hold what JSON cannot");
    bl_json *copy = bl_json_copy(o, NULL);
    rc = bl_json_set_int(o, "b", 1, NULL);
    const char *text;
    ok(rc == 0 && bl_json_str(copy, "b", &text, NULL) == 0 &&
           strcmp(text, "again") == 0,
       "json: a copy is one");
    bl_json_del(copy);
    bl_json_del(o);
}

static void test_getting(void)
{
    static const char text[] =
        "{\"s\":\"x\",\"i\":5,\"r\":2.5,\"b\":true,\"l\":[1,\"y\"],"
        "\"x-more\":0}";
    static const char *const all[] = {"s", "i", "r", "b", "l", NULL};
    static const char *const few[] = {"s", "i", "r", "b", NULL};
    bl_err e = BL_ERR_INIT;
    bl_json *o = bl_json_parse(text, strlen(text), &e);
    const char *s = NULL;
    const bl_json *l = NULL, *v = NULL;
    int64_t i = 0;
    double r = 0, whole = 0;
    int b = 0;
    int rc = bl_json_str(o, "s", &s, &e) | bl_json_int(o, "i", 5, 5, &i, &e) |
             bl_json_real(o, "r", &r, &e) | bl_json_real(o, "i", &whole, &e) |
             bl_json_bool(o, "b", &b, &e) | bl_json_get(o, "l", &l, &e);
    ok(rc == 0 && strcmp(s, "x") == 0 && i == 5 && r == 2.5 && whole == 5 && b == 1,
       "json: gets each type");
    ok(bl_json_size(o) == 6 && bl_json_size(l) == 2 && bl_json_is_array(l) &&
           bl_json_is_object(o) && bl_json_size(bl_json_at(l, 0)) == 0 &&
           bl_json_at(l, 2) == NULL,
       "json: sizes and bounds");
    ok(bl_json_as_int(bl_json_at(l, 0), &i) && i == 1 &&
           !bl_json_as_int(bl_json_at(l, 1), &i) &&
           !bl_json_as_str(bl_json_at(l, 0), &s),
       "json: scalars of a list");
    bl_json_member(o, 2, &s, &v);
    ok(strcmp(s, "r") == 0 && bl_json_as_real(v, &r), "json: the third member");
    size_t n = 0;
    for (s = bl_json_next(o, NULL, &v); s != NULL; s = bl_json_next(o, s, &v))
        n++;
    ok(n == 6, "json: one after the other");
    ok(bl_json_only(o, all, NULL) == 0 && bl_json_only(o, few, NULL) == BL_E_FORMAT,
       "json: known keys only, but for x-");

    ok(bl_json_int(o, "i", 6, 9, &i, &e) == BL_E_FORMAT &&
           strcmp(e.text, "'i' is 5, not within 6..9") == 0,
       "json: out of range, with the range");
    ok(bl_json_int(o, "r", 0, 9, &i, NULL) == BL_E_FORMAT &&
           bl_json_str(o, "i", &s, NULL) == BL_E_FORMAT &&
           bl_json_bool(o, "i", &b, NULL) == BL_E_FORMAT &&
           bl_json_real(o, "s", &r, NULL) == BL_E_FORMAT,
       "json: another type");
    e = BL_ERR_INIT;
    ok(bl_json_str(o, "none", &s, &e) == BL_E_FORMAT &&
           strstr(e.text, "'none'") != NULL,
       "json: a missing key has a name");
    ok(bl_json_str(l, "s", &s, NULL) == BL_E_FORMAT, "json: a list has no keys");
    bl_json_del(o);
}

/* ---- provenance ---- */

static bl_json *parse_chain(const char *list)
{
    bl_buf b = {0};
    const bl_json *pg;
    bl_json *copy = NULL;
    if (bl_buf_addf(&b, NULL, "{\"pg\":%s}", list) != 0)
        exit(1);
    bl_json *o = bl_json_parse((const char *)b.data, b.len, NULL);
    if (o != NULL && bl_json_get(o, "pg", &pg, NULL) == 0)
        copy = bl_json_copy(pg, NULL);
    bl_json_del(o);
    bl_buf_free(&b);
    return copy;
}

#define ONE "{\"id\":\"a\",\"vn\":\"1\",\"args\":[\"-x\"]}"
#define TWO "{\"id\":\"b\",\"vn\":\"1\",\"args\":[]}"

static void test_prov(void)
{
    static const char *const args[] = {"--grid=4", "--name=caf\xe9 100%"};
    bl_self self = {"tool", args, BL_COUNT(args)};
    bl_json *parents[] = {parse_chain("[" ONE "," TWO "]"), NULL,
                          parse_chain("[" TWO "]")};
    bl_json *pg = bl_prov_chain((const bl_json *const *)parents, 3, &self, NULL);
    ok(pg != NULL &&
           writes(pg, "[" ONE "," TWO ",{\"id\":\"tool\",\"vn\":\"" BL_VERSION
                      "\",\"args\":[\"--grid=4\",\"--name=caf%E9 100%25\"]}]"),
       "prov: parents without repeats, then the tool");
    ok(bl_prov_check(pg, NULL) == 0, "prov: what it makes is sound");
    bl_json_del(pg);
    pg = bl_prov_chain((const bl_json *const *)parents, 3, NULL, NULL);
    ok(pg != NULL && bl_json_size(pg) == 2, "prov: without itself");
    bl_json_del(pg);
    pg = bl_prov_chain(NULL, 0, NULL, NULL);
    ok(pg != NULL && bl_json_size(pg) == 0, "prov: of nothing");
    bl_json_del(pg);
    for (int i = 0; i < 3; i++)
        bl_json_del(parents[i]);
}

static void test_bad_prov(void)
{
    static const char *const bad[] = {
        "\"x\"",
        "{}",
        "[1]",
        "[{}]",
        "[{\"id\":\"a\",\"vn\":\"1\"}]",
        "[{\"id\":\"a\",\"vn\":\"1\",\"args\":\"x\"}]",
        "[{\"id\":\"a\",\"vn\":\"1\",\"args\":[1]}]",
        "[{\"id\":\"a\",\"vn\":1,\"args\":[]}]",
        "[{\"id\":\"a\",\"vn\":\"1\",\"args\":[],\"host\":\"h\"}]",
    };
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        bl_json *pg = parse_chain(bad[i]);
        ok(pg != NULL && bl_prov_check(pg, NULL) == BL_E_FORMAT, "prov: refuses %s",
           bad[i]);
        bl_json_del(pg);
    }
    bl_buf b = {0};
    int rc = bl_buf_addc(&b, '[', NULL);
    for (int i = 0; i <= BL_PROV_MAX; i++)
        rc |= bl_buf_adds(&b, i == 0 ? TWO : "," TWO, NULL);
    rc |= bl_buf_addc(&b, ']', NULL);
    bl_json *pg = parse_chain(bl_buf_str(&b, NULL));
    ok(rc == 0 && bl_prov_check(pg, NULL) == BL_E_LIMIT,
       "prov: refuses a chain too long");
    bl_json_del(pg);
    bl_buf_free(&b);
}

/* Hundreds of streams, each with a record of its own, still join. */
static void test_long_prov(void)
{
    bl_self self = {"tool", NULL, 0};
    bl_buf b = {0};
    int rc = bl_buf_addc(&b, '[', NULL);
    for (int i = 0; i < 700; i++)
        rc |= bl_buf_addf(&b, NULL, "%s{\"id\":\"a\",\"vn\":\"%d\",\"args\":[]}",
                          i == 0 ? "" : ",", i);
    rc |= bl_buf_addc(&b, ']', NULL);
    bl_json *first = parse_chain(bl_buf_str(&b, NULL));
    for (size_t i = 0; i < b.len; i++)
        b.data[i] = b.data[i] == 'a' && b.data[i + 1] == '"' ? 'b' : b.data[i];
    bl_json *second = parse_chain(bl_buf_str(&b, NULL));
    const bl_json *parents[] = {first, second};
    const char *id = "";
    bl_json *pg = bl_prov_chain(parents, 2, &self, NULL);
    ok(rc == 0 && bl_json_size(pg) == BL_PROV_MAX && bl_prov_check(pg, NULL) == 0 &&
           bl_json_str(bl_json_at(pg, 1023), "id", &id, NULL) == 0 &&
           strcmp(id, "tool") == 0,
       "prov: of too many entries the first are kept, and this run's");
    bl_json_del(pg);
    bl_json_del(first);
    bl_json_del(second);
    bl_buf_free(&b);
}

int main(void)
{
    test_refusals();
    test_bounds();
    test_writing();
    test_getting();
    test_prov();
    test_bad_prov();
    test_long_prov();
    return tap_done();
}
