"""What the generators of bad inputs share."""
import json, re, struct


class Case:
    """files: name -> text or bytes, in a folder of its own; argv: of dsqc; place: "text" (file:line:column), "file" or
    "command"; one: a command line whose fault is status 1, such as a file that cannot be written."""

    def __init__(self, files, argv, place, one=False):
        self.files, self.argv, self.place, self.one = files, argv, place, one


PLAIN = re.compile(r"[A-Za-z$_][A-Za-z0-9$_*. ]*(?<! )")


def flow(value):
    """YAML in a line; a text stands without quotes where that is the same, and expressions must."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value not in ("true", "false", "null"):
        return value
    return json.dumps(value)


def spec_text(spec):
    """A spec: key -> value; the steps of the network a line each."""
    lines = []
    for key, value in spec.items():
        if key == "network" and isinstance(value, list) and value:
            lines.append("network:")
            lines += [f"  - {flow(step)}" for step in value]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def good_spec():
    """A network that compiles, with some of everything. The generators break copies of it."""
    return {
        "name": "net",
        "params": {"classes": 4, "width": 8},
        "input": {"image": {"type": "f32[1,3,12,12]", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}},
        "modules": {"block": {"params": {"width": "int", "stride": 1}, "body": [
            {"op": "conv2d", "name": "conv", "out": "$width", "kernel": 3, "stride": "$stride", "pad": 1, "bias": False},
            {"op": "batch_norm", "name": "bn"}, "relu"]}},
        "network": [
            {"op": "conv2d", "name": "conv1", "out": "$width", "kernel": 3, "pad": 1},
            "relu",
            {"op": "block", "name": "b1", "width": "$width", "as": "y"},
            {"op": "conv2d", "name": "conv2", "out": "$width", "kernel": 1, "as": "x1"},
            {"op": "add", "in": ["y", "x1"]},
            {"repeat": 2, "index": "i", "body": [{"op": "block", "name": "r$i", "width": "$width * 2"}]},
            {"op": "mean", "axes": [2, 3]},
            {"op": "linear", "name": "fc", "out": "$classes"},
            "softmax"],
        "output": "scores",
    }


SMALL = """name: small
input: {image: {type: 'f32[1,3,8,8]', mean: 0, std: 1}}
network:
  - {op: conv2d, name: conv, out: 4, kernel: 3}
  - {op: batch_norm, name: bn}
  - relu
  - {op: mean, axes: [2, 3]}
  - {op: linear, name: fc, out: 2}
"""
SMALL_TENSORS = {"conv.weight": [4, 3, 3, 3], "conv.bias": [4], "bn.weight": [4], "bn.bias": [4], "bn.running_mean": [4],
                 "bn.running_var": [4], "fc.weight": [2, 4], "fc.bias": [2]}


def count(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def numbers(rng, n):
    return struct.pack(f"<{n}f", *(rng.uniform(0.1, 1) for _ in range(n)))
