/* test_convert.c - the use-cases of midi2remi and remi2midi, called as functions: MIDI
 * files to a token stream and back, and what is refused, told and left behind. */
#include "cli/crew.h"
#include "flow/convert.h"
#include "flow/render.h"
#include "io/tokens.h"
#include "midi/midi.h"
#include "files.h"
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

enum { N_SONGS = 7 };

static char folder[] = "/tmp/barline-convert-XXXXXX";

/* ---- files ---- */

/* Songs with notes as midi/1.mid, midi/2.mid, ...; returns their notes. */
static uint64_t write_songs(void)
{
    bl_err e = BL_ERR_INIT;
    bl_rng rng = bl_rng_make(5, 0);
    bl_song song = {0};
    bl_buf bytes = {0};
    uint64_t n_notes = 0;
    mkdir("midi", 0777);
    for (int i = 1; i <= N_SONGS; i++) {
        char path[32];
        do
            random_song(&song, &rng);
        while (song.n_notes == 0);
        n_notes += song.n_notes;
        bytes.len = 0;
        need(bl_midi_write(&song, BL_WRITE_PROGRAMS, &bytes, &e), &e);
        snprintf(path, sizeof path, "midi/%d.mid", i);
        put(path, bytes.data, bytes.len);
    }
    bl_buf_free(&bytes);
    bl_song_free(&song);
    return n_notes;
}

/* ---- what is told ---- */

typedef struct {
    int calls, lines;
    bl_counts last;
    char line[1024];
} heard;

static void hear(void *arg, const bl_counts *n)
{
    heard *h = arg;
    h->calls++;
    h->last = *n;
}

static void hear_line(void *arg, bl_notice_level what, const char *line)
{
    heard *h = arg;
    h->lines++;
    snprintf(h->line, sizeof h->line, "%s%s",
             what == BL_NOTICE_ALWAYS ? "" : "warning: ", line);
}

/* Paths that a signal would remove; the tests run one after the other. */
static int n_guarded, n_added;

static void guard(const char *path)
{
    (void)path;
    n_guarded++;
    n_added++;
}

static void unguard(const char *path)
{
    (void)path;
    n_guarded--;
}

static const bl_guards guards = {guard, unguard};

/* ---- MIDI files to tokens ---- */

static bl_convert_wish plain_wish(const char *output)
{
    return (bl_convert_wish){.spec = {.scheme = "remi"},
                             .pair = BL_PAIR_OWN,
                             .output = output,
                             .guards = &guards};
}

static void test_convert(uint64_t n_notes)
{
    const char *const dir[] = {"midi"};
    const bl_hands crew = bl_crew_hands(3);
    bl_convert_wish wish = plain_wish("all.tok");
    bl_convert_counts n, m;
    heard h = {0};
    const bl_progress progress = {hear, &h, {hear_line, &h}};
    bl_err e = BL_ERR_INIT;
    n_guarded = n_added = 0;
    need(bl_convert(&wish, dir, 1, NULL, &progress, &n, &e), &e);
    ok(n.files == N_SONGS && n.pieces == N_SONGS && n.notes == n_notes &&
           n.rejects == 0,
       "each file is a piece, each note is in");
    ok(h.calls == N_SONGS && h.last.pieces == N_SONGS && h.last.of_pieces == N_SONGS &&
           h.last.notes == n_notes && h.lines == 0,
       "progress is told after each file");
    ok(n_added == 1 && n_guarded == 0, "the output is guarded while it is not whole");
    bl_buf text = get("all.tok");
    ok(strncmp((char *)text.data, "#remi ", 6) == 0 &&
           strstr((char *)text.data, "\"pg\"") == NULL,
       "without a self there is no provenance");
    bl_buf_free(&text);
    wish.hands = &crew;
    wish.output = "crew.tok";
    need(bl_convert(&wish, dir, 1, NULL, NULL, &m, &e), &e);
    ok(same_files("all.tok", "crew.tok") && memcmp(&n, &m, sizeof n) == 0,
       "three processes give the bytes and counts of one");
    uint64_t sum = 0;
    wish.n_parts = 3;
    for (wish.part = 1; wish.part <= 3; wish.part++) {
        need(bl_convert(&wish, dir, 1, NULL, NULL, &m, &e), &e);
        sum += m.pieces;
    }
    ok(sum == N_SONGS, "parts make the whole");
}

static void test_level(void)
{
    const char *const one[] = {"midi/1.mid"};
    bl_convert_wish wish = plain_wish("kept.tok.zst");
    bl_convert_counts n;
    bl_err e = BL_ERR_INIT;
    wish.level = BL_CONVERT_LEVEL;
    need(bl_convert(&wish, one, 1, NULL, NULL, &n, &e), &e);
    wish.output = "five.tok.zst";
    wish.level = 5;
    need(bl_convert(&wish, one, 1, NULL, NULL, &n, &e), &e);
    ok(same_files("kept.tok.zst", "five.tok.zst"), "what is kept is packed at level 5");
}

/* One broken file, one that is not there, one without notes. */
static void test_rejects(void)
{
    const char *const some[] = {"midi/1.mid", "text.mid", "gone.mid", "midi/2.mid"};
    const char *const none[] = {"gone.mid", "gone too.mid"};
    bl_convert_wish wish = plain_wish("some.tok");
    bl_convert_counts n;
    heard h = {0};
    const bl_progress progress = {hear, &h, {hear_line, &h}};
    bl_err e = BL_ERR_INIT;
    put("text.mid", "no music\n", 9);
    wish.rejects = "rejects.tsv";
    n_guarded = n_added = 0;
    need(bl_convert(&wish, some, 4, NULL, &progress, &n, &e), &e);
    ok(n.files == 4 && n.pieces == 2 && n.rejects == 2,
       "a file that is no good or not there costs itself only");
    ok(h.lines == 2 && strcmp(h.line, "'gone.mid': cannot open: No such file or "
                                      "directory [unreadable]") == 0,
       "and is said, with its reason: %s", h.line);
    ok(n_added == 2 && n_guarded == 0, "stream and table are guarded");
    bl_buf table = get("rejects.tsv");
    const char *rows = "file\tcode\toffset\treason\ntext.mid\tnot-midi\t0\t";
    ok(strncmp((char *)table.data, rows, strlen(rows)) == 0 &&
           strstr((char *)table.data, "\ngone.mid\tunreadable\t\tcannot open") != NULL,
       "each is a row of the table");
    bl_buf_free(&table);
    wish.output = "none.tok";
    wish.rejects = NULL;
    ok(bl_convert(&wish, none, 2, NULL, NULL, &n, &e) == BL_E_OPEN &&
           strcmp(e.where, "gone.mid") == 0 && !exists("none.tok"),
       "where nothing that was named is there, nothing is written");
}

static void test_lists(void)
{
    static const char names[] = "midi/3.mid\0gone.mid\0midi/1.mid"; /* its NUL lacks */
    bl_convert_wish wish = plain_wish("list.tok");
    bl_convert_counts n;
    bl_err e = BL_ERR_INIT;
    put("list", names, sizeof names - 1);
    wish.list = "list";
    need(bl_convert(&wish, NULL, 0, NULL, NULL, &n, &e), &e);
    ok(n.files == 3 && n.pieces == 2 && n.rejects == 1, "a list of names");
    put("list", "midi/1.mid\0\0", 12);
    ok(bl_convert(&wish, NULL, 0, NULL, NULL, &n, &e) == BL_E_FORMAT &&
           strcmp(e.where, "list") == 0 && e.line == 2,
       "with an empty one among them");
}

static void test_wishes(void)
{
    static const char table[] = "file\tgenre\n1.mid\tjig\n";
    const char *const two[] = {"midi/1.mid", "midi/2.mid"};
    bl_convert_wish wish = plain_wish("wish.tok");
    bl_convert_counts n;
    bl_err e = BL_ERR_INIT;
    wish.meter = (bl_meter){0, 17, 2};
    ok(bl_convert(&wish, two, 2, NULL, NULL, &n, &e) == BL_E_ARG &&
           strstr(e.text, "has no such bars") != NULL && !exists("wish.tok"),
       "a time signature that the scheme lacks is refused before anything is written");
    e = BL_ERR_INIT;
    snprintf(wish.spec.scheme, sizeof wish.spec.scheme, "performance");
    need(bl_convert(&wish, two, 2, NULL, NULL, &n, &e), &e);
    ok(n.pieces == 2, "a scheme without time signatures takes any");
    wish = plain_wish("wish.tok");
    put("labels.tsv", table, sizeof table - 1);
    wish.labels = "labels.tsv";
    need(bl_convert(&wish, two, 2, NULL, NULL, &n, &e), &e);
    bl_buf text = get("wish.tok");
    ok(n.unlabelled == 1 && strstr((char *)text.data, "\nGenre_jig\n") != NULL,
       "labels come from the table, files that it lacks are counted");
    bl_buf_free(&text);
}

/* ---- tokens to MIDI files ---- */

static void test_folder(void)
{
    const char *const all[] = {"all.tok"};
    bl_render_wish wish = {.as = BL_RENDER_FOLDER, .to = "back", .guards = &guards};
    heard h = {0};
    const bl_progress progress = {hear, &h, {hear_line, &h}};
    uint64_t n;
    bl_err e = BL_ERR_INIT;
    n_guarded = n_added = 0;
    need(bl_render(&wish, all, 1, &progress, &n, &e), &e);
    ok(n == N_SONGS && h.calls == N_SONGS && exists("back/1.mid") &&
           exists("back/7.mid"),
       "a file for each piece");
    ok(n_added == 1 + N_SONGS && n_guarded == 0,
       "the folder is guarded while it is empty, and each file");
    bl_convert_wish again = plain_wish("again.tok");
    bl_convert_counts m;
    const char *const back[] = {"back"};
    again.keep_empty = 1;
    need(bl_convert(&again, back, 1, NULL, NULL, &m, &e), &e);
    ok(m.pieces == N_SONGS && m.rejects == 0, "which are music again");

    put("diary", "precious\n", 9);
    ok(rename("back/1.mid", "right.mid") == 0 && symlink("../diary", "back/1.mid") == 0,
       "a link is planted");
    need(bl_render(&wish, all, 1, NULL, &n, &e), &e);
    bl_buf diary = get("diary");
    ok(strcmp((char *)diary.data, "precious\n") == 0 &&
           same_files("back/1.mid", "right.mid"),
       "it is replaced, not followed");
    bl_buf_free(&diary);
}

/* A stream that is cut, one of no piece. */
static void test_nothing(void)
{
    const char *const cut[] = {"cut.tok"}, *const empty[] = {"empty.tok"};
    const char *const none[] = {"void"};
    bl_render_wish wish = {.as = BL_RENDER_FOLDER, .to = "new", .guards = &guards};
    bl_convert_wish nothing = plain_wish("empty.tok");
    bl_convert_counts counts;
    uint64_t n;
    bl_err e = BL_ERR_INIT;
    bl_buf text = get("all.tok");
    const char *piece = strstr((char *)text.data, "\n#piece");
    put("cut.tok", text.data, (size_t)(piece - (char *)text.data) + 9);
    bl_buf_free(&text);
    n_guarded = n_added = 0;
    ok(bl_render(&wish, cut, 1, NULL, &n, &e) == BL_E_TRUNC && n == 0 && !exists("new"),
       "of a stream without a whole piece no folder is left");
    ok(n_added == 1 && n_guarded == 0, "nor guarded");
    e = BL_ERR_INIT;
    mkdir("void", 0777);
    heard h = {0};
    const bl_progress progress = {hear, &h, {hear_line, &h}};
    need(bl_convert(&nothing, none, 1, NULL, &progress, &counts, &e), &e);
    ok(strcmp(h.line, "warning: there is no MIDI file in what was named") == 0,
       "a warning is one");
    need(bl_render(&wish, empty, 1, NULL, &n, &e), &e);
    ok(!exists("new"), "nor of a stream without pieces");
    mkdir("new", 0777);
    need(bl_render(&wish, empty, 1, NULL, &n, &e), &e);
    ok(exists("new"), "a folder that was there stays");
}

static void test_one(void)
{
    const char *const all[] = {"all.tok"}, *const one[] = {"one.tok"};
    const char *const first[] = {"midi/1.mid"};
    bl_render_wish wish = {.as = BL_RENDER_FILE, .to = "one.mid"};
    bl_convert_wish single = plain_wish("one.tok");
    bl_convert_counts counts;
    uint64_t n;
    bl_err e = BL_ERR_INIT;
    ok(bl_render(&wish, all, 1, NULL, &n, &e) == BL_E_LIMIT && !exists("one.mid"),
       "one file wants one piece");
    e = BL_ERR_INIT;
    need(bl_convert(&single, first, 1, NULL, NULL, &counts, &e), &e);
    need(bl_render(&wish, one, 1, NULL, &n, &e), &e);
    ok(n == 1 && same_files("one.mid", "back/1.mid"), "and is that of a folder");
    wish.as = BL_RENDER_CHECK;
    need(bl_render(&wish, all, 1, NULL, &n, &e), &e);
    ok(n == N_SONGS, "a sound stream passes");
    wish.as = BL_RENDER_TABLE;
    wish.to = "notes.csv";
    need(bl_render(&wish, all, 1, NULL, &n, &e), &e);
    bl_buf table = get("notes.csv");
    size_t lines = 0;
    for (size_t i = 0; i < table.len; i++)
        lines += table.data[i] == '\n';
    ok(lines > N_SONGS && strstr((char *)table.data, "\nmidi/7.mid,") != NULL,
       "the table has the notes of all pieces");
    bl_buf_free(&table);
}

static void test_bare(void)
{
    static const char names[] = "Bar Pitch_60\tVelocity_79\n\nDuration_8 Duration_8";
    static const char wrong[] = "Bar\nPitch_128";
    const char *const bare[] = {"names"};
    bl_render_wish wish = {.as = BL_RENDER_TABLE, .to = "bare.csv", .raw = 1};
    heard h = {0};
    const bl_progress progress = {hear, &h, {hear_line, &h}};
    uint64_t n;
    bl_err e = BL_ERR_INIT;
    put("names", names, sizeof names - 1);
    need(bl_render(&wish, bare, 1, &progress, &n, &e), &e);
    bl_buf table = get("bare.csv");
    ok(n == 1 && strstr((char *)table.data, "\nnames,0,480,60,79,0,0\n") != NULL,
       "bare names are a piece");
    bl_buf_free(&table);
    ok(strcmp(h.line, "warning: 'names': piece 'names': 1 tokens make no sense and are "
                      "left out") == 0,
       "what makes no sense there is told: %s", h.line);
    put("names", wrong, sizeof wrong - 1);
    ok(bl_render(&wish, bare, 1, NULL, &n, &e) == BL_E_FORMAT && e.line == 2 &&
           strcmp(e.where, "names") == 0,
       "a name that is no token is an error with its line");
    e = BL_ERR_INIT;
    wish.bare.grid = 7;
    ok(bl_render(&wish, bare, 1, NULL, &n, &e) == BL_E_ARG, "a grid that there is not");
}

int main(void)
{
    char command[128];
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 70;
    uint64_t n_notes = write_songs();
    test_convert(n_notes);
    test_level();
    test_rejects();
    test_lists();
    test_wishes();
    test_folder();
    test_nothing();
    test_one();
    test_bare();
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") == 0 && system(command) == 0 ? tap_done() : 1;
}
