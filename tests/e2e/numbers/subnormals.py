#!/usr/bin/python3
"""Subnormal constants, as pruning and weight decay leave them, become zeros: in whatever form they are stored, and where
folding, rules and Winograd's transform make them. The reference is told the same, so that verify compares."""
import os
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print('skip subnormals: no NumPy')
    sys.exit(0)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import safetensors  # noqa: E402

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
TINY = np.float32(1e-39)
rng = np.random.default_rng(1)


def say(ok, name, *lines):
    print(('ok ' if ok else 'not ok ') + name)
    for line in [] if ok else lines:
        print('    ' + str(line))


def dsqc(*args):
    done = subprocess.run([DSQC, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def stored(x, dtype):
    x = np.ascontiguousarray(x, '<f4')
    data = x.astype('<f8') if dtype == 'F64' else x if dtype == 'F32' else (x.view('<u4') >> 16).astype('<u2')
    return dtype, list(x.shape), data.tobytes()


def network(name, layers, shape):
    with open(f'{WORK}/{name}.yaml', 'w') as f:
        f.write(f'name: {name}\ninput:\n  x: "f32{shape}"\nnetwork:\n' + ''.join(f'  - {s}\n' for s in layers) + 'output: y\n')
    return f'{WORK}/{name}.yaml'


def check(name, spec, weights, *options):
    """No subnormal in the program, compiled code and reference agree after every pass, and the outputs are finite."""
    out = f'{WORK}/out_{name.replace(" ", "_")}'
    status, text = dsqc('compile', spec, '--weights', weights, '-o', out, '--weights-as=file', '-q', *options)
    constants = np.fromfile(f"{out}/{os.path.basename(spec)[:-5]}.bin", '<f4') if not status else np.array([TINY])
    n = np.count_nonzero((constants != 0) & (np.abs(constants) < np.finfo('f4').tiny))
    say(n == 0, f'{name}: no subnormal in the program', f'{n} of {constants.size}', text)
    status, text = dsqc('verify', spec, '--weights', weights, '--runs', '1', '--verify-each', '-q', *options)
    say(status == 0, f'{name}: the reference knows', text)


conv = '{op: conv2d, name: c, out: 16, kernel: 3, pad: 1, bias: false}'
bn = '{op: batch_norm, name: bn}'
w = rng.standard_normal([16, 16, 3, 3], dtype='f4')
one = np.ones(16, 'f4')
spec = network('bn', [conv, bn, 'relu'], '[1,16,12,12]')


def with_gamma(gamma, weight=w, var=one):
    return {'c.weight': weight, 'bn.weight': gamma, 'bn.bias': one * 0, 'bn.running_mean': one * 0, 'bn.running_var': var}


some = one.copy()
some[3] = TINY
for dtype in ('F32', 'F64', 'BF16'):
    for name, gamma in (('one channel', some), ('every channel', one * TINY)):
        at = f'{WORK}/{dtype}.safetensors'
        safetensors.write(at, {k: stored(v, dtype) for k, v in with_gamma(gamma).items()})
        check(f'{name} of a batch norm {dtype}', spec, at)
# A factor that is subnormal for some output channels only once it is folded: written numbers are normal.
factor = one.copy()
factor[5] = np.float32(1e-20)
weight = w.copy()
weight[5] = np.float32(1e-19)
np.savez(f'{WORK}/folded.npz', **with_gamma(factor, weight))
check('made by folding', spec, f'{WORK}/folded.npz')
# Winograd's transform scales weights by fractions.
plain = network('plain', [conv], '[1,16,12,12]')
weight = w.copy()
weight[2] = np.float32(1.5e-38)
np.savez(f'{WORK}/plain.npz', **{'c.weight': weight})
check('made by Winograd', plain, f'{WORK}/plain.npz', '--winograd=4', '--target=x86-64-v3')
# Per-channel constants of a rule, of depthwise and linear layers, and constants in the spec.
rest = network('rest', ['{op: conv2d, name: d, out: 16, kernel: 3, groups: 16, bias: false}', '{op: scale, name: s}', 'square',
                        '{op: scale, name: t}', '{op: constant, value: 1e-40, as: k}', '{op: add, in: [y, k]}',
                        '{op: mean, axes: [2, 3]}', '{op: linear, name: f, out: 10}'], '[1,16,12,12]')
text = open(rest).read().replace('{op: scale, name: t}', '{op: scale, name: t, as: y}')
open(rest, 'w').write(text.replace('output: y', 'output: z').replace('out: 10}', 'out: 10, as: z}'))
weights = {'d.weight': w[:, :1], 's.weight': some, 't.weight': some, 'f.weight': w[:10, :, 0, 0], 'f.bias': one[:10] * TINY}
np.savez(f'{WORK}/rest.npz', **weights)
check('rules, depthwise, linear', rest, f'{WORK}/rest.npz')
