/* rotary.c - positions by turning queries and keys (Su et al. 2021, "RoFormer", 3.2),
 * as LLaMA pairs the channels: c of the first half of a head with c of the second. */
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *x, *out;
    bl_rotary_places p;
    int rows; /* a lane */
} rotary_args;

typedef struct {
    bl_graph *g;
    rotary_args *a;
    bl_real beta;
} job;

void bl_rotary_angles(int64_t place, int e, double theta, bl_real *row)
{
    for (int c = 0; c < e / 2; c++) {
        double angle = (double)place * pow(theta, -2.0 * c / e);
        row[c] = (bl_real)cos(angle);
        row[c + e / 2] = (bl_real)sin(angle);
    }
}

bl_rotary_places bl_rotary_table(bl_graph *g, int places, int e, double theta)
{
    bl_real *table = bl_graph_alloc(g, (size_t)places * (size_t)e, sizeof *table);
    for (int place = 0; place < places && table != NULL; place++)
        bl_rotary_angles(place, e, theta, table + (ptrdiff_t)place * e);
    return (bl_rotary_places){places, e, table};
}

/* y = beta y + x turned by the angles times `sign`, for whole heads; y may be x. */
BL_CLONES static void turn(const bl_real *x, const bl_real *angles, int e, int heads,
                           bl_real sign, bl_real beta, bl_real *y)
{
    int half = e / 2;
    const bl_real *cosine = angles, *sine = angles + half;
    for (int h = 0; h < heads; h++, x += e, y += e)
        for (int c = 0; c < half; c++) {
            bl_real left = x[c], right = x[c + half], s = sign * sine[c];
            bl_real a = left * cosine[c] - right * s, b = right * cosine[c] + left * s;
            y[c] = beta == 0 ? a : y[c] + a;
            y[c + half] = beta == 0 ? b : y[c + half] + b;
        }
}

void bl_rotary_row(const bl_real *x, const bl_real *angles, int e, int heads,
                   bl_real *y)
{
    turn(x, angles, e, heads, 1, 0, y);
}

/* The last row of a lane is at the last place. */
static const bl_real *angles_of(const job *j, int row)
{
    const bl_rotary_places *p = &j->a->p;
    int first = p->places - j->a->rows;
    return p->angles + (ptrdiff_t)(first + row % j->a->rows) * p->e;
}

static void forward_part(void *arg, int part)
{
    job *j = arg;
    rotary_args *a = j->a;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        ptrdiff_t at = (ptrdiff_t)r * n;
        turn(a->x->v + at, angles_of(j, r), a->p.e, n / a->p.e, 1, 0, a->out->v + at);
    }
}

static void rotary_forward(bl_graph *g, void *args)
{
    job j = {g, args, 0};
    bl_pool_run(g->pool, forward_part, &j, BL_PARTS);
}

/* A turn's transpose is the turn back. */
static void backward_part(void *arg, int part)
{
    job *j = arg;
    rotary_args *a = j->a;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        ptrdiff_t at = (ptrdiff_t)r * n;
        turn(a->out->g + at, angles_of(j, r), a->p.e, n / a->p.e, -1, j->beta,
             a->x->g + at);
    }
}

static void rotary_backward(bl_graph *g, void *args)
{
    rotary_args *a = args;
    job j = {g, a, bl_grad_beta(a->x)};
    bl_pool_run(g->pool, backward_part, &j, BL_PARTS);
}

bl_mat *bl_rotary(bl_graph *g, bl_mat *x, int lanes, const bl_rotary_places *p,
                  int keeps)
{
    if (g->e->code != 0)
        return NULL;
    rotary_args a = {.x = x, .p = *p, .rows = x->rows / lanes};
    a.out = keeps ? bl_graph_mat(g, x->rows, x->cols, 1) : bl_graph_mat_over(g, x);
    bl_graph_reads(g, x);
    bl_graph_op(g, rotary_forward, rotary_backward, &a, sizeof a);
    return a.out;
}
