#!/usr/bin/python3
"""Long sums of numbers of one sign, in every operator that adds up (and maxima of as many): within 2e-6 of the reference on vectors and on scalars,
by both backends and by the interpreter. One behind the other, their rounding would leave the promised 1e-5."""
import os
import re
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print('skip long_sums: no NumPy')
    sys.exit(0)

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
WITHIN, WINOGRAD = 2e-6, 2e-5
rng = np.random.default_rng(1)
weights, inputs, steps, outputs = {}, [], [], []


def case(name, shape, *ops, weight=None, sign='square'):
    """ops run on the absolute values of an input of that shape; `weight` has positive numbers."""
    first = f"{{op: {sign}, in: x_{name}}}"
    inputs.append((f'x_{name}', shape))
    steps.extend([first, *ops[:-1], ops[-1][:-1] + f', as: {name}}}'])
    outputs.append(name)
    if weight:
        weights[f'{name}.weight'] = np.abs(rng.standard_normal(weight, dtype='f4')) + np.float32(0.1)


def conv(name, out, kernel, **more):
    rest = ''.join(f', {k}: {v}' for k, v in more.items())
    return f'{{op: conv2d, name: {name}, out: {out}, kernel: {kernel}, bias: false{rest}}}'


# An axis with vectors across it and along it, and what vectors leave; blocks of blocks above 65,536.
case('softmax_across', [1, 70001, 4], '{op: softmax, axis: 1}', sign='abs')
case('softmax_along', [2, 70003], '{op: softmax, axis: 1}', sign='abs')
case('softmin_along', [2, 9001], '{op: softmin, axis: 1}', sign='abs')
case('max_across', [1000, 3], '{op: max, axes: [0]}', sign='abs')
case('max_along', [2, 257], '{op: max, axes: [1]}', sign='abs')
case('max_map', [1, 3, 300, 300], '{op: max, axes: [2, 3]}', sign='abs')
case('max_pool', [1, 8, 300, 3], '{op: max_pool, kernel: [300, 3], stride: 1}', sign='abs')
case('softmax_257', [2, 257], '{op: softmax, axis: 1}', sign='abs')
case('l2_across', [1, 70001, 4], '{op: l2_normalize, axes: [1]}')
case('l2_rows', [1, 5001, 3, 4], '{op: l2_normalize, axes: [1, 2]}')
case('l2_along', [2, 70003], '{op: l2_normalize, axes: [1]}')
case('mean_across', [1, 200003, 4], '{op: mean, axes: [1]}')
case('sum_along', [2, 200003], '{op: sum, axes: [1]}')
case('mean_map', [1, 3, 300, 1100], '{op: mean, axes: [2, 3]}')
case('pool_wide', [1, 8, 1, 20001], '{op: avg_pool, kernel: [1, 19997], stride: 1}')
case('pool_high', [1, 8, 20001, 1], '{op: avg_pool, kernel: [19997, 1], stride: 1}')
case('linear', [3, 300001], '{op: linear, name: linear, out: 3, bias: false}', weight=[3, 300001])
case('matmul', [3, 300001], '{op: matmul, in: [x_linear, x_matmul], transpose_b: true}', sign='square')
steps[-2:] = ['{op: square, in: x_linear, as: a}', '{op: square, in: x_matmul, as: b}',
              '{op: matmul, in: [a, b], transpose_b: true, as: matmul}']
case('conv', [1, 16385, 3, 4], conv('conv', 9, 3, pad=1), weight=[9, 16385, 3, 3])
case('conv_map', [1, 1500, 6, 8], '{op: conv2d, name: first, out: 1500, kernel: 1, groups: 1500, bias: false}',
     conv('conv_map', 9, 3, pad=1), weight=[9, 1500, 3, 3])
weights['first.weight'] = np.ones([1500, 1, 1, 1], 'f4')
case('conv_1x1', [1, 300001, 1, 2], conv('conv_1x1', 9, 1), weight=[9, 300001, 1, 1])
case('conv_padded', [1, 9001, 2, 2], conv('conv_padded', 9, 1, pad=1), weight=[9, 9001, 1, 1])
case('conv_window', [1, 2, 70, 70], conv('conv_window', 9, 64), weight=[9, 2, 64, 64])
case('conv_wide', [1, 1, 1, 400000], conv('conv_wide', 2, '[1, 399999]'), weight=[2, 1, 1, 399999])
case('conv_high', [1, 1, 400000, 1], conv('conv_high', 2, '[399999, 1]'), weight=[2, 1, 399999, 1])
case('conv_edges', [1, 2, 9001, 2], conv('conv_edges', 9, '[8999, 2]', pad='[2, 1]'), weight=[9, 2, 8999, 2])
case('groups', [1, 4098, 3, 4], conv('groups', 8, 3, pad=1, groups=2), weight=[8, 2049, 3, 3])
case('transpose', [1, 9001, 2, 3], '{op: conv_transpose2d, name: transpose, out: 9, kernel: 3, stride: 2, bias: false}',
     weight=[9001, 9, 3, 3])
case('transpose_wide', [1, 1, 1, 9001], '{op: conv_transpose2d, name: transpose_wide, out: 2, kernel: [1, 9001], pad: [0, 9000], '
     'bias: false}', weight=[1, 2, 1, 9001])
case('depthwise', [1, 8, 70, 70], conv('depthwise', 8, 64, groups=8), weight=[8, 1, 64, 64])
case('depthwise_wide', [1, 8, 1, 9001], conv('depthwise_wide', 8, '[1, 8999]', groups=8), weight=[8, 1, 1, 8999])
case('fused_wide', [1, 4, 1, 40001], conv('fused_wide', 8, 1), '{op: square}', '{op: mean, axes: [2, 3]}', weight=[8, 4, 1, 1])
case('map_wide', [1, 8, 1, 40001], '{op: abs, as: m}', '{op: mul, in: [m, m]}', '{op: mean, axes: [2, 3]}')


def spec(path):
    with open(path, 'w') as f:
        f.write('name: m\ninput:\n' + ''.join(f"  {n}: 'f32[{','.join(map(str, s))}]'\n" for n, s in inputs))
        f.write('network:\n' + ''.join(f'  - {s}\n' for s in steps) + f"output: [{', '.join(outputs)}]\n")


def verify(*options, within=WITHIN):
    done = subprocess.run([DSQC, 'verify', f'{WORK}/m.yaml', '--weights', f'{WORK}/w.npz', '--runs', '1', *options],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rows = re.findall(r'^  (.*?)  +(f32\[\S+\]) +(\S+) +(\S+)', done.stdout, re.M)
    bad = [f'{layers}: {error}' for layers, _, _, error in rows if not float(error) <= within]
    ok = not bad and len(rows) >= len(outputs) and not done.returncode
    print(('ok ' if ok else 'not ok ') + 'long sums, ' + ' '.join(options))
    for line in [] if ok else bad or done.stdout.splitlines()[:20]:
        print('    ' + line)


def check(name, numbers, weights, *options):
    """The network on inputs of numbers(shape). Behind --check stands the tolerance of 1e-5."""
    np.savez(f'{WORK}/given.npz', **weights)
    args = []
    for x, shape in inputs:
        np.save(f'{WORK}/{x}.npy', numbers(shape).astype('f4'))
        args += ['--input', f'{x}={WORK}/{x}.npy']
    done = subprocess.run([DSQC, 'run', f'{WORK}/m.yaml', '--weights', f'{WORK}/given.npz', '--check', '--top', '1', *args,
                           *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(('not ok ' if done.returncode else 'ok ') + f'{name}, ' + ' '.join(options))
    for line in done.stdout.splitlines()[-5:] if done.returncode else []:
        print('    ' + line)


def equal_terms(*options):
    """Every term the same number: all roundings of a sum go one way."""
    check('equal terms', lambda shape: np.full(shape, 0.3), {k: np.full_like(v, 0.1) for k, v in weights.items()}, *options)


spec(f'{WORK}/m.yaml')
np.savez(f'{WORK}/w.npz', **weights)
for target in ('x86-64-v4', 'aarch64', 'cortex-m4'):
    verify('--engine=loops', f'--target={target}', '--winograd=off')
verify('--engine=llvm', '--target=x86-64-v3', '--winograd=off')
verify('--engine=c', '--target=generic', '--winograd=off')
equal_terms('--engine=c', '--target=x86-64-v3', '--winograd=off')
equal_terms('--engine=llvm', '--target=generic', '--winograd=off')

# Winograd's products over many channels, and over phases of fewer; sums over a map of many of its tiles.
weights, inputs, steps, outputs = {}, [], [], []
case('channels', [1, 1100, 9, 9], conv('channels', 9, 3, pad=1), weight=[9, 1100, 3, 3])
case('phases', [1, 600, 9, 9], conv('phases', 9, 3, stride=2, pad=1), weight=[9, 600, 3, 3])
case('tiles', [1, 4, 150, 70], conv('tiles', 9, 3, pad=1), '{op: mean, axes: [2, 3]}', weight=[9, 4, 3, 3])
spec(f'{WORK}/m.yaml')
np.savez(f'{WORK}/w.npz', **weights)
for target in ('x86-64-v4', 'aarch64'):
    verify('--engine=loops', f'--target={target}', '--winograd=2', within=WINOGRAD)

# Rows far from zero, compared with how they vary: their mean, rounded, is not in the middle.
weights, inputs, steps, outputs = {}, [], [], []
for name, shape, axis in ('along', [1, 1000003], 1), ('across', [100003, 4], 0), ('rows', [40, 96], 1):
    inputs.append((f'x_{name}', shape))
    steps.append(f'{{op: layer_norm, in: x_{name}, axis: {axis}, weight: false, bias: false, as: {name}}}')
    outputs.append(name)
spec(f'{WORK}/m.yaml')
for options in ['--engine=llvm', '--target=native'], ['--engine=c', '--target=generic']:
    check('far from zero', lambda shape: 100.75 + 0.14 * rng.standard_normal(shape), {'unused': np.ones(1, 'f4')},
          '--weights-extra=ignore', *options)
