/* The way of a .tflite model: what its outputs depend on, its inputs and constants, its operators in their order, its
   outputs; then one message about all that cannot be compiled. */
#include "import.h"

#include <string.h>

#include "../../ir/base/files.h"

enum { LONGEST = 160 }; /* characters of a node's name */

/* ---- what is wrong ---- */

static void tf_wrong(TflImport *x, const char *what, const char *fmt, ...) PRINTF(3, 4);
static void tf_wrong(TflImport *x, const char *what, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (x->wrong.n <= FAILURES_LISTED)
        PUSH(x->arena, &x->wrong, (Failure){0, what, arena_vprintf(x->arena, fmt, ap), NULL});
    va_end(ap);
}

const char *tf_title(const TflImport *x, int tensor)
{
    return arena_printf(x->arena, "tensor %d '%s'", tensor, tensor_show(x->arena, x->m->tensor[tensor].name));
}

static const char *operator_title(const TflImport *x, int i)
{
    const TflOp *op = &x->m->op[i];
    const char *name = *op->custom ? arena_printf(x->arena, "CUSTOM '%s'", tensor_show(x->arena, op->custom))
                                   : operator_name(x->arena, op->code);
    const char *made = op->nout ? tensor_show(x->arena, x->m->tensor[op->out[0]].name) : "";
    return arena_printf(x->arena, "operator %d '%s' (%s, version %lld)", i, made, name, (long long)op->version);
}

/* ---- what outputs depend on ---- */

static void find_needed(TflImport *x)
{
    const TflModel *m = x->m;
    for (int i = 0; i < m->noutput; i++)
        x->needed[m->output[i]] = true;
    for (int i = m->nop - 1; i >= 0; i--) {
        const TflOp *op = &m->op[i];
        bool wanted = false;
        for (int k = 0; k < op->nout; k++)
            wanted |= x->needed[op->out[k]];
        for (int k = 0; wanted && k < op->nin; k++)
            if (op->in[k] >= 0)
                x->needed[op->in[k]] = true;
    }
}

static bool op_needed(const TflImport *x, const TflOp *op)
{
    bool wanted = false;
    for (int k = 0; k < op->nout; k++)
        wanted |= x->needed[op->out[k]];
    return wanted;
}

/* The integers that a network computes with: the first type that it needs of a tensor on a grid. */
static void find_quantized(TflImport *x)
{
    for (int i = 0; i < x->m->ntensor && !x->quantized; i++) {
        const TflTensor *t = &x->m->tensor[i];
        if (x->needed[i] && tensor_quantized(t) && t->type != TT_INT32 && t->type != TT_INT64)
            x->quantized = tensor_type_name(t->type);
    }
}

/* ---- constants and inputs ---- */

static void enter_constants(TflImport *x)
{
    for (int i = 0; i < x->m->ntensor; i++) {
        const TflTensor *t = &x->m->tensor[i];
        TflValue *v = &x->val[i];
        DType d;
        *v = (TflValue){.plain = -1, .map = -1};
        if (!t->constant || !x->needed[i])
            continue;
        v->made = true;
        if (t->sparse || !tensor_dtype(t->type, &d)) {
            v->broken = true;
            PUSH(x->arena, &x->failure, (Failure){0, tf_title(x, i), t->sparse ? "it is stored as a sparse tensor"
                 : arena_printf(x->arena, "its elements are %s", tensor_type_name(t->type)), NULL});
            continue;
        }
        Tensor *k = NEW(x->arena, Tensor, 1);
        *k = (Tensor){.name = t->name, .type = type_make(d, t->rank, t->dim), .stored = d, .data = t->data,
                      .loc = loc_file(x->file)};
        v->k = k;
        v->type = k->type;
    }
}

/* The sizes that --shape gives an input, or those of the model. */
static bool input_type(TflImport *x, const TflTensor *t, Type *type)
{
    *type = t->rank ? type_make(DT_F32, t->rank, t->dim) : type_make(DT_F32, 1, (int64_t[]){1});
    for (int i = 0; i < x->nshape; i++) {
        const Ints *said = &x->shape[i].dim;
        if (strcmp(x->shape[i].name, t->name))
            continue;
        if (said->n != t->rank) {
            tf_wrong(x, "", "--shape %s has %d sizes, the input has %d", tensor_show(x->arena, t->name), said->n,
                     t->rank);
            return false;
        }
        *type = type_make(DT_F32, said->n, said->v);
    }
    if (!type_valid(type))
        tf_wrong(x, "", "the input '%s' is %s", tensor_show(x->arena, t->name), type_text(x->arena, type));
    return type_valid(type);
}

static bool input_fits(TflImport *x, const TflTensor *t)
{
    if (!text_is_clean(t->name) || !*t->name)
        tf_wrong(x, "", "an input's name, '%s', is not UTF-8 or has control characters",
                 tensor_show(x->arena, t->name));
    else if (t->variable)
        tf_wrong(x, "", "the input '%s' is a variable, whose value stays from run to run",
                 tensor_show(x->arena, t->name));
    else if (t->type != TT_FLOAT32 && t->type != TT_FLOAT16 && !(x->quantized && tensor_quantized(t)))
        tf_wrong(x, "", "the input '%s' is %s: inputs are floats", tensor_show(x->arena, t->name),
                 tensor_type_name(t->type));
    else
        return true;
    return false;
}

static void make_inputs(TflImport *x)
{
    Dict name = dict_new(x->arena);
    for (int i = 0; i < x->m->ninput; i++) {
        int at = x->m->input[i];
        const TflTensor *t = &x->m->tensor[at];
        TflValue *v = &x->val[at];
        Type type;
        if (v->made || dict_get(&name, t->name) >= 0) {
            tf_wrong(x, tf_title(x, at),
                     v->k ? "an input is a constant" : "it is an input twice, or two have its name");
            continue;
        }
        dict_put(&name, t->name, at);
        v->made = true;
        v->broken = !input_fits(x, t) || !input_type(x, t, &type);
        if (v->broken)
            continue;
        v->plain = graph_input(x->g, t->name, type, loc_file(x->file));
        v->type = type;
    }
}

static bool shapes_known(TflImport *x)
{
    int unused = 0;
    for (int i = 0; i < x->nshape; i++) {
        bool used = false;
        for (int k = 0; k < x->m->ninput; k++)
            used |= !strcmp(x->m->tensor[x->m->input[k]].name, x->shape[i].name);
        if (!used)
            error_at(loc_file(x->file), "--shape: the model has no input '%s'",
                     tensor_show(x->arena, x->shape[i].name));
        unused += !used;
    }
    return !unused;
}

/* ---- operators ---- */

/* Whether all operands are there; one that nobody has made so far is a fault of the file. */
static bool operands_whole(TflImport *x, int i)
{
    const TflOp *op = &x->m->op[i];
    bool whole = true;
    for (int k = 0; k < op->nin; k++) {
        int at = op->in[k];
        if (at < 0)
            continue;
        const TflValue *v = &x->val[at];
        if (!v->made && x->m->tensor[at].variable)
            PUSH(x->arena, &x->failure, (Failure){0, operator_title(x, i), arena_printf(x->arena,
                 "its operand, %s, is a variable, whose value stays from run to run", tf_title(x, at)), NULL});
        else if (!v->made)
            tf_wrong(x, operator_title(x, i),
                     "its operand, %s, is neither an input nor a constant, and no operator in front "
                     "of it makes it", tf_title(x, at));
        whole = whole && v->made && !v->broken;
    }
    return whole;
}

/* Whether all operands have elements, or are lists of integers, of which axes and shapes may be empty. */
static bool operands_filled(TflCall *c)
{
    for (int i = 0; i < c->op->nin; i++) {
        const TflValue *v = tf_val(c, i);
        bool list = v && v->k && v->type.rank == 1 && (v->k->stored == DT_I32 || v->k->stored == DT_I64);
        if (v && !list && !type_valid(&v->type))
            return tf_refuse(c, NULL, "its operand %d is %s, without elements", i, tf_type_text(c, i));
    }
    return true;
}

static bool options_fit(TflCall *c)
{
    const TflOp *op = c->op;
    if (!c->row->options || !op->options.at || op->options_type == c->row->options)
        return true;
    return tf_refuse(c, NULL, "its options are those of another operator (%d)", op->options_type);
}

/* Operators whose operands are broken are asked, too: one message lists all there is to list. */
static bool translate_operator(TflCall *c, bool whole)
{
    c->row = tf_row(c->op->code);
    if (!c->row)
        return tf_refuse(c, NULL, *c->op->custom ? "it is an operator of its own" : "there is no operator for it yet");
    if (!options_fit(c) || (whole && tf_evaluate(c)) || c->make.why)
        return !c->make.why;
    if (!c->row->fn && (whole || !c->row->ahead))
        return tf_refuse(c, c->row->help, "%s", c->row->why);
    return whole && operands_filled(c) && c->row->fn(c);
}

/* What a result is must be what the model says that it is, where it says it, and no size was changed. */
static void check_result(TflImport *x, int i, int at)
{
    const TflTensor *t = &x->m->tensor[at];
    TflValue *v = &x->val[at];
    Type said = type_make(v->type.dtype, t->rank, t->dim);
    bool same = type_eq(&said, &v->type) || (!t->rank && type_elems(&v->type) == 1);
    if (same || t->open || x->nshape)
        return;
    tf_wrong(x, operator_title(x, i), "its result is %s, and the model says %s", type_text(x->arena, &v->type),
             type_text(x->arena, &said));
    v->broken = true;
}

static void enter_operator(TflImport *x, int i, TflCall *c, bool ok)
{
    const TflOp *op = c->op;
    for (int k = 0; k < op->nout; k++) {
        TflValue *v = &x->val[op->out[k]];
        v->made = true;
        v->broken = !ok || (v->plain < 0 && v->map < 0 && !v->k);
        if (!v->broken)
            check_result(x, i, op->out[k]);
        else if (ok && x->needed[op->out[k]])
            tf_refuse(c, NULL, "its result %d is not computed here", k);
    }
    if (c->make.why)
        PUSH(x->arena, &x->failure, (Failure){0, operator_title(x, i), c->make.why, c->make.help});
}

static bool fresh_results(TflImport *x, int i)
{
    const TflOp *op = &x->m->op[i];
    bool fresh = op->nout > 0;
    for (int k = 0; k < op->nout; k++) {
        TflValue *v = &x->val[op->out[k]];
        if (v->made)
            tf_wrong(x, operator_title(x, i), "its result, %s, is there already", tf_title(x, op->out[k]));
        fresh = fresh && !v->made;
        v->made = true;
    }
    return fresh;
}

/* What converters join, "net/relu;net/bn/add;...", begins with the operator that gave the shape. */
static const char *operator_node_name(const TflImport *x, const TflOp *op)
{
    const char *name = op->nout ? x->m->tensor[op->out[0]].name : "";
    name = arena_printf(x->arena, "%.*s", (int)imin(LONGEST, (int64_t)strcspn(name, ";")), name);
    return *name && text_is_clean(name) ? name : operator_name(x->arena, op->code);
}

static void translate_operators(TflImport *x)
{
    for (int i = 0; i < x->m->nop; i++) {
        const TflOp *op = &x->m->op[i];
        x->first_node[i] = x->g->node.n;
        if (!op_needed(x, op))
            continue;
        Loc loc = {x->file, i + 1, 1, (int)strlen(operator_name(x->arena, op->code))};
        TflCall c = {.x = x, .op = op, .make = {.g = x->g, .name = operator_node_name(x, op), .loc = loc}};
        bool whole = operands_whole(x, i), fresh = fresh_results(x, i), ok = fresh && translate_operator(&c, whole);
        enter_operator(x, i, &c, ok);
    }
    x->first_node[x->m->nop] = x->g->node.n;
}

/* ---- outputs ---- */

static void make_output(TflImport *x, int at)
{
    TflOp reads = {.nin = 1, .in = &at};
    const char *name = x->m->tensor[at].name;
    TflCall c = {.x = x, .op = &reads, .make = {.g = x->g, .name = name, .loc = loc_file(x->file)}};
    if (!x->val[at].made)
        tf_wrong(x, "", "no operator makes the output, %s", tf_title(x, at));
    else if (!text_is_clean(name) || !*name)
        tf_wrong(x, "", "an output's name, '%s', is not UTF-8 or has control characters", tensor_show(x->arena, name));
    else if (!x->val[at].broken) {
        ValueId v = tf_plain(&c, 0);
        if (v >= 0)
            graph_output(x->g, fresh_port_name(x->arena, &x->port, x->g, name), v, loc_file(x->file));
        else
            PUSH(x->arena, &x->failure, (Failure){0, tf_title(x, at), c.make.why, c.make.help});
    }
}

/* ---- the whole ---- */

/* A line for every operator: what errors and dumps point at. */
static void operator_lines(TflImport *x)
{
    Buf b = {0};
    for (int i = 0; i < x->m->nop; i++) {
        const TflOp *op = &x->m->op[i];
        buf_printf(&b, "%s (", operator_name(x->arena, op->code));
        for (int k = 0; k < op->nin; k++)
            buf_printf(&b, "%s%d", k ? ", " : "", op->in[k]);
        buf_puts(&b, ") -> ");
        for (int k = 0; k < op->nout; k++)
            buf_printf(&b, "%s%d", k ? ", " : "", op->out[k]);
        buf_putc(&b, '\n');
    }
    x->file = diag_file(x->m->path, arena_strndup(x->arena, b.s ? b.s : "", b.n), b.n);
    buf_free(&b);
}

static bool tflite_model(TflImport *x)
{
    int errors = diag_errors();
    if (!shapes_known(x))
        return false;
    find_needed(x);
    find_quantized(x);
    enter_constants(x);
    make_inputs(x);
    if (!x->wrong.n)
        translate_operators(x);
    for (int i = 0; i < x->m->noutput && !x->wrong.n; i++)
        make_output(x, x->m->output[i]);
    if (!x->m->noutput)
        tf_wrong(x, "", "it has no output");
    if (x->wrong.n)
        list_failures(x->file, x->wrong.v, x->wrong.n, "fault in the model", "faults in the model");
    if (x->failure.n)
        list_failures(x->file, x->failure.v, x->failure.n, "operator cannot be compiled",
                      "operators cannot be compiled");
    return diag_errors() == errors;
}

Spec *tflite_parse(Arena *A, const char *path, const uint8_t *data, size_t n, const ModelShape *shape, int nshape)
{
    TflModel *m = NEW(A, TflModel, 1);
    if (!tmodel_parse(m, A, path, data, n, loc_file(diag_file(path, NULL, 0))))
        return NULL;
    Spec *spec = NEW(A, Spec, 1);
    spec->path = path;
    spec->model = true;
    spec->name = spec_file_name(A, path);
    TflImport x = {.arena = A, .m = m, .g = graph_new(A, spec->name), .shape = shape, .nshape = nshape,
                   .val = NEW(A, TflValue, m->ntensor + 1), .needed = NEW(A, bool, m->ntensor + 1),
                   .param = dict_new(A), .port = dict_new(A),
                   .first_node = NEW(A, int, m->nop + 1), .budget = ((int64_t)64 << 20) + 4 * (int64_t)n};
    operator_lines(&x);
    if (!tflite_model(&x))
        return NULL;
    spec->quantized = x.quantized ? summarize(&x) : NULL;
    spec_of_graph(spec, x.g);
    sha256(data, n, spec->sha256);
    return spec;
}

bool tflite_known(const char *path)
{
    char first[9];
    return text_ends_with(path, ".tflite") ||
           (file_begins(path, first, sizeof first) == 8 && !memcmp(first + 4, "TFL3", 4));
}
