/* render.c - see render.h. */
#include "flow/render.h"

#include "flow/grooves.h"
#include "flow/mixing.h"
#include "flow/source.h"
#include "io/names.h"
#include "midi/midi.h"
#include "io/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const bl_render_wish *wish;
    const bl_progress *progress;
    const char *input; /* name of the current one */
    const bl_scheme *scheme;
    bl_writing writing; /* of the last piece's scheme */
    bl_bare bare;
    bl_piece piece;
    bl_rows_piece rows;     /* of a stream of grooves, the record at hand */
    bl_hvo_decoder decoder; /* its piece becomes the song */
    bl_song song;
    bl_mixing mixing;
    bl_names names;
    bl_output out;
    bl_buf text; /* of a file */
    uint64_t n_pieces, n_files;
} rendering;

/* What becomes of each piece. */
typedef int piece_fn(rendering *r, bl_err *e);

/* ---- reading ---- */

static int read_tokens(rendering *r, const char *path, bl_input *in, piece_fn *each,
                       bl_err *e)
{
    bl_source source = {0};
    int rc = bl_source_open_over(&source, &path, 1, in, e);
    r->scheme = source.scheme;
    while (rc == 0 && (rc = bl_corpus_next(source.corpus, &r->piece, e)) > 0) {
        rc = each(r, e);
        r->n_pieces += rc == 0;
    }
    r->scheme = NULL;
    bl_source_free(&source);
    return rc;
}

/* The records of a piece are its song, which then becomes what it should. */
static int end_groove(rendering *r, piece_fn *each, bl_err *e)
{
    int rc = bl_hvo_decode_end(&r->decoder, e);
    if (rc == 0)
        rc = each(r, e);
    r->n_pieces += rc == 0;
    return rc;
}

static int begin_groove(rendering *r, bl_err *e)
{
    free(r->piece.name);
    r->piece.name = bl_strdup(r->rows.name, e);
    r->piece.index = r->rows.index;
    return r->piece.name == NULL
               ? BL_E_NOMEM
               : bl_hvo_decode_begin(&r->decoder, &r->song, r->rows.tpq, e);
}

static int add_groove(rendering *r, int bars, bl_err *e)
{
    const bl_rows *rows = &r->rows.rows;
    size_t numbers = (size_t)bars * BL_HVO_BAR * BL_HVO_CELLS;
    int rc = bl_groove_check(&r->rows, bars, e);
    for (size_t i = 0; rc == 0 && i < rows->n; i++)
        rc = bl_hvo_decode(&r->decoder, rows->x + i * numbers, bars, rows->bar[i],
                           rows->tempo[i], e);
    return rc;
}

static int read_grooves(rendering *r, bl_input *in, piece_fn *each, bl_err *e)
{
    bl_rowsr *reader = NULL;
    int bars = 0, is_in_piece = 0;
    int rc = bl_rowsr_new(&reader, bl_input_take(in), r->input, e);
    if (rc == 0)
        rc = bl_groove_bars(bl_rowsr_kind(reader), &bars, e);
    r->scheme = NULL;
    while (rc == 0 && (rc = bl_rowsr_next(reader, &r->rows, e)) > 0) {
        rc = is_in_piece && r->rows.begins ? end_groove(r, each, e) : 0;
        if (rc == 0 && r->rows.begins)
            rc = begin_groove(r, e);
        if (rc == 0)
            rc = add_groove(r, bars, e);
        is_in_piece = 1;
    }
    if (rc == 0 && is_in_piece)
        rc = end_groove(r, each, e);
    bl_rowsr_del(reader);
    return rc;
}

static int read_stream(rendering *r, const char *path, piece_fn *each, bl_err *e)
{
    bl_input in;
    int rc = bl_input_open(&in, path, e);
    if (rc == 0)
        rc = in.is_tensors ? read_grooves(r, &in, each, e)
                           : read_tokens(r, path, &in, each, e);
    bl_input_close(&in);
    return rc;
}

static int read_bare(rendering *r, const char *path, piece_fn *each, bl_err *e)
{
    int rc = bl_bare_read(&r->bare, path, &r->piece, e);
    r->scheme = r->bare.scheme;
    if (rc == 0)
        rc = each(r, e);
    r->n_pieces += rc == 0;
    return rc;
}

static int read_input(rendering *r, const char *path, piece_fn *each, bl_err *e)
{
    r->input = bl_path_or_stdin(path);
    int rc = r->wish->raw ? read_bare(r, path, each, e) : read_stream(r, path, each, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, r->input);
}

static int read_inputs(rendering *r, const char *const *paths, size_t n, piece_fn *each,
                       bl_err *e)
{
    int rc = n == 0 ? read_input(r, "-", each, e) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_input(r, paths[i], each, e);
    return rc == 0 ? bl_mixing_end(&r->mixing, e) : rc;
}

static int decode_tokens(rendering *r, bl_err *e)
{
    size_t skipped;
    const bl_ids *ids = &r->piece.ids;
    r->writing = bl_scheme_writing(r->scheme);
    int rc = bl_scheme_decode(r->scheme, ids->id, ids->n, &r->song, &skipped, e);
    if (rc == 0 && skipped > 0)
        bl_notice(bl_notices_of(r->progress), BL_NOTICE_WARNING,
                  "'%s': piece '%s': %zu tokens make no sense and are left out",
                  r->input, r->piece.name, skipped);
    return rc;
}

/* Decodes the current piece into r->song, where a groove is already, and its partner.
 */
static int decode(rendering *r, bl_err *e)
{
    r->writing = BL_WRITE_PROGRAMS;
    int rc = r->scheme != NULL ? decode_tokens(r, e) : 0;
    return rc == 0 && r->wish->mix != NULL
               ? bl_mixing_add(&r->mixing, &r->song, r->piece.name,
                               bl_notices_of(r->progress), e)
               : rc;
}

/* ---- MIDI ---- */

static int write_song(rendering *r, const char *path, bl_err *e)
{
    int is_in_folder = r->wish->as == BL_RENDER_FOLDER;
    r->text.len = 0;
    int rc = bl_midi_write(&r->song, r->writing, &r->text, e);
    if (rc == 0)
        rc = bl_output_open(&r->out, path, is_in_folder, r->wish->guards, e);
    if (rc != 0)
        return rc;
    rc = bl_write_all(r->out.out.fd, r->text.data, r->text.len, e);
    rc = bl_output_close(&r->out, rc, e);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path != NULL ? path : "standard output");
}

static int to_only_file(rendering *r, bl_err *e)
{
    if (r->n_pieces > 0)
        return bl_fail(e, BL_E_LIMIT, "there is more than one piece; use -d DIR");
    return decode(r, e);
}

static int write_one(rendering *r, const char *const *paths, size_t n, bl_err *e)
{
    int rc = read_inputs(r, paths, n, to_only_file, e);
    if (rc == 0 && r->n_pieces == 0)
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
    return rc == 0 ? write_song(r, r->wish->to, e) : rc;
}

/* ---- a folder of them ---- */

static int to_file_in_folder(rendering *r, bl_err *e)
{
    char name[BL_FILE_NAME_MAX + 1];
    bl_buf path = {0};
    int rc = decode(r, e);
    if (rc == 0)
        rc = bl_names_give(&r->names, r->piece.name, ".mid", name, e);
    if (rc == 0)
        rc = bl_buf_addf(&path, e, "%s/%s", r->wish->to, name);
    const char *text = rc == 0 ? bl_buf_str(&path, e) : NULL;
    if (text != NULL)
        rc = write_song(r, text, e);
    bl_buf_free(&path);
    if (text == NULL || rc != 0)
        return rc == 0 ? BL_E_NOMEM : rc;
    if (r->n_files++ == 0)
        bl_guards_drop(r->wish->guards, r->wish->to);
    bl_tell(r->progress, &(bl_counts){.pieces = r->n_files});
    return 0;
}

/* A folder that is made here stays only with a file in it. */
static int write_folder(rendering *r, const char *const *paths, size_t n, bl_err *e)
{
    const char *folder = r->wish->to;
    int is_new = mkdir(folder, 0777) == 0;
    if (!is_new && errno != EEXIST) {
        return bl_fail_in(
            e, bl_fail_errno(e, BL_E_CREATE, "cannot create the directory"), folder);
    }
    if (is_new)
        bl_guards_add(r->wish->guards, folder);
    int rc = read_inputs(r, paths, n, to_file_in_folder, e);
    if (is_new && r->n_files == 0) {
        rmdir(folder);
        bl_guards_drop(r->wish->guards, folder);
    }
    return rc;
}

/* ---- the table of notes ---- */

/* Quoted as RFC 4180 wants it where the name has a comma, a quote or a line feed. */
static int add_name(bl_buf *b, const char *name, bl_err *e)
{
    if (strpbrk(name, ",\"\r\n") == NULL)
        return bl_buf_adds(b, name, e);
    int rc = bl_buf_addc(b, '"', e);
    for (; rc == 0 && *name != '\0'; name++)
        rc = bl_buf_adds(b, *name == '"' ? "\"\"" : (char[2]){*name, '\0'}, e);
    return rc == 0 ? bl_buf_addc(b, '"', e) : rc;
}

static int to_table(rendering *r, bl_err *e)
{
    r->text.len = 0;
    int rc = decode(r, e);
    for (size_t i = 0; rc == 0 && i < r->song.n_notes; i++) {
        const bl_note *n = &r->song.notes[i];
        rc = add_name(&r->text, r->piece.name, e);
        if (rc == 0)
            rc = bl_buf_addf(&r->text, e, ",%d,%d,%d,%d,%d,%d\n", (int)n->on,
                             (int)(n->off - n->on), n->pitch, n->velocity, n->program,
                             n->drum);
    }
    return rc == 0 ? bl_write_all(r->out.out.fd, r->text.data, r->text.len, e) : rc;
}

static int write_table(rendering *r, const char *const *paths, size_t n, bl_err *e)
{
    static const char heading[] =
        "piece,onset_ticks,duration_ticks,pitch,velocity,program,drum\n";
    int rc = bl_output_open(&r->out, r->wish->to, 0, r->wish->guards, e);
    if (rc != 0)
        return rc;
    rc = bl_write_all(r->out.out.fd, heading, sizeof heading - 1, e);
    if (rc == 0)
        rc = read_inputs(r, paths, n, to_table, e);
    return bl_output_close(&r->out, rc, e);
}

/* ---- the verdict ---- */

static int violation(const rendering *r, size_t bar, size_t token, const char *word,
                     const char *why, bl_err *e)
{
    return bl_fail(e, BL_E_FORMAT,
                   "piece %" PRIu64 " '%.80s': bar %zu, token %zu, %s: %s",
                   r->piece.index, r->piece.name, bar, token, word, why);
}

/* Bars and tokens are counted from 1. */
static int check(rendering *r, bl_err *e)
{
    bl_grammar g;
    const bl_ids *ids = &r->piece.ids;
    size_t bar = 0;
    unsigned last = BL_ID_BOS;
    if (r->scheme == NULL) /* of a groove all was checked that there is */
        return 0;
    bl_grammar_start(&g, r->scheme);
    for (size_t i = 0; i < ids->n; i++) {
        last = ids->id[i];
        bar += (size_t)bl_scheme_begins_bar(r->scheme, last);
        const char *why = bl_grammar_step(&g, last);
        if (why != NULL)
            return violation(r, bar, i + 1,
                             bl_words_name(bl_scheme_words(r->scheme), last), why, e);
    }
    if (last != BL_ID_EOS && bl_grammar_step(&g, BL_ID_EOS) != NULL)
        return violation(r, bar, ids->n + 1, "the end", "it comes too early", e);
    return 0;
}

/* ---- the whole ---- */

static int write_all(rendering *r, const char *const *paths, size_t n, bl_err *e)
{
    switch (r->wish->as) {
    case BL_RENDER_FOLDER:
        return write_folder(r, paths, n, e);
    case BL_RENDER_TABLE:
        return write_table(r, paths, n, e);
    case BL_RENDER_CHECK:
        return read_inputs(r, paths, n, check, e);
    default:
        return write_one(r, paths, n, e);
    }
}

int bl_render(const bl_render_wish *wish, const char *const *paths, size_t n,
              const bl_progress *progress, uint64_t *n_pieces, bl_err *e)
{
    rendering r = {.wish = wish,
                   .progress = progress,
                   .bare = {.wish = &wish->bare},
                   .out = BL_OUTPUT_INIT};
    int rc = wish->mix != NULL ? bl_mixing_open(&r.mixing, wish->mix, e) : 0;
    if (rc == 0)
        rc = write_all(&r, paths, n, e);
    *n_pieces = r.n_pieces;
    bl_bare_free(&r.bare);
    bl_piece_free(&r.piece);
    bl_rows_piece_free(&r.rows);
    bl_song_free(&r.song);
    bl_mixing_free(&r.mixing);
    bl_names_free(&r.names);
    bl_buf_free(&r.text);
    return rc;
}
