/* test_hub.c - which settings a folder of Hugging Face's form can hold: each setting is
 * tried, and what is not refused is there again after it was read. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "flow/hub_names.h"
#include "tap.h"

static bl_model_config base_of(bl_arch arch)
{
    bl_model_config c = bl_model_config_default();
    bl_model_config_arch(&c, arch);
    c.vocab = 100;
    c.layers = 2;
    c.width = 16;
    c.heads = 4;
    c.ff = 32;
    c.segment = 16;
    c.memory = arch == BL_ARCH_LLAMA ? 8 : 0;
    c.positions = arch == BL_ARCH_GPT2 ? 16 : 0;
    return c;
}

/* Another value of the row in *c; 0 where the i-th is none. */
static int vary(const bl_setting *row, bl_model_config *c, int i)
{
    static const double values[] = {0, 1, 2, 3, 4, 5, 6, 24, 0.25, 1e-4, 5e5};
    if (row->kind == BL_SET_LAYERS)
        return i == 0 && bl_setting_layer(row, c, 1, BL_E_ARG, NULL) == 0;
    int is_whole = row->kind != BL_SET_REAL && row->kind != BL_SET_OWN;
    if (i >= (int)BL_COUNT(values) ||
        (is_whole && values[i] != (double)(int64_t)values[i]))
        return 0;
    bl_setting_put(row, c, values[i]);
    return bl_setting_check(row, c, NULL) == 0;
}

/* 1 if the folder of a model is read as the same setting. */
static int comes_back(const bl_setting *row, const bl_model_config *c, bl_hub_kind kind)
{
    bl_model_config back;
    bl_hub_ids ids = {-1, -1, -1};
    bl_err e = BL_ERR_INIT;
    bl_json *o = bl_hub_config(c, kind, &ids, &e);
    int rc = o != NULL ? bl_hub_config_read(o, &kind, &back, &ids, &e) : e.code;
    bl_json_del(o);
    return rc == 0 && bl_setting_same(row, c, &back);
}

/* The settings of which a value other than the architecture's is written, and those of
 * them that come back, with a blank before each. */
static void try_all(bl_arch arch, char *written, char *back, size_t size)
{
    size_t n;
    const bl_setting *row = bl_model_settings(&n);
    written[0] = back[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int is_written = 0, returns = 1;
        for (int k = 0; k < 11; k++) {
            bl_model_config c = base_of(arch), usual = c;
            bl_hub_kind kind;
            /* that says what 0 says */
            if (!vary(&row[i], &c, k) || c.kv_heads == c.heads ||
                bl_setting_same(&row[i], &c, &usual) ||
                bl_model_config_check(&c, NULL) != 0 ||
                bl_hub_kind_of(&c, &kind, NULL) != 0)
                continue;
            is_written = 1;
            returns &= comes_back(&row[i], &c, kind);
        }
        if (is_written)
            snprintf(written + strlen(written), size - strlen(written), " %s",
                     row[i].key);
        if (is_written && returns)
            snprintf(back + strlen(back), size - strlen(back), " %s", row[i].key);
    }
}

int main(void)
{
    static const struct {
        bl_arch arch;
        const char *written, *back;
    } want[] = {
        {BL_ARCH_GPT2,
         " arch vocab layers width heads ff segment dropout att_dropout ff_dropout"
         " layer_dropout embed_dropout norm_eps init_std positions act tie"
         " init_residual freeze precision",
         " vocab layers width heads ff dropout att_dropout embed_dropout norm_eps"
         " init_std positions act tie"},
        {BL_ARCH_LLAMA,
         " arch vocab layers width heads ff segment memory dropout att_dropout"
         " ff_dropout layer_dropout embed_dropout norm_eps init_std tie init_residual"
         " kv_heads rope_theta freeze precision",
         " vocab layers width heads ff att_dropout norm_eps init_std tie kv_heads"
         " rope_theta"},
    };
    for (size_t i = 0; i < BL_COUNT(want); i++) {
        char written[1024], back[1024];
        const char *name = bl_model_choice("arch", (int)want[i].arch);
        try_all(want[i].arch, written, back, sizeof written);
        ok(strcmp(written, want[i].written) == 0, "%s: written are%s", name, written);
        ok(strcmp(back, want[i].back) == 0, "%s: of them come back%s", name, back);
    }
    return tap_done();
}
