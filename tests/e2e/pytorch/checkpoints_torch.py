#!/usr/bin/python3
"""Checkpoints of torchvision's models, as PyTorch writes them, through "dsqc run" against PyTorch in double precision."""
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

sys.dont_write_bytecode = True
import dsqc_torch
from dsqc_torch import WORK

# Of the largest output; c: with Winograd's kernels.
LIMIT = {"c": 1e-4, "strict": 2e-5, "reference": 1e-6}
NETWORKS = ["resnet18", "resnet50", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
            "mobilenet_v2", "squeezenet1_1", "vgg11_bn"]
NPZ = {"shufflenet_v2_x0_5": np.savez_compressed, "squeezenet1_1": np.savez}
GENERIC = ["resnet18", "shufflenet_v2_x1_0", "mobilenet_v2"]


def image(seed, n=1):
    """Structure at several scales, as pictures have it, about zero with a deviation of about 1."""
    g = torch.Generator().manual_seed(seed)
    layers = [torch.randn(n, 3, s, s, generator=g) for s in (4, 14, 56, 224)]
    return sum(F.interpolate(x, size=224, mode="bilinear", align_corners=False) for x in layers) / 2


def network(name, seed):
    torch.manual_seed(seed)
    model = getattr(torchvision.models, name)(weights=None).eval()
    return dsqc_torch.randomise(model, image(seed, 2), gain=name == "squeezenet1_1")


def mix_types(model):
    """The model in double precision with its parameters rounded to types in turn, and its state_dict in those types."""
    types = [torch.float16, torch.bfloat16, torch.float64, torch.float32]
    tensors = {}
    model = model.double()
    with torch.no_grad():
        for i, (name, t) in enumerate(model.state_dict().items()):
            if t.dtype != torch.int64:
                if types[i % 4] == torch.float64:
                    t.mul_(1 + torch.randn(t.shape, dtype=t.dtype) * 1e-8)  # digits that float32 lacks
                tensors[name] = t.to(types[i % 4])
                t.copy_(tensors[name])
            else:
                tensors[name] = t
    return model, tensors


def alive(model, y):
    """Whether the outputs are of a sane size and belong to this input rather than to any."""
    with torch.no_grad():
        other = model(image(99).to(y.dtype))
    return 1e-2 < y.abs().max() < 1e3 and (y - other).abs().max() > 0.05 * y.abs().max()


def compare(name, spec, weights, x, want, *runs):
    """runs: (what, options)"""
    worst = []
    for what, *options in runs:
        e = dsqc_torch.error(dsqc_torch.run(spec, weights, x, *options), want)
        ok = e <= LIMIT["reference" if "--engine=reference" in options else "c" if "--engine=c" in options else "strict"]
        print("ok" if ok else "not ok", name, what)
        worst.append(f"{what} {e:.1e}")
    return worst


def case(index, name):
    began, spec, cpu = time.time(), f"specs/{name}.yaml", sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    x, model = image(1000 + index), network(name, index)
    weights, npz = f"{WORK}/weights.safetensors", f"{WORK}/weights.npz"
    dsqc_torch.write_safetensors(weights, model.state_dict())
    if name in NPZ:
        NPZ[name](npz, **{k: v.numpy() for k, v in model.state_dict().items()})
    with torch.no_grad():
        single = model(x)
        model = model.double()
        want = first = model(x.double())
    if not alive(model, want):
        print(f"not ok {name}: the outputs of the model itself are of no use (largest {want.abs().max():.3g})")
        return
    errors = compare(name, spec, weights, x, want, ("c", "--engine=c"), ("strict", "--strict"),
                     ("reference", "--engine=reference"), *([("generic", "--engine=c", "--target=generic")] if name in GENERIC else []))
    if name in NPZ:
        errors += compare(name, spec, npz, x, want, ("npz", "--engine=c"))
    if name == "mobilenet_v2":
        model, tensors = mix_types(model)
        dsqc_torch.write_safetensors(weights, tensors)
        with torch.no_grad():
            want = model(x.double())
        errors += compare(name, spec, weights, x, want, ("storage types", "--engine=c"),
                          ("storage types, reference", "--engine=reference"))
    cpu = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - cpu
    print(f"    {name}: largest output {want.abs().max():.3g}, errors: {', '.join(errors)}, "
          f"PyTorch's in float32 {dsqc_torch.error(single.double(), first):.1e}; "
          f"{time.time() - began:.1f} s, {cpu:.1f} s of them dsqc's processor time", flush=True)


def main():
    for i, name in enumerate(NETWORKS):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            case(i, name)


main()
