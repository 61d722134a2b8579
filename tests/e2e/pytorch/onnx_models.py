#!/usr/bin/python3
"""Networks through ONNX: what export writes is read back as the program that the spec gives, and import makes a spec of
it that gives it, too; torchvision's exports agree with PyTorch and cost what the bundled specs cost; patterns, names, shapes."""
import os
import re
import struct
import subprocess
import sys
import warnings

sys.dont_write_bytecode = True
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..'))
sys.path.insert(0, os.path.join(ROOT, 'tests/e2e/robust/bad'))
import protobuf as pb  # noqa: E402

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
UNITS = ['square_excitation', 'square_encoding', 'ge_plus']
POOLS = ['square_pooling', 'bilinear']
HEADS = ['logits', 'softmax', 'square_softmin']
failed = 0


class Wrong(Exception):
    pass


def dsqc(*words, fails=False):
    done = subprocess.run([DSQC, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if bool(done.returncode) != fails:
        raise Wrong('dsqc %s: status %d\n%s' % (' '.join(words), done.returncode, done.stderr))
    return done.stderr if fails else done.stdout


def loops(*words):
    """The program, without its name."""
    return dsqc('compile', *words, '-q', '--target=x86-64-v3', '--emit=loops', '-o', '-').split('{', 1)[1]


def case(name, f, *args):
    global failed
    try:
        f(*args)
        print('ok onnx_models %s' % name)
    except Wrong as e:
        failed = 1
        print('not ok onnx_models %s\n    %s' % (name, str(e).replace('\n', '\n    ')))


# ---- there and back ----

def networks():
    for i, unit in enumerate(UNITS):
        yield 'shufflenet_v2_x0_5', dict(unit=unit, size=64, head=HEADS[i % 3])
    for i, pool in enumerate(POOLS):
        yield 'shufflenet_v2_x0_5', dict(pool=pool, size=64, head=HEADS[i % 3])
    yield 'mobilenet_v2', dict(size=64)
    for name in ('resnet8', 'dscnn', 'lenet', 'shuffle', 'attention'):
        yield 'tiny/' + name, {}
    yield 'digits/digits', {}


def apart(program):
    """Without the numbers behind names of layers that a spec has twice: ONNX Runtime takes each node's name once."""
    program = re.sub(r'(@k\d+_\w+?)_\d+\b', r'\1', program)
    return re.sub(r'  ; .*', lambda m: re.sub(r'_\d+(?= \+|,|$)', '', m.group()), program)


def there_and_back(spec, params):
    options = ['--set=%s=%s' % p for p in params.items()] + ([] if spec == 'digits/digits' else ['--weights=random:3'])
    model, back = WORK + '/there.onnx', WORK + '/back.yaml'
    dsqc('export', spec, *options, '-o', model, '-q')
    want = apart(loops(spec, *options))
    dsqc('import', model, '-o', back, '-q')
    for path in (model, back):
        if apart(loops(path)) != want:
            raise Wrong('%s gives another program' % os.path.basename(path))


# ---- torchvision ----

def lively(torch, model):
    """Statistics and factors as training leaves them: none is 0 or 1."""
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
            m.weight.data.uniform_(0.5, 1)
            m.bias.data.normal_(0, 0.1)
    return model.eval()


def torchvision_model(torch, np, models, name, opset):
    torch.manual_seed(1)
    model, x = lively(torch, getattr(models, name)(weights=None)), torch.randn(1, 3, 224, 224)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        want = model(x).numpy()
        torch.onnx.export(model, x, WORK + '/tv.onnx', opset_version=opset, input_names=['image'], output_names=['logits'])
    np.save(WORK + '/x.npy', x.numpy())
    dsqc('run', WORK + '/tv.onnx', '-q', '--engine=reference', '-i', WORK + '/x.npy', '-o', WORK + '/y.npy')
    error = abs(np.load(WORK + '/y.npy') - want).max() / abs(want).max()
    if not error <= 1e-5:
        raise Wrong('off by %g of the largest output' % error)
    of_spec, of_model = kernels(name, '--weights=random:1'), kernels(WORK + '/tv.onnx')
    if of_spec != of_model:
        raise Wrong('kernels of the spec:\n%s\nof the model:\n%s' % ('\n'.join(of_spec), '\n'.join(of_model)))


def kernels(*words):
    """What each kernel does, without names: shapes, steps, tiles."""
    text = dsqc('compile', *words, '-q', '--target=x86-64-v3', '--emit=loops', '-o', '-')
    arena = re.match(r'program @\w+ (arena \d+)', text).group(1)
    return [arena] + re.findall(r'^  kernel @\w+ ("[^"]*")', text, re.M)


def torchvision_models():
    try:
        import numpy as np
        import torch
        from torchvision import models
    except ImportError as e:
        print('skip onnx_models torchvision: %s' % e)
        return
    for name, opset in (('resnet18', 9), ('mobilenet_v2', 13), ('shufflenet_v2_x1_0', 17)):
        case('%s of torchvision, opset %d' % (name, opset), torchvision_model, torch, np, models, name, opset)


# ---- pieces ----

def number(name, v):
    return pb.tensor(name, [], [float(v)])


def write(nodes, tensors, inputs, outputs=('y',), opset=13, extra=b''):
    with open(WORK + '/p.onnx', 'wb') as f:
        f.write(pb.model(pb.graph(nodes, tensors, [pb.port(*i) for i in inputs], [pb.port(o, [1]) for o in outputs]), opset, extra))
    return WORK + '/p.onnx'


X = [('x', [2, 4, 3, 5])]
N = pb.node
PATTERNS = {
    'gelu': ([N('Div', ['x', 'r'], ['a']), N('Erf', ['a'], ['b']), N('Add', ['b', 'o'], ['c']), N('Mul', ['x', 'c'], ['d']), N('Mul', ['d', 'h'], ['y'])],
             [number('r', 2 ** 0.5), number('o', 1), number('h', 0.5)], 'gelu'),
    'gelu in another order': ([N('Mul', ['x', 'h'], ['a']), N('Mul', ['r', 'x'], ['b']), N('Erf', ['b'], ['c']), N('Add', ['o', 'c'], ['d']), N('Mul', ['d', 'a'], ['y'])],
                              [number('r', 0.5 ** 0.5), number('o', 1), number('h', 0.5)], 'gelu'),
    'hard_swish': ([N('Add', ['x', 't'], ['a']), N('Clip', ['a', 'z', 's'], ['b']), N('Mul', ['x', 'b'], ['c']), N('Div', ['c', 's'], ['y'])],
                   [number('t', 3), number('z', 0), number('s', 6)], 'hard_swish'),
    'hard_sigmoid': ([N('HardSigmoid', ['x'], ['y'], alpha=1 / 6, beta=0.5)], [], 'hard_sigmoid'),
    'silu': ([N('Sigmoid', ['x'], ['a']), N('Mul', ['a', 'x'], ['y'])], [], 'silu'),
    'leaky_relu': ([N('Mul', ['x', 'k'], ['a']), N('Max', ['a', 'x'], ['y'])], [number('k', 0.2)], 'leaky_relu'),
    'relu6': ([N('Clip', ['x', 'z', 's'], ['y'])], [number('z', 0), number('s', 6)], 'relu6'),
    'layer_norm': ([N('ReduceMean', ['x'], ['m'], axes=[-1]), N('Sub', ['x', 'm'], ['d']), N('Pow', ['d', 'two'], ['q']), N('ReduceMean', ['q'], ['v'], axes=[-1]),
                    N('Add', ['v', 'e'], ['f']), N('Sqrt', ['f'], ['s']), N('Div', ['d', 's'], ['n']), N('Mul', ['n', 'g'], ['w']), N('Add', ['w', 'b'], ['y'])],
                   [number('two', 2), number('e', 1e-5), pb.floats('g', 5), pb.floats('b', 5)], 'layer_norm'),
    'l2_normalize': ([N('ReduceL2', ['x'], ['n'], axes=[1]), N('Clip', ['n', 'e'], ['m']), N('Shape', ['x'], ['s']), N('Expand', ['m', 's'], ['b']), N('Div', ['x', 'b'], ['y'])],
                     [number('e', 1e-12)], 'l2_normalize'),
    'channel_shuffle': ([N('Shape', ['x'], ['s']), N('Gather', ['s', 'i'], ['b']), N('Unsqueeze', ['b', 'ax'], ['bb']), N('Concat', ['bb', 'rest'], ['t'], axis=0),
                         N('Reshape', ['x', 't'], ['a']), N('Transpose', ['a'], ['c'], perm=[0, 2, 1, 3, 4]), N('Reshape', ['c', 'back'], ['y'])],
                        [pb.tensor('i', [], [0], pb.INT64), pb.ints('ax', [0]), pb.ints('rest', [2, 2, 3, 5]), pb.ints('back', [2, -1, 3, 5])], 'channel_shuffle'),
    'a global mean and a flatten': ([N('ReduceMean', ['x'], ['a'], axes=[2, 3]), N('Shape', ['a'], ['s']), N('Slice', ['s', 'z', 'o'], ['n']),
                                     N('Concat', ['n', 'm'], ['t'], axis=0), N('Reshape', ['a', 't'], ['y'])],
                                    [pb.ints('z', [0]), pb.ints('o', [1]), pb.ints('m', [-1])], 'mean reshape'),
}


def steps(path):
    dsqc('import', path, '-o', WORK + '/steps.yaml', '-q')
    with open(WORK + '/steps.yaml') as f:
        return re.findall(r'^  - \{op: (\w+)', f.read(), re.M)


# Nearly one: another number is another function, and a number of more dimensions than x makes the result's more.
WIDE = lambda name, v: pb.tensor(name, [1] * 5, [float(v)])
APART = {
    'hard_swish of another number': ([N('Add', ['x', 't'], ['a']), N('Clip', ['a', 'z', 's'], ['b']), N('Mul', ['x', 'b'], ['c']), N('Div', ['c', 's'], ['y'])],
                                     [number('t', 3.0003), number('z', 0), number('s', 6)], 'constant add relu6 mul constant div'),
    'gelu of another number': (PATTERNS['gelu'][0], [number('r', 1.4143), number('o', 1), number('h', 0.5)], 'constant div erf constant add mul constant mul'),
    'leaky_relu of more dimensions': (PATTERNS['leaky_relu'][0], [WIDE('k', 0.2)], 'constant mul maximum'),
    'gelu of more dimensions': (PATTERNS['gelu'][0], [number('r', 2 ** 0.5), number('o', 1), WIDE('h', 0.5)], 'constant div erf constant add mul constant mul'),
    'hard_swish of more dimensions': (PATTERNS['hard_swish'][0], [WIDE('t', 3), number('z', 0), number('s', 6)], 'constant add relu6 mul constant div'),
    'CastLike an integer': ([N('CastLike', ['x', 'k'], ['y'])], [pb.ints('k', [1])], 'trunc', 15),
    'PRelu of more dimensions': ([N('PRelu', ['x', 'k'], ['y'])], [WIDE('k', 0.2)], 'neg relu constant mul relu sub'),
}


def pattern(nodes, tensors, want, opset=13):
    got = steps(write(nodes, tensors, X, opset=opset))
    if got != want.split():
        raise Wrong('steps are %s' % ' '.join(got))


def says(want, nodes, tensors=(), inputs=X, options=(), **more):
    """The message has all of these."""
    text = dsqc('info', write(nodes, tensors, inputs, **more), *options, fails=True)
    for part in want:
        if part not in text:
            raise Wrong('"%s" is not in\n%s' % (part, text))


def shapes():
    relu = [N('Relu', ['x'], ['y'])]
    says(["the input 'x' leaves sizes open: --shape 'x=1,3,H,W'"], relu, inputs=[('x', ['N', 3, 'H', 'W'])])
    says(["neither an input nor an open dimension 'q'"], relu, options=['--shape', 'q=1'])
    says(['--shape does not fit'], relu, options=['--shape', 'x=2,4,3,6'])
    path = write(relu, [], [('x', ['N', 3, 'H', 'W'])])
    for options, want in ((['--shape=x=2,3,4,5'], '2,3,4,5'), (['--shape=H=6', '--shape', 'W=7'], '1,3,6,7')):
        if 'f32[%s]' % want not in dsqc('info', path, *options):
            raise Wrong('%s does not give %s' % (options, want))


def kinds():
    """Integers and truths that are computed: taken where floats count the same, else refused."""
    arg, above = N('ArgMax', ['x'], ['a'], axis=1), N('Greater', ['x', 'k'], ['a'])
    flat = N('Reshape', ['a', 'one'], ['b'])
    held = [number('k', 0.5), pb.ints('one', [-1])]
    for nodes, why in (([arg, N('Div', ['a', 'a'], ['y'])], 'its operand 0 is computed and is i64; Cast to float'),
                       ([arg, flat, N('Add', ['b', 'b'], ['y'])], 'its operand 0 is computed and is i64'),
                       ([above, N('Mul', ['x', 'a'], ['y'])], 'its operand 1 is computed and is bool')):
        says([why], nodes, held)
    for nodes, want in (([arg, flat, N('Cast', ['b'], ['c'], to=1), N('Div', ['c', 'c'], ['y'])], 'argmax reshape div'),
                        ([above, N('Cast', ['a'], ['b'], to=1), N('Mul', ['x', 'b'], ['y'])], 'constant greater mul'),
                        ([above, N('Cast', ['a'], ['b'], to=7), N('Where', ['a', 'x', 'k'], ['y'])], 'constant greater where')):
        pattern(nodes, held, want)


def indices():
    for at, want in (([0, 2], 'slice'), ([0, 1, 3], 'slice slice concat'), ([3, 1] * 10, 'gather')):
        pattern([N('Gather', ['x', 'i'], ['y'], axis=1)], [pb.ints('i', at)], want)


def messages():
    nodes = [N('Einsum', ['x', 'w', 'w'], ['a'], 'sum one'), N('Relu', ['a'], ['b']), N('QLinearConv', ['b'], ['c'], 'conv'), N('Foo', ['x'], ['u'], 'unused'),
             N('Bar', ['x'], ['d'], 'bar', 'com.example'), N('Concat', ['c', 'd'], ['y'], axis=0)]
    says(["3 nodes cannot be compiled", "node 'sum one' (Einsum, opset 13): there is no operator for it yet",
          "node 'conv' (QLinearConv, opset 13): the network is quantized; export the float model",
          "node 'bar' (Bar, opset 13): operators of the domain 'com.example' are not known"], nodes, [pb.floats('w', 1)])
    # What only waits for a node that fails is not at fault: a gelu spelt out, shapes, constants made of them.
    behind = [N('Einsum', ['x', 'w', 'w'], ['x1'], 'sum')] + [
        pb.node(*n) for n in (('Div', ['x1', 'r'], ['a']), ('Erf', ['a'], ['b']), ('Add', ['b', 'o'], ['c']), ('Mul', ['x1', 'c'], ['d']), ('Mul', ['d', 'h'], ['g']))] + [
        N('Shape', ['g'], ['s']), N('ConstantOfShape', ['s'], ['z']), N('Add', ['g', 'z'], ['y'])]
    says(["1 node cannot be compiled", "node 'sum'"], behind, [pb.floats('w', 1), number('r', 2 ** 0.5), number('o', 1), number('h', 0.5)])
    used = dsqc('info', write(nodes[3:4] + [N('Relu', ['x'], ['y'])], [], X))
    if 'f32[2,4,3,5]' not in used:
        raise Wrong('a node that no output needs is in the way')


def names():
    """Exact where a person names them, identifiers in C."""
    ins = ['input.1', 'a/b c:0', '{"k": 1}', 'int']
    write([N('Sum', ins, ['out put'], 'my sum')], [], [(i, [1, 2]) for i in ins], ['out put'])
    words = []
    for i, name in enumerate(ins):
        with open('%s/%d.npy' % (WORK, i), 'wb') as f:
            header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}".ljust(117) + '\n'
            f.write(b'\x93NUMPY\1\0\x76\0' + header.encode() + bytes(8))
        words += ['-i', '%s=%s/%d.npy' % (name, WORK, i)]
    dsqc('run', WORK + '/p.onnx', '-q', *words, '-o', 'out put=%s/o.npy' % WORK)
    dsqc('compile', WORK + '/p.onnx', '-q', '-o', WORK + '/names')
    with open(WORK + '/names/p.h') as f:
        if 'const float *input_1, const float *a_b_c_0, const float *' not in re.sub(r'\s+', ' ', f.read()):
            raise Wrong('the header has other names')


def quoted():
    """What a spec has to quote comes back as it was."""
    path = write([N('Mul', ['x', "it's {$w}: #1"], ['a'], "a 'b' $c"), N('Add', ['a', '$'], ['b'], 'true'), N('Relu', ['b'], ['y'], '- {}')],
                 [pb.floats("it's {$w}: #1", 5), number('$', 2)], X)
    dsqc('import', path, '-o', WORK + '/quoted.yaml', '-q')
    graph = lambda of: re.sub(r' +;.*', '', dsqc('compile', of, '-q', '--stop-after=canonicalize', '--emit=graph', '-o', '-').split('{', 1)[1])
    if graph(path) != graph(WORK + '/quoted.yaml'):
        raise Wrong('%s\n%s' % (graph(path), graph(WORK + '/quoted.yaml')))


def outside():
    """Data beside the model are read, data elsewhere are not, whatever leads there."""
    os.makedirs(WORK + '/in/side', exist_ok=True)
    for path in ('/k.bin', '/in/k.bin', '/in/side/k.bin'):
        with open(WORK + path, 'wb') as f:
            f.write(bytes(20))
    for link, to in (('/in/link', WORK + '/k.bin'), ('/in/near', 'side/k.bin')):
        if not os.path.islink(WORK + link):
            os.symlink(to, WORK + link)
    entry = lambda k, v: pb.field(13, pb.field(1, k) + pb.field(2, v))
    for location, good in (('k.bin', True), ('side/k.bin', True), ('near', True), ('../k.bin', False), ('side/../../k.bin', False),
                           ('link', False), (WORK + '/in/k.bin', False)):
        k = pb.field(1, 5) + pb.field(2, 1) + pb.field(8, 'k') + pb.field(14, 1) + entry('location', location)
        os.rename(write([N('Mul', ['x', 'k'], ['y'])], [k], X), WORK + '/in/p.onnx')
        text = dsqc('info', WORK + '/in/p.onnx', fails=not good)
        if not good and "tensor 'k': its external data, '%s', lie outside the model's folder" % location not in text:
            raise Wrong('%s: %s' % (location, text))


def inner():
    """A function of the model with an attribute of its own, and a branch that reads from outside."""
    fn = pb.field(25, pb.field(1, 'f') + pb.field(10, 'd') + pb.field(4, 'a') + pb.field(5, 'b') + pb.field(6, 'k')
                  + pb.field(7, pb.field(1, 'a') + pb.field(2, 'b') + pb.field(4, 'LeakyRelu') + pb.field(5, pb.field(1, 'alpha') + pb.field(21, 'k'))))
    then = pb.graph([N('Neg', ['h'], ['o'])], outputs=[pb.port('o', [1])])
    nodes = [N('f', ['x'], ['h'], domain='d', k=0.25), N('If', ['yes'], ['y'], then_branch=(6, then), else_branch=(6, then))]
    got = steps(write(nodes, [pb.tensor('yes', [], b'\1', pb.BOOL)], X, extra=fn))
    with open(WORK + '/steps.yaml') as f:
        if got != ['leaky_relu', 'neg'] or 'alpha: 0.25' not in f.read():
            raise Wrong('steps are %s' % got)


def forms():
    """The same numbers in every form that a tensor may have."""
    values = [0.5, -1.25, 2.0, 0.0, 1.5]
    f4, f2 = [struct.pack('<f', v) for v in values], [struct.pack('<e', v) for v in values]
    half = [int.from_bytes(v, 'little') for v in f2]
    entry = lambda k, v: pb.field(13, pb.field(1, k) + pb.field(2, v))
    beside = pb.field(1, 5) + pb.field(2, 1) + pb.field(8, 'k') + pb.field(14, 1) + entry('location', 'k.bin') + entry('offset', '4')
    with open(WORK + '/k.bin', 'wb') as f:
        f.write(b'1234' + b''.join(f4))
    of = [pb.tensor('k', [5], b''.join(f4)), pb.typed('k', [5], 4, f4, pb.FLOAT, True),
          pb.typed('k', [5], 4, f4, pb.FLOAT, False), beside, pb.tensor('k', [5], b''.join(f2), pb.FLOAT16),
          pb.typed('k', [5], 5, half, pb.FLOAT16, True), pb.typed('k', [5], 5, half, pb.FLOAT16, False),
          pb.tensor('k', [5], b''.join(struct.pack('<d', v) for v in values), 11)]
    nodes = [N('Reshape', ['x', 's'], ['r']), N('Mul', ['r', 'k'], ['y'])]
    shapes = [I('s', [-1, 5])] + [pb.typed('s', [2], 7, [-1, 5], pb.INT64, packed) for packed in (True, False)]
    programs = {loops(write(nodes, [t, s], X)) for t in of for s in shapes[:1]}
    programs |= {loops(write(nodes, [of[0], s], X)) for s in shapes}
    if len(programs) != 1 or 'f32[5] align' not in next(iter(programs)):
        raise Wrong('%d programs' % len(programs))
    want = dsqc('compile', write(nodes, [of[0], shapes[0]], X), '-q', '--emit=graph', '-o', '-')
    got = [dsqc('compile', write(nodes, [t, shapes[0]], X), '-q', '--emit=graph', '-o', '-') for t in of]
    if any(text != want for text in got):
        raise Wrong('other numbers')
    dsqc('import', write(nodes, [of[4], shapes[0]], X), '-o', WORK + '/h.yaml', '-q')
    with open(WORK + '/h.safetensors', 'rb') as f:
        if b'"dtype":"F16"' not in f.read().replace(b' ', b''):
            raise Wrong('halves are not kept')


I, F = pb.ints, pb.floats
# What moved from an attribute to an operand, or may be said in two ways: (opset, nodes, tensors) twice, and the steps.
OPSETS = {
    'Clip': ((6, [N('Clip', ['x'], ['y'], min=0.0, max=6.0)], []),
             (11, [N('Clip', ['x', 'a', 'b'], ['y'])], [number('a', 0), number('b', 6)]), 'relu6'),
    'Clip with one bound': ((11, [N('Clip', ['x', '', 'b'], ['y'])], [number('b', 2)]),
                            (6, [N('Clip', ['x'], ['y'], max=2.0)], []), 'constant minimum'),
    'PRelu': ((6, [N('PRelu', ['x', 's'], ['y'])], [F('s', 4)]), (7, [N('PRelu', ['x', 's'], ['y'])], [F('s', 4, 1, 1)]),
              'neg relu scale relu sub'),
    'Pad': ((2, [N('Pad', ['x'], ['y'], pads=[0, 0, 1, 0, 0, 0, 0, 2])], []),
            (18, [N('Pad', ['x', 'p', '', 'ax'], ['y'])], [I('p', [1, 0, 0, 2]), I('ax', [2, -1])]), 'pad'),
    'Slice': ((9, [N('Slice', ['x'], ['y'], starts=[1], ends=[3], axes=[1])], []),
              (10, [N('Slice', ['x', 's', 'e', 'a'], ['y'])], [I('s', [-3]), I('e', [-1]), I('a', [1])]), 'slice'),
    'Squeeze': ((11, [N('ReduceMax', ['x'], ['m'], axes=[1]), N('Squeeze', ['m'], ['y'], axes=[1])], []),
                (18, [N('ReduceMax', ['x', 'a'], ['m']), N('Squeeze', ['m', 'a'], ['y'])], [I('a', [1])]), 'max reshape'),
    'Split': ((11, [N('Split', ['x'], ['p', 'q'], axis=1, split=[2, 2]), N('Add', ['p', 'q'], ['y'])], []),
              (13, [N('Split', ['x', 's'], ['p', 'q'], axis=1), N('Add', ['p', 'q'], ['y'])], [I('s', [2, 2])]), 'split add'),
    'Softmax': ((11, [N('Softmax', ['x'], ['y'], axis=3)], []), (13, [N('Softmax', ['x'], ['y'])], []), 'softmax'),
    'Upsample': ((7, [N('Upsample', ['x'], ['y'], mode='nearest', scales=(7, struct.pack('<4f', 1, 1, 2, 3)))], []),
                 (13, [N('Resize', ['x', '', '', 's'], ['y'], coordinate_transformation_mode='asymmetric',
                         nearest_mode='floor')], [I('s', [2, 4, 6, 15])]), 'upsample'),
    'Dropout': ((7, [N('Dropout', ['x'], ['d'], ratio=0.5), N('Relu', ['d'], ['y'])], []),
                (13, [N('Dropout', ['x', 'r', 't'], ['d']), N('Relu', ['d'], ['y'])],
                 [number('r', 0.5), pb.tensor('t', [], b'\0', pb.BOOL)]), 'relu'),
    'Dropout of nothing': ((13, [N('Dropout', ['x', 'r', 't'], ['d', 'mask']), N('Relu', ['d'], ['y'])],
                            [number('r', 0), pb.tensor('t', [], b'\1', pb.BOOL)]), (13, [N('Relu', ['x'], ['y'])], []), 'relu'),
    'Reshape': ((5, [N('Reshape', ['x', 's'], ['y'])], [I('s', [0, -1])]), (13, [N('Flatten', ['x'], ['y'])], []), 'reshape'),
    'Conv of one dimension': ((11, [N('Reshape', ['x', 's'], ['r']), N('Conv', ['r', 'w'], ['y'], auto_pad='SAME_UPPER')],
                               [I('s', [2, 4, 15]), F('w', 3, 4, 2)]),
                              (11, [N('Reshape', ['x', 's'], ['r']), N('Conv', ['r', 'w'], ['y'], pads=[0, 1])],
                               [I('s', [2, 4, 15]), F('w', 3, 4, 2)]), 'reshape reshape conv2d reshape'),
    'ConvTranspose': ((11, [N('ConvTranspose', ['x', 'w'], ['y'], strides=[2, 2], output_shape=[6, 10])], [F('w', 4, 3, 3, 3)]),
                      (11, [N('ConvTranspose', ['x', 'w'], ['y'], strides=[2, 2], pads=[1, 1, 0, 0])], [F('w', 4, 3, 3, 3)]),
                      'conv_transpose2d'),
    'Gemm': ((7, [N('Flatten', ['x'], ['f']), N('Gemm', ['f', 'w', 'b'], ['y'], transB=1)], [F('w', 3, 60), F('b', 3)]),
             (13, [N('Flatten', ['x'], ['f']), N('Transpose', ['w'], ['t']), N('MatMul', ['f', 't'], ['m']),
                   N('Add', ['b', 'm'], ['y'])], [F('w', 3, 60), F('b', 3)]), 'reshape linear'),
}


def opsets(one, other, want):
    programs = []
    for opset, nodes, tensors in (one, other):
        path = write(nodes, tensors, X, opset=opset)
        got = steps(path)
        if got != want.split():
            raise Wrong('opset %d: steps are %s' % (opset, ' '.join(got)))
        programs.append(re.sub(r'@k\d+_\w+', '@k', loops(path)))
    if programs[0] != programs[1]:
        raise Wrong('opsets %d and %d give other programs' % (one[0], other[0]))


def old():
    """IR version 3: initializers are inputs, too."""
    nodes, k = [N('Mul', ['x', 'k'], ['y'])], pb.floats('k', 5)
    if loops(write(nodes, [k], X)) != loops(write(nodes, [k], [('k', [5])] + X)):
        raise Wrong('another program')


def options():
    path = write([N('Relu', ['x'], ['y'])], [], X)
    for words, want in ((['info', path, '--weights=random:1'], 'a model holds its weights'), (['info', path, '--set=a=1'], 'a model has no parameters'),
                        (['info', 'specs/tiny/square.yaml', '--shape=x=1'], '--shape is for models'),
                        (['import', 'specs/tiny/square.yaml', '-o', WORK + '/s.yaml'], 'this is a spec already'), (['import', path], '-o SPEC.yaml')):
        if want not in dsqc(*words, fails=True):
            raise Wrong('"%s" is not said' % want)
    kept = WORK + '/kept.safetensors'
    with open(kept, 'wb') as f:
        f.write(b'mine')
    path = write([N('Mul', ['x', 'k'], ['y'])], [pb.floats('k', 5)], X)
    if 'no import has made it' not in dsqc('import', path, '-o', WORK + '/kept.yaml', fails=True):
        raise Wrong('weights of somebody else are replaced')
    os.remove(kept)
    for _ in range(2):
        dsqc('import', path, '-o', WORK + '/kept.yaml', '-q')


def main():
    for name, params in networks():
        case(' '.join([name] + [str(v) for v in params.values()]) + ' there and back', there_and_back, name, params)
    for name, args in {**PATTERNS, **APART}.items():
        case('recognizes ' + name, pattern, *args)
    for name, args in OPSETS.items():
        case('both forms of ' + name, opsets, *args)
    for f in (shapes, messages, kinds, indices, names, quoted, inner, forms, outside, old, options):
        case(f.__name__, f)
    torchvision_models()
    return failed


sys.exit(main())
