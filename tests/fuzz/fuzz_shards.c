/* fuzz_shards.c - the reader of shard directories. A sound one is written once; an
 * input is an edit of one of its files: which file, where (two bytes, low first), how
 * many bytes go, and what comes in their place. */
#include "fuzz.h"
#include "io/file.h"
#include "io/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
    "manifest.json",
    "vocab.tsv",
    "train-00000-of-00001.safetensors",
};

static char folder[] = "/tmp/barline-fuzz-XXXXXX";
static bl_buf sound[BL_COUNT(names)];
static bl_shards whole; /* as read from the sound files */

static void path_of(size_t i, char path[256])
{
    snprintf(path, 256, "%s/data/%s", folder, names[i]);
}

static void put(size_t i, const void *bytes, size_t len)
{
    char path[256];
    path_of(i, path);
    FILE *f = fopen(path, "wb");
    claim(f != NULL);
    claim((len == 0 || fwrite(bytes, 1, len, f) == len) && fclose(f) == 0);
}

static void leave(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command) != 0)
        perror(command);
}

static bl_vocab make_vocab(void)
{
    static const char *const tokens[] = {"PAD", "BOS", "EOS", "MASK", "a", "b"};
    const bl_scheme *s = fuzz_scheme(0);
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(s)};
    bl_vocab v = {0};
    bl_words *words = bl_words_new(NULL);
    uint64_t *count = bl_calloc(BL_COUNT(tokens), sizeof *count, NULL);
    claim(words != NULL && count != NULL);
    for (size_t i = 0; i < BL_COUNT(tokens); i++)
        claim(bl_words_add(words, tokens[i], strlen(tokens[i]), NULL) == 0);
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(s));
    claim(bl_vocab_make(&v, words, count, &kind, NULL) == 0);
    return v;
}

static void write_folder(void)
{
    static const double share[BL_SPLITS] = {1, 0, 0};
    static const uint16_t ids[] = {4, 5, 5, 4};
    char path[256];
    bl_shardw *w;
    bl_vocab v = make_vocab();
    claim(mkdtemp(folder) != NULL);
    claim(atexit(leave) == 0);
    snprintf(path, sizeof path, "%s/data", folder);
    claim(bl_shardw_new(&w, path, &v, share, 0, NULL) == 0);
    claim(bl_shardw_add(w, "one", "", 1, ids, 4, NULL) == 0);
    claim(bl_shardw_add(w, "two", "", 2, ids, 2, NULL) == 0);
    claim(bl_shardw_finish(w, NULL, NULL) == 0);
    bl_shardw_del(w);
    bl_vocab_free(&v);
    for (size_t i = 0; i < BL_COUNT(names); i++) {
        int fd;
        path_of(i, path);
        claim(bl_in_open(path, &fd, NULL) == 0);
        claim(bl_read_all(fd, &sound[i], 1 << 20, NULL) == 0);
        close(fd);
    }
    snprintf(path, sizeof path, "%s/data", folder);
    claim(bl_shards_read(&whole, path, 0, NULL) == 0);
}

static void check(const bl_shards *s)
{
    size_t size = bl_words_size(s->vocab.words);
    claim(s->n_pieces == 0 ||
          (s->offsets[0] == 0 && s->offsets[s->n_pieces] == (int64_t)s->n_tokens));
    for (size_t i = 0; i < s->n_pieces; i++)
        claim(s->offsets[i] < s->offsets[i + 1]);
    for (size_t i = 0; i < s->n_tokens; i++)
        claim(s->tokens[i] < size);
}

/* Whatever is changed in a file that the manifest describes shows in a hash. */
static int is_whole(const bl_shards *s)
{
    return s->n_tokens == whole.n_tokens && s->n_pieces == whole.n_pieces &&
           memcmp(s->tokens, whole.tokens, s->n_tokens * sizeof *s->tokens) == 0;
}

static void edit(size_t i, const uint8_t *data, size_t len)
{
    bl_buf b = {0};
    size_t at = (size_t)(data[0] | data[1] << 8) % (sound[i].len + 1);
    size_t gone = (size_t)bl_min(data[2], (int64_t)(sound[i].len - at));
    claim(bl_buf_add(&b, sound[i].data, at, NULL) == 0);
    claim(bl_buf_add(&b, data + 3, len - 3, NULL) == 0);
    claim(bl_buf_add(&b, sound[i].data + at + gone, sound[i].len - at - gone, NULL) ==
          0);
    put(i, b.data, b.len);
    bl_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[256];
    bl_shards s = {0};
    if (len < 4)
        return 0;
    if (sound[0].len == 0)
        write_folder();
    size_t i = data[0] % BL_COUNT(names);
    edit(i, data + 1, len - 1);
    snprintf(path, sizeof path, "%s/data", folder);
    if (bl_shards_read(&s, path, 0, NULL) == 0) {
        check(&s);
        claim(i == 0 || is_whole(&s));
    }
    bl_shards_free(&s);
    put(i, sound[i].data, sound[i].len);
    return 0;
}
