"""ONNX models that lie, lack something, or ask for too much."""
import struct

from case import Case
from protobuf import *

RUN = ["compile", "m.onnx", "-o", "out"]


def of(data, files=(), argv=()):
    return Case({"m.onnx": data, **dict(files)}, RUN + list(argv), "file")


def whole(opset=13, extra=b"", **changed):
    return model(graph(**{**parts(), **changed}), opset, extra)


def with_nodes(*nodes, tensors=(), outputs=None, extra=b"", opset=13):
    """The good model, and nodes behind it that read its y or x; the last result is an output."""
    p = parts()
    return whole(nodes=p["nodes"] + list(nodes), tensors=p["tensors"] + list(tensors),
                 outputs=outputs or p["outputs"] + [port("z", [1])], extra=extra, opset=opset)


def models_cut_off(rng, turn):
    data = whole()
    return of(data[:turn if turn < 12 else rng.randrange(len(data))])


def models_not_onnx(rng, turn):
    bad = [b"", b"\0" * 50, b"\x08" * 40, b"PK\3\4", b"name: net\n", b"\x08\x08", b"\x3a\xff\xff\xff\xff\x0f", b"\x3a" + b"\xff" * 9 + b"\x01",
           b"\x0b" * 30, b"\x0a" + b"\x80" * 11, bytes(range(255)), field(7, b"\xff" * 30), field(1, 8) + field(7, b"\x0a\x05\x0a\x7fabc")]
    return of(bad[turn % len(bad)] if turn < len(bad) else b"\x0f" + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 300))))


def models_wrong_tensors(rng, turn):
    p = parts()
    raw = struct.pack("<108f", *[0.5] * 108)
    w = [tensor("w", [4, 3, 3, 3], raw[:-1]), tensor("w", [4, 3, 3, 3], raw + b"\0"), tensor("w", [4, 3, 3], raw), tensor("w", [-4, 3, 3, 3], raw),
         tensor("w", [1 << 62, 1 << 62, 3, 3], raw), tensor("w", [0, 3, 3, 3], b""), tensor("w", [4, 3, 3, 3], b""), tensor("w", [4, 3, 3, 3], raw, STRING),
         tensor("w", [4, 3, 3, 3], raw, 99), tensor("w", [4, 3, 3, 3], raw, 0), tensor("w", [4, 3, 3, 3], raw, INT64), tensor("w", [1] * 9, raw[:4]),
         tensor("w", [4, 3, 3, 3], raw, 14), tensor("w\0", [4, 3, 3, 3], raw), tensor("", [4, 3, 3, 3], raw),
         tensor("w", [4, 3, 3, 3], struct.pack("<108f", *[float("nan")] * 108)), tensor("w", [4, 3, 3, 3], struct.pack("<108f", *[float("inf")] * 108)),
         field(1, b"\xff" * 11) + field(2, 1) + field(8, "w"), field(2, 1) + field(8, "w") + field(1, 108) + field(4, raw[:-4]), field(2, 1) + field(8, "w")]
    tensors = list(p["tensors"])
    if turn % 24 == 20:
        tensors.append(tensors[0])          # twice
    elif turn % 24 == 21:
        tensors[0] = floats("w", 4, 5, 3, 3)  # another number of channels
    elif turn % 24 == 22:
        tensors[3] = floats("fc", 63, 2)
    elif turn % 24 == 23:
        tensors[2] = ints("shape", [rng.randrange(2, 9), -1, -1])
    else:
        tensors[0] = w[turn % 24]
    return of(whole(tensors=tensors))


def external(location, offset="0", length="432"):
    entry = lambda k, v: field(13, field(1, k) + field(2, v))
    return (b"".join(field(1, d) for d in (4, 3, 3, 3)) + field(2, 1) + field(8, "w") + field(14, 1)
            + (entry("location", location) if location is not None else b"") + entry("offset", offset) + entry("length", length))


def models_external_data(rng, turn):
    cases = [("../w.bin", "0", "432"), ("/etc/passwd", "0", "432"), ("w.bin", "400", "432"), ("w.bin", "-1", "432"), ("w.bin", "0", "99999999999999999999"),
             ("w.bin", str(1 << 62), "432"), ("missing.bin", "0", "432"), ("", "0", "432"), (".", "0", "432"), (None, "0", "432"), ("a/../../m.onnx", "0", "432"),
             ("w.bin", "x", "432"), ("w.bin", "0", "431"), ("/dev/zero", "0", "432"), ("w.bin\0", "0", "432"), ("sub", "0", "432")]
    p = parts()
    p["tensors"][0] = external(*cases[turn % len(cases)])
    return of(model(graph(**p)), {"w.bin": bytes(500 if turn < 16 else rng.randrange(1, 432)), "sub/a": b"x"} if turn < 16 else
              {"w.bin": bytes(rng.randrange(1, 432)), "sub/a": b"x"})


def models_wrong_graphs(rng, turn):
    p = parts()
    n, loop = p["nodes"], [node("Add", ["y", "q"], ["z"]), node("Relu", ["z"], ["q"])]
    graphs = [
        dict(nodes=n[::-1]), dict(nodes=n + loop, outputs=[port("z", [1, 2])]), dict(nodes=n + [node("Add", ["z", "y"], ["z"])]),
        dict(nodes=n + [node("Relu", ["nowhere"], ["z"])]), dict(nodes=n + n[:1]), dict(nodes=n + [node("Relu", ["y"], ["x"])]),
        dict(nodes=n + [node("Relu", ["y"], ["w"])]), dict(nodes=n + [node("Split", ["y"], ["z", "z"], axis=1)]), dict(outputs=[]),
        dict(outputs=[port("nowhere", [1])]), dict(inputs=[]), dict(nodes=[]), dict(inputs=p["inputs"] * 2),
        dict(inputs=[port("x", [1, 3, 4, 4], INT64)]), dict(inputs=[port("x", [1, 3, "H", "W"])]), dict(inputs=[port("x", [1, 3, 1 << 40, 1 << 40])]),
        dict(inputs=[port("x", [1, 3, 4, 4, 1, 1, 1, 1, 1])]), dict(inputs=[field(1, "x")]), dict(inputs=[field(1, "x") + field(2, field(4, b""))]),
        dict(inputs=[port("x\x1b[2J", [1, 3, 4, 4])]), dict(inputs=[port("x", [1, 3, -4, 4])]), dict(inputs=[port("x", [1, 3, 4])]),
        dict(opset=0), dict(opset=-5)]
    return of(whole(**graphs[turn % len(graphs)]), (), [["--shape", "x=1,3"], ["--shape", "q=1,3,4,4"], ["--shape", "x"], ["--weights", "random:1"],
              ["--set", "a=1"]][turn // len(graphs) % 5] if turn >= len(graphs) else [])


def models_wrong_nodes(rng, turn):
    y, c = ["y"], ints
    nodes = [
        (node("Nonsense", y, ["z"]),), (node("LSTM", y, ["z"]),), (node("Relu", y, ["z"], domain="com.example"),), (node("QuantizeLinear", ["y", "fc"], ["z"]),),
        (node("Loop", y, ["z"]),), (node("Reshape", ["y", "s"], ["z"]), c("s", [3, 3])), (node("Reshape", ["y", "y"], ["z"]),), (node("Reshape", y, ["z"]),),
        (node("Transpose", y, ["z"], perm=[0, 0]),), (node("Transpose", y, ["z"], perm=[9, 1 << 62]),), (node("Concat", ["y", "x"], ["z"], axis=0),),
        (node("Concat", y * 2, ["z"], axis=7),), (node("Slice", ["y", "s", "s"], ["z"]), c("s", [5])), (node("Gather", ["y", "s"], ["z"]), c("s", [9])),
        (node("Squeeze", ["y", "s"], ["z"]), c("s", [1])), (node("Expand", ["y", "s"], ["z"]), c("s", [7, 7, 7])), (node("Pad", ["y", "s"], ["z"]), c("s", [1])),
        (node("Tile", ["y", "s"], ["z"]), c("s", [-1, 1])), (node("Split", ["y", "s"], ["z", "v"], axis=1), c("s", [1, 5])), (node("Softmax", y, ["z"], axis=5),),
        (node("MaxPool", ["x"], ["z"]),), (node("MaxPool", ["x"], ["z"], kernel_shape=[0, 0]),), (node("MaxPool", ["x"], ["z"], kernel_shape=[9, 9]),),
        (node("MaxPool", ["x"], ["z"], kernel_shape=[2, 2], strides=[1 << 60, 1]),), (node("Conv", ["x", "x"], ["z"]),), (node("Conv", ["x", "w"], ["z"], group=0),),
        (node("Conv", ["x", "w"], ["z"], pads=[-1, 0, 0, 0]),), (node("Conv", ["x", "w"], ["z"], auto_pad="SOME"),), (node("Conv", ["x", "w"], ["z"], dilations=[1 << 62, 1]),),
        (node("BatchNormalization", ["x", "b", "b", "b", "b"], ["z"]),), (node("Cast", y, ["z"], to=INT64),), (node("Clip", ["y", "y"], ["z"]),),
        (node("Resize", ["x", "", "s"], ["z"]), c("s", [1, 1, 3, 0])), (node("If", ["y"], ["z"]),), (node("DepthToSpace", ["x"], ["z"], blocksize=1 << 40),),
        (node("Add", ["y", "s"], ["z"]), c("s", [1])), (node("ReduceMean", y, ["z"], axes=[3]),), (node("Gemm", ["x", "w"], ["z"]),), (node("MatMul", ["y", "y"], ["z"]),),
        (node("Constant", [], ["z"]),), (node("Constant", [], ["z"], value=(5, b"\x08\xff")),), (node("ReduceSum", y, ["z"], axes=list(range(40))),), (node("Relu", [], ["z"]),),
        (node("Mul", ["b", ""], ["z"]),), (node("Add", ["", "b"], ["z"]),), (node("Gemm", ["", "fc"], ["z"]),), (node("Concat", ["", "y"], ["z"], axis=0),)]
    first, *tensors = nodes[turn % len(nodes)]
    return of(with_nodes(first, tensors=tensors))


def models_ends(rng, turn):
    """Numbers at the end of what an integer holds, and files that stand for much more than their size."""
    low = -1 << 63
    backwards = lambda dims, step: model(graph([node("Slice", ["x", "s", "e", "a", "p"], ["y"])], [ints("s", [-1]), ints("e", [low + 1]), ints("a", [1]), ints("p", [step])],
                                               [port("x", dims)], [port("y", [1])]), 13)
    files = [lambda: backwards([1, 1000000000], -1), lambda: backwards([1, 30000000], -1), lambda: backwards([1, 1000000000], -2),
             lambda: with_nodes(node("Pad", ["y", "s"], ["z"]), tensors=[ints("s", [low, 0, 0, 0])]),
             lambda: with_nodes(node("Pad", ["y", "s"], ["z"]), tensors=[ints("s", [0, 0, low, low])]),
             lambda: with_nodes(node("Pad", ["y", "s"], ["z"]), tensors=[ints("s", [0, 0, 0, -1 - low])]),
             lambda: with_nodes(node("Pow", ["p", "q"], ["k"]), node("Reshape", ["y", "k"], ["z"]), tensors=[ints("p", [0]), ints("q", [-1])]),
             lambda: with_nodes(node("Resize", ["x", "", "", "s"], ["z"], mode="nearest", keep_aspect_ratio_policy="not_larger"), tensors=[ints("s", [1, 3, 8, 16])], opset=18),
             lambda: with_nodes(node("CastLike", ["y", "s"], ["k"]), node("Exp", ["k"], ["z"]), tensors=[ints("s", [1])], opset=15),
             lambda: with_nodes(node("Slice", ["x", "s", "s", "s", "p"], ["z"]), tensors=[ints("s", [0]), ints("p", [low])]),
             lambda: with_nodes(outputs=[port("y", [1])] * 1200 + [port("nowhere", [1])])]
    return of(files[turn % len(files)]())


def branch(inner, out):
    return graph(inner, outputs=[port(out, [1])])


def models_bombs(rng, turn):
    """Little files that stand for much."""
    huge, depth = 1 << rng.choice([28, 33, 38, 62]), rng.choice([40, 300, 3000])
    levels = rng.choice([15, 30, 300])
    fn = lambda name, nodes, ins=("a",), outs=("d",): field(25, field(1, name) + field(10, "f") + b"".join(field(4, i) for i in ins)
                                                            + b"".join(field(5, o) for o in outs) + b"".join(field(7, n) for n in nodes))
    kind = turn % 9
    if kind == 0:    # shapes
        return of(with_nodes(node("ConstantOfShape", ["s"], ["k"]), node("Add", ["y", "k"], ["z"]), tensors=[ints("s", [huge])]))
    if kind == 1:
        return of(with_nodes(node("Expand", ["fc", "s"], ["k"]), node("Add", ["y", "k"], ["z"]), tensors=[ints("s", [huge, 64, 2])]))
    if kind == 2:
        return of(with_nodes(node("Range", ["p", "q", "r"], ["k"]), node("Cast", ["k"], ["f2"], to=FLOAT), node("Add", ["y", "f2"], ["z"]),
                             tensors=[ints("p", [0]), ints("q", [huge]), ints("r", [1])]))
    if kind == 3:    # functions that double
        fs = b"".join(fn("f%d" % i, [node("f%d" % (i + 1), ["a"], ["b"], domain="f"), node("f%d" % (i + 1), ["b"], ["d"], domain="f")]) for i in range(levels))
        return of(with_nodes(node("f0", ["y"], ["z"], domain="f"), extra=fs + fn("f%d" % levels, [node("Relu", ["a"], ["d"])])))
    if kind == 4:    # and one that calls itself
        return of(with_nodes(node("f", ["y"], ["z"], domain="f"), extra=fn("f", [node("f", ["a"], ["d"], domain="f")])))
    if kind == 5:    # branches inside branches
        inner, out = [node("Relu", ["y"], ["o0"])], "o0"
        for i in range(1, min(depth, 300)):
            inner, out = [node("If", ["s"], ["o%d" % i], then_branch=(6, branch(inner, out)), else_branch=(6, b""))], "o%d" % i
        return of(with_nodes(*inner, node("Relu", [out], ["z"]), tensors=[tensor("s", [], b"\1", BOOL)]))
    if kind == 6:    # constants that double
        nodes = [node("Concat", ["k%d" % i] * 2, ["k%d" % (i + 1)], axis=0) for i in range(60)]
        return of(with_nodes(*nodes, node("Add", ["y", "k60"], ["z"]), tensors=[floats("k0", 1)]))
    if kind == 7:    # many nodes, many names
        return of(with_nodes(*[node("Relu", ["y"], ["z%d" % i]) for i in range(50000)], node("Relu", ["y"], ["z"])) if turn < 9 else
                  with_nodes(node("Concat", [""] * 600000, ["z"], axis=0)))
    tile = [node("Tile", ["y" if not i else "t%d" % i, "s"], ["t%d" % (i + 1)]) for i in range(30)]
    return of(with_nodes(*tile, node("Relu", ["t30"], ["z"]), tensors=[ints("s", [1, 64])]))


MODELS = {f"models, {f.__name__[7:].replace('_', ' ')}": f for f in
          [models_cut_off, models_not_onnx, models_wrong_tensors, models_external_data, models_wrong_graphs, models_wrong_nodes, models_ends, models_bombs]}
CONTROL = Case({"m.onnx": whole()}, RUN, "file")
