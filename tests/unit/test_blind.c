/* The page of a listening test and the table of what listeners answered. */
#include "page/blind.h"
#include "page/ratings.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- page/blind.h ---- */

static const char *write_page(bl_buf *out, uint64_t seed)
{
    static const char sound[2][8] = {"OggSaaa", "OggSbbb"};
    bl_buf heard[4];
    bl_blind_piece piece[4];
    const char *const name[] = {"one.mid", "two.mid", "three.mid", "four.mid"};
    for (int i = 0; i < 4; i++) {
        heard[i] = (bl_buf){.data = (uint8_t *)(uintptr_t)sound[i % 2], .len = 7};
        piece[i] = (bl_blind_piece){i < 2 ? "people" : "model", name[i], &heard[i]};
    }
    const bl_blind page = {"Ears & <all>", piece, 4, bl_scales(), BL_SCALES, seed};
    out->len = 0;
    return bl_blind_write(&page, out, NULL) == 0 ? bl_buf_str(out, NULL) : "";
}

static size_t times(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

static void test_page(void)
{
    bl_buf a = {0}, b = {0};
    const char *page = write_page(&a, 1);
    ok(times(page, "<article") == 4 && times(page, "<audio") == 4, "four pieces");
    ok(times(page, "<fieldset") == 4 * BL_SCALES &&
           times(page, "type=\"radio\"") == 4 * 5 * BL_SCALES,
       "five scales of five steps each");
    ok(strstr(page, "Ears &amp; &lt;all&gt;") != NULL, "the title is text");
    ok(strstr(page, "people") == NULL && strstr(page, "model") == NULL &&
           strstr(page, "one.mid") == NULL,
       "no name can be read in it");
    ok(strstr(page, "http") == NULL, "it asks for nothing from elsewhere");
    ok(strcmp(page, write_page(&b, 1)) == 0, "the same seed: the same bytes");
    size_t differs = 0;
    for (uint64_t seed = 2; seed < 10; seed++)
        differs += strcmp(page, write_page(&b, seed)) != 0;
    ok(differs == 8, "another seed: another order");
    bl_buf_free(&a);
    bl_buf_free(&b);
}

/* ---- page/ratings.h ---- */

static const char names[] = "# barline ratings/1\nrater\tset\tpiece\tscale\trating\n";

/* Whether the text is refused, with that word at that line. */
static int refuses(const char *text, int64_t line, const char *word)
{
    bl_ratings r = {0};
    bl_err e = BL_ERR_INIT;
    int rc = bl_ratings_add(&r, text, &e);
    bl_ratings_free(&r);
    return rc == BL_E_FORMAT && e.line == line && strstr(e.text, word) != NULL;
}

static void test_refusals(void)
{
    ok(refuses("", 0, "line of names"), "an empty file");
    ok(refuses("a\tb\n1\t2\n", 1, "no column 'scale'"), "another table");
    ok(refuses("rater\tset\tpiece\tscale\trating\na\tb\tc\n", 2, "no scale"),
       "a line that is short");
    const char *const bad[] = {"x", "-1", "101", "nan", "inf", "0x3", "3 ", "1e1", ""};
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        char text[200];
        snprintf(text, sizeof text, "%sa\tb\tc\td\t%s\n", names, bad[i]);
        ok(refuses(text, 3, i + 1 < BL_COUNT(bad) ? "0..100" : "no rating"),
           "the rating '%s'", bad[i]);
    }
    char text[200];
    snprintf(text, sizeof text, "%sa\tb\tc\td\t3\na\tb\tc\td\t4\n", names);
    ok(refuses(text, 4, "before"), "an answer that stands twice");
    bl_ratings r = {0};
    bl_err e = BL_ERR_INIT;
    snprintf(text, sizeof text, "%sa\tb\tc\td\t3\n", names);
    ok(bl_ratings_add(&r, text, &e) == 0 &&
           bl_ratings_add(&r, text, &e) == BL_E_FORMAT && e.line == 3,
       "a file that is taken twice");
    bl_ratings_free(&r);
}

/* Three listeners, two sets of four pieces; people's are rated one step higher. */
static int fill(bl_ratings *r)
{
    for (int rater = 0; rater < 3; rater++) {
        bl_buf text = {0};
        int rc = bl_buf_adds(&text, names, NULL);
        for (int piece = 0; piece < 8 && rc == 0; piece++)
            rc = bl_buf_addf(&text, NULL, "r%d\t%s\tp%d\toverall\t%d\n", rater,
                             piece < 4 ? "people" : "model", piece,
                             1 + piece % 4 / 2 + rater % 2 + (piece < 4));
        if (rc == 0)
            rc = bl_ratings_add(r, bl_buf_str(&text, NULL), NULL);
        bl_buf_free(&text);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void test_rows(void)
{
    bl_ratings r = {0};
    bl_rating_row *row = NULL, *again = NULL;
    size_t n = 0;
    ok(fill(&r) == 0 && r.n == 24, "24 answers");
    ok(bl_ratings_rows(&r, 5, &row, &n, NULL) == 0 && n == 3,
       "two sets and their pair");
    ok(strcmp(row[0].set, "model") == 0 && row[0].against == NULL &&
           strcmp(row[2].set, "model") == 0 && strcmp(row[2].against, "people") == 0,
       "by name");
    ok(row[0].n_ratings == 12 && row[0].n_raters == 3 && row[0].n_pieces == 4,
       "what a mean is made of");
    /* pieces 1 1 2 2, listeners +0 +1 +0: mean 1.5 + 1/3 */
    ok(fabs(row[0].mean - (1.5 + 1.0 / 3)) < 1e-12, "the mean");
    ok(fabs(row[1].mean - row[0].mean - 1) < 1e-12 && fabs(row[2].mean + 1) < 1e-12,
       "the difference");
    ok(row[0].low < row[0].mean && row[0].mean < row[0].high, "an interval around it");
    ok(row[2].high < 0.5 && row[2].low > -2.5, "that of the difference");
    /* piece means 4/3 4/3 7/3 7/3 against 7/3 7/3 10/3 10/3: 4 ties of 16, else below
     */
    ok(fabs(row[2].rank.cliff + 0.75) < 1e-12, "Cliff's delta over pieces");
    ok(row[2].rank.p > 0 && row[2].rank.p < 1 && row[2].holm == row[2].rank.p,
       "one pair: nothing to adjust");
    ok(isnan(row[0].rank.p) && isnan(row[2].sd), "what does not apply is not a number");
    ok(bl_ratings_rows(&r, 5, &again, &n, NULL) == 0 && again[2].low == row[2].low &&
           again[0].high == row[0].high,
       "the same seed: the same intervals");
    bl_buf out = {0};
    ok(bl_ratings_tsv(row, 3, &out, NULL) == 0 &&
           times(bl_buf_str(&out, NULL), "\n") == 4 &&
           times((char *)out.data, "\t") == 4 * 14,
       "a table of 15 columns");
    bl_buf_free(&out);
    free(row);
    free(again);
    bl_ratings_free(&r);
}

int main(void)
{
    test_page();
    test_refusals();
    test_rows();
    return tap_done();
}
