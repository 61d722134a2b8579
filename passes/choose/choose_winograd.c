/* Where convolutions become Winograd's, with which tile and in which blocks.

     3x3, stride 1, 64 -> 64 channels at 56x56   =>   winograd m=4 lanes=16 tile=1x14x2 */
#include "choose.h"
#include "schedule.h"

/* Results may be so far from exact ones, relative to the largest (runtime_min/README.md, "Numbers"). */
static const double error_allowed = 1e-4;

bool winograd_allowed(const Winograd *w) { return winograd_error(w) <= error_allowed; }

/* The weights of all convolutions may grow to so many times their size. */
enum { GROWTH = 4 };

WinoRoom winograd_shared_room(Arena *A, const Graph *g)
{
    WinoRoom r = {.forms = NEW(A, unsigned, g->value.n)};
    bool *seen = NEW(A, bool, g->value.n);
    for (int i = 0; i < g->node.n; i++) {
        ValueId w = g->node.v[i].op == OP_conv2d ? g->node.v[i].in[1] : -1;
        if (w < 0 || seen[w])
            continue;
        seen[w] = true;
        r.weights += type_elems(&g->value.v[w].type) * 4;
    }
    r.left = (GROWTH - 1) * r.weights;
    return r;
}

WinoRoom winograd_room(const Graph *g)
{
    Arena *A = arena_new();
    WinoRoom r = winograd_shared_room(A, g);
    r.forms = NULL;
    arena_free(A);
    return r;
}

int64_t winograd_growth(const Graph *g, const Node *n, const WinoConv *v, int lanes, int m)
{
    const Type *w = &g->value.v[n->in[1]].type;
    int64_t side = m + v->r - 1;
    return 4 * (round_up(w->dim[0], lanes) * v->groups * v->inner * side * side - type_elems(w));
}

bool weights_far(const Target *t, const WinoRoom *room) { return room->weights > t->machine->l3; }

enum { PLAIN_FORM = 1 };

static unsigned form_bit(const WinoConv *v, int m)
{
    return 1u << (m + (v->stride == 1 ? 0 : WINO_MAX_N));
}

/* Bytes that these weights add. Weights that several convolutions read are stored once in every form. The first form
   takes the plain one's place. */
static int64_t room_taken(const WinoRoom *room, const Graph *g, const Node *n, const WinoConv *v, int lanes, int m)
{
    unsigned forms = room->forms ? room->forms[n->in[1]] : 0;
    if (forms & form_bit(v, m))
        return 0;
    return winograd_growth(g, n, v, lanes, m) + (forms ? 4 * type_elems(&g->value.v[n->in[1]].type) : 0);
}

/* Notes the form in which this convolution reads its weights. */
static void take_room(WinoRoom *room, const Graph *g, const Node *n, const WinoConv *v, const Schedule *s)
{
    unsigned form = s->impl == IMPL_WINOGRAD ? form_bit(v, s->wino) : PLAIN_FORM, *forms = &room->forms[n->in[1]];
    if (form == PLAIN_FORM && *forms && !(*forms & form))
        room->left -= 4 * type_elems(&g->value.v[n->in[1]].type);
    else if (form != PLAIN_FORM)
        room->left -= room_taken(room, g, n, v, s->lanes, s->wino);
    *forms |= form;
}

/* In these loops, which also prefetch, LLVM moves accumulators about when three or more vectors of weights leave it one
   register: 9 x 3 take twice their time. */
static bool fits(const Target *t, int px, int nb)
{
    return tile_fits(t, px, nb) && (nb < 3 || px * nb + nb + 2 < t->vregs);
}

/* The cheapest order of loops, number of tile rows in a block and register tile; returns its slots. A map that is
   reduced must be one block, or blocks of whole rows. */
static double choose_blocks(const Choosing *c, const WinoMap *map, const Winograd *w, Schedule *s)
{
    enum { MOST_NB = 4 };
    const Target *t = c->p->target;
    Cheapest best = {.s = *s};
    Schedule try = *s;
    int64_t ny = (map->out->dim[2] + w->m - 1) / w->m, vec = (map->out->dim[1] + s->lanes - 1) / s->lanes;
    try.wino = w->m;
    for (int64_t rows = 1; rows <= ny + 1; rows++) { /* ny + 1: all images in one block */
        try.oc_outer = rows > ny;
        if (!try.oc_outer && (ny % rows || ny * map->in->dim[0] == rows))
            continue;
        try.rows = (int)imin(rows, ny);
        if (!try.oc_outer && node_reduces(c->n) && !sum_rows(c->p, c->g, c->n, &try))
            continue;
        int64_t tiles = winograd_plan(&try, &map->conv, map->in, map->out).tiles;
        for (try.nb = 1; try.nb <= MOST_NB && try.nb <= vec; try.nb++)
            for (try.px = 1; fits(t, try.px, try.nb) && try.px <= tiles; try.px++)
                weigh(c, &best, &try, winograd_cost(t, map, w, &try));
    }
    *s = best.s;
    return best.slots;
}

static bool possible(const Pass *p, const Graph *g, const Node *n, bool band, WinoConv *v)
{
    return winograd_conv(g, n, band, v) && !node_window(n) && !p->strict && !p->target->mcu;
}

/* The cheapest tile size; returns false where the direct way is cheaper. any: whatever it costs. */
static bool choose_size(const Choosing *c, const WinoMap *map, Schedule *s, double least, bool any)
{
    int m = any ? c->p->winograd : WINO_MIN, last = any ? c->p->winograd : WINO_MAX;
    Schedule direct = *s;
    for (; m <= last && m + map->conv.r - 1 <= WINO_MAX_N; m++) {
        Winograd w = winograd_make(m, map->conv.r);
        int64_t more = room_taken(c->room, c->g, c->n, &map->conv, direct.lanes, m);
        if (!winograd_allowed(&w) || (!any && more > c->room->left))
            continue;
        Schedule try = direct;
        try.impl = IMPL_WINOGRAD, try.peel = map->conv.band, try.parts = (int)imax(1, c->p->threads);
        double slots = choose_blocks(c, map, &w, &try);
        if (any || slots < least) {
            *s = try;
            least = slots;
        }
    }
    return s->impl == IMPL_WINOGRAD;
}

void choose_winograd(const Choosing *c, Schedule *s, KernelCost direct)
{
    const Pass *p = c->p;
    const Target *t = p->target;
    const Node *n = c->n;
    bool any = p->winograd >= WINO_MIN, input = c->g->value.v[n->in[0]].kind == VAL_INPUT;
    const Type *in = &c->g->value.v[n->in[0]].type;
    WinoMap map = {.in = in, .threads = 1};
    bool band = s->peel && (t->lanes > 1 || input);
    if (p->winograd == WINOGRAD_OFF || !possible(p, c->g, n, band, &map.conv) || (!any && s->lanes == 1))
        return;
    Type out = node_step_type(c->g, n, 0);
    if (!any && imin(map.conv.groups * map.conv.inner, out.dim[1]) < t->machine->least_channels)
        return;
    map.out = &out;
    map.far = weights_far(t, c->room);
    bool taken = choose_size(c, &map, s, slots_of(&direct), any);
    if (c->room->forms)
        take_room(c->room, c->g, n, &map.conv, s);
    if (taken && p->threads > 1 && !node_reduces(n)) { /* the same tile size for any number of threads */
        Winograd w = winograd_make(s->wino, map.conv.r);
        map.threads = p->threads;
        if (c->weighed)
            c->weighed->v.n = 0;
        choose_blocks(c, &map, &w, s);
    }
}
