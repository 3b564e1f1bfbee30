/* fuzz.h - what the fuzz targets share. Each target is one file with
 * LLVMFuzzerTestOneInput: linked with libFuzzer (`make fuzz`) it searches for inputs
 * that break a claim, with replay.c it goes through kept ones (`make test`). */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/mem.h"
#include "base/song.h"
#include "token/scheme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Ends the program with the text of a claim that does not hold. */
#define claim(pass) fuzz_claim(!!(pass), #pass, __FILE__, __LINE__)
void fuzz_claim(int pass, const char *text, const char *file, int line);

/* A nameless file in memory with these bytes, read from the start. The caller closes.
 */
int fuzz_fd(const void *bytes, size_t len);

/* The schemes with their options, opened once and kept; NULL after the last. */
bl_scheme *fuzz_scheme(size_t i);

/* The laws of a scheme for a song that was read or decoded: encoding succeeds or says
 * that the song is too long, and the tokens decode to a song within bounds. Of remi
 * also that there are as many Bar tokens as bars, that the grammar accepts the tokens,
 * and that the decoded song has the same tokens again. */
void fuzz_laws(const bl_scheme *s, const bl_song *song);

/* The bounds that song.h and midi.h state. */
void fuzz_song(const bl_song *song);

#endif
