#!/usr/bin/python3
"""Outputs of the networks of specs/tiny against PyTorch in double precision: the models of tiny_torch.py and, where
TINY_MODELS in the environment names such a script, the models of another author with the same names: a list MODELS of
(name, class, shape), and randomise(model, seed)."""
import os
import sys
import types

import torch

sys.dont_write_bytecode = True
import dsqc_torch
import tiny_torch

OTHER = os.environ.get("TINY_MODELS")
SHAPES = {"resnet8": (1, 3, 32, 32), "dscnn": (1, 1, 49, 10), "mbv1_025": (1, 3, 96, 96), "lenet": (1, 1, 28, 28),
          "shuffle": (1, 3, 32, 32)}
ENGINES = {"c": (1e-5, ["--engine=c"]), "generic": (1e-5, ["--engine=c", "--target=generic"]),
           "reference": (1e-6, ["--engine=reference"])}


def case(name, spec, model, x):
    weights = f"{dsqc_torch.WORK}/weights.safetensors"
    dsqc_torch.write_safetensors(weights, model.state_dict())
    with torch.no_grad():
        want = model.double()(x.double())
        other = model(torch.randn(x.shape, dtype=torch.double))
    if (want - other).abs().max() < 0.05 * want.abs().max():
        print(f"not ok {name}: the model hardly looks at its input")
    errors = []
    for engine, (limit, options) in ENGINES.items():
        e = dsqc_torch.error(dsqc_torch.run(spec, weights, x, *options), want)
        print("ok" if e <= limit else "not ok", name, engine)
        errors.append(f"{engine} {e:.1e}")
    print(f"    largest output {want.abs().max():.3g}, errors: {', '.join(errors)}", flush=True)


def other_models():
    """{name: (class, randomise)}: the script without what it does when it is run, and without ONNX."""
    sys.modules.setdefault("onnx", types.ModuleType("onnx"))
    module = types.ModuleType("other_models")
    with open(OTHER) as f:
        exec(f.read().replace("\nmain()\n", "\n"), module.__dict__)
    return module, {name: (i, cls) for i, (name, cls, shape) in enumerate(module.MODELS) if name in SHAPES}


def main():
    for seed, (name, make) in enumerate(tiny_torch.MODELS.items()):
        torch.manual_seed(seed)
        model = dsqc_torch.randomise(make().eval(), torch.randn(8, *SHAPES[name][1:]), gain=True)
        case(name, f"specs/tiny/{name}.yaml", model, torch.randn(SHAPES[name]))
    if OTHER:
        module, models = other_models()
        for name, (i, make) in models.items():
            model = make()
            module.randomise(model, 100 + i)
            x = torch.randn(SHAPES[name], generator=torch.Generator().manual_seed(1))
            case(f"{name} of {os.path.basename(OTHER)}", f"specs/tiny/{name}.yaml", model.eval(), x)


main()
