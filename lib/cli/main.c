/* main.c - see main.h. */
#include "cli/main.h"
#include "cli/rerun.h"

#include <string.h>

/* Standard input can be read once. */
static int check_operands(const bl_opts *opts, bl_err *e)
{
    int n = 0;
    for (int i = 0; i < opts->n_operands; i++)
        n += strcmp(opts->operands[i], "-") == 0;
    return n < 2 ? 0 : bl_fail(e, BL_E_ARG, "'-', standard input, is named twice");
}

static int run(const bl_tool *functions, void *tool, const bl_opts *opts, bl_log *log)
{
    bl_err e = BL_ERR_INIT;
    bl_self self = {
        .tool = opts->about->name,
        .args = (const char *const *)opts->given,
        .n_args = opts->n_given,
    };
    bl_cli cli = {
        .opts = opts,
        .operands = (const char *const *)opts->operands,
        .n_operands = (size_t)opts->n_operands,
        .log = log,
        .self = opts->common->no_pg ? NULL : &self,
    };
    int rc = check_operands(opts, &e);
    if (rc == 0)
        rc = bl_tool_no_media(opts->common, &e);
    if (rc == 0 && functions->misuse != NULL)
        rc = functions->misuse(tool, &cli, &e);
    if (rc == 0 && opts->common->seed_drawn && !opts->common->quiet)
        bl_log_say(log, "--seed %s", bl_opt_given(opts, "seed"));
    if (rc == 0)
        rc = functions->work(tool, &cli, &e);
    if (rc < 0)
        bl_log_error(log, &e);
    if (functions->release != NULL)
        functions->release(tool);
    return rc > 0 ? rc : bl_exit_of(rc);
}

int bl_main(const bl_opt_about *about, const bl_opt *own, bl_opt_common *common,
            const bl_tool *functions, void *tool, int argc, char **argv)
{
    bl_opts opts = {.about = about, .own = own, .common = common};
    bl_log *log = NULL;
    bl_rerun(about->core, argv);
    bl_tool_start();
    int status = bl_opt_parse(&opts, argc, argv);
    if (status < 0) {
        log = bl_log_new(about->name, common);
        if (bl_rerun_core() != NULL)
            bl_log_debug(log,
                         "OPENBLAS_CORETYPE=%s, told to OpenBLAS for this processor",
                         bl_rerun_core());
        status = run(functions, tool, &opts, log);
    }
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
