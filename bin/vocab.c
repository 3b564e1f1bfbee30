/* vocab - the vocabulary of token streams, with counts. */
#include "cli/log.h"
#include "cli/opt.h"
#include "cli/tool.h"
#include "io/corpus.h"
#include "io/file.h"
#include "io/vocab.h"
#include "io/zio.h"
#include "token/merges.h"
#include "token/miditok.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANONICAL, SEEN, COUNT };

typedef struct {
    const char *scheme;
    int order, json, miditok;
    int64_t grid, min_count, bpe;
    bl_opt_common common;
} settings;

/* A token of the scheme and how often it stood where. */
typedef struct {
    size_t id;
    uint64_t count;
    uint64_t first; /* the number of tokens read when it first stood */
} tally;

typedef struct {
    const settings *set;
    const bl_opts *opts;
    bl_log *log;
    bl_corpus *corpus; /* NULL: the closed vocabulary of --scheme */
    bl_scheme *scheme;
    bl_tokens_kind kind;
    tally *tallies; /* [n], by id until they are ordered */
    size_t n;
    uint64_t n_pieces, n_tokens;
    bl_merge_rule rule;
    bl_learner *learner; /* NULL: no merges are wanted */
    bl_merges merges;
    uint64_t *merge_count; /* [--bpe] */
    bl_vocab vocab;
    bl_out out;
} run;

/* ---- counting ---- */

static int open_scheme(run *r, bl_err *e)
{
    const bl_tokens_kind *kind = r->corpus != NULL ? bl_corpus_kind(r->corpus) : NULL;
    bl_spec spec = {.grid = (int)r->set->grid};
    snprintf(spec.scheme, sizeof spec.scheme, "%s", r->set->scheme);
    int rc = kind != NULL
                 ? bl_scheme_open_stated(&r->scheme, &kind->spec, kind->sha256, e)
                 : bl_scheme_open(&r->scheme, &spec, e);
    if (rc != 0)
        return kind != NULL ? bl_err_in(e, bl_corpus_file(r->corpus)) : rc;
    r->kind.spec = *bl_scheme_spec(r->scheme);
    snprintf(r->kind.sha256, sizeof r->kind.sha256, "%s", bl_scheme_sha256(r->scheme));
    r->n = bl_words_size(bl_scheme_words(r->scheme));
    r->tallies = bl_calloc(r->n, sizeof *r->tallies, e);
    for (size_t id = 0; r->tallies != NULL && id < r->n; id++)
        r->tallies[id].id = id;
    return r->tallies == NULL ? BL_E_NOMEM : 0;
}

static int begin_learning(run *r, bl_err *e)
{
    size_t wanted = (size_t)r->set->bpe;
    if (wanted == 0)
        return 0;
    if (r->n + wanted > BL_WORDS_MAX)
        return bl_fail(e, BL_E_ARG, "--bpe: %zu tokens and %zu merges are more than %d",
                       r->n, wanted, BL_WORDS_MAX);
    r->merge_count = bl_calloc(wanted, sizeof *r->merge_count, e);
    if (r->merge_count == NULL)
        return BL_E_NOMEM;
    int rc = bl_merge_rule_of(&r->rule, r->scheme, NULL, r->n, e);
    return rc == 0 ? bl_learner_new(&r->learner, r->n, &r->rule, e) : rc;
}

static void count_piece(run *r, const bl_ids *ids)
{
    r->tallies[BL_ID_BOS].count++;
    r->tallies[BL_ID_EOS].count++;
    for (size_t i = 0; i < ids->n; i++) {
        tally *t = &r->tallies[ids->id[i]];
        if (t->count++ == 0)
            t->first = r->n_tokens + i;
    }
    r->n_tokens += ids->n;
    r->n_pieces++;
}

static int count_all(run *r, bl_err *e)
{
    bl_piece piece = {0};
    int rc;
    bl_corpus_set_words(r->corpus, bl_scheme_words(r->scheme));
    while ((rc = bl_corpus_next(r->corpus, &piece, e)) > 0) {
        count_piece(r, &piece.ids);
        if (r->learner != NULL &&
            (rc = bl_learner_add(r->learner, piece.ids.id, piece.ids.n, e)) != 0)
            break;
        if (bl_log_progress_due(r->log))
            bl_log_progress(r->log, "%llu pieces, %.1f million tokens",
                            (unsigned long long)r->n_pieces, (double)r->n_tokens / 1e6);
    }
    bl_piece_free(&piece);
    return rc;
}

/* ---- choosing and ordering ---- */

static int by_first(const void *va, const void *vb)
{
    const tally *a = va, *b = vb;
    return a->first < b->first ? -1 : a->first > b->first;
}

static int by_count(const void *va, const void *vb)
{
    const tally *a = va, *b = vb;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Drops what is too rare; the specials stay, and stay in front. */
static void choose(run *r)
{
    uint64_t least = (uint64_t)r->set->min_count;
    size_t kept = BL_N_SPECIALS;
    if (r->set->order != CANONICAL && least == 0)
        least = 1;
    for (size_t i = BL_N_SPECIALS; i < r->n; i++)
        if (r->tallies[i].count >= least)
            r->tallies[kept++] = r->tallies[i];
    r->n = kept;
    if (r->set->order != CANONICAL)
        qsort(r->tallies + BL_N_SPECIALS, kept - BL_N_SPECIALS, sizeof *r->tallies,
              r->set->order == SEEN ? by_first : by_count);
}

/* Merges were learned over the scheme's ids; a vocabulary states its own. */
static int add_merges(const run *r, bl_words *words, uint64_t *count, bl_err *e)
{
    char name[BL_WORD_MAX + 1];
    size_t n_scheme = bl_words_size(bl_scheme_words(r->scheme));
    uint16_t *to = bl_calloc(n_scheme + r->merges.n, sizeof *to, e);
    if (to == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < r->n; i++)
        to[r->tallies[i].id] = (uint16_t)i;
    int rc = 0;
    for (size_t i = 0; i < r->merges.n && rc == 0; i++) {
        bl_merge m = r->merges.merge[i];
        to[n_scheme + i] = (uint16_t)(r->n + i);
        bl_merge_name((bl_merge){to[m.left], to[m.right]}, name);
        count[r->n + i] = r->merge_count[i];
        rc = bl_words_add(words, name, strlen(name), e);
    }
    free(to);
    return rc;
}

static int make_vocab(run *r, bl_err *e)
{
    const bl_words *all = bl_scheme_words(r->scheme);
    bl_words *words = bl_words_new(e);
    uint64_t *count = bl_calloc(r->n + r->merges.n, sizeof *count, e);
    int rc = words == NULL || count == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < r->n && rc == 0; i++) {
        size_t id = r->tallies[i].id;
        count[i] = r->tallies[i].count;
        rc = bl_words_add(words, bl_words_name(all, id), bl_words_len(all, id), e);
    }
    if (rc == 0)
        rc = add_merges(r, words, count, e);
    if (rc == 0)
        rc = bl_vocab_make(&r->vocab, words, count, &r->kind, e);
    if (rc != 0) {
        bl_words_del(words);
        free(count);
    }
    return rc;
}

/* ---- writing ---- */

/* {"token":id,...}, as the tokenizer library of Hugging Face reads it; the names are
 * MidiTok's with --miditok. */
static bl_json *id_object(run *r, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : 0;
    for (size_t id = 0; id < bl_words_size(r->vocab.words) && rc == 0; id++) {
        char name[BL_WORD_MAX + 16];
        const char *own = bl_words_name(r->vocab.words, id);
        if (r->set->miditok)
            bl_miditok_name(own, r->kind.spec.grid, name, sizeof name);
        rc = bl_json_set_int(o, r->set->miditok ? name : own, (int64_t)id, e);
    }
    if (rc != 0) {
        bl_json_del(o);
        return NULL;
    }
    return o;
}

/* {"2":[1,...],"4":[1,...],...}: the numerators of each denominator of the scheme. */
static int add_meters(const bl_words *all, bl_buf *text, bl_err *e)
{
    int last = 0;
    int rc = bl_buf_adds(text, "{", e);
    for (size_t id = 0; id < bl_words_size(all) && rc == 0; id++) {
        int n, d;
        if (sscanf(bl_words_name(all, id), "TimeSig_%d/%d", &n, &d) != 2)
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
static int set_miditok_config(run *r, bl_json *o, bl_err *e)
{
    const bl_spec *spec = &r->kind.spec;
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
        2 * spec->grid, spec->chords ? "true" : "false");
    if (rc == 0)
        rc = add_meters(bl_scheme_words(r->scheme), &text, e);
    if (rc == 0)
        rc = bl_buf_addc(&text, '}', e);
    bl_json *c = rc == 0 ? bl_json_parse((const char *)text.data, text.len, e) : NULL;
    bl_buf_free(&text);
    if (c == NULL)
        return e->code;
    rc = bl_json_set_str(o, "tokenization", "REMI", e);
    return rc == 0 ? bl_json_put(o, "config", c, e) : rc;
}

static bl_json *miditok_object(run *r, bl_err *e)
{
    bl_json *o = bl_json_object(e), *ids = id_object(r, e);
    int rc = o != NULL && ids != NULL ? set_miditok_config(r, o, e) : BL_E_NOMEM;
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

static int write_json(run *r, bl_err *e)
{
    bl_buf text = {0};
    bl_json *o = r->set->miditok ? miditok_object(r, e) : id_object(r, e);
    int rc = o == NULL ? e->code : 0;
    if (rc == 0)
        rc = bl_json_write(o, &text, e);
    if (rc == 0)
        rc = bl_buf_addc(&text, '\n', e);
    if (rc == 0)
        rc = bl_write_all(r->out.fd, text.data, text.len, e);
    bl_json_del(o);
    bl_buf_free(&text);
    return rc;
}

static int write_table(run *r, bl_err *e)
{
    const bl_json *parent = r->corpus != NULL ? bl_corpus_pg(r->corpus) : NULL;
    bl_prov_self self = {
        .tool = r->opts->about->name,
        .args = (const char *const *)r->opts->given,
        .n_args = r->opts->n_given,
    };
    bl_json *pg = NULL;
    if (!r->set->common.no_pg) {
        pg = bl_prov_chain(&parent, 1, &self, e);
        if (pg == NULL)
            return e->code;
    }
    int rc = bl_vocab_write(&r->vocab, r->out.fd, pg, e);
    bl_json_del(pg);
    return rc;
}

static int write_vocab(run *r, bl_err *e)
{
    int rc = bl_out_open(&r->out, r->set->common.output, e);
    if (rc != 0)
        return rc;
    bl_guard_file(r->out.temp);
    rc = r->set->json || r->set->miditok ? write_json(r, e) : write_table(r, e);
    if (rc == 0)
        rc = bl_out_commit(&r->out, e);
    bl_out_abort(&r->out);
    bl_guard_file(NULL);
    return rc;
}

static int work(run *r, bl_err *e)
{
    int rc = 0;
    if (r->set->scheme == NULL)
        rc = bl_corpus_open(&r->corpus, (const char *const *)r->opts->operands,
                            (size_t)r->opts->n_operands, e);
    if (rc == 0)
        rc = open_scheme(r, e);
    if (rc == 0 && r->set->miditok && strcmp(r->kind.spec.scheme, "remi") != 0)
        rc = bl_fail(e, BL_E_ARG, "--miditok has names for the scheme remi, not for %s",
                     r->kind.spec.scheme);
    if (rc == 0)
        rc = begin_learning(r, e);
    if (rc == 0 && r->corpus != NULL)
        rc = count_all(r, e);
    if (rc == 0 && r->learner != NULL)
        rc = bl_learner_run(r->learner, (size_t)r->set->bpe, &r->merges, r->merge_count,
                            e);
    if (rc != 0)
        return rc;
    choose(r);
    rc = make_vocab(r, e);
    if (rc == 0)
        rc = write_vocab(r, e);
    if (rc == 0)
        bl_log_info(r->log, "%zu tokens listed; %llu pieces, %llu tokens read",
                    bl_words_size(r->vocab.words), (unsigned long long)r->n_pieces,
                    (unsigned long long)r->n_tokens);
    return rc;
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    int rc = work(r, &e);
    if (rc != 0)
        bl_log_error(r->log, &e);
    bl_vocab_free(&r->vocab);
    bl_learner_del(r->learner);
    bl_merges_free(&r->merges);
    bl_merge_rule_free(&r->rule);
    free(r->merge_count);
    free(r->tallies);
    bl_scheme_del(r->scheme);
    bl_corpus_del(r->corpus);
    return bl_exit_of(rc);
}

/* 1, with a message, if the options do not go together. */
static int is_misuse(const run *r)
{
    if (r->set->scheme != NULL && r->opts->n_operands > 0) {
        bl_log_say(r->log, "the streams name their own scheme: give --scheme or files");
        return 1;
    }
    if (r->set->scheme == NULL && r->set->grid != 0) {
        bl_log_say(r->log, "--grid belongs to --scheme");
        return 1;
    }
    if (r->set->bpe > 0 && (r->set->scheme != NULL || r->set->min_count > 0)) {
        bl_log_say(r->log,
                   "--bpe learns from streams, all tokens of them: it goes with "
                   "neither --scheme nor --min-count");
        return 1;
    }
    if (r->set->json && r->set->miditok) {
        bl_log_say(r->log, "--json and --miditok exclude each other");
        return 1;
    }
    return r->set->scheme == NULL && bl_tool_refuse_tty_in(r->log, r->opts);
}

int main(int argc, char **argv)
{
    settings set = {.common = {.jobs = 1}};
    char libraries[128];
    snprintf(libraries, sizeof libraries, "zstd %s, jansson %s\n", bl_zio_version(),
             bl_json_version());
    const bl_opt_about about = {
        .name = "vocab",
        .purpose = "count the tokens of streams, or list those of a scheme",
        .synopsis = "[OPTION]... [FILE]...",
        .examples = "  midi2remi samples/*.mid | vocab --order count | head\n"
                    "  vocab --scheme remi -o vocab.tsv\n",
        .see_also = "midi2remi(1), shard(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Vocabulary", 0},
        {0, "scheme", BL_OPT_STR, &set.scheme, "NAME", 0, 0,
         "list all tokens of this scheme, read nothing", 1},
        {0, "grid", BL_OPT_INT, &set.grid, "N", 0, 1000,
         "with --scheme: resolution of time, 0 = its own", 1},
        {0, "order", BL_OPT_CHOICE, &set.order, "canonical|seen|count", 0, 0,
         "all of the scheme, or what occurs, as first seen or by count", 1},
        {0, "min-count", BL_OPT_INT, &set.min_count, "N", 0, 0x1p53,
         "leave out what occurs less often", 1},
        {0, "bpe", BL_OPT_INT, &set.bpe, "N", 0, BL_WORDS_MAX,
         "learn up to N merges of tokens that often stand side by side", 1},
        {0, "json", BL_OPT_FLAG, &set.json, NULL, 0, 0,
         "write a JSON object of tokens and ids", 0},
        {0, "miditok", BL_OPT_FLAG, &set.miditok, NULL, 0, 0,
         "the same under the names that MidiTok gives the tokens of remi", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    bl_opts opts = {.about = &about, .own = own, .common = &set.common};
    bl_tool_start();
    bl_log *log = NULL;
    int status = bl_opt_parse(&opts, argc, argv);
    if (status < 0) {
        log = bl_log_new(about.name, &set.common);
        run r = {.set = &set, .opts = &opts, .log = log};
        status = is_misuse(&r) ? BL_EXIT_USAGE : execute(&r);
    }
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
