/* logprobs.c - see logprobs.h. */
#include "io/logprobs.h"
#include "io/file.h"
#include "io/header.h"
#include "io/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_MAX = 1 << 30 }; /* tokens of a record */

static int check_schema(const bl_json *meta, bl_err *e)
{
    const char *schema;
    int rc = bl_json_str(meta, "schema", &schema, e);
    if (rc != 0)
        return rc;
    if (strncmp(schema, "xl-logprobs/", 12) != 0)
        return bl_fail(e, BL_E_FORMAT, "a record of '%.40s', not of log-probabilities",
                       schema);
    if (strcmp(schema, "xl-logprobs/1") != 0)
        return bl_fail(e, BL_E_VERSION, "schema '%.40s' is not known here", schema);
    return 0;
}

static int take_words(bl_logprobs *l, bl_err *e)
{
    const char *text;
    const bl_json *list;
    bl_buf wrapped = {0};
    int rc = bl_json_str(l->meta, "vocab", &text, e);
    /* the parser wants an object */
    if (rc == 0)
        rc = bl_buf_addf(&wrapped, e, "{\"vocab\":%s}", text);
    if (rc == 0) {
        l->vocab = bl_json_parse((const char *)wrapped.data, wrapped.len, e);
        rc = l->vocab != NULL ? bl_json_get(l->vocab, "vocab", &list, e) : e->code;
    }
    bl_buf_free(&wrapped);
    if (rc != 0)
        return rc;
    l->n_words = bl_json_size(list);
    l->words = bl_calloc(l->n_words, sizeof *l->words, e);
    if (l->words == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < l->n_words; i++)
        if (!bl_json_as_str(bl_json_at(list, i), &l->words[i]))
            return bl_fail(e, BL_E_FORMAT, "word %zu of the vocabulary is no string",
                           i);
    return 0;
}

/* A tensor of that type with one dimension. */
static int check_tensor(const bl_tensors_head *h, const char *name, bl_dtype dtype,
                        bl_err *e)
{
    const bl_tensor *t = bl_tensors_find(h, name);
    if (t == NULL || t->dtype != dtype || t->ndim != 1 || t->shape[0] > N_MAX)
        return bl_fail(e, BL_E_FORMAT, "the record has no tensor '%s' of type %s", name,
                       bl_dtype_name(dtype));
    return 0;
}

static int check_tensors(const bl_tensors_head *h, bl_err *e)
{
    int rc = check_tensor(h, "ids", BL_U16, e);
    if (rc == 0)
        rc = check_tensor(h, "log_prob", BL_F32, e);
    if (rc == 0)
        rc = check_tensor(h, "offsets", BL_I64, e);
    if (rc == 0 && (h->n != 3 || bl_tensors_find(h, "offsets")->shape[0] < 1 ||
                    bl_tensors_find(h, "ids")->shape[0] !=
                        bl_tensors_find(h, "log_prob")->shape[0]))
        rc = bl_fail(e, BL_E_FORMAT, "its tensors do not belong together");
    return rc;
}

static int take_tensors(bl_logprobs *l, const bl_tensors_head *h, bl_zr *r, bl_err *e)
{
    int rc = check_tensors(h, e);
    for (size_t i = 0; i < h->n && rc == 0; i++) {
        const bl_tensor *t = &h->t[i];
        bl_buf b = {0};
        /* of no elements, too, an array */
        rc = bl_buf_reserve(&b, 1, e);
        if (rc == 0)
            rc = bl_tensor_read(r, t, &b, NULL, e);
        void *data = b.data;
        if (strcmp(t->name, "ids") == 0) {
            l->ids = data;
            l->n = (size_t)t->shape[0];
        } else if (strcmp(t->name, "log_prob") == 0) {
            l->log_prob = data;
        } else {
            l->offsets = data;
            l->n_pieces = (size_t)t->shape[0] - 1;
        }
    }
    return rc;
}

static int check_values(const bl_logprobs *l, bl_err *e)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->ids[i] >= l->n_words)
            return bl_fail(e, BL_E_FORMAT, "id %d of token %zu has no word", l->ids[i],
                           i);
        if (!isnan(l->log_prob[i]) && !(l->log_prob[i] <= 0))
            return bl_fail(e, BL_E_FORMAT, "token %zu has a probability over 1", i);
    }
    for (size_t p = 0; p < l->n_pieces; p++)
        if (l->offsets[p] > l->offsets[p + 1])
            return bl_fail(e, BL_E_FORMAT, "piece %zu ends before it begins", p);
    if (l->offsets[0] != 0 || l->offsets[l->n_pieces] != (int64_t)l->n)
        return bl_fail(e, BL_E_FORMAT, "the pieces are not all of the tokens");
    return 0;
}

static int read_record(bl_logprobs *l, bl_zr *r, bl_err *e)
{
    bl_tensors_head h = {0};
    char byte;
    int rc = bl_tensors_read_head(r, &h, e);
    if (rc <= 0)
        return rc < 0 ? rc : bl_fail(e, BL_E_TRUNC, "the file is empty");
    l->meta = h.meta;
    h.meta = NULL;
    rc = check_schema(l->meta, e);
    if (rc == 0)
        rc = take_words(l, e);
    if (rc == 0)
        rc = bl_header_get_kind_text(l->meta, &l->kind, e);
    if (rc == 0)
        rc = take_tensors(l, &h, r, e);
    if (rc == 0)
        rc = check_values(l, e);
    if (rc == 0 && (rc = (int)bl_zr_read(r, &byte, 1, e)) > 0)
        rc = bl_fail(e, BL_E_FORMAT, "bytes follow the record");
    bl_tensors_head_free(&h);
    return rc;
}

int bl_logprobs_read(bl_logprobs *l, const char *path, bl_err *e)
{
    bl_zr *r = NULL;
    int fd;
    *l = (bl_logprobs){0};
    struct stat st;
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        bl_fail(e, BL_E_OPEN,
                "cannot open: Is a directory; a file is wanted that 'xltrain --eval "
                "SPLIT --log-probs FILE' writes");
        return bl_fail_in(e, BL_E_OPEN, path);
    }
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_zr_new(&r, fd, e);
    if (rc == 0)
        rc = read_record(l, r, e);
    if (rc != 0)
        rc = bl_fail_in(e, rc, bl_path_or_stdin(path));
    bl_zr_del(r);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

void bl_logprobs_free(bl_logprobs *l)
{
    free(l->ids);
    free(l->log_prob);
    free(l->offsets);
    free(l->words);
    bl_json_del(l->vocab);
    bl_json_del(l->meta);
    *l = (bl_logprobs){0};
}
