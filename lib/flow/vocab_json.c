/* vocab_json.c - see vocab_json.h. */
#include "flow/vocab_json.h"

#include "token/miditok.h"

#include <string.h>

/* MidiTok's names where `grid` is above 0. */
static bl_json *id_object(const bl_vocab *v, int grid, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : 0;
    for (size_t id = 0; id < bl_words_size(v->words) && rc == 0; id++) {
        char name[BL_WORD_MAX + 16];
        const char *own = bl_words_name(v->words, id);
        if (grid > 0)
            bl_miditok_name(own, grid, name, sizeof name);
        rc = bl_json_set_int(o, grid > 0 ? name : own, (int64_t)id, e);
    }
    if (rc != 0) {
        bl_json_del(o);
        return NULL;
    }
    return o;
}

/* {"2":[1,...],"4":[1,...],...}: the numerators of each denominator of the scheme. */
static int add_meters(const bl_scheme *s, bl_buf *text, bl_err *e)
{
    int last = 0;
    int rc = bl_buf_adds(text, "{", e);
    for (unsigned id = 0; id < bl_words_size(bl_scheme_words(s)) && rc == 0; id++) {
        int n, d;
        if (!bl_scheme_meter(s, id, &n, &d))
            continue;
        if (d == last)
            rc = bl_buf_addf(text, e, ",%d", n);
        else
            rc = bl_buf_addf(text, e, "%s\"%d\":[%d", last > 0 ? "]," : "", d, n);
        last = d;
    }
    return rc == 0 ? bl_buf_adds(text, last > 0 ? "]}" : "}", e) : rc;
}

/* The settings under which MidiTok's REMI has tokens of the same meaning: the ranges of
 * meters and the additional parameters are what its reader does not do without. */
static int set_config(bl_json *o, const bl_scheme *scheme, bl_err *e)
{
    const bl_spec *spec = bl_scheme_spec(scheme);
    bl_buf text = {0};
    int rc = bl_buf_addf(
        &text, e,
        "{\"pitch_range\":[0,127],\"drums_pitch_range\":[0,127],"
        "\"beat_res\":{\"0_64\":%d},\"num_velocities\":32,"
        "\"special_tokens\":[\"PAD_None\",\"BOS_None\",\"EOS_None\",\"MASK_None\"],"
        "\"use_chords\":%s,\"chord_tokens_with_root_note\":true,\"use_rests\":false,"
        "\"use_tempos\":true,\"num_tempos\":281,\"tempo_range\":[20,300],"
        "\"use_time_signatures\":true,\"use_programs\":true,"
        "\"one_token_stream_for_programs\":true,\"program_changes\":true,"
        "\"use_pitchdrum_tokens\":true,"
        "\"additional_params\":{\"add_trailing_bars\":true},"
        "\"time_signature_range\":",
        2 * spec->grid, spec->chords && !spec->degrees ? "true" : "false");
    if (rc == 0)
        rc = add_meters(scheme, &text, e);
    if (rc == 0)
        rc = bl_buf_addc(&text, '}', e);
    bl_json *c = rc == 0 ? bl_json_parse((const char *)text.data, text.len, e) : NULL;
    bl_buf_free(&text);
    if (c == NULL)
        return e->code;
    rc = bl_json_set_str(o, "tokenization", "REMI", e);
    return rc == 0 ? bl_json_put(o, "config", c, e) : rc;
}

static bl_json *miditok_object(const bl_vocab *v, const bl_scheme *scheme, bl_err *e)
{
    bl_json *o = bl_json_object(e), *ids = id_object(v, bl_scheme_grid(scheme), e);
    int rc = o != NULL && ids != NULL ? set_config(o, scheme, e) : BL_E_NOMEM;
    /* MidiTok states a program for drums too, which ours know by their pitches: an id
     * behind ours, or it could not tokenize a piece with drums */
    if (rc == 0)
        rc = bl_json_set_int(ids, "Program_-1", (int64_t)bl_words_size(v->words), e);
    if (rc == 0)
        rc = bl_json_put(o, "_vocab_base", ids, e);
    else
        bl_json_del(ids);
    if (rc != 0) {
        bl_json_del(o);
        return NULL;
    }
    return o;
}

/* Takes the object. */
static int add_line(bl_json *o, bl_buf *text, bl_err *e)
{
    int rc = o == NULL ? e->code : bl_json_write(o, text, e);
    bl_json_del(o);
    return rc == 0 ? bl_buf_addc(text, '\n', e) : rc;
}

int bl_vocab_json(const bl_vocab *v, bl_buf *text, bl_err *e)
{
    return add_line(id_object(v, 0, e), text, e);
}

int bl_vocab_has_miditok(const char *scheme)
{
    return strcmp(scheme, "remi") == 0;
}

int bl_vocab_miditok(const bl_vocab *v, const bl_scheme *scheme, bl_buf *text,
                     bl_err *e)
{
    if (!bl_vocab_has_miditok(bl_scheme_name(scheme)))
        return bl_fail(e, BL_E_ARG, "MidiTok has names for the scheme remi, not for %s",
                       bl_scheme_name(scheme));
    return add_line(miditok_object(v, scheme, e), text, e);
}
