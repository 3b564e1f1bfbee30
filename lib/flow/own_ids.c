/* own_ids.c - see own_ids.h: the numbering. */
#include "flow/own_ids.h"

#include "token/merges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const specials[] = {"PAD", "BOS", "EOS", "MASK"};

/* Ids of ours are 16 bits wide, one of which is left free. */
enum { MOST = UINT16_MAX };

static int begin(bl_own_ids *o, size_t n, bl_words **words, bl_err *e)
{
    o->n = n;
    o->to_ours = bl_calloc(n, sizeof *o->to_ours, e);
    *words = bl_words_new(e);
    int rc = o->to_ours != NULL && *words != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < BL_COUNT(specials) && rc == 0; i++)
        rc = bl_words_add(*words, specials[i], strlen(specials[i]), e);
    return rc;
}

/* Takes the words. The scheme is opened for its hash alone. */
static int finish(bl_own_ids *o, bl_words *words, bl_err *e)
{
    bl_scheme *scheme = NULL;
    uint64_t *count = bl_calloc(bl_words_size(words), sizeof *count, e);
    int rc = count != NULL ? bl_scheme_open_words(&scheme, words, e) : BL_E_NOMEM;
    if (rc == 0) {
        bl_tokens_kind kind = {.spec = *bl_scheme_spec(scheme)};
        strcpy(kind.sha256, bl_scheme_sha256(scheme));
        rc = bl_vocab_make(&o->vocab, words, count, &kind, e);
    }
    if (rc != 0) {
        bl_words_del(words);
        free(count);
    }
    bl_scheme_del(scheme);
    return rc;
}

/* A name as a token here may be called; merges are learned here only. */
static const char *our_name(const bl_words *words, const char *theirs, size_t id,
                            char room[32])
{
    size_t prefix = sizeof BL_MERGE_PREFIX - 1;
    if (bl_word_is_valid(theirs, strlen(theirs)) &&
        strncmp(theirs, BL_MERGE_PREFIX, prefix) != 0 &&
        bl_words_find(words, theirs, strlen(theirs)) < 0)
        return theirs;
    snprintf(room, 32, "Id_%zu", id);
    return room;
}

static int add_named(bl_own_ids *o, bl_words *words, bl_err *e)
{
    int taken[BL_N_SPECIALS] = {0}, rc = 0;
    for (size_t id = 0; id < o->n && rc == 0; id++) {
        const char *theirs = o->names.name[id];
        char room[32];
        o->to_ours[id] = -1;
        if (theirs == NULL)
            continue;
        const char *special = bl_token_names_special(theirs);
        int k = special != NULL ? bl_words_find(words, special, strlen(special)) : -1;
        if (k >= 0 && !taken[k]) {
            taken[k] = 1;
            o->to_ours[id] = k;
            continue;
        }
        const char *name = our_name(words, theirs, id, room);
        o->to_ours[id] = (int32_t)bl_words_size(words);
        rc = bl_words_add(words, name, strlen(name), e);
    }
    return rc;
}

/* A vocabulary of ours is of a scheme that may be known. */
static int open_ours(bl_own_ids *o, const char *path, bl_err *e)
{
    int rc = bl_vocab_load(&o->vocab, path, e);
    o->n = o->names.n;
    o->to_ours = rc == 0 ? bl_calloc(o->n, sizeof *o->to_ours, e) : NULL;
    for (size_t id = 0; o->to_ours != NULL && id < o->n; id++)
        o->to_ours[id] = (int32_t)id;
    return rc == 0 && o->to_ours == NULL ? BL_E_NOMEM : rc;
}

int bl_own_ids_open(bl_own_ids *o, const char *path, bl_err *e)
{
    bl_words *words = NULL;
    int rc = bl_token_names_read(&o->names, path, e);
    if (rc == 0 && o->names.is_ours)
        return open_ours(o, path, e);
    if (rc == 0)
        rc = begin(o, o->names.n, &words, e);
    if (rc == 0)
        rc = add_named(o, words, e);
    if (rc == 0 && bl_words_size(words) > MOST)
        rc = bl_fail(e, BL_E_LIMIT,
                     "%zu tokens, with PAD, BOS, EOS and MASK: %d are the most",
                     bl_words_size(words), MOST);
    if (rc == 0)
        return finish(o, words, e);
    bl_words_del(words);
    return bl_fail_in(e, rc, path);
}

int bl_own_ids_count(bl_own_ids *o, size_t n, bl_err *e)
{
    bl_words *words = NULL;
    char name[32];
    if (n > MOST - BL_N_SPECIALS)
        return bl_fail(e, BL_E_LIMIT,
                       "the highest id is %zu: up to %d are read, as PAD, BOS, EOS and "
                       "MASK come before them",
                       n - 1, MOST - BL_N_SPECIALS - 1);
    int rc = begin(o, n, &words, e);
    for (size_t id = 0; id < n && rc == 0; id++) {
        o->to_ours[id] = (int32_t)bl_words_size(words);
        snprintf(name, sizeof name, "%zu", id);
        rc = bl_words_add(words, name, strlen(name), e);
    }
    if (rc == 0)
        return finish(o, words, e);
    bl_words_del(words);
    return rc;
}

void bl_own_ids_free(bl_own_ids *o)
{
    bl_token_names_free(&o->names);
    bl_vocab_free(&o->vocab);
    free(o->to_ours);
    *o = (bl_own_ids){0};
}
