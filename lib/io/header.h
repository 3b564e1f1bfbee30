/* header.h - what the JSON headers of all formats share: the schema's name, the kind of
 * the tokens, hashes in hexadecimal, the chain of programs. */
#ifndef BL_HEADER_H
#define BL_HEADER_H

#include "io/prov.h"
#include "io/tokens.h"

enum { BL_TPQ_MAX = 32767 };
#define BL_COUNT_MAX ((int64_t)1 << 53) /* whole numbers that any JSON reader has */

/* The code of the error that a function returning a pointer left in e; `usual` where
 * the caller gave no record. */
static inline int bl_code_of(const bl_err *e, int usual)
{
    return e != NULL && e->code != 0 ? e->code : usual;
}

/* Parses the line "#TAG {json}"; the caller releases *o. 0, BL_E_FORMAT (*o NULL). */
int bl_header_parse(bl_json **o, const char *line, size_t len, const char *tag,
                    bl_err *e) BL_MUST_CHECK;

/* Checks that "schema" is `schema` ("remi-tokens/1"). BL_E_VERSION for another number
 * of the same name, which the message states; BL_E_FORMAT for another name. */
int bl_header_schema(const bl_json *o, const char *schema, bl_err *e) BL_MUST_CHECK;

/* The members of the object "tokenizer": "name", "grid" and, where they are not off,
 * "chords", "key", "degrees", "common_key", "pedal" and "labels". */
int bl_header_set_spec(bl_json *o, const bl_spec *spec, bl_err *e) BL_MUST_CHECK;
int bl_header_get_spec(const bl_json *o, bl_spec *spec, bl_err *e) BL_MUST_CHECK;

/* Sets and gets "tokenizer" and "tokenizer_sha256". */
int bl_header_set_kind(bl_json *o, const bl_tokens_kind *kind, bl_err *e) BL_MUST_CHECK;
int bl_header_get_kind(const bl_json *o, bl_tokens_kind *kind, bl_err *e) BL_MUST_CHECK;

/* The same where both are strings, "tokenizer" of JSON, as in metadata of tensors. */
int bl_header_get_kind_text(const bl_json *meta, bl_tokens_kind *kind,
                            bl_err *e) BL_MUST_CHECK;

/* "t0" and "tempo" of a live stream: sets nothing where origin->tempo is 0, and gets
 * that where there is neither. */
int bl_header_set_origin(bl_json *o, const bl_origin *origin, bl_err *e) BL_MUST_CHECK;
int bl_header_get_origin(const bl_json *o, bl_origin *origin, bl_err *e) BL_MUST_CHECK;

/* A string of 64 lower-case hexadecimal digits. */
int bl_header_get_sha256(const bl_json *o, const char *key, bl_sha256 hex,
                         bl_err *e) BL_MUST_CHECK;

/* A 64-bit hash as a string of 16 lower-case hexadecimal digits. */
int bl_header_set_xxh3(bl_json *o, const char *key, uint64_t value,
                       bl_err *e) BL_MUST_CHECK;
int bl_header_get_xxh3(const bl_json *o, const char *key, uint64_t *value,
                       bl_err *e) BL_MUST_CHECK;

/* Of a piece: "name", decoded, in place of *name, which is freed, and "sha256", which
 * may be empty. */
int bl_header_get_source(const bl_json *o, char **name, bl_sha256 sha256,
                         bl_err *e) BL_MUST_CHECK;
/* "fixes" of a piece, where there are any: an object of counts up to BL_COUNT_MAX. */
int bl_header_check_fixes(const bl_json *o, bl_err *e) BL_MUST_CHECK;

/* Sets "pg" to a copy; does nothing where pg is NULL. */
int bl_header_set_pg(bl_json *o, const bl_json *pg, bl_err *e) BL_MUST_CHECK;
/* A checked copy of "pg" in *pg, NULL where there is none. The caller releases it. */
int bl_header_get_pg(const bl_json *o, bl_json **pg, bl_err *e) BL_MUST_CHECK;

/* Appends "#TAG {json} LF". */
int bl_header_write(const char *tag, const bl_json *o, bl_buf *out,
                    bl_err *e) BL_MUST_CHECK;

#endif
