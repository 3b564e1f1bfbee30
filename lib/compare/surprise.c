/* surprise.c - see surprise.h. */
#include "compare/surprise.h"
#include "token/merges.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ln_2 = 0.69314718055994530942;

/* What a word is worth: its kind's place, how many notes and bars it begins. */
typedef struct {
    uint32_t kind;
    uint16_t notes, bars;
} worth;

static worth worth_of(const bl_scheme *s, const char *word)
{
    int id = s != NULL ? bl_words_find(bl_scheme_words(s), word, strlen(word)) : -1;
    bl_meaning is = id >= 0 ? bl_scheme_meaning(s, (unsigned)id) : BL_IS_OTHER;
    return (worth){.notes = is == BL_IS_NOTE || is == BL_IS_DRUM,
                   .bars = is == BL_IS_BAR};
}

/* What each word is worth; a merge as much as the two it is made of, which come before
 * it. Release *value with free, also after an error. */
static int weigh(const bl_surprise_words *w, worth **value, bl_err *e)
{
    bl_merges merges = {0};
    bl_words *names = bl_words_new(e);
    worth *of = *value = bl_calloc(w->n_words, sizeof *of, e);
    int rc = names != NULL && of != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < w->n_words && rc == 0; i++)
        rc = bl_words_add(names, w->words[i], strlen(w->words[i]), e);
    if (rc == 0)
        rc = bl_merges_of_words(&merges, names, e);
    for (size_t i = 0; i < merges.n_base && rc == 0; i++)
        of[i] = worth_of(w->scheme, w->words[i]);
    for (size_t i = 0; i < merges.n && rc == 0; i++) {
        worth a = of[merges.merge[i].left], b = of[merges.merge[i].right];
        of[merges.n_base + i] = (worth){.notes = (uint16_t)(a.notes + b.notes),
                                        .bars = (uint16_t)(a.bars + b.bars)};
    }
    bl_merges_free(&merges);
    bl_words_del(names);
    return rc;
}

static uint32_t kind_of(bl_surprise *s, const char *word)
{
    size_t len = bl_min(strcspn(word, "_"), sizeof s->kinds->kind - 1);
    for (size_t k = 0; k < s->n_kinds; k++)
        if (strlen(s->kinds[k].kind) == len && memcmp(s->kinds[k].kind, word, len) == 0)
            return (uint32_t)k;
    memcpy(s->kinds[s->n_kinds].kind, word, len);
    return (uint32_t)s->n_kinds++;
}

static void drop_unused(bl_surprise *s)
{
    size_t kept = 0;
    for (size_t k = 0; k < s->n_kinds; k++)
        if (s->kinds[k].n > 0)
            s->kinds[kept++] = s->kinds[k];
    s->n_kinds = kept;
}

int bl_surprise_make(bl_surprise *s, const bl_surprise_words *w, const uint16_t *ids,
                     const float *log_prob, size_t n, bl_err *e)
{
    *s = (bl_surprise){0};
    worth *of;
    int rc = weigh(w, &of, e);
    if (rc == 0 && (s->kinds = bl_calloc(w->n_words, sizeof *s->kinds, e)) == NULL)
        rc = BL_E_NOMEM;
    if (rc != 0) {
        free(of);
        return rc;
    }
    for (size_t i = 0; i < w->n_words; i++)
        of[i].kind = kind_of(s, w->words[i]);
    for (size_t i = 0; i < n; i++) {
        if (isnan(log_prob[i]))
            continue;
        const worth *x = &of[ids[i]];
        s->kinds[x->kind].n++;
        s->kinds[x->kind].nats -= (double)log_prob[i];
        s->nats -= (double)log_prob[i];
        s->tokens++;
        s->notes += x->notes;
        s->bars += x->bars;
    }
    drop_unused(s);
    free(of);
    return 0;
}

void bl_surprise_free(bl_surprise *s)
{
    free(s->kinds);
    *s = (bl_surprise){0};
}

static double each(double sum, uint64_t n)
{
    return n > 0 ? sum / (double)n : NAN;
}

static int print_kind(const bl_surprise *s, const bl_surprise_kind *k, bl_buf *text,
                      bl_err *e)
{
    return bl_buf_addf(text, e,
                       "tokens.%s\t%" PRIu64 "\ttokens\nnats.%s\t%.6g\tnats/token\n"
                       "share.%s\t%.6g\tof all nats\n",
                       k->kind, k->n, k->kind, each(k->nats, k->n), k->kind,
                       s->nats > 0 ? k->nats / s->nats : NAN);
}

int bl_surprise_print(const bl_surprise *s, bl_buf *text, bl_err *e)
{
    double nats = each(s->nats, s->tokens), bits = s->nats / ln_2;
    int rc =
        bl_buf_addf(text, e,
                    "name\tvalue\tunit\ntokens\t%" PRIu64 "\ttokens\nnotes\t%" PRIu64
                    "\tnotes\nbars\t%" PRIu64 "\tbars\nnats\t%.9g\tnats/token\n"
                    "perplexity\t%.6g\t\nbits_per_note\t%.6g\tbits\n"
                    "bits_per_bar\t%.6g\tbits\n",
                    s->tokens, s->notes, s->bars, nats, exp(nats), each(bits, s->notes),
                    each(bits, s->bars));
    for (size_t k = 0; k < s->n_kinds && rc == 0; k++)
        rc = print_kind(s, &s->kinds[k], text, e);
    return rc;
}

/* ---- bar by bar ---- */

typedef struct {
    uint64_t bar, tokens, notes;
    double nats;
} bar_sum;

static int print_bar(size_t piece, const bar_sum *b, bl_buf *text, bl_err *e)
{
    if (b->tokens == 0)
        return 0;
    return bl_buf_addf(text, e, "%zu\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%.9g\n",
                       piece + 1, b->bar, b->tokens, b->notes, b->nats);
}

int bl_surprise_bars(const bl_surprise_words *w, const uint16_t *ids,
                     const float *log_prob, const int64_t *offsets, size_t n_pieces,
                     bl_buf *text, bl_err *e)
{
    worth *of;
    int rc = weigh(w, &of, e);
    if (rc == 0)
        rc = bl_buf_adds(text, "piece\tbar\ttokens\tnotes\tnats\n", e);
    for (size_t p = 0; rc == 0 && p < n_pieces; p++) {
        bar_sum b = {0};
        for (int64_t i = offsets[p]; rc == 0 && i < offsets[p + 1]; i++) {
            const worth *x = &of[ids[i]];
            if (x->bars > 0) {
                rc = print_bar(p, &b, text, e);
                b = (bar_sum){.bar = b.bar + x->bars};
            }
            b.tokens += !isnan(log_prob[i]);
            b.notes += isnan(log_prob[i]) ? 0 : x->notes;
            b.nats -= isnan(log_prob[i]) ? 0 : (double)log_prob[i];
        }
        if (rc == 0)
            rc = print_bar(p, &b, text, e);
    }
    free(of);
    return rc;
}
