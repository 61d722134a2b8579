#!/usr/bin/python3
"""Trains the digit reader and writes its weights as .safetensors.

    train.py [--unit U] [--pool P] [--head H] [--seed N] [--epochs E] [--output digits.safetensors]

The network is a small ShuffleNetV2 (Ma et al., arXiv:1807.11164) with torchvision's tensor names; its parameters
unit, pool and head are those of the bundled ShuffleNetV2 specs. Needs python3-torch (1.13), python3-numpy,
python3-pil and the fonts of `render.py --split train --packages` and `render.py --packages`.
"""
import argparse
import json
import os
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import render

STEM = 24
STAGES = (("stage2", 64, 4), ("stage3", 128, 3))
CONV5 = 128
UNITS = ("identity", "square_excitation", "square_encoding")
POOLS = ("average", "square_pooling")
HEADS = ("softmax", "square_softmin")


class SquareExcitation(nn.Module):
    """y = x * sigmoid(weight m^2 + bias), m the mean of x over H and W, per channel."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.full((channels,), 2.0))

    def forward(self, x):
        m = x.mean((2, 3))
        return x * torch.sigmoid(self.weight * m * m + self.bias)[:, :, None, None]


class SquareEncoding(nn.Module):
    """y = alpha x + beta x^2 per channel."""

    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return self.alpha[:, None, None] * x + self.beta[:, None, None] * x * x


def pointwise(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)


def depthwise(channels, stride):
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)


class Unit(nn.Module):
    """A ShuffleNetV2 unit: stride 2 takes all channels through both branches, stride 1 splits them in halves."""

    def __init__(self, inputs, outputs, stride, unit):
        super().__init__()
        half = outputs // 2
        self.stride, self.unit = stride, unit
        if stride == 2:
            self.branch1 = nn.Sequential(*depthwise(inputs, 2), *pointwise(inputs, half), nn.ReLU())
        right = inputs if stride == 2 else half
        self.branch2 = nn.Sequential(*pointwise(right, half), nn.ReLU(), *depthwise(half, stride),
                                     *pointwise(half, half), nn.ReLU())
        if unit == "square_excitation":
            self.square_excitation = SquareExcitation(half)
        elif unit == "square_encoding":
            self.square_encoding = SquareEncoding(half)

    def forward(self, x):
        left, right = (self.branch1(x), x) if self.stride == 2 else x.chunk(2, 1)
        right = self.branch2(right)
        if self.unit != "identity":
            right = getattr(self, self.unit)(right)
        y = torch.cat((left, right), 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Digits(nn.Module):
    def __init__(self, unit="identity", pool="average", head="softmax", conv5=CONV5):
        super().__init__()
        self.pool, self.head = pool, head
        self.conv1 = nn.Sequential(nn.Conv2d(1, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU())
        channels = STEM
        for name, width, repeats in STAGES:
            units = [Unit(channels if i == 0 else width, width, 2 if i == 0 else 1, unit) for i in range(repeats)]
            setattr(self, name, nn.Sequential(*units))
            channels = width
        self.conv5 = nn.Sequential(*pointwise(channels, conv5), nn.ReLU())
        self.fc = nn.Linear(conv5, 10)
        if head == "square_softmin":
            nn.init.ones_(self.fc.bias)     # z = 0 is where -z^2 has no slope

    def forward(self, x):
        """The head's input up to sign and square: what a softmax turns into probabilities."""
        x = self.conv5(self.stage3(self.stage2(self.conv1(x))))
        z = self.fc((x * x if self.pool == "square_pooling" else x).mean((2, 3)))
        return -z * z if self.head == "square_softmin" else z


def tensors(model):
    """name -> f32 array of every weight and statistic, in state_dict order."""
    return {name: value.detach().numpy().astype("<f4") for name, value in model.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def write_safetensors(path, arrays, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, a in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [offset, offset + a.nbytes]}
        offset += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in arrays.values():
            f.write(a.tobytes())


def read_safetensors(path):
    """(name -> f32 array, metadata) of an F32 file."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    metadata = header.pop("__metadata__", {})
    return {name: np.frombuffer(data[slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
            for name, t in header.items()}, metadata


def load(path):
    """The trained network of a file, in double precision and evaluation mode."""
    arrays, metadata = read_safetensors(path)
    model = Digits(metadata["unit"], metadata["pool"], metadata["head"], arrays["fc.weight"].shape[1])
    state = {name: torch.from_numpy(a.copy()) for name, a in arrays.items()}
    lack, surplus = model.load_state_dict(state, strict=False)
    lack = [name for name in lack if not name.endswith("num_batches_tracked")]
    if lack or surplus:
        sys.exit(f"{path}: missing {lack}, not used {surplus}")
    return model.double().eval()


def normalize(images):
    """u8[N,H,W] -> f32[N,1,H,W], as the network's input wants it."""
    return torch.from_numpy((render.to_float(images) - np.float32(render.MEAN)) / np.float32(render.STD))


def scores(model, images):
    model.eval()
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        return torch.cat([model(normalize(images[i:i + 500]).to(dtype)) for i in range(0, len(images), 500)])


def accuracy(model, images, labels):
    """Share of the images whose best class is the label."""
    return (scores(model, images).argmax(1).numpy() == labels).mean()


def augment(x, generator):
    """Shifts the batch by up to two pixels and inverts half of its images; x is f32[N,1,H,W] around 0."""
    dy, dx = torch.randint(-2, 3, (2,), generator=generator).tolist()
    h, w = x.shape[2:]
    x = F.pad(x, (2, 2, 2, 2), "replicate")[:, :, 2 + dy:2 + dy + h, 2 + dx:2 + dx + w]
    return x * (1 - 2 * torch.randint(0, 2, (len(x), 1, 1, 1), generator=generator)).float()


def fit(model, images, labels, epochs, seed, log=lambda text: None, batch=128, rate=6e-3):
    """Trains model in place: AdamW, one cycle of the learning rate, label smoothing."""
    generator = torch.Generator().manual_seed(seed)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02},
                                   {"params": others, "weight_decay": 0.0}], lr=rate)
    steps = len(images) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps * epochs, pct_start=0.2)
    for epoch in range(epochs):
        model.train()
        order, total, start = torch.randperm(len(images), generator=generator), 0.0, time.monotonic()
        for i in range(steps):
            chosen = order[i * batch:(i + 1) * batch].numpy()
            x = augment(normalize(images[chosen]), generator)
            loss = F.cross_entropy(model(x), torch.from_numpy(labels[chosen]), label_smoothing=0.03)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        log(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {time.monotonic() - start:.0f} s")


def data(split, count, seed=0, cache=None):
    """render.dataset, kept in the folder cache if one is named."""
    path = cache and os.path.join(cache, f"{split}-{seed}-{count}.npz")
    if path and os.path.exists(path):
        with np.load(path) as f:
            return f["images"], f["labels"]
    images, labels = render.dataset(split, count, seed)
    if path:
        os.makedirs(cache, exist_ok=True)
        np.savez(path, images=images, labels=labels)
    return images, labels


def main():
    parser = argparse.ArgumentParser(description="Trains the digit reader.")
    parser.add_argument("--unit", choices=UNITS, default="square_excitation")
    parser.add_argument("--pool", choices=POOLS, default="square_pooling")
    parser.add_argument("--head", choices=HEADS, default="square_softmin")
    parser.add_argument("--conv5", type=int, default=CONV5, help="channels before the pooling")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--images", type=int, default=100000, help="rendered for training")
    parser.add_argument("--cache", help="folder to keep rendered images in")
    parser.add_argument("--output", default=os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                         "digits.safetensors"))
    parser.add_argument("--evaluate", nargs="*", metavar="PNG",
                        help="only measure the weights in --output, or read these 32x32 pictures with them")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.evaluate is None:
        images, labels = data("train", args.images, 0, args.cache)
        torch.manual_seed(args.seed)
        model = Digits(args.unit, args.pool, args.head, args.conv5)
        fit(model, images, labels, args.epochs, args.seed, lambda text: print(text, file=sys.stderr, flush=True))
        write_safetensors(args.output, tensors(model), {"unit": args.unit, "pool": args.pool, "head": args.head})
    model = load(args.output)
    if args.evaluate:
        pictures = np.stack([np.asarray(Image.open(path).convert("L")) for path in args.evaluate])
        for path, p in zip(args.evaluate, scores(model, pictures).softmax(1)):
            print(f"{path}: {p.argmax()} ({p.max():.3f})")
        return
    print(f"{args.output}: {sum(a.size for a in tensors(model).values())} numbers, unit={args.unit}")
    for split, count in (("validation", 4000), ("test", 2000)):
        print(f"{split}: {100 * accuracy(model, *data(split, count, 0, args.cache)):.2f} % of {count}")


if __name__ == "__main__":
    main()
