"""Writes .tflite files: FlatBuffers tables of TensorFlow Lite's schema, as far as tests need them. Every value is computed with
numpy beside the operator that makes it, so a model carries the numbers that it should give."""
import struct

import numpy as np

TYPES = {'f4': 0, 'f2': 1, 'i4': 2, 'u1': 3, 'i8': 4, '?': 6, 'i2': 7, 'i1': 9}
CODES = {name: int(number) for name, number in (
    line.strip().rstrip(')').split('(')[1].split(', ') for line in open('compiler/tflite/operators.def')
    if line.startswith('OPERATOR('))}


def scalar(kind, value):
    return kind, value


class Table(dict):
    """Field number: (struct character, number), a text, bytes, a list of tables, a Table, or a numpy array."""


class Writer:
    """Tables in front of what they refer to: all offsets go forward."""
    def __init__(self):
        self.out = bytearray()
        self.slot = {}  # where a table, by its id, has the offset of a field

    def align(self, n, at=0):
        self.out += bytes(-(len(self.out) + at) % n)

    def table(self, t):
        fields, at, size = {}, 4, {}
        for number, v in sorted(t.items(), key=lambda x: -struct.calcsize(x[1][0]) if isinstance(x[1], tuple) else -4):
            size[number] = struct.calcsize('<' + v[0]) if isinstance(v, tuple) else 4
            at += -at % size[number]
            fields[number], at = at, at + size[number]
        slots = max(t, default=-1) + 1
        vtable = struct.pack('<%dH' % (2 + slots), 4 + 2 * slots, at, *[fields.get(i, 0) for i in range(slots)])
        self.align(8, len(vtable))
        self.out += vtable
        where = len(self.out)
        self.out += struct.pack('<i', len(vtable)) + bytes(at - 4)
        for number, v in t.items():
            if isinstance(v, tuple):
                struct.pack_into('<' + v[0], self.out, where + fields[number], v[1])
        for number, v in t.items():
            if not isinstance(v, tuple):
                self.slot[id(t), number] = where + fields[number]
                self.refer(where + fields[number], v)
        return where

    def refer(self, slot, v):
        to = self.value(v)
        struct.pack_into('<I', self.out, slot, to - slot)

    def value(self, v):
        if isinstance(v, Table):
            return self.table(v)
        if isinstance(v, str):
            v = v.encode()
            return self.vector(len(v), v + b'\0', 1)
        if isinstance(v, bytes):
            return self.vector(len(v), v, 16)
        if isinstance(v, np.ndarray):
            return self.vector(len(v), v.tobytes(), v.itemsize)
        where = self.vector(len(v), bytes(4 * len(v)), 4)
        for i, x in enumerate(v):
            self.refer(where + 4 + 4 * i, x)
        return where

    def vector(self, n, raw, align):
        self.align(max(4, align), 4)
        self.out += struct.pack('<I', n) + raw
        return len(self.out) - len(raw) - 4

    def file(self, root):
        self.out = bytearray(b'\0\0\0\0TFL3')
        self.refer(0, root)
        return bytes(self.out)


def ints(*v):
    return np.array(v, 'i4')


class Model:
    """Tensors are indices; value[i] is what numpy gives for tensor i."""
    def __init__(self):
        self.tensors, self.buffers, self.ops, self.codes = [], [Table()], [], []
        self.inputs, self.outputs, self.value = [], [], []

    def tensor(self, value, name=None, constant=False, **more):
        value = np.asarray(value)
        t = Table({0: ints(*value.shape), 1: ('b', TYPES[value.dtype.str[1:]]), 3: name or 't%d' % len(self.tensors)})
        if constant:
            t[2] = ('I', len(self.buffers))
            self.buffers.append(Table({0: value.tobytes()}))
        if 'scale' in more:
            t[4] = Table({2: np.array(more['scale'], 'f4'), 3: np.array(more['zero'], 'i8'), 6: ('i', more.get('axis', 0))})
        self.tensors.append(t)
        self.value.append(value)
        return len(self.tensors) - 1

    def const(self, value, dtype='f4', **more):
        return self.tensor(np.asarray(value, dtype), constant=True, **more)

    def input(self, value, name=None, **more):
        self.inputs.append(self.tensor(np.asarray(value), name, **more))
        return self.inputs[-1]

    def op(self, kind, operands, results, options=None, version=1, **more):
        """results: numpy's. Gives the tensor, or a list of several. options: (member of the union, fields)."""
        code = (CODES[kind] if kind in CODES else 32, version, kind)
        if code not in self.codes:
            self.codes.append(code)
        several = isinstance(results, list)
        out = [self.tensor(r, **more) for r in (results if several else [results])]
        t = Table({0: ('I', self.codes.index(code)), 1: ints(*operands), 2: ints(*out)})
        if options:
            t[3], t[4] = ('B', options[0]), Table(options[1])
        self.ops.append(t)
        return out if several else out[0]

    def output(self, tensor):
        self.outputs.append(tensor)

    def root(self):
        codes = []
        for number, version, kind in self.codes:
            c = Table({0: ('b', min(number, 127)), 2: ('i', version), 3: ('i', number)})
            if number == 32:
                c[1] = kind
            codes.append(c)
        graph = Table({0: self.tensors, 1: ints(*self.inputs), 2: ints(*self.outputs), 3: self.ops, 4: 'main'})
        return Table({0: ('I', 3), 1: codes, 2: [graph], 3: 'made by a test', 4: self.buffers})

    def bytes(self):
        return Writer().file(self.root())
