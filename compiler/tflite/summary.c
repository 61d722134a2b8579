/* What a quantized model holds: its layers with types, grids and costs. */
#include "import.h"

static int64_t macs_of(const TflImport *x, int i)
{
    int64_t macs = 0;
    for (int n = x->first_node[i]; n < x->first_node[i + 1]; n++)
        if (x->g->node.v[n].op != OP_NONE)
            macs += node_macs(x->g, &x->g->node.v[n]);
    return macs;
}

/* Numbers that are computed with, and none of a shape: floats, and integers on a grid. */
static bool is_parameter(const TflTensor *t)
{
    return t->constant && (t->type == TT_FLOAT32 || t->type == TT_FLOAT16 || tensor_quantized(t));
}

static int64_t elements(const TflTensor *t)
{
    Type type = type_make(DT_F32, t->rank, t->dim);
    return type_elems(&type);
}

/* seen: constants that an earlier layer has. */
static QuantizedLayer layer_of(const TflImport *x, int i, bool *seen, Quantized *q)
{
    Arena *A = x->arena;
    const TflOp *op = &x->m->op[i];
    const TflTensor *out = &x->m->tensor[op->out[0]];
    QuantizedLayer l = {.kind = operator_name(A, op->code), .name = out->name, .out = tensor_text(A, out),
                        .macs = macs_of(x, i)};
    for (int k = 0; k < op->nin; k++) {
        const TflTensor *t = op->in[k] < 0 ? NULL : &x->m->tensor[op->in[k]];
        if (!t || !is_parameter(t))
            continue;
        if (!l.weight)
            l.weight = tensor_text(A, t);
        if (seen[op->in[k]])
            continue;
        seen[op->in[k]] = true;
        l.bytes += t->bytes;
        q->parameters += elements(t);
    }
    q->macs += l.macs;
    q->bytes += l.bytes;
    return l;
}

static const char **ports(const TflImport *x, const int *tensor, int n)
{
    const char **out = NEW(x->arena, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        const TflTensor *t = &x->m->tensor[tensor[i]];
        out[i] = arena_printf(x->arena, "%s %s", t->name, tensor_text(x->arena, t));
    }
    return out;
}

Quantized *summarize(TflImport *x)
{
    const TflModel *m = x->m;
    Quantized *q = NEW(x->arena, Quantized, 1);
    bool *seen = NEW(x->arena, bool, m->ntensor + 1);
    *q = (Quantized){.type = x->quantized, .input = ports(x, m->input, m->ninput), .ninput = m->ninput,
                     .output = ports(x, m->output, m->noutput), .noutput = m->noutput};
    q->layer = NEW(x->arena, QuantizedLayer, m->nop + 1);
    for (int i = 0; i < m->nop; i++)
        if (m->op[i].nout && x->needed[m->op[i].out[0]])
            q->layer[q->nlayer++] = layer_of(x, i, seen, q);
    return q;
}
