/* replay.c - gives every file below the named folders to a fuzz target, in the place of
 * libFuzzer, and says how many there were. A claim that fails ends the program. */
#include "io/walk.h"
#include "fuzz.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 24 };

/* In memory of exactly its length, so that a sanitizer sees any byte beyond. */
static void replay(const char *path)
{
    bl_buf bytes = {0};
    int fd;
    fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
    claim(bl_in_open(path, &fd, NULL) == 0);
    claim(bl_read_all(fd, &bytes, INPUT_MAX, NULL) == 0);
    close(fd);
    uint8_t *copy = malloc(bytes.len + (bytes.len == 0));
    claim(copy != NULL);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    LLVMFuzzerTestOneInput(copy, bytes.len);
    bl_buf_free(&bytes);
    free(copy);
}

int main(int argc, char **argv)
{
    static const char *const any[] = {"", NULL};
    bl_paths paths = {0};
    bl_err e = BL_ERR_INIT;
    for (int i = 1; i < argc; i++)
        if (bl_paths_add_operand(&paths, argv[i], any, &e) != 0) {
            fprintf(stderr, "replay: %s: %s\n", argv[i], e.text);
            return 66;
        }
    for (size_t i = 0; i < paths.n; i++)
        replay(paths.path[i]);
    printf("%zu inputs\n", paths.n);
    bl_paths_free(&paths);
    return 0;
}
