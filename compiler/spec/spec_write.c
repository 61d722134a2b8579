/* A graph as the text of a spec: a step for every node with the node's name, tensors under their own names. Reading
   it gives the graph again, but for the names of values. */
#include "spec_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../ir/ops/ops.h"
#include "../../ir/ops/rnn.h"

typedef struct Writer {
    Arena *arena;
    const Graph *g;
    Buf *b;
    const char **name;   /* by ValueId: what steps call it, NULL: not yet */
    ValueId cur;         /* what a step without `in` takes */
    int values, constants; /* named so far */
    Dict taken;           /* names of values */
    Dict tensors;         /* of tensors that steps have by their own names */
} Writer;

/* ---- names of values ---- */

static const char *fresh(Writer *w, const char *want)
{
    const char *name = want;
    for (int i = 2; dict_get(&w->taken, name) >= 0; i++)
        name = arena_printf(w->arena, "%s_%d", want, i);
    dict_put(&w->taken, name, 1);
    return name;
}

/* The characters of a name as an identifier of C. */
static const char *identifier(Arena *A, const char *name)
{
    char *s = arena_printf(A, "%s%.48s", isalpha((unsigned char)*name) ? "" : "v", name);
    for (char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '_';
    return c_port_name(s) ? s : arena_printf(A, "%s_v", s);
}

static const char *value_name(Writer *w, ValueId v)
{
    if (!w->name[v]) {
        const Value *value = &w->g->value.v[v];
        bool constant = value->kind == VAL_CONST;
        int number = constant ? ++w->constants : ++w->values;
        w->name[v] = fresh(w, arena_printf(w->arena, "%c%d", constant ? 'c' : 't', number));
    }
    return w->name[v];
}

/* ---- the words that only specs have: ir/graph/op.def ---- */

/* A dimension of a tensor word, "out" or "out/groups": whether it is made of that word; its divisor. */
static bool made_of(const char *dim, size_t n, const char *word, const Attrs *t, int64_t *by)
{
    size_t len = strlen(word);
    *by = 1;
    if (n > len && dim[len] == '/' && !strncmp(dim + len + 1, "groups", 6))
        *by = t->groups;
    return n >= len && !strncmp(dim, word, len) && (n == len || *by != 1 || dim[len] == '/');
}

/* The numbers of a word such as out! or kernel!, from the tensors whose dimensions it makes. */
static Ints solve(const Writer *w, const Node *n, const char *word, int first)
{
    Ints none = {0};
    int at = first;
    for (const char *p = op_info[n->op].spec; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " "), open = strcspn(p, "[");
        if (open < len && at < n->nin) {
            const int64_t *dim = w->g->value.v[n->in[at++]].type.dim;
            for (const char *q = p + open + 1; q < p + len;) {
                size_t k = strcspn(q, ",]");
                int64_t by;
                bool two = !strncmp(q, "kernel", 6);
                size_t times = memchr(q, '*', k) ? strcspn(q, "*") + 1 : 0;
                if (made_of(q + times, k - times, word, &n->attr, &by))
                    return two ? (Ints){2, {dim[0], dim[1]}} : (Ints){1, {dim[0] * by / (times ? atoi(q) : 1)}};
                dim += two ? 2 : 1;
                q += k + 1;
            }
        }
        p += len;
    }
    return none;
}

static void put_tensor_word(Writer *w, const Node *n, const char *word, ValueId v)
{
    const char *name = w->g->value.v[v].name;
    const char *layer = is_recurrent(n->op) ? "_l0" : "";
    const char *own = n->name ? arena_printf(w->arena, "%s.%s%s", n->name, word, layer) : word;
    if (!strcmp(own, name) && dict_get(&w->tensors, name) < 0 && value_uses(w->g, v) == 1) {
        dict_put(&w->tensors, name, 1);
        return;
    }
    buf_printf(w->b, ", %s: {tensor: ", word);
    put_text(w->b, name);
    buf_putc(w->b, '}');
}

/* How many operands the table makes of tensor words; the others stand in `in`. */
static int tensor_words(const Node *n)
{
    int words = 0;
    for (const char *p = op_info[n->op].spec; *p; p++)
        words += *p == '[';
    return words;
}

/* Of recurrent layers: the input and, of as many dimensions, the states. */
static int plain_operands(const Graph *g, const Node *n)
{
    int states = 1;
    while (is_recurrent(n->op) && states < n->nin && g->value.v[n->in[states]].type.rank == 3)
        states++;
    if (is_recurrent(n->op))
        return states;
    int most = op_info[n->op].max_in, words = tensor_words(n);
    return !words || most < 0 ? n->nin : most - words;
}

static void put_words(Writer *w, const Node *n)
{
    int first = plain_operands(w->g, n), at = first;
    for (const char *p = op_info[n->op].spec; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " "), name = strcspn(p, "[?!-=");
        const char *word = arena_strndup(w->arena, p, name);
        bool tensor = memchr(p, '[', len) != NULL;
        if (tensor && at < n->nin)
            put_tensor_word(w, n, word, n->in[at++]);
        else if (tensor && p[name] == '?')
            buf_printf(w->b, ", %s: false", word);
        else if (p[name] == '=' && !strcmp(word, "bias") && n->nin == first + 2) /* both weights alone */
            buf_puts(w->b, ", bias: false");
        else if (!tensor && p[name] == '!') {
            Ints v = solve(w, n, word, first);
            if (attr_by_name(word) >= 0)
                put_attr_list(w->b, (Attr)attr_by_name(word), &v);
            else
                buf_printf(w->b, ", %s: %lld", word, (long long)v.v[0]);
        }
        p += len;
    }
}

/* ---- steps ---- */

/* Constants that operators read as values: small ones as numbers, others as tensors of the file. */
static void put_constant(Writer *w, ValueId id)
{
    const Value *v = &w->g->value.v[id];
    char number[32];
    buf_puts(w->b, "  - {op: ");
    if (type_elems(&v->type) == 1) {
        fmt_float(number, (float)tensor_at(v->tensor, 0));
        buf_puts(w->b, "constant, name: ");
        put_text(w->b, v->name);
        buf_printf(w->b, ", value: %s", number);
    } else {
        buf_puts(w->b, "parameter, tensor: ");
        put_text(w->b, v->name);
    }
    if (type_elems(&v->type) != 1 || v->type.rank != 1) {
        buf_puts(w->b, ", shape: ");
        put_int_list(w->b, v->type.dim, v->type.rank);
    }
    buf_printf(w->b, ", as: %s}\n", value_name(w, id));
    w->cur = id;
}

static void put_operands(Writer *w, const Node *n, int count)
{
    if (count == 1 && n->in[0] == w->cur)
        return;
    buf_puts(w->b, count == 1 ? ", in: " : ", in: [");
    for (int i = 0; i < count; i++)
        buf_printf(w->b, "%s%s", i ? ", " : "", value_name(w, n->in[i]));
    buf_puts(w->b, count == 1 ? "" : "]");
}

/* Does only the next step read it, as the only operand that it has? */
static bool flows_on(const Graph *g, int node)
{
    const Node *n = &g->node.v[node];
    ValueId v = n->out[0].value;
    if (n->nout != 1 || value_uses(g, v) != 1)
        return false;
    if (value_outputs(g, v))
        return node == g->node.n - 1 && g->output.n == 1;
    const Node *next = node + 1 < g->node.n ? &g->node.v[node + 1] : NULL;
    if (!next || next->in[0] != v || plain_operands(g, next) != 1)
        return false;
    return true;
}

/* The last h of an lstm is a slice here; its name stands between those of the results. */
static void put_recurrent_results(Writer *w, const Node *n)
{
    const char *y = value_name(w, n->out[0].value);
    ValueId c = n->nout > 1 ? n->out[1].value : -1;
    if (c >= 0 && (value_uses(w->g, c) || value_outputs(w->g, c)))
        buf_printf(w->b, ", as: [%s, %s, %s]", y, fresh(w, "h"), value_name(w, c));
    else
        buf_printf(w->b, ", as: %s", y);
}

static void put_results(Writer *w, int node)
{
    const Node *n = &w->g->node.v[node];
    w->cur = n->out[0].value;
    if (flows_on(w->g, node))
        return;
    if (is_recurrent(n->op)) {
        put_recurrent_results(w, n);
        return;
    }
    buf_puts(w->b, n->nout > 1 ? ", as: [" : ", as: ");
    for (int i = 0; i < n->nout; i++)
        buf_printf(w->b, "%s%s", i ? ", " : "", value_name(w, n->out[i].value));
    buf_puts(w->b, n->nout > 1 ? "]" : "");
}

static void put_step(Writer *w, int node)
{
    enum { LONGEST = 200 };
    const Node *n = &w->g->node.v[node];
    int count = plain_operands(w->g, n);
    for (int i = 0; i < count; i++)
        if (w->g->value.v[n->in[i]].kind == VAL_CONST && !w->name[n->in[i]])
            put_constant(w, n->in[i]);
    buf_printf(w->b, "  - {op: %s", op_info[n->op].name);
    if (n->name && *n->name && strlen(n->name) < LONGEST) {
        buf_puts(w->b, ", name: ");
        put_text(w->b, n->name);
    }
    put_operands(w, n, count);
    put_words(w, n);
    for (int i = 0; i < op_info[n->op].nattrs; i++)
        put_attr(w->b, n, op_info[n->op].attrs[i].attr, w->g->value.v[n->in[0]].type.rank);
    put_results(w, node);
    buf_puts(w->b, "}\n");
}

/* ---- the whole ---- */

static void put_inputs(Writer *w)
{
    const Graph *g = w->g;
    buf_puts(w->b, "input:\n");
    for (int i = 0; i < g->input.n; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        const char *name = identifier(w->arena, v->name);
        name = fresh(w, i && !strcmp(name, "x") ? "x_in" : name);
        w->name[g->input.v[i]] = name;
        buf_printf(w->b, "  %s: '%s'\n", name, type_text(w->arena, &v->type));
    }
    w->cur = g->input.n ? g->input.v[0] : -1;
}

/* Outputs keep their names: what has none gets another one than theirs. */
static const char **output_names(Writer *w)
{
    const Graph *g = w->g;
    const char **name = NEW(w->arena, const char *, g->output.n + 1);
    for (int i = 0; i < g->output.n; i++)
        name[i] = fresh(w, identifier(w->arena, g->value.v[g->output.v[i]].name));
    return name;
}

static void put_outputs(Writer *w, const char *const *name)
{
    const Graph *g = w->g;
    bool last = g->output.n == 1 && g->node.n && flows_on(g, g->node.n - 1);
    buf_puts(w->b, last ? "output: " : "output:\n");
    for (int i = 0; i < g->output.n; i++) {
        if (last)
            buf_printf(w->b, "%s\n", name[i]);
        else
            buf_printf(w->b, "  %s: %s\n", name[i], value_name(w, g->output.v[i]));
    }
}

void spec_write(Arena *A, Buf *b, const Spec *s, const char *from, const char *weights)
{
    const Graph *g = s->graph;
    Writer w = {.arena = A, .g = g, .b = b, .name = NEW(A, const char *, g->value.n + 1), .taken = dict_new(A),
                .tensors = dict_new(A)};
    dict_put(&w.taken, "x", 1);
    if (g->input.n && !strcmp(identifier(A, g->value.v[g->input.v[0]].name), "x"))
        w.taken = dict_new(A);
    buf_printf(b, "# %s\nname: %s\n", from, s->name);
    put_inputs(&w);
    dict_put(&w.taken, "x", 1);
    const char **output = output_names(&w);
    if (weights) {
        buf_puts(b, "weights: ");
        put_text(b, weights);
        buf_putc(b, '\n');
    }
    buf_puts(b, "network:\n");
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            put_step(&w, i);
    put_outputs(&w, output);
}

bool spec_has_tensors(const Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (spec_keeps(g, i))
            return true;
    return false;
}

/* Numbers that stand in the text are none of the file. */
bool spec_keeps(const Graph *g, ValueId id)
{
    const Value *v = &g->value.v[id];
    if (v->kind != VAL_CONST || type_elems(&v->type) != 1)
        return v->kind == VAL_CONST;
    for (ValueReader r = value_readers(g, id); r.read; r = reader_next(g, r))
        if (r.node >= 0 && r.operand >= plain_operands(g, &g->node.v[r.node]))
            return true;
    return false;
}
