/* twins.h - the ops of lib/nn once more, naively: plain loops over doubles that follow
 * the papers' formulas and know neither tiles, threads nor vectors. They are what the
 * kernels are held against. Shapes and letters as in nn/ops.h; matrices are dense rows;
 * gradients are added to. */
#ifndef TWINS_H
#define TWINS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* C (m, n) += A B with A (m, k) or its transpose, B (k, n) or its transpose. */
static inline void twin_multiply(int ta, int tb, int m, int n, int k, const double *a,
                                 const double *b, double *c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            for (int l = 0; l < k; l++)
                c[i * n + j] += (ta ? a[l * m + i] : a[i * k + l]) *
                                (tb ? b[j * k + l] : b[l * n + j]);
}

/* z - ln sum e^z for n numbers, in place: log-probabilities. */
static inline void twin_log_softmax(double *z, int n)
{
    double max = z[0], sum = 0;
    for (int j = 1; j < n; j++)
        max = fmax(max, z[j]);
    for (int j = 0; j < n; j++)
        sum += exp(z[j] - max);
    for (int j = 0; j < n; j++)
        z[j] -= max + log(sum);
}

/* ---- attention (Dai et al. 2019, 3.3) ---- */

typedef struct {
    int lanes, t, keys, memory, heads, kv, e, span, block; /* kv: heads of keys */
    int whole;             /* 1: every query sees all keys of its lane */
    const int32_t *length; /* of the slots, or of the keys where there are none */
    const int32_t *prefix; /* of the keys, those that all queries see; may be NULL */
    const double *q, *k, *v, *r, *u, *vb; /* r, u, vb may be NULL */
    const double *mask;                   /* (B, H, T, K): dropout's */
    double *out;
    const double *dout;
    double *dq, *dk, *dv, *dr, *du, *dvb;
} twin_attention;

/* 1 if query i of a lane sees key j. */
static inline int twin_sees(const twin_attention *a, int lane, int i, int j)
{
    int ago = a->keys - a->t + i - j; /* how long before the query */
    int is_there =
        a->memory > 0 ? j >= a->memory - a->length[lane] : j < a->length[lane];
    int place = i - ago; /* of the key, from the first query on */
    int is_near = a->block == 0 || place >= (i / a->block - 1) * a->block;
    int is_prefix = a->prefix != NULL && j < a->prefix[lane];
    return is_there && (a->whole || is_prefix ||
                        (ago >= 0 && is_near && (a->span == 0 || ago < a->span)));
}

/* One query: the row of scores over all keys, minus infinity of those not seen. */
static inline void twin_scores(const twin_attention *a, int lane, int head, int i,
                               double *score)
{
    int keys = a->keys, d = a->heads * a->e, at = head * a->e;
    int kd = a->kv * a->e, kv = head * a->kv / a->heads * a->e;
    const double *q = a->q + (lane * a->t + i) * d + at;
    for (int j = 0; j < keys; j++) {
        const double *k = a->k + (lane * keys + j) * kd + kv;
        const double *r = a->r != NULL ? a->r + (a->t - 1 - i + j) * d + at : NULL;
        score[j] = twin_sees(a, lane, i, j) ? 0 : -INFINITY;
        for (int c = 0; c < a->e && score[j] > -INFINITY; c++) {
            score[j] += (q[c] + (a->u != NULL ? a->u[at + c] : 0)) * k[c];
            if (r != NULL)
                score[j] += (q[c] + (a->vb != NULL ? a->vb[at + c] : 0)) * r[c];
        }
        score[j] /= sqrt((double)a->e);
    }
}

/* dS of one query's score for key j, to all that made it. */
static inline void twin_score_back(const twin_attention *a, int lane, int head, int i,
                                   int j, double ds)
{
    int keys = a->keys, d = a->heads * a->e, at = head * a->e;
    int kd = a->kv * a->e, kv = head * a->kv / a->heads * a->e;
    ptrdiff_t q = (lane * a->t + i) * d + at, k = (lane * keys + j) * kd + kv;
    ptrdiff_t r = (a->t - 1 - i + j) * d + at;
    ds /= sqrt((double)a->e);
    for (int c = 0; c < a->e; c++) {
        double u = a->u != NULL ? a->u[at + c] : 0,
               vb = a->vb != NULL ? a->vb[at + c] : 0;
        a->dq[q + c] += ds * (a->k[k + c] + (a->r != NULL ? a->r[r + c] : 0));
        a->dk[k + c] += ds * (a->q[q + c] + u);
        if (a->r != NULL)
            a->dr[r + c] += ds * (a->q[q + c] + vb);
        if (a->u != NULL)
            a->du[at + c] += ds * a->k[k + c];
        if (a->vb != NULL)
            a->dvb[at + c] += ds * a->r[r + c];
    }
}

/* Forward and backward of one query of one head; p and dp have room for K. */
static inline void twin_query(const twin_attention *a, int lane, int head, int i,
                              double *p, double *dp)
{
    int keys = a->keys, d = a->heads * a->e, at = head * a->e;
    int kd = a->kv * a->e, kv = head * a->kv / a->heads * a->e, n_seen = 0;
    const double *mask = a->mask + ((lane * a->heads + head) * a->t + i) * keys;
    double *out = a->out + (lane * a->t + i) * d + at, sum = 0;
    const double *dout = a->dout + (lane * a->t + i) * d + at;
    for (int j = 0; j < keys; j++)
        n_seen += twin_sees(a, lane, i, j);
    if (n_seen == 0)
        return;
    twin_scores(a, lane, head, i, p);
    twin_log_softmax(p, keys);
    for (int j = 0; j < keys; j++) {
        const double *v = a->v + (lane * keys + j) * kd + kv;
        double *dv = a->dv + (lane * keys + j) * kd + kv;
        p[j] = exp(p[j]);
        dp[j] = 0;
        for (int c = 0; c < a->e; c++) {
            out[c] += p[j] * mask[j] * v[c];
            dv[c] += p[j] * mask[j] * dout[c];
            dp[j] += mask[j] * dout[c] * v[c];
        }
        sum += p[j] * dp[j];
    }
    for (int j = 0; j < keys; j++)
        if (p[j] > 0)
            twin_score_back(a, lane, head, i, j, p[j] * (dp[j] - sum));
}

/* p and dp have room for K numbers. */
static inline void twin_attend(const twin_attention *a, double *p, double *dp)
{
    for (int lane = 0; lane < a->lanes; lane++)
        for (int head = 0; head < a->heads; head++)
            for (int i = 0; i < a->t; i++)
                twin_query(a, lane, head, i, p, dp);
}

/* ---- layer norm (Ba, Kiros and Hinton 2016) of one row ---- */
static inline void twin_norm(const double *x, const double *gain, const double *bias,
                             int n, double eps, const double *dy, double *y, double *dx,
                             double *dgain, double *dbias)
{
    double mean = 0, var = 0, w = 0, wh = 0;
    for (int c = 0; c < n; c++)
        mean += x[c] / n;
    for (int c = 0; c < n; c++)
        var += (x[c] - mean) * (x[c] - mean) / n;
    double rstd = 1 / sqrt(var + eps);
    for (int c = 0; c < n; c++) {
        double h = (x[c] - mean) * rstd;
        y[c] = gain[c] * h + bias[c];
        dgain[c] += dy[c] * h;
        dbias[c] += dy[c];
        w += dy[c] * gain[c] / n;
        wh += dy[c] * gain[c] * h / n;
    }
    for (int c = 0; c < n; c++)
        dx[c] += rstd * (dy[c] * gain[c] - w - (x[c] - mean) * rstd * wh);
}

/* ---- root-mean-square norm (Zhang and Sennrich 2019) of one row ---- */
static inline void twin_rms(const double *x, const double *gain, int n, double eps,
                            const double *dy, double *y, double *dx, double *dgain)
{
    double square = 0, wx = 0;
    for (int c = 0; c < n; c++)
        square += x[c] * x[c] / n;
    double root = sqrt(square + eps);
    for (int c = 0; c < n; c++) {
        y[c] = gain[c] * x[c] / root;
        dgain[c] += dy[c] * x[c] / root;
        wx += dy[c] * gain[c] * x[c] / n;
    }
    for (int c = 0; c < n; c++)
        dx[c] += dy[c] * gain[c] / root - x[c] * wx / (root * root * root);
}

/* ---- rotary positions (Su et al. 2021, 3.2) of one head's row: the pair (c, c + e/2)
 * as a complex number times e^(i angle); `sign` -1 turns back ---- */
static inline void twin_turn(const double *x, int place, int e, double theta, int sign,
                             double *y)
{
    for (int c = 0; c < e / 2; c++) {
        double angle = sign * place / pow(theta, 2.0 * c / e);
        double size = hypot(x[c], x[c + e / 2]), phase = atan2(x[c + e / 2], x[c]);
        y[c] += size * cos(phase + angle);
        y[c + e / 2] += size * sin(phase + angle);
    }
}

/* ---- an activation and its slope ---- */

typedef enum { TWIN_NONE, TWIN_RELU, TWIN_GELU, TWIN_GELU_TANH, TWIN_SILU } twin_act;

static inline double twin_activate(twin_act act, double z)
{
    switch (act) {
    case TWIN_RELU:
        return fmax(z, 0);
    case TWIN_GELU:
        return 0.5 * z * (1 + erf(z / sqrt(2)));
    case TWIN_GELU_TANH:
        return 0.5 * z * (1 + tanh(sqrt(2 / acos(-1)) * (z + 0.044715 * z * z * z)));
    case TWIN_SILU:
        return z / (1 + exp(-z));
    default:
        return z;
    }
}

/* By a central difference: the slope is not written a second time. */
static inline double twin_slope(twin_act act, double z)
{
    double h = 1e-6;
    return (twin_activate(act, z + h) - twin_activate(act, z - h)) / (2 * h);
}

/* ---- LSTM (Hochreiter and Schmidhuber 1997; gates i, j, f, o, 1 added to f) ---- */

static inline double twin_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- a GRU cell as a gate (Cho et al. 2014; blocks r, z, n), one row: x state, i and
 * h what the gates get ---- */
static inline double twin_gru(const double *x, const double *i, const double *h, int n,
                              int c)
{
    double r = twin_sigmoid(i[c] + h[c]), z = twin_sigmoid(i[n + c] + h[n + c]);
    double fresh = tanh(i[2 * n + c] + r * h[2 * n + c]);
    return (1 - z) * fresh + z * x[c];
}

/* One lane over T tokens, forward: zx (T, 4H), h and c (T+1, H) of which row 0 is the
 * state before. */
static inline void twin_lstm(const double *zx, const double *wh, int t, int n,
                             double *h, double *c)
{
    for (int s = 0; s < t; s++)
        for (int k = 0; k < n; k++) {
            double z[4];
            for (int gate = 0; gate < 4; gate++) {
                z[gate] = zx[s * 4 * n + gate * n + k];
                for (int l = 0; l < n; l++)
                    z[gate] += h[s * n + l] * wh[l * 4 * n + gate * n + k];
            }
            c[(s + 1) * n + k] =
                c[s * n + k] * twin_sigmoid(z[2] + 1) + twin_sigmoid(z[0]) * tanh(z[1]);
            h[(s + 1) * n + k] = tanh(c[(s + 1) * n + k]) * twin_sigmoid(z[3]);
        }
}

/* ---- a compressor without parameters (Rae et al. 2019, 3.2) ---- */
static inline void twin_pool(int max, int ratio, int d, const double *old, int n,
                             double *to)
{
    for (int r = 0; r < n; r++)
        for (int c = 0; c < d; c++) {
            double sum = 0, top = -INFINITY;
            for (int i = 0; i < ratio; i++) {
                sum += old[(r * ratio + i) * d + c];
                top = fmax(top, old[(r * ratio + i) * d + c]);
            }
            to[r * d + c] = max ? top : sum / ratio;
        }
}

/* ---- compressors with parameters, and what they learn from ---- */

/* What one lane compresses: n * ratio rows of d in time order become n. */
typedef struct {
    int d, ratio, n, dilated;
    const double *cw, *cb, *dw, *db; /* dw (3, d, d): rows 2 before, at, 2 after */
} twin_convolution;

/* Channel o of row r of what a dilated convolution makes; without one, of the rows. */
static inline double twin_dilated(const twin_convolution *a, const double *old, int r,
                                  int o)
{
    double sum = a->dilated ? a->db[o] : old[r * a->d + o];
    for (int t = 0; t < 3 && a->dilated; t++) {
        int from = r + 2 * (t - 1);
        for (int i = 0; i < a->d && from >= 0 && from < a->n * a->ratio; i++)
            sum += old[from * a->d + i] * a->dw[(t * a->d + i) * a->d + o];
    }
    return sum;
}

static inline void twin_convolve(const twin_convolution *a, const double *old,
                                 double *to)
{
    for (int r = 0; r < a->n; r++)
        for (int o = 0; o < a->d; o++) {
            to[r * a->d + o] = a->cb[o];
            for (int t = 0; t < a->ratio; t++)
                for (int i = 0; i < a->d; i++)
                    to[r * a->d + o] += twin_dilated(a, old, r * a->ratio + t, i) *
                                        a->cw[(t * a->d + i) * a->d + o];
        }
}

/* The sum over rows of the mean of (old - g(new))^2, g the transposed convolution. */
static inline double twin_rows_loss(const twin_convolution *a, const double *gw,
                                    const double *gb, const double *old,
                                    const double *fresh)
{
    double sum = 0;
    for (int r = 0; r < a->n * a->ratio; r++)
        for (int o = 0; o < a->d; o++) {
            double again = gb[o];
            for (int i = 0; i < a->d; i++)
                again += fresh[r / a->ratio * a->d + i] *
                         gw[((r % a->ratio) * a->d + i) * a->d + o];
            sum += (again - old[r * a->d + o]) * (again - old[r * a->d + o]) / a->d;
        }
    return sum;
}

/* Content-based attention of one head of a query (e) to n rows of d, of which columns
 * `at` .. of wk and wv (d, kd) make keys and values: out (e). */
static inline void twin_content(const double *q, int e, const double *rows, int n,
                                int d, const double *wk, const double *wv, int kd,
                                int at, double *p, double *out)
{
    for (int j = 0; j < n; j++) {
        p[j] = 0;
        for (int c = 0; c < e; c++)
            for (int i = 0; i < d; i++)
                p[j] += q[c] * rows[j * d + i] * wk[i * kd + at + c] / sqrt(e);
    }
    twin_log_softmax(p, n);
    for (int c = 0; c < e; c++) {
        out[c] = 0;
        for (int j = 0; j < n; j++)
            for (int i = 0; i < d; i++)
                out[c] += exp(p[j]) * rows[j * d + i] * wv[i * kd + at + c];
    }
}

#endif
