/* Graph to loops: one kernel per node by the builder of its family, kernels that are equal but for numbers shared. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lower.h"
#include "lowering.h"

static void buffers(Lower *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < g->value.n; i++)
        l->buf[i] = -1;
    for (int out = 0; out < 2; out++) {
        int n = out ? g->output.n : g->input.n;
        for (int i = 0; i < n; i++) {
            ValueId v = out ? g->output.v[i] : g->input.v[i];
            const Value *val = &g->value.v[v];
            l->buf[v] = program_buf(l, val->name, out ? BUF_OUTPUT : BUF_INPUT, val->type, NULL);
        }
    }
    for (int i = 0; i < g->node.n; i++) { /* views of inputs */
        const Node *n = &g->node.v[i];
        if (n->view && l->buf[n->in[0]] >= 0)
            l->buf[n->out[0].value] = l->buf[n->in[0]];
    }
}

static const char *c_name(Arena *A, int index, const char *s)
{
    char *name = arena_printf(A, "k%d_%.40s", index, s);
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '_';
    return name;
}

static const char *dims_text(Arena *A, const Type *t)
{
    Buf b = {0};
    for (int i = 0; i < t->rank; i++)
        buf_printf(&b, "%s%lld", i ? "x" : "", (long long)t->dim[i]);
    const char *s = arena_printf(A, "%s", b.s ? b.s : "1");
    buf_free(&b);
    return s;
}

static const char *step_name(const Node *n, int k) { return op_info[k ? n->step[k - 1].op : n->op].name; }

static const char *steps_text(Arena *A, const Node *n)
{
    const char *s = "";
    for (int i = 0; i < n->nstep; i++)
        s = arena_printf(A, "%s%s%s", s, i ? " " : "", op_info[n->step[i].op].name);
    return s;
}

/* The last step's result alone? */
static bool one_result(const Node *n)
{
    return op_is(n->op, P_MULTI) || (n->nout == 1 && n->out[0].red == RED_NONE && n->out[0].step == n->nstep);
}

/* "relu square": the steps. "relu square -> relu, mean": and the results. A reduction of another step than the last
   says so: "mean(relu)". */
static const char *epilogue_text(Arena *A, const Node *n)
{
    const char *s = steps_text(A, n);
    for (int i = 0; i < n->nout && !one_result(n); i++) {
        const Out *o = &n->out[i];
        const char *window = "", *of = o->red == RED_NONE ? step_name(n, o->step) : "";
        if (o->kernel.n)
            window = arena_printf(A, " %lldx%lld", (long long)o->kernel.v[0], (long long)o->kernel.v[1]);
        if (o->red != RED_NONE && o->step != n->nstep)
            of = arena_printf(A, "(%s)", step_name(n, o->step));
        const char *red = o->red == RED_NONE ? "" : reduce_name(o->red);
        s = arena_printf(A, "%s%s%s%s%s", s, i ? ", " : *s ? " -> " : "-> ", red, window, of);
    }
    return s;
}

/* "; mean of squares over 49 pixels; the map is never stored" */
static const char *reduced_text(Arena *A, const Node *n, const Type *frame)
{
    const char *s = "", *map = "; the map is never stored";
    for (int i = 0; i < n->nout; i++) {
        const Out *o = &n->out[i];
        if (o->red == RED_NONE) {
            map = "; the map is stored too";
            continue;
        }
        const char *of = !o->step ? "" : arena_printf(A, " of %s", step_name(n, o->step));
        if (o->step && n->step[o->step - 1].op == OP_square)
            of = " of squares";
        s = arena_printf(A, "%s; %s%s over ", s, reduce_name(o->red), of);
        if (o->kernel.n)
            s = arena_printf(A, "%swindows of %lldx%lld", s, (long long)o->kernel.v[0], (long long)o->kernel.v[1]);
        else
            s = arena_printf(A, "%s%lld pixels", s, (long long)(frame->dim[2] * frame->dim[3]));
    }
    return *s ? arena_printf(A, "%s%s", s, map) : "";
}

/* What the kernel computes, without names: calls of one kernel share it. */
static const char *title(KC *kc)
{
    const Node *n = kc->n;
    Arena *A = kc->l->A;
    const char *in = n->nin ? dims_text(A, kc_type(kc, n->in[0])) : "", *out = dims_text(A, &kc->frame);
    const char *red = reduced_text(A, n, &kc->frame), *ep = *red ? steps_text(A, n) : epilogue_text(A, n), *window = "";
    if (n->op == OP_conv2d || n->op == OP_conv_transpose2d) {
        const Type *w = kc_type(kc, n->in[1]);
        window = arena_printf(A, " %lldx%lld stride %lld", (long long)w->dim[2], (long long)w->dim[3],
                              (long long)n->attr.stride.v[0]);
    } else if (op_is(n->op, P_WINDOW))
        window = arena_printf(A, " %lldx%lld stride %lld", (long long)n->attr.kernel.v[0],
                              (long long)n->attr.kernel.v[1], (long long)n->attr.stride.v[0]);
    return arena_printf(A, "%s%s: %s -> %s%s%s%s; %s", op_info[n->op].name, window, in, out, *ep ? ", then " : "", ep,
                        red, schedule_text(A, kc->s));
}

static int64_t type_bytes(const Type *t) { return type_elems(t) * dtype_size(t->dtype); }

static const char *types_text(const KC *kc)
{
    const char *s = "";
    for (int i = 0; i < kc->n->nout; i++)
        s = arena_printf(kc->l->A, "%s%s%s", s, i ? ", " : "", type_text(kc->l->A, kc_type(kc, kc->n->out[i].value)));
    return s;
}

static void account(KC *kc)
{
    Call *c = &kc->call;
    const Node *n = kc->n;
    const Graph *g = kc->l->g;
    c->layers = n->layers ? n->layers : n->name ? n->name : op_info[n->op].name;
    c->op = op_info[n->op].name;
    c->epilogue = epilogue_text(kc->l->A, n);
    c->impl = schedule_text(kc->l->A, kc->s);
    c->shape = types_text(kc);
    c->loc = n->loc;
    c->why = n->why;
    c->macs = node_macs(g, n);
    for (int i = 0; i < kc->nopnd; i++) {
        const Value *v = &g->value.v[kc->opnd[i].v];
        Access a = kc->k->param.v[kc->opnd[i].param].access;
        if (v->kind == VAL_CONST)
            continue;
        if (a != ACC_WO)
            c->bytes_read += type_bytes(&v->type);
        if (a != ACC_RO)
            c->bytes_written += type_bytes(&v->type);
    }
    for (int i = 0; i < n->nout; i++)
        for (int k = 0; k < kc->nopnd; k++)
            if (kc->opnd[k].v == n->out[i].value)
                PUSH(kc->l->A, &c->out, ((struct CallOut){n->out[i].value, {kc->opnd[k].buf, kc->opnd[k].offset}}));
}

/* Marks parameters that may be the same memory as another one that is written. */
static void find_aliases(KC *kc)
{
    for (int i = 0; i < kc->nopnd; i++)
        for (int k = 0; k < i; k++) {
            const Operand *a = &kc->opnd[i], *b = &kc->opnd[k];
            const Value *va = &kc->l->g->value.v[a->v], *vb = &kc->l->g->value.v[b->v];
            KParam *p = kc->k->param.v;
            if (a->buf == b->buf && a->offset < b->offset + vb->bytes && b->offset < a->offset + va->bytes &&
                (p[a->param].access == ACC_WO || p[a->param].access == ACC_RW ||
                 p[b->param].access == ACC_WO || p[b->param].access == ACC_RW))
                p[a->param].alias = p[b->param].alias = true;
        }
}

static void build_kernel(KC *kc)
{
    switch (kc->n->op) {
    case OP_conv2d:
        kc->s->impl == IMPL_DEPTHWISE  ? lower_depthwise(kc)
        : kc->s->impl == IMPL_WINOGRAD ? lower_winograd(kc)
                                       : lower_conv(kc);
        break;
    case OP_conv_transpose2d: lower_conv_transpose(kc); break;
    case OP_linear: case OP_matmul: lower_matmul(kc); break;
    case OP_softmax: case OP_softmin: lower_softmax(kc); break;
    case OP_l2_normalize: lower_l2(kc); break;
    case OP_layer_norm: lower_layer_norm(kc); break;
    case OP_lstm: case OP_gru: case OP_rnn: lower_rnn(kc); break;
    case OP_map: lower_map(kc); break;
    case OP_argmax: case OP_argmin: lower_arg(kc); break;
    case OP_max_pool: case OP_avg_pool: lower_pool(kc); break;
    case OP_upsample: case OP_resize: lower_upsample(kc); break;
    default:
        if (op_is(kc->n->op, P_REDUCE))
            lower_reduce(kc);
        else if (op_is(kc->n->op, P_MOVE))
            lower_move(kc);
        else
            bug("operator '%s' reached the lowering", op_info[kc->n->op].name);
    }
}

/* Convolutions and maps reduce over H and W, dense convolutions over windows too. */
static void check_outs(const Node *n, const Type *frame)
{
    for (int i = 0; i < n->nout && !op_is(n->op, P_MULTI); i++) {
        const Out *o = &n->out[i];
        bool map = o->axes.n == 2 && o->axes.v[0] == 2 && o->axes.v[1] == 3;
        bool reduces = n->op == OP_conv2d || (n->op == OP_map && map);
        bool window = o->kernel.n && n->sched && n->sched->impl != IMPL_DEPTHWISE;
        if (o->red != RED_NONE && (frame->rank != 4 || !reduces || !(map || window)))
            bug("a result that is reduced this way has no lowering");
    }
}

/* The program's kernel that does the same as k, which is k itself where there was none. */
static int share(Lower *l, const Kernel *k)
{
    char key[20];
    snprintf(key, sizeof key, "%llx", (unsigned long long)kernel_hash(k));
    int last = dict_get(&l->kernels, key), same = last;
    while (same >= 0 && !kernel_eq(&l->p->kernel.v[same], k))
        same = l->earlier.v[same];
    if (same >= 0)
        return same;
    dict_put(&l->kernels, key, l->p->kernel.n);
    PUSH(l->A, &l->earlier, last);
    PUSH(l->A, &l->p->kernel, *k);
    return l->p->kernel.n - 1;
}

static void lower_node(Lower *l, int index)
{
    const Node *n = &l->g->node.v[index];
    if (n->op == OP_NONE || n->view)
        return;
    bug_context("lower", n->name);
    Kernel *k = NEW(l->A, Kernel, 1);
    KC kc = {.l = l, .A = l->A, .n = n, .t = l->t, .s = n->sched, .k = k};
    kc.frame = node_frame(l->g, n);
    check_outs(n, &kc.frame);
    kc.b = kb_begin(l->A, k);
    k->name = c_name(l->A, l->p->kernel.n, n->name ? n->name : op_info[n->op].name);
    k->title = title(&kc);
    kc.rows = linear_flat(kc.l->g, kc.n);
    kc_inputs(&kc);
    build_kernel(&kc);
    find_aliases(&kc);
    account(&kc);
    kc.call.kernel = share(l, k);
    PUSH(l->A, &l->p->call, kc.call);
}

static bool weights_beyond_l2(const Graph *g, const Target *t)
{
    int64_t bytes = 0;
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST)
            bytes += type_elems(&g->value.v[i].type) * 4;
    return t->lanes > 1 && bytes > t->machine->l2;
}

Program *lower_graph(Arena *A, const Graph *g, const Target *t, bool strict)
{
    Lower l = {.A = A, .g = g, .t = t, .p = NEW(A, Program, 1), .buf = NEW(A, int, g->value.n), .numbers = dict_new(A),
               .names = dict_new(A), .kernels = dict_new(A), .strict = strict};
    l.weights_beyond_l2 = weights_beyond_l2(g, t);
    l.p->arena = A;
    l.p->name = g->name;
    l.p->arena_bytes = g->arena_bytes;
    l.p->arena_align = arena_align(t);
    buffers(&l);
    for (int i = 0; i < g->node.n; i++)
        lower_node(&l, i);
    bug_context(NULL, NULL);
    return l.p;
}
