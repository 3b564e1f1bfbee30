/* test_label_table.c - labels of files: words, look-up, bad tables. */
#include "songs.h"
#include "tap.h"
#include "token/label_table.h"

static bl_label_table *table_of(const char *text, const char *columns)
{
    bl_err e = BL_ERR_INIT;
    bl_label_table *t;
    need(bl_label_table_read(&t, text, strlen(text), columns, &e), &e);
    return t;
}

static int is(const char *got, const char *expected)
{
    if (got == NULL || expected == NULL)
        return got == expected;
    if (strcmp(got, expected) != 0)
        printf("# expected %s, got %s\n", expected, got);
    return strcmp(got, expected) == 0;
}

static const char songs[] = "file\tgenre\tkey_mode\tcomposer\n"
                            "a/x.mid\tHip hop\tA#/minor\tSatie, \xc3\x89rik\r\n"
                            "x.mid\tjig\t\t\n"
                            "\n"
                            "a/x.mid\treel\t\t\n"
                            "b.mid\t\t\t";

static void test_words(void)
{
    bl_label_table *t = table_of(songs, NULL);
    ok(is(bl_label_table_words(t), "Composer_Satie-rik\nGenre_Hip-hop\nGenre_jig\n"
                                   "Genre_reel\nKey-mode_A-/minor\n"),
       "words of all columns, sorted");
    ok(is(bl_label_table_of(t, "a/x.mid"),
          "Composer_Satie-rik\nGenre_Hip-hop\nKey-mode_A-/minor\n"),
       "of a file; the first line of a name counts");
    ok(is(bl_label_table_of(t, "/data/a/x.mid"),
          "Composer_Satie-rik\nGenre_Hip-hop\nKey-mode_A-/minor\n") &&
           is(bl_label_table_of(t, "c/x.mid"), "Genre_jig\n"),
       "by the longest end of its path");
    ok(is(bl_label_table_of(t, "b.mid"), "") &&
           is(bl_label_table_of(t, "xx.mid"), NULL),
       "without labels, and not there");
    bl_label_table_del(t);
    t = table_of(songs, "composer,genre");
    ok(is(bl_label_table_of(t, "a/x.mid"), "Composer_Satie-rik\nGenre_Hip-hop\n"),
       "of the columns that are asked for");
    bl_label_table_del(t);
    t = table_of("", NULL);
    ok(is(bl_label_table_words(t), "") && is(bl_label_table_of(t, "x"), NULL),
       "an empty table");
    bl_label_table_del(t);
}

/* The words of a table make a scheme, and a file's words begin a piece of it. */
static void test_scheme(void)
{
    bl_err e = BL_ERR_INIT;
    bl_label_table *t = table_of(songs, NULL);
    bl_spec spec = {.scheme = "remi"};
    bl_scheme *s;
    bl_grammar g;
    snprintf(spec.labels, sizeof spec.labels, "%s", bl_label_table_words(t));
    need(bl_scheme_open(&s, &spec, &e), &e);
    bl_grammar_start(&g, s);
    int accepted = 1, n = 0;
    for (const char *w = bl_label_table_of(t, "a/x.mid"); *w != '\0'; n++) {
        size_t len = strcspn(w, "\n");
        int id = bl_words_find(bl_scheme_words(s), w, len);
        accepted &= id > 0 && bl_grammar_step(&g, (unsigned)id) == NULL;
        w += len + 1;
    }
    ok(accepted && n == 3, "the words of a file are in order for the grammar");
    bl_scheme_del(s);
    bl_label_table_del(t);
}

static void test_bad(void)
{
    static const struct {
        const char *text, *columns;
        int code;
    } cases[] = {
        {"file\ta\nx\t1\t2\n", NULL, BL_E_FORMAT}, {"file\ta\nx\n", NULL, BL_E_FORMAT},
        {"file\ta\nx\t1\n", "b", BL_E_ARG},        {"file\ta\nx\t1\n", "a,b", BL_E_ARG},
        {"file\ta\nx\t1\n", "file", BL_E_ARG},     {"file\ta\nx\t1\n", "", BL_E_ARG},
    };
    bl_err e;
    bl_label_table *t;
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        e = BL_ERR_INIT;
        int rc = bl_label_table_read(&t, cases[i].text, strlen(cases[i].text),
                                     cases[i].columns, &e);
        ok(rc == cases[i].code && t == NULL, "refused: %s", e.text);
    }
    bl_buf big = {0};
    e = BL_ERR_INIT;
    need(bl_buf_adds(&big, "file\tname\n", &e), &e);
    for (int i = 0; i < 1000; i++)
        need(bl_buf_addf(&big, &e, "%d\tvalue%d\n", i, i), &e);
    ok(bl_label_table_read(&t, (char *)big.data, big.len, NULL, &e) == BL_E_LIMIT,
       "refused: %s", e.text);
    e = BL_ERR_INIT;
    ok(bl_label_table_read(&t, "file\ta\n\0", 8, NULL, &e) == BL_E_FORMAT,
       "refused: %s", e.text);
    bl_buf_free(&big);
}

int main(void)
{
    test_words();
    test_scheme();
    test_bad();
    return tap_done();
}
