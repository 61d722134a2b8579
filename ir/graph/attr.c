/* attrs_normalize: the one place that knows how attributes may be spelt and which numbers they may hold. */
#include "../ops/ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Windows, steps and pads beyond this are mistakes; below it, sums and products of two of them fit an int64. */
#define MAX_NUMBER ((int64_t)1 << 30)

typedef struct Normalizer { Arena *arena; Op op; Attrs *t; const Type *in; } Normalizer;

static const char *check_range(const Normalizer *n, const char *name, int64_t x, int64_t lo, int64_t hi)
{
    if (x < lo)
        FAIL(n, "%s is %lld, at least %lld expected", name, (long long)x, (long long)lo);
    if (x > hi)
        FAIL(n, "%s is %lld, at most %lld expected", name, (long long)x, (long long)hi);
    return NULL;
}

static const char *check_ints(const Normalizer *n, const char *name, const Ints *v, int64_t lo, int64_t hi)
{
    const char *err = NULL;
    for (int i = 0; i < v->n && !err; i++)
        err = check_range(n, name, v->v[i], lo, hi);
    return err;
}

/* One number for all, [height, width], or (want == 4) all four sides. */
static const char *spread(const Normalizer *n, const char *name, Ints *v, int want, int64_t lo)
{
    if (v->n != 1 && v->n != 2 && v->n != want)
        FAIL(n, "%s has %d numbers, %s expected", name, v->n, want == 4 ? "1, 2 or 4" : "1 or 2");
    if (v->n == 1)
        v->v[1] = v->v[0];
    if (want == 4 && v->n < 4) {
        v->v[2] = v->v[0];
        v->v[3] = v->v[1];
    }
    v->n = want;
    return check_ints(n, name, v, lo, MAX_NUMBER);
}

static const char *wrap_axis(const Normalizer *n, int64_t *axis)
{
    int rank = n->in[0].rank;
    if (*axis < -rank || *axis >= rank)
        FAIL(n, "axis %lld is not a dimension of %s", (long long)*axis, type_text(n->arena, &n->in[0]));
    if (*axis < 0)
        *axis += rank;
    return NULL;
}

static const char *wrap_axes(const Normalizer *n, const char *name, Ints *v)
{
    unsigned seen = 0;
    for (int i = 0; i < v->n; i++) {
        const char *err = wrap_axis(n, &v->v[i]);
        if (err)
            return err;
        if (seen & 1u << v->v[i])
            FAIL(n, "%s names dimension %lld twice", name, (long long)v->v[i]);
        seen |= 1u << v->v[i];
    }
    return NULL;
}

static void swap_at(Ints *v, int i, int j)
{
    int64_t t = v->v[i];
    v->v[i] = v->v[j];
    v->v[j] = t;
}

/* Sorts axes, and start, end and step of a slice along with them. */
static void sort_axes(Normalizer *n)
{
    Attrs *t = n->t;
    for (int i = 1; i < t->axes.n; i++)
        for (int j = i; j > 0 && t->axes.v[j - 1] > t->axes.v[j]; j--) {
            swap_at(&t->axes, j - 1, j);
            if (n->op == OP_slice) {
                swap_at(&t->start, j - 1, j);
                swap_at(&t->end, j - 1, j);
                swap_at(&t->step, j - 1, j);
            }
        }
}

static const char *norm_axes(Normalizer *n)
{
    Attrs *t = n->t;
    if (!t->axes.n)
        FAIL(n, "axes is empty");
    const char *err = wrap_axes(n, "axes", &t->axes);
    if (err)
        return err;
    if (n->op == OP_slice) {
        if (t->start.n != t->axes.n || t->end.n != t->axes.n)
            FAIL(n, "axes, start and end have %d, %d and %d numbers, as many each expected", t->axes.n, t->start.n,
                 t->end.n);
        if (t->step.n != 1 && t->step.n != t->axes.n)
            FAIL(n, "step has %d numbers, 1 or one for each of %d axes expected", t->step.n, t->axes.n);
        for (int i = t->step.n; i < t->axes.n; i++)
            t->step.v[i] = t->step.v[0];
        t->step.n = t->axes.n;
    }
    sort_axes(n);
    return NULL;
}

/* As ONNX: negative indices count from the end, then both are clipped to the dimension. */
static int64_t clip_index(int64_t i, int64_t dim)
{
    if (i < 0)
        i = i < -dim ? 0 : i + dim;
    return imin(i, dim);
}

/* Runs at the slice's last attribute, when axes is done. */
static const char *norm_slice(Normalizer *n)
{
    Attrs *t = n->t;
    for (int i = 0; i < t->axes.n; i++) {
        int64_t dim = n->in[0].dim[t->axes.v[i]];
        t->start.v[i] = clip_index(t->start.v[i], dim);
        t->end.v[i] = clip_index(t->end.v[i], dim);
    }
    return check_ints(n, "step", &t->step, 1, MAX_ELEMS);
}

static const char *norm_perm(Normalizer *n)
{
    Ints *perm = &n->t->perm;
    if (perm->n != n->in[0].rank)
        FAIL(n, "perm %s has %d numbers, input %s has %d dimensions", ints_text(n->arena, perm), perm->n,
             type_text(n->arena, &n->in[0]), n->in[0].rank);
    return wrap_axes(n, "perm", perm);
}

static const char *check_rank(const Normalizer *n, const Ints *shape)
{
    if (shape->n > MAX_RANK)
        FAIL(n, "shape %s has %d dimensions, at most %d expected", ints_text(n->arena, shape), shape->n, MAX_RANK);
    return NULL;
}

/* map's shape has sizes only. */
static const char *norm_broadcast(const Normalizer *n)
{
    const char *err = check_rank(n, &n->t->shape);
    return err ? err : check_ints(n, "shape", &n->t->shape, 1, MAX_ELEMS);
}

static const char *norm_shape(Normalizer *n)
{
    Ints *shape = &n->t->shape;
    const Type *in = &n->in[0];
    const char *text = ints_text(n->arena, shape), *err = check_rank(n, shape);
    int64_t elems = type_elems(in), known = 1;
    int open = -1;
    if (err)
        return err;
    for (int i = 0; i < shape->n; i++) {
        if (!shape->v[i]) {
            if (i >= in->rank)
                FAIL(n, "shape %s keeps dimension %d, which input %s has not", text, i, type_text(n->arena, in));
            shape->v[i] = in->dim[i];
        }
        if (shape->v[i] < -1)
            FAIL(n, "shape %s has a negative size", text);
        if (shape->v[i] < 0) {
            if (open >= 0)
                FAIL(n, "shape %s has more than one -1", text);
            open = i;
        } else if (!mul_ok(known, shape->v[i], &known) || known > MAX_ELEMS) {
            FAIL(n, "shape %s has more than 2^40 elements", text);
        }
    }
    if (open >= 0 && elems % known == 0)
        known *= shape->v[open] = elems / known;
    if (known != elems)
        FAIL(n, "shape %s does not fit input %s of %lld elements", text, type_text(n->arena, in), (long long)elems);
    return NULL;
}

static const char *norm_pads(Normalizer *n)
{
    Ints *pads = &n->t->pads;
    if (pads->n != 2 * n->in[0].rank)
        FAIL(n, "pads %s has %d numbers, two for each dimension of %s expected", ints_text(n->arena, pads), pads->n,
             type_text(n->arena, &n->in[0]));
    return check_ints(n, "pads", pads, 0, MAX_NUMBER);
}

static const char *norm_sizes(Normalizer *n)
{
    Ints *sizes = &n->t->sizes;
    if (sizes->n < 1 || sizes->n > MAX_OUT)
        FAIL(n, "sizes has %d numbers, 1 to %d expected", sizes->n, MAX_OUT);
    return check_ints(n, "sizes", sizes, 1, MAX_ELEMS);
}

static const char *norm_enum(const Normalizer *n, const AttrInfo *info, int64_t x)
{
    int64_t choices = 1;
    for (const char *p = info->choices; (p = strchr(p, '|')); p++)
        choices++;
    return check_range(n, info->name, x, 0, choices - 1);
}

/* Numbers end up as floats in kernels, so they must be finite there too. */
static const char *norm_float(const Normalizer *n, Attr a, double x)
{
    const char *name = attr_info[a].name;
    if (!(fabs(x) <= (double)FLT_MAX))
        FAIL(n, "%s is not a finite float", name);
    if (a == A_eps && x < 0)
        FAIL(n, "eps is %g, a number that is not negative expected", x);
    if (a == A_max && x < n->t->min)
        FAIL(n, "max %g is less than min %g", x, n->t->min);
    return NULL;
}

static const char *norm_attr(Normalizer *n, Attr a)
{
    Attrs *t = n->t;
    const char *name = attr_info[a].name;
    void *field = (char *)t + attr_info[a].offset;
    switch (a) {
    case A_stride:
        if (!t->stride.n && op_is(n->op, P_WINDOW))
            t->stride = t->kernel;
        return spread(n, name, field, 2, 1);
    case A_kernel:
    case A_dilation:
    case A_scale:
    case A_size: return spread(n, name, field, 2, 1);
    case A_output_pad: return spread(n, name, field, 2, 0);
    case A_pad: return spread(n, name, field, 4, 0);
    case A_groups: return check_range(n, name, t->groups, 1, MAX_NUMBER);
    case A_axis: return wrap_axis(n, &t->axis);
    case A_axes: return norm_axes(n);
    case A_step: return norm_slice(n);
    case A_perm: return norm_perm(n);
    case A_shape: return n->op == OP_map ? norm_broadcast(n) : norm_shape(n);
    case A_pads: return norm_pads(n);
    case A_sizes: return norm_sizes(n);
    default:
        if (attr_info[a].kind == ATTR_ENUM)
            return norm_enum(n, &attr_info[a], *(int64_t *)field);
        return attr_info[a].kind == ATTR_FLOAT ? norm_float(n, a, *(double *)field) : NULL;
    }
}

/* Copies a list without whatever stands behind its end. */
static const char *copy_ints(const Normalizer *n, const char *name, Ints *to, const Ints *from)
{
    if (from->n < 0 || from->n > LEN(from->v))
        FAIL(n, "%s has more than %d numbers", name, LEN(from->v));
    to->n = from->n;
    memcpy(to->v, from->v, (size_t)from->n * sizeof *from->v);
    return NULL;
}

static const char *copy_attr(const Normalizer *n, Attr a, const Attrs *from)
{
    char *to = (char *)n->t + attr_info[a].offset;
    const char *of = (const char *)from + attr_info[a].offset;
    switch (attr_info[a].kind) {
    case ATTR_INT:
    case ATTR_ENUM: *(int64_t *)(void *)to = *(const int64_t *)(const void *)of; return NULL;
    case ATTR_FLOAT: *(double *)(void *)to = *(const double *)(const void *)of; return NULL;
    case ATTR_BOOL: *(bool *)(void *)to = *(const bool *)(const void *)of; return NULL;
    case ATTR_INTS: return copy_ints(n, attr_info[a].name, (void *)to, (const void *)of);
    }
    return NULL;
}

const char *attrs_normalize(Arena *a, Op op, Attrs *t, const Type *in, int nin)
{
    const OpInfo *info = &op_info[op];
    Attrs clean = {0};
    Normalizer n = {a, op, &clean, in};
    const char *err = nin < 1 ? "no operands" : NULL;
    for (int i = 0; i < info->nattrs && !err; i++)
        err = copy_attr(&n, info->attrs[i].attr, t);
    for (int i = 0; i < info->nattrs && !err; i++)
        err = norm_attr(&n, info->attrs[i].attr);
    if (!err)
        *t = clean;
    return err;
}
