/* copy_task.c - `copy_task DISTANCE PIECES SEED`: a token stream in which music is
 * nothing but memory. Each piece is a motif of DISTANCE pitches drawn at random, said
 * again until it fills its length: after the first time every token is the one DISTANCE
 * before, and nothing else tells it. With BOS and EOS pieces are whole segments of 16,
 * so that all begin at the same place of one.
 *
 * The tokens are pitches of the scheme "remi" without its grammar: for training alone.
 */
#include "base/rng.h"
#include "io/tokens.h"
#include "token/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEGMENT = 16, TIMES = 4, ALPHABET = 32 };

static int write_pieces(bl_tokw *w, const bl_words *words, int distance, int pieces,
                        uint64_t seed, bl_err *e)
{
    size_t n = (size_t)(TIMES * distance + 2 + SEGMENT - 1) / SEGMENT * SEGMENT - 2;
    unsigned lowest = (unsigned)bl_words_find(words, "Pitch_48", strlen("Pitch_48"));
    bl_ids ids = {0};
    char name[16];
    int rc = 0;
    for (int i = 0; i < pieces && rc == 0; i++) {
        bl_rng rng = bl_rng_make(seed, (uint64_t)i);
        ids.n = 0;
        for (size_t k = 0; k < n && rc == 0; k++) {
            unsigned next = lowest + (unsigned)bl_rng_below(&rng, ALPHABET);
            if (k >= (size_t)distance)
                next = ids.id[k - (size_t)distance];
            rc = bl_ids_add(&ids, next, e);
        }
        snprintf(name, sizeof name, "%06d", i);
        if (rc == 0)
            rc = bl_tokw_piece(w, &(bl_piece_info){.name = name, .sha256 = ""}, ids.id,
                               ids.n, 0, e);
    }
    bl_ids_free(&ids);
    return rc;
}

int main(int argc, char **argv)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = NULL;
    bl_tokw *w = NULL;
    if (argc != 4 || atoi(argv[1]) < 1) {
        fputs("usage: copy_task DISTANCE PIECES SEED\n", stderr);
        return 64;
    }
    int rc = bl_scheme_open(&s, &(bl_spec){.scheme = "remi"}, &e);
    if (rc == 0) {
        bl_tokens_kind kind = {.spec = *bl_scheme_spec(s)};
        snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(s));
        rc = bl_tokw_new(&w, STDOUT_FILENO, 3, &kind, bl_scheme_words(s),
                         bl_scheme_lines(s), NULL, &e);
    }
    if (rc == 0)
        rc = write_pieces(w, bl_scheme_words(s), atoi(argv[1]), atoi(argv[2]),
                          strtoull(argv[3], NULL, 10), &e);
    if (rc == 0)
        rc = bl_tokw_finish(w, 0, &e);
    if (rc != 0)
        fprintf(stderr, "copy_task: %s\n", e.text);
    bl_tokw_del(w);
    bl_scheme_del(s);
    return rc != 0;
}
