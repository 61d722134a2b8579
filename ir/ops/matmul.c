/* linear and matmul. */
#include "ops.h"

#include <string.h>

const char *infer_linear(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0], *w = &c->in[1];
    if (x->rank < 1)
        FAIL(c, "input %s has no dimension", type_text(c->arena, x));
    if (w->rank != 2)
        FAIL(c, "weight %s has rank %d, [out,in] expected", type_text(c->arena, w), w->rank);
    if (w->dim[1] != x->dim[x->rank - 1])
        FAIL(c, "input %s has %lld features, weight %s expects %lld", type_text(c->arena, x),
             (long long)x->dim[x->rank - 1], type_text(c->arena, w), (long long)w->dim[1]);
    if (c->nin == 3 && (c->in[2].rank != 1 || c->in[2].dim[0] != w->dim[0]))
        FAIL(c, "bias %s does not fit, %s[%lld] expected", type_text(c->arena, &c->in[2]), dtype_name(x->dtype),
             (long long)w->dim[0]);
    *out = *x;
    out->dim[x->rank - 1] = w->dim[0];
    *nout = 1;
    return NULL;
}

/* Rows, inner size and columns of the product. */
typedef struct Size { int64_t m, k, n, kb; } Size;

static Size size_of(const OpCall *c)
{
    const Type *a = &c->in[0], *b = &c->in[1];
    int ta = c->attr->transpose_a, tb = c->attr->transpose_b;
    return (Size){a->dim[a->rank - 2 + ta], a->dim[a->rank - 1 - ta], b->dim[b->rank - 1 - tb],
                  b->dim[b->rank - 2 + tb]};
}

const char *infer_matmul(const OpCall *c, Type *out, int *nout)
{
    const Type *a = &c->in[0], *b = &c->in[1];
    const char *ta = type_text(c->arena, a), *tb = type_text(c->arena, b);
    if (a->rank < 2 || b->rank < 2)
        FAIL(c, "operands %s and %s must have two dimensions or more", ta, tb);
    Size s = size_of(c);
    if (s.k != s.kb)
        FAIL(c, "%s has %lld columns%s, %s has %lld rows%s", ta, (long long)s.k,
             c->attr->transpose_a ? " when transposed" : "", tb, (long long)s.kb,
             c->attr->transpose_b ? " when transposed" : "");
    int rank = (int)imax(a->rank, b->rank);
    *out = (Type){.dtype = a->dtype, .rank = rank};
    for (int d = 0; d < rank - 2; d++) {
        int da = d - (rank - a->rank), db = d - (rank - b->rank);
        int64_t x = da < 0 ? 1 : a->dim[da], y = db < 0 ? 1 : b->dim[db];
        if (x != y && x != 1 && y != 1)
            FAIL(c, "the leading dimensions of %s and %s do not broadcast", ta, tb);
        out->dim[d] = imax(x, y);
    }
    out->dim[rank - 2] = s.m;
    out->dim[rank - 1] = s.n;
    *nout = 1;
    return NULL;
}

void panel_dot(double *restrict acc, const double *restrict w, const double *restrict col, int64_t nk)
{
    int64_t k = 0;
    for (; k + 4 <= nk; k += 4, col += 4 * PANEL)
        for (int x = 0; x < PANEL; x++)
            acc[x] += w[k] * col[x] + w[k + 1] * col[PANEL + x] + w[k + 2] * col[2 * PANEL + x] +
                      w[k + 3] * col[3 * PANEL + x];
    for (; k < nk; k++, col += PANEL)
        for (int x = 0; x < PANEL; x++)
            acc[x] += w[k] * col[x];
}

static double dot(const double *x, const double *y, int64_t n)
{
    double part[8] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            part[j] += x[i + j] * y[i + j];
    for (; i < n; i++)
        sum += x[i] * y[i];
    for (int j = 0; j < 8; j++)
        sum += part[j];
    return sum;
}

void ref_linear(const OpCall *c, const double *const *in, double *const *out)
{
    int64_t no = c->in[1].dim[0], ni = c->in[1].dim[1], rows = type_elems(&c->in[0]) / ni;
    for (int64_t o = 0; o < no; o++)
        for (int64_t r = 0; r < rows; r++)
            out[0][r * no + o] = dot(in[0] + r * ni, in[1] + o * ni, ni) + (c->nin == 3 ? in[2][o] : 0);
}

/* y[m][n] = x[m][k] b[k][n] for one pair of matrices; row: k numbers, col: k PANEL numbers of scratch. */
static void product(const Attrs *t, Size s, const double *x, const double *b, double *y, double *row, double *col)
{
    for (int64_t n0 = 0; n0 < s.n; n0 += PANEL) {
        int np = (int)imin(PANEL, s.n - n0);
        for (int64_t k = 0; k < s.k; k++)
            for (int p = 0; p < np; p++)
                col[k * PANEL + p] = t->transpose_b ? b[(n0 + p) * s.k + k] : b[k * s.n + n0 + p];
        for (int64_t m = 0; m < s.m; m++) {
            double acc[PANEL] = {0};
            for (int64_t k = 0; k < s.k; k++)
                row[k] = t->transpose_a ? x[k * s.m + m] : x[m * s.k + k];
            panel_dot(acc, row, col, s.k);
            memcpy(y + m * s.n + n0, acc, (size_t)np * sizeof *acc);
        }
    }
}

/* Walks the result's leading dimensions and keeps the offset of the operand's matrix, broadcast. */
static ElemWalk walk_batch(const OpCall *c, const Type *in)
{
    ElemWalk w = walk_over(&c->out[0]);
    w.rank -= 2;
    int64_t stride[MAX_RANK];
    row_strides(in, stride);
    for (int d = in->rank - 3, o = w.rank - 1; d >= 0; d--, o--)
        w.stride[o] = in->dim[d] == 1 ? 0 : stride[d];
    return w;
}

void ref_matmul(const OpCall *c, const double *const *in, double *const *out)
{
    Size s = size_of(c);
    ElemWalk a = walk_batch(c, &c->in[0]), b = walk_batch(c, &c->in[1]);
    double *row = NEW(c->arena, double, s.k), *col = NEW(c->arena, double, s.k * PANEL);
    int64_t batches = elems_between(&c->out[0], 0, c->out[0].rank - 2);
    for (int64_t i = 0; i < batches; i++, walk_next(&a), walk_next(&b))
        product(c->attr, s, in[0] + a.off, in[1] + b.off, out[0] + i * s.m * s.n, row, col);
}

void cost_linear(const OpCall *c, Cost *cost)
{
    cost->macs = mul_sat(type_elems(&c->out[0]), c->in[1].dim[1]);
    cost->flops = c->nin == 3 ? type_elems(&c->out[0]) : 0;
}

void cost_matmul(const OpCall *c, Cost *cost)
{
    cost->macs = mul_sat(type_elems(&c->out[0]), size_of(c).k);
    cost->flops = 0;
}
