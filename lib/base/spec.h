/* spec.h - which tokens: a scheme and its options, as the header of a stream and a
 * vocabulary state them. What a scheme does not use stays 0. */
#ifndef BL_SPEC_H
#define BL_SPEC_H

enum { BL_SCHEME_NAME_MAX = 31, BL_LABELS_MAX = 8192 };

typedef struct {
    char scheme[BL_SCHEME_NAME_MAX + 1]; /* "remi", "remi-2020", "performance" */
    /* Time resolution, 0 = the scheme's own. remi: positions a quarter note;
     * performance: steps a second. */
    int grid;
    int chords;  /* 1: with chord tokens */
    int key;     /* 1: with a token of the key */
    int degrees; /* 1: chords are degrees of it; with chords and key only */
    /* 1: pitches as if the piece were in C major or A minor; with a key, and chords
     * only as its degrees. */
    int common_key;
    int pedal; /* 1: with tokens of the sustain pedal */
    /* The words of labels ("Genre_rock"), each ended by a line feed, without
     * duplicates, in byte order; "" = none. */
    char labels[BL_LABELS_MAX];
} bl_spec;

enum { BL_SPEC_TEXT_MAX = 159 };
/* How one differs from the one that is wanted, in words: "of grid 8, not 4, without
 * chords". */
void bl_spec_differ(const bl_spec *is, const bl_spec *wanted,
                    char text[BL_SPEC_TEXT_MAX + 1]);
/* The command that makes such tokens: "midi2remi --grid 4 --chords". */
void bl_spec_command(const bl_spec *s, char text[BL_SPEC_TEXT_MAX + 1]);

#endif
