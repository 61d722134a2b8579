#!/usr/bin/python3
"""Tensor names and shapes of the bundled specs, against torchvision's state_dicts, PyTorch models of the tiny networks,
and what modules.md's table of units, pools and heads declares.

usage: names_torch.py [SPECDUMP]      a program that prints "const NAME TYPE", "output NAME TYPE", "parameters N"
"""
import os
import re
import subprocess
import sys

import torchvision

sys.dont_write_bytecode = True
import tiny_torch

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
DUMP = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ["BUILD"], "tests/e2e/pytorch/specdump")

PARAMETERS = {"resnet18": 11689512, "resnet50": 25557032, "shufflenet_v2_x0_5": 1366792, "shufflenet_v2_x1_0": 2278604,
              "shufflenet_v2_x1_5": 3503624, "shufflenet_v2_x2_0": 7393996, "mobilenet_v2": 3504872,
              "squeezenet1_1": 1235496, "vgg11_bn": 132868840}
SQUARE = [n for n in PARAMETERS if n.startswith(("resnet", "shufflenet"))]
UNITS = ["identity", "square_excitation", "square_encoding", "se", "ge_minus", "ge", "ge_plus"]
POOLS = ["average", "square_pooling", "bilinear"]
HEADS = ["logits", "softmax", "square_softmin"]
failed = 0


def spec(path, **params):
    """(tensors, outputs, parameters) of a spec"""
    args = [DUMP, "specs/" + path + ".yaml", "--libdir", "specs"]
    for k, v in params.items():
        args += ["--set", f"{k}={v}"]
    text = subprocess.run(args, cwd=ROOT, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    shape = lambda t: tuple(int(x) for x in re.fullmatch(r"f32\[(.*)\]", t).group(1).split(","))
    words = [line.split() for line in text.splitlines()]
    tensors = {w[1]: shape(w[2]) for w in words if w[0] == "const"}
    outputs = {w[1]: shape(w[2]) for w in words if w[0] == "output"}
    return tensors, outputs, next(int(w[1]) for w in words if w[0] == "parameters")


def state_dict(model):
    return {k: tuple(v.shape) for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def count(model):
    return sum(p.numel() for p in model.parameters())


def case(name, *pairs):
    """pairs: (what, found, expected)"""
    global failed
    wrong = [(what, found, expected) for what, found, expected in pairs if found != expected]
    print("not ok" if wrong else "ok", name)
    for what, found, expected in wrong:
        if isinstance(found, dict):
            found, expected = (sorted(set(a.items()) - set(b.items()))[:5]
                               for a, b in ((found, expected), (expected, found)))
        print(f"    {what}: found {found}, expected {expected}")
    failed += bool(wrong)


def unit_tensors(unit, scope, c, size):
    """What a unit at the end of a branch of c channels and size x size pixels adds."""
    hidden = max(c // 16, 1)
    conv = lambda name, o, i, k, bias: {name + ".weight": (o, i, k, k), **({name + ".bias": (o,)} if bias else {})}
    tensors = {"square_excitation": {"weight": (c,), "bias": (c,)},
               "square_encoding": {"alpha": (c,), "beta": (c,)},
               "se": {**conv("fc1", hidden, c, 1, True), **conv("fc2", c, hidden, 1, True)}}
    tensors["ge"] = {**conv("gather.conv1", c, 1, size, False),
                     **{"gather.norm1." + k: (c,) for k in ("weight", "bias", "running_mean", "running_var")}}
    tensors["ge_plus"] = {**tensors["ge"], **conv("mlp.fc1", hidden, c, 1, True), **conv("mlp.fc2", c, hidden, 1, True)}
    scope += "." + (unit if unit.startswith("square") else unit[:2])
    return {scope + "." + k: v for k, v in tensors.get(unit, {}).items()}


def branches(net, base, size):
    """(scope, channels, size of the map) of each residual or right branch"""
    for name, shape in base.items():
        m = re.fullmatch(r"((layer|stage)(\d)\.\d+)\.(bn\d|branch2\.6)\.weight", name)
        if m and (m.group(2) == "stage" or m.group(4) == ("bn2" if net == "resnet18" else "bn3")):
            # maps shrink by 4 before layer1 and by 8 behind the first unit of stage2
            yield m.group(1), shape[0], size >> (int(m.group(3)) + 1)


def torchvision_networks():
    for net, parameters in PARAMETERS.items():
        model = getattr(torchvision.models, net)(weights=None)
        tensors, outputs, found = spec(net)
        case(net, ("tensors", tensors, state_dict(model)), ("outputs", outputs, {"logits": (1, 1000)}),
             ("parameters", found, parameters), ("parameters of torchvision", count(model), parameters))
        model = getattr(torchvision.models, net)(weights=None, num_classes=7)
        tensors, outputs, found = spec(net, classes=7)
        case(net + " with 7 classes", ("tensors", tensors, state_dict(model)), ("outputs", outputs, {"logits": (1, 7)}))


def tiny_networks():
    for net, model in tiny_torch.MODELS.items():
        model = model()
        tensors, outputs, found = spec("tiny/" + net)
        case("tiny/" + net, ("tensors", tensors, state_dict(model)), ("parameters", found, count(model)),
             ("outputs", outputs, {"logits": (1, model.fc.out_features if hasattr(model, "fc") else 10)}))


def square_networks():
    for net in SQUARE:
        base, _, _ = spec(net, size=64)
        for unit in UNITS:
            units = {}
            for scope, c, size in branches(net, base, 64):
                units.update(unit_tensors(unit, scope, c, size))
            for pool in POOLS:
                expected = {**base, **units}
                classes, features = base["fc.weight"]
                if pool == "bilinear":
                    expected["bilinear.proj.weight"] = (128, features, 1, 1)
                    expected["fc.weight"] = (classes, 128 * 128)
                    expected.update({"bilinear.pixels": (1,), "bilinear.eps": (1,)})
                for head in HEADS:
                    tensors, outputs, _ = spec(net, size=64, unit=unit, pool=pool, head=head)
                    case(f"{net} {unit} {pool} {head}", ("tensors", tensors, expected),
                         ("outputs", outputs, {"logits": (1, 1000)}))


torchvision_networks()
tiny_networks()
square_networks()
sys.exit(failed > 0)
