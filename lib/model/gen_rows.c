/* gen_rows.c - what every part of generation does with rows: products, norms, turns. */
#include "model/gen.h"
#include "nn/op/ops.h"

void bl_gen_project(bl_gen *g, const bl_real *x, const bl_thin *w, const bl_mat *bias,
                    int rows, bl_real *y)
{
    bl_thin_multiply(g->pool, w, x, rows, bias != NULL ? bias->v : NULL, 0, y);
}

void bl_gen_norm(bl_gen *g, const bl_real *x, const bl_mat *gain, const bl_mat *bias,
                 int rows, bl_real *y)
{
    int d = g->m->config.width;
    bl_real mean, rstd;
    for (int s = 0; s < rows; s++)
        bl_norm_row(x + (ptrdiff_t)s * d, gain->v, bias != NULL ? bias->v : NULL, d,
                    g->m->config.norm_eps, y + (ptrdiff_t)s * d, &mean, &rstd);
}

void bl_gen_add_row(bl_real *x, const bl_mat *table, int64_t row)
{
    for (int c = 0; table != NULL && c < table->cols; c++)
        x[c] += table->v[row * table->cols + c];
}

void bl_gen_add_input_rows(const bl_gen *g, int r, bl_real *x)
{
    const bl_place *at = &g->place[r];
    bl_gen_add_row(x, g->m->side, at->side != 0);
    for (int i = 0; i < BL_RECALL_PARTS; i++)
        bl_gen_add_row(x, g->m->recall[i], bl_recall_row(*at, i));
}

void bl_gen_turn(const bl_gen *g, int64_t place, bl_real *x)
{
    const bl_model_config *c = &g->m->config;
    int e = c->width / c->heads;
    if (g->turn == NULL)
        return;
    bl_real *angles = g->turn + (ptrdiff_t)g->most * e;
    bl_rotary_angles(place, e, c->rope_theta, angles);
    bl_rotary_row(x, angles, e, bl_model_kv_heads(c), x);
}
