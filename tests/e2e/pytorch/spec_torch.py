#!/usr/bin/python3
"""What a spec and its weights file can say, as numbers: shared layers, results under several names, padding by word, names
beyond letters, tensors too many, prefixes, checkpoints of PyTorch, arrays as inputs.

usage: spec_torch.py      prints "ok NAME" or "not ok NAME" for each case"""
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError:
    print("skip spec_torch: no PyTorch")
    sys.exit(0)

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
import engines
from dsqc_torch import DSQC, WORK, error, write_safetensors

try:
    import onnx
except ImportError:
    onnx = None

SEED = int(os.environ.get("SEED", "1"))
torch.manual_seed(SEED)
random.seed(SEED)
TOLERANCE = 1e-4  # Winograd kernels among them


def check(name, wrong):
    """wrong: None, or what is wrong."""
    print("ok" if wrong is None else "not ok", "spec_torch", name)
    if wrong is not None:
        print("\n".join("    " + line for line in str(wrong).splitlines()))


def dsqc(*args):
    done = subprocess.run([DSQC, *args], cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def outputs(spec, weights, inputs, names, *options):
    """{name: numbers} of one run, or the message."""
    args = ["run", spec, "--weights", weights, "-q", *options]
    for k, v in inputs.items():
        np.save(os.path.join(WORK, k + ".in.npy"), v.numpy().astype("f4"))
        args += ["--input", f"{k}={k}.in.npy"]
    for k in names:
        args += ["--output", f"{k}={k}.out.npy"]
    status, text = dsqc(*args)
    if status:
        return f"status {status}\n{text}"
    return {k: torch.from_numpy(np.load(os.path.join(WORK, k + ".out.npy")).astype("f8")) for k in names}


def compare(found, want, tolerance=TOLERANCE):
    if isinstance(found, str):
        return found
    wrong = [f"{k}: {tuple(found[k].shape)}, expected {tuple(v.shape)}, error {error(found[k], v.double())}"
             for k, v in want.items() if not error(found[k], v.double()) <= tolerance]
    return "\n".join(wrong) or None


def all_engines(spec, weights, inputs, want, *options):
    """The same numbers from the reference, and as C with vectors and without."""
    for engine in (["--engine=reference"], [], ["--target=generic"]):
        wrong = compare(outputs(spec, weights, inputs, want, *engine, *options), want)
        if wrong:
            return f"{engine}: {wrong}"
    return None


def constants(spec, weights, *options):
    """Bytes of constants, and the C of the compiled model."""
    out = tempfile.mkdtemp(dir=WORK)
    status, text = dsqc("compile", spec, "--weights", weights, "-o", out, "-q", "--weights-as=c", *options)
    if status:
        return -1, text
    files = [os.path.join(out, f) for f in os.listdir(out)]
    report = json.load(open(next(f for f in files if f.endswith(".json"))))
    return report["weights_bytes"], "".join(open(f).read() for f in files if f.endswith((".c", ".h")))


# ---- layers on several maps ----

class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.last = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        return self.fc(F.relu(self.last(F.relu(self.bn(self.conv(x))))).mean((2, 3)))


TOWER = """name: siamese
input: {a: 'f32[1,3,SIZE_A]', b: 'f32[1,3,SIZE_B]'}
modules:
  tower:
    body:
      - {op: conv2d, name: conv, out: 16, kernel: 3, pad: 1, bias: false}
      - {op: batch_norm, name: bn}
      - relu
      - {op: conv2d, name: last, out: 16, kernel: 3, pad: 1}
      - relu
      - {op: mean, axes: [2, 3]}
      - {op: linear, name: fc, out: 5}
network:
  - {op: tower, name: t, in: a, as: ya}
  - {op: tower, name: t, in: b, as: yb, shared: true}
  - {op: sub, in: [ya, yb], as: d}
output: [ya, yb, d]
"""


def tower():
    m = Tower()
    with torch.no_grad():
        for p in (m.bn.weight, m.bn.bias, m.bn.running_mean):
            p.normal_()
        m.bn.running_var.uniform_(0.5, 2)
    return m.eval()


def siamese(sizes):
    m, xs = tower(), [torch.randn(1, 3, *s) for s in sizes]
    spec = write("siamese.yaml", TOWER.replace("SIZE_A", "%d,%d" % sizes[0]).replace("SIZE_B", "%d,%d" % sizes[1]))
    write_safetensors(os.path.join(WORK, "siamese.safetensors"), {"t." + k: v for k, v in m.state_dict().items()})
    with torch.no_grad():
        ya, yb = m(xs[0]), m(xs[1])
    return spec, {"a": xs[0], "b": xs[1]}, {"ya": ya, "yb": yb, "d": ya - yb}


def shared():
    for sizes in ([(16, 16), (16, 16)], [(24, 20), (7, 5)]):
        spec, inputs, want = siamese(sizes)
        check(f"shared module on {sizes}", all_engines(spec, "siamese.safetensors", inputs, want))
    export("shared module", spec, "siamese.safetensors", inputs, want)
    status, text = dsqc("info", spec, "--weights", "siamese.safetensors", "--json")
    parameters = sum(p.numel() for p in tower().parameters())
    check("shared parameters are counted once", None if f'"parameters": {parameters},' in text else text)


def stored_once():
    """Two towers on maps of one size take the bytes of one; so do two whose equal tensors have different names."""
    spec, _, _ = siamese([(16, 16), (16, 16)])
    alone = write("alone.yaml", TOWER.replace("SIZE_A", "16,16").replace("SIZE_B", "16,16").replace(
        "  - {op: tower, name: t, in: b, as: yb, shared: true}\n  - {op: sub, in: [ya, yb], as: d}\n", "").replace(
        "output: [ya, yb, d]\n", ""))
    twice = write("twice.yaml", open(spec).read().replace("name: t, in: b, as: yb, shared: true", "name: u, in: b, as: yb"))
    m = tower()
    write_safetensors(os.path.join(WORK, "once.safetensors"), {"t." + k: v for k, v in m.state_dict().items()})
    write_safetensors(os.path.join(WORK, "twice.safetensors"),
                      {p + k: v for p in ("t.", "u.") for k, v in m.state_dict().items()})
    for options in (["--target=x86-64-v3"], ["--target=x86-64-v3", "--winograd=off"], ["--target=cortex-m4"]):
        found = [constants(s, w, *options)[0] for s, w in ((alone, "once.safetensors"), (spec, "once.safetensors"),
                                                           (twice, "twice.safetensors"))]
        check(f"equal tensors are stored once, {' '.join(options)}",
              None if len(set(found)) == 1 and found[0] > 0 else f"bytes of one, shared, equal: {found}")


def whole_names():
    """One head on levels of a pyramid, each with a batch normalization of its own; weights tied by name."""
    spec = write("head.yaml", """name: head
input: {p3: 'f32[1,8,16,16]', p4: 'f32[1,8,8,8]', p5: 'f32[1,8,4,4]'}
modules:
  head:
    params: {level: int}
    body:
      - {op: conv2d, name: conv, out: 8, kernel: 3, pad: same, bias: false, shared: true}
      - {op: batch_norm, name: bn.$level}
      - relu
network:
  - {each: [p, n], of: [[p3, 0], [p4, 1], [p5, 2]], body: [{op: head, name: head, in: $p, level: $n, as: 'y$n'}]}
  - {op: mean, axes: [2, 3], in: y0}
  - {op: linear, name: up, out: 8, bias: false, as: u}
  - {group: [{op: linear, out: 8, weight: {tensor: up.weight}, bias: {tensor: 'dec/bias:0'}}], name: down, as: v}
output: [y0, y1, y2, v]
""")
    w, up, bias = torch.randn(8, 8, 3, 3), torch.randn(8, 8), torch.randn(8)
    norms = [[torch.rand(8) + 0.5 for _ in range(4)] for _ in range(3)]
    tensors = {"head.conv.weight": w, "up.weight": up, "dec/bias:0": bias}
    for i, (weight, b, mean, var) in enumerate(norms):
        tensors.update({f"head.bn.{i}.{k}": t for k, t in zip(("weight", "bias", "running_mean", "running_var"),
                                                              (weight, b, mean, var))})
    np.savez(os.path.join(WORK, "head.npz"), **{k: v.numpy() for k, v in tensors.items()})
    xs = {f"p{3 + i}": torch.randn(1, 8, 16 >> i, 16 >> i) for i in range(3)}
    ys = {f"y{i}": F.relu(F.batch_norm(F.conv2d(xs[f"p{3 + i}"], w, padding=1), n[2], n[3], n[0], n[1]))
          for i, n in enumerate(norms)}
    ys["v"] = F.linear(F.linear(ys["y0"].mean((2, 3)), up), up, bias)
    check("a head on a pyramid, tied by whole names", all_engines(spec, "head.npz", xs, ys))


# ---- outputs ----

OUTPUTS = """name: outs
input: {image: 'f32[1,3,8,8]', other: 'f32[2,5]'}
network:
  - {op: constant, value: [1, 2, 3], as: c}
  - {op: constant, value: 7, shape: [], as: c0}
  - {op: conv2d, name: conv, in: image, out: 16, kernel: 3, pad: 1, as: m}
  - {op: relu, as: r}
  - {op: relu, in: r, when: false, as: still_r}
  - {op: mean, axes: [2, 3], as: y}
output: {a: r, b: still_r, image_out: image, c: c, y: y, y2: y, m: m, c_again: c, c0: c0, again: image, o: other}
"""


def results():
    spec = write("outs.yaml", OUTPUTS)
    w, b, x, o = torch.randn(16, 3, 3, 3), torch.randn(16), torch.randn(1, 3, 8, 8), torch.randn(2, 5)
    write_safetensors(os.path.join(WORK, "outs.safetensors"), {"conv.weight": w, "conv.bias": b})
    m = F.conv2d(x, w, b, padding=1)
    r = F.relu(m)
    y, c = r.mean((2, 3)), torch.tensor([1., 2, 3])
    want = {"a": r, "b": r, "image_out": x, "c": c, "y": y, "y2": y, "m": m, "c_again": c, "c0": torch.tensor(7.),
            "again": x, "o": o}
    inputs = {"image": x, "other": o}
    check("one result under several names, inputs and constants as outputs",
          all_engines(spec, "outs.safetensors", inputs, want))
    for options in (["--verify-each", "--threads=2"], ["-O0", "--engine=loops"]):
        status, text = dsqc("verify", spec, "--weights", "outs.safetensors", "-q", "--runs=1", *options)
        check(f"outputs, verify {' '.join(options)}", text if status else None)
    status, text = dsqc("compile", spec, "--weights", "outs.safetensors", "-o", "-", "--emit=graph", "--stop-after=canonicalize")
    once = text
    if not status:
        write("outs.dsq", text)
        status, once = dsqc("opt", "outs.dsq", "--passes=dce")
        names = re.search(r"-> \((.*?)\) \{", once)
        names = [n.split(":")[0].strip(" %") for n in re.split(r", (?=%)", names.group(1))] if names else []
        status = status or names != list(want)
    check("outputs keep their names in the text form", once if status else None)
    export("outputs", spec, "outs.safetensors", inputs, want)
    listed = write("listed.yaml", OUTPUTS.split("output:")[0] + "output: [r, still_r, y, c]\n")
    check("a list may name one result twice",
          all_engines(listed, "outs.safetensors", inputs, {"r": r, "still_r": r, "y": y, "c": c}))


def export(name, spec, weights, inputs, want):
    """What ONNX Runtime computes of the exported model; every initializer is there once."""
    status, text = dsqc("export", spec, "--weights", weights, "-o", "m.onnx")
    check(f"{name}, exported", text if status else None)
    if status:
        return
    if onnx:
        model = onnx.load(os.path.join(WORK, "m.onnx"))
        onnx.checker.check_model(model)
        numbers = [(t.dims, t.raw_data) for t in model.graph.initializer]
        check(f"{name}, initializers", next((str(n[0]) for n in numbers if numbers.count(n) > 1), None))
    if engines.ort_lacks():
        print(f"skip spec_torch {name} in ONNX Runtime: {engines.ort_lacks()}")
        return
    server = engines.ort()
    server.load(os.path.join(WORK, "m.onnx"))
    with open(os.path.join(WORK, "x.raw"), "wb") as f:
        f.write(b"".join(v.numpy().astype("<f4").tobytes() for v in inputs.values()))
    server.run(os.path.join(WORK, "x.raw"), os.path.join(WORK, "y.raw"))
    server.close()
    got, at, found = torch.from_numpy(np.fromfile(os.path.join(WORK, "y.raw"), "<f4").astype("f8")), 0, {}
    for k, v in want.items():
        found[k] = got[at:at + v.numel()].reshape(v.shape)
        at += v.numel()
    check(f"{name} in ONNX Runtime", compare(found, want))


# ---- padding by word ----

def same(size, k, s, d, lower):
    """Leading and trailing padding, counted: windows at multiples of s from -lead on, as few as cover every s-th element."""
    out = -(-size // s)
    total = max((out - 1) * s + (k - 1) * d + 1 - size, 0)
    return (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)


def direct(x, w, pads, s, d, groups):
    """A convolution in numpy, window by window."""
    (t, b), (l, r) = pads
    x = np.pad(x, ((0, 0), (0, 0), (t, b), (l, r)))
    oc, cg, kh, kw = w.shape
    oh, ow = ((x.shape[2 + i] - (w.shape[2 + i] - 1) * d[i] - 1) // s[i] + 1 for i in (0, 1))
    y = np.zeros((x.shape[0], oc, oh, ow))
    for o in range(oc):
        g = o // (oc // groups) * cg
        for i in range(oh):
            for j in range(ow):
                win = x[:, g:g + cg, i * s[0]:i * s[0] + (kh - 1) * d[0] + 1:d[0],
                        j * s[1]:j * s[1] + (kw - 1) * d[1] + 1:d[1]]
                y[:, o, i, j] = (win * w[o]).sum((1, 2, 3))
    return y


def padded_nets():
    """Random layers with pad: same; several in one spec."""
    steps, tensors, want, names = [], {}, {}, []
    x = torch.randn(1, 4, 11, 14)
    for n in range(24):
        k, s, d = ([random.choice(v) for _ in (0, 1)] for v in ([1, 2, 3, 4, 5], [1, 1, 2, 3], [1, 1, 2]))
        lower, groups = random.random() < 0.4, random.choice([1, 1, 2, 4])
        word = "same_lower" if lower else "same"
        pads = [same(x.shape[2 + i], k[i], s[i], d[i], lower) for i in (0, 1)]
        kind, y = random.choice(["conv2d", "conv2d", "max_pool", "avg_pool"]), f"y{n}"
        head = f"- {{op: {kind}, name: l{n}, in: image, kernel: {k}, stride: {s}, pad: {word}, as: {y}"
        wide = F.pad(x, (*pads[1], *pads[0]), value=-np.inf if kind == "max_pool" else 0)
        if kind == "conv2d":
            w = torch.randn(8, 4 // groups, *k)
            tensors[f"l{n}.weight"] = w
            steps.append(head + f", out: 8, groups: {groups}, dilation: {d}, bias: false}}")
            want[y] = torch.from_numpy(direct(x.double().numpy(), w.double().numpy(), pads, s, d, groups))
            if s == [1, 1] and not lower:
                warnings.simplefilter("ignore")  # of even windows
                twin = F.conv2d(x, w, padding="same", dilation=tuple(d), groups=groups)
                if error(want[y], twin.double()) > TOLERANCE:
                    check("padding='same' of PyTorch", f"k {k}, d {d}, groups {groups}")
        elif kind == "max_pool":
            pads = [same(x.shape[2 + i], k[i], s[i], 1, lower) for i in (0, 1)]
            wide = F.pad(x, (*pads[1], *pads[0]), value=-np.inf)
            steps.append(head + "}")
            want[y] = F.max_pool2d(wide, k, s)
        else:
            pads = [same(x.shape[2 + i], k[i], s[i], 1, lower) for i in (0, 1)]
            ones = F.pad(torch.ones_like(x), (*pads[1], *pads[0]))
            wide = F.pad(x, (*pads[1], *pads[0]))
            steps.append(head + ", count_include_pad: false}")
            want[y] = F.avg_pool2d(wide, k, s) / F.avg_pool2d(ones, k, s)
        names.append(y)
    spec = write("same.yaml", "name: same\ninput: {image: 'f32[1,4,11,14]'}\nnetwork:\n  %s\noutput: [%s]\n" %
                 ("\n  ".join(steps), ", ".join(names)))
    write_safetensors(os.path.join(WORK, "same.safetensors"), tensors)
    return spec, {"image": x}, want


def padding():
    spec, inputs, want = padded_nets()
    check(f"pad: same and same_lower (seed {SEED})", all_engines(spec, "same.safetensors", inputs, want))
    x, wrong = torch.randn(1, 3, 5, 6), []
    for k, s, d in ((4, 2, 1), (3, 2, 1), (2, 3, 1), (3, 1, 2), (5, 3, 2), (1, 2, 1)):
        for lower in (False, True):
            w = torch.randn(3, 4, k, k)
            full = F.conv_transpose2d(x, w, stride=s, dilation=d)
            total = max((k - 1) * d + 1 - s, 0)
            lead = total - total // 2 if lower else total // 2
            y = F.pad(full, (0, s, 0, s))[:, :, lead:lead + 5 * s, lead:lead + 6 * s]
            spec = write("up.yaml", f"input: {{image: 'f32[1,3,5,6]'}}\nnetwork:\n  - {{op: conv_transpose2d, name: up, out: 4, "
                         f"kernel: {k}, stride: {s}, dilation: {d}, pad: same{'_lower' if lower else ''}, bias: false}}\noutput: y\n")
            write_safetensors(os.path.join(WORK, "up.safetensors"), {"up.weight": w})
            wrong.append(compare(outputs(spec, "up.safetensors", {"image": x}, ["y"], "--engine=reference"), {"y": y}))
    check("pad: same of transposed convolutions", next((w for w in wrong if w), None))


# ---- names ----

NAMES = ["conv1/kernel:0", "onnx::Conv_123", "模型.weight", "a-b", "a b", "x;y {z}", "*/ /* ??/", "q\"uote'\\n", "$x", "%1", "1.5", "é"]


def names():
    steps, tensors, y, x = [], {}, torch.randn(1, 2, 4, 4), None
    x = y
    for i, n in enumerate(NAMES):
        w = torch.randn(2, 2, 1, 1)
        text = json.dumps(n, ensure_ascii=False).replace("$", "$$")
        steps.append(f"- {{op: conv2d, name: {text}, out: 2, kernel: 1, weight: {{tensor: {text}}}, bias: false}}")
        tensors[n] = w
        y = F.conv2d(y, w)
    spec = write("names.yaml", "name: names\ninput: {image: 'f32[1,2,4,4]'}\nnetwork:\n  %s\noutput: y\n" % "\n  ".join(steps))
    write_safetensors(os.path.join(WORK, "names.safetensors"), tensors)
    np.savez(os.path.join(WORK, "names.npz"), **{k: v.numpy() for k, v in tensors.items()})
    for file in ("names.safetensors", "names.npz"):
        engines = [["--engine=reference"], ["--engine=c"]] if file.endswith("npz") else [["--engine=reference"]]
        wrong = [compare(outputs(spec, file, {"image": x}, ["y"], *e), {"y": y}) for e in engines]
        check(f"names in {file}", next((w for w in wrong if w), None))
    _, c = constants(spec, "names.npz")
    check("names in comments and identifiers", None if "模型.weight" in c and "conv1_kernel_0" in c else c)
    status, text = dsqc("compile", spec, "--weights", "names.npz", "-o", "-", "--emit=graph", "--stop-after=canonicalize")
    write("names.dsq", text)
    again = dsqc("opt", "names.dsq", "--print-data")
    write("again.dsq", again[1])
    check("names in the text form", None if not status and dsqc("opt", "again.dsq", "--print-data") == again
          and all(json.dumps(n, ensure_ascii=False)[1:-1] in again[1] for n in NAMES) else text + again[1])
    status, text = dsqc("compile", spec, "--weights", "names.npz", "-o", "report", "-q")
    layers = json.load(open(os.path.join(WORK, "report", "names.json"), encoding="utf-8"))["kernels"] if not status else []
    check("names in the report", None if [k["layers"][0] for k in layers][:len(NAMES)] == NAMES else f"{text}{[k['layers'] for k in layers]}")
    for name in (b"bad\xff", b"tab\\u0009"):
        header = b'{"' + name + b'":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        with open(os.path.join(WORK, "bad.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(header)) + header + bytes(4))
        done = subprocess.run([DSQC, "info", "names.yaml", "--weights", "bad.safetensors"], cwd=WORK, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        plain = all(32 <= b < 127 or b == 10 for b in done.stdout)
        check(f"a name of {name} is refused", None if done.returncode == 1 and plain else done.stdout)


# ---- weights files ----

SMALL = """input: {image: 'f32[1,3,6,6]'}
network:
  - {op: conv2d, name: conv1, out: 4, kernel: 3}
  - {op: batch_norm, name: bn1}
  - flatten
  - {op: linear, name: fc, out: 5}
output: y
"""


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(64, 5)

    def forward(self, x):
        return self.fc(self.bn1(self.conv1(x)).flatten(1))


def fits(schema, root, x):
    """JSON Schema as far as dsqc uses it."""
    if "$ref" in schema:
        return fits(root["$defs"][schema["$ref"].split("/")[-1]], root, x)
    kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": list, "object": dict}
    types = schema.get("type", list(kinds))
    types = types if isinstance(types, list) else [types]
    ok = any(isinstance(x, kinds[t]) and (t == "boolean") == isinstance(x, bool) for t in types)
    ok = ok and ("anyOf" not in schema or any(fits(s, root, x) for s in schema["anyOf"])) and x == schema.get("const", x)
    ok = ok and x in schema.get("enum", [x]) and not ("not" in schema and fits(schema["not"], root, x))
    if isinstance(x, str):
        ok = ok and re.search(schema.get("pattern", ""), x)
    if isinstance(x, list):
        ok = ok and all(fits(schema.get("items", {}), root, i) for i in x)
    if isinstance(x, dict):
        own, more = schema.get("properties", {}), schema.get("additionalProperties", {})
        ok = ok and all(k in x for k in schema.get("required", []))
        ok = ok and all(fits(own.get(k, more), root, v) if own.get(k, more) is not False else False for k, v in x.items())
    return bool(ok)


def schema():
    """What the specs above say, as editors see it."""
    root = json.loads(dsqc("schema")[1])
    conv = {"op": "conv2d", "out": 1, "kernel": 3}
    spec = {"input": {"x": "f32[1,3,8,8]"}, "network": ["relu"]}
    good = [{"output": {"a": "y", "b": "y"}}, {"output": ["y", "z"]}] + [{"network": [s]} for s in (
        {**conv, "pad": "same"}, {**conv, "pad": "same_lower"}, {**conv, "pad": [0, 1, 0, 1]}, {**conv, "pad": "$p"},
        {**conv, "shared": True, "weight": {"tensor": "a/b:0"}, "bias": {"tensor": "b"}}, {**conv, "bias": False},
        {"op": "max_pool", "kernel": 2, "pad": "valid"}, {"op": "head", "name": "h", "shared": True, "level": 3},
        {"op": "parameter", "tensor": "a/b:0", "shape": [3]}, {"op": "parameter", "name": "a", "shape": [3], "shared": True},
        {"sequential": ["relu"], "name": "s", "shared": True})]
    bad = [{"output": {"a": ["y"]}}, {"output": True}] + [{"network": [s]} for s in (
        {**conv, "pad": {"same": 1}}, {**conv, "shared": 3}, {**conv, "weight": {"name": "a"}}, {**conv, "weight": {}},
        {"op": "constant", "value": 1, "shared": True})]
    check("schema takes what is right", next((str(g) for g in good if not fits(root, root, {**spec, **g})), None))
    check("schema refuses what is wrong", next((str(b) for b in bad if fits(root, root, {**spec, **b})), None))


def suggested(text):
    """The options that a message names."""
    return re.findall(r"--weights-(?:prefix|extra)=\S+", text)


def files():
    m = Small().eval()
    spec, deep = write("small.yaml", SMALL), write("deep.yaml", SMALL.replace("network:\n", "network:\n  - name: body.net\n    group:\n")
                                                   .replace("\n  - {", "\n    - {").replace("\n  - flatten", "\n    - flatten"))
    x, state = torch.randn(1, 3, 6, 6), m.state_dict()
    with torch.no_grad():
        want = {"y": m(x)}

    def run(name, tensors, spec=spec, options=None):
        """Takes what the first message says, and the run must then be right."""
        write_safetensors(os.path.join(WORK, "t.safetensors"), tensors)
        status, text = dsqc("info", spec, "--weights", "t.safetensors")
        found = suggested(text)
        if status != 1 or not found or (options and found != options):
            check(name, f"status {status}, {found}\n{text}")
        else:
            check(name, compare(outputs(spec, "t.safetensors", {"image": x}, ["y"], "--engine=reference", *found), want))

    run("a prefix of all names", {"module." + k: v for k, v in state.items()}, options=["--weights-prefix=module."])
    run("a prefix with others beside", {**{"model/net." + k: v for k, v in state.items()}, "loss.weight": torch.ones(3)},
        options=["--weights-prefix=model/net.", "--weights-extra=ignore"])
    run("names that lack a prefix", state, spec=deep, options=["--weights-prefix=-body.net."])
    run("tensors too many", {**state, "aux.weight": torch.ones(3)}, options=["--weights-extra=ignore"])
    for command in ("compile", "run", "verify", "bench", "tune", "explore", "info", "export"):
        write_safetensors(os.path.join(WORK, "t.safetensors"), {**state, "aux.weight": torch.ones(3)})
        status, text = dsqc(command, spec, "--weights", "t.safetensors", "--weights-extra=error", "-o", "never")
        if "unexpected" in text or "unknown option '-o'" in text:
            status, text = dsqc(command, spec, "--weights", "t.safetensors", "--weights-extra=error")
        check(f"--weights-extra=error, {command}", None if status == 1 and "not used" in text else text)

    write_safetensors(os.path.join(WORK, "t.safetensors"), {**{"m." + k: v for k, v in state.items()}, "aux": torch.ones(3)})
    given = ["--weights", "t.safetensors", "--weights-prefix=m.", "--weights-extra=ignore"]
    status, text = dsqc("compile", spec, *given, "-o", "reported", "-q")
    told = json.load(open(os.path.join(WORK, "reported", "small.json")))["options"] if not status else {}
    check("options of weights files in the report",
          None if (told.get("weights_prefix"), told.get("weights_extra")) == ("m.", "ignore") else f"{told}{text}")
    write("small.dsq", dsqc("compile", spec, *given, "-o", "-", "--emit=graph", "--stop-after=canonicalize")[1])
    for extra, want_status in (([], 0), (["--weights-extra=ignore"], 0), (["--weights-extra=error"], 1)):
        status, text = dsqc("opt", "small.dsq", *given[:3], *extra, "--passes=fold-constants")
        check(f"opt {' '.join(extra)}", None if status == want_status and ("not used" in text) == bool(status) else text)

    checkpoints = {"plain.pth": state, "wrapped.ckpt": {"state_dict": state, "epoch": 3}, "half one.bin": {
        k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()},
        "net.tar": {"optimizer": {"state": {0: {"step": torch.ones(1)}}}, "lr": torch.ones(1), "net": state},
        "ema.pt": {"epoch": 3, "ema": state, "best": None}}
    torch.save({"state": {"epoch": 3}, "args": ["a"]}, os.path.join(WORK, "nothing.pth"))
    line = dsqc("info", spec, "--weights", "nothing.pth")[1].splitlines()[-1].strip().replace("python3 ", sys.executable + " ", 1)
    made = subprocess.run(line, shell=True, cwd=WORK, capture_output=True, text=True)
    check("a checkpoint without tensors makes no weights", None if made.returncode == 1 and "no tensors" in made.stderr
          and not os.path.exists(os.path.join(WORK, "nothing.npz")) else f"{made.returncode}: {made.stderr}")
    for name, content in checkpoints.items():
        for new in (True, False):
            torch.save(content, os.path.join(WORK, name), _use_new_zipfile_serialization=new)
            status, text = dsqc("info", spec, "--weights", name)
            line = text.splitlines()[-1].strip().replace("python3 ", sys.executable + " ", 1)
            made = subprocess.run(line, shell=True, cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            tolerance = 5e-2 if "half" in name else TOLERANCE
            check(f"{name}, new {new}: the line shown makes weights", made.stdout if status != 1 or made.returncode else
                  compare(outputs(spec, os.path.splitext(name)[0] + ".npz", {"image": x}, ["y"],
                          "--engine=reference"), want, tolerance))


# ---- arrays as inputs ----

def arrays():
    x = np.arange(144).reshape(1, 3, 8, 6).astype("f4")
    spec = write("arrays.yaml", "input: {image: {type: 'f32[1,3,8,6]', mean: 0.5}}\nnetwork: [{op: scale, weight: w}]\noutput: y\n")
    write_safetensors(os.path.join(WORK, "arrays.safetensors"), {"w": torch.ones(3)})

    def run(array):
        np.save(os.path.join(WORK, "a.npy"), array)
        return dsqc("run", spec, "--weights", "arrays.safetensors", "--engine=reference", "-q", "--input", "a.npy", "--output", "y.npy")

    for name, array in {"channels last": x.transpose(0, 2, 3, 1), "no batch, channels last": x[0].transpose(1, 2, 0),
                        "reversed": x.T, "transposed": x.transpose(0, 1, 3, 2), "flat": x.reshape(-1),
                        "a batch": np.concatenate([x, x + 1])}.items():
        status, text = run(array)
        advice = re.search(r"save x(\[\d+:\d+\]|\.\w+\([\d, ]+\))", text)
        if status != 1 or not advice:
            check(f"an array that is {name}", f"status {status}: {text}")
            continue
        status, text = run(eval("x" + advice.group(1), {"x": array}))  # what the message says works
        right = status == 0 and np.array_equal(np.load(os.path.join(WORK, "y.npy")), x)
        check(f"an array that is {name}: as the message says", None if right else text)
    for name, array in {"float64": x.astype("f8"), "Fortran order": np.asfortranarray(x), "big-endian": x.astype(">f4"),
                        "bytes": x.astype("u1")}.items():
        status, text = run(array)
        right = status == 0 and np.array_equal(np.load(os.path.join(WORK, "y.npy")), x)
        right = right and (("taken as they are" in text) == (name == "bytes"))
        check(f"an array of {name}", None if right else text)


for group in (shared, stored_once, whole_names, results, padding, names, files, arrays, schema):
    group()
