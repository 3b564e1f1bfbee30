/* hub_tokens.c - see hub_tokens.h. Names of tokens need no escapes (base/words.h). */
#include "flow/hub_tokens.h"

#include "flow/vocab_json.h"
#include "io/file.h"
#include "token/merges.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char *const specials[] = {"PAD", "BOS", "EOS", "MASK"};

int bl_hub_put_file(const char *dir, const char *name, const bl_buf *text, bl_err *e)
{
    bl_buf path = {0};
    bl_out out = {.fd = -1};
    int rc = bl_buf_addf(&path, e, "%s/%s", dir, name);
    const char *file = rc == 0 ? bl_buf_str(&path, e) : NULL;
    rc = file != NULL ? bl_out_open(&out, file, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_write_all(out.fd, text->data, text->len, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_buf_free(&path);
    return rc;
}

static int id_of(const bl_words *words, const char *name)
{
    return bl_words_find(words, name, strlen(name));
}

bl_hub_ids bl_hub_ids_of(const bl_words *words)
{
    return (bl_hub_ids){id_of(words, "BOS"), id_of(words, "EOS"), id_of(words, "PAD")};
}

static int add_specials(const bl_words *words, bl_buf *text, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < BL_COUNT(specials) && rc == 0; i++)
        rc = bl_buf_addf(text, e,
                         "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":true,"
                         "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                         "\"special\":true}",
                         i > 0 ? "," : "", id_of(words, specials[i]), specials[i]);
    return rc;
}

/* An unknown word is an error there, as it is here: no UNK is in the vocabulary. */
static int format_tokenizer(const bl_vocab *v, bl_buf *text, bl_err *e)
{
    int rc = bl_buf_adds(text,
                         "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
                         "\"added_tokens\":[",
                         e);
    if (rc == 0)
        rc = add_specials(v->words, text, e);
    if (rc == 0)
        rc = bl_buf_addf(
            text, e,
            "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
            "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
            "{\"SpecialToken\":{\"id\":\"BOS\",\"type_id\":0}},"
            "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":["
            "{\"SpecialToken\":{\"id\":\"BOS\",\"type_id\":0}},"
            "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
            "{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"special_tokens\":{\"BOS\":"
            "{\"id\":\"BOS\",\"ids\":[%d],\"tokens\":[\"BOS\"]}}},\"decoder\":null,"
            "\"model\":{\"type\":\"WordLevel\",\"vocab\":",
            id_of(v->words, "BOS"));
    if (rc == 0)
        rc = bl_vocab_json(v, text, e);
    if (rc == 0) {
        text->len--; /* the line feed */
        rc = bl_buf_adds(text, ",\"unk_token\":\"UNK\"}}\n", e);
    }
    return rc;
}

static int write_tokenizer(const bl_vocab *v, int64_t context, const char *dir,
                           bl_err *e)
{
    bl_buf text = {0};
    int rc = format_tokenizer(v, &text, e);
    if (rc == 0)
        rc = bl_hub_put_file(dir, "tokenizer.json", &text, e);
    text.len = 0;
    if (rc == 0)
        rc = bl_buf_addf(&text, e,
                         "{\"tokenizer_class\":\"PreTrainedTokenizerFast\","
                         "\"bos_token\":\"BOS\",\"eos_token\":\"EOS\","
                         "\"pad_token\":\"PAD\",\"mask_token\":\"MASK\","
                         "\"clean_up_tokenization_spaces\":false,"
                         "\"model_max_length\":%" PRId64 "}\n",
                         context);
    if (rc == 0)
        rc = bl_hub_put_file(dir, "tokenizer_config.json", &text, e);
    bl_buf_free(&text);
    return rc;
}

/* With the counts, and what scheme it is: all that reading the folder again needs. */
static int write_vocab(const bl_vocab *v, const char *dir, bl_err *e)
{
    bl_buf path = {0};
    bl_out out = {.fd = -1};
    int rc = bl_buf_addf(&path, e, "%s/vocab.tsv", dir);
    const char *file = rc == 0 ? bl_buf_str(&path, e) : NULL;
    rc = file != NULL ? bl_out_open(&out, file, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_vocab_write(v, out.fd, v->pg, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_buf_free(&path);
    return rc;
}

static int write_miditok(const bl_vocab *v, const char *dir, bl_err *e)
{
    bl_scheme *scheme = NULL;
    bl_merges merges = {0};
    bl_buf text = {0};
    if (!bl_vocab_has_miditok(v->kind.spec.scheme))
        return 0;
    int rc = bl_scheme_open_stated(&scheme, &v->kind.spec, v->kind.sha256, e);
    if (rc == 0)
        rc = bl_merges_of_words(&merges, v->words, e);
    if (rc == 0 && merges.n == 0) {
        rc = bl_vocab_miditok(v, scheme, &text, e);
        if (rc == 0)
            rc = bl_hub_put_file(dir, "miditok.json", &text, e);
    }
    bl_buf_free(&text);
    bl_merges_free(&merges);
    bl_scheme_del(scheme);
    return rc;
}

int bl_hub_write_tokens(const bl_vocab *v, int64_t context, const char *dir, bl_err *e)
{
    int rc = write_tokenizer(v, context, dir, e);
    if (rc == 0)
        rc = write_vocab(v, dir, e);
    return rc == 0 ? write_miditok(v, dir, e) : rc;
}
