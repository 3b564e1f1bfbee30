/* instruments.h - the 128 programs of General MIDI in families of eight. */
#ifndef BL_INSTRUMENTS_H
#define BL_INSTRUMENTS_H

enum { BL_FAMILIES = 16, BL_PROGRAMS = 128 };

/* "piano" of programs 0 to 7, ... "sound effects" of 120 to 127. */
const char *bl_family_name(int family);

/* Reads one word of a list of instruments, len bytes: a program ("33"), some of them
 * ("32-39"), a family ("synth lead" or "synth-lead"), or words of names of General MIDI
 * ("violin", "alto-sax", "sax" of four), whose programs are set in wanted[BL_PROGRAMS];
 * "drums" sets *drums. 0 where it is none of these. */
int bl_instruments_word(const char *word, unsigned long len,
                        unsigned char wanted[BL_PROGRAMS], int *drums);

#endif
