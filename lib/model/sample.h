/* sample.h - from logits to the next token. */
#ifndef BL_SAMPLE_H
#define BL_SAMPLE_H

#include "base/rng.h"
#include "nn/kernel/real.h"

typedef struct {
    double temperature; /* > 0; 0 = the most probable */
    int top_k;          /* 0 = all */
    double top_p;       /* nucleus (Holtzman et al. 2020); 1 = all */
    double min_p;       /* at least this share of the highest probability; 0 = all */
} bl_sample_params;

/* Draws one id: mask (allowed[id] != 0; NULL = all), temperature, top-k, min-p, top-p,
 * renormalise, draw. Log-space, maximum subtracted. `order` and `prob` are scratch of
 * n_vocab elements. Ties break to the lower id. Returns the id, or -1 where the mask
 * allows nothing. *logp (may be NULL): ln of its probability under mask and temperature
 * 1, before the cuts. */
int bl_sample(const bl_real *logits, const uint8_t *allowed, int n_vocab,
              const bl_sample_params *p, bl_rng *rng, int32_t *order, double *prob,
              double *logp);

#endif
