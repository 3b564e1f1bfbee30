/* versions.c - see versions.h. */
#include "io/versions.h"
#include "base/hash.h"
#include "io/json.h"
#include "io/zio.h"

#include <stdio.h>

void bl_io_libraries(const char *more, char text[BL_LIBRARIES_MAX])
{
    char hash[64];
    int is_more = more != NULL && more[0] != '\0';
    bl_hash_libraries(hash, sizeof hash);
    snprintf(text, BL_LIBRARIES_MAX, "zstd %s, jansson %s, %s%s%s\n", bl_zio_version(),
             bl_json_version(), hash, is_more ? ", " : "", is_more ? more : "");
}
