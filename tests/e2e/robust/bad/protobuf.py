"""ONNX models byte by byte, so that they may lie."""
import struct

FLOAT, UINT8, INT64, STRING, BOOL, FLOAT16 = 1, 2, 7, 8, 9, 10


def varint(v):
    v &= (1 << 64) - 1
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def field(number, value):
    """An integer as a varint; a text, bytes or a message behind their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, dims, data, kind=FLOAT):
    """data: bytes as raw_data, or a list of numbers in the typed field of their kind."""
    if not isinstance(data, bytes):
        data = struct.pack("<%d%s" % (len(data), "f" if kind == FLOAT else "q"), *data)
    return b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) + field(9, data)


def typed(name, dims, number, values, kind, packed):
    """Numbers in a typed field: fixed ones as bytes of 4, others as varints."""
    raw = [v if isinstance(v, bytes) else varint(v) for v in values]
    wire = 5 if isinstance(values[0], bytes) else 0
    data = field(number, b"".join(raw)) if packed else b"".join(varint(number << 3 | wire) + r for r in raw)
    return b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) + data


def floats(name, *dims):
    n = 1
    for d in dims:
        n *= d
    return tensor(name, dims, [((i * 7) % 11 - 5) / 10 for i in range(n)])


def ints(name, values):
    return tensor(name, [len(values)], list(values), INT64)


def attr(name, value):
    """An integer, a float, a text, a list of integers, or (field number, bytes)."""
    if isinstance(value, tuple):
        return field(1, name) + field(*value)
    if isinstance(value, float):
        return field(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + field(20, 1)
    if isinstance(value, list):
        return field(1, name) + b"".join(field(8, v) for v in value) + field(20, 7)
    return field(1, name) + (field(3, value) + field(20, 2) if isinstance(value, int) else field(4, value) + field(20, 3))


def node(kind, ins, outs, name="", domain="", **attrs):
    return (b"".join(field(1, i) for i in ins) + b"".join(field(2, o) for o in outs) + (field(3, name) if name else b"")
            + field(4, kind) + b"".join(field(5, attr(k, v)) for k, v in attrs.items()) + (field(7, domain) if domain else b""))


def port(name, dims, kind=FLOAT):
    """A dimension is a number, or a name where it is open."""
    shape = b"".join(field(1, field(2 if isinstance(d, str) else 1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def graph(nodes, tensors=(), inputs=(), outputs=()):
    return (field(2, "g") + b"".join(field(5, t) for t in tensors) + b"".join(field(11, i) for i in inputs)
            + b"".join(field(12, o) for o in outputs) + b"".join(field(1, n) for n in nodes))


def model(g, opset=13, extra=b""):
    """The graph is the last field: what is cut off lacks a part of it."""
    return field(1, 8) + field(8, field(1, "") + field(2, opset)) + extra + field(7, g)


def parts():
    """What a good model is made of: nodes, tensors, inputs, outputs. The generators change them."""
    return dict(nodes=[node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"], "relu"),
                       node("Reshape", ["r", "shape"], ["f"], "flat"), node("Gemm", ["f", "fc"], ["y"], "fc")],
                tensors=[floats("w", 4, 3, 3, 3), floats("b", 4), ints("shape", [1, -1]), floats("fc", 64, 2)],
                inputs=[port("x", [1, 3, 4, 4])], outputs=[port("y", [1, 2])])
