/* Layouts: addresses, text, checks. */
#include "layout.h"

#include <string.h>

#include "../lex.h"

Layout layout_row(void) { return (Layout){.order = ORDER_ROW}; }

bool layout_eq(const Layout *a, const Layout *b, const Type *t)
{
    if (a->order != b->order || a->first != b->first || a->group != b->group || a->room != b->room)
        return false;
    if (a->order == ORDER_NHWC)
        return a->cstride == b->cstride && a->last == b->last && !memcmp(a->border, b->border, sizeof a->border);
    if (a->order == ORDER_ROW)
        return true;
    for (int d = 0; d < t->rank; d++)
        if (a->stride[d] != b->stride[d])
            return false;
    if (!a->at != !b->at || (a->at && a->axis != b->axis))
        return false;
    return !a->at || a->at == b->at || !memcmp(a->at, b->at, (size_t)t->dim[a->axis] * sizeof *a->at);
}

/* ---- addresses ---- */

static int64_t row_pitch(const Layout *l, const Type *t)
{
    return (l->border[1] + t->dim[layout_width(l)] + l->border[3]) * l->cstride;
}

static int64_t row_count(const Layout *l, const Type *t)
{
    return l->border[0] + t->dim[layout_height(l)] + l->border[2];
}

int64_t layout_room(const Layout *l, const Type *t)
{
    if (l->group)
        return l->room;
    if (l->order == ORDER_NHWC)
        return t->dim[0] * row_count(l, t) * row_pitch(l, t);
    return type_elems(t);
}

int64_t layout_place(const Layout *l, const Type *t, const int64_t *coord)
{
    int64_t at = 0;
    if (l->order == ORDER_NHWC) {
        int64_t row = row_pitch(l, t);
        int64_t y = l->border[0] + coord[layout_height(l)], x = l->border[1] + coord[layout_width(l)];
        at = coord[0] * row_count(l, t) * row + y * row + x * l->cstride + coord[layout_channels(l)];
    } else
        for (int d = 0; d < t->rank; d++)
            if (l->order == ORDER_ROW)
                at = at * t->dim[d] + coord[d];
            else
                at += l->at && d == l->axis ? l->at[coord[d]] : coord[d] * l->stride[d];
    return l->first + at;
}

bool layout_contiguous(const Layout *l, const Type *t, int d)
{
    if (l->order == ORDER_NHWC)
        return d == layout_channels(l);
    if (l->order == ORDER_STRIDED)
        return l->stride[d] == 1 && !(l->at && l->axis == d);
    for (int i = d + 1; i < t->rank; i++)
        if (t->dim[i] > 1)
            return false;
    return true;
}

void layout_gather(const Layout *l, const Type *t, const float *memory, float *out)
{
    int64_t n = type_elems(t), coord[MAX_RANK] = {0};
    if (l->order == ORDER_ROW) {
        memcpy(out, memory + l->first, (size_t)n * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = memory[layout_place(l, t, coord)];
        for (int d = t->rank - 1; d >= 0 && ++coord[d] == t->dim[d]; d--)
            coord[d] = 0;
    }
}

/* ---- checks ---- */

static const char *check_room(Arena *A, const Layout *l, const Type *t)
{
    int64_t lo = 0, hi = 0, steps[MAX_RANK] = {0};
    for (int d = 0; d < t->rank; d++) /* strides are not negative: the last element is the farthest but for the table */
        if (l->at && d == l->axis)
            for (int64_t i = 0; i < t->dim[d]; i++)
                lo = i ? imin(lo, l->at[i]) : l->at[i], hi = imax(hi, l->at[i]);
        else
            steps[d] = t->dim[d] - 1;
    Layout flat = *l;
    flat.at = NULL;
    if (l->at)
        flat.stride[l->axis] = 0;
    int64_t last = layout_place(&flat, t, steps) + hi;
    if (l->first < 0 || lo < 0 || last >= layout_room(l, t))
        return arena_printf(A, "%s reaches element %lld of %lld", type_text(A, t), (long long)last,
                            (long long)layout_room(l, t));
    return NULL;
}

static bool within(int64_t x) { return x >= 0 && x <= MAX_ELEMS; }

/* Elements of a map with its border: does their number fit? */
static bool countable(const Layout *l, const Type *t)
{
    int64_t n = t->dim[0];
    return mul_ok(n, row_count(l, t), &n) && mul_ok(n, l->border[1] + t->dim[layout_width(l)] + l->border[3], &n) &&
           mul_ok(n, l->cstride, &n) && n <= MAX_ELEMS;
}

const char *layout_check(Arena *A, const Layout *l, const Type *t)
{
    int64_t borders = 0;
    for (int i = 0; i < 4; i++) {
        if (!within(l->border[i]))
            return "a border is out of range";
        borders |= l->border[i];
    }
    if (l->group < 0 || !within(l->room) || !within(l->first) || (!l->group && (l->room || l->first)))
        return "a storage that is not shared has neither room nor a first element";
    if (l->order != ORDER_NHWC && (l->cstride || borders || l->last))
        return "a layout other than nhwc has a border or a channel stride";
    bool map = t->rank == 4 && l->cstride >= t->dim[layout_channels(l)] && l->cstride <= MAX_ELEMS && countable(l, t);
    if (l->order == ORDER_NHWC && !map)
        return arena_printf(A, "an nhwc layout with c=%lld does not fit %s", (long long)l->cstride, type_text(A, t));
    if (l->order == ORDER_STRIDED) {
        if (!l->group)
            return "a strided layout has no storage";
        for (int d = 0; d < t->rank; d++) {
            int64_t reach;
            if (!within(l->stride[d]) || !mul_ok(l->stride[d], t->dim[d], &reach) || !within(reach))
                return "a stride is out of range";
        }
        if (l->at && (l->axis < 0 || l->axis >= t->rank))
            return "the table's dimension is out of range";
    }
    return l->group ? check_room(A, l, t) : NULL;
}

/* ---- text ---- */

static void put_ints(Buf *b, const char *key, const int64_t *v, int n)
{
    buf_printf(b, "%s=[", key);
    for (int i = 0; i < n; i++)
        buf_printf(b, "%s%lld", i ? "," : "", (long long)v[i]);
    buf_putc(b, ']');
}

/* "[0:12,40,24:96:12]": runs FIRST:END[:STEP], of one number without an end. */
static void put_runs(Buf *b, const int64_t *at, int64_t n)
{
    buf_putc(b, '[');
    for (int64_t i = 0, end; i < n; i = end) {
        int64_t step = i + 1 < n ? at[i + 1] - at[i] : 0;
        for (end = i + 1; end < n && step > 0 && at[end] - at[end - 1] == step;)
            end++;
        if (end - i < 3 && step != 1)
            end = i + 1;
        buf_printf(b, "%s%lld", i ? "," : "", (long long)at[i]);
        if (end - i > 1)
            buf_printf(b, ":%lld", (long long)(at[end - 1] + 1));
        if (end - i > 1 && step > 1)
            buf_printf(b, ":%lld", (long long)step);
    }
    buf_putc(b, ']');
}

void layout_print(Buf *b, const Layout *l, const Type *t)
{
    if (l->order == ORDER_NHWC) {
        buf_printf(b, " nhwc(c=%lld", (long long)l->cstride);
        if (l->border[0] | l->border[1] | l->border[2] | l->border[3])
            put_ints(b, ", border", l->border, 4);
        buf_puts(b, l->last ? ", last)" : ")");
    } else if (l->order == ORDER_STRIDED) {
        put_ints(b, " strided(stride", l->stride, t->rank);
        if (l->at) {
            buf_printf(b, ", axis=%d, at=", l->axis);
            put_runs(b, l->at, t->dim[l->axis]);
        }
        buf_putc(b, ')');
    }
    if (l->group)
        buf_printf(b, " group(%d, first=%lld, room=%lld)", l->group, (long long)l->first, (long long)l->room);
}

static bool key(Lex *x, const char *word)
{
    return lex_eat_key(x, word) || lex_expected(x, arena_printf(x->arena, "'%s='", word));
}

/* "[1,2,3]", n numbers between 0 and MAX_ELEMS */
static bool parse_ints(Lex *x, int64_t *v, int n, const char *what)
{
    Loc at = lex_here(x, 1);
    if (!lex_expect(x, "["))
        return false;
    int got = 0;
    for (bool good = true; !lex_eat(x, "]"); got++) {
        int64_t k;
        if ((got && !lex_expect(x, ",")) || !lex_int(x, &k))
            return false;
        good = good && k >= 0 && k <= MAX_ELEMS && got < n;
        if (!good) {
            error_at(at, "%s, none negative", what);
            return false;
        }
        v[got] = k;
    }
    if (got != n)
        error_at(at, "%s, none negative", what);
    return got == n;
}

enum { MAX_TABLE = 1 << 24 };

static bool parse_run(Lex *x, int64_t *from, int64_t *to, int64_t *step)
{
    *step = 1;
    if (!lex_int(x, from))
        return false;
    *to = *from + 1;
    return !lex_eat(x, ":") || (lex_int(x, to) && (!lex_eat(x, ":") || lex_int(x, step)));
}

static bool parse_runs(Lex *x, int64_t n, const int64_t **out)
{
    Loc where = lex_here(x, 1);
    int64_t *at = NEW(x->arena, int64_t, n), got = 0, from, to, step;
    if (!lex_expect(x, "["))
        return false;
    while (!lex_eat(x, "]")) {
        if ((got && !lex_expect(x, ",")) || !parse_run(x, &from, &to, &step))
            return false;
        if (from < 0 || to <= from || to > MAX_ELEMS || step < 1 || (to - from - 1) / step >= n - got) {
            error_at(where, "runs FIRST:END:STEP of %lld indices altogether are expected", (long long)n);
            return false;
        }
        for (; from < to; from += step)
            at[got++] = from;
    }
    *out = at;
    if (got != n)
        error_at(where, "%lld indices, the dimension has %lld", (long long)got, (long long)n);
    return got == n;
}

static bool parse_nhwc(Lex *x, Layout *l)
{
    l->order = ORDER_NHWC;
    if (!lex_expect(x, "(") || !key(x, "c") || !lex_int(x, &l->cstride))
        return false;
    bool more = lex_eat(x, ",");
    l->last = more && lex_eat_word(x, "last");
    if (more && !l->last) {
        if (!key(x, "border") || !parse_ints(x, l->border, 4, "border is [top,left,bottom,right]"))
            return false;
        more = lex_eat(x, ",");
        l->last = more && lex_eat_word(x, "last");
        if (more && !l->last)
            return lex_expected(x, "'last'");
    }
    return lex_expect(x, ")");
}

static bool parse_strided(Lex *x, const Type *t, Layout *l)
{
    l->order = ORDER_STRIDED;
    if (!lex_expect(x, "(") || !key(x, "stride") || !parse_ints(x, l->stride, t->rank, "one stride per dimension"))
        return false;
    if (lex_eat(x, ",")) {
        int64_t axis;
        if (!key(x, "axis") || !lex_int(x, &axis))
            return false;
        if (axis < 0 || axis >= t->rank) {
            error_at(lex_here(x, 1), "%s has no dimension %lld", type_text(x->arena, t), (long long)axis);
            return false;
        }
        if (t->dim[axis] > MAX_TABLE) {
            error_at(lex_here(x, 1), "a table of %lld indices, at most %d can be read", (long long)t->dim[axis],
                     MAX_TABLE);
            return false;
        }
        l->axis = (int)axis;
        if (!lex_expect(x, ",") || !key(x, "at") || !parse_runs(x, t->dim[axis], &l->at))
            return false;
    }
    return lex_expect(x, ")");
}

static bool parse_group(Lex *x, Layout *l)
{
    int64_t group;
    Loc at = lex_here(x, 1);
    if (!lex_expect(x, "(") || !lex_int(x, &group) || !lex_expect(x, ",") || !key(x, "first") ||
        !lex_int(x, &l->first) || !lex_expect(x, ",") || !key(x, "room") || !lex_int(x, &l->room) ||
        !lex_expect(x, ")"))
        return false;
    if (group < 1 || group > INT32_MAX) {
        error_at(at, "groups count from 1");
        return false;
    }
    l->group = (int)group;
    return true;
}

bool layout_parse(Lex *x, const Type *t, Layout *l)
{
    *l = layout_row();
    lex_skip(x);
    Loc at = lex_here(x, 1);
    if (lex_eat_word(x, "nhwc") ? !parse_nhwc(x, l) : lex_eat_word(x, "strided") && !parse_strided(x, t, l))
        return false;
    if (lex_eat_word(x, "group") && !parse_group(x, l))
        return false;
    const char *wrong = layout_check(x->arena, l, t);
    if (wrong)
        error_at(at, "%s", wrong);
    return !wrong;
}
