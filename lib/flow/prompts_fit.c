/* prompts_fit.c - see prompts_fit.h. */
#include "flow/prompts_fit.h"

#include <stdlib.h>
#include <string.h>

/* Encoded again, notes may be shortened to what is unknown, too. */
enum { ROUNDS = 4 };

static int is_size(const char *kind)
{
    static const char *const kinds[] = {"Tempo", "Velocity", "Duration", "Program",
                                        "Position"};
    for (size_t i = 0; i < BL_COUNT(kinds); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return 1;
    return 0;
}

static int same_kind(const bl_scheme *s, int id, const char *kind)
{
    return strcmp(bl_scheme_kind(s, (unsigned)id), kind) == 0;
}

/* The known token of the same kind that is nearest, `step` ids or a multiple of it
 * away; or -1. A duration is a shorter one where there is: the last bar has an end. */
static int nearest(const bl_scheme *s, const int32_t *to_vocab, unsigned id, int step)
{
    int size = (int)bl_words_size(bl_scheme_words(s));
    const char *kind = bl_scheme_kind(s, id);
    if (strcmp(kind, "Duration") == 0)
        for (int other = (int)id; --other >= 0 && same_kind(s, other, kind);)
            if (to_vocab[other] >= 0)
                return other;
    for (int away = step; away < size; away += step)
        for (int sign = -1; sign <= 1; sign += 2) {
            int other = (int)id + sign * away;
            if (other >= 0 && other < size && to_vocab[other] >= 0 &&
                same_kind(s, other, kind))
                return other;
        }
    return -1;
}

/* What stands for the token; -1: nothing, -2: it is not to be replaced. */
static int find(const bl_scheme *s, const int32_t *to_vocab, unsigned id)
{
    bl_meaning is = bl_scheme_meaning(s, id);
    if (is == BL_IS_NOTE)
        return nearest(s, to_vocab, id, 12);
    if (is == BL_IS_DRUM)
        return -1;
    int other = is_size(bl_scheme_kind(s, id)) ? nearest(s, to_vocab, id, 1) : -1;
    return other >= 0 ? other : -2;
}

/* Returns how many were replaced. */
static int64_t replace(const bl_scheme *s, const int32_t *to_vocab, bl_ids *ids)
{
    int64_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < ids->n; i++) {
        unsigned id = ids->id[i];
        int other = to_vocab[id] >= 0 ? -2 : find(s, to_vocab, id);
        n += other != -2;
        if (other == -1) { /* with its velocity and duration */
            i += 2;
            continue;
        }
        ids->id[kept++] = (uint16_t)(other >= 0 ? (unsigned)other : id);
    }
    ids->n = kept;
    return n;
}

int bl_prompts_fit(const bl_scheme *s, const int32_t *to_vocab, bl_ids *ids,
                   int64_t *replaced, bl_err *e)
{
    bl_song song = {0};
    int rc = 0;
    if (strcmp(bl_scheme_name(s), "remi") != 0)
        return 0;
    for (int round = 0; round < ROUNDS && rc == 0; round++) {
        bl_scheme_fixes fixes = {0};
        size_t bars = 0;
        int64_t n = replace(s, to_vocab, ids);
        if (n == 0)
            break;
        *replaced += round == 0 ? n : 0;
        rc = bl_scheme_decode(s, ids->id, ids->n, &song, NULL, e);
        ids->n = 0;
        if (rc == 0)
            rc = bl_scheme_encode(s, &song, ids, &bars, &fixes, e);
    }
    bl_song_free(&song);
    return rc;
}
