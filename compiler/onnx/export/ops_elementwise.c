/* Elementwise operators in those of ONNX. One that is one ONNX operator without attributes is a row DIRECT. */
#include "ops.h"

#define DIRECT(op, type) void export_##op(Onnx *x, const Node *n) { direct(x, n, type); }
DIRECT(relu, "Relu")
DIRECT(sigmoid, "Sigmoid")
DIRECT(tanh, "Tanh")
DIRECT(hard_swish, "HardSwish")
DIRECT(exp, "Exp")
DIRECT(sqrt, "Sqrt")
DIRECT(abs, "Abs")
DIRECT(sign, "Sign")
DIRECT(neg, "Neg")
DIRECT(add, "Add")
DIRECT(sub, "Sub")
DIRECT(mul, "Mul")
DIRECT(div, "Div")
DIRECT(maximum, "Max")
DIRECT(minimum, "Min")
DIRECT(log, "Log")
DIRECT(erf, "Erf")
DIRECT(softplus, "Softplus")
DIRECT(floor, "Floor")
DIRECT(ceil, "Ceil")
DIRECT(round, "Round")
DIRECT(sin, "Sin")
DIRECT(cos, "Cos")
DIRECT(tan, "Tan")
DIRECT(asin, "Asin")
DIRECT(acos, "Acos")
DIRECT(atan, "Atan")
DIRECT(sinh, "Sinh")
DIRECT(cosh, "Cosh")
DIRECT(asinh, "Asinh")
DIRECT(acosh, "Acosh")
DIRECT(atanh, "Atanh")
DIRECT(pow, "Pow")

static const char *param(Onnx *x, const Node *n, int i)
{
    return onnx_param(x, n->in[i], (int)n->attr.axis, type_of(x, n->in[0])->rank);
}

void export_bias(Onnx *x, const Node *n)
{
    RESULT(x, n, "Add", operand(x, n, 0), param(x, n, 1));
}

void export_scale(Onnx *x, const Node *n)
{
    RESULT(x, n, "Mul", operand(x, n, 0), param(x, n, 1));
}

void export_scale_bias(Onnx *x, const Node *n)
{
    RESULT(x, n, "Add", MAKE(x, "Mul", operand(x, n, 0), param(x, n, 1)), param(x, n, 2));
}

/* Horner's rule, from the last coefficient to the first. */
void export_polynomial(Onnx *x, const Node *n)
{
    const char *sum = param(x, n, n->nin - 1);
    for (int k = n->nin - 2; k > 1; k--)
        sum = MAKE(x, "Add", MAKE(x, "Mul", sum, operand(x, n, 0)), param(x, n, k));
    RESULT(x, n, "Add", MAKE(x, "Mul", sum, operand(x, n, 0)), param(x, n, 1));
}

void export_square(Onnx *x, const Node *n)
{
    RESULT(x, n, "Mul", operand(x, n, 0), operand(x, n, 0));
}

void export_relu6(Onnx *x, const Node *n)
{
    RESULT(x, n, "Clip", operand(x, n, 0), onnx_scalar(x, 0), onnx_scalar(x, 6));
}

void export_clamp(Onnx *x, const Node *n)
{
    RESULT(x, n, "Clip", operand(x, n, 0), onnx_scalar(x, n->attr.min), onnx_scalar(x, n->attr.max));
}

void export_leaky_relu(Onnx *x, const Node *n)
{
    onnx_float(x, direct(x, n, "LeakyRelu"), "alpha", n->attr.alpha);
}

void export_elu(Onnx *x, const Node *n)
{
    onnx_float(x, direct(x, n, "Elu"), "alpha", n->attr.alpha);
}

/* Mish is younger than this opset. */
void export_mish(Onnx *x, const Node *n)
{
    RESULT(x, n, "Mul", operand(x, n, 0), MAKE(x, "Tanh", MAKE(x, "Softplus", operand(x, n, 0))));
}

void export_trunc(Onnx *x, const Node *n)
{
    const char *in = operand(x, n, 0);
    RESULT(x, n, "Mul", MAKE(x, "Sign", in), MAKE(x, "Floor", MAKE(x, "Abs", in)));
}

/* Numbers are BOOL between Cast and Cast. */
static const char *as_bool(Onnx *x, const char *in)
{
    OnnxNode *o = onnx_node(x, "Cast", NULL, NAMES(in));
    onnx_int(x, o, "to", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    return o->output[0];
}

static void from_bool(Onnx *x, const Node *n, const char *in)
{
    onnx_int(x, RESULT(x, n, "Cast", in), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

#define COMPARISON(op, type)                                                                                           \
    void export_##op(Onnx *x, const Node *n)                                                                           \
    {                                                                                                                  \
        from_bool(x, n, MAKE(x, type, operand(x, n, 0), operand(x, n, 1)));                                            \
    }
COMPARISON(greater, "Greater")
COMPARISON(greater_equal, "GreaterOrEqual")
COMPARISON(less, "Less")
COMPARISON(less_equal, "LessOrEqual")
COMPARISON(equal, "Equal")

#define LOGIC(op, type)                                                                                                \
    void export_##op(Onnx *x, const Node *n)                                                                           \
    {                                                                                                                  \
        from_bool(x, n, MAKE(x, type, as_bool(x, operand(x, n, 0)), as_bool(x, operand(x, n, 1))));                    \
    }
LOGIC(and, "And")
LOGIC(or, "Or")
LOGIC(xor, "Xor")

void export_not(Onnx *x, const Node *n)
{
    from_bool(x, n, MAKE(x, "Not", as_bool(x, operand(x, n, 0))));
}

void export_where(Onnx *x, const Node *n)
{
    RESULT(x, n, "Where", as_bool(x, operand(x, n, 0)), operand(x, n, 1), operand(x, n, 2));
}

void export_hard_sigmoid(Onnx *x, const Node *n)
{
    OnnxNode *o = direct(x, n, "HardSigmoid");
    onnx_float(x, o, "alpha", 1.0 / 6);
    onnx_float(x, o, "beta", 0.5);
}

void export_silu(Onnx *x, const Node *n)
{
    RESULT(x, n, "Mul", operand(x, n, 0), MAKE(x, "Sigmoid", operand(x, n, 0)));
}

/* Both spelt in the order in which runtimes look for them to fuse. */
void export_gelu(Onnx *x, const Node *n)
{
    const char *in = operand(x, n, 0), *one = onnx_scalar(x, 1), *half = onnx_scalar(x, 0.5), *tail;
    if (n->attr.approximate) {
        const char *cube = MAKE(x, "Mul", MAKE(x, "Mul", in, in), in);
        const char *sum = MAKE(x, "Add", in, MAKE(x, "Mul", cube, onnx_scalar(x, 0.044715)));
        tail = MAKE(x, "Tanh", MAKE(x, "Mul", sum, onnx_scalar(x, 0.79788456080286535588)));
    } else {
        tail = MAKE(x, "Erf", MAKE(x, "Div", in, onnx_scalar(x, 1.41421356237309504880)));
    }
    RESULT(x, n, "Mul", MAKE(x, "Mul", in, MAKE(x, "Add", tail, one)), half);
}

void export_map(Onnx *x, const Node *n)
{
    const Ints *shape = &n->attr.shape;
    if (shape->n)
        RESULT(x, n, "Expand", operand(x, n, 0), onnx_ints(x, shape->v, shape->n));
    else
        direct(x, n, "Identity");
}
