/* fuzz_vocab.c - the reader of vocabularies; what is read can be written and read
 * again.
 */
#include "fuzz.h"
#include "io/vocabulary.h"

#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_vocab v = {0}, again = {0};
    int fd = fuzz_fd(data, len);
    int rc = bl_vocab_read(&v, fd, "fuzz", NULL);
    close(fd);
    if (rc == 0) {
        fd = fuzz_fd("", 0);
        claim(bl_vocab_write(&v, fd, v.pg, NULL) == 0);
        claim(lseek(fd, 0, SEEK_SET) == 0);
        claim(bl_vocab_read(&again, fd, "again", NULL) == 0);
        claim(strcmp(v.sha256, again.sha256) == 0);
        claim(bl_words_size(v.words) == bl_words_size(again.words));
        close(fd);
    }
    bl_vocab_free(&v);
    bl_vocab_free(&again);
    return 0;
}
