/* Operands of a kernel: which parameter a value is, and how its logical coordinates become indices.

   A row-major value is declared without its dimensions of 1, so that the dimension a vector runs along is the last
   one. An NHWC value is declared with its border and channel stride: [N, top+H+bottom, left+W+right, cstride]. A value
   that lies strided in the storage of others is declared as that whole storage, in one dimension.
   Constants of three or more dimensions that meet an NHWC frame are stored channels-last as well. */
#include <ctype.h>
#include <string.h>

#include "lower.h"

static const Value *val(const KC *kc, ValueId v) { return &kc->l->g->value.v[v]; }

/* The first n characters of name as a C identifier. */
static char *identifier(Arena *A, const char *name, size_t n)
{
    char *s = arena_printf(A, "%s%.*s", isdigit((unsigned char)*name) || !n ? "_" : "", (int)n, name);
    for (char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '_';
    return s;
}

/* name as a C identifier that no other buffer of the program has. */
static const char *buffer_name(Lower *l, const char *name)
{
    const char *s = identifier(l->A, name, strlen(name));
    if (!name_valid(s) || !strcmp(s, "arena")) /* a word of C, or of the text of loops */
        s = arena_printf(l->A, "%s_v", s);
    const char *unique = s;
    int suffix = (int)imax(0, dict_get(&l->names, s)); /* the last one that was taken */
    while (dict_get(&l->names, unique) >= 0)
        unique = arena_printf(l->A, "%s_%d", s, ++suffix);
    dict_put(&l->names, unique, 0);
    dict_put(&l->names, s, suffix);
    return unique;
}

static int64_t type_bytes(const Type *t) { return type_elems(t) * dtype_size(t->dtype); }

/* Of samples: most constants differ there, and large ones need not be read whole. */
static uint64_t sample_hash(const uint8_t *data, int64_t n)
{
    enum { SAMPLES = 16, SAMPLE = 64 };
    uint64_t h = 0;
    for (int64_t i = 0; i < SAMPLES; i++) {
        int64_t at = n > SAMPLES * SAMPLE ? (n - SAMPLE) / (SAMPLES - 1) * i : i * SAMPLE;
        if (at < n)
            h = hash_bytes(data + at, (size_t)imin(SAMPLE, n - at), h);
    }
    return h;
}

static int const_with(const Lower *l, const char *key, const void *data, int64_t n)
{
    int buf = dict_get(&l->numbers, key);
    return buf >= 0 && !memcmp(l->p->buf.v[buf].data, data, (size_t)n) ? buf : -1;
}

/* The constant that has these numbers, or -1; *key is then the one to enter it by: the first of its samples by those,
   others by all of their numbers. */
static int equal_const(const Lower *l, const Type *t, const void *data, const char **key)
{
    int64_t n = type_bytes(t);
    unsigned long long h = sample_hash(data, n);
    *key = arena_printf(l->A, "%016llx.%d.%lld", h, t->dtype, (long long)n);
    int buf = const_with(l, *key, data, n);
    if (buf >= 0 || dict_get(&l->numbers, *key) < 0)
        return buf;
    h = hash_bytes(data, (size_t)n, 0);
    *key = arena_printf(l->A, "%s.%016llx", *key, h);
    return const_with(l, *key, data, n);
}

/* Here constants become the program's. What a pass or the packing made of them may be subnormal again. */
static const void *const_numbers(Lower *l, const Type *t, const void *data)
{
    return t->dtype == DT_F32 ? without_subnormals(l->A, data, type_elems(t)) : data;
}

int program_buf(Lower *l, const char *name, BufKind kind, Type type, const void *data)
{
    const char *key = NULL;
    if (kind == BUF_CONST)
        data = const_numbers(l, &type, data);
    int equal = kind == BUF_CONST ? equal_const(l, &type, data, &key) : -1;
    if (equal >= 0)
        return equal;
    if (key)
        dict_put(&l->numbers, key, l->p->buf.n);
    PUSH(l->A, &l->p->buf, ((PBuf){.name = buffer_name(l, name), .kind = kind, .type = type, .data = data,
                                   .align = kind == BUF_CONST ? 64 : 4}));
    return l->p->buf.n - 1;
}

static void bind_arg(KC *kc, int buf, int64_t offset) { PUSH(kc->l->A, &kc->call.arg, ((Arg){buf, offset})); }

int kc_const(KC *kc, const char *param, const char *name, DType dt, int rank, const int64_t *dim, const void *data)
{
    Type t = type_make(dt, rank, dim);
    bind_arg(kc, program_buf(kc->l, name, BUF_CONST, t, data), 0);
    return kb_param(&kc->b, param, dt, ACC_CONST, rank, dim);
}

/* Dimensions H, W, C of a constant [.., C, H, W] in that order, for NHWC frames. */
static const float *channels_last(KC *kc, const Tensor *t)
{
    const float *src = tensor_f32(kc->l->A, t);
    int r = t->type.rank;
    int64_t c = t->type.dim[r - 3], hw = t->type.dim[r - 2] * t->type.dim[r - 1], n = type_elems(&t->type) / (c * hw);
    float *dst = NEW(kc->l->A, float, n * c * hw);
    for (int64_t b = 0; b < n; b++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t i = 0; i < hw; i++)
                dst[(b * hw + i) * c + k] = src[(b * c + k) * hw + i];
    return dst;
}

static int row_dims(const Type *t, int64_t *dim)
{
    int r = 0;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] > 1)
            dim[r++] = t->dim[i];
    if (!r)
        dim[r++] = 1;
    return r;
}

/* The same dimensions, of which all but the last are one. */
static int merge_rows(int rank, int64_t *dim)
{
    int64_t rows = 1;
    for (int i = 0; i < rank - 1; i++)
        rows *= dim[i];
    dim[1] = dim[rank - 1], dim[0] = rows;
    return 2;
}

static int storage_dims(const Value *v, bool nhwc, int64_t *dim)
{
    const Type *t = &v->type;
    if (v->kind == VAL_CONST && nhwc) {
        int64_t n = 1;
        for (int i = 0; i < t->rank - 3; i++)
            n *= t->dim[i];
        dim[0] = n, dim[1] = t->dim[t->rank - 2], dim[2] = t->dim[t->rank - 1], dim[3] = t->dim[t->rank - 3];
        return 4;
    }
    if (v->layout.order == ORDER_ROW)
        return row_dims(t, dim);
    if (v->layout.order == ORDER_STRIDED) {
        dim[0] = layout_room(&v->layout, t);
        return 1;
    }
    const Layout *l = &v->layout;
    const int64_t *b = l->border;
    dim[0] = t->dim[0], dim[1] = b[0] + t->dim[layout_height(l)] + b[2];
    dim[2] = b[1] + t->dim[layout_width(l)] + b[3], dim[3] = l->cstride;
    return 4;
}

/* Elements from the start of the storage to the parameter's first one, so that one kernel reads all blocks of one
   shape. NHWC: channels may begin inside a pixel; maps begin at whole pixels (eliminate-movement). */
static int64_t param_shift(const Value *v)
{
    if (v->layout.order == ORDER_STRIDED)
        return 0;
    return v->layout.order == ORDER_ROW ? v->layout.first : v->layout.first / v->layout.cstride * v->layout.cstride;
}

/* "layer1.0.bn1.bias$1" gives "bias", "conv1/bias:0" conv1_bias_0. */
static const char *last_part(Arena *A, const char *name)
{
    const char *dot = strrchr(name, '.');
    name = dot ? dot + 1 : name;
    return identifier(A, name, strcspn(name, "$"));
}

static int const_buf(KC *kc, ValueId id, bool nhwc)
{
    Lower *l = kc->l;
    const Value *v = val(kc, id);
    if (nhwc)
        return program_buf(l, arena_printf(l->A, "%s.nhwc", v->name), BUF_CONST, v->type, channels_last(kc, v->tensor));
    if (l->buf[id] < 0)
        l->buf[id] = program_buf(l, v->name, BUF_CONST, v->type, tensor_f32(l->A, v->tensor));
    return l->buf[id];
}

static Operand *add_operand(KC *kc, Operand o)
{
    if (kc->nopnd == MAX_OPERANDS)
        bug("more than %d operands in one kernel", MAX_OPERANDS);
    kc->opnd[kc->nopnd] = o;
    return &kc->opnd[kc->nopnd++];
}

/* Is v declared as rows, which one coordinate counts through? */
static bool merged(const KC *kc, const Value *v)
{
    return kc->rows >= 0 && v->kind != VAL_CONST && v->layout.order != ORDER_STRIDED && v->type.rank == kc->frame.rank;
}

/* The operand record of a value, made on first use with the access given; reading what is written makes it rw. */
static Operand *operand(KC *kc, ValueId id, Access access, bool const_nhwc)
{
    const Value *v = val(kc, id);
    bool nhwc = v->kind == VAL_CONST ? const_nhwc : v->layout.order == ORDER_NHWC;
    for (int i = 0; i < kc->nopnd; i++)
        if (kc->opnd[i].v == id && kc->opnd[i].nhwc == nhwc && !kc->opnd[i].slotted) {
            KParam *p = &kc->k->param.v[kc->opnd[i].param];
            if (p->access != access && p->access != ACC_CONST)
                p->access = ACC_RW;
            return &kc->opnd[i];
        }
    int64_t dim[MAX_IX];
    int rank = storage_dims(v, nhwc, dim);
    if (merged(kc, v))
        rank = merge_rows(rank, dim);
    Operand *o = add_operand(kc, (Operand){.v = id, .nhwc = nhwc, .table = -1});
    const char *name;
    if (v->kind == VAL_CONST) {
        access = ACC_CONST;
        o->buf = const_buf(kc, id, nhwc);
        name = last_part(kc->A, v->name);
    } else if (v->region == REGION_ARENA) {
        o->buf = ARG_ARENA;
        o->offset = v->offset;
        name = access == ACC_RO ? "in" : "out";
    } else {
        o->buf = kc->l->buf[id];
        name = access == ACC_RO ? "in" : "out";
    }
    if (access == ACC_RO && kc->n->nin && id != kc->n->in[0])
        name = "res";
    int64_t shift = param_shift(v);
    bind_arg(kc, o->buf, o->offset + (o->buf == ARG_ARENA ? shift * dtype_size(v->type.dtype) : shift));
    o->param = kb_param(&kc->b, name, v->type.dtype, access, rank, dim);
    return o;
}

/* Elements that index i of the table's dimension lies on. */
static const Ix *look_up(KC *kc, Operand *o, const Ix *i)
{
    const Value *v = val(kc, o->v);
    const Layout *l = &v->layout;
    if (ix_is_const(i))
        return IXC(l->at[i->c]);
    if (o->table < 0)
        o->table = kc_table(kc, "at", l->at, v->type.dim[l->axis]);
    return IXV(kb_index(&kc->b, "at", o->table, (const Ix *[]){i}));
}

static const Ix *strided(KC *kc, Operand *o, const Ix *const *own, const Ix *along)
{
    const Value *v = val(kc, o->v);
    const Layout *l = &v->layout;
    const Ix *ix = IXC(l->first);
    for (int d = 0; d < v->type.rank; d++)
        if (l->at && d == l->axis)
            ix = ADD(ix, along ? along : look_up(kc, o, own[d]));
        else
            ix = ADD(ix, MULC(own[d], l->stride[d]));
    return ix;
}

/* Indices of a value's own coordinates (one per dimension of the value). along: what takes the place of the table. */
static void indices(KC *kc, Operand *o, const Ix *const *own, const Ix *along, const Ix **ix)
{
    const Value *v = val(kc, o->v);
    const Type *t = &v->type;
    if (v->layout.order == ORDER_STRIDED && v->kind != VAL_CONST) {
        ix[0] = strided(kc, o, own, along);
        return;
    }
    if (merged(kc, v)) {
        ix[0] = own[kc->rows], ix[1] = ADDC(own[t->rank - 1], o->nhwc ? v->layout.first - param_shift(v) : 0);
        return;
    }
    if (!o->nhwc) {
        int r = 0;
        for (int i = 0; i < t->rank; i++)
            if (t->dim[i] > 1)
                ix[r++] = own[i];
        if (!r)
            ix[0] = IXC(0);
        return;
    }
    int r = t->rank;
    if (v->kind == VAL_CONST) {
        const Ix *n = IXC(0);
        for (int i = 0; i < r - 3; i++)
            n = ADD(MULC(n, t->dim[i]), own[i]);
        ix[0] = n, ix[1] = own[r - 2], ix[2] = own[r - 1], ix[3] = own[r - 3];
        return;
    }
    const Layout *l = &v->layout;
    ix[0] = own[0], ix[1] = ADDC(own[layout_height(l)], l->border[0]), ix[2] = ADDC(own[layout_width(l)], l->border[1]);
    ix[3] = ADDC(own[layout_channels(l)], l->first - param_shift(v));
}

void kc_inputs(KC *kc)
{
    for (int i = 0; i < kc->n->nin; i++)
        if (val(kc, kc->n->in[i])->kind != VAL_CONST)
            operand(kc, kc->n->in[i], ACC_RO, false);
}

bool kc_vector(const KC *kc, ValueId id, const Type *frame, int vdim)
{
    return value_vector(kc->l->g, id, frame, vdim);
}

static const Expr *load_operand(KC *kc, ValueId id, const Type *frame, const Ix *const *coord, const Ix *along,
                                int vdim, int lanes, int n)
{
    const Value *v = val(kc, id);
    const Type *t = &v->type;
    Operand *o = operand(kc, id, ACC_RO, const_channels_last(v, frame, vdim));
    const Ix *own[MAX_RANK], *ix[MAX_IX];
    for (int i = 0; i < t->rank; i++)
        own[i] = t->dim[i] > 1 ? coord[i + frame->rank - t->rank] : IXC(0);
    if (t->rank == 4 && frame->rank == 4) /* a convolution's window may stand on the border of a one-pixel map */
        for (int i = 2; i < 4 && !v->layout.last; i++)
            if (t->dim[i] == 1 && frame->dim[i] == 1 && (o->nhwc || v->layout.order == ORDER_STRIDED))
                own[i] = coord[i];
    indices(kc, o, own, along, ix);
    int d = along ? v->layout.axis : own_dim(t, frame, vdim);
    if (lanes > 1 && d < 0)
        return x_splat(&kc->b, x_load(&kc->b, o->param, ix, 1, 0), lanes);
    if (lanes > 1 && !along && !side_by_side(v, o->nhwc, d))
        bug("value %d is not contiguous along dimension %d", id, vdim);
    return x_load(&kc->b, o->param, ix, lanes, n < lanes ? n : 0);
}

const Expr *kc_load(KC *kc, ValueId id, const Type *frame, const Ix *const *coord, int vdim, int lanes, int n)
{
    return load_operand(kc, id, frame, coord, NULL, vdim, lanes, n);
}

const Expr *kc_load_along(KC *kc, ValueId id, const Type *frame, const Ix *const *coord, const Ix *along, int lanes)
{
    return load_operand(kc, id, frame, coord, along, kc_type(kc, id)->rank - 1, lanes, lanes);
}

int kc_table(KC *kc, const char *param, const int64_t *at, int64_t n)
{
    int32_t *t = NEW(kc->l->A, int32_t, n);
    for (int64_t i = 0; i < n; i++)
        t[i] = (int32_t)at[i];
    uint64_t h = hash_bytes(t, (size_t)n * sizeof *t, 0);
    return kc_const(kc, param, arena_printf(kc->l->A, "table.%016llx", (unsigned long long)h), DT_I32, 1, &n, t);
}

const int64_t *kc_sort(KC *kc, ValueId id, int d, int64_t groups, KcRun *run)
{
    const Layout *l = &val(kc, id)->layout;
    if (l->order != ORDER_STRIDED || !l->at || l->axis != d)
        return NULL;
    Arena *A = kc->l->A;
    int64_t n = val(kc, id)->type.dim[d], part = n / groups, *order = NEW(A, int64_t, n), *at = NEW(A, int64_t, n);
    bool even = true;
    for (int64_t g = 0; g < n; g += part) {
        const int64_t *sorted = sorted_by(A, l->at + g, part);
        for (int64_t i = g; i < g + part; i++) {
            order[i] = sorted[i - g];
            at[i] = l->at[g + order[i]];
            even = even && at[i] == at[0] + i;
        }
    }
    *run = (KcRun){.table = even ? -1 : kc_table(kc, "at", at, n), .begin = at[0]};
    return order;
}

const Ix *kc_along(KC *kc, const KcRun *run, const Ix *i)
{
    return run->table < 0 ? ADDC(i, run->begin) : IXV(kb_index(&kc->b, "at", run->table, &i));
}

/* The parameter of a per-channel constant in the order of the result's channels. */
static int slotted(KC *kc, ValueId id)
{
    for (int i = 0; i < kc->nopnd; i++)
        if (kc->opnd[i].v == id && kc->opnd[i].slotted)
            return kc->opnd[i].param;
    const Value *v = val(kc, id);
    const float *from = tensor_f32(kc->l->A, v->tensor);
    float *to = NEW(kc->l->A, float, kc->slots);
    for (int64_t c = 0, n = type_elems(&v->type); c < n; c++)
        to[kc->slot[c]] = from[c];
    const char *name = arena_printf(kc->l->A, "%s.slots", v->name);
    Operand o = {.v = id, .table = -1, .slotted = true};
    o.param = kc_const(kc, last_part(kc->A, v->name), name, DT_F32, 1, &kc->slots, to);
    o.buf = kc->call.arg.v[kc->call.arg.n - 1].buf;
    return add_operand(kc, o)->param;
}

const Expr *kc_load_param(KC *kc, ValueId id, const Ix *at, bool vector, int lanes, int n)
{
    bool single = type_elems(kc_type(kc, id)) == 1;
    int param = kc->slot && vector && !single ? slotted(kc, id) : operand(kc, id, ACC_RO, false)->param;
    const Ix *ix[1] = {single ? IXC(0) : at};
    if (!vector || single)
        return x_splat(&kc->b, x_load(&kc->b, param, ix, 1, 0), lanes);
    return x_load(&kc->b, param, ix, lanes, n < lanes ? n : 0);
}

void kc_store(KC *kc, ValueId id, const Ix *const *coord, int vdim, const Expr *x, int n)
{
    Operand *o = operand(kc, id, ACC_WO, false);
    const Ix *ix[MAX_IX];
    const Value *v = val(kc, id);
    if (x->type.lanes > 1 && !kc->slot && own_dim(&v->type, &v->type, vdim) >= 0 && !side_by_side(v, o->nhwc, vdim))
        bug("value %d is not contiguous along dimension %d", id, vdim);
    indices(kc, o, coord, kc->slot ? coord[v->layout.axis] : NULL, ix);
    kb_store(&kc->b, o->param, ix, x, n < x->type.lanes ? n : 0);
}

static void zero_box(KC *kc, int param, const int64_t *lo, const int64_t *hi)
{
    for (int i = 0; i < 4; i++)
        if (lo[i] >= hi[i])
            return;
    static const char *const names[] = {"n", "y", "x", "c"};
    int lanes = kc->t->lanes;
    while (lanes > 1 && (hi[3] - lo[3]) % lanes)
        lanes = lanes / 2 < kc->t->min_lanes ? 1 : lanes / 2;
    const Ix *ix[4];
    for (int i = 0; i < 4; i++)
        ix[i] = IXV(kb_for(&kc->b, LOOP_SERIAL, names[i], IXC(lo[i]), IXC(hi[i]), i == 3 ? lanes : 1));
    kb_store(&kc->b, param, ix, x_const(&kc->b, vt(DT_F32, lanes), 0), 0);
    kc_close(kc, 4);
}

static bool same_place(const KC *kc, ValueId a, ValueId b)
{
    const Value *x = &kc->l->g->value.v[a], *y = &kc->l->g->value.v[b];
    return y->kind == VAL_NODE && x->region == y->region && x->offset == y->offset && type_eq(&x->type, &y->type) &&
           layout_eq(&x->layout, &y->layout, &x->type);
}

bool kc_over_operand(const KC *kc, ValueId id)
{
    const Node *n = kc->n;
    for (int k = 0; k < n->nin; k++)
        if (n->in[k] >= 0 && same_place(kc, id, n->in[k]))
            return true;
    for (int i = 0; i < n->nstep; i++)
        for (int k = 0; k < n->step[i].nin; k++)
            if (n->step[i].in[k] >= 0 && same_place(kc, id, n->step[i].in[k]))
                return true;
    return false;
}

static void zero_border(KC *kc, ValueId id)
{
    const Value *v = val(kc, id);
    const int64_t *b = v->layout.border;
    if (v->layout.order != ORDER_NHWC || !(b[0] | b[1] | b[2] | b[3]))
        return;
    if (kc_over_operand(kc, id)) /* whoever made the operand has zeroed it */
        return;
    int p = operand(kc, id, ACC_WO, false)->param;
    int64_t d[MAX_IX], c = v->layout.first - param_shift(v), channels = v->type.dim[layout_channels(&v->layout)];
    storage_dims(v, true, d);
    int64_t end = c || channels + kc->t->min_lanes <= d[3] ? c + channels : d[3]; /* the others' are theirs */
    zero_box(kc, p, (int64_t[]){0, 0, 0, c}, (int64_t[]){d[0], b[0], d[2], end});
    zero_box(kc, p, (int64_t[]){0, d[1] - b[2], 0, c}, (int64_t[]){d[0], d[1], d[2], end});
    zero_box(kc, p, (int64_t[]){0, b[0], 0, c}, (int64_t[]){d[0], d[1] - b[2], b[1], end});
    zero_box(kc, p, (int64_t[]){0, b[0], d[2] - b[3], c}, (int64_t[]){d[0], d[1] - b[2], d[2], end});
}

void kc_zero_borders(KC *kc)
{
    for (int i = 0; i < kc->n->nout; i++)
        zero_border(kc, kc->n->out[i].value);
}

