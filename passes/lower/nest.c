/* Loop nests over all elements of a type, windows along a row, and sums whose rounding error stays small. */
#include "lower.h"

/* The walk along vdim at one place of the other dimensions: size elements in steps of lanes and what is left. */
typedef struct NestWalk {
    const Ix **coord;
    int vdim, lanes;
    int64_t size, whole;
    const char *name;
    BodyFn *body;
    const void *user;
} NestWalk;

static void whole_vectors(KC *kc, const NestWalk *w, LoopKind kind)
{
    if (!w->whole)
        return;
    w->coord[w->vdim] = IXV(kb_for(&kc->b, kind, w->name, IXC(0), IXC(w->whole), w->lanes));
    w->body(kc, w->coord, w->lanes, w->lanes, w->user);
    kb_end(&kc->b);
}

static void tail(KC *kc, const NestWalk *w)
{
    if (w->whole == w->size)
        return;
    w->coord[w->vdim] = IXC(w->whole);
    w->body(kc, w->coord, w->lanes, (int)(w->size - w->whole), w->user);
}

static bool over_operand(const KC *kc)
{
    for (int i = 0; i < kc->n->nout; i++)
        if (kc_over_operand(kc, kc->n->out[i].value))
            return true;
    return false;
}

void kc_nest(KC *kc, const Type *frame, int vdim, int lanes, bool parallel, BodyFn *body, const void *user)
{
    static const char *const names4[] = {"n", "c", "y", "x"};
    static const char *const names[] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    const char *const *name = frame->rank == 4 ? names4 : names;
    int dims[MAX_RANK], nd = 0;
    const Ix *coord[MAX_RANK];
    for (int i = 0; i < frame->rank; i++) {
        coord[i] = IXC(0);
        if (i != vdim && frame->dim[i] > 1)
            dims[nd++] = i;
    }
    parallel = parallel && type_elems(frame) >= kc->t->machine->parallel_elements;
    int64_t size = frame->rank ? frame->dim[vdim] : 1;
    while (lanes > kc->t->min_lanes && lanes / 2 >= size)
        lanes /= 2;
    if (size == 1)
        lanes = 1;
    /* Machines wait for a store of part of a vector where the next load begins: then such stores go apart. */
    bool over = nd > 1 && over_operand(kc);
    while (over && lanes > kc->t->min_lanes && lanes > size)
        lanes /= 2;
    NestWalk w = {coord, vdim, lanes, size, size / lanes * lanes, frame->rank ? name[vdim] : names[0], body, user};
    bool apart = over && lanes > 1 && w.whole && w.whole < size;
    for (int k = 0; k < nd - apart; k++)
        coord[dims[k]] = IXV(kb_for(&kc->b, parallel && !k ? LOOP_PARALLEL : LOOP_SERIAL, name[dims[k]], IXC(0),
                                    IXC(frame->dim[dims[k]]), 1));
    for (int part = 0; part <= apart; part++) {
        if (apart)
            coord[dims[nd - 1]] =
                IXV(kb_for(&kc->b, LOOP_SERIAL, name[dims[nd - 1]], IXC(0), IXC(frame->dim[dims[nd - 1]]), 1));
        if (!apart || part == 0)
            whole_vectors(kc, &w, parallel && !nd && w.whole == size ? LOOP_PARALLEL : LOOP_SERIAL);
        if (!apart || part == 1)
            tail(kc, &w);
        if (apart)
            kb_end(&kc->b);
    }
    for (int k = 0; k < nd - apart; k++)
        kb_end(&kc->b);
}

/* Opens a loop over the elements of dimension d from `from` on that are in a block. */
static const Ix *in_block(KC *kc, const char *name, const Ix *from, int64_t block, int64_t size)
{
    const Ix *to = ADDC(from, block);
    return IXV(kb_for(&kc->b, LOOP_SERIAL, name, from, size % block ? ix_min(kc->A, to, IXC(size)) : to, 1));
}

void kc_nest_across(KC *kc, const Type *frame, int vdim, int across, bool parallel, BodyFn *body, const void *user)
{
    enum { ROWS = 16, COLUMNS = 8 }; /* rows a power of two apart fall into few sets of a cache, which have 8 ways */
    static const char *const names[] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    const Ix *coord[MAX_RANK], *from[2];
    int opened = 4;
    LoopKind kind = parallel && type_elems(frame) >= kc->t->machine->parallel_elements ? LOOP_PARALLEL : LOOP_SERIAL;
    for (int d = 0; d < frame->rank; d++) {
        coord[d] = IXC(0);
        if (d == vdim || d == across || frame->dim[d] == 1)
            continue;
        coord[d] = IXV(kb_for(&kc->b, kind, names[d], IXC(0), IXC(frame->dim[d]), 1));
        kind = LOOP_SERIAL, opened++;
    }
    from[0] = IXV(kb_for(&kc->b, kind, "rows", IXC(0), IXC(frame->dim[across]), ROWS));
    from[1] = IXV(kb_for(&kc->b, LOOP_SERIAL, "columns", IXC(0), IXC(frame->dim[vdim]), COLUMNS));
    coord[across] = in_block(kc, names[across], from[0], ROWS, frame->dim[across]);
    coord[vdim] = in_block(kc, names[vdim], from[1], COLUMNS, frame->dim[vdim]);
    body(kc, coord, 1, 1, user);
    kc_close(kc, opened);
}

int kc_across(const KC *kc, ValueId v, const Type *frame, int vdim)
{
    return value_across(kc->l->g, kc->t, v, frame, vdim);
}

const Expr *x_gather(KB *b, XOp op, int reg, const Expr *x)
{
    return op == X_maximum ? x_bin(b, op, x, x_reg(b, reg)) : x_bin(b, op, x_reg(b, reg), x);
}

void kc_add_parts(KC *kc, int acc, int part, int elems)
{
    KB *b = &kc->b;
    if (!elems) {
        kb_set(b, acc, NULL, NULL, x_bin(b, X_add, x_reg(b, acc), x_reg(b, part)));
        return;
    }
    const Ix *q = IXV(kb_for(b, LOOP_UNROLL, "q", IXC(0), IXC(elems), 1));
    kb_set(b, acc, q, NULL, x_bin(b, X_add, x_tile(b, acc, q, NULL), x_tile(b, part, q, NULL)));
    kb_end(b);
}

/* The length of the blocks in which many terms are added up: of 256, blocks of blocks. */
static int64_t sum_block(int64_t n)
{
    int64_t block = 1;
    while (block < SUM_BLOCK && block * block < n)
        block *= 2;
    return block * block < n ? block * block : block;
}

static void add_blocks(KC *kc, const Terms *t, const Ix *lo, const Ix *hi, int64_t block, bool even, int acc)
{
    KB *b = &kc->b;
    const Expr *zero = x_const(b, vt(DT_F32, t->lanes), 0);
    const Ix *from = IXV(kb_for(b, LOOP_SERIAL, "blk", lo, hi, block)), *to = ADDC(from, block);
    int part = t->elems ? kb_tile(b, "part", t->elems, 0, zero) : kb_let(b, "part", zero);
    kc_add_up(kc, t, from, even ? to : ix_min(kc->A, to, hi), block, part);
    kc_add_parts(kc, acc, part, t->elems);
    kb_end(b);
}

void kc_add_up(KC *kc, const Terms *t, const Ix *lo, const Ix *hi, int64_t most, int acc)
{
    if (most < (t->least ? t->least : LONG_SUM)) {
        t->add(kc, IXV(kb_for(&kc->b, t->unroll ? LOOP_UNROLL : LOOP_SERIAL, t->name, lo, hi, 1)), acc, t->user);
        kb_end(&kc->b);
        return;
    }
    int64_t block = sum_block(most), known = ix_is_const(lo) && ix_is_const(hi) ? hi->c - lo->c : 0;
    const Ix *whole = known ? ADDC(lo, known / block * block) : hi; /* of a known number, what is left comes apart */
    add_blocks(kc, t, lo, whole, block, known > 0, acc);
    if (known % block)
        add_blocks(kc, t, whole, hi, known % block, true, acc);
}

typedef struct Fold { XOp op; TermFn *term; const void *user; } Fold;

static void fold_term(KC *kc, const Ix *i, int acc, const void *user)
{
    const Fold *f = user;
    kb_set(&kc->b, acc, NULL, NULL, x_gather(&kc->b, f->op, acc, f->term(kc, i, f->user)));
}

int kc_fold(KC *kc, const char *name, XOp op, const Expr *init, int64_t n, TermFn *term, const void *user)
{
    Fold f = {op, term, user};
    Terms t = {.name = "i", .add = fold_term, .user = &f, .lanes = init->type.lanes, .least = FOLD_LONG};
    int total = kb_let(&kc->b, name, init);
    kc_add_up(kc, &t, IXC(0), IXC(n), op == X_add ? n : 1, total);
    return total;
}

Slide kc_slide(const KC *kc, int64_t k, int dim) { return node_slide(kc->l->g, kc->n, k, dim); }

void kc_close(KC *kc, int n)
{
    while (n--)
        kb_end(&kc->b);
}

const Ix *kc_each(KC *kc, LoopKind kind, const char *name, int64_t n)
{
    return n > 1 ? IXV(kb_for(&kc->b, kind, name, IXC(0), IXC(n), 1)) : IXC(0);
}

void kc_clip(KC *kc, const Slide *w, const Ix *o, const Ix **lo, const Ix **hi)
{
    const Ix *at = ADDC(MULC(o, w->s), -w->p), *back = MULC(at, -1);
    if (w->d < 0) { /* k > (at - in) / |d| and k <= at / |d| */
        *lo = ix_max(kc->A, IXC(0), ADDC(ix_div(kc->A, ADDC(at, -w->in), -w->d), 1));
        *hi = ix_min(kc->A, IXC(w->k), ADDC(ix_div(kc->A, at, -w->d), 1));
        return;
    }
    bool inside = (w->out - 1) * w->s + (w->k - 1) * w->d - w->p < w->in; /* the last window */
    *lo = w->p ? ix_max(kc->A, IXC(0), ix_div(kc->A, ADDC(back, w->d - 1), w->d)) : IXC(0);
    *hi = inside ? IXC(w->k) : ix_min(kc->A, IXC(w->k), ix_div(kc->A, ADDC(back, w->in + w->d - 1), w->d));
}

void kc_columns(KC *kc, const Slide *w, bool peel, int px,
                void (*tile)(KC *, const Ix *, int, bool, const void *), const void *user)
{
    int64_t x0 = 0, x1 = w->out;
    if (peel) { /* outputs [x0, x1) have whole windows */
        x0 = imin(w->out, (w->p + w->s - 1) / w->s);
        int64_t last = w->in + w->p - (w->k - 1) * w->d - 1;
        x1 = imax(x0, last < 0 ? 0 : imin(w->out, last / w->s + 1));
        if (w->d < 0)
            x0 = x1 = w->out;
    }
    int64_t p = imax(1, imin(px, x1 - x0)), whole = x0 + (x1 - x0) / p * p;
    struct { int64_t lo, hi, step; bool clip; } part[] = {
        {0, x0, 1, true}, {x0, whole, p, false}, {whole, x1, imax(1, x1 - whole), false}, {x1, w->out, 1, true}};
    for (int i = 0; i < LEN(part); i++) {
        if (part[i].lo >= part[i].hi)
            continue;
        int64_t tiles = (part[i].hi - part[i].lo) / part[i].step, block = sum_block(tiles) * part[i].step;
        bool apart = kc_sums(kc) && tiles >= LONG_SUM;
        const Ix *lo = IXC(part[i].lo), *hi = IXC(part[i].hi);
        if (apart) {
            lo = IXV(kb_for(&kc->b, LOOP_SERIAL, "columns", lo, hi, block));
            hi = ix_min(kc->A, ADDC(lo, block), hi);
            kc_begin_columns(kc);
        }
        const Ix *x = IXV(kb_for(&kc->b, LOOP_SERIAL, "x", lo, hi, part[i].step));
        tile(kc, x, (int)part[i].step, part[i].clip, user);
        kb_end(&kc->b);
        if (apart) {
            kc_end_columns(kc);
            kb_end(&kc->b);
        }
    }
}
