/* fuzz_json.c - JSON headers: what is parsed is written as text that parses to the same
 * text; the checks of the common parts of headers. */
#include "fuzz.h"
#include "io/header.h"

#include <string.h>

static void check_parts(const bl_json *o)
{
    bl_tokens_kind kind;
    bl_sha256 hex;
    bl_json *pg = NULL;
    uint64_t value;
    int rc = bl_header_schema(o, BL_TOKENS_SCHEMA, NULL);
    claim(rc == 0 || rc == BL_E_FORMAT || rc == BL_E_VERSION);
    if (bl_header_get_kind(o, &kind, NULL) == 0)
        claim(memchr(kind.spec.labels, 0, sizeof kind.spec.labels) != NULL &&
              strlen(kind.sha256) == 64);
    if (bl_header_get_sha256(o, "sha256", hex, NULL) == 0)
        claim(strlen(hex) == 64);
    (void)!bl_header_get_xxh3(o, "xxh3", &value, NULL);
    if (bl_header_get_pg(o, &pg, NULL) == 0 && pg != NULL)
        claim(bl_prov_check(pg, NULL) == 0);
    bl_json_del(pg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_buf text = {0}, again = {0};
    bl_json *o = bl_json_parse((const char *)data, len, NULL);
    if (o != NULL) {
        claim(bl_json_is_object(o));
        check_parts(o);
        claim(bl_json_write(o, &text, NULL) == 0);
        bl_json_del(o);
        o = bl_json_parse((const char *)text.data, text.len, NULL);
        claim(o != NULL);
        claim(bl_json_write(o, &again, NULL) == 0);
        claim(text.len == again.len && memcmp(text.data, again.data, text.len) == 0);
    }
    bl_json_del(o);
    bl_buf_free(&text);
    bl_buf_free(&again);
    return 0;
}
