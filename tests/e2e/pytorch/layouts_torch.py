#!/usr/bin/python3
"""Networks in which channels come last in places: numbers against PyTorch, and that no movement remains."""
import json
import subprocess
import sys

import torch
import torch.nn as nn
import torchvision

sys.dont_write_bytecode = True
import dsqc_torch
from dsqc_torch import DSQC, ROOT, WORK


class Attention(nn.Module):
    """timm's, over [N,T,C]."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-2, -1) / (c // self.heads) ** 0.5).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, c))


def check(name, fine, what=""):
    print(f"ok {name}" if fine else f"not ok {name}\n    {what}")


def dsqc(*args):
    done = subprocess.run([DSQC, *args], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout if done.returncode == 0 else f"status {done.returncode}\n{done.stdout}"


def numbers(name, spec, model, x, *options):
    weights = f"{WORK}/{name}.safetensors"
    dsqc_torch.write_safetensors(weights, model.state_dict())
    with torch.no_grad():
        want = model.double()(x.double())
    for engine in ("c", "llvm"):
        e = dsqc_torch.error(dsqc_torch.run(spec, weights, x, f"--engine={engine}", *options), want)
        check(f"{name}, {engine}: PyTorch's numbers", e <= 1e-5, f"off by {e:.1e}")


def kernels(spec, *options):
    """Operators of a network's kernels, and what each was made with."""
    dsqc("compile", spec, "--weights=random:1", "--target=x86-64-v3", "-o", f"{WORK}/out",
         f"--report={WORK}/report.json", *options)
    with open(f"{WORK}/report.json") as f:
        return [(k["op"], k["impl"]) for k in json.load(f)["kernels"]]


def convnext():
    torch.manual_seed(1)
    model = torchvision.models.convnext_tiny(weights=None).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("layer_scale"):
                p.uniform_(0.3, 0.8)
    numbers("convnext_tiny", "specs/convnext_tiny.yaml", model, torch.randn(1, 3, 64, 64), "--set=size=64")
    ops = [op for op, _ in kernels("specs/convnext_tiny.yaml", "--set=size=64")]
    want = {"conv2d": 22, "layer_norm": 23, "linear": 37, "mean": 1}
    check("convnext_tiny: no kernel moves anything", {op: ops.count(op) for op in set(ops)} == want, str(ops))


def attention():
    torch.manual_seed(2)
    numbers("attention", "specs/tiny/attention.yaml", Attention(192, 3).eval(), torch.randn(1, 197, 192))
    made = kernels("specs/tiny/attention.yaml")
    products = [impl for op, impl in made if op in ("linear", "matmul")]
    check("attention: products in vectors", all(" lanes=8 " in impl for impl in products), str(made))


def loops(shape):
    """The kernel of a linear layer over such rows, without names and shapes."""
    with open(f"{WORK}/rows.yaml", "w") as f:
        f.write(f"name: rows\ninput: {{x: 'f32[{shape}]'}}\n"
                "network:\n  - {op: linear, name: fc, out: 384}\noutput: y\n")
    text = dsqc("compile", f"{WORK}/rows.yaml", "--weights=random:1", "--target=x86-64-v3", "--emit=loops", "-o", "-")
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith("  kernel ")), 0)
    return "\n".join(lines[first + 1:lines.index("  }", first) if "  }" in lines[first:] else None])


def ranks():
    want = loops("256,96")
    for shape in ("16,16,96", "1,16,16,96", "1,4,4,16,96", "2,8,16,96"):
        check(f"linear over [{shape}] has the loops of its rows", loops(shape) == want and "fma" in want, loops(shape))


def main():
    ranks()
    attention()
    convnext()


main()
