/* xltrain - shards in, a run folder of checkpoints and metrics out. */
#include "cli/machine.h"
#include "cli/main.h"
#include "cli/misuse.h"
#include "cli/shared.h"
#include "flow/engine.h"
#include "flow/evaluation.h"
#include "flow/hub_export.h"
#include "flow/training.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *data, *config, *init, *eval, *log_probs, *costs, *export;
    int preset, precision, resume, dry_run;
    int64_t steps, keep;
    double minutes, save_every;
    bl_opt_list set;
    bl_opt_common common;
    bl_group group;
} xltrain;

static const bl_misuse misuses[] = {
    {"export",
     "config costs data dry-run eval keep log-probs minutes precision preset resume "
     "save-every set steps",
     0,
     "--export trains and changes nothing: it goes with -o or --init, and -f, alone"},
    {"eval", "resume dry-run", 0, "--eval goes with neither --resume nor --dry-run"},
    {"log-probs", "!eval", 0, "--log-probs goes with --eval"},
    {"steps", "minutes", 0, "--steps and --minutes do not go together"},
};

static int misuse(const xltrain *x, const bl_cli *cli, bl_err *e)
{
    const char *out = x->common.output;
    int needs_no_run = x->dry_run || (x->eval != NULL && x->init != NULL);
    if (cli->opts->n_operands > 0)
        return bl_fail(e, BL_E_ARG, "unexpected '%s'; try 'xltrain --help'",
                       cli->opts->operands[0]);
    int rc = bl_misuse_check(misuses, BL_COUNT(misuses), cli->opts, e);
    if (rc != 0)
        return rc;
    if (x->export != NULL && (out == NULL) == (x->init == NULL))
        return bl_fail(e, BL_E_ARG,
                       "--export writes the run in -o DIR or the model of --init: name "
                       "one of them");
    if (x->export != NULL)
        return bl_opt_given(cli->opts, "seed") == NULL
                   ? 0
                   : bl_fail(e, BL_E_ARG, "--export draws nothing: --seed has no use");
    if (x->data == NULL && (!x->dry_run || x->resume))
        return bl_fail(e, BL_E_ARG,
                       "no data: name a folder made by shard with --data DIR");
    if (out == NULL && (!needs_no_run || x->resume))
        return bl_fail(e, BL_E_ARG, "no output: name a folder for the run with -o DIR");
    if (out != NULL && (out[0] == '\0' || strcmp(out, "-") == 0))
        return bl_fail(e, BL_E_ARG, "'%s' is no folder; name one with -o DIR", out);
    if (x->precision == BL_INT8 && x->eval == NULL)
        return bl_fail(e, BL_E_ARG, "--precision int8 goes with --eval, not to train");
    return 0;
}

static double seconds(void *log)
{
    return bl_log_seconds(log);
}

static void inputs_read(void *unused)
{
    (void)unused;
    bl_stop_watch();
}

static bl_training_wanted asked(void *unused)
{
    (void)unused;
    return bl_stop_asked()         ? BL_TRAINING_STOPS
           : bl_checkpoint_asked() ? BL_TRAINING_SAVES
                                   : BL_TRAINING_GOES_ON;
}

static int64_t peak_bytes(void *unused)
{
    (void)unused;
    return bl_machine_peak();
}

static void tell(void *log, const bl_training_now *now)
{
    char left[32], line[BL_TRAINING_LINE];
    if (!bl_log_progress_due(log))
        return;
    bl_log_clock(bl_training_line(now, line), left, sizeof left);
    bl_log_progress(log, "%s  %s left", line, left);
}

/* A signal while data are read stops after one step; one while the tool waits for an
 * input ends it at once. */
static int train(const xltrain *x, const bl_training_wish *wish, const bl_cli *cli,
                 bl_err *e)
{
    bl_training_end end;
    if (!bl_machine_may_wait(x->config) && !bl_machine_may_wait(x->init))
        bl_stop_watch();
    return bl_train(wish, cli->self, &end, e);
}

static int print(int rc, bl_buf *table)
{
    if (rc == 0)
        fwrite(table->data, 1, table->len, stdout);
    bl_buf_free(table);
    return rc;
}

static int forecast(const bl_training_wish *wish, bl_err *e)
{
    bl_buf table = {0};
    return print(bl_train_forecast_table(wish, &table, e), &table);
}

static int evaluate(const xltrain *x, const bl_training_wish *train, const bl_cli *cli,
                    bl_err *e)
{
    const bl_evaluation_wish wish = {
        .start = &train->start,
        .split = x->eval,
        .log_probs = x->log_probs,
        .plain = x->common.plain,
        .threads = train->threads,
        .notices = train->notices,
    };
    bl_buf table = {0};
    return print(bl_evaluate_table(&wish, cli->self, &table, e), &table);
}

static int run(xltrain *x, const bl_cli *cli, bl_err *e)
{
    const bl_opts *o = cli->opts;
    int shares = bl_comm_size(x->group.comm) > 1 && x->common.jobs == 0;
    const bl_training_wish wish = {
        .start = {.data = x->data,
                  .run = x->common.output,
                  .resumes = x->resume,
                  .init = x->init,
                  .preset = bl_opt_given(o, "preset"),
                  .config = x->config,
                  .set = x->set.item,
                  .n_set = x->set.n,
                  .precision = bl_opt_given(o, "precision") != NULL ? x->precision : -1,
                  .seed = bl_opt_given(o, "seed") != NULL ? x->common.seed : -1,
                  .steps = x->steps},
        .replaces = x->common.force,
        .minutes = x->minutes,
        .save_every = x->save_every,
        .keep = x->keep,
        .costs = x->costs,
        .threads = shares ? 1 : bl_tool_jobs(&x->common),
        .memory_here = bl_machine_memory(),
        .clock = {seconds, cli->log},
        .group = &x->group,
        .notices = bl_log_notices(cli->log),
        .calls = {inputs_read, tell, asked, peak_bytes, cli->log},
    };
    if (x->export == NULL && x->eval == NULL && !x->dry_run)
        return train(x, &wish, cli, e);
    if (!bl_group_leads(&x->group))
        return 0; /* one does it */
    if (x->export != NULL)
        return bl_hub_export(x->init != NULL ? x->init : x->common.output, x->export,
                             x->common.force, &bl_tool_guards, &wish.notices, e);
    return x->dry_run ? forecast(&wish, e) : evaluate(x, &wish, cli, e);
}

/* What is wrong is told by one process of a group. */
static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    xltrain *x = tool;
    int rc = bl_group_join(&x->group, e);
    bl_log_hush(cli->log, x->group.is_silent);
    bl_tool_need_room(cli->log, BL_TOOL_ROOM);
    if (rc == 0 && (rc = misuse(x, cli, e)) == 0)
        rc = run(x, cli, e);
    bl_log_hush(cli->log, x->group.is_silent);
    return rc;
}

static void release(void *tool)
{
    bl_group_leave(&((xltrain *)tool)->group);
}

int main(int argc, char **argv)
{
    xltrain set = {.preset = 2, .save_every = 10, .keep = BL_RUN_KEEP};
    char libraries[BL_LIBRARIES_MAX];
    bl_engine_libraries(NULL, libraries);
    const bl_opt_about about = {
        .name = "xltrain",
        .purpose = "train a Transformer-XL on shards of tokens",
        .synopsis = "--data DIR -o DIR [OPTION]...",
        .examples =
            "  midi2remi samples | shard -o data && xltrain --data data -o run\n"
            "  xltrain --data data -o run --resume --steps 6000\n",
        .see_also = "shard(1), xlsample(1)",
        .idle = "plain",
        .setting = bl_config_near,
        .libraries = libraries,
        .core = bl_engine_core(),
    };
    const bl_opt own[] = {
        {0, "data", BL_OPT_STR, &set.data, "DIR", 0, 0, "shards to learn from", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is trained", 0},
        {0, "preset", BL_OPT_CHOICE, &set.preset, bl_config_presets(), 0, 0,
         "named settings", 1},
        {0, "config", BL_OPT_STR, &set.config, "FILE", 0, 0,
         "change the settings that this JSON file names", 1},
        {0, "set", BL_OPT_LIST, &set.set, "KEY=VALUE", 0, 0,
         "change one setting; may be given several times", 1},
        {0, "init", BL_OPT_STR, &set.init, "FILE", 0, 0,
         "begin with the weights of this checkpoint, run or Hugging Face folder", 1},
        {0, "steps", BL_OPT_INT, &set.steps, "N", 0, 1e12,
         "train N steps in all, 0 = as the settings say", 1},
        {0, "minutes", BL_OPT_REAL, &set.minutes, "M", 0, 1e6,
         "train as many steps as M minutes allow, 0 = as the settings say", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How", 0},
        {0, "precision", BL_OPT_CHOICE, &set.precision, "fp32|bf16|bf16x3|int8", 0, 0,
         "of products: bf16 and bf16x3 want AMX, bf16 or AMD; int8 for --eval", 1},
        BL_FLAG("resume", &set.resume, "go on with the run in -o"),
        {0, "save-every", BL_OPT_REAL, &set.save_every, "MINUTES", 0, 1e6,
         "write a checkpoint at least so often", 0},
        {0, "keep", BL_OPT_INT, &set.keep, "N", 1, BL_RUN_KEEP_MAX,
         "keep the last N checkpoints, beside the best", 1},
        {0, "costs", BL_OPT_STR, &set.costs, "FILE", 0, 0,
         "append to this table the time and memory that each checkpoint took", 0},
        BL_FLAG("dry-run", &set.dry_run, "print size and work of the run, and leave"),
        {0, "eval", BL_OPT_STR, &set.eval, "SPLIT", 0, 0,
         "print the loss of the run's best checkpoint on train, valid or test", 0},
        BL_TEXT("log-probs", &set.log_probs, "FILE",
                "with --eval: write ln p of each token there, as tensors", 0),
        {0, "export", BL_OPT_STR, &set.export, "DIR", 0, 0,
         "write the run in -o, or what --init names, as a Hugging Face folder", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){NULL, work, release}, &set,
                   argc, argv);
}
