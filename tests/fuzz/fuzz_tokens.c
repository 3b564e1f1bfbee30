/* fuzz_tokens.c - the reader of token streams. Input that begins with B is the text of
 * one piece: header, counts and hashes are put around it, so that the reader of lines
 * is reached; all else is a stream. What is read can be written and read again. */
#include "base/hash.h"
#include "fuzz.h"
#include "io/tokens.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static void wrap(bl_buf *out, const uint8_t *body, size_t len)
{
    const bl_scheme *s = fuzz_scheme(0);
    size_t lines = 0, words = 0;
    for (size_t i = 0; i < len; i++) {
        lines += body[i] == '\n';
        words += body[i] == '\n' || body[i] == ' ';
    }
    claim(bl_buf_addf(out, NULL,
                      "#remi {\"schema\":\"" BL_TOKENS_SCHEMA "\",\"tokenizer\":"
                      "{\"name\":\"%s\",\"grid\":%d},\"tokenizer_sha256\":\"%s\"}\n"
                      "#piece {\"i\":0,\"name\":\"a\"}\n",
                      bl_scheme_name(s), bl_scheme_grid(s), bl_scheme_sha256(s)) == 0);
    claim(bl_buf_add(out, body, len, NULL) == 0);
    claim(bl_buf_addf(out, NULL,
                      "#end {\"i\":0,\"bars\":%zu,\"tokens\":%zu,"
                      "\"xxh3\":\"%016" PRIx64 "\"}\n"
                      "#eos {\"pieces\":1,\"tokens\":%zu,\"rejects\":0}\n",
                      lines, words, bl_xxh3(body, len), words) == 0);
}

static void write_again(const bl_tokens_kind *kind, const bl_scheme *s,
                        const bl_piece *piece)
{
    const bl_words *words = bl_scheme_words(s);
    bl_tokw *w;
    bl_tokr *r;
    bl_piece again = {0};
    bl_piece_info info = {
        .name = piece->name,
        .sha256 = piece->sha256,
        .tpq = piece->tpq,
        .ticks = piece->ticks,
        .tracks = piece->tracks,
    };
    int fd = fuzz_fd("", 0);
    claim(bl_tokw_new(&w, fd, 1, kind, words, bl_scheme_lines(s), NULL, NULL) == 0);
    claim(bl_tokw_piece(w, &info, piece->ids.id, piece->ids.n, piece->bars, NULL) == 0);
    claim(bl_tokw_finish(w, 0, NULL) == 0);
    bl_tokw_del(w);
    claim(lseek(fd, 0, SEEK_SET) == 0);
    claim(bl_tokr_new(&r, fd, "again", NULL) == 0);
    bl_tokr_set_words(r, words);
    claim(bl_tokr_next(r, &again, NULL) == 1);
    claim(again.ids.n == piece->ids.n && strcmp(again.name, piece->name) == 0);
    claim(again.ids.n == 0 ||
          memcmp(again.ids.id, piece->ids.id, again.ids.n * sizeof *again.ids.id) == 0);
    claim(bl_tokr_next(r, &again, NULL) == 0);
    bl_tokr_del(r);
    bl_piece_free(&again);
    close(fd);
}

static void read_pieces(bl_tokr *r, const bl_scheme *s)
{
    size_t size = bl_words_size(bl_scheme_words(s));
    bl_piece piece = {0};
    bl_tokr_set_words(r, bl_scheme_words(s));
    while (bl_tokr_next(r, &piece, NULL) == 1) {
        for (size_t i = 0; i < piece.ids.n; i++)
            claim(piece.ids.id[i] < size);
        write_again(bl_tokr_kind(r), s, &piece);
    }
    bl_piece_free(&piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_buf text = {0};
    bl_tokr *r = NULL;
    bl_scheme *s = NULL;
    if (len > 0 && data[0] == 'B')
        wrap(&text, data, len);
    else
        claim(bl_buf_add(&text, data, len, NULL) == 0);
    int fd = fuzz_fd(text.data, text.len);
    if (bl_tokr_new(&r, fd, "fuzz", NULL) == 0 &&
        bl_scheme_open_stated(&s, &bl_tokr_kind(r)->spec, bl_tokr_kind(r)->sha256,
                              NULL) == 0)
        read_pieces(r, s);
    bl_scheme_del(s);
    bl_tokr_del(r);
    close(fd);
    bl_buf_free(&text);
    return 0;
}
