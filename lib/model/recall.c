/* recall.c - see recall.h: a table of where ends of each length stood last. */
#include "model/recall.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTHS_MAX = 9, SLOTS_MIN = 1 << 10, ROOM_MAX = 2 * BL_RECALL_REACH };

/* An end: a part of its sum, where its last token stood last, its length and how often
 * it stood there. A slot of an older stream, whose number is another, is free. */
typedef struct {
    uint32_t sum;
    int32_t at;
    uint16_t stream;
    uint8_t length, times;
} slot;

struct bl_recall {
    int lengths;
    uint64_t power[LENGTHS_MAX]; /* BASE to the length */
    uint16_t *token;             /* [n] the last tokens of the stream */
    uint64_t *sum; /* [n + 1] of all before: s[i+1] = s[i] BASE + token + 1 */
    int64_t n;
    size_t cap_tokens, cap_sums;
    slot *slot; /* [slots], a power of two; half of them free at least */
    size_t slots;
    uint16_t stream; /* not 0, the number of a free slot */
};

static const uint64_t BASE = 0x9e3779b97f4a7c15; /* odd: no token is lost */

int bl_recall_lengths(int longest)
{
    int n = 0;
    while (n < LENGTHS_MAX && BL_RECALL_SHORTEST << n <= longest)
        n++;
    return n;
}

int bl_recall_new(bl_recall **out, int longest, bl_err *e)
{
    bl_recall *r = bl_calloc(1, sizeof *r, e);
    *out = r;
    if (r == NULL)
        return BL_E_NOMEM;
    r->lengths = bl_recall_lengths(longest);
    r->stream = 1;
    for (int k = 0; k < r->lengths; k++) {
        r->power[k] = 1;
        for (int i = 0; i < BL_RECALL_SHORTEST << k; i++)
            r->power[k] *= BASE;
    }
    return 0;
}

void bl_recall_del(bl_recall *r)
{
    if (r == NULL)
        return;
    free(r->token);
    free(r->sum);
    free(r->slot);
    free(r);
}

void bl_recall_forget(bl_recall *r)
{
    r->n = 0;
    if (++r->stream == 0) {
        memset(r->slot, 0, r->slots * sizeof *r->slot);
        r->stream = 1;
    }
}

/* ---- the table ---- */

/* The sum of the end of length k whose last token is the at-th. */
static uint64_t sum_of(const bl_recall *r, int k, int64_t at)
{
    int64_t begin = at + 1 - (BL_RECALL_SHORTEST << k);
    uint64_t sum = r->sum[at + 1] - r->sum[begin] * r->power[k];
    sum = (sum ^ sum >> 32 ^ (uint64_t)k) * 0xd6e8feb86659fd93;
    return sum ^ sum >> 32;
}

static int is_same(const bl_recall *r, const slot *s, int k, int64_t at)
{
    int64_t size = BL_RECALL_SHORTEST << k;
    return s->length == k &&
           memcmp(r->token + s->at + 1 - size, r->token + at + 1 - size,
                  (size_t)size * sizeof *r->token) == 0;
}

/* Where the end is, or the free slot for it. */
static slot *find(const bl_recall *r, int k, int64_t at, uint64_t sum)
{
    size_t i = (size_t)(sum >> 32) & (r->slots - 1);
    while (r->slot[i].stream == r->stream &&
           !(r->slot[i].sum == (uint32_t)sum && is_same(r, &r->slot[i], k, at)))
        i = (i + 1) & (r->slots - 1);
    return &r->slot[i];
}

int bl_recall_distance(int64_t distance)
{
    int octave = 0;
    while (distance >> (octave + 1) > 0)
        octave++;
    int is_upper = octave > 0 && distance >> (octave - 1) & 1;
    return bl_min(2 * octave + is_upper + 1 - (octave > 0), BL_RECALL_DISTANCES - 1);
}

/* The at-th token's ends are the last of their kind now; returns what came after the
 * longest that was there. */
static bl_recalled enter(bl_recall *r, int64_t at)
{
    bl_recalled found = {0};
    for (int k = r->lengths - 1; k >= 0; k--) {
        if (at + 1 < BL_RECALL_SHORTEST << k)
            continue;
        uint64_t sum = sum_of(r, k, at);
        slot *s = find(r, k, at, sum);
        int times = s->stream == r->stream ? s->times : 0;
        if (times > 0 && found.length == 0)
            found =
                (bl_recalled){r->token[s->at + 1], (uint8_t)(k + 1),
                              (uint8_t)bl_recall_distance(at - s->at), (uint8_t)times};
        *s = (slot){(uint32_t)sum, (int32_t)at, r->stream, (uint8_t)k,
                    (uint8_t)bl_min(times + 1, BL_RECALL_TIMES - 1)};
    }
    return found;
}

static void enter_all(bl_recall *r)
{
    for (int64_t at = 0; at < r->n; at++)
        enter(r, at);
}

/* ---- room ---- */

static size_t slots_for(int lengths, int64_t n)
{
    size_t slots = SLOTS_MIN;
    while (slots < 2 * (size_t)n * (size_t)lengths)
        slots *= 2;
    return slots;
}

int64_t bl_recall_bytes(int longest, int64_t n)
{
    int64_t most = bl_min(n, ROOM_MAX);
    return most * (int64_t)(sizeof(uint16_t) + sizeof(uint64_t)) +
           (int64_t)(slots_for(bl_recall_lengths(longest), most) * sizeof(slot));
}

static int make_slots(bl_recall *r, size_t slots, bl_err *e)
{
    if (slots <= r->slots)
        return 0;
    slot *made = bl_calloc(slots, sizeof *made, e);
    if (made == NULL)
        return BL_E_NOMEM;
    free(r->slot);
    r->slot = made;
    r->slots = slots;
    enter_all(r);
    return 0;
}

int bl_recall_reserve(bl_recall *r, int64_t n, bl_err *e)
{
    int64_t want = bl_min(r->n + bl_min(n, ROOM_MAX), ROOM_MAX);
    int rc = bl_room(&r->token, &r->cap_tokens, (size_t)want, sizeof *r->token, e);
    if (rc == 0)
        rc = bl_room(&r->sum, &r->cap_sums, (size_t)want + 1, sizeof *r->sum, e);
    if (rc == 0 && r->n == 0)
        r->sum[0] = 0;
    return rc == 0 ? make_slots(r, slots_for(r->lengths, want), e) : rc;
}

/* Forgets what lies beyond the reach. */
static void let_go(bl_recall *r)
{
    int64_t gone = r->n - BL_RECALL_REACH;
    memmove(r->token, r->token + gone, BL_RECALL_REACH * sizeof *r->token);
    memmove(r->sum, r->sum + gone, (BL_RECALL_REACH + 1) * sizeof *r->sum);
    bl_recall_forget(r);
    r->n = BL_RECALL_REACH;
    enter_all(r);
}

bl_recalled bl_recall_step(bl_recall *r, uint16_t token)
{
    if (r->n == ROOM_MAX)
        let_go(r);
    r->token[r->n] = token;
    r->sum[r->n + 1] = r->sum[r->n] * BASE + token + 1;
    return enter(r, r->n++);
}
