/* xlsample - a checkpoint in, new pieces out, as a token stream. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xlsample.h"

#include "io/file.h"
#include "io/tokens.h"
#include "io/versions.h"
#include "nn/kernel/gemm.h"

static const bl_opt_about said = {
    .name = "xlsample",
    .purpose = "make new pieces with a trained model",
    .synopsis = "[OPTION]... CHECKPOINT|RUN",
    .examples = "  xlsample run --bars 16 --seed 7 | remi2midi -o new.mid\n"
                "  xlsample -n 8 --prompt theme.tok.zst run -o eight.tok.zst\n",
    .see_also = "xltrain(1), remi2midi(1)",
};

/* ---- output ---- */

static int64_t count_bars(const xlsample *j, const bl_ids *ids)
{
    int64_t bars = 0;
    for (size_t i = 0; i < ids->n; i++)
        bars += bl_scheme_begins_bar(j->scheme, ids->id[i]);
    return bars;
}

static int write_piece(xlsample *j, void *writer, int64_t i, const bl_ids *ids,
                       bl_err *e)
{
    char name[32];
    bl_piece_info info = {.name = name, .sha256 = ""};
    bl_ids music = {ids->id + 1, ids->n - 1, 0}; /* without BOS */
    snprintf(name, sizeof name, "sample-%06" PRId64, i);
    int rc = bl_scheme_decode(j->scheme, ids->id, ids->n, &j->song, NULL, e);
    if (rc != 0)
        return rc;
    j->n_silent += j->song.n_notes == 0;
    return bl_tokw_piece(writer, &info, music.id, music.n,
                         (size_t)count_bars(j, &music), e);
}

static bl_json *make_pg(const xlsample *j, bl_err *e)
{
    bl_self self = {"xlsample", (const char *const *)j->opts.given, j->opts.n_given};
    const bl_json *parents[] = {j->ckpt.pg, j->prompt_pg};
    return bl_prov_chain(parents, BL_COUNT(parents), &self, e);
}

static int write_stream(xlsample *j, bl_err *e)
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
        rc = xlsample_draw(j, write_piece, w, e);
    if (rc == 0)
        rc = bl_tokw_finish(w, 0, e);
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

static int work(xlsample *j, bl_err *e)
{
    if (j->opts.n_operands != 1)
        return bl_fail(e, BL_E_ARG,
                       "name one checkpoint or run folder; try "
                       "'xlsample --help'");
    int rc = bl_pool_new(&j->pool, bl_tool_jobs(&j->common), e);
    if (rc == 0)
        rc = xlsample_open(j, j->opts.operands[0], e);
    if (rc == 0)
        rc = xlsample_settle(j, e);
    if (rc == 0)
        rc = write_stream(j, e);
    if (rc == 0 && j->n_cut > 0)
        bl_log_warn(j->log,
                    "%" PRId64 " of %" PRId64 " pieces were cut at --max-tokens",
                    j->n_cut, j->n);
    if (rc == 0 && j->n_silent > 0)
        bl_log_warn(j->log,
                    "%" PRId64 " of %" PRId64 " pieces have no note; a model trained "
                    "longer makes fewer of them",
                    j->n_silent, j->n);
    if (rc == 0)
        bl_log_info(j->log, "%" PRId64 " pieces, %" PRId64 " tokens, %.0f tok/s", j->n,
                    j->n_sampled, (double)j->n_sampled / bl_log_seconds(j->log));
    return rc;
}

static void release(xlsample *j)
{
    for (int s = 0; s < GROUP; s++) {
        bl_ids_free(&j->lanes[s].ids);
        bl_ids_free(&j->lanes[s].fed);
    }
    for (size_t i = 0; i < AHEAD; i++)
        bl_ids_free(&j->done[i]);
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
    bl_plan_free(&j->plan);
    bl_song_free(&j->song);
    bl_scheme_del(j->scheme);
    bl_ckpt_free(&j->ckpt);
    bl_pool_del(j->pool);
    bl_opt_free(&j->opts);
}

int main(int argc, char **argv)
{
    xlsample j = {
        .n = 1, .bars = 16, .max_tokens = 65536, .temperature = 1, .top_p = 0.95};
    const bl_opt own[] = {
        {'n', "pieces", BL_OPT_INT, &j.n, "N", 1, 1e9, "make N pieces", 1},
        {0, "bars", BL_OPT_INT, &j.bars, "N", 0, 1 << 20,
         "make N bars (after the prompt), 0 = until the model ends the piece", 1},
        {0, "seconds", BL_OPT_REAL, &j.seconds, "S", 0, 65536,
         "make bars until the music lasts S seconds, 0 = --bars decides", 1},
        {0, "max-tokens", BL_OPT_INT, &j.max_tokens, "N", 1, 1 << 24,
         "cut a piece that has more new tokens", 1},
        {0, "prompt", BL_OPT_STR, &j.prompt, "FILE", 0, 0,
         "go on from these pieces (a token stream), in turn", 1},
        {0, "labels", BL_OPT_STR, &j.labels, "WORDS", 0, 0,
         "begin with these labels, such as Composer_Bach,Genre_fugue", 1},
        {0, "tempo", BL_OPT_INT, &j.tempo, "BPM", 0, 300,
         "at BPM quarter notes a minute, 0 = as the model likes", 1},
        {0, "chords", BL_OPT_STR, &j.chords, "CHORDS", 0, 0,
         "a bar on each of these chords in turn, such as 'C Am F G7'", 1},
        {0, "precision", BL_OPT_CHOICE, &j.precision, "fp32|bf16", 0, 0,
         "of weights, keys and values; bf16 halves them and is faster anywhere", 1},
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
    char blas[128], libraries[BL_LIBRARIES_MAX];
    bl_opt_about about = said;
    bl_gemm_name(BL_FP32, blas, sizeof blas);
    bl_io_libraries(blas, libraries);
    about.libraries = libraries;
    j.opts = (bl_opts){.about = &about, .own = own, .common = &j.common};
    bl_tool_start();
    int status = bl_opt_parse(&j.opts, argc, argv);
    if (status < 0) {
        bl_err e = BL_ERR_INIT;
        j.log = bl_log_new("xlsample", &j.common);
        bl_tool_need_room(j.log, BL_TOOL_ROOM);
        int rc = bl_tool_tty_out(&j.common, &e);
        if (rc == 0)
            rc = work(&j, &e);
        status = bl_exit_of(rc);
        if (rc != 0)
            bl_log_error(j.log, &e);
    }
    release(&j);
    return bl_tool_finish(j.log, status);
}
