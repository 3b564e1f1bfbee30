/* intake_piece.c - a piece of an intake: measured by a worker, which packs its row;
 * taken from there in the order of the input. */
#include "flow/intake_impl.h"

#include "io/file.h"

#include <stdint.h>
#include <string.h>

/* ---- what workers deliver: a tag, then what comes with it ---- */

typedef enum {
    DONE_PIECE,  /* name and NUL, then the row */
    DONE_REJECT, /* bl_midi_report, bl_err */
    DONE_STREAM, /* the pg chain as text: there is no further piece */
} done;

static int pack_row(bl_intake *in, const char *name, bl_buf *out, bl_err *e)
{
    const bl_layout *l = in->wish->layout;
    const bl_row *row = &in->row;
    int rc = bl_buf_addc(out, DONE_PIECE, e);
    if (rc == 0)
        rc = bl_buf_add(out, name, strlen(name) + 1, e);
    if (rc == 0)
        rc = bl_buf_add(out, row->value, l->n_columns * sizeof *row->value, e);
    for (size_t i = 0; rc == 0 && i < l->n_series; i++) {
        const bl_series *s = &row->series[i];
        rc = bl_buf_add(out, &s->n, sizeof s->n, e);
        if (rc == 0 && s->n > 0)
            rc = bl_buf_add(out, s->x, s->n * sizeof *s->x, e);
    }
    return rc;
}

static int unpack_row(bl_intake *in, const uint8_t *at, bl_err *e)
{
    const bl_layout *l = in->wish->layout;
    bl_row *row = &in->row;
    void *p = row->value;
    int rc = bl_grow(&p, &row->cap, l->n_columns, sizeof *row->value, e);
    row->value = p;
    if (rc != 0)
        return rc;
    memcpy(row->value, at, l->n_columns * sizeof *row->value);
    at += l->n_columns * sizeof *row->value;
    for (size_t i = 0; i < l->n_series; i++) {
        bl_series *s = &row->series[i];
        memcpy(&s->n, at, sizeof s->n);
        at += sizeof s->n;
        p = s->x;
        rc = bl_grow(&p, &s->cap, s->n, sizeof *s->x, e);
        s->x = p;
        if (rc != 0)
            return rc;
        if (s->n > 0)
            memcpy(s->x, at, s->n * sizeof *s->x);
        at += s->n * sizeof *s->x;
    }
    return 0;
}

int bl_intake_pack_end(const bl_json *pg, bl_buf *out, bl_err *e)
{
    int rc = bl_buf_addc(out, DONE_STREAM, e);
    bl_json *o = bl_json_object(e);
    if (rc == 0 && o == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0 && pg != NULL) {
        bl_json *own = bl_json_copy(pg, e);
        rc = own == NULL ? e->code : bl_json_put(o, "pg", own, e);
        if (rc == 0)
            rc = bl_json_write(o, out, e);
    }
    bl_json_del(o);
    return rc;
}

/* ---- one piece, in a worker ---- */

int bl_intake_measure_song(bl_intake *in, const char *name, bl_buf *out, bl_err *e)
{
    int rc = bl_row_compute(&in->row, in->wish->layout, &in->view, &in->input, e);
    return rc == 0 ? pack_row(in, name, out, e) : rc;
}

/* Bytes of the ids, two each, as zstd -19 packs them. */
static int pack_ids(bl_intake *in, bl_err *e)
{
    const bl_ids *ids = &in->piece.ids;
    uint8_t two[2];
    in->packed.len = 0;
    int rc = in->packer == NULL ? bl_zw_to_buf(&in->packer, &in->packed, 19, e) : 0;
    for (size_t i = 0; rc == 0 && i < ids->n; i++) {
        two[0] = (uint8_t)ids->id[i];
        two[1] = (uint8_t)(ids->id[i] >> 8);
        rc = bl_zw_add(in->packer, two, sizeof two, e);
    }
    if (rc == 0)
        rc = bl_zw_end_frame(in->packer, e);
    in->input.zstd_bytes = in->packed.len;
    return rc;
}

void bl_intake_begin_input(bl_intake *in)
{
    const bl_intake_wish *w = in->wish;
    in->input = (bl_view_input){
        .song = &in->song,
        .meter_num = w->meter.num,
        .meter_den_log2 = w->meter.den_log2,
        .track = w->track,
    };
}

int bl_intake_measure_tokens(bl_intake *in, const bl_scheme *scheme, bl_buf *out,
                             bl_err *e)
{
    const bl_piece *p = &in->piece;
    int rc = bl_scheme_decode(scheme, p->ids.id, p->ids.n, &in->song, NULL, e);
    if (rc != 0)
        return rc;
    bl_intake_begin_input(in);
    in->input.scheme = scheme;
    in->input.ids = p->ids.id;
    in->input.n_ids = p->ids.n;
    rc = in->wish->layout->with & BL_WITH_REPEATS ? pack_ids(in, e) : 0;
    return rc == 0 ? bl_intake_measure_song(in, p->name, out, e) : rc;
}

/* What only the compat columns need. Files that strict readers refuse have none. */
static int read_compat(bl_intake *in, bl_err *e)
{
    bl_midi_report report = {0};
    int rc = bl_events_read(&in->events, in->bytes.data, in->bytes.len, NULL);
    if (rc == BL_E_NOMEM)
        return bl_fail(e, rc, "out of memory");
    if (rc != 0)
        return 0;
    rc = bl_midi_read(in->bytes.data, in->bytes.len, BL_READ_CLOSE_ALL, &in->closed,
                      &report, e);
    in->input.events = &in->events;
    in->input.closed = &in->closed;
    return rc;
}

static int measure_midi(bl_intake *in, const char *name, bl_midi_report *report,
                        bl_buf *out, bl_err *e)
{
    int rc = bl_midi_read(in->bytes.data, in->bytes.len, in->wish->reading, &in->song,
                          report, e);
    bl_intake_begin_input(in);
    if (rc == 0 && in->wish->layout->with & BL_WITH_COMPAT)
        rc = read_compat(in, e);
    if (rc != 0)
        return rc;
    rc = bl_intake_measure_song(in, name, out, e);
    if (rc == BL_E_LIMIT)
        report->reject = BL_REJECT_TOO_LONG;
    return rc;
}

int bl_intake_read_midi(bl_intake *in, int fd, const char *name, bl_err why,
                        bl_buf *out, bl_err *e)
{
    bl_midi_report report = {.reject = BL_REJECT_UNREADABLE};
    size_t start = out->len;
    int rc = why.code;
    if (fd >= 0)
        rc = bl_read_all(fd, &in->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == BL_E_LIMIT)
        report.reject = BL_REJECT_TOO_LARGE;
    if (rc == 0) {
        report = (bl_midi_report){0};
        rc = measure_midi(in, name, &report, out, &why);
    }
    if (rc == BL_E_NOMEM) {
        *e = why;
        return rc;
    }
    if (rc == 0)
        return 0;
    if (report.reject == BL_REJECT_NONE)
        report.reject = BL_REJECT_INTERNAL;
    out->len = start;
    rc = bl_buf_addc(out, DONE_REJECT, e);
    if (rc == 0)
        rc = bl_buf_add(out, &report, sizeof report, e);
    return rc == 0 ? bl_buf_add(out, &why, sizeof why, e) : rc;
}

/* ---- what becomes of it, in the order of the input ---- */

static int add_pg(bl_intake_set *set, const char *text, size_t len, bl_err *e)
{
    bl_json *o = len > 0 ? bl_json_parse(text, len, e) : NULL;
    const bl_json *pg = NULL;
    if (len > 0 && (o == NULL || bl_json_get(o, "pg", &pg, e) != 0)) {
        bl_json_del(o);
        return e->code;
    }
    int rc = bl_prov_add(&set->prov, pg, e);
    bl_json_del(o);
    return rc;
}

int bl_intake_reject(bl_intake *in, bl_intake_set *set, const char *path,
                     bl_reject reject, const bl_err *why, bl_err *e)
{
    set->rejects++;
    return bl_rejects_add(&in->rejects, in->progress, bl_path_shown(path),
                          bl_reject_name(reject), why, e);
}

int bl_intake_take(bl_intake *in, const bl_intake_taker *to, const char *path,
                   const bl_buf *result, bl_err *e)
{
    const uint8_t *body = result->data + 1;
    bl_midi_report report;
    bl_err why;
    bl_tell(in->progress, &(bl_counts){.pieces = to->set->n});
    switch (result->data[0]) {
    case DONE_PIECE: {
        const char *name = (const char *)body;
        int rc = unpack_row(in, body + strlen(name) + 1, e);
        if (rc != 0)
            return rc;
        to->set->n++;
        return to->take(to->arg, name, &in->row, e);
    }
    case DONE_REJECT:
        memcpy(&report, body, sizeof report);
        memcpy(&why, body + sizeof report, sizeof why);
        return bl_intake_reject(in, to->set, path, report.reject, &why, e);
    default: {
        int rc = add_pg(to->set, (const char *)body, result->len - 1, e);
        return rc == 0 ? 1 : rc;
    }
    }
}
