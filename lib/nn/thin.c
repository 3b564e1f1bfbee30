/* thin.c - see thin.h. A panel passes by once; the sums of all rows with its columns
 * stay in registers. */
#include "nn/thin.h"
#include "nn/vec.h"

enum {
    PANEL = 32,
    HALF = PANEL / 2, /* a vector */
    GROUP = 8,        /* rows at a time */
    PANELS_PART = 2   /* of a part of the job */
};

/* ---- packing ---- */

static int panels_of(int n)
{
    return (n + PANEL - 1) / PANEL;
}

/* Bytes of a panel's row. */
static size_t row_bytes(bl_precision precision)
{
    return precision == BL_FP32 ? PANEL * sizeof(bl_real) : PANEL * sizeof(uint16_t);
}

size_t bl_thin_bytes(bl_precision precision, int k, int n)
{
    return (size_t)panels_of(n) * (size_t)k * row_bytes(precision);
}

/* To nearest, ties to even; not for numbers beyond the finite. */
static uint32_t bf16_of(bl_real x)
{
    float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static void pack_row(bl_precision precision, const bl_real row[PANEL], void *to)
{
    if (precision == BL_FP32) {
        memcpy(to, row, PANEL * sizeof *row);
        return;
    }
    uint32_t *word = to;
    for (int c = 0; c < HALF; c++)
        word[c] = bf16_of(row[c]) | bf16_of(row[c + HALF]) << 16;
}

void bl_thin_pack(bl_thin *t, bl_precision precision, int transposed, int k, int n,
                  const bl_real *b, void *panels)
{
    ptrdiff_t along = transposed ? 1 : n, across = transposed ? k : 1;
    char *to = panels;
    *t = (bl_thin){.k = k, .n = n, .precision = precision, .panels = panels};
    for (int start = 0; start < n; start += PANEL)
        for (int p = 0; p < k; p++, to += row_bytes(precision)) {
            bl_real row[PANEL] = {0};
            for (int c = 0; c < PANEL && start + c < n; c++)
                row[c] = b[p * along + (start + c) * across];
            pack_row(precision, row, to);
        }
}

/* Number (p, c) of a panel. */
static bl_real packed(const bl_thin *t, const char *panel, int p, int c)
{
    const char *row = panel + (size_t)p * row_bytes(t->precision);
    if (t->precision == BL_FP32)
        return ((const bl_real *)(const void *)row)[c];
    uint32_t word = ((const uint32_t *)(const void *)row)[c % HALF];
    uint32_t bits = c < HALF ? word << 16 : word & 0xffff0000;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (bl_real)f;
}

/* ---- multiplying ---- */

typedef uint32_t words __attribute__((vector_size(HALF * sizeof(uint32_t)), may_alias));
_Static_assert((int)HALF == (int)BL_LANES, "a panel is two vectors");

/* ROWS rows of x, k apart, by a panel; the row of the panel is in LEFT and RIGHT. */
#define MULTIPLY(ROWS, LEFT, RIGHT)                                                    \
    do {                                                                               \
        bl_vec s[ROWS][2];                                                             \
        for (int r = 0; r < ROWS; r++)                                                 \
            s[r][0] = s[r][1] = (bl_vec){0};                                           \
        for (int p = 0; p < k; p++)                                                    \
            for (int r = 0; r < ROWS; r++) {                                           \
                s[r][0] += x[r * k + p] * (LEFT);                                      \
                s[r][1] += x[r * k + p] * (RIGHT);                                     \
            }                                                                          \
        memcpy(sum, s, sizeof s);                                                      \
    } while (0)

/* A number of rows that is known beforehand keeps the sums in registers. */
#define CASE(ROWS, LEFT, RIGHT)                                                        \
    case ROWS:                                                                         \
        MULTIPLY(ROWS, LEFT, RIGHT);                                                   \
        break
#define FOR_ROWS(LEFT, RIGHT)                                                          \
    switch (rows) {                                                                    \
        CASE(1, LEFT, RIGHT);                                                          \
        CASE(2, LEFT, RIGHT);                                                          \
        CASE(3, LEFT, RIGHT);                                                          \
        CASE(4, LEFT, RIGHT);                                                          \
        CASE(5, LEFT, RIGHT);                                                          \
        CASE(6, LEFT, RIGHT);                                                          \
        CASE(7, LEFT, RIGHT);                                                          \
        CASE(GROUP, LEFT, RIGHT);                                                      \
    default:                                                                           \
        break;                                                                         \
    }

BL_CLONES static void panel_fp32(const bl_real *x, int rows, int k, const void *panel,
                                 bl_vec sum[GROUP][2])
{
    const bl_vec *b = panel;
    FOR_ROWS(b[2 * p], b[2 * p + 1])
}

#ifndef BL_DOUBLE
BL_CLONES static void panel_bf16(const bl_real *x, int rows, int k, const void *panel,
                                 bl_vec sum[GROUP][2])
{
    const words *b = panel;
    FOR_ROWS((bl_vec)(b[p] << 16), (bl_vec)(b[p] & 0xffff0000))
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

void bl_thin_multiply(bl_pool *pool, const bl_thin *t, const bl_real *x, int rows,
                      const bl_real *bias, int add, bl_real *y)
{
    job j = {t, x, bias, rows, add, y};
    bl_pool_run(pool, multiply_part, &j,
                (panels_of(t->n) + PANELS_PART - 1) / PANELS_PART);
}

void bl_thin_multiply_naive(const bl_thin *t, const bl_real *x, int rows,
                            const bl_real *bias, int add, bl_real *y)
{
    size_t bytes = (size_t)t->k * row_bytes(t->precision);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < t->n; c++) {
            const char *panel = (const char *)t->panels + (size_t)(c / PANEL) * bytes;
            bl_real *to = &y[(ptrdiff_t)r * t->n + c];
            double sum = (bias != NULL ? (double)bias[c] : 0) + (add ? (double)*to : 0);
            for (int p = 0; p < t->k; p++)
                sum += (double)x[(ptrdiff_t)r * t->k + p] *
                       (double)packed(t, panel, p, c % PANEL);
            *to = (bl_real)sum;
        }
}
