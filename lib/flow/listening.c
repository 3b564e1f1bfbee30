/* listening.c - see listening.h. */
#include "flow/listening.h"

#include "base/rng.h"
#include "io/file.h"
#include "io/name.h"
#include "io/walk.h"
#include "midi/midi.h"
#include "page/blind.h"
#include "page/ratings.h"

#include <stdlib.h>
#include <string.h>

enum { RATINGS_BYTES = 64 << 20 };

/* ---- a set of pieces ---- */

typedef struct {
    char *name;
    bl_buf midi, sound;
} excerpt;

typedef struct {
    const bl_listening_wish *wish;
    char *name;
    excerpt *kept; /* [wish->most] */
    int64_t n, seen;
    bl_rng rng;
    bl_song song;
} listening_set;

static int keep(listening_set *s, excerpt *x, const bl_shown *piece, bl_err *e)
{
    bl_buf name = {0};
    x->midi.len = 0;
    free(x->name);
    x->name = NULL;
    int rc = bl_name_encode(piece->name, &name, e);
    if (rc == 0 && (bl_buf_str(&name, e) == NULL ||
                    (x->name = bl_path_last((char *)name.data, e)) == NULL))
        rc = BL_E_NOMEM;
    bl_buf_free(&name);
    if (rc == 0)
        rc = bl_song_excerpt(&s->song, piece->song, s->wish->seconds, e);
    return rc == 0 ? bl_midi_write(&s->song, piece->writing, &x->midi, e) : rc;
}

/* Each piece so far is among the kept with the same chance (Vitter's algorithm R,
 * 1985).
 */
static int take_piece(void *arg, const bl_shown *piece, bl_err *e)
{
    listening_set *s = arg;
    if (piece->song->n_notes == 0)
        return 0;
    int64_t at = s->n;
    if (s->n < s->wish->most)
        s->n++;
    else
        at = bl_rng_below(&s->rng, (uint32_t)bl_min(s->seen + 1, UINT32_MAX));
    s->seen++;
    return at < s->wish->most ? keep(s, &s->kept[at], piece, e) : 0;
}

static int read_set(listening_set *s, const char *operand, bl_err *e)
{
    const bl_intake_wish reading = {
        .reading = bl_reading_with(BL_READ_OVERLAP, s->wish->pair)};
    bl_intake *in = NULL;
    s->kept = bl_calloc((size_t)s->wish->most, sizeof *s->kept, e);
    s->name = bl_path_last(operand, e);
    if (s->kept == NULL || s->name == NULL)
        return BL_E_NOMEM;
    int rc = bl_intake_new(&in, &reading, NULL, e);
    if (rc == 0)
        rc = bl_intake_show(in, &operand, 1, take_piece, s, e);
    bl_intake_del(in);
    if (rc == 0 && s->n == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece to be heard");
        bl_err_in(e, operand);
    }
    return rc;
}

static int play_set(listening_set *s, bl_err *e)
{
    int rc = 0;
    for (int64_t i = 0; i < s->n && rc == 0; i++) {
        rc = bl_play(s->wish->player, &s->kept[i].midi, &s->kept[i].sound, e);
        if (rc == 0 && s->kept[i].sound.len == 0)
            rc = bl_fail(e, BL_E_OPEN,
                         "a listening test wants FluidSynth and a sound font (Debian: "
                         "fluidsynth timgm6mb-soundfont)");
    }
    return rc;
}

static void set_free(listening_set *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        free(s->kept[i].name);
        bl_buf_free(&s->kept[i].midi);
        bl_buf_free(&s->kept[i].sound);
    }
    free(s->kept);
    free(s->name);
    bl_song_free(&s->song);
}

/* ---- the page ---- */

static int write_page(const bl_listening_wish *wish, const listening_set *sets,
                      size_t n, bl_buf *text, bl_err *e)
{
    bl_blind page = {.title = "Listening test",
                     .scale = bl_scales(),
                     .n_scales = BL_SCALES,
                     .seed = wish->seed};
    size_t most = 0;
    for (size_t k = 0; k < n; k++)
        most += (size_t)sets[k].n;
    bl_blind_piece *piece = bl_calloc(most, sizeof *piece, e);
    if (piece == NULL)
        return BL_E_NOMEM;
    for (size_t k = 0; k < n; k++)
        for (int64_t i = 0; i < sets[k].n; i++)
            piece[page.n++] = (bl_blind_piece){sets[k].name, sets[k].kept[i].name,
                                               &sets[k].kept[i].sound};
    page.piece = piece;
    int rc = bl_blind_write(&page, text, e);
    free(piece);
    return rc;
}

static int read_sets(const bl_listening_wish *wish, listening_set *sets,
                     const char *const *operands, size_t n, bl_err *e)
{
    int rc = 0;
    for (size_t k = 0; k < n && rc == 0; k++) {
        sets[k] = (listening_set){.wish = wish, .rng = bl_rng_make(wish->seed, k + 1)};
        rc = read_set(&sets[k], operands[k], e);
        for (size_t i = 0; i < k && rc == 0; i++)
            if (strcmp(sets[i].name, sets[k].name) == 0)
                rc = bl_fail(e, BL_E_FORMAT,
                             "two sets are called '%.100s': their ratings could not be "
                             "told apart",
                             sets[k].name);
    }
    for (size_t k = 0; k < n && rc == 0; k++)
        rc = play_set(&sets[k], e);
    return rc;
}

int bl_listening_add(const bl_listening_wish *wish, const char *const *operands,
                     size_t n, bl_buf *text, bl_err *e)
{
    listening_set *sets = bl_calloc(n, sizeof *sets, e);
    int rc = sets != NULL ? read_sets(wish, sets, operands, n, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = write_page(wish, sets, n, text, e);
    for (size_t k = 0; k < n && sets != NULL; k++)
        set_free(&sets[k]);
    free(sets);
    return rc;
}

/* ---- what was answered ---- */

static int add_file(bl_ratings *r, const char *path, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_load_records(path, '\n', 4096, &text, RATINGS_BYTES, e);
    if (rc == 0 && bl_buf_str(&text, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_ratings_add(r, (char *)text.data, e);
    bl_buf_free(&text);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

int bl_ratings_read(const char *const *paths, size_t n, uint64_t seed, bl_buf *text,
                    bl_err *e)
{
    bl_ratings r = {0};
    bl_rating_row *rows = NULL;
    size_t n_rows = 0;
    int rc = n == 0 ? add_file(&r, "-", e) : 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_file(&r, paths[i], e);
    if (rc == 0)
        rc = bl_ratings_rows(&r, seed, &rows, &n_rows, e);
    if (rc == 0)
        rc = bl_ratings_tsv(rows, n_rows, text, e);
    free(rows);
    bl_ratings_free(&r);
    return rc;
}
