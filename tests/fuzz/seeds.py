#!/usr/bin/env python3
"""Writes the seed corpora of the fuzz targets: seeds.py DIR makes DIR/safetensors, DIR/npy, DIR/onnx and DIR/tflite."""
import base64
import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e" / "robust" / "bad"))
import protobuf as pb  # noqa: E402

GREY_JPEG = (  # 8x8
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////"
    "////////////////////wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AJ//Z")
PROGRESSIVE_JPEG = (  # 9x5, RGB
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////"
    "////////////////////2wBDAaq0tPDS8P//////////////////////////////////////////////////////////////////"
    "////////////wgARCAAFAAkDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/xAAVAQEBAAAAAAAAAAAAAAAAAAABAv/a"
    "AAwDAQACEAMQAAABgZ//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAEFAj//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAED"
    "AQE/AX//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AX//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAY/Aj//xAAU"
    "EAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAE/IT//2gAMAwEAAgADAAAAEA//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/"
    "EH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/EH//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAE/ED//2Q==")


def safetensors(entries):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, dtype, shape, raw in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def npy(descr, fortran, shape, raw, version=1):
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + raw


def npz(method, force_zip64):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name in ("conv1.weight", "fc.bias"):
            with z.open(name + ".npy", "w", force_zip64=force_zip64) as f:
                f.write(npy("<f4", False, (2, 3), struct.pack("<6f", *range(6))))
    return out.getvalue()


def png(colour, depth, w, h, row, interlace=0):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    extra = chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\x80\xff") if colour == 3 else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)) + extra
            + chunk(b"IDAT", zlib.compress((b"\0" + row) * h)) + chunk(b"IEND", b""))


def onnx_shapes():
    """Shapes computed from shapes, and constants."""
    nodes = [pb.node("Shape", ["x"], ["s"]), pb.node("Gather", ["s", "zero"], ["n"]), pb.node("Concat", ["n", "rest"], ["t"], axis=0),
             pb.node("Reshape", ["x", "t"], ["f"]), pb.node("Slice", ["f", "zero", "two", "one", "one"], ["p"]),
             pb.node("Tile", ["p", "rep"], ["q"]), pb.node("Resize", ["x", "", "", "size"], ["u"]), pb.node("ReduceMean", ["u"], ["m"], axes=[2, 3], keepdims=0),
             pb.node("Softmax", ["q"], ["y"]), pb.node("Range", ["zero0", "five0", "one0"], ["r"]), pb.node("ConstantOfShape", ["two"], ["k"]),
             pb.node("Pad", ["m", "pads"], ["z"])]
    one = lambda name, v: pb.tensor(name, [], [v], pb.INT64)
    tensors = [pb.ints("zero", [0]), pb.ints("rest", [-1]), pb.ints("two", [2]), pb.ints("one", [1]), pb.ints("rep", [1, 3]),
               pb.ints("size", [1, 2, 6, 6]), one("zero0", 0), one("five0", 5), one("one0", 1), pb.ints("pads", [0, 1, 0, -1])]
    return pb.model(pb.graph(nodes, tensors, [pb.port("x", ["N", 2, 3, 3])], [pb.port("y", [1, 6]), pb.port("z", [1, 2])]), 13)


def onnx_inner():
    """A function with an attribute, a branch, and patterns."""
    fn = pb.field(25, pb.field(1, "f") + pb.field(10, "d") + pb.field(4, "a") + pb.field(5, "b") + pb.field(6, "k")
                  + pb.field(7, pb.field(1, "a") + pb.field(2, "b") + pb.field(4, "LeakyRelu") + pb.field(5, pb.field(1, "alpha") + pb.field(21, "k"))))
    then = pb.graph([pb.node("Relu", ["h"], ["o"])], outputs=[pb.port("o", [1, 4])])
    nodes = [pb.node("f", ["x"], ["h"], domain="d", k=0.1), pb.node("If", ["yes"], ["i"], then_branch=(6, then), else_branch=(6, then)),
             pb.node("Div", ["i", "root"], ["e1"]), pb.node("Erf", ["e1"], ["e2"]), pb.node("Add", ["e2", "one"], ["e3"]),
             pb.node("Mul", ["i", "e3"], ["e4"]), pb.node("Mul", ["e4", "half"], ["y"])]
    number = lambda name, v: pb.tensor(name, [], [v])
    tensors = [pb.tensor("yes", [], b"\1", pb.BOOL), number("root", 2 ** 0.5), number("one", 1.0), number("half", 0.5)]
    return pb.model(pb.graph(nodes, tensors, [pb.port("x", [1, 4])], [pb.port("y", [1, 4])]), 17, fn)


def tflite():
    sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e" / "numbers"))
    import numpy as np
    from tflite_file import Model, ints
    ones = lambda *shape: np.ones(shape, "f4")
    window = {0: ("b", 0), 1: ("i", 1), 2: ("i", 1)}
    m = Model()
    x = m.op("CONV_2D", [m.input(ones(1, 4, 4, 2)), m.const(ones(3, 3, 3, 2)), m.const(ones(3))], ones(1, 4, 4, 3), (1, {**window, 3: ("b", 1)}))
    y = m.op("MAX_POOL_2D", [x], ones(1, 2, 2, 3), (5, {0: ("b", 1), 1: ("i", 2), 2: ("i", 2), 3: ("i", 2), 4: ("i", 2)}))
    m.output(m.op("FULLY_CONNECTED", [y, m.const(ones(5, 12))], ones(1, 5), (8, {})))
    yield "tflite/conv", m.bytes()
    m = Model()
    x = m.input(ones(2, 3, 4, 2))
    shape = m.op("SHAPE", [x], ints(2, 3, 4, 2), (55, {}))
    part = m.op("STRIDED_SLICE", [shape, m.const([0], "i4"), m.const([1], "i4"), m.const([1], "i4")], np.int32(2), (32, {4: ("i", 1)}))
    to = m.op("PACK", [part, m.const(-1, "i4")], ints(2, -1), (59, {0: ("i", 2)}))
    m.output(m.op("RESHAPE", [x, to], ones(2, 24), (17, {})))
    a, b = m.op("SPLIT", [m.const(3, "i4"), x], [ones(2, 3, 4, 1)] * 2, (35, {0: ("i", 2)}))
    c = m.op("CONCATENATION", [a, b, a], ones(2, 3, 4, 3), (10, {0: ("i", 3)}))
    m.output(m.op("MEAN", [c, m.const([1, 2], "i4")], ones(2, 3), (27, {})))
    m.output(m.op("PAD", [c, m.const([[0, 0], [1, 1], [0, 2], [0, 0]], "i4")], ones(2, 5, 6, 3), (22, {})))
    m.output(m.op("RESIZE_BILINEAR", [c, m.const([5, 4], "i4")], ones(2, 5, 4, 3), (15, {})))
    m.output(m.op("TRANSPOSE_CONV", [m.const([2, 6, 8, 1], "i4"), m.const(ones(1, 2, 2, 3)), c], ones(2, 6, 8, 1), (49, {0: ("b", 0), 1: ("i", 2), 2: ("i", 2)})))
    m.output(m.op("TRANSPOSE", [x, m.const([0, 2, 1, 3], "i4")], ones(2, 4, 3, 2)))
    yield "tflite/moves", m.bytes()
    m = Model()
    q = dict(scale=[0.5], zero=[3])
    x = m.input(np.zeros((1, 4, 4, 2), "i1"), **q)
    w = m.const(np.ones((1, 3, 3, 2)), "i1", scale=[0.25, 0.5], zero=[0, 0], axis=3)
    m.output(m.op("DEPTHWISE_CONV_2D", [x, w, m.const([1, 2], "i4")], np.zeros((1, 4, 4, 2), "i1"), (2, {**window, 3: ("i", 1)}), **q))
    yield "tflite/int8", m.bytes()


def seeds():
    yield "onnx/plain", pb.model(pb.graph(**pb.parts()))
    yield "onnx/shapes", onnx_shapes()
    yield "onnx/inner", onnx_inner()
    six = struct.pack("<6f", *range(6))
    yield "safetensors/f32", safetensors([("fc.weight", "F32", [2, 3], six), ("fc.bias", "F16", [2], b"\0\x3c\0\0")])
    yield "safetensors/scalar", safetensors([("n", "I64", [], bytes(8)), ("e", "U8", [0], b""), ("b", "BF16", [1], b"ab")])
    yield "safetensors/stored.npz", npz(zipfile.ZIP_STORED, False)
    yield "safetensors/deflated64.npz", npz(zipfile.ZIP_DEFLATED, True)
    yield "npy/f32", npy("<f4", False, (2, 3), six)
    yield "npy/big", npy(">i2", True, (2, 3), bytes(12), 2)
    yield "npy/scalar", npy("|b1", False, (), b"\1", 3)
    yield "npy/rgb.png", png(2, 8, 3, 2, bytes(range(9)))
    yield "npy/grey16.png", png(0, 16, 2, 2, bytes(4))
    yield "npy/palette.png", png(3, 2, 4, 2, b"\x1b")
    yield "npy/alpha.png", png(6, 8, 2, 1, bytes(range(8)))
    yield "npy/grey.jpg", base64.b64decode(GREY_JPEG)
    yield "npy/progressive.jpg", base64.b64decode(PROGRESSIVE_JPEG)
    yield "npy/p2.pgm", b"P2 2 2 9\n# comment\n1 2 3 9\n"
    yield "npy/p6.ppm", b"P6 2 1 255\n" + bytes(range(6))
    yield "npy/p5.pgm", b"P5 2 1 65535\n" + bytes(range(4))
    yield from tflite()


def main():
    for name, data in seeds():
        path = pathlib.Path(sys.argv[1], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


main()
