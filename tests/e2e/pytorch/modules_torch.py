#!/usr/bin/python3
"""The modules of specs/modules, run by the reference engine, against their formulas written in PyTorch (double
precision)."""
import json
import os
import struct
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]
torch.manual_seed(1)
failed = 0


def write_safetensors(path, tensors):
    header, at, data = {}, 0, b""
    for name, t in tensors.items():
        raw = t.numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at, data = at + len(raw), data + raw
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def run(files, step, x, tensors):
    include = ", ".join(os.path.join(ROOT, "specs/modules", f + ".yaml") for f in files)
    with open(WORK + "/m.yaml", "w") as f:
        f.write(f"include: [{include}]\ninput: {{image: 'f32{list(x.shape)}'}}\nnetwork: [{step}]\n".replace(", ", ","))
    write_safetensors(WORK + "/m.safetensors", tensors)
    np.save(WORK + "/x.npy", x.numpy().astype("f4"))
    subprocess.run([DSQC, "run", WORK + "/m.yaml", "--weights", WORK + "/m.safetensors", "--engine=reference", "-q",
                    "--input", WORK + "/x.npy", "--output", WORK + "/y.npy"], check=True, stdout=subprocess.DEVNULL)
    return torch.from_numpy(np.load(WORK + "/y.npy").astype("f8"))


def case(name, files, step, x, formula, **shapes):
    """shapes: tensors as "se__fc1__weight"; running variances are positive."""
    global failed
    tensors = {k.replace("__", "."): torch.rand(s) + 0.5 if "var" in k else torch.randn(s) * 0.5
               for k, s in shapes.items()}
    x = x.float()
    y = run(files, step, x, tensors)
    want = formula(x.double(), {k: t.double() for k, t in tensors.items()})
    error = ((y - want).abs().max() / want.abs().max()).item() if y.shape == want.shape else float("inf")
    ok = error < 1e-6
    print("ok" if ok else "not ok", name)
    if not ok:
        print(f"    shape {tuple(y.shape)}, expected {tuple(want.shape)}, error {error:.3g}")
    failed += not ok


def channel(v):
    return v.view(1, -1, 1, 1)


def mlp(g, t, at):
    h = F.relu(F.conv2d(g, t[at + ".fc1.weight"], t[at + ".fc1.bias"]))
    return F.conv2d(h, t[at + ".fc2.weight"], t[at + ".fc2.bias"])


def norm(g, t, at):
    mean, var, weight, bias = (t[at + k] for k in (".running_mean", ".running_var", ".weight", ".bias"))
    return F.batch_norm(g, mean, var, weight, bias, eps=1e-5)


def gather(x, t, steps):
    """steps: stride-2 convolutions, 0: one of the map's size"""
    for i in range(max(steps, 1)):
        at = f"ge.gather.%s{i + 1}"
        stride, pad = (2, 1) if steps else (1, 0)
        x = F.conv2d(x, t[at % "conv" + ".weight"], stride=stride, padding=pad, groups=x.shape[1])
        x = norm(x, t, at % "norm")
        if i + 1 < steps:
            x = F.relu(x)
    return x


def excite(x, g):
    return x * torch.sigmoid(F.interpolate(g, size=x.shape[2:], mode="nearest"))


def gather_shapes(c, kernel, steps):
    shapes = {}
    for i in range(max(steps, 1)):
        shapes[f"ge__gather__conv{i + 1}__weight"] = (c, 1, kernel, kernel)
        for k in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"ge__gather__norm{i + 1}__{k}"] = (c,)
    return shapes


def mlp_shapes(at, c, h):
    return {at + "__fc1__weight": (h, c, 1, 1), at + "__fc1__bias": (h,), at + "__fc2__weight": (c, h, 1, 1),
            at + "__fc2__bias": (c,)}


def bilinear(x, t):
    p = F.conv2d(x, t["bilinear.proj.weight"]).flatten(2)
    b = torch.einsum("ncp,ndp->ncd", p, p) / p.shape[2]
    y = (torch.sign(b) * torch.sqrt(b.abs() + 1e-10)).flatten(1)
    return y / y.norm(dim=1, keepdim=True).clamp(min=1e-12)


def softmin(z, t):
    e = torch.exp(-z ** 2)
    return e / e.sum(1, keepdim=True)


def pools_and_heads():
    x = torch.randn(2, 6, 7, 5)
    case("average", ["average"], "average", x, lambda x, t: x.mean((2, 3)))
    case("square_pooling", ["square_pooling"], "square_pooling", x, lambda x, t: (x ** 2).mean((2, 3)))
    case("square_pool 2", ["square_pooling"], "{op: square_pool, kernel: 2}", x, lambda x, t: F.avg_pool2d(x ** 2, 2))
    case("square_pool 3/2/1", ["square_pooling"], "{op: square_pool, kernel: 3, stride: 2, pad: 1}", x,
         lambda x, t: F.avg_pool2d(x ** 2, 3, 2, 1))
    case("bilinear", ["bilinear"], "{op: bilinear, features: 5}", x, bilinear, bilinear__proj__weight=(5, 6, 1, 1))
    case("logits", ["logits"], "logits, neg", torch.randn(2, 9), lambda z, t: -z)
    case("softmax", ["softmax"], "softmax", torch.randn(2, 9), lambda z, t: torch.softmax(z, 1))
    case("square_softmin", ["square_softmin"], "square_softmin", torch.randn(2, 9), softmin)
    large = torch.tensor([[100., 101., -100., 300.]])  # exp(-z^2) is zero for all of them
    case("square_softmin of large logits", ["square_softmin"], "square_softmin", large,
         lambda z, t: torch.tensor([[0.5, 0, 0.5, 0]], dtype=torch.double))


def units():
    for c in (5, 33):
        x = torch.randn(2, c, 7, 7)
        name = lambda s: f"{s}, {c} channels"
        case(name("identity"), ["identity"], "identity, neg", x, lambda x, t: -x)
        case(name("square_excitation"), ["square_excitation"], "square_excitation", x,
             lambda x, t: x * torch.sigmoid(channel(t["square_excitation.weight"]) * x.mean((2, 3), keepdim=True) ** 2
                                            + channel(t["square_excitation.bias"])),
             square_excitation__weight=(c,), square_excitation__bias=(c,))
        case(name("square_encoding"), ["square_encoding"], "square_encoding", x,
             lambda x, t: channel(t["square_encoding.alpha"]) * x + channel(t["square_encoding.beta"]) * x ** 2,
             square_encoding__alpha=(c,), square_encoding__beta=(c,))
        h = max(c // 16, 1)
        case(name("se"), ["se"], "se", x, lambda x, t: x * torch.sigmoid(mlp(x.mean((2, 3), keepdim=True), t, "se")),
             **mlp_shapes("se", c, h))
        case(name("ge_minus"), ["ge_minus"], "ge_minus", x, lambda x, t: excite(x, x.mean((2, 3), keepdim=True)))
        case(name("ge"), ["ge"], "ge", x, lambda x, t: excite(x, gather(x, t, 0)), **gather_shapes(c, 7, 0))
        case(name("ge_plus"), ["ge_plus"], "ge_plus", x, lambda x, t: excite(x, mlp(gather(x, t, 0), t, "ge.mlp")),
             **gather_shapes(c, 7, 0), **mlp_shapes("ge__mlp", c, h))


def extents():
    for size, extent, steps in ((8, 2, 1), (8, 4, 2), (7, 2, 1), (16, 8, 3), (16, 16, 4)):
        x = torch.randn(1, 3, size, size)
        average = lambda x, t: excite(x, F.avg_pool2d(x, 2 * extent - 1, extent, extent - 1, count_include_pad=False))
        case(f"ge_minus of extent {extent} on {size}x{size}", ["ge_minus"], f"{{op: ge_minus, extent: {extent}}}", x,
             average)
        case(f"ge of extent {extent} on {size}x{size}", ["ge"], f"{{op: ge, extent: {extent}}}", x,
             lambda x, t: excite(x, gather(x, t, steps)), **gather_shapes(3, 3, steps))
        case(f"ge_plus of extent {extent} on {size}x{size}", ["ge_plus"], f"{{op: ge_plus, extent: {extent}}}", x,
             lambda x, t: excite(x, mlp(gather(x, t, steps), t, "ge.mlp")), **gather_shapes(3, 3, steps),
             **mlp_shapes("ge__mlp", 3, 1))


pools_and_heads()
units()
extents()
sys.exit(failed > 0)
