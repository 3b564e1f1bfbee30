/* tokens_kind.c - whether two streams, or a stream and a vocabulary, are of the same
 * tokens, and what to do where they are not. */
#include "io/tokens.h"

#include <string.h>

int bl_tokens_same_kind(const char *a, const bl_tokens_kind *of_a, const char *b,
                        const bl_tokens_kind *of_b, bl_err *e)
{
    char differ[BL_SPEC_TEXT_MAX + 1], first[BL_SPEC_TEXT_MAX + 1];
    char second[BL_SPEC_TEXT_MAX + 1];
    if (strcmp(of_a->sha256, of_b->sha256) == 0)
        return 0;
    bl_spec_differ(&of_b->spec, &of_a->spec, differ);
    bl_spec_command(&of_a->spec, first);
    bl_spec_command(&of_b->spec, second);
    return bl_fail(e, BL_E_MISMATCH,
                   "the token schemes of '%.90s' and '%.90s' differ: the second is %s; "
                   "'%s' makes such as the first, '%s' as the second",
                   a, b, differ, first, second);
}
