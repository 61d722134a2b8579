"""Good inputs of every kind, next to what the generators make of them."""
import random

import models
import pictures
import texts
import weights
from case import SMALL, Case, good_spec, numbers, spec_text
from commands import FILES

RNG = random.Random(1)
INPUT = ["run", "net.yaml", "--engine=reference", "-o", "y.npy", "-i"]


def with_input(name, data):
    return Case({"net.yaml": pictures.SPEC, name: data}, INPUT + [name], "file")


def with_rules(text):
    return Case({"net.yaml": SMALL, "my.rules": text}, ["info", "net.yaml", "--rules", "my.rules"], "file")


def grey_jpeg():
    """All coefficients 0: two bits each, twelve for the one block of three components."""
    return pictures.jpeg() + b"\x00\x0f\xff\xd9"


CONTROLS = {
    "spec": Case({"net.yaml": spec_text(good_spec())}, ["info", "net.yaml"], "text"),
    "small spec": Case(FILES, ["info", "net.yaml"], "text"),
    "safetensors": weights.of("w.safetensors", weights.pack(*weights.tensors(RNG))),
    "npz": weights.of("w.npz", weights.zipped(weights.arrays(RNG))),
    "model": models.CONTROL,
    "array": with_input("x.npy", weights.npy([1, 3, 8, 8], numbers(RNG, 192))),
    "PNG": with_input("x.png", pictures.png(RNG)),
    "JPEG": with_input("x.jpg", grey_jpeg()),
    "PPM": with_input("x.ppm", b"P6\n8 8\n255\n" + bytes(range(192))),
    "graph text": texts.opt(texts.GRAPH),
    "loop text": texts.opt(texts.LOOPS, ["--loops"]),
    "rules": with_rules("rule a exact=yes\n sqrt(square(%x)) => abs(%x)\n"),
}
