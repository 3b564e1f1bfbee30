/* encode.c - see encode.h. */
#include "flow/encode.h"

#include "base/hash.h"
#include "flow/grooves.h"
#include "io/file.h"
#include "io/pattern.h"
#include "io/tokens.h"
#include "io/walk.h"
#include "midi/beats.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BEATS_BYTES_MAX = 2 << 20, /* a beat of the shortest text takes 16 times its size */
    LINE_BYTES_MAX = 1 << 16,
};

struct bl_encoder {
    const bl_encoding *how;
    bl_packer *packer; /* or: */
    bl_grooves grooves;
    /* memory from file to file */
    bl_buf bytes, beats_path;
    bl_beats beats;
    bl_midi_report report;
    bl_scheme_fixes fixes;
    bl_song song;
    bl_ids ids;
};

int bl_encoder_new(bl_encoder **enc, const bl_encoding *how, bl_err *e)
{
    bl_encoder *c = *enc = bl_calloc(1, sizeof *c, e);
    if (c == NULL)
        return BL_E_NOMEM;
    c->how = how;
    c->grooves.frame = how->frame;
    if (how->scheme == NULL)
        return bl_grooves_begin(&c->grooves, how->level, e);
    return bl_packer_new(&c->packer, how->level, bl_scheme_words(how->scheme),
                         bl_scheme_lines(how->scheme), e);
}

static void free_all(bl_encoder *c)
{
    bl_packer_del(c->packer);
    bl_grooves_free(&c->grooves);
    bl_buf_free(&c->bytes);
    bl_buf_free(&c->beats_path);
    free(c->beats.beat);
    bl_song_free(&c->song);
    bl_ids_free(&c->ids);
}

void bl_encoder_del(bl_encoder *c)
{
    if (c == NULL)
        return;
    free_all(c);
    free(c);
}

static int read_bytes(bl_encoder *c, const char *path, bl_err *e)
{
    int fd;
    c->bytes.len = 0;
    c->report = (bl_midi_report){.reject = BL_REJECT_UNREADABLE};
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &c->bytes, BL_MIDI_MAX_BYTES, e);
    if (rc == BL_E_LIMIT)
        c->report.reject = BL_REJECT_TOO_LARGE;
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* What was read, but is not wanted. */
static int refuse(bl_encoder *c, bl_err *e)
{
    bl_midi_report *report = &c->report;
    int is_strict = c->how->scheme != NULL && bl_scheme_is_strict(c->how->scheme);
    if (report->strict_fix >= 0 && is_strict) {
        report->reject = BL_REJECT_STRICT;
        return bl_fail_at(e, BL_E_FORMAT, report->strict_offset,
                          "the published reader does not make this repair: %s",
                          bl_fix_name((bl_fix)report->strict_fix));
    }
    if (report->lost > 0 && c->how->strict) {
        report->reject = BL_REJECT_LOST;
        return bl_fail_at(e, BL_E_FORMAT, report->lost_offset,
                          "music was lost, or may have been: %s",
                          bl_fix_name(report->lost_fix));
    }
    if (c->song.n_notes == 0 && !c->how->keep_empty) {
        report->reject = BL_REJECT_NO_NOTES;
        return bl_fail_at(e, BL_E_FORMAT, report->lost > 0 ? report->lost_offset : -1,
                          "there is no note in it");
    }
    return 0;
}

/* bytes -> song */
static int read_song(bl_encoder *c, const bl_buf *bytes, bl_err *e)
{
    int rc =
        bl_midi_read(bytes->data, bytes->len, c->how->reading, &c->song, &c->report, e);
    return rc == 0 ? refuse(c, e) : rc;
}

/* Bars and beats from elsewhere, where asked for. */
static int set_bars(bl_encoder *c, const char *path, bl_err *e)
{
    char why[400];
    if (c->how->meter_num > 0)
        return bl_song_set_meter(&c->song, c->how->meter_num, c->how->meter_den_log2,
                                 e);
    if (c->how->beats == NULL)
        return 0;
    const char *from = bl_pattern_path(&c->beats_path, c->how->beats, path, e);
    if (from == NULL)
        return BL_E_NOMEM;
    bl_buf text = {0};
    int rc = bl_load_records(from, '\n', LINE_BYTES_MAX, &text, BEATS_BYTES_MAX, e);
    if (rc == 0)
        rc = bl_beats_read(&c->beats, (const char *)text.data, text.len, e);
    if (rc == 0)
        rc = bl_song_align(&c->song, c->beats.beat, c->beats.n, e);
    bl_buf_free(&text);
    if (rc == 0)
        return 0;
    c->report.reject = BL_REJECT_BEATS;
    bl_err_in(e, from);
    bl_err_text(e, why, sizeof why); /* the line names the MIDI file first */
    *e = BL_ERR_INIT;
    return bl_fail(e, rc, "%s", why);
}

/* Chords alone are a piece if there are some. */
static int has_chords(const bl_encoder *c)
{
    const bl_words *words = bl_scheme_words(c->how->scheme);
    for (size_t i = 0; i < c->ids.n; i++) {
        const char *word = bl_words_name(words, c->ids.id[i]);
        if (bl_scheme_meaning(c->how->scheme, c->ids.id[i]) == BL_IS_CHORD &&
            strcmp(word + strcspn(word, "_"), "_N") != 0)
            return 1;
    }
    return 0;
}

/* Of the encoded song: a file without the parts is no piece. */
static int check_parts(bl_encoder *c, bl_err *e)
{
    const bl_parts *parts = c->how->parts;
    if (parts == NULL || c->song.n_notes > 0)
        return 0;
    int is_chords = parts->chords && !c->how->drop_parts;
    if (is_chords && has_chords(c))
        return 0;
    c->report.reject = BL_REJECT_NO_PART;
    if (c->how->drop_parts)
        return bl_fail(e, BL_E_FORMAT, "no note is left of it without '%.80s'",
                       parts->text);
    return bl_fail(e, BL_E_FORMAT, "it has %s of '%.80s'",
                   is_chords ? "no chord and no note" : "no note", parts->text);
}

/* bytes -> the song that is wanted */
static int make_song(bl_encoder *c, const bl_buf *bytes, const char *path, bl_err *e)
{
    int rc = read_song(c, bytes, e);
    if (rc == 0)
        rc = set_bars(c, path, e);
    if (rc == 0 && c->how->trim)
        bl_song_trim(&c->song);
    if (rc == 0 && c->how->parts != NULL)
        rc = bl_parts_take(c->how->parts, c->how->drop_parts, &c->song, e);
    return rc;
}

/* The labels of the file come before its music. */
static int add_labels(bl_encoder *c, const char *path, bl_encoded *o)
{
    const bl_words *words = bl_scheme_words(c->how->scheme);
    if (c->how->labels == NULL)
        return 0;
    const char *label = bl_label_table_of(c->how->labels, path);
    o->is_unlabelled = label == NULL;
    int rc = 0;
    while (label != NULL && *label != '\0' && rc == 0) {
        size_t n = strcspn(label, "\n");
        int id = bl_words_find(words, label, n);
        rc = id >= 0 ? bl_ids_add(&c->ids, (unsigned)id, &o->why) : 0;
        label += n + (label[n] == '\n');
    }
    return rc;
}

/* song -> ids */
static int encode(bl_encoder *c, size_t *bars, bl_err *e)
{
    int rc = bl_scheme_encode(c->how->scheme, &c->song, &c->ids, bars, &c->fixes, e);
    if (rc == 0 && c->ids.n > BL_TOKENS_PIECE_MAX)
        rc = bl_fail(e, BL_E_LIMIT, "more than %d tokens", BL_TOKENS_PIECE_MAX);
    if (rc == BL_E_LIMIT)
        c->report.reject = BL_REJECT_TOO_LONG;
    else if (rc == BL_E_FORMAT)
        c->report.reject = BL_REJECT_STRICT;
    return rc == 0 ? check_parts(c, e) : rc;
}

static int add_fixes(const bl_encoder *c, bl_json *j, bl_err *e)
{
    const struct {
        const char *name;
        uint32_t n;
    } of_scheme[] = {
        {"meters", c->fixes.meters},
        {"tempos", c->fixes.tempos},
        {"durations", c->fixes.durations},
        {"collided", (uint32_t)c->grooves.hvo.collided},
        {"unmapped", (uint32_t)c->grooves.hvo.unmapped},
    };
    int rc = 0;
    for (int i = 0; rc == 0 && i < BL_N_FIXES; i++)
        if (c->report.fixes[i] > 0)
            rc = bl_json_set_int(j, bl_fix_name((bl_fix)i), c->report.fixes[i], e);
    for (size_t i = 0; rc == 0 && i < BL_COUNT(of_scheme); i++)
        if (of_scheme[i].n > 0)
            rc = bl_json_set_int(j, of_scheme[i].name, of_scheme[i].n, e);
    return rc;
}

/* ids -> packed piece */
static int pack(bl_encoder *c, const char *path, uint64_t i, size_t bars, bl_buf *piece,
                bl_err *e)
{
    bl_sha256 sha256;
    bl_json *fixes = bl_json_object(e);
    int rc = fixes == NULL ? BL_E_NOMEM : add_fixes(c, fixes, e);
    bl_sha256_of(c->bytes.data, c->bytes.len, sha256);
    if (rc == 0) {
        bl_piece_info info = {
            .name = bl_path_shown(path),
            .sha256 = sha256,
            .tpq = c->song.tpq,
            .ticks = c->song.end,
            .tracks = c->report.tracks,
            .fixes = bl_json_size(fixes) > 0 ? fixes : NULL,
        };
        rc = bl_packer_piece(c->packer, piece, i, &info, c->ids.id, c->ids.n, bars, e);
    }
    bl_json_del(fixes);
    return rc;
}

/* ---- drums without tokens ---- */

/* song -> hvo */
static int encode_drums(bl_encoder *c, bl_encoded *o)
{
    bl_hvo *hvo = &c->grooves.hvo;
    int rc = bl_hvo_encode(hvo, &c->song, &o->why);
    if (rc == BL_E_LIMIT || rc == BL_E_FORMAT)
        c->report.reject = rc == BL_E_LIMIT ? BL_REJECT_TOO_LONG : BL_REJECT_METER;
    o->n_hits = hvo->hits;
    o->n_collided = hvo->collided;
    o->n_unmapped = hvo->unmapped;
    if (rc != 0 || hvo->n_bars > 0)
        return rc;
    c->report.reject = BL_REJECT_NO_DRUMS;
    if (hvo->unmapped > 0)
        return bl_fail(&o->why, BL_E_FORMAT,
                       "none of its %zu drums is of the nine voices", hvo->unmapped);
    return bl_fail(&o->why, BL_E_FORMAT, "there is no drum in it");
}

/* hvo -> packed piece */
static int pack_drums(bl_encoder *c, const char *path, uint64_t i, bl_encoded *o,
                      bl_buf *piece, bl_err *e)
{
    bl_sha256 sha256;
    const char *labels = NULL;
    bl_json *fixes = bl_json_object(e);
    int rc = fixes == NULL ? BL_E_NOMEM : add_fixes(c, fixes, e);
    bl_sha256_of(c->bytes.data, c->bytes.len, sha256);
    if (c->how->labels != NULL) {
        labels = bl_label_table_of(c->how->labels, path);
        o->is_unlabelled = labels == NULL;
    }
    const bl_rows_info info = {
        .name = bl_path_shown(path),
        .sha256 = sha256,
        .tpq = c->song.tpq,
        .labels = labels,
        .fixes = rc == 0 && bl_json_size(fixes) > 0 ? fixes : NULL,
    };
    if (rc == 0)
        rc = bl_grooves_pack(&c->grooves, piece, i, &info, &o->n_windows, e);
    if (rc == BL_E_LIMIT)
        c->report.reject = BL_REJECT_TOO_LONG;
    bl_json_del(fixes);
    return rc;
}

/* ---- a file ---- */

static int make_piece(bl_encoder *c, const char *path, uint64_t i, bl_encoded *o,
                      bl_buf *piece)
{
    size_t bars = 0;
    c->ids.n = 0;
    int rc = read_bytes(c, path, &o->why);
    if (rc == 0)
        rc = make_song(c, &c->bytes, path, &o->why);
    if (rc == 0 && c->how->scheme == NULL) {
        rc = encode_drums(c, o);
        return rc == 0 ? pack_drums(c, path, i, o, piece, &o->why) : rc;
    }
    if (rc == 0)
        rc = add_labels(c, path, o);
    if (rc == 0)
        rc = encode(c, &bars, &o->why);
    return rc == 0 ? pack(c, path, i, bars, piece, &o->why) : rc;
}

int bl_encode_file(bl_encoder *c, const char *path, uint64_t i, bl_encoded *o,
                   bl_buf *piece, bl_err *e)
{
    size_t start = piece->len;
    *o = (bl_encoded){.why = BL_ERR_INIT};
    int rc = make_piece(c, path, i, o, piece);
    if (rc == BL_E_NOMEM) { /* no fault of the file, or whoever limits it finds so */
        if (e != NULL)
            *e = o->why;
        return rc;
    }
    o->reject = rc == 0            ? BL_REJECT_NONE
                : c->report.reject ? c->report.reject
                                   : BL_REJECT_INTERNAL;
    o->n_notes = c->song.n_notes;
    o->n_tokens = c->ids.n;
    o->lost = c->report.lost;
    o->lost_fix = c->report.lost_fix;
    o->lost_offset = c->report.lost_offset;
    if (rc != 0)
        piece->len = start;
    return 0;
}

int bl_encode_piece(const bl_encoding *how, const bl_buf *bytes, const char *path,
                    bl_piece *piece, bl_err *e)
{
    bl_encoder c = {.how = how};
    int rc = make_song(&c, bytes, path, e);
    if (rc == 0)
        rc = encode(&c, &piece->bars, e);
    if (rc == 0 && (piece->name = bl_strdup(bl_path_shown(path), e)) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0) {
        piece->ids = c.ids;
        c.ids = (bl_ids){0};
    }
    free_all(&c);
    return rc;
}
