"""Networks of PyTorch as dsqc sees them: weights files in every storage type, arrays in, arrays out."""
import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn as nn

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import safetensors  # noqa: E402

DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]
STORED = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def randomise(model, image, gain=False):
    """Random weights; batch normalizations with random scales and shifts and the statistics of what they are given from
    these images, so that signals neither vanish nor explode. gain: for networks without them, He's initialization of
    every layer instead of the model's own."""
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.weight.uniform_(0.5, 1.5)
                m.bias.normal_(0, 0.3)
                m.momentum = 1.0
                m.train()
            elif isinstance(m, (nn.Conv2d, nn.Linear)):
                if gain:
                    nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                if m.bias is not None:
                    m.bias.normal_(0, 0.1)
        model(image)
    return model.eval()


def raw(t):
    """Little-endian bytes of a tensor; NumPy has no bfloat16."""
    t = t.contiguous()
    return (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()


def write_safetensors(path, tensors):
    """tensors: {name: tensor}, stored in the tensor's own type."""
    safetensors.write(path, {name: (STORED[t.dtype], t.shape, raw(t)) for name, t in tensors.items()}, {"format": "pt"})


def run(spec, weights, image, *options):
    """The first output of "dsqc run" on x as float64, or None after its message."""
    np.save(f"{WORK}/x.npy", image.numpy().astype("<f4"))
    done = subprocess.run([DSQC, "run", spec, "--weights", weights, "--input", f"{WORK}/x.npy", "--output", f"{WORK}/y.npy",
                           "-q", *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print("\n".join("    " + line for line in [f"status {done.returncode}"] + done.stdout.splitlines()))
        return None
    y = torch.from_numpy(np.load(f"{WORK}/y.npy").astype("f8"))
    os.remove(f"{WORK}/y.npy")
    return y


def error(y, want):
    """The largest difference relative to the largest magnitude; infinite where there is no comparison."""
    if y is None or y.shape != want.shape or not torch.isfinite(y).all():
        return float("inf")
    return ((y - want).abs().max() / want.abs().max()).item()
