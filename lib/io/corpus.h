/* corpus.h - several token streams read as one: what tools do with their operands. */
#ifndef BL_CORPUS_H
#define BL_CORPUS_H

#include "io/input.h"
#include "io/tokens.h"

typedef struct bl_corpus bl_corpus;

/* Opens the first of n streams ("-" or n == 0: standard input) and reads its header.
 * The paths must outlive the corpus. Release with bl_corpus_del. */
int bl_corpus_open(bl_corpus **c, const char *const *paths, size_t n,
                   bl_err *e) BL_MUST_CHECK;
/* The same, where the first stream is open already: it is the corpus's, *first empty
 * then, unless BL_E_NOMEM. */
int bl_corpus_open_over(bl_corpus **c, const char *const *paths, size_t n,
                        bl_input *first, bl_err *e) BL_MUST_CHECK;
const bl_tokens_kind *bl_corpus_kind(const bl_corpus *c); /* of the first stream */
/* The words of that kind; they must outlive the corpus. Before the first piece. */
void bl_corpus_set_words(bl_corpus *c, const bl_words *words);

/* The next piece: 1, or 0 after the last of the last stream. A stream of another kind
 * than the first is BL_E_MISMATCH naming both files; else as bl_tokr_next. */
int bl_corpus_next(bl_corpus *c, bl_piece *piece, bl_err *e) BL_MUST_CHECK;

/* The stream being read, for pieces by several hands (io/tokens.h); NULL at the end. */
bl_tokr *bl_corpus_stream(bl_corpus *c);

const char *
bl_corpus_file(const bl_corpus *c); /* the stream being read, for messages */
/* The chain of the streams that were read to their end, NULL if none has one. */
const bl_json *bl_corpus_pg(const bl_corpus *c);
void bl_corpus_del(bl_corpus *c);

#endif
