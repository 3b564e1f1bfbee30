/* tokens.h - the token stream `.tok.zst`, schema remi-tokens/1: text in zstd, one
 * frame a piece; layout in schemas/remi-tokens.md. */
#ifndef BL_TOKENS_H
#define BL_TOKENS_H

#include "base/spec.h"
#include "base/timed.h"
#include "base/words.h"
#include "io/json.h"
#include "io/name.h"
#include "io/prov.h"
#include "io/zio.h"

#define BL_TOKENS_SCHEMA "remi-tokens/1"

enum { BL_TOKENS_LINE_MAX = 1 << 20, BL_TOKENS_PIECE_MAX = 16 << 20 };

/* What the stream says of its tokens. */
typedef struct {
    bl_spec spec;
    bl_sha256 sha256; /* bl_scheme_sha256 */
    bl_origin origin; /* read of a live stream; tempo 0: it is none */
} bl_tokens_kind;

/* BL_E_MISMATCH where the kind of b is not that of a: what differs, in words, and the
 * command that makes such tokens as a's; else 0. */
int bl_tokens_same_kind(const char *a, const bl_tokens_kind *of_a, const char *b,
                        const bl_tokens_kind *of_b, bl_err *e) BL_MUST_CHECK;

/* What the stream says of one piece. `fixes` is a JSON object or NULL. */
typedef struct {
    const char *name;   /* as given, any bytes but NUL; percent-encoded in the stream */
    const char *sha256; /* of the source bytes, "" if there is none (samples) */
    int tpq;            /* of the source, 0 if there is none */
    int64_t ticks;      /* its length */
    int tracks;
    const bl_json *fixes;
} bl_piece_info;

/* ---- writing ---- */
typedef struct bl_tokw bl_tokw;

/* Writes the header. `level` as bl_zw_new; pg may be NULL (--no-pg). `words` and
 * `lines` must outlive the writer. */
int bl_tokw_new(bl_tokw **w, int fd, int level, const bl_tokens_kind *kind,
                const bl_words *words, bl_lines lines, const bl_json *pg,
                bl_err *e) BL_MUST_CHECK;
/* The same of a live stream, whose header says kind->origin. */
int bl_tokw_new_live(bl_tokw **w, int fd, int level, const bl_tokens_kind *kind,
                     const bl_words *words, bl_lines lines, const bl_json *pg,
                     bl_err *e) BL_MUST_CHECK;
int bl_tokw_piece(bl_tokw *w, const bl_piece_info *info, const uint16_t *ids, size_t n,
                  size_t bars, bl_err *e) BL_MUST_CHECK;
/* A piece in parts, each flushed, for who reads along: its beginning, whole lines as
 * they are made, its end with all of its bars. The text is that of bl_tokw_piece. */
int bl_tokw_begin(bl_tokw *w, const bl_piece_info *info, bl_err *e) BL_MUST_CHECK;
int bl_tokw_lines(bl_tokw *w, const uint16_t *ids, size_t n, bl_err *e) BL_MUST_CHECK;
int bl_tokw_end(bl_tokw *w, size_t bars, bl_err *e) BL_MUST_CHECK;
/* Writes the trailer and flushes. rejects: files that gave no piece. */
int bl_tokw_finish(bl_tokw *w, uint64_t rejects, bl_err *e) BL_MUST_CHECK;

/* Workers prepare pieces in parallel: what a packer makes of a piece, a writer of the
 * same level takes as it is. */
typedef struct bl_packer bl_packer;

int bl_packer_new(bl_packer **p, int level, const bl_words *words, bl_lines lines,
                  bl_err *e) BL_MUST_CHECK;
/* Appends the piece with index i to *out. */
int bl_packer_piece(bl_packer *p, bl_buf *out, uint64_t i, const bl_piece_info *info,
                    const uint16_t *ids, size_t n, size_t bars,
                    bl_err *e) BL_MUST_CHECK;
void bl_packer_del(bl_packer *p);
/* Writes a packed piece of n_tokens; its index must be above those before it. */
int bl_tokw_packed(bl_tokw *w, const void *bytes, size_t len, size_t n_tokens,
                   bl_err *e) BL_MUST_CHECK;

/* One piece as text: everything from "#piece" to "#end", with index i. */
int bl_tokens_format(bl_buf *out, uint64_t i, const bl_piece_info *info,
                     const uint16_t *ids, size_t n, size_t bars, const bl_words *words,
                     bl_lines lines, bl_err *e) BL_MUST_CHECK;
void bl_tokw_del(bl_tokw *w);

/* ---- reading ---- */
typedef struct bl_tokr bl_tokr;

typedef struct {
    char *name; /* decoded */
    bl_sha256 sha256;
    int tpq, tracks;
    int64_t ticks;
    uint64_t index; /* as the stream numbers it */
    bl_ids ids;     /* no BOS or EOS */
    size_t bars;    /* lines: bars of the piece */
    uint64_t xxh3;  /* of its text: content identity */
} bl_piece;

/* Reads the header; `name` is for messages. Then ask for the kind, open its scheme
 * and give its words with bl_tokr_set_words before the first piece. */
int bl_tokr_new(bl_tokr **r, int fd, const char *name, bl_err *e) BL_MUST_CHECK;
/* As bl_tokr_new, where the first n <= 64 bytes were read of fd already. */
int bl_tokr_new_after(bl_tokr **r, const void *bytes, size_t n, int fd,
                      const char *name, bl_err *e) BL_MUST_CHECK;
/* As bl_tokr_new of what a reader gives; the reader is the stream's, also on failure.
 */
int bl_tokr_new_over(bl_tokr **r, bl_zr *zr, const char *name, bl_err *e) BL_MUST_CHECK;
const bl_tokens_kind *bl_tokr_kind(const bl_tokr *r);
const bl_json *bl_tokr_pg(const bl_tokr *r); /* NULL if the stream has none */
void bl_tokr_set_words(bl_tokr *r, const bl_words *words);
/* The next piece: 1, or 0 after the last trailer at the end of the file. Checks
 * counts, hashes and that concatenated segments are of the same kind (else
 * BL_E_MISMATCH). Anything cut is BL_E_TRUNC. Piece memory is reused. */
int bl_tokr_next(bl_tokr *r, bl_piece *piece, bl_err *e) BL_MUST_CHECK;
/* The same in parts, as they come: the beginning of the next piece, without tokens (1,
 * or 0 as above), then line by line: 1 where its tokens were appended, 0 at the end of
 * the piece, which is checked. */
int bl_tokr_begin(bl_tokr *r, bl_piece *piece, bl_err *e) BL_MUST_CHECK;
int bl_tokr_line(bl_tokr *r, bl_piece *piece, bl_err *e) BL_MUST_CHECK;
/* The same as it arrives. BL_TOKR_PIECE: a piece begins, without music; BL_TOKR_LINE: a
 * line of it, piece->ids the tokens of that line alone; BL_TOKR_END: all was said and
 * agrees with its counts; 0 and errors as bl_tokr_next, which is not for the same
 * piece. */
enum { BL_TOKR_PIECE = 1, BL_TOKR_LINE, BL_TOKR_END };
int bl_tokr_arrive(bl_tokr *r, bl_piece *piece, bl_err *e) BL_MUST_CHECK;
/* ---- pieces by several hands: taken packed, in their order, and unpacked elsewhere,
 * of any number of them at once ---- */

/* Appends the next piece, as the stream has it, to *packed: 1, or 0 where bl_tokr_next
 * is to read on: between streams, and where a piece is no frame of its own. */
int bl_tokr_take(bl_tokr *r, bl_buf *packed, bl_err *e) BL_MUST_CHECK;
/* What was taken last and not accepted, all of its bytes: it is read again. */
int bl_tokr_give_back(bl_tokr *r, const void *bytes, size_t len,
                      bl_err *e) BL_MUST_CHECK;

/* Reads packed pieces; release with bl_unpacker_del. */
typedef struct bl_unpacker bl_unpacker;
int bl_unpacker_new(bl_unpacker **u, const bl_words *words, bl_err *e) BL_MUST_CHECK;
/* 1, or 0 where the bytes are something else than one sound piece: bl_tokr_next, to
 * which they are given back, says what. */
int bl_unpack(bl_unpacker *u, const bl_buf *packed, bl_piece *piece);
/* Counts the piece that u has unpacked last as read by r: 1, or 0 where it must not
 * stand here, which bl_tokr_next says likewise. */
int bl_tokr_accept(bl_tokr *r, const bl_unpacker *u);
void bl_unpacker_del(bl_unpacker *u);

uint64_t bl_tokr_rejects(const bl_tokr *r); /* summed over the trailers so far */
void bl_tokr_del(bl_tokr *r);
void bl_piece_free(bl_piece *p);

#endif
