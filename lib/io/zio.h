/* zio.h - bytes in and out of zstd frames (RFC 8878) over a descriptor. The only
 * header over zstd. Written frames carry a checksum; windows are at most 8 MiB.
 * Readers sniff: zstd frames, or bare bytes where the first is not a zstd magic. */
#ifndef BL_ZIO_H
#define BL_ZIO_H

#include "base/mem.h"

enum { BL_ZIO_LEVEL = 5, BL_ZIO_WINDOW_LOG = 23 };

/* ---- writing ---- */
typedef struct bl_zw bl_zw;

/* level 1..19, or 0 for bare bytes. Does not own fd. Release with bl_zw_del. */
int bl_zw_new(bl_zw **w, int fd, int level, bl_err *e) BL_MUST_CHECK;
/* As bl_zw_new, but what is written is appended to *out, which must outlive it. */
int bl_zw_to_buf(bl_zw **w, bl_buf *out, int level, bl_err *e) BL_MUST_CHECK;
int bl_zw_add(bl_zw *w, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
/* What was added goes to fd now, whole or not, so that a reader has it; the frame goes
 * on. */
int bl_zw_flush(bl_zw *w, bl_err *e) BL_MUST_CHECK;
/* Ends the current frame and flushes it to fd (bare: flushes). The next bl_zw_add
 * starts a new frame. An empty frame is never written. */
int bl_zw_end_frame(bl_zw *w, bl_err *e) BL_MUST_CHECK;
/* A frame of just these bytes, only between frames: the compressor knows their number
 * and takes no larger tables than they need. */
int bl_zw_add_frame(bl_zw *w, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
/* Bytes that are already whole frames (or bare content); only between frames. */
int bl_zw_add_frames(bl_zw *w, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
uint64_t bl_zw_bytes(const bl_zw *w); /* uncompressed bytes so far */
void bl_zw_del(bl_zw *w);             /* does not flush */

/* ---- reading ---- */

/* 1 if the bytes begin a zstd or a skippable frame, as far as there are any. */
int bl_zio_is_zstd(const uint8_t *p, size_t n);

typedef struct bl_zr bl_zr;

int bl_zr_new(bl_zr **r, int fd, bl_err *e) BL_MUST_CHECK;
/* As bl_zr_new, where the first n <= 64 bytes were read of fd already: of a pipe,
 * which cannot be rewound. */
int bl_zr_new_after(bl_zr **r, const void *bytes, size_t n, int fd,
                    bl_err *e) BL_MUST_CHECK;
/* Up to len bytes of content: the number, 0 at the end. An end inside a frame is
 * BL_E_TRUNC, damage BL_E_CORRUPT, with the offset in the compressed input; an
 * output of more than 1,000 times the input after 64 MiB is BL_E_LIMIT. */
int64_t bl_zr_read(bl_zr *r, void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
/* 1 where a read would not wait, or not longer than `ns` nanoseconds (in
 * whole milliseconds), which this waits: there is content, or the end may be; 0, or as
 * bl_zr_read. */
int bl_zr_is_ready(bl_zr *r, int64_t ns, bl_err *e) BL_MUST_CHECK;
/* Exactly len bytes: 1; 0 at a clean end before the first; else BL_E_TRUNC. */
int bl_zr_read_exact(bl_zr *r, void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
/* One line without its LF, valid until the next call, NUL-terminated: 1, 0 at
 * the end. A NUL or CR in it or no LF at the end is BL_E_FORMAT / BL_E_TRUNC, more
 * than max bytes BL_E_LIMIT. */
int bl_zr_line(bl_zr *r, const char **line, size_t *len, size_t max,
               bl_err *e) BL_MUST_CHECK;
/* Copies the first bytes of the content without consuming them (n <= 8): how many
 * there were. For telling kinds of input apart. */
int64_t bl_zr_peek(bl_zr *r, void *bytes, size_t n, bl_err *e) BL_MUST_CHECK;
/* ---- frames by several hands: taken as they are, read elsewhere ---- */

/* Where the reader stands between frames and has the whole of the next at hand, which
 * is so for those of up to 128 KiB: appends it to *frame and passes over it. 1, or 0
 * where it is to be read here; BL_E_IO. */
int bl_zr_take_frame(bl_zr *r, bl_buf *frame, bl_err *e) BL_MUST_CHECK;
/* Gives back the frames taken last, all of their bytes: they are read again. */
int bl_zr_give_back(bl_zr *r, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
/* What a frame that was taken, or given back no more, held, so that later messages and
 * limits are those of a reader that has read it: 1, or 0 where a limit is passed. */
int bl_zr_count_frame(bl_zr *r, uint64_t lines, uint64_t bytes);
/* A reader of frames in memory: each _set begins anew; the bytes must last. */
int bl_zr_new_of_frames(bl_zr **r, bl_err *e) BL_MUST_CHECK;
void bl_zr_set_frames(bl_zr *r, const void *bytes, size_t len);
uint64_t bl_zr_bytes(const bl_zr *r); /* of content that frames gave */

uint64_t bl_zr_offset(const bl_zr *r); /* compressed bytes consumed, for messages */
uint64_t bl_zr_lines(const bl_zr *r);  /* lines read so far */
const char *bl_zio_version(void);      /* of the zstd library that runs */
void bl_zr_del(bl_zr *r);

#endif
