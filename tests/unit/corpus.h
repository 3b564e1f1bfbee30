/* corpus.h - a file of random songs, for tests of what reads streams. */
#ifndef CORPUS_H
#define CORPUS_H

#include "io/file.h"
#include "io/tokens.h"
#include "songs.h"

/* A stream of random songs, as a file; returns its tokens. */
__attribute__((unused)) static uint64_t write_songs(const char *path, int n_songs)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_scheme(4);
    bl_rng rng = bl_rng_make(3, 0);
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(s)};
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(s));
    bl_out out;
    bl_tokw *w;
    uint64_t n = 0;
    need(bl_out_open(&out, path, &e), &e);
    need(bl_tokw_new(&w, out.fd, 1, &kind, bl_scheme_words(s), bl_scheme_lines(s), NULL,
                     &e),
         &e);
    for (int i = 0; i < n_songs; i++) {
        bl_song song = {0};
        bl_ids ids = {0};
        size_t bars = 0;
        char name[16];
        random_song(&song, &rng);
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
        snprintf(name, sizeof name, "song-%d", i);
        need(bl_tokw_piece(w, &(bl_piece_info){.name = name, .sha256 = ""}, ids.id,
                           ids.n, bars, &e),
             &e);
        n += ids.n;
        bl_ids_free(&ids);
        bl_song_free(&song);
    }
    need(bl_tokw_finish(w, 0, &e), &e);
    bl_tokw_del(w);
    need(bl_out_commit(&out, &e), &e);
    bl_scheme_del(s);
    return n;
}

#endif
