/* setting.h - a record of settings told by a table: a row says what one field is
 * called, may be, is where nothing is said, and means. Bounds, text ("key=value"), JSON
 * (train/train_config.c), the schema and the man page all come from the rows, so that a
 * new setting is a field and a row. For all of the library. */
#ifndef BL_SETTING_H
#define BL_SETTING_H

#include "base/err.h"

typedef enum {
    BL_SET_INT,    /* int */
    BL_SET_LONG,   /* int64_t */
    BL_SET_REAL,   /* double */
    BL_SET_OWN,    /* double; another setting's where it is not given: -1 then */
    BL_SET_WORD,   /* int: the place of a word in `words` */
    BL_SET_LAYERS, /* uint64_t[4]: bit n for layer n + 1; none = all */
    BL_SET_AMONG,  /* int: bit n for words[n + 2]; none = words[0]; "words[1]:a,b" */
} bl_setting_kind;

enum { BL_SET_LAYERS_MAX = 256, BL_SET_KEY_MAX = 31 };

/* What a setting must stay for. */
typedef enum {
    BL_FREE,          /* may change at any time */
    BL_FIXED_WEIGHTS, /* for the weights to fit: it gives their shapes or meaning */
    BL_FIXED_RUN,     /* for a run to go on: it gives the shape of its state */
} bl_setting_fixed;

/* Traits, summed. */
enum {
    BL_SET_LEADS = 1,     /* changes others that are not given: is set before them */
    BL_SET_BY_ARCH = 2,   /* an architecture puts it back to `usual` or its own value */
    BL_SET_ATTENTION = 4, /* of attention layers: others leave it as it is */
    BL_SET_QUIET = 8,     /* is not written where it is as usual */
};

typedef struct {
    const char *key;
    bl_setting_kind kind;
    size_t at; /* offset of the field in its record */
    double low, high, usual;
    /* Ended by NULL; NULL for numbers. Of a number one word, which stands for `low`. */
    const char *const *words;
    bl_setting_fixed fixed;
    unsigned traits;
    /* What it is where it is not given, of the rest of the record; NULL: as it was. */
    double (*follows)(const void *record);
    /* 0 where the rest of the record leaves it without a meaning: it must be as usual
     * then. NULL: it always has one. */
    int (*is_used)(const void *record);
    const char *with; /* ends the message "KEY goes with ..." */
    const char *also; /* what others call it, blanks between: not read, but answered */
    const char *help; /* one line */
} bl_setting;

/* The value as a number; not of BL_SET_LAYERS. */
double bl_setting_get(const bl_setting *s, const void *record);
/* Sets it, unchecked; for BL_SET_LAYERS x is 0: none. */
void bl_setting_put(const bl_setting *s, void *record, double x);
/* Sets it to a number from outside: `code` where it is out of bounds or broken. */
int bl_setting_try(const bl_setting *s, void *record, double x, int code,
                   bl_err *e) BL_MUST_CHECK;
/* Sets it to a word, `code` where that is not one of its own. 1 if it was set, 0 where
 * the setting is a number and the text not its word. */
int bl_setting_word(const bl_setting *s, void *record, const char *text, int code,
                    bl_err *e) BL_MUST_CHECK;
/* A set of words from "tap", or "voices:kick,snare"; and that text. */
int bl_setting_among(const bl_setting *s, void *record, const char *text, int code,
                     bl_err *e) BL_MUST_CHECK;
const char *bl_setting_among_text(const bl_setting *s, const void *record, char *text,
                                  size_t size);
/* Adds layer x (from 1) to a set. */
int bl_setting_layer(const bl_setting *s, void *record, double x, int code,
                     bl_err *e) BL_MUST_CHECK;
int bl_setting_has_layer(const bl_setting *s, const void *record, int layer);
/* What follows "key=": a number, a word, layers as in "5,6" or "all". BL_E_ARG. */
int bl_setting_text(const bl_setting *s, void *record, const char *text,
                    bl_err *e) BL_MUST_CHECK;

/* 1 if both records have the same. */
int bl_setting_same(const bl_setting *s, const void *a, const void *b);
/* 1 if it is as usual. */
int bl_setting_is_usual(const bl_setting *s, const void *record);
/* BL_E_ARG where the field is out of bounds. */
int bl_setting_check(const bl_setting *s, const void *record, bl_err *e) BL_MUST_CHECK;
/* BL_E_ARG where it is not as usual and without a meaning beside the others. */
int bl_setting_check_use(const bl_setting *s, const void *record,
                         bl_err *e) BL_MUST_CHECK;

/* 1 if others call it that. */
int bl_setting_is_called(const bl_setting *s, const char *name);
/* Insertions, deletions and substitutions between two keys (Levenshtein), for naming
 * the nearest; b has at most BL_SET_KEY_MAX characters. */
int bl_setting_distance(const char *a, const char *b);

#endif
