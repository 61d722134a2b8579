/* Graphs as text. Blanks and line ends separate words only; `;` begins a comment, but between the braces of an
   epilogue it separates steps.

     graph   = "graph" "@" name "(" [input {"," input}] ")" "->" "(" [output {"," output}] ")" [plan]
               "{" {const | node} "}"
     plan    = "arena" "(" "bytes=" int "," "lower_bound=" int ")"
     input   = value ":" stored
     output  = operand ":" type
     const   = "const" "@" name ":" stored ["=" "[" [number {"," number}] "]"]
     node    = value {"," value} "=" op operands [attrs] ["epilogue" "{" step {";" step} "}"] ["->" out {"," out}]
               ":" stored {"," stored} ["name=" name] ["layers=" name] ["view"]
               ["scratch" "(" "bytes=" int "," "offset=" int ")"]
     step    = op operands [attrs] ["name=" name]
     out     = "$" int | ("mean" | "sum" | "max") "(" "$" int "," ("axes=" ints ["," "keep=" bool] | "kernel=" ints) ")"
     operands = [operand {"," operand}]
     operand = value | "@" name | "$" int                  "$" in steps only; a step that is one operand short has the
                                                           previous step's result in front
     value   = "%" name                                    digits without quotes: a plain value
     attrs   = "{" [name "=" attr {"," attr}] "}"          only those that differ from the operator's default
     attr    = int | number | bool | word | ints
     ints    = "[" [int {"," int}] "]"
     stored  = type [layout] ["group" "(" int "," "first=" int "," "room=" int ")"]
               [region ["(" "offset=" int "," "bytes=" int ")"]]
     layout  = "nhwc" "(" "c=" int ["," "border=" ints] ["," "last"] ")"
             | "strided" "(" "stride=" ints ["," "axis=" int "," "at=" "[" {run} "]"] ")"
     run     = int [":" int [":" int]]
     region  = "none" | "arena" | "input" | "output" | "const"
     type    = "f32[1,3,224,224]"
     name    = characters of A-Za-z0-9_.-/$, or quoted as in C ("\n", "\t", "\xHH")

   nhwc(c=64, border=[1,1,1,1]): channel stride and top, left, bottom, right border. at=[0:8,16,24:96:8]: where each
   index of that dimension lies, in runs with their ends and steps. group(1, first=64, room=4096): storage shared with
   the other values of group 1. view: no kernel runs. Where an epilogue has no outs behind "->", the node keeps its
   last step's result. */
#include "graph.h"
#include "../lex.h"

#include <math.h>
#include <string.h>

enum { SMALL_CONST = 16 };

typedef struct Print {
    Buf *b;
    const Graph *g;
    unsigned flags;
    Arena *arena;
    const int *number;
    bool bare; /* without names of nodes and steps */
} Print;

/* NULL where a malformed graph names no value: dumps are made of those too. */
static const Value *value_of(const Print *p, ValueId id)
{
    return id >= 0 && id < p->g->value.n ? &p->g->value.v[id] : NULL;
}

static void put_value(const Print *p, ValueId id)
{
    const Value *v = value_of(p, id);
    if (!v) {
        buf_printf(p->b, "%%<%d>", id);
        return;
    }
    buf_putc(p->b, v->kind == VAL_CONST ? '@' : '%');
    if (p->number[id] || !v->name)
        buf_printf(p->b, "%d", p->number[id]);
    else if (v->kind != VAL_CONST && v->name[strspn(v->name, "0123456789")] == 0)
        lex_put_quoted(p->b, v->name);
    else
        lex_put_name(p->b, v->name);
}

static void put_ints(Buf *b, const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        buf_printf(b, "%s%lld", i ? "," : "[", (long long)v[i]);
    buf_puts(b, n ? "]" : "[]");
}

/* What of a value stands behind a colon. */
static void put_stored(const Print *p, ValueId id, bool where)
{
    static const char *const region[] = {"none", "arena", "input", "output", "const"};
    const Value *v = value_of(p, id);
    buf_puts(p->b, v ? type_text(p->arena, &v->type) : "?");
    if (!v || !where || !(p->flags & PRINT_LAYOUT))
        return;
    layout_print(p->b, &v->layout, &v->type);
    bool planned = v->offset != -1 || v->bytes;
    if (v->region != REGION_NONE || planned)
        buf_printf(p->b, " %s", region[v->region]);
    if (planned)
        buf_printf(p->b, "(offset=%lld, bytes=%lld)", (long long)v->offset, (long long)v->bytes);
}

static Type printed_type(const Print *p, ValueId id)
{
    const Value *v = value_of(p, id);
    return v ? v->type : (Type){0};
}

/* ---- attributes ---- */

static void put_attr(const Print *p, Attr a, const Attrs *t)
{
    const void *f = (const char *)t + attr_info[a].offset;
    char number[32];
    buf_printf(p->b, "%s=", attr_info[a].name);
    switch (attr_info[a].kind) {
    case ATTR_INT: buf_printf(p->b, "%lld", (long long)*(const int64_t *)f); break;
    case ATTR_BOOL: buf_puts(p->b, *(const bool *)f ? "true" : "false"); break;
    case ATTR_INTS: put_ints(p->b, ((const Ints *)f)->v, ((const Ints *)f)->n); break;
    case ATTR_FLOAT:
        fmt_double(number, *(const double *)f);
        buf_puts(p->b, number);
        break;
    case ATTR_ENUM: {
        const char *word = attr_info[a].choices;
        for (int64_t i = *(const int64_t *)f; i > 0 && strchr(word, '|'); i--)
            word = strchr(word, '|') + 1;
        buf_write(p->b, word, strcspn(word, "|"));
    }
    }
}

/* Would the text without this attribute mean the same? */
static bool is_default(const Print *p, Op op, const OpAttr *row, const Attrs *t, const Type *in)
{
    size_t off = attr_info[row->attr].offset;
    static const size_t size[] = {[ATTR_INT] = sizeof(int64_t), [ATTR_FLOAT] = sizeof(double),
                                  [ATTR_BOOL] = sizeof(bool), [ATTR_INTS] = sizeof(Ints),
                                  [ATTR_ENUM] = sizeof(int64_t)};
    Attrs without = *t, dflt;
    attrs_default(op, &dflt);
    memcpy((char *)&without + off, (const char *)&dflt + off, size[attr_info[row->attr].kind]);
    attrs_normalize(p->arena, op, &without, in, 1);
    return attrs_eq(op, &without, t);
}

/* in: operand 0's type, which axes count by. */
static void put_attrs(const Print *p, Op op, const Attrs *t, const Type *in)
{
    int n = 0;
    for (int i = 0; i < op_info[op].nattrs; i++) {
        const OpAttr *row = &op_info[op].attrs[i];
        if (!row->required && is_default(p, op, row, t, in))
            continue;
        buf_puts(p->b, n++ ? ", " : " {");
        put_attr(p, row->attr, t);
    }
    if (n)
        buf_putc(p->b, '}');
}

void attrs_print(Buf *b, Arena *A, Op op, const Attrs *t, const Type *in)
{
    put_attrs(&(Print){.b = b, .arena = A}, op, t, in);
}

/* ---- nodes ---- */

static void put_step(const Print *p, const Node *n, int k, const Type *anchor)
{
    const Step *s = &n->step[k];
    buf_puts(p->b, op_info[s->op].name);
    int first = s->nin && s->nin == op_info[s->op].min_in && s->in[0] == ~k; /* the previous result is understood */
    for (int i = first; i < s->nin; i++) {
        buf_puts(p->b, i > first ? ", " : " ");
        if (s->in[i] < 0)
            buf_printf(p->b, "$%d", ~s->in[i]);
        else
            put_value(p, s->in[i]);
    }
    Type in = s->nin && s->in[0] >= 0 ? printed_type(p, s->in[0]) : *anchor;
    put_attrs(p, s->op, &s->attr, &in);
    if (s->name && !p->bare) {
        buf_puts(p->b, " name=");
        lex_put_name(p->b, s->name);
    }
}

static void put_out(const Print *p, const Out *o)
{
    if (o->red == RED_NONE) {
        buf_printf(p->b, "$%d", o->step);
        return;
    }
    const Ints *over = o->kernel.n ? &o->kernel : &o->axes;
    buf_printf(p->b, "%s($%d, %s=", reduce_name(o->red), o->step, o->kernel.n ? "kernel" : "axes");
    put_ints(p->b, over->v, over->n);
    buf_puts(p->b, o->keep ? ", keep=true)" : ")");
}

static Type anchor_type(const Print *p, const Node *n)
{
    Type *in = NEW(p->arena, Type, n->nin + 1), out[MAX_OUT] = {{0}};
    int nout;
    for (int i = 0; i < n->nin; i++)
        in[i] = printed_type(p, n->in[i]);
    op_infer(&(OpCall){.op = n->op, .attr = &n->attr, .nin = n->nin, .in = in, .arena = p->arena}, out, &nout);
    return out[0];
}

static void put_epilogue(const Print *p, const Node *n)
{
    Type anchor = anchor_type(p, n);
    if (n->nstep)
        buf_puts(p->b, "\n       epilogue { ");
    for (int k = 0; k < n->nstep; k++) {
        buf_puts(p->b, k ? " ; " : "");
        put_step(p, n, k, &anchor);
    }
    buf_puts(p->b, n->nstep ? " }" : "");
    bool last = n->nout == 1 && n->out[0].red == RED_NONE && n->out[0].step == n->nstep;
    for (int i = 0; i < n->nout && !last && !op_is(n->op, P_MULTI); i++) {
        buf_puts(p->b, i ? ", " : " -> ");
        put_out(p, &n->out[i]);
    }
    if (n->nstep)
        buf_puts(p->b, "\n      ");
}

/* Results, operator, operands, attributes, epilogue and types. */
static void put_computation(const Print *p, const Node *n)
{
    Buf *b = p->b;
    for (int i = 0; i < n->nout; i++) {
        buf_puts(b, i ? ", " : "");
        put_value(p, n->out[i].value);
    }
    buf_printf(b, " = %s", op_info[n->op].name);
    for (int i = 0; i < n->nin; i++) {
        buf_puts(b, i ? ", " : " ");
        put_value(p, n->in[i]);
    }
    Type in = printed_type(p, n->nin ? n->in[0] : -1);
    put_attrs(p, n->op, &n->attr, &in);
    put_epilogue(p, n);
    for (int i = 0; i < n->nout; i++) {
        buf_puts(b, i ? ", " : " : ");
        put_stored(p, n->out[i].value, true);
    }
}

static void put_node(const Print *p, const Node *n)
{
    Buf *b = p->b;
    buf_puts(b, "  ");
    put_computation(p, n);
    if (n->name) {
        buf_puts(b, "  name=");
        lex_put_name(b, n->name);
    }
    if (n->layers) {
        buf_puts(b, "  layers=");
        lex_put_name(b, n->layers);
    }
    if ((p->flags & PRINT_LAYOUT) && n->view)
        buf_puts(b, "  view");
    if ((p->flags & PRINT_LAYOUT) && (n->scratch || n->scratch_offset != -1))
        buf_printf(b, "  scratch(bytes=%lld, offset=%lld)", (long long)n->scratch, (long long)n->scratch_offset);
    const char *loc = p->flags & PRINT_LOC ? loc_text(p->arena, n->loc) : "";
    buf_printf(b, "%s%s\n", *loc ? "  ; " : "", loc);
}

/* ---- the rest ---- */

static void put_const(const Print *p, ValueId id)
{
    const Value *v = &p->g->value.v[id];
    buf_puts(p->b, "  const @");
    lex_put_name(p->b, v->name ? v->name : "");
    buf_puts(p->b, " : ");
    put_stored(p, id, true);
    int64_t n = type_elems(&v->type);
    if (v->tensor && v->tensor->data && (n <= SMALL_CONST || (p->flags & PRINT_DATA))) {
        buf_puts(p->b, " = [");
        for (int64_t i = 0; i < n; i++) {
            double x = tensor_at(v->tensor, i);
            char s[32];
            if (!isfinite(x))
                strcpy(s, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
            else if (v->type.dtype == DT_F32 && isfinite((float)x))
                fmt_float(s, (float)x);
            else
                fmt_double(s, x);
            buf_printf(p->b, "%s%s", i ? ", " : "", s);
        }
        buf_putc(p->b, ']');
    }
    buf_putc(p->b, '\n');
}

/* Dense numbers from 1 for the values that print without a name. */
static void number_values(Print *p)
{
    const Graph *g = p->g;
    bool *named = NEW(p->arena, bool, g->value.n + 1);
    for (int i = 0; i < g->output.n; i++)
        if (value_of(p, g->output.v[i]))
            named[g->output.v[i]] = true;
    int *number = NEW(p->arena, int, g->value.n + 1), next = 1;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nout && n->op != OP_NONE; k++) {
            ValueId id = n->out[k].value;
            if (value_of(p, id) && !(named[id] && g->value.v[id].name))
                number[id] = next++;
        }
    }
    p->number = number;
}

static void put_head(const Print *p)
{
    const Graph *g = p->g;
    buf_puts(p->b, "graph @");
    lex_put_name(p->b, g->name ? g->name : "");
    buf_puts(p->b, " (");
    for (int i = 0; i < g->input.n; i++) {
        buf_puts(p->b, i ? ", " : "");
        put_value(p, g->input.v[i]);
        buf_puts(p->b, ": ");
        put_stored(p, g->input.v[i], true);
    }
    buf_puts(p->b, ") -> (");
    for (int i = 0; i < g->output.n; i++) {
        buf_puts(p->b, i ? ", " : "");
        put_value(p, g->output.v[i]);
        buf_puts(p->b, ": ");
        put_stored(p, g->output.v[i], false);
    }
    buf_putc(p->b, ')');
    if ((p->flags & PRINT_LAYOUT) && (g->arena_bytes || g->arena_lower_bound))
        buf_printf(p->b, " arena(bytes=%lld, lower_bound=%lld)", (long long)g->arena_bytes,
                   (long long)g->arena_lower_bound);
    buf_puts(p->b, " {\n");
}

void node_print(Buf *b, const Graph *g, const Node *n, const int *number)
{
    Print p = {b, g, PRINT_LAYOUT, arena_new(), number, true};
    put_computation(&p, n);
    arena_free(p.arena);
}

void graph_print(Buf *b, const Graph *g, unsigned flags)
{
    Print p = {b, g, flags, arena_new(), NULL, false};
    number_values(&p);
    put_head(&p);
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST)
            put_const(&p, i);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            put_node(&p, &g->node.v[i]);
    buf_puts(b, "}\n");
    arena_free(p.arena);
}
