#!/usr/bin/python3
"""Compares the double-precision reference of every operator with PyTorch in float64.

    ops_torch.py [EVALGRAPH] [--seed N] [--trials N] [--only OP]      EVALGRAPH: $BUILD/tests/exec/evalgraph

Every case is a graph of one node (or one anchor with a random epilogue) with random shapes and attributes. The result
types in its text are PyTorch's, so shape inference is compared as well."""
import argparse
import math
import os
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError:
    print('skip ops_torch: no PyTorch')
    sys.exit(0)

torch.set_default_dtype(torch.float64)
TOLERANCE = 1e-12
SIZES = [1, 1, 2, 3, 4, 5, 7, 8, 13]


class Case:
    """Inputs and constants in the order of the text, PyTorch's results, and what stands behind the op's name."""

    def __init__(self, op, inputs, consts, attrs, outs, extra=''):
        self.op, self.inputs, self.consts, self.outs, self.extra = op, inputs, consts, outs, extra
        self.attrs = {k: v for k, v in attrs.items() if v is not None}

    def text(self):
        def ty(t):
            return 'f32[%s]' % ','.join(map(str, t.shape))

        def attr(v):
            if isinstance(v, bool):
                return 'true' if v else 'false'
            return '[%s]' % ','.join(map(str, v)) if isinstance(v, (list, tuple)) else str(v)
        names = ['%%x%d' % i for i in range(len(self.inputs))] + ['@c%d' % i for i in range(len(self.consts))]
        outs = ['%%y%d' % i for i in range(len(self.outs))]
        used = names[:len(names) - self.extra.count('@')]
        attrs = ', '.join('%s=%s' % (k, attr(v)) for k, v in self.attrs.items())
        return 'graph @case (%s) -> (%s) {\n%s  %s = %s %s {%s} %s : %s\n}\n' % (
            ', '.join('%s: %s' % (n, ty(t)) for n, t in zip(names, self.inputs)),
            ', '.join('%s: %s' % (n, ty(t)) for n, t in zip(outs, self.outs)),
            ''.join('  const @c%d : %s\n' % (i, ty(c)) for i, c in enumerate(self.consts)),
            ', '.join(outs), self.op, ', '.join(used), attrs, self.extra, ', '.join(map(ty, self.outs)))


def rnd(*shape):
    # Numbers of both signs, of several magnitudes, with zeros.
    return torch.randn(shape) * random.choice([0.1, 1, 1, 4]) * (torch.rand(shape) > 0.05)


def pick(*choices):
    return random.choice(choices)


def size():
    return random.choice(SIZES)


def shape(lo=1, hi=5):
    return [size() for _ in range(random.randint(lo, hi))]


def image(c=None):
    return rnd(pick(1, 1, 2), size() if c is None else c, size(), size())


def spelt(v):
    """Two equal numbers may be one."""
    return v[0] if v[0] == v[1] and random.random() < 0.5 else list(v)


def pads(limit=3):
    """[top, left, bottom, right]"""
    return pick([0] * 4, [1] * 4, [random.randint(0, limit) for _ in range(4)])


def pad2d(x, p, value=0.0):
    return F.pad(x, (p[1], p[3], p[0], p[2]), value=value)


def extent(k, d):
    return (k - 1) * d + 1


def conv2d():
    g = pick(1, 1, 2, 3)
    cg, og = size(), size()
    if random.random() < 0.2:
        g, cg, og = size() + 1, 1, pick(1, 1, 2)
    k, s, d = [pick(1, 2, 3, 3, 5), pick(1, 2, 3)], [pick(1, 2, 3), pick(1, 2)], [pick(1, 1, 2, 3), pick(1, 1, 2)]
    x, p = image(g * cg), pads()
    if any(x.shape[2 + i] + p[i] + p[2 + i] < extent(k[i], d[i]) for i in (0, 1)):
        return None
    w, b = rnd(g * og, cg, *k), pick(None, rnd(g * og))
    y = F.conv2d(pad2d(x, p), w, b, stride=s, dilation=d, groups=g)
    return Case('conv2d', [x], [w] + ([] if b is None else [b]),
                dict(stride=spelt(s), pad=p, dilation=spelt(d), groups=g), [y])


def conv_transpose2d():
    g, cg, og = pick(1, 1, 2, 3), size(), size()
    k, s, d = [pick(1, 2, 3, 4), pick(1, 2, 3)], [pick(1, 2, 3), pick(1, 2)], [pick(1, 1, 2), pick(1, 1, 3)]
    op = [random.randint(0, max(s[i], d[i]) - 1) for i in (0, 1)]
    x, p = image(g * cg), pads(2)
    w, b = rnd(g * cg, og, *k), pick(None, rnd(g * og))
    full = F.conv_transpose2d(x, w, b, stride=s, dilation=d, groups=g, output_padding=op)
    h, v = full.shape[2] - p[0] - p[2], full.shape[3] - p[1] - p[3]
    if h < 1 or v < 1:
        return None
    y = full[:, :, p[0]:p[0] + h, p[1]:p[1] + v]
    if p[0] == p[2] and p[1] == p[3]:
        y = F.conv_transpose2d(x, w, b, stride=s, dilation=d, groups=g, output_padding=op, padding=p[:2])
    return Case('conv_transpose2d', [x], [w] + ([] if b is None else [b]),
                dict(stride=spelt(s), pad=p, dilation=spelt(d), groups=g, output_pad=spelt(op)), [y])


def linear():
    x = rnd(*shape(1, 4))
    w, b = rnd(size() * pick(1, 9), x.shape[-1]), None
    b = pick(None, rnd(w.shape[0]))
    return Case('linear', [x], [w] + ([] if b is None else [b]), {}, [F.linear(x, w, b)])


def broadcast_pair(dims):
    def side():
        d = [pick(n, n, 1) for n in dims]
        return d[random.randint(0, len(d)):] if random.random() < 0.3 else d
    a, b = side(), side()
    return a, b


def matmul():
    a, b = broadcast_pair(shape(1, 3)) if random.random() < 0.7 else ([], [])
    m, k, n = size(), size() * pick(1, 5), size() * pick(1, 5)
    ta, tb = pick(True, False), pick(True, False)
    x = rnd(*a, *((k, m) if ta else (m, k)))
    z = rnd(*b, *((n, k) if tb else (k, n)))
    y = torch.matmul(x.transpose(-1, -2) if ta else x, z.transpose(-1, -2) if tb else z)
    return Case('matmul', [x, z], [], dict(transpose_a=ta, transpose_b=pick(tb, tb or None)), [y])


def batch_norm():
    x = rnd(*shape(2, 5))
    c, eps = x.shape[1], pick(None, 1e-3, 0.1)
    w, b, m, v = rnd(c), rnd(c), rnd(c), torch.rand(c) + 0.1
    y = F.batch_norm(x, m, v, w, b, False, 0.0, 1e-5 if eps is None else eps)
    return Case('batch_norm', [x], [w, b, m, v], dict(eps=eps), [y])


def soft(op, fn):
    def make():
        x = rnd(*shape()) * pick(1, 30, 700)
        axis = random.randint(-x.dim(), x.dim() - 1)
        given = pick(axis, None)
        return Case(op, [x], [], dict(axis=given), [fn(x, -1 if given is None else axis)])
    return make


def some_axes(x):
    axes = random.sample(range(x.dim()), random.randint(1, x.dim()))
    return [a - pick(0, x.dim()) for a in axes]


def l2_normalize():
    x = rnd(*shape(2)) * pick(1, 1e-13)
    axes, eps = some_axes(x), pick(None, 0.5)
    if random.random() < 0.3:
        axes = None
    dims, e = [1] if axes is None else axes, 1e-12 if eps is None else eps
    y = x / x.pow(2).sum(dims, keepdim=True).sqrt().clamp_min(e)
    return Case('l2_normalize', [x], [], dict(axes=axes, eps=eps), [y])


def layer_norm():
    x, eps = rnd(*shape()), pick(None, 1e-3, 0.5)
    given, affine = pick(None, random.randint(-x.dim(), x.dim() - 1)), random.randint(0, 2)
    axis = -1 if given is None else given
    if x.shape[axis] == 1:  # zero, but for PyTorch's rounding
        return None
    consts = [rnd(x.shape[axis]) for _ in range(affine)]
    w, b = (consts + [None, None])[:2]
    y = F.layer_norm(x.transpose(axis, -1), [x.shape[axis]], w, b, 1e-5 if eps is None else eps).transpose(axis, -1)
    return Case('layer_norm', [x], consts, dict(axis=given, eps=eps), [y.contiguous()])


def gru_reset_first(x, h, w, r, b, c):
    """What PyTorch has not: the reset gate in front of the product."""
    ys, n = [], h.shape[-1]
    for xt in x:
        g, k = xt @ w.T + b, h @ r[:2 * n].T + c[:2 * n]
        reset, keep = torch.sigmoid(g[:, :2 * n] + k).chunk(2, 1)
        h = (1 - keep) * torch.tanh(g[:, 2 * n:] + (reset * h) @ r[2 * n:].T + c[2 * n:]) + keep * h
        ys.append(h)
    return torch.stack(ys)


def recurrent(op):
    def make():
        T, N, I, H = random.choice([1, 1, 2, 3, 9]), random.choice([1, 1, 2, 3]), random.choice(SIZES), random.choice(SIZES)
        bias, reverse, relu = pick(True, True, False), pick(None, True, False), op == 'rnn' and pick(True, False)
        net = {'lstm': torch.nn.LSTM, 'gru': torch.nn.GRU, 'rnn': torch.nn.RNN}[op]
        net = net(I, H, bias=bias, **({'nonlinearity': 'relu'} if relu else {}))
        for p in net.parameters():
            p.data *= pick(0.5, 1, 3)
        consts, x = [p.detach() for p in net.parameters()], rnd(T, N, I)
        states = [rnd(1, N, H) for _ in range(2 if op == 'lstm' else 1)] if pick(True, False) else []
        given = states or [torch.zeros(1, N, H)] * (2 if op == 'lstm' else 1)
        seen = x.flip(0) if reverse else x
        attrs = dict(reverse=reverse)
        if op == 'gru' and pick(True, False):
            attrs['linear_before_reset'] = after = pick(True, False)
            if not after:
                w, r, b, c = (consts + [torch.zeros(3 * H)] * 2)[:4]
                y = gru_reset_first(seen, given[0][0], w, r, b, c)
                return Case(op, [x] + states, consts, attrs, [y.flip(0) if reverse else y])
        if op == 'rnn':
            attrs['nonlinearity'] = 'relu' if relu else None
        with torch.no_grad():
            y, last = net(seen, tuple(given) if op == 'lstm' else given[0])
            outs = [(y.flip(0) if reverse else y).contiguous()] + ([last[1]] if op == 'lstm' else [])
            if pick(True, True, False):
                return Case(op, [x] + states, consts, attrs, outs)
            x = F.linear(x, consts[0], consts[2] if bias else None)
            return Case(op, [x] + states, consts[1::2], attrs, outs)
    return make


def along(x, axis, c):
    return c.reshape([-1 if i == axis % x.dim() else 1 for i in range(x.dim())])


def per_channel(op, n, fn):
    def make():
        x = rnd(*shape(2))
        axis = pick(None, random.randint(-x.dim(), x.dim() - 1))
        at = 1 if axis is None else axis
        cs = [rnd(x.shape[at]) for _ in range(n)]
        return Case(op, [x], cs, dict(axis=axis), [fn(x, *(along(x, at, c) for c in cs))])
    return make


def polynomial():
    x = rnd(*shape(2))
    axis = pick(None, random.randint(-x.dim(), x.dim() - 1))
    at = 1 if axis is None else axis
    cs = [rnd(pick(x.shape[at], x.shape[at], 1)) for _ in range(random.randint(2, 6))]
    y = sum((along(x, at, c.expand(x.shape[at])) * x ** k for k, c in enumerate(cs)), torch.zeros_like(x))
    return Case('polynomial', [x], cs, dict(axis=axis), [y])


UNARY = {
    'relu': F.relu, 'relu6': F.relu6, 'sigmoid': torch.sigmoid, 'tanh': torch.tanh, 'hard_sigmoid': F.hardsigmoid,
    'hard_swish': F.hardswish, 'silu': F.silu, 'exp': torch.exp, 'abs': torch.abs, 'sign': torch.sign,
    'neg': torch.neg, 'square': torch.square, 'erf': torch.erf, 'floor': torch.floor, 'ceil': torch.ceil,
    'round': torch.round, 'trunc': torch.trunc, 'sin': torch.sin, 'cos': torch.cos, 'tan': torch.tan,
    'asin': torch.asin, 'acos': torch.acos, 'atan': torch.atan, 'sinh': torch.sinh, 'cosh': torch.cosh,
    'asinh': torch.asinh, 'acosh': torch.acosh, 'atanh': torch.atanh, 'log': torch.log, 'mish': F.mish,
    'softplus': lambda x: F.softplus(x, threshold=800), 'not': lambda x: (x == 0).double()}
COMPARED = {'greater': torch.gt, 'greater_equal': torch.ge, 'less': torch.lt, 'less_equal': torch.le,
            'equal': torch.eq, 'and': torch.logical_and, 'or': torch.logical_or, 'xor': torch.logical_xor}
BINARY = {'add': torch.add, 'sub': torch.sub, 'mul': torch.mul, 'div': torch.div, 'maximum': torch.maximum,
          'minimum': torch.minimum}


def unary(op, fn, positive=False):
    def make():
        x = rnd(*shape(0)) * pick(1, 1, 20)
        x = x.abs() if positive else x
        return Case(op, [x], [], {}, [fn(x)])
    return make


def binary(op, fn):
    def make():
        a, b = broadcast_pair(shape())
        x, y = rnd(*a), rnd(*b)
        if op == 'div':
            y = y.sign() * (y.abs() + 0.1) + (y == 0)
        return Case(op, [x, y], [], {}, [fn(x, y)])
    return make


def compared(op, fn):
    """On few numbers, of which many are equal and some not numbers."""
    def side(dims):
        x = torch.round(rnd(*dims))
        return torch.where(torch.rand(x.shape) < 0.1, torch.full((), math.nan), x)

    def make():
        x, y = map(side, broadcast_pair(shape()))
        return Case(op, [x, y], [], {}, [fn(x, y).double()])
    return make


def pow_():
    a, b = broadcast_pair(shape())
    x, y = rnd(*a), rnd(*b)
    if random.random() < 0.5:  # also of numbers below zero
        y = torch.round(y)
    return Case('pow', [x, y], [], {}, [torch.pow(x, y)])


def where():
    dims = shape()
    c, x, y = ([pick(n, n, 1) for n in dims][pick(0, 0, random.randint(0, len(dims))):] for _ in range(3))
    c, x, y = torch.round(rnd(*c)), rnd(*x), rnd(*y)
    return Case('where', [c, x, y], [], {}, [torch.where(c != 0, x, y)])


def elu():
    x, a = rnd(*shape()), pick(None, 0.3, -1.5)
    return Case('elu', [x], [], dict(alpha=a), [F.elu(x, 1.0 if a is None else a)])


def clamp():
    x, lo = rnd(*shape()), random.uniform(-2, 1)
    hi = lo + pick(0, random.uniform(0, 3))
    return Case('clamp', [x], [], dict(min=lo, max=hi), [torch.clamp(x, lo, hi)])


def map_():
    dims, x = shape(0), None
    x = rnd(*(pick(n, n, 1) for n in dims[random.randint(0, len(dims)):]))
    given = pick(None, dims)
    return Case('map', [x], [], dict(shape=given), [x.expand(dims).contiguous() if given else x])


def leaky_relu():
    x, a = rnd(*shape()), pick(None, 0.3, -1.5)
    return Case('leaky_relu', [x], [], dict(alpha=a), [torch.where(x > 0, x, x * (0.01 if a is None else a))])


def gelu():
    x, mode = rnd(*shape()) * pick(1, 3), pick(None, 'none', 'tanh')
    return Case('gelu', [x], [], dict(approximate=mode), [F.gelu(x, approximate=mode or 'none')])


def window():
    k = [pick(1, 2, 3, 5), pick(1, 2, 3)]
    return k, pick(None, [pick(1, 2, 3), pick(1, 2, 4)])


def max_pool():
    k, s = window()
    d, ceil, x = [pick(1, 1, 2), pick(1, 1, 3)], pick(True, False), image()
    p = [random.randint(0, extent(k[i % 2], d[i % 2]) // 2) for i in range(4)]
    a = dict(kernel=spelt(k), stride=s and spelt(s), pad=p, dilation=spelt(d), ceil_mode=ceil)
    if ceil or random.random() < 0.5:
        p[2:] = p[:2]
        try:
            y = F.max_pool2d(x, k, s, p[:2], d, ceil)
        except RuntimeError:
            return None
    else:
        z = pad2d(x, p, -math.inf)
        if any(z.shape[2 + i] < extent(k[i], d[i]) for i in (0, 1)):
            return None
        y = F.max_pool2d(z, k, s, 0, d)
    return Case('max_pool', [x], [], a, [y])


def avg_pool():
    k, s = window()
    ceil, count, x = pick(True, False), pick(True, False), image()
    p = [random.randint(0, k[i % 2] // 2) for i in range(4)]
    a = dict(kernel=spelt(k), stride=s and spelt(s), pad=p, ceil_mode=ceil,
             count_include_pad=None if count and random.random() < 0.5 else count)
    if ceil or random.random() < 0.5:
        p[2:] = p[:2]
        try:
            y = F.avg_pool2d(x, k, s, p[:2], ceil, count)
        except RuntimeError:
            return None
    else:
        z, ones = pad2d(x, p), pad2d(torch.ones_like(x), p)
        if any(z.shape[2 + i] < k[i] for i in (0, 1)):
            return None
        y = F.avg_pool2d(z, k, s)
        if not count:
            y = y / F.avg_pool2d(ones, k, s)
    return Case('avg_pool', [x], [], a, [y])


def reduction(op, fn):
    def make():
        x = rnd(*shape())
        axes, keep = some_axes(x), pick(True, False, None)
        return Case(op, [x], [], dict(axes=axes, keep=keep), [fn(x, axes, bool(keep))])
    return make


def arg(op):
    def make():
        x = torch.round(rnd(*shape()) * pick(1, 100))   # also of equal numbers
        axis, keep, last = pick(None, random.randint(-x.dim(), x.dim() - 1)), pick(None, True), pick(None, True)
        at = 1 if axis is None else axis
        if at >= x.dim():
            return None
        z = (x if op == 'argmax' else -x).numpy()
        y = z.shape[at] - 1 - np.flip(z, at).argmax(at, keepdims=True) if last else z.argmax(at, keepdims=True)
        y = torch.from_numpy(y if keep else y.squeeze(at)).double()
        return Case(op, [x], [], dict(axis=axis, keep=keep, last=last), [y])
    return make


def concat():
    dims = shape()
    axis = pick(None, random.randint(-len(dims), len(dims) - 1))
    at = 1 if axis is None else axis
    if at >= len(dims):
        return None
    parts = []
    for _ in range(random.randint(1, 5)):
        dims[at] = size()
        parts.append(rnd(*dims))
    return Case('concat', parts, [], dict(axis=axis), [torch.cat(parts, at)])


def split():
    dims = shape()
    axis = random.randint(-len(dims), len(dims) - 1)
    sizes = [size() for _ in range(random.randint(1, 5))]
    dims[axis] = sum(sizes)
    x = rnd(*dims)
    return Case('split', [x], [], dict(sizes=sizes, axis=axis), list(torch.split(x, sizes, axis)))


def slice_():
    x = rnd(*shape())
    axes = some_axes(x)
    start, end, step = [], [], []
    index = [slice(None)] * x.dim()
    for a in axes:
        n = x.shape[a]
        start.append(pick(0, random.randint(-n - 2, n), -2**63))
        end.append(pick(n, random.randint(-n, n + 3), 2**63 - 1))
        step.append(pick(1, 1, 2, 3, 2**40))
        index[a] = slice(max(start[-1], -n - 9), min(end[-1], n + 9), step[-1])
    y = x[tuple(index)]
    if 0 in y.shape:
        return None
    one = len(set(step)) == 1 and random.random() < 0.5
    return Case('slice', [x], [], dict(axes=axes, start=start, end=end, step=step[0] if one else step), [y])


def channel_shuffle():
    g, n = pick(1, 2, 3, 4), size()
    x = rnd(size(), g * n, *shape(0, 3))
    y = x.reshape(x.shape[0], g, n, -1).transpose(1, 2).reshape(x.shape)
    return Case('channel_shuffle', [x], [], dict(groups=g), [y])


def reshape():
    x = rnd(*shape(1, 4))
    target, left = [], x.numel()
    while left > 1 and len(target) < 5:
        d = pick(*[f for f in range(1, left + 1) if left % f == 0])
        target.append(d)
        left //= d
    target.append(left)
    y = x.reshape(target)
    given = [0 if i < x.dim() and x.shape[i] == d and random.random() < 0.5 else d for i, d in enumerate(target)]
    if random.random() < 0.5:
        given[random.randrange(len(given))] = -1
    return Case('reshape', [x], [], dict(shape=given), [y])


def flatten():
    x = rnd(*shape(2))
    axis = pick(None, random.randint(-x.dim(), x.dim() - 1))
    return Case('flatten', [x], [], dict(axis=axis), [torch.flatten(x, 1 if axis is None else axis)])


def transpose():
    x = rnd(*shape())
    perm = random.sample(range(x.dim()), x.dim())
    return Case('transpose', [x], [], dict(perm=[p - pick(0, x.dim()) for p in perm]), [x.permute(perm).contiguous()])


def upsample():
    x, s = image(), [pick(1, 2, 3, 4), pick(1, 2, 3, 5)]
    mode, corners = pick(None, 'nearest', 'bilinear', 'bilinear'), None
    if mode == 'bilinear':
        corners = pick(None, False, True)
        y = F.interpolate(x, scale_factor=[float(v) for v in s], mode=mode, align_corners=bool(corners))
    else:
        y = F.interpolate(x, scale_factor=[float(v) for v in s], mode='nearest')
    return Case('upsample', [x], [], dict(scale=spelt(s), mode=mode, align_corners=corners), [y])


def resize():
    """Nearest as PyTorch's two, bilinear as its two; and by a scale that is not the sizes' ratio."""
    x, size_ = image(), [pick(1, 2, 3, 5, 8, 13), pick(1, 2, 3, 7, 9)]
    mode, attrs = pick('nearest', 'nearest-exact', 'bilinear', 'bilinear'), dict(size=spelt(size_))
    if mode == 'bilinear':
        attrs.update(mode=mode, coords=pick(None, 'half_pixel', 'align_corners'))
        scale = [random.uniform(0.4, 3) for _ in size_]
        if attrs['coords'] != 'align_corners' and random.random() < 0.5:
            attrs['size'] = [math.floor(n * s) for n, s in zip(x.shape[2:], scale)]
            if any(math.floor(n * s) in (0, n) for n, s in zip(x.shape[2:], scale)):  # which PyTorch copies
                return None
            attrs.update(scale_h=scale[0], scale_w=scale[1])
            y = F.interpolate(x, scale_factor=scale, mode=mode, align_corners=False)
        else:
            y = F.interpolate(x, size=size_, mode=mode, align_corners=attrs['coords'] == 'align_corners')
    elif mode == 'nearest':
        attrs.update(coords='asymmetric', rounding='floor')
        y = F.interpolate(x, size=size_, mode=mode)
    else:
        attrs.update(rounding='round_prefer_ceil')
        y = F.interpolate(x, size=size_, mode=mode)
    return Case('resize', [x], [], attrs, [y])


def gather():
    x = rnd(*shape())
    axis = pick(None, random.randint(-x.dim(), x.dim() - 1))
    at = 1 if axis is None else axis
    if at >= x.dim():
        return None
    index = torch.randint(-2, x.shape[at] + 2, [random.randint(1, 9)])
    y = x.index_select(at, index.clamp(0, x.shape[at] - 1))
    return Case('gather', [x], [index.double()], dict(axis=axis), [y])


def border():
    x, mode = rnd(*shape(3, 4)), pick('reflect', 'edge')
    most = [n - 1 if mode == 'reflect' else 3 for n in x.shape]
    lead, trail = ([random.randint(0, min(3, m)) for m in most] for _ in range(2))
    y = x
    for d in range(x.dim()):    # one dimension at a time, as the last of three
        z = y.transpose(d, -1)
        shape_ = z.shape
        z = F.pad(z.reshape(1, -1, shape_[-1]), (lead[d], trail[d]), mode='replicate' if mode == 'edge' else mode)
        y = z.reshape(*shape_[:-1], z.shape[-1]).transpose(d, -1)
    return Case('pad', [x], [], dict(pads=lead + trail, border=mode), [y.contiguous()])


def pad():
    if random.random() < 0.5:
        return border()
    x, value = rnd(*shape()), pick(None, -2.5, 1e30)
    lead, trail = ([random.randint(0, 3) for _ in range(x.dim())] for _ in range(2))
    order = [n for pair in reversed(list(zip(lead, trail))) for n in pair]
    return Case('pad', [x], [], dict(pads=lead + trail, value=value), [F.pad(x, order, value=value or 0.0)])


def epilogue():
    """A convolution with random steps on random operands, results kept from several of them."""
    x, c = rnd(pick(1, 2), size(), size(), size()), size()
    w = rnd(c, x.shape[1], 1, 1)
    made, consts, steps = [F.conv2d(x, w)], [w], []
    for _ in range(random.randint(1, 6)):
        prev, kind = made[-1], random.random()
        if kind < 0.3:
            b = rnd(c)
            consts.append(b)
            op, fn = pick(('bias', torch.add), ('scale', torch.mul))
            steps.append('%s @c%d' % (op, len(consts) - 1))
            made.append(fn(prev, along(prev, 1, b)))
        elif kind < 0.6:
            op = pick('relu', 'sigmoid', 'square', 'tanh')
            steps.append(op)
            made.append(UNARY[op](prev))
        elif kind < 0.8:
            op, i, j = pick('add', 'sub', 'mul'), random.randrange(len(made)), random.randrange(len(made))
            steps.append('%s $%d, $%d' % (op, i, j))
            made.append(BINARY[op](made[i], made[j]))
        else:
            gate = rnd(*(pick(n, 1) for n in prev.shape[1:]))
            consts.append(gate)
            op = pick('mul', 'add', 'maximum')
            if random.random() < 0.5:
                steps.append('%s @c%d' % (op, len(consts) - 1))
            else:
                steps.append('%s @c%d, $%d' % (op, len(consts) - 1, len(made) - 1))
            made.append(BINARY[op](prev, gate))
    outs, kept = [], []
    for _ in range(random.randint(1, 4)):
        k, op = random.randrange(len(made)), pick(None, 'mean', 'sum', 'max')
        if op is None:
            outs.append('$%d' % k)
            kept.append(made[k])
        else:
            axes, keep = some_axes(made[k]), pick(True, False)
            outs.append('%s($%d, axes=[%s]%s)' % (op, k, ','.join(map(str, axes)), ', keep=true' if keep else ''))
            kept.append(REDUCE[op](made[k], axes, keep))
    extra = 'epilogue { %s }' % ' ; '.join(steps)
    if random.random() < 0.2:
        kept = [made[-1]]
    else:
        extra += ' -> ' + ', '.join(outs)
    return Case('conv2d', [x], consts, {}, kept, extra)


REDUCE = {'mean': lambda x, a, k: x.mean(a, keepdim=k), 'sum': lambda x, a, k: x.sum(a, keepdim=k),
          'max': lambda x, a, k: x.amax(a, keepdim=k)}

MAKERS = {
    'conv2d': conv2d, 'conv_transpose2d': conv_transpose2d, 'linear': linear, 'matmul': matmul,
    'batch_norm': batch_norm, 'softmax': soft('softmax', torch.softmax),
    'softmin': soft('softmin', lambda x, d: F.softmin(x, d)), 'l2_normalize': l2_normalize, 'layer_norm': layer_norm,
    'lstm': recurrent('lstm'), 'gru': recurrent('gru'), 'rnn': recurrent('rnn'),
    'bias': per_channel('bias', 1, torch.add), 'scale': per_channel('scale', 1, torch.mul),
    'scale_bias': per_channel('scale_bias', 2, lambda x, w, b: x * w + b), 'sqrt': unary('sqrt', torch.sqrt, True),
    'polynomial': polynomial, 'clamp': clamp, 'map': map_, 'leaky_relu': leaky_relu, 'gelu': gelu, 'max_pool': max_pool, 'avg_pool': avg_pool,
    'concat': concat, 'split': split, 'slice': slice_, 'channel_shuffle': channel_shuffle, 'reshape': reshape,
    'flatten': flatten, 'transpose': transpose, 'upsample': upsample, 'pad': pad, 'epilogue': epilogue,
    'pow': pow_, 'where': where, 'elu': elu, 'resize': resize, 'gather': gather,
    'argmax': arg('argmax'), 'argmin': arg('argmin')}
MAKERS.update({op: unary(op, fn) for op, fn in UNARY.items()})
MAKERS.update({op: binary(op, fn) for op, fn in BINARY.items()})
MAKERS.update({op: compared(op, fn) for op, fn in COMPARED.items()})
MAKERS.update({op: reduction(op, fn) for op, fn in REDUCE.items()})
MANY = {'resize': 3, 'pad': 2,
        'conv2d': 4, 'conv_transpose2d': 3, 'max_pool': 4, 'avg_pool': 4, 'slice': 2, 'epilogue': 4, 'matmul': 2, 'linear': 3}


def table_ops():
    """The operators of ir/graph/op.def: none may be without a case."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../ir/graph/op.def')
    with open(path) as f:
        return [line[3:line.index(',')] for line in f if line.startswith('OP(')]


def compare(case, got):
    """None, or what differs."""
    at = 0
    for i, want in enumerate(case.outs):
        mine = got[at:at + want.numel()].reshape(want.shape)
        at += want.numel()
        same = torch.isnan(want) & torch.isnan(mine) | (want == mine)
        scale = want[torch.isfinite(want)].abs().max().item() if torch.isfinite(want).any() else 0
        worst = torch.where(same, torch.zeros(()), (want - mine).abs())
        if not (worst <= TOLERANCE * scale).all():
            return 'output %d is off by %g, largest number %g' % (i, worst.max().item(), scale)
    return None if at == got.numel() else 'the output has %d numbers, %d expected' % (got.numel(), at)


def make_cases(seed, trials, only=None):
    """[(op, case)]"""
    cases = []
    for op, make in MAKERS.items():
        random.seed('%d %s' % (seed, op))
        torch.manual_seed(random.randrange(2**31))
        want = trials * MANY.get(op, 1) if only in (None, op) else 0
        while want > 0:
            case = make()
            if case:
                cases.append((op, case))
                want -= 1
    return cases


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('driver', nargs='?', default=os.environ.get('BUILD', 'build') + '/tests/exec/evalgraph')
    args.add_argument('--seed', type=int, default=None)
    args.add_argument('--trials', type=int, default=25)
    args.add_argument('--only')
    args = args.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**6)
    print('  ops_torch: seed %d' % seed)
    missing = [op for op in table_ops() if op not in MAKERS]
    for op in missing:
        print('not ok ops_torch %s: no case here' % op)
    cases = make_cases(seed, args.trials, args.only)
    failures = run(args.driver, cases)
    for op in MAKERS:
        mine, bad = [c for o, c in cases if o == op], [f for f in failures if f[0] == op]
        if bad:
            print('not ok ops_torch %s: %d of %d' % (op, len(bad), len(mine)))
            for _, case, err in bad[:3]:
                print('    %s\n    %s' % (err, case.text().replace('\n', '\n    ')))
        elif mine:
            print('ok ops_torch %s (%d cases)' % (op, len(mine)))
    print('  ops_torch: %d passed, %d failed' % (len(cases) - len(failures), len(failures) + len(missing)))
    return 1 if failures or missing else 0


def run(driver, cases):
    """[(op, case, what is wrong)]"""
    failures = []
    with tempfile.TemporaryDirectory() as tmp:
        jobs = []
        for i, (_, case) in enumerate(cases):
            base = os.path.join(tmp, str(i))
            with open(base + '.dsq', 'w') as f:
                f.write(case.text())
            with open(base + '.in', 'wb') as f:
                for t in case.inputs + case.consts:
                    f.write(t.contiguous().numpy().tobytes())
            jobs.append('%s.dsq %s.in %s.out\n' % (base, base, base))
        done = subprocess.run([driver], input=''.join(jobs), stderr=subprocess.PIPE, text=True)
        for i, (op, case) in enumerate(cases):
            path = os.path.join(tmp, '%d.out' % i)
            err = 'no output'
            if os.path.exists(path):
                with open(path, 'rb') as f:
                    data = bytearray(f.read())
                err = compare(case, torch.frombuffer(data, dtype=torch.float64))
            if err:
                failures.append((op, case, err))
        if done.stderr:
            print('    ' + done.stderr[:4000].replace('\n', '\n    '))
    return failures


if __name__ == '__main__':
    sys.exit(main())
