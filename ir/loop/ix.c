/* Index expressions. A constructor returns the canonical form: terms sorted by atom, equal atoms merged, and for a
   division or remainder everything split off that is known without knowing any variable:

     (8*y + x)/8    = y + x/8            (8*y + x)%8    = x%8
     (4*x + 2)/8    = x/2                (4*x + 2)%8    = x%2*4 + 2
     (x/4 + 3)/2    = (x + 4)/8 + 1      (x%8 + 3)/16   = 0

   Division is floor division, so all of these hold for negative values too. Nothing is assumed about the range of a
   variable; a remainder lies in 0..k. Coefficients that leave int64 are a bug: text is bounded by its parser. */
#include "loop_facts.h"
#include "loop_impl.h"

static const Ix zero;

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

static int64_t add64(int64_t a, int64_t b)
{
    int64_t r = 0;
    if (!add_ok(a, b, &r))
        bug("index expression: a constant does not fit 64 bits");
    return r;
}

static int64_t mul64(int64_t a, int64_t b)
{
    int64_t r = 0;
    if (!mul_ok(a, b, &r))
        bug("index expression: a coefficient does not fit 64 bits");
    return r;
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int ix_cmp(const Ix *a, const Ix *b);

static int atom_cmp(const Atom *a, const Atom *b)
{
    int r = order(a->kind, b->kind);
    if (r || a->kind == ATOM_VAR)
        return r ? r : order(a->var, b->var);
    if ((r = ix_cmp(a->a, b->a)))
        return r;
    return a->kind == ATOM_DIV || a->kind == ATOM_MOD ? order(a->k, b->k) : ix_cmp(a->b, b->b);
}

static int ix_cmp(const Ix *a, const Ix *b)
{
    if (a == b)
        return 0;
    int r = order(a->n, b->n);
    for (int i = 0; !r && i < a->n; i++) {
        r = atom_cmp(&a->t[i].atom, &b->t[i].atom);
        if (!r)
            r = order(a->t[i].k, b->t[i].k);
    }
    return r ? r : order(a->c, b->c);
}

bool ix_eq(const Ix *a, const Ix *b)
{
    return ix_cmp(a, b) == 0;
}

const Ix *ix_const(Arena *A, int64_t c)
{
    if (c == 0)
        return &zero;
    Ix *x = NEW(A, Ix, 1);
    x->c = c;
    return x;
}

static const Ix *ix_terms(Arena *A, int64_t c, int n, const Term *t)
{
    Ix *x = NEW(A, Ix, 1);
    *x = (Ix){c, n, t};
    return x;
}

static const Ix *ix_atom(Arena *A, Atom atom)
{
    Term *t = NEW(A, Term, 1);
    *t = (Term){1, atom};
    return ix_terms(A, 0, 1, t);
}

const Ix *ix_var(Arena *A, int var)
{
    return ix_atom(A, (Atom){.kind = ATOM_VAR, .var = var});
}

const Ix *ix_add(Arena *A, const Ix *a, const Ix *b)
{
    if (a->n == 0)
        return ix_addc(A, b, a->c);
    if (b->n == 0)
        return ix_addc(A, a, b->c);
    Term *t = NEW(A, Term, a->n + b->n);
    int n = 0, i = 0, j = 0;
    while (i < a->n || j < b->n) {
        int r = i == a->n ? 1 : j == b->n ? -1 : atom_cmp(&a->t[i].atom, &b->t[j].atom);
        if (r < 0) {
            t[n++] = a->t[i++];
        } else if (r > 0) {
            t[n++] = b->t[j++];
        } else {
            t[n] = a->t[i++];
            t[n].k = add64(t[n].k, b->t[j++].k);
            n += t[n].k != 0;
        }
    }
    return ix_terms(A, add64(a->c, b->c), n, t);
}

const Ix *ix_sub(Arena *A, const Ix *a, const Ix *b)
{
    return ix_add(A, a, ix_mulc(A, b, -1));
}

const Ix *ix_addc(Arena *A, const Ix *a, int64_t c)
{
    if (c == 0)
        return a;
    return ix_terms(A, add64(a->c, c), a->n, a->t);
}

const Ix *ix_mulc(Arena *A, const Ix *a, int64_t k)
{
    if (k == 1)
        return a;
    if (k == 0)
        return &zero;
    Term *t = a->n ? NEW(A, Term, a->n) : NULL;
    for (int i = 0; i < a->n; i++)
        t[i] = (Term){mul64(a->t[i].k, k), a->t[i].atom};
    return ix_terms(A, mul64(a->c, k), a->n, t);
}

/* Where x/k is the same for all values of x's atoms: that quotient. */
static bool constant_quotient(const Ix *x, int64_t k, int64_t *q)
{
    Range r = ix_range(NULL, x);
    *q = floor_div(r.lo, k);
    return r.known && *q == floor_div(r.hi, k);
}

/* Greatest common divisor of k and all coefficients. */
static int64_t common_factor(const Ix *x, int64_t k)
{
    for (int i = 0; i < x->n; i++)
        k = gcd(k, x->t[i].k);
    return k;
}

/* (x - x.c % g) / g, for a g that divides every coefficient. */
static const Ix *divide_exact(Arena *A, const Ix *x, int64_t g)
{
    if (g == 1)
        return x;
    Term *t = x->n ? NEW(A, Term, x->n) : NULL;
    for (int i = 0; i < x->n; i++)
        t[i] = (Term){x->t[i].k / g, x->t[i].atom};
    return ix_terms(A, floor_div(x->c, g), x->n, t);
}

const Ix *ix_div(Arena *A, const Ix *x, int64_t k)
{
    if (k <= 0)
        bug("index expression divided by %lld", (long long)k);
    if (k == 1)
        return x;
    Term *whole = NEW(A, Term, x->n + 1), *part = NEW(A, Term, x->n + 1);
    int nwhole = 0, npart = 0;
    for (int i = 0; i < x->n; i++) {
        if (x->t[i].k % k == 0)
            whole[nwhole++] = (Term){x->t[i].k / k, x->t[i].atom};
        else
            part[npart++] = x->t[i];
    }
    int64_t c = floor_div(x->c, k);
    const Ix *q = ix_terms(A, c, nwhole, whole);
    const Ix *r = ix_terms(A, x->c - c * k, npart, part);
    if (npart == 0)
        return q;

    int64_t g = common_factor(r, k);
    r = divide_exact(A, r, g);
    k /= g;
    if (constant_quotient(r, k, &c))
        return ix_addc(A, q, c);

    const Atom *a = &r->t[0].atom;
    int64_t kk;
    if (r->n == 1 && r->t[0].k == 1 && a->kind == ATOM_DIV && mul_ok(a->k, k, &kk) && kk < INT64_MAX / 4)
        return ix_add(A, q, ix_div(A, ix_addc(A, a->a, a->k * r->c), kk));
    return ix_add(A, q, ix_atom(A, (Atom){.kind = ATOM_DIV, .k = k, .a = r}));
}

const Ix *ix_mod(Arena *A, const Ix *x, int64_t k)
{
    if (k <= 0)
        bug("index expression modulo %lld", (long long)k);
    Term *t = NEW(A, Term, x->n + 1);
    int n = 0;
    for (int i = 0; i < x->n; i++) {
        const Term *s = &x->t[i];
        int64_t period;
        if (s->k % k == 0)
            continue;
        /* (m*(a % j)) % k = (m*a) % k where k divides m*j */
        if (s->atom.kind == ATOM_MOD && mul_ok(s->k, s->atom.k, &period) && period % k == 0) {
            const Ix *rest = ix_sub(A, x, ix_mulc(A, ix_atom(A, s->atom), s->k));
            return ix_mod(A, ix_add(A, rest, ix_mulc(A, s->atom.a, s->k % k)), k);
        }
        t[n++] = (Term){s->k % k, s->atom};
    }
    int64_t c = x->c - floor_div(x->c, k) * k, q;
    if (n == 0)
        return ix_const(A, c);
    const Ix *r = ix_terms(A, c, n, t);
    if (constant_quotient(r, k, &q))
        return ix_addc(A, r, -q * k);
    int64_t g = common_factor(r, k);
    if (g > 1)
        return ix_addc(A, ix_mulc(A, ix_mod(A, divide_exact(A, r, g), k / g), g), c % g);
    return ix_atom(A, (Atom){.kind = ATOM_MOD, .k = k, .a = r});
}

static const Ix *ix_minmax(Arena *A, AtomKind kind, const Ix *a, const Ix *b)
{
    const Ix *d = ix_sub(A, a, b);
    Range r = ix_range(NULL, d);
    if (r.known && r.hi <= 0)
        return kind == ATOM_MIN ? a : b;
    if (r.known && r.lo >= 0)
        return kind == ATOM_MIN ? b : a;
    bool swap = a->n == 0 || (b->n > 0 && ix_cmp(a, b) > 0); /* a constant stands last */
    return ix_atom(A, (Atom){.kind = kind, .a = swap ? b : a, .b = swap ? a : b});
}

const Ix *ix_min(Arena *A, const Ix *a, const Ix *b)
{
    return ix_minmax(A, ATOM_MIN, a, b);
}

const Ix *ix_max(Arena *A, const Ix *a, const Ix *b)
{
    return ix_minmax(A, ATOM_MAX, a, b);
}

bool ix_uses(const Ix *x, int var)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *a = &x->t[i].atom;
        if (a->kind == ATOM_VAR ? a->var == var : ix_uses(a->a, var) || (a->b && ix_uses(a->b, var)))
            return true;
    }
    return false;
}

/* One variable and what stands for it, or all of them (NULL: itself). */
typedef struct Subst { int var; const Ix *by; const Ix *const *all; } Subst;

static const Ix *subst(Arena *A, const Ix *x, const Subst *s);

static const Ix *atom_subst(Arena *A, const Atom *a, const Subst *s)
{
    const Ix *by;
    switch (a->kind) {
    case ATOM_DIV:
        return ix_div(A, subst(A, a->a, s), a->k);
    case ATOM_MOD:
        return ix_mod(A, subst(A, a->a, s), a->k);
    case ATOM_MIN:
    case ATOM_MAX:
        return ix_minmax(A, a->kind, subst(A, a->a, s), subst(A, a->b, s));
    default:
        by = s->all ? s->all[a->var] : a->var == s->var ? s->by : NULL;
        return by ? by : ix_atom(A, *a);
    }
}

static const Ix *subst(Arena *A, const Ix *x, const Subst *s)
{
    const Ix *r = ix_const(A, x->c);
    for (int i = 0; i < x->n; i++)
        r = ix_add(A, r, ix_mulc(A, atom_subst(A, &x->t[i].atom, s), x->t[i].k));
    return x->n ? r : x;
}

const Ix *ix_subst(Arena *A, const Ix *x, int var, const Ix *by)
{
    return ix_uses(x, var) ? subst(A, x, &(Subst){.var = var, .by = by}) : x;
}

const Ix *ix_subst_all(Arena *A, const Ix *x, const Ix *const *by)
{
    return subst(A, x, &(Subst){.all = by});
}

static int64_t atom_eval(const Atom *a, const int64_t *vars)
{
    if (a->kind == ATOM_VAR)
        return vars[a->var];
    int64_t x = ix_eval(a->a, vars), q;
    switch (a->kind) {
    case ATOM_DIV:
        return floor_div(x, a->k);
    case ATOM_MOD:
        q = x % a->k;
        return q < 0 ? q + a->k : q;
    default:
        q = ix_eval(a->b, vars);
        return a->kind == ATOM_MIN ? imin(x, q) : imax(x, q);
    }
}

/* Wraps like the machine: program_check has bounded what can be reached. */
int64_t ix_eval(const Ix *x, const int64_t *vars)
{
    uint64_t r = (uint64_t)x->c;
    for (int i = 0; i < x->n; i++)
        r += (uint64_t)x->t[i].k * (uint64_t)atom_eval(&x->t[i].atom, vars);
    return (int64_t)r;
}
