#!/usr/bin/python3
"""TensorFlow Lite models: operators and small networks side by side in one file, against numpy; networks that cost what a spec
costs; files that are malformed."""
import json
import os
import re
import resource
import struct
import subprocess
import sys

try:
    import numpy as np
except ImportError as e:
    print('skip tflite: %s' % e)
    sys.exit(0)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tflite_file import CODES, TYPES, Model, Table, Writer, ints  # noqa: E402

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
TOLERANCE = 1e-5  # of the largest number of an output
rng = np.random.default_rng(7)
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = range(5)


def say(name, ok, why=''):
    print('%sok %s' % ('' if ok else 'not ', name))
    for line in [] if ok else why.strip().splitlines()[:20]:
        print('    ' + line)


def dsqc(*args):
    return subprocess.run([DSQC, *args], capture_output=True, text=True)


# ---- what operators mean ----

def random(*shape):
    return rng.standard_normal(shape).astype('f4')


def act(x, kind):
    return {NONE: lambda: x, RELU: lambda: np.maximum(x, 0), RELU_N1_TO_1: lambda: np.clip(x, -1, 1),
            RELU6: lambda: np.clip(x, 0, 6), TANH: lambda: np.tanh(x)}[kind]().astype('f4')


def around(n, kernel, stride, dilation, padding):
    """Size of the result, and what is added in front and behind; an odd element is behind."""
    extent = (kernel - 1) * dilation + 1
    if padding == VALID:
        return (n - extent) // stride + 1, 0, 0
    out = -(-n // stride)
    total = max(0, (out - 1) * stride + extent - n)
    return out, total // 2, total - total // 2


def windows(x, kernel, stride, dilation, padding, fill):
    """[kh kw, N, oh, ow, C]"""
    oh, top, bottom = around(x.shape[1], kernel[0], stride[0], dilation[0], padding)
    ow, left, right = around(x.shape[2], kernel[1], stride[1], dilation[1], padding)
    x = np.pad(x.astype('f8'), ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    return np.array([x[:, i * dilation[0]:, j * dilation[1]:][:, :(oh - 1) * stride[0] + 1:stride[0], :(ow - 1) * stride[1] + 1:stride[1]]
                     for i in range(kernel[0]) for j in range(kernel[1])])


def conv(x, w, b, stride, dilation, padding):
    """w: [out,kh,kw,in / groups]"""
    groups = x.shape[3] // w.shape[3]
    taps = windows(x, w.shape[1:3], stride, dilation, padding, 0)
    parts = []
    for g in range(groups):
        xs = taps[..., g * w.shape[3]:(g + 1) * w.shape[3]]
        ws = w.reshape(groups, -1, w.shape[1] * w.shape[2], w.shape[3])[g].astype('f8')
        parts.append(np.einsum('knhwc,okc->nhwo', xs, ws))
    return np.concatenate(parts, 3) + b


def depthwise(x, w, b, stride, dilation, padding):
    """w: [1,kh,kw,C M]"""
    times = w.shape[3] // x.shape[3]
    taps = np.repeat(windows(x, w.shape[1:3], stride, dilation, padding, 0), times, axis=4)
    return np.einsum('knhwc,kc->nhwc', taps, w.reshape(-1, w.shape[3]).astype('f8')) + b


def transpose_conv(x, w, b, stride, padding, size):
    """w: [out,kh,kw,in]; what falls outside of the size is lost."""
    before = [0, 0]
    for i in range(2):
        if padding == SAME:
            steps = -(-size[i] // stride[i])
            before[i] = max(0, (steps - 1) * stride[i] + w.shape[1 + i] - size[i]) // 2
    out = np.zeros((x.shape[0], *size, w.shape[0]))
    for h in range(x.shape[1]):
        for v in range(x.shape[2]):
            for i in range(w.shape[1]):
                for j in range(w.shape[2]):
                    p, q = h * stride[0] - before[0] + i, v * stride[1] - before[1] + j
                    if 0 <= p < size[0] and 0 <= q < size[1]:
                        out[:, p, q] += x[:, h, v].astype('f8') @ w[:, i, j].T.astype('f8')
    return out + b


def pool(x, kernel, stride, padding, kind):
    if kind == 'MAX_POOL_2D':
        return windows(x, kernel, stride, (1, 1), padding, -np.inf).max(0)
    count = windows(np.ones_like(x), kernel, stride, (1, 1), padding, 0).sum(0)
    return windows(x, kernel, stride, (1, 1), padding, 0).sum(0) / count


def resize(x, size, linear, corners, half):
    for side in (0, 1):
        n, out = x.shape[1 + side], size[side]
        scale = (n - 1) / (out - 1) if corners and out > 1 else n / out
        i = np.arange(out)
        at = (i + 0.5) * scale - (0.5 if linear else 0) if half else i * scale
        if not linear:
            at = np.floor(at + 0.5) if corners else np.floor(at)
        at = np.clip(at, 0, n - 1)
        low = at.astype(int)
        part = (at - low).reshape((-1, 1, 1) if side == 0 else (-1, 1))
        x = np.take(x, low, 1 + side) * (1 - part) + np.take(x, np.minimum(low + 1, n - 1), 1 + side) * part
    return x


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# ---- operators with their options ----

def i32(v):
    return 'i', v


def add_conv(m, x, w, b, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE):
    y = act(conv(m.value[x], w, 0 if b is None else b, stride, dilation, padding), activation)
    return m.op('CONV_2D', [x, m.const(w), -1 if b is None else m.const(b)], y, (1, {
        0: ('b', padding), 1: i32(stride[1]), 2: i32(stride[0]), 3: ('b', activation), 4: i32(dilation[1]), 5: i32(dilation[0])}))


def add_depthwise(m, x, w, b, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE):
    y = act(depthwise(m.value[x], w, b, stride, dilation, padding), activation)
    return m.op('DEPTHWISE_CONV_2D', [x, m.const(w), m.const(b)], y, (2, {
        0: ('b', padding), 1: i32(stride[1]), 2: i32(stride[0]), 3: i32(w.shape[3] // m.value[x].shape[3]), 4: ('b', activation),
        5: i32(dilation[1]), 6: i32(dilation[0])}))


def add_pool(m, kind, x, kernel, stride, padding=SAME, activation=NONE):
    y = act(pool(m.value[x], kernel, stride, padding, kind), activation)
    return m.op(kind, [x], y, (5, {0: ('b', padding), 1: i32(stride[1]), 2: i32(stride[0]), 3: i32(kernel[1]),
                                   4: i32(kernel[0]), 5: ('b', activation)}))


def add_dense(m, x, w, b, activation=NONE, keep=False):
    v = m.value[x]
    y = act(v.reshape(-1, w.shape[1]).astype('f8') @ w.T + (0 if b is None else b), activation)
    if keep:
        y = y.reshape(*v.shape[:-1], -1)
    return m.op('FULLY_CONNECTED', [x, m.const(w)] + ([] if b is None else [m.const(b)]), y,
                (8, {0: ('b', activation), 2: ('?', keep)}))


UNION = {'ADD': 11, 'SUB': 28, 'MUL': 21, 'DIV': 29}
BINARY = {'ADD': np.add, 'SUB': np.subtract, 'MUL': np.multiply, 'DIV': np.divide, 'MAXIMUM': np.maximum, 'MINIMUM': np.minimum,
          'SQUARED_DIFFERENCE': lambda a, b: (a - b) ** 2}


def add_binary(m, kind, a, b, activation=NONE):
    y = act(BINARY[kind](m.value[a], m.value[b]), activation)
    return m.op(kind, [a, b], y, (UNION[kind], {0: ('b', activation)}) if kind in UNION else None)


def reshape(m, x, *shape, operand=True):
    y = m.value[x].reshape(shape)
    return m.op('RESHAPE', [x] + ([m.const(y.shape, 'i4')] if operand else []), y, (17, {0: ints(*shape)}))


def reduce(m, kind, x, axes, keep):
    f = {'MEAN': np.mean, 'SUM': np.sum, 'REDUCE_MAX': np.max, 'REDUCE_MIN': np.min}[kind]
    return m.op(kind, [x, m.const(axes, 'i4')], f(m.value[x], axis=axes, keepdims=keep).astype('f4'), (27, {0: ('?', keep)}))


def concat(m, xs, axis, activation=NONE):
    return m.op('CONCATENATION', xs, act(np.concatenate([m.value[x] for x in xs], axis), activation),
                (10, {0: i32(axis), 1: ('b', activation)}))


def transpose(m, x, *perm):
    return m.op('TRANSPOSE', [x, m.const(perm, 'i4')], np.ascontiguousarray(m.value[x].transpose(perm)))


UNARY = {'RELU': lambda x: np.maximum(x, 0), 'RELU6': lambda x: np.clip(x, 0, 6), 'RELU_N1_TO_1': lambda x: np.clip(x, -1, 1),
         'RELU_0_TO_1': lambda x: np.clip(x, 0, 1), 'LOGISTIC': lambda x: 1 / (1 + np.exp(-x)), 'TANH': np.tanh, 'EXP': np.exp,
         'ELU': lambda x: np.where(x > 0, x, np.expm1(x)), 'HARD_SWISH': lambda x: x * np.clip(x + 3, 0, 6) / 6, 'ABS': np.abs,
         'NEG': np.negative, 'SQUARE': np.square, 'SIN': np.sin, 'COS': np.cos}


def unary(m, kind, x):
    return m.op(kind, [x], UNARY[kind](m.value[x]).astype('f4'))


# ---- one case: a function that gives the result, or several ----

cases = {}


def case(*args):
    def enter(f):
        cases[' '.join([f.__name__, *map(str, args)]).replace('_', ' ')] = lambda m: f(m, *args)
        return f
    return enter


@case(SAME, 1, 1, NONE)
@case(SAME, 2, 1, RELU)
@case(VALID, 2, 1, RELU6)
@case(SAME, 1, 2, RELU_N1_TO_1)
@case(VALID, 1, 2, TANH)
def conv_2d(m, padding, stride, dilation, activation):
    x = m.input(random(2, 9, 12, 3))
    y = add_conv(m, x, random(5, 3, 4, 3), random(5), (stride, stride), (dilation, dilation), padding, activation)
    return add_conv(m, y, random(4, 1, 1, 5), None)


@case()
def conv_2d_odd(m):
    return add_conv(m, m.input(random(1, 7, 5, 1)), random(3, 2, 2, 1), random(3), (3, 2))


@case()
def conv_2d_groups(m):
    return add_conv(m, m.input(random(1, 6, 5, 6)), random(4, 3, 3, 3), random(4))


@case(SAME, 1, 1)
@case(VALID, 2, 1)
@case(SAME, 2, 3)
def depthwise_2d(m, padding, stride, times):
    x = m.input(random(2, 8, 7, 4))
    return add_depthwise(m, x, random(1, 3, 3, 4 * times), random(4 * times), (stride, stride), (1, 1), padding, RELU)


@case()
def depthwise_one_channel(m):
    return add_depthwise(m, m.input(random(1, 9, 5, 1)), random(1, 4, 3, 8), random(8), (2, 2), (1, 1), SAME, RELU)


@case(SAME, 2, 3, 2)
@case(SAME, 3, 2, 3)
@case(VALID, 2, 3, 2)
@case(VALID, 2, 2, 1)
def transposed(m, padding, stride, kernel, channels):
    x, w, b = m.input(random(2, 4, 5, 3)), random(channels, kernel, kernel, 3), random(channels)
    size = [n * stride if padding == SAME else (n - 1) * stride + kernel for n in (4, 5)]
    y = transpose_conv(m.value[x], w, b, (stride, stride), padding, size).astype('f4')
    return m.op('TRANSPOSE_CONV', [m.const([2, *size, channels], 'i4'), m.const(w), x, m.const(b)], act(y, RELU),
                (49, {0: ('b', padding), 1: i32(stride), 2: i32(stride), 3: ('b', RELU)}), version=4)


@case('MAX_POOL_2D', SAME)
@case('MAX_POOL_2D', VALID)
@case('AVERAGE_POOL_2D', SAME)
@case('AVERAGE_POOL_2D', VALID)
def window(m, kind, padding):
    return add_pool(m, kind, m.input(random(2, 9, 8, 3)), (3, 2), (2, 2), padding, RELU)


@case(False)
@case(True)
def dense(m, keep):
    return add_dense(m, m.input(random(2, 3, 7)), random(5, 7), random(5), RELU, keep)


@case()
def dense_of_map(m):
    x = add_conv(m, m.input(random(2, 4, 5, 3)), random(6, 3, 3, 3), random(6), (1, 1), (1, 1), VALID)
    return add_dense(m, x, random(4, 2 * 3 * 6), None)


@case(False)
@case(True)
def batch_matmul(m, turned):
    a, b = m.input(random(2, 3, 4)), m.input(random(2, 5, 4) if turned else random(2, 4, 5))
    y = m.value[a] @ (m.value[b].transpose(0, 2, 1) if turned else m.value[b])
    y = m.op('BATCH_MATMUL', [a, b], y, (101, {1: ('?', turned)}))
    w = random(6, 5) if turned else random(5, 6)
    return m.op('BATCH_MATMUL', [y, m.const(w)], m.value[y] @ (w.T if turned else w), (101, {1: ('?', turned)}))


for kind in BINARY:
    @case(kind)
    def two(m, kind):
        x, y = m.input(random(2, 5, 4, 3)), m.input(np.abs(random(2, 1, 1, 3)) + 1)
        flat = add_binary(m, kind, x, y)
        # behind a convolution the map is channels-first
        z = add_conv(m, x, random(3, 1, 1, 3), None)
        z = add_binary(m, kind, z, y)
        z = add_binary(m, kind, z, m.const(np.abs(random(3)) + 1), RELU6 if kind in UNION else NONE)
        z = add_binary(m, kind, z, m.const(np.abs(random(1, 5, 4, 3)) + 1))
        z = add_binary(m, kind, m.const(np.float32(2)), m.op('ABS', [z], np.abs(m.value[z])) if kind != 'DIV' else y)
        return flat, add_binary(m, kind, z, m.const(np.abs(random(4, 1)) + 1))


for kind in UNARY:
    @case(kind)
    def one(m, kind):
        x = m.input(random(2, 3, 5, 4) * 3)
        return unary(m, kind, x), unary(m, kind, add_conv(m, x, random(3, 1, 1, 4) / 4, random(3)))


@case()
def roots(m):
    x = m.input(np.abs(random(3, 5)) + 0.5)
    return (m.op('SQRT', [x], np.sqrt(m.value[x])), m.op('RSQRT', [x], 1 / np.sqrt(m.value[x])),
            m.op('LOG', [x], np.log(m.value[x])))


@case()
def integral(m):
    x = m.input(random(3, 5) * 4)
    return [m.op(kind, [x], f(m.value[x])) for kind, f in (('FLOOR', np.floor), ('CEIL', np.ceil), ('ROUND', np.rint))]


@case()
def slopes(m):
    x, slope = m.input(random(2, 4, 3, 5)), random(1, 1, 5)
    y = m.op('LEAKY_RELU', [x], np.where(m.value[x] > 0, m.value[x], np.float32(0.2) * m.value[x]), (75, {0: ('f', 0.2)}))
    y = add_conv(m, y, random(5, 1, 1, 5), None)
    v = m.value[y]
    return y, m.op('PRELU', [y, m.const(slope)], np.where(v > 0, v, slope * v))


@case(True)
@case(False)
def reductions(m, keep):
    x = m.input(random(2, 5, 4, 3))
    y = add_conv(m, x, random(6, 1, 1, 3), None)
    return [reduce(m, kind, z, axes, keep) for z in (x, y) for kind, axes in
            [('MEAN', (1, 2)), ('SUM', (1,)), ('REDUCE_MAX', (2,)), ('REDUCE_MIN', (-1,)), ('MEAN', (1, 3)), ('SUM', (0,)),
             ('MEAN', (1, 2, 3))]]


@case()
def along_channels(m):
    x = add_conv(m, m.input(random(2, 3, 4, 5)), random(6, 1, 1, 5), None)
    v = m.value[x]
    y = m.op('SOFTMAX', [x], softmax(v * np.float32(0.7)), (9, {0: ('f', 0.7)}))
    z = m.op('L2_NORMALIZATION', [x], v / np.sqrt((v ** 2).sum(-1, keepdims=True)), (12, {}))
    logits = m.input(random(3, 7))
    return (y, z, m.op('SOFTMAX', [logits], softmax(m.value[logits]), (9, {0: ('f', 1)})),
            m.op('LOG_SOFTMAX', [logits], np.log(softmax(m.value[logits])), (50, {})))


@case()
def joined(m):
    x = m.input(random(1, 4, 5, 3))
    a, b = add_conv(m, x, random(4, 1, 1, 3), None), add_conv(m, x, random(2, 3, 3, 3), None)
    y = concat(m, [a, x, b, m.const(random(1, 4, 5, 2))], 3, RELU)
    z = concat(m, [a, a], 1)
    return y, z, concat(m, [m.input(random(2, 3)), m.input(random(2, 4))], -1)


@case()
def parts(m):
    x = add_conv(m, m.input(random(1, 6, 5, 3)), random(6, 1, 1, 3), None)
    v = m.value[x]
    a, b = m.op('SPLIT', [m.const(3, 'i4'), x], np.split(v, 2, 3), (35, {0: i32(2)}))
    c, d = m.op('SPLIT_V', [x, m.const([2, -1], 'i4'), m.const(1, 'i4')], np.split(v, [2], 1), (79, {0: i32(2)}))
    e = m.op('SLICE', [x, m.const([0, 1, 2, 0], 'i4'), m.const([1, 3, -1, 4], 'i4')], v[:, 1:4, 2:, :4])
    f = m.op('STRIDED_SLICE', [x, m.const([0, 1, 0, -1], 'i4'), m.const([0, 6, 3, -7], 'i4'), m.const([1, 2, 1, -1], 'i4')],
             v[:, 1:6:2, :3, ::-1], (32, {0: i32(1), 1: i32(1)}))
    g = m.op('STRIDED_SLICE', [x, m.const([0, 2, 0, 0], 'i4'), m.const([1, 3, 5, 6], 'i4'), m.const([1, 1, 1, 1], 'i4')],
             v[:, 2], (32, {4: i32(2)}))
    h = m.op('GATHER', [x, m.const([2, 0, 2], 'i4')], v[..., [2, 0, 2]], (23, {0: i32(3)}))
    u = m.op('UNPACK', [x], [v[0]], (64, {0: i32(1)}))
    return a, b, c, d, e, f, g, h, u[0]


@case()
def shapes(m):
    x = add_conv(m, m.input(random(2, 4, 3, 3)), random(5, 1, 1, 3), None)
    y = reshape(m, x, 2, 12, 5)
    z = reshape(m, x, 4, 6, 5, 1, operand=False)
    e = m.op('EXPAND_DIMS', [y, m.const(1, 'i4')], m.value[y][:, None], (52, {}))
    s = m.op('SQUEEZE', [e], m.value[y], (30, {0: ints(1)}))
    p = m.op('PACK', [y, s], np.stack([m.value[y], m.value[s]], 2), (59, {0: i32(2), 1: i32(2)}))
    return y, z, e, p, transpose(m, x, 0, 3, 1, 2), transpose(m, x, 2, 1, 3, 0)


@case()
def shape_chain(m):
    """As converters write a flatten of an open batch."""
    x = add_conv(m, m.input(random(2, 3, 2, 3)), random(4, 1, 1, 3), None)
    shape = m.op('SHAPE', [x], ints(2, 3, 2, 4), (55, {0: ('b', 2)}))
    batch = m.op('STRIDED_SLICE', [shape, m.const([0], 'i4'), m.const([1], 'i4'), m.const([1], 'i4')], np.int32(2), (32, {4: i32(1)}))
    size = m.op('STRIDED_SLICE', [shape, m.const([1], 'i4'), m.const([4], 'i4'), m.const([1], 'i4')], ints(3, 2, 4), (32, {}))
    rest = m.op('REDUCE_PROD', [size, m.const([0], 'i4')], np.int32(24), (27, {}))
    half = m.op('DIV', [rest, m.const(2, 'i4')], np.int32(12), (29, {}))
    to = m.op('PACK', [batch, m.const(2, 'i4'), half], ints(2, 2, 12), (59, {0: i32(3)}))
    return m.op('RESHAPE', [x, to], m.value[x].reshape(2, 2, 12), (17, {}))


@case()
def padded(m):
    x = m.input(random(1, 5, 4, 3))
    v = m.value[x]
    pads = m.const([[0, 0], [1, 2], [2, 0], [0, 0]], 'i4')
    y = m.op('PAD', [x, pads], np.pad(v, ((0, 0), (1, 2), (2, 0), (0, 0))), (22, {}))
    y = add_conv(m, y, random(4, 3, 3, 3), random(4), (2, 2), (1, 1), VALID, RELU)
    z = m.op('PADV2', [y, m.const([[0, 0], [1, 0], [0, 1], [2, 1]], 'i4'), m.const(-1.5)],
             np.pad(m.value[y], ((0, 0), (1, 0), (0, 1), (2, 1)), constant_values=-1.5), (43, {}))
    r = m.op('MIRROR_PAD', [x, pads], np.pad(v, ((0, 0), (1, 2), (2, 0), (0, 0)), 'reflect'), (77, {0: ('b', 0)}))
    s = m.op('MIRROR_PAD', [y, pads], np.pad(m.value[y], ((0, 0), (1, 2), (2, 0), (0, 0)), 'symmetric'), (77, {0: ('b', 1)}))
    return y, z, r, s


@case()
def depth_and_space(m):
    x = m.input(random(2, 3, 2, 12))
    v = m.value[x]
    y = m.op('DEPTH_TO_SPACE', [x], v.reshape(2, 3, 2, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 6, 4, 3), (94, {0: i32(2)}))
    back = m.op('SPACE_TO_DEPTH', [y], v, (19, {0: i32(2)}))
    return y, add_binary(m, 'ADD', back, x)


for size in (8, 12), (7, 3), (4, 6), (8, 9), (1, 5):
    for corners, half in (False, False), (True, False), (False, True):
        @case(size, corners, half)
        def resized(m, size, corners, half):
            x = m.input(random(2, 4, 6, 3))
            to, v = m.const(size, 'i4'), m.value[x].astype('f8')
            return (m.op('RESIZE_BILINEAR', [x, to], resize(v, size, True, corners, half).astype('f4'),
                         (15, {2: ('?', corners), 3: ('?', half)}), version=3),
                    m.op('RESIZE_NEAREST_NEIGHBOR', [x, to], resize(v, size, False, corners, half).astype('f4'),
                         (74, {0: ('?', corners), 1: ('?', half)}), version=3))


@case()
def half_weights(m):
    x, w = m.input(random(1, 5, 5, 2)), random(3, 3, 3, 2).astype('f2')
    k = m.op('DEQUANTIZE', [m.const(w, 'f2')], w.astype('f4'), (38, {}))
    y = conv(m.value[x], w.astype('f4'), 0, (1, 1), (1, 1), SAME).astype('f4')
    return m.op('CONV_2D', [x, k], y, (1, {0: ('b', SAME), 1: i32(1), 2: i32(1)}))


@case()
def one_dimension(m):
    """A convolution over [N,L,C] as converters write it."""
    x = m.input(random(2, 11, 3))
    for channels in 4, 5:
        x = reshape(m, x, 2, 1, 11, m.value[x].shape[-1])
        x = add_conv(m, x, random(channels, 1, 3, m.value[x].shape[-1]), random(channels), activation=RELU)
        x = reshape(m, x, 2, 11, channels)
    return x


@case()
def squeeze_excite(m):
    x = add_conv(m, m.input(random(2, 6, 7, 3)), random(8, 3, 3, 3), random(8), (2, 2), activation=RELU6)
    g = reduce(m, 'MEAN', x, (1, 2), True)
    g = add_conv(m, g, random(4, 1, 1, 8), random(4), activation=RELU)
    g = unary(m, 'LOGISTIC', add_conv(m, g, random(8, 1, 1, 4), random(8)))
    y = add_conv(m, add_binary(m, 'MUL', x, g), random(8, 1, 1, 8), random(8))
    y = add_binary(m, 'ADD', y, x, RELU)
    y = reshape(m, add_pool(m, 'AVERAGE_POOL_2D', y, (3, 4), (3, 4), VALID), 2, 8)
    return add_dense(m, y, random(5, 8), random(5))


def tangle(seed):
    """Random operators on whatever is there, so that orders of dimensions meet in all ways."""
    def build(m):
        pool_ = [m.input(random(1, 4, 4, 4)), m.input(random(1, 4, 4, 4))]
        for _ in range(14):
            x, y = (pool_[rng.integers(len(pool_))] for _ in range(2))
            n = len(m.value[x].shape)
            kind = rng.integers(9)
            if kind == 0:
                z = add_conv(m, x, random(4, 3, 3, 4) / 6, random(4), activation=TANH)
            elif kind == 1:
                z = transpose(m, x, *[[0, 3, 1, 2], [0, 2, 3, 1], [0, 2, 1, 3], [0, 3, 2, 1]][rng.integers(4)])
            elif kind == 2:
                z = add_binary(m, 'ADD', x, y, RELU6)
            elif kind == 3:
                z = add_binary(m, 'MUL', x, m.const(random(*[[4], [1, 1, 1, 4], [4, 1, 1], [1, 4, 1, 1], [4, 4, 4]][rng.integers(5)])))
            elif kind == 4:
                z = unary(m, 'TANH', x)
            elif kind == 5:
                z = m.op('SLICE', [concat(m, [x, y], 3), m.const([0, 0, 0, 2], 'i4'), m.const([1, 4, 4, 4], 'i4')],
                         np.concatenate([m.value[x], m.value[y]], 3)[..., 2:6])
            elif kind == 6:
                z = reshape(m, add_binary(m, 'SUB', reshape(m, x, 1, 16, 4), reshape(m, y, 1, 16, 4)), 1, 4, 4, 4)
            elif kind == 7:
                z = m.op('SOFTMAX', [x], softmax(m.value[x]), (9, {0: ('f', 1)}))
            else:
                z = add_binary(m, 'MAXIMUM', x, reduce(m, 'MEAN', y, (int(rng.integers(1, n)),), True))
            pool_.append(z)
        return pool_[-4:]
    return build


for seed in range(6):
    cases['tangle %d' % seed] = tangle(seed)


# ---- numbers ----

def build_all(names):
    """One model of many cases: it, and of each case its name and outputs."""
    m, made = Model(), []
    for name in names:
        out = cases[name](m)
        out = list(out) if isinstance(out, (tuple, list)) else [out]
        for o in out:
            m.output(o)
        made.append((name, out))
    return m, made


def title(t):
    return t[3]


def run(m, path, *more):
    """The outputs by their names, or None and what dsqc said."""
    args = ['run', path, '-q', *more]
    for i in m.inputs:
        file = '%s/%s.npy' % (WORK, title(m.tensors[i]))
        np.save(file, m.value[i])
        args += ['--input', '%s=%s' % (title(m.tensors[i]), file)]
    for o in m.outputs:
        args += ['--output', '%s=%s/%s.out.npy' % (title(m.tensors[o]), WORK, title(m.tensors[o]))]
    r = dsqc(*args)
    if r.returncode:
        return None, r.stderr
    return {o: np.load('%s/%s.out.npy' % (WORK, title(m.tensors[o]))) for o in m.outputs}, ''


def error(got, want):
    if got.shape != (want.shape or (1,)):
        return 'shape %s, expected %s' % (got.shape, want.shape)
    err = np.abs(got - want.astype('f8')).max() / max(np.abs(want).max(), 1e-6)
    return '' if err <= TOLERANCE else 'error %g' % err


def compare(m, made, got, said, suffix):
    for name, out in made:
        wrong = ['output %d: %s' % (i, error(got[o], m.value[o])) for i, o in enumerate(out)
                 if got is not None and error(got[o], m.value[o])]
        say('tflite %s%s' % (name, suffix), got is not None and not wrong, said + '\n'.join(wrong))


def write(name, data):
    path = '%s/%s' % (WORK, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def numbers():
    m, made = build_all(cases)
    compare(m, made, *run(m, write('all.tflite', m.bytes()), '--engine=reference'), '')
    m, made = build_all([n for n in cases if re.match('tangle|squeeze|padded|depth|transposed 0 2 3|dense of', n)])
    path = write('some.tflite', m.bytes())
    compare(m, made, *run(m, path), ', compiled')
    r = dsqc('import', path, '-q', '-o', WORK + '/some.yaml')
    compare(m, made, *run(m, WORK + '/some.yaml', '--engine=reference') if not r.returncode else (None, r.stderr), ', imported')


# ---- costs ----

def resnet8(m):
    """As specs/tiny/resnet8.yaml is."""
    def block(x, width, stride):
        n = m.value[x].shape[3]
        short = add_conv(m, x, random(width, 1, 1, n), random(width), (stride, stride)) if stride > 1 else x
        y = add_conv(m, x, random(width, 3, 3, n) / 9, random(width), (stride, stride), activation=RELU)
        y = add_conv(m, y, random(width, 3, 3, width) / 9, random(width))
        return add_binary(m, 'ADD', y, short, RELU)
    x = add_conv(m, m.input(random(1, 32, 32, 3)), random(16, 3, 3, 3), random(16), activation=RELU)
    for width, stride in (16, 1), (32, 2), (64, 2):
        x = block(x, width, stride)
    x = reshape(m, add_pool(m, 'AVERAGE_POOL_2D', x, (8, 8), (8, 8), VALID), 1, 64)
    m.output(add_dense(m, x, random(10, 64), random(10)))


def mobile(m):
    """What MobileNets have: padding of its own, depthwise convolutions, gates, residuals, two heads."""
    x = m.input(random(1, 33, 33, 3))
    x = m.op('PAD', [x, m.const([[0, 0], [0, 1], [0, 1], [0, 0]], 'i4')], np.pad(m.value[x], ((0, 0), (0, 1), (0, 1), (0, 0))), (22, {}))
    x = unary(m, 'HARD_SWISH', add_conv(m, x, random(8, 3, 3, 3), random(8), (2, 2), (1, 1), VALID))
    for width in 16, 16:
        y = add_conv(m, x, random(16, 1, 1, m.value[x].shape[3]), random(16), activation=RELU6)
        y = add_depthwise(m, y, random(1, 3, 3, 16), random(16), activation=RELU6)
        g = reduce(m, 'MEAN', y, (1, 2), True)
        g = unary(m, 'LOGISTIC', add_conv(m, g, random(16, 1, 1, 16), random(16)))
        y = add_conv(m, add_binary(m, 'MUL', y, g), random(width, 1, 1, 16), random(width))
        x = add_binary(m, 'ADD', x, y) if m.value[x].shape == m.value[y].shape else y
    z = concat(m, [x, add_pool(m, 'MAX_POOL_2D', x, (3, 3), (1, 1))], 3)
    z = add_conv(m, z, random(8, 1, 1, 32), random(8), activation=RELU)
    m.output(add_dense(m, reduce(m, 'MEAN', z, (1, 2), False), random(5, 8), random(5)))


def layers(*args):
    r = dsqc('info', *args, '--json', '--target=x86-64-v3')
    return json.loads(r.stdout) if not r.returncode else {'layers': [], 'error': r.stderr}


def costs():
    """An imported network costs what a spec costs: no kernel moves anything between the caller and the layers, or between them."""
    m = Model()
    resnet8(m)
    got, want = layers(write('resnet8.tflite', m.bytes())), layers('specs/tiny/resnet8.yaml')
    for n in got, want:
        n['kernels'] = [(x['macs'], x['weights_bytes'], x['ram_bytes']) for x in n['layers']]
    say('tflite costs what its spec costs', got['kernels'] and all(got[k] == want[k] for k in ('kernels', 'arena_bytes', 'weights_bytes')),
        json.dumps([got, want], indent=1))
    m = Model()
    mobile(m)
    got = layers(write('mobile.tflite', m.bytes()))
    moves = [x for x in got['layers'] if x['op'] in ('transpose', 'reshape', 'slice', 'pad', 'concat')]
    say('tflite: nothing is moved', got['layers'] and not moves, json.dumps(got, indent=1))
    r = dsqc('import', WORK + '/mobile.tflite', '-q', '-o', WORK + '/mobile.yaml')
    same = layers(WORK + '/mobile.yaml')
    say('tflite: its spec costs the same', all(same.get(k) == got.get(k) for k in ('arena_bytes', 'weights_bytes', 'macs')) and
        [x['op'] for x in same['layers']] == [x['op'] for x in got['layers']], r.stderr + json.dumps(same, indent=1))
    r = dsqc('verify', WORK + '/mobile.tflite', '--engine=loops', '--runs=1')
    say('tflite: a network verifies', r.returncode == 0, r.stdout + r.stderr)
    r = dsqc('info', WORK + '/mobile.tflite', '--shape', 't0=2,49,33,3')
    say('tflite: --shape', 'f32[2,5]' in r.stdout, r.stdout + r.stderr)


def pictures():
    """A picture fills an input with channels last."""
    m, pixels = Model(), rng.integers(0, 256, (5, 4, 3))
    x = m.input((pixels / 255).astype('f4')[None])
    m.output(unary(m, 'NEG', x))
    write('picture.ppm', b'P6 4 5 255\n' + pixels.astype('u1').tobytes())
    r = dsqc('run', write('picture.tflite', m.bytes()), '-q', '--engine=reference', '-i', WORK + '/picture.ppm', '-o', WORK + '/y.npy')
    got = np.load(WORK + '/y.npy') if not r.returncode else np.zeros(1)
    say('tflite: pictures', not error(got, m.value[-1]), r.stderr)


def quantized():
    """Types and grids are read and shown; everything else says that integers are not compiled."""
    m = Model()
    q = {'scale': [0.5], 'zero': [-3]}
    x = m.input(np.zeros((1, 5, 5, 2), 'i1'), 'image', **q)
    w = m.const(np.ones((4, 3, 3, 2)), 'i1', scale=[0.25, 0.5, 1, 2], zero=[0] * 4, axis=0)
    window = {0: ('b', SAME), 1: i32(1), 2: i32(1)}
    y = m.op('CONV_2D', [x, w, m.const([1, 2, 3, 4], 'i4', scale=[1, 1, 1, 1], zero=[0] * 4)], np.zeros((1, 5, 5, 4), 'i1'), (1, window), **q)
    m.output(m.op('DEQUANTIZE', [y], np.zeros((1, 5, 5, 4), 'f4'), (38, {})))
    path = write('int8.tflite', m.bytes())
    r = dsqc('info', path)
    want = ['quantized to int8', 'image i8[1,5,5,2] q(0.5:-3)', 'i8[4,3,3,2] q(4 scales, axis 0)', 'f32[1,5,5,4]', '1,800 ', '76']
    say('tflite: info of int8', all(w in r.stdout for w in want), r.stdout + r.stderr)
    for command in 'compile', 'run', 'verify', 'import':
        r = dsqc(command, path, '-o', WORK + '/no.yaml') if command == 'import' else dsqc(command, path)
        say('tflite: %s of int8' % command, r.returncode == 1 and 'integers are not compiled yet' in r.stderr, r.stderr)


# ---- malformed files ----

def small():
    """The model that is broken: a convolution with its operands, and a pool."""
    m = Model()
    y = add_conv(m, m.input(random(1, 4, 4, 2), 'image'), random(3, 3, 3, 2), random(3))
    m.output(add_pool(m, 'MAX_POOL_2D', y, (2, 2), (2, 2)))
    return m


def graph(root):
    return root[2][0]


def set_tensor(i, field, value):
    def change(root):
        graph(root)[0][i][field] = value
    return change


def set_op(i, field, value):
    def change(root):
        graph(root)[3][i][field] = value
    return change


def set_option(i, field, value):
    def change(root):
        graph(root)[3][i][4][field] = value
    return change


def set_graph(field, value):
    def change(root):
        graph(root)[field] = value
    return change


def set_root(field, value):
    def change(root):
        root[field] = value
    return change


def unknown_operators(root):
    root[1] += [Table({0: ('b', 32), 1: 'Mine', 2: ('i', 4), 3: ('i', 32)}), Table({0: ('b', 127), 2: ('i', 2), 3: ('i', 999)})]
    g = graph(root)
    for code, to in (2, 3), (3, 4): # the second reads what the first makes
        g[0].append(Table({0: ints(1, 2, 2, 3), 1: ('b', 0), 3: 'made%d' % to}))
        g[3].append(Table({0: ('I', code), 1: ints(len(g[0]) - 2), 2: ints(len(g[0]) - 1)}))
    g[2] = ints(len(g[0]) - 2, len(g[0]) - 1)


def turned(root):
    graph(root)[3].reverse()


def code_of(kind):
    return Table({0: ('b', CODES[kind]), 2: ('i', 3), 3: ('i', CODES[kind])})


def resized_to(size, kind='i8'):
    """The pool resizes instead, to what may be beyond all memory."""
    def change(root):
        root[1][1] = code_of('RESIZE_BILINEAR')
        root[4].append(Table({0: np.array(size, kind).tobytes()}))
        g = graph(root)
        g[0].append(Table({0: ints(len(size)), 1: ('b', TYPES[kind]), 2: ('I', len(root[4]) - 1), 3: 'size'}))
        g[3][1].update({1: ints(3, len(g[0]) - 1), 3: ('B', 15), 4: Table()})
    return change


def empty_operand(kind, *operands):
    """The convolution is another operator, and reads what has no elements and no buffer."""
    def change(root):
        root[1][0] = code_of(kind)
        root[4].append(Table({0: np.array([7, 7], 'i4').tobytes()}))
        g = graph(root)
        g[0] += [Table({0: ints(1, 4, 4, 0), 1: ('b', 0), 3: 'nothing'}), Table({0: ints(1, 0, 0, 2), 1: ('b', 0), 3: 'flat'}),
                 Table({0: ints(1, 3, 3, 2), 1: ('b', 0), 2: ('I', len(root[4])), 3: 'weight'}),
                 Table({0: ints(2), 1: ('b', 2), 2: ('I', len(root[4]) - 1), 3: 'size'})]
        root[4].append(Table({0: np.ones(18, 'f4').tobytes()}))
        g[3][0].update({1: ints(*operands), 3: ('B', {'DEPTHWISE_CONV_2D': 2, 'RESIZE_BILINEAR': 15, 'ADD': 11}[kind])})
        g[3][0][4] = Table({1: ('i', 1), 2: ('i', 1)}) if kind == 'DEPTHWISE_CONV_2D' else Table()
    return change


MAX = 2 ** 31 - 1
# What is changed in the tables, and a part of what dsqc says. Tensors: 0 image, 1 weight, 2 bias, 3, 4.
BROKEN = {
    'version': (set_root(0, ('I', 2)), 'version 2 of the schema'),
    'no graph': (set_root(2, []), 'it has no graph'),
    'no buffers': (set_root(4, []), r"tensor 1 't1': it is in buffer 1 of 0"),
    'no codes': (set_root(1, []), r'operator 0: it is of operator code 0 of 0'),
    'buffer outside': (set_tensor(1, 2, ('I', 99)), r"tensor 1 't1': it is in buffer 99 of 3"),
    'buffer of another': (set_tensor(1, 2, ('I', 2)), r"tensor 1 't1': it is f32\[3,3,3,2\], which takes 216 bytes, and has 12"),
    'negative size': (set_tensor(1, 0, ints(3, -3, 3, 2)), r"tensor 1 't1': dimension 1 is -3"),
    'no size': (set_tensor(0, 0, ints(1, 0, 4, 2)), r"the input 'image' is f32\[1,0,4,2\]|'image'.*constant"),
    'huge size': (set_tensor(0, 0, ints(MAX, MAX, MAX, MAX)), r"tensor 0 'image': it is too large"),
    'large input': (set_tensor(0, 0, ints(1, 2 ** 20, 2 ** 19, 2)), r"operator 0 .*CONV_2D.*has more than 2\^40 elements"),
    'many dimensions': (set_tensor(0, 0, ints(*[1] * 9)), r"tensor 0 'image': it has 9 dimensions"),
    'another rank': (set_tensor(0, 0, ints(4, 4, 2)), r'operator 0 .*CONV_2D.*\[N,H,W,C\] is expected'),
    'weight of strings': (set_tensor(1, 1, ('b', 5)), r"tensor 1 't1': its elements are string"),
    'weight unknown': (set_tensor(1, 1, ('b', 77)), r"tensor 1 't1': its elements are of unknown type"),
    'integer input': (set_tensor(0, 1, ('b', 2)), r"the input 'image' is int32"),
    'variable': (set_tensor(0, 5, ('?', True)), r"the input 'image' is a variable"),
    'sparse': (set_tensor(1, 6, Table()), r"tensor 1 't1': it is stored as a sparse tensor"),
    'name with newline': (set_tensor(0, 3, 'a\nb'), r"an input's name, 'a\?b', .* control characters"),
    'empty name': (set_tensor(0, 3, ''), r"an input's name, ''"),
    'scales': (set_tensor(1, 4, Table({2: np.ones(2, 'f4'), 3: np.zeros(2, 'i8'), 6: ('i', 0)})), r"tensor 1 't1': it has 2 scales"),
    'scale axis': (set_tensor(1, 4, Table({2: np.ones(3, 'f4'), 6: ('i', 7)})), r"tensor 1 't1': it has 3 scales along axis 7"),
    'scale nan': (set_tensor(1, 4, Table({2: np.array([np.nan], 'f4')})), r"tensor 1 't1': scale 0 is no number"),
    'operator code': (set_op(0, 0, ('I', 9)), r'operator 0: it is of operator code 9 of 2'),
    'operand outside': (set_op(0, 1, ints(0, 1, 77)), r'operator 0 \(CONV_2D\): operand 2 is tensor 77 of 5'),
    'operand left out': (set_op(0, 1, ints(-1, 1, 2)), r'operator 0 .*CONV_2D'),
    'operand negative': (set_op(0, 1, ints(-7, 1, 2)), r'operator 0 \(CONV_2D\): operand 0 is tensor -7'),
    'no operands': (set_op(0, 1, ints()), r'operator 0 .*CONV_2D.*it has no weight'),
    'result outside': (set_op(0, 2, ints(77)), r'operator 0 \(CONV_2D\): result 0 is tensor 77 of 5'),
    'result is operand': (set_op(0, 2, ints(1)), r"operator 0 .*its result, tensor 1 't1', is there already|no operator.*makes it"),
    'own result': (set_op(0, 1, ints(3, 1, 2)), r"operator 0 .*its operand, tensor 3 't3', is neither"),
    'order': (turned, r"operator 0 .*MAX_POOL_2D.*its operand, tensor 3 't3', is neither"),
    'options of another': (set_op(0, 3, ('B', 5)), r'operator 0 .*CONV_2D.*options are those of another operator'),
    'no options': (set_op(0, 4, Table()), r'operator 0 .*CONV_2D.*its stride is 0'),
    'stride': (set_option(0, 1, ('i', -1)), r'operator 0 .*CONV_2D.*its stride is -1'),
    'padding': (set_option(0, 0, ('b', 9)), r'operator 0 .*CONV_2D.*its padding 9'),
    'activation': (set_option(0, 3, ('b', 55)), r'operator 0 .*CONV_2D.*activation 55'),
    'window': (set_option(1, 3, ('i', MAX)), r'operator 1 .*MAX_POOL_2D'),
    'dilation': (set_option(0, 4, ('i', MAX)), r'operator 0 .*CONV_2D'),
    'shape lies': (set_tensor(3, 0, ints(1, 4, 4, 4)), r'operator 0 .*its result is f32\[1,4,4,3\], and the model says f32\[1,4,4,4\]'),
    'resize to more than 2^63': (resized_to([4, 2 ** 62]), r'operator 1 .*RESIZE_BILINEAR.*its size .* is no height and width'),
    'resize to the largest': (resized_to([MAX, MAX], 'i4'), r'operator 1 .*RESIZE_BILINEAR.*its size .* is no height and width'),
    'resize to 2^63 - 1': (resized_to([2 ** 63 - 1, 4]), r'operator 1 .*RESIZE_BILINEAR.*its size .* is no height and width'),
    'resize to nothing': (resized_to([4, 0]), r'operator 1 .*RESIZE_BILINEAR.*its size .* is no height and width'),
    'resize to 2^48': (resized_to([2 ** 24, 2 ** 24]), r'operator 1 .*RESIZE_BILINEAR.*2\^40 elements'),
    'no channels': (empty_operand('DEPTHWISE_CONV_2D', 5, 7), r'operator 0 .*its operand 0 is f32\[1,4,4,0\], without elements'),
    'nothing to resize': (empty_operand('RESIZE_BILINEAR', 6, 8), r'operator 0 .*its operand 0 is f32\[1,0,0,2\], without elements'),
    'nothing to add': (empty_operand('ADD', 0, 5), r'operator 0 .*its operand 1 is f32\[1,4,4,0\], without elements'),
    'input outside': (set_graph(1, ints(9)), r'input 0 is tensor 9 of 5'),
    'input twice': (set_graph(1, ints(0, 0)), r"tensor 0 'image': it is an input twice"),
    'input is constant': (set_graph(1, ints(0, 1)), r"tensor 1 't1': an input is a constant"),
    'no inputs': (set_graph(1, ints()), r"operator 0 .*its operand, tensor 0 'image', is neither"),
    'output outside': (set_graph(2, ints(-1)), r'output 0 is tensor -1 of 5'),
    'no outputs': (set_graph(2, ints()), r'it has no output'),
    'nobody makes it': (set_graph(3, []), r"no operator makes the output, tensor 4 't4'"),
    'unknown operators': (unknown_operators, r"2 operators cannot be compiled\n.*operator 2 'made3' \(CUSTOM 'Mine', version 4\).*\n"
                                             r".*operator 3 'made4' \(operator code 999, version 2\)"),
}


def patch(data, at, number, kind='<I'):
    out = bytearray(data)
    struct.pack_into(kind, out, at, number)
    return bytes(out)


def broken_bytes():
    """What the tables cannot say: what is cut, and offsets and lengths that lie."""
    data = small().bytes()
    root = struct.unpack_from('<I', data)[0]
    vtable = root - struct.unpack_from('<i', data, root)[0]
    graphs = root + struct.unpack_from('<H', data, vtable + 8)[0]
    vector = graphs + struct.unpack_from('<I', data, graphs)[0]
    for n in 0, 3, 8, 11, 40, len(data) // 2, len(data) - 200:
        yield 'cut at %d' % n, data[:n], r'no TensorFlow Lite model'
    yield 'identifier', data[:4] + b'TFL2' + data[8:], r'identifier TFL3'
    yield 'root outside', patch(data, 0, 0xfffffff0), r'its root lies outside'
    yield 'vtable outside', patch(data, root, 2 ** 31 - 1, '<i'), r'vtable'
    yield 'vtable odd', patch(data, vtable, 7, '<H'), r'vtable'
    yield 'table too long', patch(data, vtable + 2, 65535, '<H'), r'its root has a vtable, or a size'
    yield 'field outside', patch(data, vtable + 8, 65000, '<H'), r'Model.subgraphs lies outside its table'
    yield 'vector outside', patch(data, graphs, 0xffffff00), r"Model.subgraphs reaches beyond the file's end"
    yield 'vector of itself', patch(data, graphs, 0), r"Model.subgraphs reaches beyond the file's end"
    yield 'vector too long', patch(data, vector, 0x3fffffff), r"Model.subgraphs reaches beyond the file's end"
    yield 'table of itself', patch(data, vector + 4, 0), r'subgraph 0: it lies outside the file'


    root = small().root()
    for what, count, length in ('name', 100000, 1000000), ('names', 130000, 100):
        graph(root)[0] += [Table({0: ints(1), 1: ('b', 0), 3: 'x'}) for _ in range(count - len(graph(root)[0]))]
        graph(root)[0][-1][3] = 'x' * length
        w = Writer()
        data = bytearray(w.file(root))
        last = w.slot[id(graph(root)[0][-1]), 3]
        last += struct.unpack_from('<I', data, last)[0]
        for t in graph(root)[0][5:-1]:
            struct.pack_into('<I', data, w.slot[id(t), 3], last - w.slot[id(t), 3])
        graph(root)[2] = ints(5)
        yield 'shared ' + what, bytes(data), r'refer to the same bytes too often|no operator makes the output, tensor 5'


def refuse(name, data, says):
    path, out = write('bad.tflite', data), WORK + '/bad'
    r = subprocess.Popen([DSQC, 'compile', path, '-o', out], stderr=subprocess.PIPE, text=True)
    message = r.stderr.read()
    _, status, used = os.wait4(r.pid, 0)
    status = os.waitstatus_to_exitcode(status)
    small_ = used.ru_maxrss < 256 * 1024 or 'asan' in DSQC
    ok = status == 1 and re.search(says, message) and not os.path.exists(out) and small_
    say('tflite refuses: ' + name, ok, 'status %d, %d KB, expected %s, got:\n%s' % (status, used.ru_maxrss, says, message))


def names():
    """What a model has longer than a spec, or twice: an import is a spec that dsqc takes."""
    for what, constant, port, outputs in ('a long constant', 'long' * 100, 'y', 1), ('outputs of one name', 'k', 'y', 400), \
            ('a long output', 'k', 'long' * 100, 1):
        m = Model()
        x = m.input(random(1, 3))
        y = add_binary(m, 'ADD', x, m.tensor(random(3), constant, constant=True))
        m.tensors[y][3] = port
        for _ in range(outputs):
            m.output(y)
        r = dsqc('import', write('names.tflite', m.bytes()), '-q', '-o', WORK + '/names.yaml')
        again = dsqc('info', WORK + '/names.yaml')
        counted = outputs == 1 or 'y_out%d' % (outputs - 1) in again.stdout
        say('tflite: ' + what, not r.returncode and not again.returncode and counted, (r.stderr + again.stderr)[:1000])


def malformed():
    for name, (change, says) in BROKEN.items():
        root = small().root()
        change(root)
        refuse(name, Writer().file(root), says)
    for name, data, says in broken_bytes():
        refuse(name, data, says)


numbers()
costs()
pictures()
quantized()
names()
malformed()
