#!/usr/bin/python3
"""lstm, gru and rnn of a spec beside nn.LSTM, nn.GRU and nn.RNN of PyTorch in double precision, with their state_dict
as it is: one step, odd sizes, batches, layers, both directions, states in and out, hundreds of steps. All layers stand
in one network, which every engine runs. So is its ONNX model, the spec that import makes of that, and PyTorch's own
exports."""
import os
import subprocess
import sys
import warnings

try:
    import torch
    import torch.nn as nn
except ImportError:
    print("skip rnn_torch: no PyTorch")
    sys.exit(0)
import numpy as np

from dsqc_torch import DSQC, WORK, error, write_safetensors

ENGINES = ["--engine=reference", "--engine=c", "--engine=c --threads=2 --target=generic"]
TOLERANCE = 1e-5
# kind, layers, directions, bias, steps, batch, features, hidden, states
CASES = [("lstm", 1, 1, True, 20, 1, 40, 64, False), ("lstm", 1, 2, True, 5, 3, 7, 9, True),
         ("lstm", 2, 2, True, 4, 2, 5, 6, True), ("lstm", 3, 1, False, 3, 1, 3, 17, True),
         ("lstm", 1, 1, True, 1, 1, 1, 1, True), ("lstm", 1, 1, True, 300, 1, 16, 33, True),
         ("lstm", 1, 1, True, 6, 64, 8, 24, False),
         ("gru", 1, 1, True, 20, 1, 40, 64, False), ("gru", 1, 2, True, 5, 3, 7, 9, True),
         ("gru", 2, 2, False, 4, 2, 5, 6, True), ("gru", 1, 1, True, 1, 1, 3, 5, False),
         ("gru", 1, 2, True, 300, 1, 16, 20, False), ("gru", 1, 1, True, 3, 1, 4, 520, True),
         ("rnn", 1, 2, True, 7, 2, 3, 10, True), ("rnn", 2, 1, True, 300, 1, 4, 31, False)]
torch.manual_seed(3)
failed = 0


def module(kind, layers, directions, bias, features, hidden):
    make = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind]
    net = make(features, hidden, num_layers=layers, bidirectional=directions == 2, bias=bias)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(1.5).copy_(p.float())
    return net.double().eval()


class Layer:
    """Its part of the spec, its inputs, weights and what PyTorch makes of them."""

    def __init__(self, i, case):
        kind, layers, directions, bias, steps, batch, features, hidden, states = case
        net = module(kind, layers, directions, bias, features, hidden)
        self.weights = {f"r{i}.{k}": v.float() for k, v in net.state_dict().items()}
        names = ["h", "c"] if kind == "lstm" else ["h"]
        x = torch.randn(steps, batch, features)
        given = [torch.randn(layers * directions, batch, hidden) * 0.5 for _ in names]
        self.inputs = {f"x{i}": x, **({f"{n}{i}": s for n, s in zip(names, given)} if states else {})}
        if not states:
            given = [torch.zeros_like(s) for s in given]
        given = [s.double() for s in given]
        with torch.no_grad():
            y, last = net(x.double(), tuple(given) if kind == "lstm" else given[0])
        last = last if kind == "lstm" else [last]
        self.want = {f"y{i}": y, **({f"{n}n{i}": s for n, s in zip(names, last)} if states else {})}
        words = {"layers": layers, "bidirectional": "true" if directions == 2 else None, "bias": None if bias else "false"}
        words = "".join(f", {k}: {v}" for k, v in words.items() if v not in (None, 1))
        self.step = (f"{{op: {kind}, name: r{i}, hidden: {hidden}{words}, in: [{', '.join(self.inputs)}], "
                     f"as: [{', '.join(self.want)}]}}").replace(f"as: [y{i}]", f"as: y{i}")
        self.name = f"{kind}, {steps} steps of {batch}x{features}, {layers} x {directions} x {hidden}" \
                    f"{', states' if states else ''}{'' if bias else ', no bias'}"


def spec(layers):
    with open(f"{WORK}/m.yaml", "w") as f:
        f.write("name: m\ninput:\n")
        for layer in layers:
            for k, x in layer.inputs.items():
                f.write(f"  {k}: 'f32{list(x.shape)}'\n".replace(" ", "").replace(k, f"  {k}").replace(":", ": "))
                np.save(f"{WORK}/{k}.npy", x.float().numpy())
        f.write("network:\n" + "".join(f"  - {layer.step}\n" for layer in layers))
        f.write(f"output: [{', '.join(k for layer in layers for k in layer.want)}]\n")
    write_safetensors(f"{WORK}/m.safetensors", {k: v for layer in layers for k, v in layer.weights.items()})


def run(layers, engine, model="m.yaml", weights="m.safetensors"):
    global failed
    ins = [w for layer in layers for k in layer.inputs for w in ("--input", f"{k}={WORK}/{k}.npy")]
    outs = [w for layer in layers for k in layer.want for w in ("--output", f"{k}={WORK}/{k}.npy")]
    done = subprocess.run([DSQC, "run", f"{WORK}/{model}", *(["--weights", f"{WORK}/{weights}"] if weights else []), "-q",
                           *ins, *outs, *engine.split()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(f"not ok {model}, {engine}\n    " + done.stdout.replace("\n", "\n    "))
        failed += 1
        return
    for layer in layers:
        worst = max(error(torch.from_numpy(np.load(f"{WORK}/{k}.npy").astype("f8")), want)
                    for k, want in layer.want.items())
        ok = worst <= TOLERANCE
        print(f"{'ok' if ok else 'not ok'} {layer.name}, {model}, {engine}")
        if not ok:
            print(f"    error {worst:.3g}")
        failed += not ok


LAYERS = [Layer(i, case) for i, case in enumerate(CASES)]
spec(LAYERS)
for e in ENGINES:
    run(LAYERS, e)


def dsqc(*words):
    global failed
    done = subprocess.run([DSQC, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(f"not ok {' '.join(words)}\n    {done.stdout}")
        failed += 1


dsqc("export", f"{WORK}/m.yaml", "--weights", f"{WORK}/m.safetensors", "-o", f"{WORK}/there.onnx", "-q")
dsqc("import", f"{WORK}/there.onnx", "-o", f"{WORK}/back.yaml", "-q")
for model in ("there.onnx", "back.yaml"):
    run(LAYERS, ENGINES[0], model, None)


def pytorch_export(kind, layers, directions, batch_first, **more):
    global failed
    net = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind](5, 6, layers, bidirectional=directions == 2,
                                                                batch_first=batch_first, **more).eval()
    x = torch.randn(2, 4, 5)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want, last = net(x)
        torch.onnx.export(net, x, f"{WORK}/t.onnx", opset_version=14, input_names=["x"],
                          output_names=["y", "h", "c"][:3 if kind == "lstm" else 2])
    np.save(f"{WORK}/x.npy", x.numpy())
    want = {"y": want, "h": last[0] if kind == "lstm" else last, **({"c": last[1]} if kind == "lstm" else {})}
    dsqc("run", f"{WORK}/t.onnx", "-q", "--engine=reference", "-i", f"x={WORK}/x.npy",
         *(w for k in want for w in ("-o", f"{k}={WORK}/{k}.npy")))
    worst = max(error(torch.from_numpy(np.load(f"{WORK}/{k}.npy").astype("f8")), v.double()) for k, v in want.items())
    print(f"{'ok' if worst <= TOLERANCE else 'not ok'} torch.onnx.export: {kind}, {layers} x {directions}, {more}")
    failed += not worst <= TOLERANCE


for args in (("lstm", 2, 2, True), ("gru", 1, 2, False), ("rnn", 2, 1, False)):
    pytorch_export(*args, **({"nonlinearity": "relu"} if args[0] == "rnn" else {}))
sys.exit(failed > 0)
