/* muon.h - Muon (Jordan et al. 2024): momentum made orthogonal, for the matrices
 * between hidden states; the rest is Adam's (optim.h). */
#ifndef BL_MUON_H
#define BL_MUON_H

#include "nn/kernel/gemm.h"
#include "nn/op/optim.h"

typedef struct {
    double lr, momentum;
    double weight_decay;          /* decoupled */
    double scale[BL_ADAM_GROUPS]; /* as of bl_adam_params */
    bl_precision precision;       /* of the products */
} bl_muon_params;

/* Numbers of scratch that bl_muon wants for these spans. */
int64_t bl_muon_scratch(const bl_adam_span *spans, int n_spans);

/* One update of the spans that are matrices (rows > 0; the others are left alone) from
 * their gradients, which it leaves at 0:
 *   m = momentum m + (1 - momentum) g;  u = (1 - momentum) g + momentum m  (Nesterov)
 *   O = u / |u|, five times O = a O + (b O O' + c (O O')^2) O  (Newton-Schulz: singular
 *       values of about 1, the vectors of u);
 *   value -= lr (0.2 sqrt(max(rows, columns)) O + weight_decay value).
 * The factor gives an update the root mean square of Adam's, so that one lr, and one
 * weight decay, suit both (Liu et al. 2025, 2.2). m is the momentum; scratch has the
 * numbers of bl_muon_scratch. The same bytes on any pool. */
void bl_muon(bl_pool *pool, const bl_muon_params *p, const bl_adam_span *spans,
             int n_spans, bl_real *value, bl_real *grad, bl_real *m, bl_real *scratch);
/* The naive twin, for tests: the formulas in double, with loops for products. 0, or
 * BL_E_NOMEM. */
int bl_muon_naive(const bl_muon_params *p, const bl_adam_span *spans, int n_spans,
                  bl_real *value, bl_real *grad, bl_real *m, bl_err *e) BL_MUST_CHECK;

#endif
