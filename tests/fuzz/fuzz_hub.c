/* fuzz_hub.c - config.json of Hugging Face's models: what is read is a model that can
 * be built, and what is written of it says the same. */
#include "flow/hub_names.h"
#include "fuzz.h"

#include <string.h>

static int read_text(const char *text, size_t len, bl_hub_kind *kind,
                     bl_model_config *m, bl_hub_ids *ids)
{
    bl_json *o = bl_json_parse(text, len, NULL);
    int rc = o != NULL ? bl_hub_config_read(o, kind, m, ids, NULL) : BL_E_FORMAT;
    bl_json_del(o);
    return rc;
}

static void same_settings(const bl_model_config *a, const bl_model_config *b)
{
    size_t n;
    const bl_setting *s = bl_model_settings(&n);
    for (size_t i = 0; i < n; i++)
        claim(bl_setting_same(&s[i], a, b));
}

/* What has a counterpart there. */
static void write_again(const bl_model_config *m, const bl_hub_ids *ids)
{
    bl_hub_kind kind, kind_again;
    bl_model_config again;
    bl_hub_ids ids_again;
    bl_buf text = {0};
    if (bl_hub_kind_of(m, &kind, NULL) != 0)
        return;
    bl_json *o = bl_hub_config(m, kind, ids, NULL);
    claim(o != NULL && bl_json_write(o, &text, NULL) == 0);
    claim(read_text((const char *)text.data, text.len, &kind_again, &again,
                    &ids_again) == 0);
    claim(kind_again == kind && ids_again.bos == ids->bos && ids_again.eos == ids->eos);
    same_settings(m, &again);
    bl_json_del(o);
    bl_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_hub_kind kind;
    bl_model_config m;
    bl_hub_ids ids;
    if (read_text((const char *)data, len, &kind, &m, &ids) != 0)
        return 0;
    claim(bl_model_config_check(&m, NULL) == 0);
    claim(m.vocab > 0 && bl_model_config_size(&m) > 0);
    write_again(&m, &ids);
    return 0;
}
