/* example.c - the library in one page: a MIDI file becomes tokens, and the checkpoint
 * of a run goes on with them. Built by a test against an installed copy:
 *
 *   cc example.c $(pkg-config --cflags --libs barline) -o example
 *   example song.mid RUN
 *
 * prints the tokens of the song and of eight bars more. */
#include <stdio.h>
#include <string.h>

#include "flow/convert.h"
#include "flow/sampling.h"
#include "flow/source.h"

static const char stream[] = "example.tok.zst";

static int print(const bl_scheme *scheme, const uint16_t *id, size_t n, bl_err *e)
{
    const bl_words *words = bl_scheme_words(scheme);
    for (size_t i = 0; i < n; i++)
        printf("%s%s", bl_words_name(words, id[i]), i + 1 < n ? " " : "\n");
    return ferror(stdout) ? bl_fail(e, BL_E_IO, "cannot print") : 0;
}

/* MIDI in, a token stream out. */
static int convert(const char *song, bl_err *e)
{
    bl_convert_wish wish = {.pair = BL_PAIR_OWN,
                            .level = BL_CONVERT_LEVEL,
                            .output = stream,
                            .spec = {.scheme = "remi"}};
    bl_convert_counts counts;
    int rc = bl_convert(&wish, &song, 1, NULL, NULL, &counts, e);
    if (rc == 0 && counts.pieces == 0)
        rc = bl_fail(e, BL_E_FORMAT, "'%s' gives no piece", song);
    return rc;
}

/* The stream again, piece by piece. */
static int read_back(bl_err *e)
{
    static const char *const path = stream;
    bl_source in = {0};
    bl_piece piece = {0};
    int rc = bl_source_open(&in, &path, 1, e);
    while (rc == 0 && (rc = bl_corpus_next(in.corpus, &piece, e)) > 0)
        rc = print(in.scheme, piece.ids.id, piece.ids.n, e);
    bl_piece_free(&piece);
    bl_source_free(&in);
    return rc;
}

static int print_drawn(void *sampling, int64_t piece, const bl_ids *ids, bl_err *e)
{
    (void)piece;
    return print(bl_sampling_scheme(sampling), ids->id, ids->n, e);
}

/* A model goes on where the song ends. */
static int go_on(const char *run, bl_err *e)
{
    const bl_sampling_wish wish = {.model = run,
                                   .threads = 1,
                                   .seed = 1,
                                   .n = 1,
                                   .prompt = stream,
                                   .bars = 8,
                                   .max_tokens = 10000,
                                   .draw = {.temperature = 1, .top_p = 0.95}};
    bl_sampling *sampling;
    bl_sampling_counts counts;
    int rc = bl_sampling_new(&sampling, &wish, e);
    if (rc == 0)
        rc = bl_sampling_draw(sampling, print_drawn, sampling, NULL, &counts, e);
    bl_sampling_del(sampling);
    return rc;
}

int main(int argc, char **argv)
{
    bl_err e = BL_ERR_INIT;
    char line[1024];
    if (argc != 3) {
        fprintf(stderr, "usage: example song.mid RUN\n");
        return 64;
    }
    if (convert(argv[1], &e) == 0 && read_back(&e) == 0 && go_on(argv[2], &e) == 0)
        return 0;
    fprintf(stderr, "example: %s\n", bl_err_text(&e, line, sizeof line));
    return 1;
}
