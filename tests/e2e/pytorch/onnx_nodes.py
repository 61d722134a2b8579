#!/usr/bin/python3
"""ONNX's own node tests, as many as the compiler can take, in a few models that hold many of them side by side: the numbers,
and the loops of the spec that import makes, which are the model's. Those left out stand in onnx_nodes.txt, with what dsqc
says about each; it must go on saying that. UPDATE_GOLDEN=1 writes the list. An argument is the engine that computes."""
import os
import re
import subprocess
import sys

try:
    import numpy as np
    np.float, np.int, np.bool, np.object = float, int, bool, object  # python3-onnx is older than this numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnx.backend.test.case.node import collect_testcases
except ImportError as e:
    print('skip onnx_nodes: %s' % e)
    sys.exit(0)

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
LIST = os.path.splitext(os.path.abspath(__file__))[0] + '.txt'
ENGINE = sys.argv[1] if len(sys.argv) > 1 else 'reference'
INPUTS = 60       # of a model
TOLERANCE = 1e-5  # of the largest output
ROUNDED = 1e-4    # where ONNX's numbers are cosines of large multiples of pi in f32
HALF = 4e-3       # where ONNX rounds to halves, and dsqc does not
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
# Operands that a network holds: they become initializers, as all integers do.
WEIGHTS = {'Conv': (1, 2), 'ConvTranspose': (1, 2), 'BatchNormalization': (1, 2, 3, 4), 'InstanceNormalization': (1, 2),
           'LayerNormalization': (1, 2), 'GroupNormalization': (1, 2), 'PRelu': (1,), 'Clip': (1, 2), 'Pad': (2,),
           'Resize': (1, 2), 'Upsample': (1,), 'Pow': (1,), 'Dropout': (1,), 'Gemm': (1, 2), 'Where': (2,), 'LSTM': (1, 2, 3, 7),
           'GRU': (1, 2, 3), 'RNN': (1, 2, 3)}


class Case:
    def __init__(self, at, case):
        self.name, self.model, data = case.name, case.model, case.data_sets[0]
        self.prefix, self.why = 'c%d.' % at, None
        graph = self.model.graph
        self.opset = max([o.version for o in self.model.opset_import if o.domain in ('', 'ai.onnx')], default=0)
        self.inputs, self.outputs, self.held = [], [], []
        self.half = any(p.type.tensor_type.elem_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16)
                        for p in list(graph.input) + list(graph.output))
        held = {n.input[i] for n in graph.node for i in WEIGHTS.get(n.op_type, ()) if i < len(n.input)}
        if any(isinstance(x, (list, type(None))) for x in list(data[0]) + list(data[1])):
            self.why = 'its inputs or outputs are no tensors'
            return
        kinds = [p.type.tensor_type.elem_type for p in list(graph.input) + list(graph.output)]
        data = [plain(x, k) for x, k in zip(list(data[0]) + list(data[1]), kinds)]
        data = data[:len(graph.input)], data[len(graph.input):]
        for port, x in zip(graph.input, data[0]):
            kind = port.type.tensor_type.elem_type
            if kind in FLOATS and port.name not in held and x.size and x.dtype.kind == 'f':
                self.inputs.append((port.name, x))
            elif x.dtype.kind in 'OUS':
                self.why = 'its operands are strings'
            else:
                self.held.append((port.name, x, kind))
        self.outputs = [(port.name, y) for port, y in zip(graph.output, data[1]) if port.name]
        domains = {o.domain for o in self.model.opset_import} - {'', 'ai.onnx'}
        if domains and self.why is None:
            self.why = 'it is of the domain %s' % ', '.join(sorted(domains))

    def rename(self, name):
        return self.prefix + name if name else ''

    def nodes(self):
        return renamed(self.model.graph.node, self.rename, self.name)

    def values(self):
        g = self.model.graph
        held = [tensor(self.rename(n), x, kind) for n, x, kind in self.held]
        for t in g.initializer:
            t = onnx.TensorProto.FromString(t.SerializeToString())
            t.name = self.rename(t.name)
            held.append(t)
        return held


def plain(x, kind):
    """Halves that numpy does not know come as their bits."""
    x = np.asarray(x)
    return (x.astype('u4') << 16).view('f4') if kind == TensorProto.BFLOAT16 and x.dtype.kind == 'u' else x


def tensor(name, x, kind):
    if kind == TensorProto.BFLOAT16:
        return helper.make_tensor(name, kind, x.shape, x.astype('f4').ravel().tolist())
    return numpy_helper.from_array(np.ascontiguousarray(x).reshape(x.shape), name)


def renamed(nodes, rename, owner):
    """Copies of nodes, those of branches too, under other names; the first one is called like the case."""
    out = []
    for n in nodes:
        m = onnx.NodeProto.FromString(n.SerializeToString())
        for field in (m.input, m.output):
            names = [rename(x) for x in field]
            del field[:]
            field.extend(names)
        m.name = owner
        for a in m.attribute:
            if a.HasField('g'):
                inner = renamed(a.g.node, rename, owner)
                del a.g.node[:]
                a.g.node.extend(inner)
                for port in list(a.g.input) + list(a.g.output) + list(a.g.initializer):
                    port.name = rename(port.name)
        out.append(m)
    return out


def write(cases, path):
    """One model of many cases, all of one opset."""
    kinds = {c.rename(p.name): p.type.tensor_type.elem_type for c in cases
             for p in list(c.model.graph.input) + list(c.model.graph.output)}
    port = lambda c, name, x: helper.make_tensor_value_info(c.rename(name), kinds[c.rename(name)], x.shape)
    graph = helper.make_graph([n for c in cases for n in c.nodes()], 'nodes',
                              [port(c, *i) for c in cases for i in c.inputs],
                              [port(c, *o) for c in cases for o in c.outputs], [t for c in cases for t in c.values()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', cases[0].opset)])
    with open(path, 'wb') as f:
        f.write(model.SerializeToString())


def run(cases, engine):
    """{} of complaints by case, or the message of dsqc."""
    model, words = WORK + '/nodes.onnx', []
    write(cases, model)
    for c in cases:
        for i, (name, x) in enumerate(c.inputs):
            path = '%s/%si%d.npy' % (WORK, c.prefix, i)
            np.save(path, (x if x.ndim else x.reshape(1)).astype('f4'))
            words.append('--input=%s=%s' % (c.rename(name), path))
        for i, (name, y) in enumerate(c.outputs):
            words.append('--output=%s=%s/%so%d.npy' % (c.rename(name), WORK, c.prefix, i))
    done = subprocess.run([DSQC, 'run', model, '-q', '-O1', '--engine=' + engine, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        return None, done.stdout
    wrong = {}
    for c in cases:
        for i, (name, want) in enumerate(c.outputs):
            got, want = np.load('%s/%so%d.npy' % (WORK, c.prefix, i)).astype('f8'), want.astype('f8')
            if got.shape != (want.shape or (got.shape if got.size == 1 else ())):
                wrong[c.name] = '%s is %s, expected %s' % (name, got.shape, want.shape)
                continue
            same = (got == want) | (np.isnan(got) & np.isnan(want))
            got, want = np.where(same, 0, got), np.where(same & ~np.isfinite(want), 0, want)
            error = abs(np.where(same, 0, got - want)).max() / max(abs(want).max(), 1e-30)
            if not error <= (HALF if c.half else ROUNDED if 'window' in c.name else TOLERANCE):
                wrong[c.name] = '%s is off by %.3g of the largest' % (name, error)
    return wrong, ''


def loops(path):
    """The program as loops, without its name."""
    done = subprocess.run([DSQC, 'compile', path, '-q', '-O1', '--target=generic', '--emit=loops', '-o', '-'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.stderr or done.stdout.split('{', 1)[1]


def imported(cases):
    """What is wrong with the spec that import makes of the model that run() wrote; ''."""
    model, spec = WORK + '/nodes.onnx', WORK + '/nodes.yaml'
    done = subprocess.run([DSQC, 'import', model, '-o', spec, '-q'], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        return done.stderr
    of_model, of_spec = loops(model), loops(spec)
    if of_model == of_spec:
        return ''
    return '\n'.join([a + '   of the spec: ' + b for a, b in zip(of_model.split('\n'), of_spec.split('\n')) if a != b][:5])


def reasons(message):
    """What dsqc says of nodes that are called like their cases, and of outputs by their prefix."""
    said = {}
    for name, why in re.findall(r"^  node '([^']*)' \([^)]*\): (.*)$", message, re.M):
        said.setdefault(name, why)
    for name, why in re.findall(r"^  (?:output|initializer) '(c\d+\.)[^']*': (.*)$", message, re.M):
        said.setdefault(name, why)
    return said


def refusals(cases):
    """{case: reason}, '' where dsqc takes it."""
    out = {c.name: c.why for c in cases if c.why}
    groups = {}
    for c in cases:
        if not c.why:
            groups.setdefault(c.opset, []).append(c)
    for group in groups.values():
        write(group, WORK + '/refused.onnx')
        done = subprocess.run([DSQC, 'info', WORK + '/refused.onnx'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        said = reasons(done.stdout)
        for c in group:
            why = said.get(c.name) or said.get(c.prefix) or ''
            out[c.name] = re.sub(re.escape(c.prefix), '', why)
    return out


def read_list():
    with open(LIST) as f:
        return dict(line.rstrip('\n').split(': ', 1) for line in f if line.strip() and line[0] != '#')


def write_list(refused):
    with open(LIST, 'w') as f:
        f.write('# Node tests of ONNX that the compiler does not take, and what dsqc says of each. Written by onnx_nodes.py\n'
                '# with UPDATE_GOLDEN=1.\n')
        for name in sorted(refused):
            f.write('%s: %s\n' % (name, refused[name]))


def groups_of(cases):
    """As few models as there may be: of one opset each, and with no more inputs than a spec may have."""
    groups, size = [], 0
    for c in sorted(cases, key=lambda c: c.opset):
        n = max(1, len(c.inputs))
        if not groups or groups[-1][0].opset != c.opset or size + n > INPUTS:
            groups.append([])
            size = 0
        groups[-1].append(c)
        size += n
    return groups


def alone(cases, engine):
    """Each by itself, where the message about all of them names none."""
    wrong = {}
    for c in cases:
        one, message = run([c], engine)
        wrong.update(one if one is not None else {c.name: message.strip()})
    return wrong


def main():
    cases = [Case(i, c) for i, c in enumerate(sorted(collect_testcases(None), key=lambda c: c.name)) if c.kind == 'node']
    update = bool(os.environ.get('UPDATE_GOLDEN'))
    refused = refusals(cases)
    if update:
        write_list({n: w for n, w in refused.items() if w})
    want = read_list()
    failed = 0
    for c in cases:
        if want.get(c.name, '') != refused[c.name]:
            print('not ok onnx_nodes %s\n    dsqc: %s\n    onnx_nodes.txt: %s' % (
                c.name, refused[c.name] or 'takes it', want.get(c.name, 'not there')))
            failed = 1
    taken = [c for c in cases if not refused[c.name]]
    for group in groups_of(taken):
        wrong, message = run(group, ENGINE)
        if wrong is None:
            print('    %s' % message.strip()[:2000].replace('\n', '\n    '))
            wrong = alone(group, ENGINE)
            wrong = wrong or {'all together': 'only together'}
        elif not wrong:
            why = imported(group)
            wrong = {'import of opset %d' % group[0].opset: why} if why else {}
        for name, why in wrong.items():
            print('not ok onnx_nodes %s\n    %s' % (name, why.replace('\n', '\n    ')))
            failed = 1
    if not failed:
        print('ok onnx_nodes: %d pass, %d are left out' % (len(taken), len(cases) - len(taken)))
    return failed


sys.exit(main())
