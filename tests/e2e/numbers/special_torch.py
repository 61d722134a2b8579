#!/usr/bin/python3
"""NaN, infinities, zeros of both signs and subnormals through every elementwise operator, and NaN at every place of a
window or a row through the maxima, fused and not: the reference and the code of both backends give what PyTorch gives."""
import os
import re
import subprocess
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print('skip special_torch: no PyTorch')
    sys.exit(0)

import numpy as np

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
ENGINES = ['--engine=reference', '--target=native', '--target=x86-64-v2', '--target=generic', '--engine=llvm']
NAN, INF = float('nan'), float('inf')
SPECIAL = [0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, 2.5, -7.0, 100.0, -100.0, 3e38, -3e38, INF, -INF, NAN, -NAN]

# name: step and PyTorch's word for it. A column of the map is a channel, which has constants of its own.
UNARY = {
    'relu': ('', F.relu), 'relu6': ('', F.relu6), 'clamp': ('min: -1, max: 2', lambda x: x.clamp(-1, 2)),
    'leaky_relu': ('alpha: 0.25', lambda x: F.leaky_relu(x, 0.25)), 'sigmoid': ('', torch.sigmoid),
    'tanh': ('', torch.tanh), 'hard_sigmoid': ('', F.hardsigmoid), 'hard_swish': ('', F.hardswish),
    'silu': ('', F.silu), 'gelu': ('', F.gelu), 'exp': ('', torch.exp), 'sqrt': ('', torch.sqrt),
    'abs': ('', torch.abs), 'sign': ('', None), 'neg': ('', torch.neg), 'square': ('', torch.square),
    'log': ('', torch.log), 'erf': ('', torch.erf),
    'elu': ('alpha: 0.5', lambda x: torch.where(x > 0, x, 0.5 * torch.expm1(x))),
    'softplus': ('', lambda x: F.softplus(x, threshold=800)), 'mish': ('', F.mish), 'floor': ('', torch.floor),
    'ceil': ('', torch.ceil), 'round': ('', torch.round), 'trunc': ('', torch.trunc), 'sin': ('', torch.sin),
    'cos': ('', torch.cos), 'tan': ('', torch.tan), 'asin': ('', torch.asin), 'acos': ('', torch.acos),
    'atan': ('', torch.atan), 'sinh': ('', torch.sinh), 'cosh': ('', torch.cosh), 'asinh': ('', torch.asinh),
    'acosh': ('', torch.acosh), 'atanh': ('', torch.atanh), 'not': ('', lambda x: (x == 0).double()),
}
BINARY = {'add': torch.add, 'sub': torch.sub, 'mul': torch.mul, 'div': torch.div, 'maximum': torch.maximum,
          'minimum': torch.minimum, 'pow': torch.pow, 'greater': torch.gt, 'greater_equal': torch.ge, 'less': torch.lt,
          'less_equal': torch.le, 'equal': torch.eq, 'and': torch.logical_and, 'or': torch.logical_or,
          'xor': torch.logical_xor}
PARAM = ['bias', 'scale', 'scale_bias', 'polynomial']   # sums and products with constants
TERNARY = ['where']


def say(ok, name, lines=()):
    print('ok ' + name if ok else 'not ok ' + name)
    for line in lines:
        print('    ' + line)


def run(name, steps, inputs, want):
    """steps: lines of the network, which name results y0, y1, ...; want: as many arrays. In every engine."""
    spec, at = f'{WORK}/m.yaml', []
    with open(spec, 'w') as f:
        f.write('name: m\ninput:\n')
        for k, x in inputs.items():
            f.write(f"  {k}: 'f32[{','.join(map(str, x.shape))}]'\n")
            np.save(f'{WORK}/{k}.npy', x)
            at += ['--input', f'{k}={WORK}/{k}.npy']
        f.write('network:\n' + ''.join(f'  - {s}\n' for s in steps))
        f.write(f"output: [{', '.join(f'y{i}' for i in range(len(want)))}]\n")
    outs = [w for i in range(len(want)) for w in ('--output', f'y{i}={WORK}/y{i}.npy')]
    for engine in ENGINES:
        done = subprocess.run([DSQC, 'run', spec, '--weights', f'{WORK}/w.npz', '-q', *at, *outs, *engine.split()],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wrong = done.stdout.splitlines() if done.returncode else \
            [d for i, w in enumerate(want) for d in differences(np.load(f'{WORK}/y{i}.npy'), w, steps[i - len(want)])]
        say(not wrong, f'{name}, {engine}', wrong[:12])


def differences(y, want, what):
    """NaN and infinities where PyTorch has them; elsewhere as near as float32 is, 4 subnormals included. What is
    computed from an exponential is 1e-7 away from it where that vanishes; gelu's erf is within 4e-7 (ir/loop/fast_erf.c)."""
    want = want.astype('f8')
    from_exp = any(f'op: {op},' in what for op in ('sigmoid', 'silu', 'mish'))
    least = 4e-7 if 'op: gelu,' in what else 1e-7 if from_exp else 4 * 2.0 ** -149
    with np.errstate(over='ignore', invalid='ignore'):
        want = np.where(np.abs(want) > 3.4028235e38, np.sign(want) * INF, want)
        near = np.abs(y.astype('f8') - want) <= 1e-6 * np.abs(want) + least
    same = np.where(np.isfinite(want), near, (y == want) | (np.isnan(y) & np.isnan(want)))
    return [f'{what}: {y[tuple(i)]} instead of {want[tuple(i)]} at {list(i)}' for i in np.argwhere(~same)[:3]]


def f64(x):
    return torch.from_numpy(x.astype('f8'))


def elementwise():
    x = np.array(SPECIAL + [0.5, -0.5, 3.0, 6.0, 7.0, -3.0, 1e-30], 'f4').reshape(1, 1, 1, -1).repeat(20, 1)
    steps, want = [], []
    for op, (attrs, fn) in UNARY.items():
        steps.append(f"{{op: {op}, in: x{', ' if attrs else ''}{attrs}, as: y{len(want)}}}")
        y = fn(f64(x)).numpy() if fn else np.sign(x)    # torch.sign says 0 of NaN; NumPy and ONNX say NaN
        want.append(y)
    run('unary', steps, {'x': x}, want)
    # every special number with every other, across a vector and its rest
    a = np.array(SPECIAL, 'f4')
    p, q = np.repeat(a, len(a)).reshape(1, 16, 4, 4), np.tile(a, len(a)).reshape(1, 16, 4, 4)
    steps = [f'{{op: {op}, in: [a, b], as: y{i}}}' for i, op in enumerate(BINARY)]
    run('binary', steps, {'a': p, 'b': q}, [fn(f64(p), f64(q)).numpy() for fn in BINARY.values()])
    run('where', ['{op: where, in: [a, b, c], as: y0}', '{op: where, in: [b, a, b], as: y1}'],
        {'a': p, 'b': q, 'c': -q}, [np.where(p != 0, q, -q), np.where(q != 0, p, q)])
    # against a constant: rules of algebra, and a number in the code
    numbers = [0.0, 1.0, -2.0]
    steps = [f'{{op: constant, value: {k}, as: k{i}}}' for i, k in enumerate(numbers)]
    want = []
    for op, fn in BINARY.items():
        for i, k in enumerate(numbers):
            for names, y in ((f'[a, k{i}]', fn(f64(p), torch.tensor(k))), (f'[k{i}, a]', fn(torch.tensor(k), f64(p)))):
                steps.append(f'{{op: {op}, in: {names}, as: y{len(want)}}}')
                want.append(y.numpy())
    run('binary with a constant', steps, {'a': p}, want)


def maxima():
    """A NaN at each place of a map in turn: planes of a batch of channels."""
    n, h, w = 42, 6, 7
    x = np.random.default_rng(1).standard_normal([1, n, h, w]).astype('f4')
    for i in range(n):
        x[0, i, i // w, i % w] = NAN if i % 2 else -NAN
    t = f64(x)
    steps = ['{op: max_pool, in: x, kernel: 3, stride: 2, pad: 1, as: y0}', '{op: max_pool, in: x, kernel: 2, as: y1}',
             '{op: max_pool, in: x, kernel: [1, 3], stride: 1, as: y2}', '{op: max, in: x, axes: [2, 3], as: y3}',
             '{op: max, in: x, axes: [3], as: y4}', '{op: max, in: x, axes: [1], as: y5}',
             '{op: max, in: x, axes: [1, 2, 3], as: y6}', '{op: softmax, in: x, axis: 1, as: y7}',
             '{op: softmax, in: x, axis: 3, as: y8}']
    want = [F.max_pool2d(t, 3, 2, 1), F.max_pool2d(t, 2), F.max_pool2d(t, (1, 3), 1), t.amax((2, 3)), t.amax(3),
            t.amax(1), t.amax((1, 2, 3)), t.softmax(1), t.softmax(3)]
    run('maxima', steps, {'x': x}, [y.numpy() for y in want])
    # behind a convolution, whose kernel reduces the map while it is in registers
    weight = np.eye(n, dtype='f4').reshape(n, n, 1, 1)
    x = np.random.default_rng(2).standard_normal([1, n, 8, 8]).astype('f4')
    x[0, 0, 3, 4] = x[0, 5, 6, 1] = NAN
    t = F.conv2d(f64(x), f64(weight))
    np.savez(f'{WORK}/w.npz', **{'c.weight': weight})
    conv = f'{{op: conv2d, name: c, in: x, out: {n}, kernel: 1, bias: false, as: c}}'
    for name, step, y in [('max_pool', '{op: max_pool, in: c, kernel: 2, as: y0}', F.max_pool2d(t, 2)),
                          ('max_pool 3x3', '{op: max_pool, in: c, kernel: 3, stride: 2, as: y0}', F.max_pool2d(t, 3, 2)),
                          ('max', '{op: max, in: c, axes: [2, 3], as: y0}', t.amax((2, 3)))]:
        run(f'conv2d and {name}', [conv, step], {'x': x}, [y.numpy()])


def complete():
    """Every elementwise operator has its case."""
    ops = re.findall(r'^OP\((\w+), elementwise, P_ELEMENTWISE', open('ir/graph/op.def').read(), re.M)
    missing = [op for op in ops if op not in UNARY and op not in BINARY and op not in PARAM + TERNARY]
    say(not missing, 'every elementwise operator', missing)


np.savez(f'{WORK}/w.npz')
complete()
elementwise()
maxima()
