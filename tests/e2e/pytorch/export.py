#!/usr/bin/python3
"""Whole networks exported as ONNX: ONNX Runtime computes what the reference does, and holds the very weights."""
import os
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..'))
sys.path.insert(0, os.path.join(ROOT, 'tests/bench'))
import engines  # noqa: E402

lack = engines.ort_lacks()
if lack:
    print('skip export: %s' % lack)
    sys.exit(0)

import numpy as np  # noqa: E402
try:
    import onnx
    import onnx.numpy_helper
except ImportError:
    onnx = None
    print('skip export weights: no python3-onnx')

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
# Of the largest output. Bilinear pooling takes square roots near zero.
TOLERANCE, STEEP = 1e-5, 1e-3
UNITS = ['identity', 'square_excitation', 'square_encoding', 'se', 'ge_minus', 'ge', 'ge_plus']
POOLS = ['average', 'square_pooling', 'bilinear']
HEADS = ['logits', 'softmax', 'square_softmin']


def networks():
    """(name, options)"""
    for name, size in (('resnet18', 64), ('shufflenet_v2_x0_5', 64)):
        for i, unit in enumerate(UNITS):
            yield name, dict(unit=unit, size=size, head=HEADS[i % 3])
        for i, pool in enumerate(POOLS):
            yield name, dict(pool=pool, size=size, head=HEADS[i % 3])
    yield 'resnet50', dict(size=64, unit='square_encoding', pool='square_pooling', head='square_softmin')
    for name in ('mobilenet_v2', 'squeezenet1_1', 'vgg11_bn'):
        yield name, dict(size=64)
    for name in ('resnet8', 'dscnn', 'mbv1_025', 'lenet', 'shuffle', 'square'):
        yield 'tiny/' + name, {}
    yield 'digits/digits', {}


def dsqc(*words):
    done = subprocess.run([DSQC, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise engines.Failure('dsqc %s: status %d\n%s' % (' '.join(words), done.returncode, done.stdout))


def check(server, spec, options, at):
    model, x, y = WORK + '/m.onnx', WORK + '/x.npy', WORK + '/y.npy'
    dsqc('export', spec, *options, '-o', model, '-q')
    server.load(model)
    shape = [int(d) for d in server.ask('shape').split()]
    image = np.random.default_rng(at).standard_normal(shape).astype('<f4')
    np.save(x, image)
    image.tofile(WORK + '/x.raw')
    dsqc('run', spec, *options, '--engine=reference', '-q', '-i', x, '-o', y)
    server.run(WORK + '/x.raw', WORK + '/y.raw')
    want, got = np.load(y).astype('f8').ravel(), np.fromfile(WORK + '/y.raw', '<f4').astype('f8')
    if got.shape != want.shape or not np.isfinite(got).all():
        raise engines.Failure('%d numbers, %d expected' % (got.size, want.size))
    error, bound = abs(got - want).max() / abs(want).max(), STEEP if '--set=pool=bilinear' in options else TOLERANCE
    if not error <= bound:
        raise engines.Failure('off by %g of the largest output' % error)


def check_weights():
    """Every tensor under its name, bit by bit; the file is the same every time."""
    rng = np.random.default_rng(1)
    with open(WORK + '/n.yaml', 'w') as f:
        f.write("name: n\ninput: {x: 'f32[1,3,5,5]'}\nnetwork:\n  - {op: conv2d, name: conv1, out: 4, kernel: 3}\n"
                "  - {op: scale_bias, name: affine}\n  - flatten\n  - {op: linear, name: fc, out: 2, bias: false}\n"
                "output: y\n")
    tensors = {n: rng.standard_normal(s).astype('f4') for n, s in (
        ('conv1.weight', (4, 3, 3, 3)), ('conv1.bias', 4), ('affine.weight', 4), ('affine.bias', 4),
        ('fc.weight', (2, 36)))}
    np.savez(WORK + '/n.npz', **tensors)
    for name in ('a', 'b'):
        dsqc('export', WORK + '/n.yaml', '--weights', WORK + '/n.npz', '-o', '%s/%s.onnx' % (WORK, name))
    with open(WORK + '/a.onnx', 'rb') as a, open(WORK + '/b.onnx', 'rb') as b:
        if a.read() != b.read():
            raise engines.Failure('two files differ')
    model = onnx.load(WORK + '/a.onnx')
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for name, want in tensors.items():
        if name not in held or held[name].tobytes() != want.tobytes():
            raise engines.Failure('%s is not the very tensor' % name)
    ports = [v.name for v in model.graph.input] + [v.name for v in model.graph.output]
    if model.producer_name != 'dsqc' or ports != ['x', 'y']:
        raise engines.Failure('producer %s, ports %s' % (model.producer_name, ports))


def case(name, f, *args):
    try:
        f(*args)
        print('ok export %s' % name)
        return 0
    except engines.Failure as e:
        print('not ok export %s\n    %s' % (name, str(e).replace('\n', '\n    ')))
        return 1


def main():
    server, failed = engines.ort(), 0
    for at, (name, params) in enumerate(networks()):
        options = ['--weights=random:%d' % (at + 1)] + ['--set=%s=%s' % p for p in params.items()]
        failed += case(' '.join([name] + [str(v) for v in params.values()]), check, server, 'specs/%s.yaml' % name, options, at)
    server.close()
    if onnx:
        failed += case('weights', check_weights)
    return failed > 0


sys.exit(main())
