/* featstats.h - the two halves of featstats(1): featstats_read.c measures what it
 * reads, featstats.c knows the options and writes. */
#ifndef BL_FEATSTATS_H
#define BL_FEATSTATS_H

#include "cli/log.h"
#include "cli/opt.h"
#include "cli/shared.h"
#include "cli/tool.h"
#include "io/walk.h"
#include "io/file.h"
#include "io/tokens.h"
#include "io/zio.h"
#include "flow/rejects.h"
#include "midi/midi.h"
#include "compare/compare.h"
#include "feature/labels.h"
#include "compare/novelty.h"
#include "feature/table.h"
#include "token/scheme.h"

#include <stdio.h>

enum { WRITE_CHUNK = 1 << 20 };

typedef struct {
    int pair;
    bl_meter meter;
    bl_opt_share max_reject;
    const char *vs, *labels;
    int list, json, summary, is_long, tensors;
    int vectors, compat, si, groove, repeats, roll, curves, surprise;
    int runs, by, is_log, no_costs;
    const char *html, *run, *novelty;
    int sound;
    int64_t rolls;
    int64_t track;
    bl_opt_common common;
} settings;

/* A set of pieces, and the programs that made the streams they came in. */
typedef struct {
    int keeps_table;
    bl_table table; /* where sets are compared or summed up */
    int prints;     /* a row a piece */
    uint64_t n;
    bl_prov *pg; /* owned; NULL before the first stream */
} set_of_pieces;

/* Pieces that wait for the next record of --tensors. Release with batch_free. */
typedef struct {
    bl_table table;
    bl_series series[BL_SERIES_MAX]; /* of all of them, one after another */
    bl_series ends[BL_SERIES_MAX];   /* where those of each end */
    size_t n_numbers;                /* in the series */
    bl_zw *writer;
} batch;

typedef struct {
    const settings *set;
    const bl_opts *opts;
    bl_log *log;
    bl_layout layout;
    bl_print print;
    bl_labels labels;
    set_of_pieces pieces, reference, training;
    batch batch;
    bl_novelty *novelty;              /* of --novelty */
    bl_series human_copy, human_long; /* of the reference there */
    double most_copy, most_long;      /* their 95th percentiles, or NaN */
    bl_rejects rejects;
    bl_progress progress; /* of rejects: into the log */
    uint64_t n_midi_files;
    bl_reading reading;  /* of --pair */
    bl_view_input input; /* what is measured now; the meter stays */
    bl_out out;
    int is_mute;    /* of --sound: there is no font, and that was said */
    int is_awaited; /* something reads the output as it comes: each row at once */
    FILE *rows; /* of --novelty, whose header counts them: in a file without a name */

    /* memory from piece to piece */
    bl_view view;
    bl_row row;
    bl_song song, closed;
    bl_writing writing; /* how the scheme of the last stream wants files */
    bl_events events;
    bl_piece piece;
    bl_buf bytes, name, group, text, packed;
    bl_zw *packer; /* of ids, into `packed` */
} run;

/* Each measures pieces and adds them to r->pieces or r->reference. 0 or a negative
 * code; MIDI files that cannot be used are rejects, no errors. */
int read_operands(run *r, bl_err *e) BL_MUST_CHECK;
int read_reference(run *r, bl_err *e) BL_MUST_CHECK;
int read_training(run *r, bl_err *e) BL_MUST_CHECK; /* and indexes it */

/* Of --novelty: takes the melody in r->row; sets most_copy and most_long. */
int take_melody(run *r, set_of_pieces *to, const char *name, bl_err *e) BL_MUST_CHECK;
void find_percentiles(run *r);

/* Reads the operands again, but standard input, and gives each piece as r->song; `midi`
 * is its file, NULL where it came as tokens. 1 from `show` ends it. */
typedef int bl_show_fn(run *r, const char *name, const bl_buf *midi, void *arg,
                       bl_err *e);
int show_pieces(run *r, bl_show_fn *show, void *arg, bl_err *e) BL_MUST_CHECK;

/* Of --sound: the MIDI file as Ogg Vorbis; without FluidSynth or a sound font a warning
 * and nothing. */
int make_sound(run *r, const bl_buf *midi, bl_buf *ogg, bl_err *e) BL_MUST_CHECK;

/* Writes --html; `compared` is NULL for one set. */
int write_report(run *r, const bl_comparisons *compared, bl_err *e) BL_MUST_CHECK;
/* Appends the table of --surprise. */
int add_surprise(run *r, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* The whole of --runs: reads run folders, writes its tables or picture. */
int show_runs(run *r, bl_err *e) BL_MUST_CHECK;
/* Into a header: the programs that made the data, this one last. */
int put_pg(const run *r, bl_json *o, bl_err *e) BL_MUST_CHECK;
/* What a set is called: the last part of its path, copied; NULL without memory. */
char *set_name(const char *path, bl_err *e);
/* Appends the picture of --curves. */
int add_curves(run *r, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* Appends the picture of --roll. */
int add_roll(run *r, bl_buf *text, bl_err *e) BL_MUST_CHECK;

/* The programs that made the data, this one last. The caller releases it. */
bl_json *make_pg(const run *r, bl_err *e) BL_MUST_CHECK;

/* Of --tensors: the piece in r->row joins the batch; full ones, and the last, are added
 * to r->text as records. */
int take_tensors(run *r, const char *name, const char *group, bl_err *e) BL_MUST_CHECK;
int end_tensors(run *r, bl_err *e) BL_MUST_CHECK;
void batch_free(batch *b);

/* Puts the text of rows into the output, of --novelty into its own file. */
int flush_rows(run *r, bl_err *e) BL_MUST_CHECK;

#endif
