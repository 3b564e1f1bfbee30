/* shards_write.c - the writing half of shards.h. Tokens are kept in a file until the
 * end, in memory what is known of each piece. Layout: schemas/remi-shard.md. */
#include "io/file.h"
#include "io/folder.h"
#include "io/header.h"
#include "io/shards_impl.h"
#include "io/zio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_NAME = 64 };

/* ---- collecting ---- */

static int check_shares(const double share[BL_SPLITS], bl_err *e)
{
    double sum = 0;
    for (int s = 0; s < BL_SPLITS; s++) {
        if (!(share[s] >= 0 && share[s] <= 1))
            return bl_fail(e, BL_E_ARG, "the share of %s is not within 0..1",
                           bl_split_name(s));
        sum += share[s];
    }
    if (fabs(sum - 1) > 1e-9)
        return bl_fail(e, BL_E_ARG, "the shares of the splits sum to %.9g, not 1", sum);
    return 0;
}

int bl_shardw_new(bl_shardw **w, const char *dir, const bl_vocab *vocab,
                  const double share[BL_SPLITS], int level, bl_err *e)
{
    *w = NULL;
    int rc = check_shares(share, e);
    if (rc == 0)
        rc = bl_shards_there(dir, e);
    if (rc < 0)
        return rc;
    bl_shardw *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->vocab = vocab;
    new->level = level;
    new->bos = (uint16_t)bl_words_find(vocab->words, "BOS", 3);
    new->eos = (uint16_t)bl_words_find(vocab->words, "EOS", 3);
    memcpy(new->share, share, sizeof new->share);
    new->shown = bl_strdup(dir, e);
    new->dir = bl_folder_path(dir, e);
    /* Only asked here: what cannot be created shall be known before hours of input, and
     * a run that is killed while it reads shall leave nothing. */
    rc = new->shown == NULL || new->dir == NULL ? BL_E_NOMEM
                                                : bl_folder_may_create(new->dir, e);
    if (rc == 0)
        rc = bl_spill_new(&new->kept, new->dir, e);
    if (rc != 0) {
        bl_err_in(e, dir);
        bl_shardw_del(new);
        return rc;
    }
    *w = new;
    return 0;
}

const char *bl_shardw_path(const bl_shardw *w)
{
    return w->dir;
}

static int split_of(const bl_shardw *w, uint64_t xxh3)
{
    double u = (double)(xxh3 >> 11) * 0x1p-53, sum = 0;
    int last = 0;
    for (int s = 0; s < BL_SPLITS; s++) {
        if (w->share[s] == 0)
            continue;
        last = s;
        sum += w->share[s];
        if (u < sum)
            break;
    }
    return last;
}

static int check_ids(const bl_shardw *w, const uint16_t *ids, size_t n, bl_err *e)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= bl_words_size(w->vocab->words))
            return bl_fail(e, BL_E_ARG, "token id %u is not of the vocabulary", ids[i]);
    return 0;
}

/* BOS, ids, EOS behind those of the others. */
static int keep_ids(bl_shardw *w, const uint16_t *ids, size_t n, bl_err *e)
{
    int rc = check_ids(w, ids, n, e);
    if (rc == 0)
        rc = bl_spill_add(w->kept, &w->bos, sizeof w->bos, e);
    if (rc == 0)
        rc = bl_spill_add(w->kept, ids, n * sizeof *ids, e);
    return rc == 0 ? bl_spill_add(w->kept, &w->eos, sizeof w->eos, e) : rc;
}

static const char *sha256_of(const piece *p)
{
    return p->name + strlen(p->name) + 1;
}

static int keep_texts(bl_shardw *w, piece *p, const char *name, const char *sha256,
                      bl_err *e)
{
    size_t n = strlen(name) + 1, n_hash = strlen(sha256) + 1;
    char *room = bl_texts_room(&w->names, n + n_hash, e);
    if (room == NULL)
        return BL_E_NOMEM;
    memcpy(room, name, n);
    memcpy(room + n, sha256, n_hash);
    p->name = room;
    return 0;
}

int bl_shardw_add(bl_shardw *w, const char *name, const char *sha256, uint64_t xxh3,
                  const uint16_t *ids, size_t n, bl_err *e)
{
    piece p = {.xxh3 = xxh3,
               .key = xxh3,
               .start = bl_spill_size(w->kept),
               .n = (uint32_t)(n + 2),
               .split = (int8_t)split_of(w, xxh3)};
    w->is_settled = 0;
    if (strlen(sha256) >= sizeof(bl_sha256) || n > BL_TOKENS_PIECE_MAX)
        return bl_fail(e, BL_E_ARG, "a piece of %zu tokens, hash '%.80s'", n, sha256);
    int rc = bl_room(&w->pieces, &w->cap_pieces, w->n_pieces + 1, sizeof p, e);
    if (rc == 0)
        rc = keep_ids(w, ids, n, e);
    if (rc == 0)
        rc = keep_texts(w, &p, name, sha256, e);
    if (rc == 0)
        w->pieces[w->n_pieces++] = p;
    return rc;
}

void bl_shardw_of_rows(bl_shardw *w, const bl_row_store *store)
{
    w->rows = store;
}

int bl_shardw_add_rows(bl_shardw *w, uint64_t xxh3, bl_err *e)
{
    const bl_row_piece *of = &w->rows->pieces[w->n_pieces];
    piece p = {.xxh3 = xxh3,
               .key = xxh3,
               .start = w->n_pieces,
               .n = (uint32_t)of->n,
               .split = (int8_t)split_of(w, xxh3)};
    int rc = bl_room(&w->pieces, &w->cap_pieces, w->n_pieces + 1, sizeof p, e);
    if (rc == 0)
        rc = keep_texts(w, &p, of->name, of->sha256, e);
    if (rc != 0)
        return rc;
    w->is_settled = 0;
    w->pieces[w->n_pieces++] = p;
    return 0;
}

int bl_shardw_condition(bl_shardw *w, size_t i, const uint16_t *ids, size_t n,
                        bl_err *e)
{
    uint64_t start = bl_spill_size(w->kept);
    if (n > BL_TOKENS_PIECE_MAX)
        return bl_fail(e, BL_E_ARG, "a condition of %zu tokens", n);
    int rc = keep_ids(w, ids, n, e);
    if (rc != 0)
        return rc;
    w->pieces[i].condition = start;
    w->pieces[i].n_condition = (uint32_t)(n + 2);
    w->has_conditions = 1;
    return 0;
}

void bl_shardw_del(bl_shardw *w)
{
    if (w == NULL)
        return;
    bl_folder_drop(&w->temp);
    free(w->pieces);
    bl_spill_del(w->kept);
    bl_texts_free(&w->names);
    free(w->shown);
    free(w->dir);
    free(w);
}

/* ---- order and splits ---- */

static int by_hash(const piece *a, const piece *b)
{
    if (a->xxh3 != b->xxh3)
        return a->xxh3 < b->xxh3 ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n;
}

static int by_name(const void *va, const void *vb)
{
    const piece *a = va, *b = vb;
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = strcmp(sha256_of(a), sha256_of(b));
    return order != 0 ? order : by_hash(a, b);
}

static int by_content(const void *va, const void *vb)
{
    int order = by_hash(va, vb);
    return order != 0 ? order : by_name(va, vb);
}

/* ---- what is decided of all pieces together ---- */

size_t bl_shardw_size(const bl_shardw *w)
{
    return w->n_pieces;
}

int bl_shardw_ids(const bl_shardw *w, size_t i, int condition, bl_ids *ids, bl_err *e)
{
    const piece *p = &w->pieces[i];
    ids->n = 0;
    if (condition && p->n_condition == 0)
        return 0;
    int rc = bl_shardw_fetch(w, p, condition, ids, e);
    if (rc != 0)
        return rc;
    ids->n -= 2;
    memmove(ids->id, ids->id + 1, ids->n * sizeof *ids->id);
    return 1;
}

const char *bl_shardw_name(const bl_shardw *w, size_t i)
{
    return w->pieces[i].name;
}

int bl_shardw_order(const bl_shardw *w, size_t i, size_t k)
{
    return by_name(&w->pieces[i], &w->pieces[k]);
}

int bl_shardw_split(const bl_shardw *w, size_t i)
{
    return w->pieces[i].split;
}

void bl_shardw_place(bl_shardw *w, size_t i, uint64_t key)
{
    w->pieces[i].key = key;
    if (!w->is_put)
        w->pieces[i].split = (int8_t)split_of(w, key);
}

void bl_shardw_put(bl_shardw *w, size_t i, int split)
{
    w->pieces[i].split = (int8_t)split;
    w->is_put = 1;
}

void bl_shardw_drop(bl_shardw *w, size_t i)
{
    w->pieces[i].is_dropped = 1;
}

int bl_shardw_add_copy(bl_shardw *w, size_t i, const char *suffix, const uint16_t *ids,
                       size_t n, bl_err *e)
{
    bl_buf name = {0};
    int split = w->pieces[i].split, was_settled = w->is_settled;
    int rc = bl_buf_addf(&name, e, "%s%s", w->pieces[i].name, suffix);
    if (rc == 0)
        rc = bl_shardw_add(w, (const char *)name.data, sha256_of(&w->pieces[i]),
                           bl_xxh3(ids, n * sizeof *ids), ids, n, e);
    if (rc == 0) {
        w->pieces[w->n_pieces - 1].split = (int8_t)split;
        w->is_settled = was_settled;
    }
    bl_buf_free(&name);
    return rc;
}

uint64_t bl_shardw_dedup(bl_shardw *w)
{
    size_t kept = 0;
    qsort(w->pieces, w->n_pieces, sizeof *w->pieces, by_content);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (kept == 0 || by_hash(&w->pieces[kept - 1], &w->pieces[i]) != 0)
            w->pieces[kept++] = w->pieces[i];
    }
    uint64_t dropped = w->n_pieces - kept;
    w->n_pieces = kept;
    return dropped;
}

/* How much different music a split has: pieces of one key count once. */
static unsigned count_keys(const bl_shardw *w, int split)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->n_pieces; i++) {
        int is_new = w->pieces[i].split == split;
        for (size_t k = 0; k < i && is_new; k++)
            is_new =
                w->pieces[k].split != split || w->pieces[k].key != w->pieces[i].key;
        n += (unsigned)is_new;
    }
    return n;
}

/* The split with the most different music, the first of equals. */
static int largest_split(const bl_shardw *w, unsigned *most)
{
    int largest = 0;
    *most = 0;
    for (int s = 0; s < BL_SPLITS; s++) {
        unsigned n = count_keys(w, s);
        if (n > *most) {
            *most = n;
            largest = s;
        }
    }
    return largest;
}

/* The piece with the least hash moves, and all of the same music with it. */
static void move_least(bl_shardw *w, int from, int to)
{
    const piece *least = NULL;
    for (size_t i = 0; i < w->n_pieces; i++) {
        const piece *p = &w->pieces[i];
        if (p->split == from && (least == NULL || by_content(p, least) < 0))
            least = p;
    }
    uint64_t key = least->key;
    for (size_t i = 0; i < w->n_pieces; i++)
        if (w->pieces[i].key == key)
            w->pieces[i].split = (int8_t)to;
}

/* A handful of pieces may by chance leave a split empty, and a model without data to
 * learn from or to be measured on. */
static void fill_empty_splits(bl_shardw *w)
{
    for (int s = 0; s < BL_SPLITS; s++) {
        unsigned most;
        int from = largest_split(w, &most);
        if (w->share[s] == 0 || count_keys(w, s) > 0 || most < (s == 0 ? 1 : 2))
            continue;
        move_least(w, from, s);
    }
}

/* Where a table decided. */
static void count_shares(bl_shardw *w)
{
    size_t n[BL_SPLITS] = {0};
    for (size_t i = 0; i < w->n_pieces; i++)
        n[w->pieces[i].split]++;
    for (int s = 0; s < BL_SPLITS && w->n_pieces > 0; s++)
        w->share[s] = (double)n[s] / (double)w->n_pieces;
}

/* ---- files of the folder ---- */

static int write_file(const bl_shardw *w, const char *name, const bl_buf *text,
                      bl_err *e)
{
    bl_out out;
    int rc = bl_shardw_open(w, name, &out, e);
    if (rc != 0)
        return rc;
    rc = bl_write_all(out.fd, text->data, text->len, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    return rc;
}

/* The table that says which piece stands where in a split. */
static int write_table(const bl_shardw *w, int split, bl_err *e)
{
    bl_buf text = {0};
    char name[FILE_NAME];
    size_t idx = 0, offset = 0;
    int rc = bl_buf_adds(&text, "idx\toffset\tlength\tname\tsha256\n", e);
    for (size_t i = 0; i < w->n_pieces && rc == 0; i++) {
        const piece *p = &w->pieces[i];
        if (p->split != split)
            continue;
        rc = bl_buf_addf(&text, e, "%zu\t%zu\t%u\t", idx++, offset, (unsigned)p->n);
        if (rc == 0)
            rc = bl_name_encode(p->name, &text, e);
        if (rc == 0)
            rc = bl_buf_addf(&text, e, "\t%s\n", sha256_of(p));
        offset += p->n;
    }
    snprintf(name, sizeof name, "%s.pieces.tsv", bl_split_name(split));
    if (rc == 0)
        rc = write_file(w, name, &text, e);
    bl_buf_free(&text);
    return rc;
}

/* Adds the tokens of all pieces, and of their conditions, to count. */
static int count_tokens(const bl_shardw *w, uint64_t *count, bl_err *e)
{
    bl_ids ids = {0};
    int rc = 0;
    for (size_t i = 0; i < 2 * w->n_pieces && rc == 0; i++) {
        const piece *p = &w->pieces[i / 2];
        if (i % 2 == 1 && p->n_condition == 0)
            continue;
        rc = bl_shardw_fetch(w, p, i % 2, &ids, e);
        for (size_t k = 0; k < ids.n && rc == 0; k++)
            count[ids.id[k]]++;
    }
    bl_ids_free(&ids);
    return rc;
}

static int write_vocab(const bl_shardw *w, const bl_json *pg, bl_err *e)
{
    bl_vocab counted = *w->vocab;
    bl_out out = {.fd = -1};
    counted.count = bl_calloc(bl_words_size(w->vocab->words), sizeof *counted.count, e);
    if (counted.count == NULL)
        return BL_E_NOMEM;
    int rc = w->rows == NULL ? count_tokens(w, counted.count, e) : 0;
    if (rc == 0)
        rc = bl_shardw_open(w, "vocab.tsv", &out, e);
    if (rc == 0)
        rc = bl_vocab_write(&counted, out.fd, pg, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    free(counted.count);
    return rc;
}

/* ---- a split and the manifest ---- */

static int write_split(const bl_shardw *w, int split, const bl_json *pg,
                       bl_json *splits, bl_err *e)
{
    uint64_t pieces, tokens;
    bl_json *o = bl_json_object(e);
    bl_json *files = bl_json_array(e);
    bl_shardw_counts(w, split, &pieces, &tokens);
    int rc = o == NULL || files == NULL ? BL_E_NOMEM : write_table(w, split, e);
    if (rc == 0)
        rc = w->rows != NULL ? bl_shardw_write_rows(w, split, pg, files, e)
                             : bl_shardw_write_tensors(w, split, pg, files, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "pieces", (int64_t)pieces, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tokens", (int64_t)tokens, e);
    if (rc == 0) {
        rc = bl_json_put(o, "files", files, e);
        files = NULL;
    }
    if (rc == 0)
        rc = bl_shardw_list_exports(w, split, o, e);
    if (rc == 0) {
        rc = bl_json_put(splits, bl_split_name(split), o, e);
        o = NULL;
    }
    bl_json_del(files);
    bl_json_del(o);
    return rc;
}

static int fill_manifest(const bl_shardw *w, bl_json *m, bl_json *share, bl_err *e)
{
    int rc = bl_json_set_str(m, "schema", BL_SHARDS_SCHEMA, e);
    if (rc == 0)
        rc = bl_header_set_kind(m, &w->vocab->kind, e);
    if (rc == 0)
        rc = bl_json_set_str(m, "vocab", "vocab.tsv", e);
    if (rc == 0)
        rc = bl_json_set_str(m, "vocab_sha256", w->vocab->sha256, e);
    if (rc == 0 && w->rows != NULL)
        rc = bl_shards_put_kind(m, &w->rows->kind, e);
    for (int s = 0; s < BL_SPLITS && rc == 0; s++)
        rc = bl_json_set_real(share, bl_split_name(s), w->share[s], e);
    return rc;
}

/* Takes ownership of share and splits. */
static int write_manifest(const bl_shardw *w, bl_json *share, bl_json *splits,
                          const bl_json *pg, bl_err *e)
{
    bl_buf text = {0};
    bl_json *m = bl_json_object(e);
    int rc = m == NULL ? BL_E_NOMEM : fill_manifest(w, m, share, e);
    if (rc == 0) {
        rc = bl_json_put(m, "share", share, e);
        share = NULL;
    }
    if (rc == 0) {
        rc = bl_json_put(m, "splits", splits, e);
        splits = NULL;
    }
    if (rc == 0)
        rc = bl_header_set_pg(m, pg, e);
    if (rc == 0)
        rc = bl_json_write(m, &text, e);
    if (rc == 0)
        rc = bl_buf_addc(&text, '\n', e);
    if (rc == 0)
        rc = write_file(w, "manifest.json", &text, e);
    bl_json_del(share);
    bl_json_del(splits);
    bl_json_del(m);
    bl_buf_free(&text);
    return rc;
}

static int write_folder(bl_shardw *w, const bl_json *pg, bl_err *e)
{
    bl_json *share = bl_json_object(e), *splits = bl_json_object(e);
    int rc = share == NULL || splits == NULL ? BL_E_NOMEM : write_vocab(w, pg, e);
    for (int s = 0; s < BL_SPLITS && rc == 0; s++) {
        rc = write_split(w, s, pg, splits, e);
        if (rc == 0)
            rc = bl_shardw_write_exports(w, s, e);
    }
    if (rc == 0) {
        rc = write_manifest(w, share, splits, pg, e);
        share = splits = NULL;
    }
    bl_json_del(share);
    bl_json_del(splits);
    return rc;
}

void bl_shardw_sweep(bl_shardw *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (!w->pieces[i].is_dropped)
            w->pieces[kept++] = w->pieces[i];
    }
    w->n_pieces = kept;
}

void bl_shardw_settle(bl_shardw *w)
{
    bl_shardw_sweep(w);
    if (w->is_put)
        count_shares(w);
    else if (w->n_pieces < BL_FEW_PIECES)
        fill_empty_splits(w);
    w->is_settled = 1;
}

void bl_shardw_export(bl_shardw *w, unsigned formats)
{
    w->exports = formats;
}

int bl_shardw_finish(bl_shardw *w, const bl_json *pg, bl_err *e)
{
    if (!w->is_settled)
        bl_shardw_settle(w);
    qsort(w->pieces, w->n_pieces, sizeof *w->pieces, by_name);
    int rc = bl_folder_temp(&w->temp, w->dir, e);
    if (rc == 0)
        rc = write_folder(w, pg, e);
    if (rc == 0)
        rc = bl_shards_there(w->dir, e);
    if (rc >= 0)
        rc = bl_folder_swap(w->temp.path, w->dir, e);
    if (rc != 0 && e != NULL) /* not the file beside it that is gone by now */
        snprintf(e->where, sizeof e->where, "%s", w->shown);
    bl_folder_drop(&w->temp);
    return rc;
}
