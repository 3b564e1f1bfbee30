/* test_measuring.c - the use-cases of featstats, called as functions: pieces measured
 * in every form, sets compared, pages, pictures, run folders, and what is said and
 * left. */
#include "cli/crew.h"
#include "flow/experiments.h"
#include "flow/measuring.h"
#include "io/tensors.h"
#include "io/tokens.h"
#include "midi/midi.h"
#include "files.h"
#include "tap.h"

#include <unistd.h>

enum { N_SONGS = 6 };

static char folder[] = "/tmp/barline-measure-XXXXXX";

/* ---- files ---- */

/* How often a text stands in a file. */
static int count_in(const char *path, const char *text)
{
    bl_buf b = get(path);
    int n = 0;
    for (const char *p = (char *)b.data; (p = strstr(p, text)) != NULL; p++)
        n++;
    bl_buf_free(&b);
    return n;
}

/* midi/0.mid ..., and the same pieces as a stream. */
static void write_songs(void)
{
    bl_err e = BL_ERR_INIT;
    bl_rng rng = bl_rng_make(11, 0);
    bl_scheme *s = open_scheme(4);
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(s)};
    bl_out out;
    bl_tokw *w;
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(s));
    mkdir("midi", 0777);
    need(bl_out_open(&out, "all.tok.zst", &e), &e);
    need(bl_tokw_new(&w, out.fd, 1, &kind, bl_scheme_words(s), bl_scheme_lines(s), NULL,
                     &e),
         &e);
    for (int i = 0; i < N_SONGS; i++) {
        bl_song song = {0};
        bl_buf bytes = {0};
        bl_ids ids = {0};
        size_t bars = 0;
        char path[32];
        do
            random_song(&song, &rng);
        while (song.n_notes < 8);
        snprintf(path, sizeof path, "midi/%d.mid", i);
        need(bl_midi_write(&song, BL_WRITE_PROGRAMS, &bytes, &e), &e);
        put(path, bytes.data, bytes.len);
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
        need(bl_tokw_piece(w, &(bl_piece_info){.name = path, .sha256 = ""}, ids.id,
                           ids.n, bars, &e),
             &e);
        bl_ids_free(&ids);
        bl_buf_free(&bytes);
        bl_song_free(&song);
    }
    need(bl_tokw_finish(w, 0, &e), &e);
    bl_tokw_del(w);
    need(bl_out_commit(&out, &e), &e);
    bl_scheme_del(s);
}

/* ---- what is told ---- */

typedef struct {
    int calls, lost, warnings;
    char line[1024];
} heard;

static void hear(void *arg, const bl_counts *n)
{
    (void)n;
    ((heard *)arg)->calls++;
}

static void hear_line(void *arg, bl_notice_level what, const char *line)
{
    heard *h = arg;
    h->lost += what == BL_NOTICE_ALWAYS;
    h->warnings += what == BL_NOTICE_WARNING;
    snprintf(h->line, sizeof h->line, "%s", line);
}

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
static const char *const midi[] = {"midi"}, *const stream[] = {"all.tok.zst"};

/* Measures one operand; the code, with what was read and said. */
static int measure(bl_measure_wish wish, const char *const *operand,
                   bl_intake_set *read, heard *h)
{
    bl_err e = BL_ERR_INIT;
    const bl_progress progress = {.tell = hear, .arg = h, .notices = {hear_line, h}};
    *h = (heard){0};
    wish.guards = &guards;
    return bl_measure(&wish, operand, 1, NULL, &progress, read, &e);
}

/* The same where nothing may fail. */
static uint64_t measured(bl_measure_wish wish, const char *const *operand)
{
    heard h;
    bl_intake_set read;
    bl_err e = BL_ERR_INIT;
    int rc = measure(wish, operand, &read, &h);
    snprintf(e.text, sizeof e.text, "measuring failed: %d", rc);
    need(rc, &e);
    return read.n;
}

/* ---- rows ---- */

static void test_tables(void)
{
    ok(measured((bl_measure_wish){.output = "a.tsv"}, midi) == N_SONGS,
       "each file is a piece");
    ok(count_in("a.tsv", "\nmidi/") == N_SONGS && count_in("a.tsv", "#feat {") == 1 &&
           count_in("a.tsv", "\n#featend {\"pieces\":6") == 1,
       "a row a piece, a header, a line that counts them");
    measured((bl_measure_wish){.output = "t.tsv"}, stream);
    ok(count_in("t.tsv", "\nmidi/") == N_SONGS, "a stream has them too");
    ok(n_added == 2 && n_guarded == 0, "outputs are guarded until they are whole");
    measured((bl_measure_wish){.form = BL_MEASURE_JSON, .output = "a.json"}, midi);
    ok(count_in("a.json", "{\"name\":\"midi/") == N_SONGS &&
           count_in("a.json", "\n") == N_SONGS,
       "an object a piece, and nothing else");
    measured((bl_measure_wish){.form = BL_MEASURE_LONG, .output = "a.long"}, midi);
    ok(count_in("a.long", "\tn_notes\t0\t") == N_SONGS, "a row a number");
    put("groups", "0.mid\tx\n1.mid\ty\n", 16);
    measured((bl_measure_wish){.output = "g.tsv", .labels = "groups"}, midi);
    ok(count_in("g.tsv", "name\tgroup\t") == 1 &&
           count_in("g.tsv", "\nmidi/0.mid\tx\t") == 1,
       "groups are a column");
}

/* Whoever measures, the bytes are the same. */
static void test_hands(void)
{
    const bl_hands two = bl_crew_hands(2);
    bl_measure_wish alone = {.with = BL_WITH_VECTORS | BL_WITH_REPEATS,
                             .output = "1.tsv"};
    bl_measure_wish both = alone;
    both.output = "2.tsv";
    both.hands = &two;
    measured(alone, stream);
    measured(both, stream);
    ok(same_files("1.tsv", "2.tsv"), "two processes share a stream: the same bytes");
    measured(alone, midi);
    measured(both, midi);
    ok(same_files("1.tsv", "2.tsv"), "and files");
}

static void test_tensors(void)
{
    bl_err e = BL_ERR_INIT;
    bl_zr *zr;
    bl_tensors_head h;
    const char *names = NULL;
    int fd;
    measured((bl_measure_wish){.form = BL_MEASURE_TENSORS, .output = "a.st"}, midi);
    need(bl_in_open("a.st", &fd, &e), &e);
    need(bl_zr_new(&zr, fd, &e), &e);
    ok(bl_tensors_read_head(zr, &h, &e) == 1, "a record of tensors");
    const bl_tensor *t = bl_tensors_find(&h, "n_notes");
    ok(t != NULL && t->ndim == 1 && t->shape[0] == N_SONGS, "a number a piece");
    ok(bl_json_str(h.meta, "names", &names, &e) == 0 &&
           strstr(names, "midi/5.mid") != NULL,
       "under their names");
    bl_tensors_head_free(&h);
    bl_zr_del(zr);
    close(fd);
}

/* ---- sets ---- */

static void test_sets(void)
{
    bl_measure_wish w = {.form = BL_MEASURE_COMPARED,
                         .reference = "midi",
                         .seed = 1,
                         .output = "vs.tsv",
                         .page = {.path = "vs.html", .most = 2}};
    measured(w, stream);
    ok(count_in("vs.tsv", "\"reference\":6") == 1 &&
           count_in("vs.tsv", "\npitch_range\t") == 1,
       "two sets, a row a feature");
    ok(count_in("vs.html", "all.tok.zst <span class=\"dim\">against</span> midi") ==
               1 &&
           count_in("vs.html", "data:audio/midi;base64,") == 2,
       "the page names both, and has as many pieces as wished");
    measured((bl_measure_wish){.form = BL_MEASURE_SUMMARY, .output = "sum"}, midi);
    ok(count_in("sum", "n_notes") == 1, "a summary");
    measured((bl_measure_wish){.form = BL_MEASURE_NOVELTY,
                               .training = "midi",
                               .reference = "all.tok.zst",
                               .output = "nov.tsv"},
             midi);
    ok(count_in("nov.tsv", "\tref\t") == N_SONGS &&
           count_in("nov.tsv", "\ta\t") == N_SONGS,
       "melodies of the reference, then the pieces'");
    ok(count_in("nov.tsv", "\"training\":6,\"reference\":6") == 1,
       "and how many they were compared with");
}

/* ---- what is refused ---- */

static void test_refused(void)
{
    heard h;
    bl_intake_set read;
    const char *const nothing[] = {"nothing-there"}, *const text[] = {"groups"},
                      *const empty[] = {"empty"};
    bl_measure_wish w = {.output = "out.tsv"};
    put("midi/bad.mid", "MThd no", 7);
    ok(measure(w, midi, &read, &h) == 0 && read.n == N_SONGS && read.rejects == 1 &&
           read.midi_files == N_SONGS + 1,
       "a file that is no good is counted");
    ok(h.lost == 1 && strstr(h.line, "midi/bad.mid") != NULL && h.calls == N_SONGS + 1,
       "and said: %s", h.line);
    ok(count_in("out.tsv", "\"rejects\":1") == 1, "and stands below the rows");
    unlink("midi/bad.mid");
    unlink("out.tsv");
    ok(measure(w, nothing, &read, &h) == BL_E_OPEN && !exists("out.tsv"),
       "an input that is not there leaves no output");
    ok(measure(w, text, &read, &h) == BL_E_FORMAT && !exists("out.tsv"),
       "nor does one of another kind");
    mkdir("empty", 0777);
    ok(measure(w, empty, &read, &h) == 0 && h.warnings == 1 && read.n == 0,
       "an empty folder is warned of");
    w.labels = "a.json";
    ok(measure(w, midi, &read, &h) == BL_E_FORMAT, "labels that are none");
    ok(n_guarded == 0, "nothing stays guarded");
}

/* ---- pictures ---- */

static void test_pictures(void)
{
    bl_err e = BL_ERR_INIT;
    bl_buf svg = {0};
    const bl_meter own = {0}, three = {.num = 3, .den_log2 = 2};
    ok(bl_roll_add("midi/0.mid", BL_PAIR_OVERLAP, &own, &svg, &e) == 0 &&
           memcmp(svg.data, "<svg", 4) == 0,
       "a roll is a picture");
    size_t len = svg.len;
    svg.len = 0;
    ok(bl_roll_add("midi/0.mid", BL_PAIR_OVERLAP, &three, &svg, &e) == 0 &&
           svg.len != len,
       "in another time signature another one");
    svg.len = 0;
    ok(bl_roll_add("empty", BL_PAIR_OVERLAP, &own, &svg, &e) == BL_E_FORMAT,
       "of no piece there is none");
    bl_buf_free(&svg);
}

static void test_silence(void)
{
    bl_err e = BL_ERR_INIT;
    heard h = {0};
    const bl_progress progress = {.tell = hear, .arg = &h, .notices = {hear_line, &h}};
    char *env[] = {NULL};
    bl_player p = {.font = "no-font.sf2",
                   .temp = "player-XXXXXX",
                   .env = env,
                   .progress = &progress,
                   .guards = &guards};
    bl_buf song = get("midi/0.mid"), ogg = {0};
    ok(bl_play(&p, &song, &ogg, &e) == 0 && bl_play(&p, &song, &ogg, &e) == 0 &&
           ogg.len == 0 && h.warnings == 1,
       "without a sound font pieces are silent, which is said once");
    bl_buf_free(&song);
    bl_buf_free(&ogg);
}

/* ---- runs ---- */

static void test_runs(void)
{
    static const char metrics[] =
        "#train {\"schema\":\"train-log/2\"}\n"
        "step\ttokens\tepoch\tlr\tloss\tgrad_norm\tvalid_loss\tvalid_tokens\t"
        "split_loss\tsplit_tokens\n"
        "1\t100\t0.5\t3e-05\t6.9\t2.3\tnan\t0\tnan\t0\n"
        "2\t200\t1\t3e-05\t6.1\t2.1\t6.5\t50\tnan\t0\n";
    const char *const runs[] = {"run/a/"}, *const none[] = {"midi"};
    bl_err e = BL_ERR_INIT;
    bl_buf text = {0};
    mkdir("run", 0777);
    mkdir("run/a", 0777);
    put("run/a/metrics.tsv", metrics, sizeof metrics - 1);
    int rc = bl_runs_add(&(bl_runs_wish){.html = "runs.html", .guards = &guards}, runs,
                         1, NULL, &text, &e);
    ok(rc == 0 && bl_buf_str(&text, &e) != NULL &&
           strstr((char *)text.data, "\"settings\":1,\"runs\":1") != NULL &&
           strstr((char *)text.data, "\na\t") != NULL,
       "a run folder is a row under its name: %s", e.text);
    ok(exists("runs.html"), "and a page");
    text.len = 0;
    ok(bl_run_curves_add(runs, 1, &text, &e) == 0 && memcmp(text.data, "<svg", 4) == 0,
       "and a curve: %s", e.text);
    ok(bl_runs_add(&(bl_runs_wish){0}, none, 1, NULL, &text, &e) == BL_E_OPEN,
       "a folder of something else is none");
    bl_buf_free(&text);
}

int main(void)
{
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    write_songs();
    test_tables();
    test_hands();
    test_tensors();
    test_sets();
    test_refused();
    test_pictures();
    test_silence();
    test_runs();
    if (chdir("/") != 0 || strncmp(folder, "/tmp/", 5) != 0)
        return 1;
    char remove[64];
    snprintf(remove, sizeof remove, "rm -r %s", folder);
    ok(system(remove) == 0, "the folder is removed");
    return tap_done();
}
