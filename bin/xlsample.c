/* xlsample - a checkpoint in, new pieces out, as a token stream. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tool.h"
#include "io/file.h"
#include "io/tokens.h"
#include "model/sample.h"
#include "token/merges.h"
#include "train/ckpt.h"
#include "train/run.h"

/* Streams decoded together. Always as many, so that a piece has the same bytes whatever
 * the number of pieces: gemm kernels for other heights may round otherwise. */
enum { GROUP = 8 };

static const bl_opt_about about = {
    .name = "xlsample",
    .purpose = "make new pieces with a trained model",
    .synopsis = "[OPTION]... CHECKPOINT|RUN",
    .examples = "  xlsample run --bars 16 --seed 7 | remi2midi -o new.mid\n"
                "  xlsample -n 8 --prompt theme.tok.zst run -o eight.tok.zst\n",
    .see_also = "xltrain(1), remi2midi(1)",
};

/* One piece as it grows: in the scheme's ids, and in the model's, where one may stand
 * for several. */
typedef struct {
    bl_grammar grammar;
    bl_rng rng;
    bl_ids ids;
    size_t n_prompt; /* of them given, not sampled */
    size_t whole;    /* of them up to where a piece may end */
    bl_ids fed;
    size_t n_fed; /* of them read by the model */
    int64_t bars, prompt_bars;
    int is_done;
} lane;

typedef struct {
    const char *prompt;
    int64_t n, bars, max_tokens, top_k;
    double temperature, top_p, min_p;
    int no_grammar, precision;
    bl_opt_common common;
    bl_opts opts;
    bl_log *log;

    bl_ckpt ckpt;
    bl_pool *pool;
    bl_scheme *scheme;
    bl_model *model;
    bl_gen *gen;
    int n_vocab;         /* of the model */
    int32_t *to_vocab;   /* [scheme words] scheme id -> model id or -1 */
    uint16_t *to_scheme; /* [n_vocab] but for merges */
    bl_merges merges;    /* over model ids */
    bl_merge_rule rule;
    bl_ids *parts; /* [merges.n] scheme ids that each merge stands for */

    bl_ids *prompts; /* [n_prompts] */
    size_t n_prompts, prompts_cap;
    bl_json *prompt_pg;

    int streams; /* pieces side by side, at most GROUP */
    lane lanes[GROUP];
    bl_real *logits;      /* (GROUP, n_vocab) */
    uint8_t *scheme_mask; /* [scheme words] */
    uint8_t *mask;        /* [n_vocab] */
    int32_t *order;       /* [n_vocab] scratch of bl_sample */
    double *prob;         /* [n_vocab] scratch of bl_sample */
    int64_t n_sampled, n_cut;
} job;

/* ---- the model ---- */

static int map_merges(job *j, bl_err *e)
{
    int rc = bl_merge_rule_of(&j->rule, j->scheme, j->to_vocab, j->merges.n_base, e);
    j->parts = bl_calloc(j->merges.n + 1, sizeof *j->parts, e);
    if (rc == 0 && j->parts == NULL)
        rc = BL_E_NOMEM;
    for (size_t m = 0; m < j->merges.n && rc == 0; m++) {
        bl_ids *parts = &j->parts[m];
        rc = bl_merges_expand(&j->merges, (unsigned)(j->merges.n_base + m), parts, e);
        for (size_t i = 0; i < parts->n && rc == 0; i++)
            parts->id[i] = j->to_scheme[parts->id[i]];
    }
    return rc;
}

static int map_vocab(job *j, bl_err *e)
{
    const bl_words *words = bl_scheme_words(j->scheme), *ours = j->ckpt.vocab.words;
    size_t n = bl_words_size(words);
    j->n_vocab = (int)bl_words_size(ours);
    j->to_vocab = bl_calloc(n, sizeof *j->to_vocab, e);
    j->to_scheme = bl_calloc((size_t)j->n_vocab, sizeof *j->to_scheme, e);
    if (j->to_vocab == NULL || j->to_scheme == NULL)
        return BL_E_NOMEM;
    bl_vocab_map(&j->ckpt.vocab, words, j->to_vocab);
    size_t known = 0;
    for (size_t id = 0; id < n; id++) {
        if (j->to_vocab[id] >= 0) {
            j->to_scheme[j->to_vocab[id]] = (uint16_t)id;
            known++;
        }
    }
    int rc = bl_merges_of_words(&j->merges, ours, e);
    if (rc == 0 && (known != j->merges.n_base || j->to_vocab[BL_ID_BOS] < 0))
        rc = bl_fail(e, BL_E_MISMATCH, "its vocabulary is not one of the scheme '%s'",
                     bl_scheme_name(j->scheme));
    return rc == 0 ? map_merges(j, e) : rc;
}

static int open_scheme(job *j, bl_err *e)
{
    const bl_tokens_kind *kind = &j->ckpt.vocab.kind;
    return bl_scheme_open_stated(&j->scheme, &kind->spec, kind->sha256, e);
}

/* The parameters live in a model of one lane and as few tokens as can be; generation
 * keeps keys and values of its own. */
static int build_model(job *j, bl_err *e)
{
    bl_model_config small = j->ckpt.info.config.model;
    int memory = (int)bl_max(small.memory, small.segment);
    small.segment = small.compressed > 0 ? small.ratio : 1;
    small.memory = small.compressed > 0 ? small.ratio : 0;
    j->streams = (int)bl_min(GROUP, j->n);
    int rc = bl_model_new(&j->model, &small, 1, 0, j->pool, e);
    if (rc == 0)
        rc = bl_ckpt_get_params(&j->ckpt, j->model, e);
    if (rc == 0)
        rc = bl_gen_new(&j->gen, j->model, j->streams, memory,
                        (bl_precision)j->precision, j->pool, e);
    return rc;
}

static int make_scratch(job *j, bl_err *e)
{
    size_t n = (size_t)j->n_vocab;
    j->logits = bl_calloc(GROUP * n, sizeof *j->logits, e);
    j->scheme_mask = bl_calloc(bl_words_size(bl_scheme_words(j->scheme)), 1, e);
    j->mask = bl_calloc(n, 1, e);
    j->order = bl_calloc(n, sizeof *j->order, e);
    j->prob = bl_calloc(n, sizeof *j->prob, e);
    return j->logits != NULL && j->scheme_mask != NULL && j->mask != NULL &&
                   j->order != NULL && j->prob != NULL
               ? 0
               : BL_E_NOMEM;
}

static int open_model(job *j, const char *path, bl_err *e)
{
    char file[BL_RUN_PATH];
    int rc = bl_run_find(path, "best", file, e);
    if (rc == 0)
        rc = bl_ckpt_load(&j->ckpt, file, 0, e);
    if (rc != 0)
        return rc;
    rc = open_scheme(j, e);
    if (rc == 0)
        rc = map_vocab(j, e);
    if (rc == 0)
        rc = build_model(j, e);
    if (rc == 0)
        rc = make_scratch(j, e);
    if (rc != 0)
        bl_err_in(e, file);
    return rc;
}

/* ---- prompts ---- */

/* A prompt must be music that could have been sampled. */
static int check_prompt(const job *j, const bl_piece *p, bl_err *e)
{
    const bl_words *words = bl_scheme_words(j->scheme);
    bl_grammar g;
    bl_grammar_start(&g, j->scheme);
    for (size_t i = 0; i < p->ids.n; i++) {
        unsigned id = p->ids.id[i];
        const char *wrong = bl_grammar_step(&g, id);
        if (wrong != NULL && !j->no_grammar)
            return bl_fail(e, BL_E_FORMAT, "piece '%s': token %zu '%s': %s", p->name,
                           i + 1, bl_words_name(words, id), wrong);
        if (j->to_vocab[id] < 0)
            return bl_fail(e, BL_E_MISMATCH, "piece '%s': the model has no token '%s'",
                           p->name, bl_words_name(words, id));
    }
    if (bl_grammar_step(&g, BL_ID_EOS) != NULL && !j->no_grammar)
        return bl_fail(e, BL_E_FORMAT, "piece '%s' ends within a note", p->name);
    return 0;
}

static int keep_prompt(job *j, const bl_piece *p, bl_err *e)
{
    void *array = j->prompts;
    int rc = check_prompt(j, p, e);
    if (rc == 0)
        rc = bl_grow(&array, &j->prompts_cap, j->n_prompts + 1, sizeof *j->prompts, e);
    if (rc != 0)
        return rc;
    j->prompts = array;
    j->prompts[j->n_prompts] = (bl_ids){0};
    return bl_ids_add_n(&j->prompts[j->n_prompts++], p->ids.id, p->ids.n, e);
}

static int read_prompts(job *j, bl_err *e)
{
    bl_tokr *r = NULL;
    bl_piece piece = {0};
    int fd;
    int rc = bl_in_open(j->prompt, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_tokr_new(&r, fd, j->prompt, e);
    if (rc == 0 && strcmp(bl_tokr_kind(r)->sha256, bl_scheme_sha256(j->scheme)) != 0)
        rc = bl_fail(e, BL_E_MISMATCH,
                     "the schemes of '%s' (%.12s) and '%s' (%.12s) differ", j->prompt,
                     bl_tokr_kind(r)->sha256, j->opts.operands[0],
                     bl_scheme_sha256(j->scheme));
    if (rc == 0)
        bl_tokr_set_words(r, bl_scheme_words(j->scheme));
    while (rc == 0 && (rc = bl_tokr_next(r, &piece, e)) == 1)
        rc = keep_prompt(j, &piece, e);
    if (rc == 0 && j->n_prompts == 0)
        rc = bl_fail(e, BL_E_FORMAT, "no piece to begin with");
    if (rc == 0 && bl_tokr_pg(r) != NULL) {
        j->prompt_pg = bl_json_copy(bl_tokr_pg(r), e);
        rc = j->prompt_pg != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc != 0)
        bl_err_in(e, j->prompt);
    bl_tokr_del(r);
    bl_piece_free(&piece);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* ---- one piece ---- */

static int append(job *j, lane *l, unsigned id, bl_err *e)
{
    (void)bl_grammar_step(&l->grammar, id);
    l->bars += bl_scheme_begins_bar(j->scheme, id);
    return bl_ids_add(&l->ids, id, e);
}

/* Feeds the model what it has not read of l->ids, which ends whole lines or is new. */
static int feed(job *j, lane *l, size_t from, bl_err *e)
{
    bl_ids more = {0};
    int rc = 0;
    for (size_t i = from; i < l->ids.n && rc == 0; i++)
        rc = bl_ids_add(&more, (unsigned)j->to_vocab[l->ids.id[i]], e);
    if (rc == 0)
        rc = bl_merges_apply(&j->merges, &j->rule, &more, e);
    if (rc == 0)
        rc = bl_ids_add_n(&l->fed, more.id, more.n, e);
    bl_ids_free(&more);
    return rc;
}

/* BOS, the prompt, and after a prompt a new bar: what was given stays as it is. */
static int begin(job *j, int s, int64_t piece, bl_err *e)
{
    lane *l = &j->lanes[s];
    l->ids.n = l->fed.n = 0;
    l->n_fed = l->whole = l->n_prompt = 0;
    l->bars = l->prompt_bars = 0;
    l->is_done = piece >= j->n;
    l->rng = bl_rng_make((uint64_t)j->common.seed, (uint64_t)piece);
    bl_grammar_start(&l->grammar, j->scheme);
    bl_gen_forget(j->gen, s);
    if (l->is_done)
        return 0;
    int rc = append(j, l, BL_ID_BOS, e);
    if (rc == 0)
        rc = feed(j, l, 0, e);
    if (rc != 0 || j->n_prompts == 0)
        return rc;
    const bl_ids *prompt = &j->prompts[(size_t)piece % j->n_prompts];
    for (size_t i = 0; i < prompt->n && rc == 0; i++)
        rc = append(j, l, prompt->id[i], e);
    if (rc == 0)
        rc = feed(j, l, 1, e);
    l->prompt_bars = l->bars;
    l->n_prompt = l->whole = l->ids.n;
    return rc;
}

/* 1 if the grammar takes the parts of a merge one after the other. */
static int may_follow(const job *j, const lane *l, const bl_ids *parts)
{
    if (!j->scheme_mask[parts->id[0]])
        return 0;
    if (j->no_grammar)
        return 1;
    bl_grammar g = l->grammar;
    for (size_t i = 0; i < parts->n; i++)
        if (bl_grammar_step(&g, parts->id[i]) != NULL)
            return 0;
    return 1;
}

/* j->mask: what may come next in the model's ids. */
static void make_mask(job *j, lane *l)
{
    size_t n = bl_words_size(bl_scheme_words(j->scheme));
    if (j->no_grammar)
        memset(j->scheme_mask, 1, n);
    else
        bl_grammar_mask(&l->grammar, j->scheme_mask);
    j->scheme_mask[BL_ID_PAD] = j->scheme_mask[BL_ID_BOS] = j->scheme_mask[BL_ID_MASK] =
        0;
    if (j->scheme_mask[BL_ID_EOS])
        l->whole = l->ids.n;
    if (j->bars > 0 && l->bars - l->prompt_bars < j->bars)
        j->scheme_mask[BL_ID_EOS] = 0;
    int only_bar = l->n_prompt > 0 && l->ids.n == l->n_prompt;
    for (size_t i = 0; i < j->merges.n_base; i++) {
        unsigned id = j->to_scheme[i];
        j->mask[i] =
            j->scheme_mask[id] &&
            (!only_bar || bl_scheme_begins_bar(j->scheme, id) || id == BL_ID_EOS);
    }
    for (size_t m = 0; m < j->merges.n; m++)
        j->mask[j->merges.n_base + m] = !only_bar && may_follow(j, l, &j->parts[m]);
}

/* Draws the next token. The piece is done at EOS, where its bars are complete, at
 * --max-tokens, and where the vocabulary leaves nothing; what was begun is cut. */
static int draw(job *j, lane *l, const bl_real *logits, bl_err *e)
{
    const bl_sample_params params = {j->temperature, (int)j->top_k, j->top_p, j->min_p};
    make_mask(j, l);
    int next = bl_sample(logits, j->mask, j->n_vocab, &params, &l->rng, j->order,
                         j->prob, NULL);
    size_t merge = next >= 0 && (size_t)next >= j->merges.n_base
                       ? (size_t)next - j->merges.n_base
                       : SIZE_MAX;
    unsigned id = next < 0            ? BL_ID_EOS
                  : merge == SIZE_MAX ? j->to_scheme[next]
                                      : j->parts[merge].id[0];
    int64_t bars = l->bars - l->prompt_bars;
    int is_full = j->bars > 0 && bars == j->bars && bl_scheme_begins_bar(j->scheme, id);
    int is_cut = next < 0 || (int64_t)(l->ids.n - l->n_prompt) >= j->max_tokens;
    if (id == BL_ID_EOS || is_full || is_cut) {
        l->is_done = 1;
        if (is_cut || !j->no_grammar)
            l->ids.n = l->whole;
        j->n_cut += is_cut;
        return 0;
    }
    j->n_sampled++;
    int rc = bl_ids_add(&l->fed, (unsigned)next, e);
    if (merge == SIZE_MAX)
        return rc == 0 ? append(j, l, id, e) : rc;
    for (size_t i = 0; i < j->parts[merge].n && rc == 0; i++)
        rc = append(j, l, j->parts[merge].id[i], e);
    return rc;
}

static int64_t count_bars(const job *j, const bl_ids *ids)
{
    int64_t bars = 0;
    for (size_t i = 0; i < ids->n; i++)
        bars += bl_scheme_begins_bar(j->scheme, ids->id[i]);
    return bars;
}

/* The pieces from `first` on that there are, side by side. */
static int sample_group(job *j, int64_t first, bl_err *e)
{
    int rc = 0;
    for (int s = 0; s < j->streams && rc == 0; s++)
        if (first + s < j->n)
            rc = begin(j, s, first + s, e);
        else
            j->lanes[s].is_done = 1;
    while (rc == 0) {
        int32_t token[GROUP];
        int active = 0;
        for (int s = 0; s < j->streams; s++) {
            lane *l = &j->lanes[s];
            token[s] = l->is_done ? -1 : l->fed.id[l->n_fed++];
            active += !l->is_done;
        }
        if (active == 0)
            break;
        bl_gen_step(j->gen, token, j->logits);
        for (int s = 0; s < j->streams && rc == 0; s++) {
            lane *l = &j->lanes[s];
            if (!l->is_done && l->n_fed == l->fed.n)
                rc = draw(j, l, j->logits + (size_t)s * (size_t)j->n_vocab, e);
        }
        if (bl_log_progress_due(j->log))
            bl_log_progress(j->log, "piece %" PRId64 "/%" PRId64 "  %.0f tok/s",
                            first + 1, j->n,
                            (double)j->n_sampled / bl_log_seconds(j->log));
    }
    return rc;
}

/* ---- output ---- */

static int write_piece(job *j, bl_tokw *w, int64_t i, const lane *l, bl_err *e)
{
    char name[32];
    bl_piece_info info = {.name = name, .sha256 = ""};
    bl_ids music = {l->ids.id + 1, l->ids.n > 0 ? l->ids.n - 1 : 0,
                    0}; /* without BOS */
    snprintf(name, sizeof name, "sample-%06" PRId64, i);
    return bl_tokw_piece(w, &info, music.id, music.n, (size_t)count_bars(j, &music), e);
}

static bl_json *make_pg(const job *j, bl_err *e)
{
    bl_prov_self self = {"xlsample", (const char *const *)j->opts.given,
                         j->opts.n_given};
    const bl_json *parents[] = {j->ckpt.pg, j->prompt_pg};
    return bl_prov_chain(parents, BL_COUNT(parents), &self, e);
}

static int sample_all(job *j, bl_tokw *w, bl_err *e)
{
    int rc = 0;
    for (int64_t first = 0; first < j->n && rc == 0; first += j->streams) {
        rc = sample_group(j, first, e);
        for (int s = 0; s < j->streams && first + s < j->n && rc == 0; s++)
            rc = write_piece(j, w, first + s, &j->lanes[s], e);
    }
    if (rc == 0)
        rc = bl_tokw_finish(w, 0, e);
    return rc;
}

static int write_stream(job *j, bl_err *e)
{
    const bl_words *words = bl_scheme_words(j->scheme);
    bl_out out = {.fd = -1};
    bl_tokw *w = NULL;
    bl_json *pg = NULL;
    int rc = 0;
    if (!j->common.no_pg) {
        pg = make_pg(j, e);
        rc = pg != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc == 0)
        rc = bl_out_open(&out, j->common.output, e);
    if (rc != 0)
        goto done;
    bl_guard_file(out.temp);
    rc = bl_tokw_new(&w, out.fd, j->common.plain ? 0 : BL_ZIO_LEVEL,
                     &j->ckpt.vocab.kind, words, bl_scheme_lines(j->scheme), pg, e);
    if (rc == 0)
        rc = sample_all(j, w, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    else
        bl_out_abort(&out);
    bl_guard_file(NULL);
done:
    bl_tokw_del(w);
    bl_json_del(pg);
    return rc;
}

static int work(job *j, bl_err *e)
{
    if (j->opts.n_operands != 1)
        return bl_fail(e, BL_E_ARG,
                       "name one checkpoint or run folder; try "
                       "'xlsample --help'");
    int rc = bl_pool_new(&j->pool, bl_tool_jobs(&j->common), e);
    if (rc == 0)
        rc = open_model(j, j->opts.operands[0], e);
    if (rc == 0 && j->prompt != NULL)
        rc = read_prompts(j, e);
    if (rc == 0)
        rc = write_stream(j, e);
    if (rc == 0 && j->n_cut > 0)
        bl_log_warn(j->log,
                    "%" PRId64 " of %" PRId64 " pieces were cut at --max-tokens",
                    j->n_cut, j->n);
    if (rc == 0)
        bl_log_info(j->log, "%" PRId64 " pieces, %" PRId64 " tokens, %.0f tok/s", j->n,
                    j->n_sampled, (double)j->n_sampled / bl_log_seconds(j->log));
    return rc;
}

static void release(job *j)
{
    for (int s = 0; s < GROUP; s++) {
        bl_ids_free(&j->lanes[s].ids);
        bl_ids_free(&j->lanes[s].fed);
    }
    for (size_t i = 0; i < j->n_prompts; i++)
        bl_ids_free(&j->prompts[i]);
    free(j->prompts);
    bl_json_del(j->prompt_pg);
    free(j->to_vocab);
    free(j->to_scheme);
    for (size_t m = 0; j->parts != NULL && m < j->merges.n; m++)
        bl_ids_free(&j->parts[m]);
    free(j->parts);
    bl_merges_free(&j->merges);
    bl_merge_rule_free(&j->rule);
    free(j->logits);
    free(j->scheme_mask);
    free(j->mask);
    free(j->order);
    free(j->prob);
    bl_gen_del(j->gen);
    bl_model_del(j->model);
    bl_scheme_del(j->scheme);
    bl_ckpt_free(&j->ckpt);
    bl_pool_del(j->pool);
    bl_opt_free(&j->opts);
}

int main(int argc, char **argv)
{
    job j = {.n = 1, .bars = 16, .max_tokens = 65536, .temperature = 1, .top_p = 0.95};
    const bl_opt own[] = {
        {'n', "pieces", BL_OPT_INT, &j.n, "N", 1, 1e9, "make N pieces", 1},
        {0, "bars", BL_OPT_INT, &j.bars, "N", 0, 1 << 20,
         "make N bars (after the prompt), 0 = until the model ends the piece", 1},
        {0, "max-tokens", BL_OPT_INT, &j.max_tokens, "N", 1, 1 << 24,
         "cut a piece that has more new tokens", 1},
        {0, "prompt", BL_OPT_STR, &j.prompt, "FILE", 0, 0,
         "go on from these pieces (a token stream), in turn", 1},
        {0, "precision", BL_OPT_CHOICE, &j.precision, "fp32|bf16", 0, 0,
         "of the weights; bf16 halves them and is faster, on any processor", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How the next token is drawn", 0},
        {0, "temperature", BL_OPT_REAL, &j.temperature, "T", 0, 100,
         "flatten (over 1) or sharpen (below 1) the odds, 0 = the likeliest", 1},
        {0, "top-k", BL_OPT_INT, &j.top_k, "K", 0, 65536,
         "among the K likeliest only, 0 = all", 1},
        {0, "top-p", BL_OPT_REAL, &j.top_p, "P", 0, 1,
         "among the likeliest that hold P of the odds", 1},
        {0, "min-p", BL_OPT_REAL, &j.min_p, "P", 0, 1,
         "among those with at least P times the odds of the likeliest", 1},
        {0, "no-grammar", BL_OPT_FLAG, &j.no_grammar, NULL, 0, 0,
         "allow what the scheme's grammar forbids (for experiments)", 1},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    j.opts = (bl_opts){.about = &about, .own = own, .common = &j.common};
    bl_tool_start();
    int status = bl_opt_parse(&j.opts, argc, argv);
    if (status < 0) {
        bl_err e = BL_ERR_INIT;
        j.log = bl_log_new("xlsample", &j.common);
        if (bl_tool_refuse_tty_out(j.log, &j.common)) {
            status = BL_EXIT_USAGE;
        } else {
            int rc = work(&j, &e);
            status = bl_exit_of(rc);
            if (rc != 0)
                bl_log_error(j.log, &e);
        }
    }
    release(&j);
    return bl_tool_finish(j.log, status);
}
