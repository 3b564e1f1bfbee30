/* thin.c - see thin.h. A panel passes by once; the sums of all rows with its columns
 * stay in registers. */
#include "nn/kernel/thin.h"
#include "nn/kernel/int8.h"
#include "nn/kernel/store.h"

enum {
    PANEL = 2 * BL_LANES,
    GROUP = 8,       /* rows at a time */
    PANELS_PART = 2, /* of a part of the job */
    AHEAD = 8192     /* bytes */
};

/* ---- packing ---- */

static int panels_of(int n)
{
    return (n + PANEL - 1) / PANEL;
}

/* Bytes of a panel's row. */
static size_t row_bytes(bl_precision precision)
{
    return bl_store_bytes(precision, PANEL);
}

static int is_int8(bl_precision precision, int k)
{
    return precision == BL_INT8 && k <= BL_INT8_MOST;
}

size_t bl_thin_bytes(bl_precision precision, int k, int n)
{
    if (is_int8(precision, k))
        return (size_t)panels_of(n) * bl_int8_panel_bytes(k);
    precision = precision == BL_INT8 ? BL_FP32 : precision;
    return (size_t)panels_of(n) * (size_t)k * row_bytes(precision);
}

void bl_thin_pack(bl_thin *t, bl_precision precision, int transposed, int k, int n,
                  const bl_real *b, void *panels)
{
    ptrdiff_t along = transposed ? 1 : n, across = transposed ? k : 1;
    char *to = panels;
    if (is_int8(precision, k)) {
        memset(panels, 0, bl_thin_bytes(precision, k, n));
        for (int c = 0; c < n; c++)
            bl_int8_pack(b + c * across, along, k, c % PANEL,
                         to + (size_t)(c / PANEL) * bl_int8_panel_bytes(k));
        *t = (bl_thin){.k = k, .n = n, .precision = BL_INT8, .panels = panels};
        return;
    }
    precision = precision == BL_INT8 ? BL_FP32 : precision;
    *t = (bl_thin){.k = k, .n = n, .precision = precision, .panels = panels};
    for (int start = 0; start < n; start += PANEL)
        for (int p = 0; p < k; p++, to += row_bytes(precision))
            for (int c = 0; c < PANEL; c++)
                bl_store_put(precision, to, c,
                             start + c < n ? b[p * along + (start + c) * across]
                                           : (bl_real)0);
}

/* ---- multiplying ---- */

/* ROWS rows of x, k apart, by a panel. Many rows take longer to multiply than the
 * processor looks ahead in memory. */
#define MULTIPLY(ROWS, AT)                                                             \
    do {                                                                               \
        bl_vec s[ROWS][2];                                                             \
        const bl_real *row[ROWS];                                                      \
        for (int r = 0; r < ROWS; r++) {                                               \
            s[r][0] = s[r][1] = (bl_vec){0};                                           \
            row[r] = x + (ptrdiff_t)r * k;                                             \
        }                                                                              \
        for (ptrdiff_t p = 0; p < k; p++, panel += bytes) {                            \
            for (size_t i = 0; i < bytes && ROWS > 2; i += 64)                         \
                __builtin_prefetch(panel + AHEAD + i);                                 \
            for (int r = 0; r < ROWS; r++) {                                           \
                s[r][0] += row[r][p] * AT(panel, 0);                                   \
                s[r][1] += row[r][p] * AT(panel, 1);                                   \
            }                                                                          \
        }                                                                              \
        memcpy(sum, s, sizeof s);                                                      \
    } while (0)

/* A number of rows that is known beforehand keeps the sums in registers. */
#define CASE(ROWS, AT)                                                                 \
    case ROWS:                                                                         \
        MULTIPLY(ROWS, AT);                                                            \
        break
#define FOR_ROWS(AT)                                                                   \
    switch (rows) {                                                                    \
        CASE(1, AT);                                                                   \
        CASE(2, AT);                                                                   \
        CASE(3, AT);                                                                   \
        CASE(4, AT);                                                                   \
        CASE(5, AT);                                                                   \
        CASE(6, AT);                                                                   \
        CASE(7, AT);                                                                   \
        CASE(GROUP, AT);                                                               \
    default:                                                                           \
        break;                                                                         \
    }

BL_CLONES static void panel_fp32(const bl_real *x, int rows, int k, const char *panel,
                                 bl_vec sum[GROUP][2])
{
    enum { bytes = PANEL * sizeof(bl_real) };
    FOR_ROWS(BL_FP32_AT)
}

#ifndef BL_DOUBLE
BL_CLONES static void panel_bf16(const bl_real *x, int rows, int k, const char *panel,
                                 bl_vec sum[GROUP][2])
{
    enum { bytes = PANEL * sizeof(uint16_t) };
    FOR_ROWS(BL_BF16_AT)
}
#endif

typedef struct {
    const bl_thin *t;
    const bl_real *x, *bias;
    int rows, add;
    bl_real *y;
} job;

/* What a panel's sums become, in the columns that there are. */
static void put(const job *j, int row, int rows, int start, bl_vec sum[GROUP][2])
{
    int cols = (int)bl_min(PANEL, j->t->n - start);
    for (int r = 0; r < rows; r++) {
        const bl_real *from = (const bl_real *)sum[r];
        bl_real *to = j->y + (ptrdiff_t)(row + r) * j->t->n + start;
        for (int c = 0; c < cols; c++) {
            bl_real other = j->bias != NULL ? j->bias[start + c] : 0;
            to[c] = from[c] + (j->add ? to[c] + other : other);
        }
    }
}

static void multiply_part(void *arg, int part)
{
    const job *j = arg;
    const bl_thin *t = j->t;
    size_t bytes = (size_t)t->k * row_bytes(t->precision);
    int first = part * PANELS_PART;
    int last = (int)bl_min(first + PANELS_PART, panels_of(t->n));
    for (int i = first; i < last; i++)
        for (int row = 0; row < j->rows; row += GROUP) {
            const char *panel = (const char *)t->panels + (size_t)i * bytes;
            const bl_real *x = j->x + (ptrdiff_t)row * t->k;
            int rows = (int)bl_min(GROUP, j->rows - row);
            bl_vec sum[GROUP][2];
#ifndef BL_DOUBLE
            if (t->precision == BL_BF16)
                panel_bf16(x, rows, t->k, panel, sum);
            else
#endif
                panel_fp32(x, rows, t->k, panel, sum);
            put(j, row, rows, i * PANEL, sum);
        }
}

/* ---- in 8 bits ---- */

typedef struct {
    job j;
    const uint8_t *q; /* [rows] stride apart */
    const bl_real *scale;
    ptrdiff_t stride;
} bytes_job;

static void bytes_part(void *arg, int part)
{
    const bytes_job *b = arg;
    const bl_thin *t = b->j.t;
    size_t bytes = bl_int8_panel_bytes(t->k);
    int first = part * PANELS_PART;
    int last = (int)bl_min(first + PANELS_PART, panels_of(t->n));
    for (int i = first; i < last; i++)
        for (int row = 0; row < b->j.rows; row += GROUP) {
            const char *panel = (const char *)t->panels + (size_t)i * bytes;
            const float *scale = bl_int8_scales(panel, t->k);
            int rows = (int)bl_min(GROUP, b->j.rows - row);
            int32_t dot[BL_INT8_ROWS][BL_INT8_COLUMNS];
            bl_vec sum[GROUP][2];
            bl_int8_dots(b->q + row * b->stride, b->stride, rows, t->k, panel, dot);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < PANEL; c++)
                    ((bl_real *)sum[r])[c] =
                        (bl_real)dot[r][c] * (scale[c] * b->scale[row + r]);
            put(&b->j, row, rows, i * PANEL, sum);
        }
}

/* As many rows at once as the pool has room for. */
static void multiply_bytes(bl_pool *pool, job j)
{
    const bl_thin *t = j.t;
    ptrdiff_t stride = 4 * (ptrdiff_t)bl_int8_groups(t->k);
    int rows = j.rows, most = (int)(BL_POOL_SCRATCH / (stride + (int)sizeof(bl_real)));
    for (int row = 0; row < rows; row += most) {
        bl_real *scale = bl_pool_scratch(pool);
        j.rows = (int)bl_min(most, rows - row);
        uint8_t *q = (uint8_t *)(scale + j.rows);
        for (int r = 0; r < j.rows; r++)
            scale[r] =
                bl_int8_row(j.x + (ptrdiff_t)(row + r) * t->k, t->k, q + r * stride);
        bytes_job b = {j, q, scale, stride};
        b.j.y += (ptrdiff_t)row * t->n;
        bl_pool_run(pool, bytes_part, &b,
                    (panels_of(t->n) + PANELS_PART - 1) / PANELS_PART);
    }
}

void bl_thin_multiply(bl_pool *pool, const bl_thin *t, const bl_real *x, int rows,
                      const bl_real *bias, int add, bl_real *y)
{
    job j = {t, x, bias, rows, add, y};
    if (t->precision == BL_INT8) {
        multiply_bytes(pool, j);
        return;
    }
    bl_pool_run(pool, multiply_part, &j,
                (panels_of(t->n) + PANELS_PART - 1) / PANELS_PART);
}

/* Number c of a row times a packed matrix; `x` is as long as the matrix has rows. */
static double naive_dot(const bl_thin *t, const bl_real *x, int c)
{
    size_t bytes = row_bytes(t->precision);
    const char *panel = (const char *)t->panels + (size_t)(c / PANEL) * t->k * bytes;
    double sum = 0;
    for (int p = 0; p < t->k; p++, panel += bytes)
        sum += (double)x[p] * (double)bl_store_get(t->precision, panel, c % PANEL);
    return sum;
}

/* The same in 8 bits. */
static double naive_int8(const bl_thin *t, const bl_real *x, int c)
{
    const int8_t *panel =
        (const int8_t *)t->panels + (size_t)(c / PANEL) * bl_int8_panel_bytes(t->k);
    double most = 0, sum = 0;
    for (int p = 0; p < t->k; p++)
        most = fmax(most, fabs((double)x[p]));
    for (int p = 0; p < t->k && most > 0; p++)
        sum += rint((double)x[p] * 127 / most) *
               panel[p / 4 * 4 * PANEL + c % PANEL * 4 + p % 4];
    return sum * most / 127 * (double)bl_int8_scales(panel, t->k)[c % PANEL];
}

void bl_thin_multiply_naive(const bl_thin *t, const bl_real *x, int rows,
                            const bl_real *bias, int add, bl_real *y)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < t->n; c++) {
            const bl_real *row = x + (ptrdiff_t)r * t->k;
            bl_real *to = &y[(ptrdiff_t)r * t->n + c];
            double sum = (bias != NULL ? (double)bias[c] : 0) + (add ? (double)*to : 0);
            *to = (bl_real)(sum + (t->precision == BL_INT8 ? naive_int8(t, row, c)
                                                           : naive_dot(t, row, c)));
        }
}
