/* fuzz_ids.c - ids that others made, as NumPy, JSON or text, and files of the names of
 * their tokens. The first byte says which is read: 'n' names, else ids, with names of
 * some from 'w' on. */
#include "flow/own_ids.h"
#include "flow/own_ids_read.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char vocabulary[] = "{\"PAD_None\":0,\"BOS_None\":1,\"Bar_None\":4,"
                                 "\"Pitch_60\":5,\"<s>\":7,\"a b\":9}";

static void path_of(int fd, char path[32])
{
    snprintf(path, 32, "/dev/fd/%d", fd);
}

static void read_names(bl_token_names *t, const void *data, size_t len, int must)
{
    char path[32];
    int fd = fuzz_fd(data, len);
    path_of(fd, path);
    bl_err e = BL_ERR_INIT;
    int rc = bl_token_names_read(t, path, &e);
    claim(rc == 0 || !must);
    size_t known = 0;
    for (size_t id = 0; rc == 0 && id < t->n; id++) {
        if (t->name[id] == NULL)
            continue;
        int64_t found = bl_token_names_find(t, t->name[id]);
        known++;
        claim(found >= 0 && found < (int64_t)t->n);
        claim(strcmp(t->name[found], t->name[id]) == 0);
    }
    claim(rc != 0 || (known == t->n_known && t->n <= BL_TOKEN_NAMES_MAX));
    close(fd);
}

static void check_pieces(const bl_own_pieces *p)
{
    size_t start = 0;
    int32_t highest = -1;
    for (size_t i = 0; i < p->pieces; i++) {
        claim(p->end[i] > start);
        start = p->end[i];
    }
    claim(p->pieces > 0 && start == p->n);
    for (size_t i = 0; i < p->n; i++) {
        claim(p->id[i] >= 0 && p->id[i] < BL_TOKEN_NAMES_MAX);
        highest = p->id[i] > highest ? p->id[i] : highest;
    }
    claim(highest == p->highest);
}

static void read_ids(const void *data, size_t len, const bl_token_names *names)
{
    bl_own_pieces p = {0};
    char path[32];
    int fd = fuzz_fd(data, len);
    path_of(fd, path);
    bl_err e = BL_ERR_INIT;
    if (bl_own_pieces_read(&p, names, path, &e) == 0)
        check_pieces(&p);
    bl_own_pieces_free(&p);
    close(fd);
}

/* A file of names numbers tokens of ours, each once but for specials. */
static void number_names(const void *data, size_t len)
{
    bl_own_ids o = {0};
    char path[32];
    int fd = fuzz_fd(data, len);
    path_of(fd, path);
    bl_err e = BL_ERR_INIT;
    if (bl_own_ids_open(&o, path, &e) == 0)
        for (size_t id = 0; id < o.n; id++)
            claim(o.to_ours[id] >= -1 &&
                  o.to_ours[id] < (int64_t)bl_words_size(o.vocab.words));
    bl_own_ids_free(&o);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_token_names names = {0};
    if (len == 0)
        return 0;
    if (data[0] == 'n') {
        read_names(&names, data + 1, len - 1, 0);
        number_names(data + 1, len - 1);
    } else {
        if (data[0] >= 'w')
            read_names(&names, vocabulary, sizeof vocabulary - 1, 1);
        read_ids(data + 1, len - 1, &names);
    }
    bl_token_names_free(&names);
    return 0;
}
