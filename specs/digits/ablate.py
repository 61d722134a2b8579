#!/usr/bin/python3
"""Compares the Square modules with plain networks of equal size: ablate.py [--seeds 5] [--output FILE]

Every run sees the same rendered images, schedule and initialization seed; the images of the test come from font
families that no run has seen. A network without a Square unit gets five more channels in conv5, at least as many
parameters as the units add. Finished runs are kept in --log and not repeated.
"""
import argparse
import json
import math
import multiprocessing
import os
import tempfile
import time

import numpy as np
import torch

import train

SCRATCH = os.path.join(tempfile.gettempdir(), "digits-ablation")
PLAIN = train.CONV5 + 5
VARIANTS = {
    "base": ("identity", "average", "softmax", PLAIN),
    "square_pooling": ("identity", "square_pooling", "softmax", PLAIN),
    "square_softmin": ("identity", "average", "square_softmin", PLAIN),
    "square_excitation": ("square_excitation", "average", "softmax", train.CONV5),
    "square_encoding": ("square_encoding", "average", "softmax", train.CONV5),
    "excitation + pooling + softmin": ("square_excitation", "square_pooling", "square_softmin", train.CONV5),
}
SMALL, LARGE = 2000, 10000      # test images; the first are a part of the second
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}   # Student, by runs


def parameters(variant):
    return sum(p.numel() for p in train.Digits(*VARIANTS[variant]).parameters())


def run(job):
    """Trains one variant from one seed; returns the accuracies in percent."""
    variant, seed, images, epochs, cache = job
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = train.Digits(*VARIANTS[variant])
    start = time.process_time()
    train.fit(model, *train.data("train", images, 0, cache), epochs, seed)
    seconds = time.process_time() - start
    x, labels = train.data("test", LARGE, 0, cache)
    right = train.scores(model.double(), x).argmax(1).numpy() == labels
    return {"variant": variant, "seed": seed, "images": images, "epochs": epochs, "seconds": seconds,
            "small": 100 * float(right[:SMALL].mean()), "large": 100 * float(right.mean())}


def table(results, key):
    """Markdown rows: mean, standard deviation, difference to base with its 95 % interval (paired by seed), seeds."""
    values = {}
    for r in sorted(results, key=lambda r: r["seed"]):
        values.setdefault(r["variant"], []).append(r[key])
    base = np.array(values["base"])
    lines = ["| variant | parameters | mean | std | difference to base | by seed |",
             "| --- | --- | --- | --- | --- | --- |"]
    for variant in (v for v in VARIANTS if v in values):
        v = np.array(values[variant])
        gain = v - base
        half = T_95[len(v)] * gain.std(ddof=1) / math.sqrt(len(v))
        change = "" if variant == "base" else f"{gain.mean():+.2f} ± {half:.2f}"
        lines.append(f"| {variant} | {parameters(variant):,} | {v.mean():.2f} | {v.std(ddof=1):.2f} | {change} | "
                     + " ".join(f"{a:.2f}" for a in v) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Compares the Square modules with plain networks of equal size.")
    parser.add_argument("--seeds", type=int, default=5, choices=range(2, 11), metavar="2..10")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
                        help="some of " + ", ".join(VARIANTS))
    parser.add_argument("--images", type=int, default=16000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", default=SCRATCH, help="folder for rendered images")
    parser.add_argument("--log", default=os.path.join(SCRATCH, "runs.jsonl"))
    parser.add_argument("--output", help="file for the tables, in place of standard output")
    args = parser.parse_args()
    if "base" not in args.variants:
        parser.error("--variants must name base, which the others are compared with")
    for split, count in (("train", args.images), ("test", LARGE)):
        train.data(split, count, 0, args.cache)
    results = []
    if os.path.exists(args.log):
        with open(args.log) as f:
            results = [r for r in map(json.loads, f) if (r["images"], r["epochs"]) == (args.images, args.epochs)
                       and r["seed"] <= args.seeds and r["variant"] in args.variants]
    done = {(r["variant"], r["seed"]) for r in results}
    jobs = [(variant, seed, args.images, args.epochs, args.cache)
            for seed in range(1, args.seeds + 1) for variant in args.variants if (variant, seed) not in done]
    with multiprocessing.Pool(args.processes) as pool, open(args.log, "a") as log:
        for result in pool.imap_unordered(run, jobs, chunksize=1):
            print(json.dumps(result), file=log, flush=True)
            results.append(result)
    text = (f"{args.images:,} training images, {args.epochs} epochs, {args.seeds} seeds; accuracy in percent; "
            "± is the 95 % confidence interval of the mean difference, paired by seed.\n\n"
            f"{SMALL:,} test images:\n\n{table(results, 'small')}\n"
            f"{LARGE:,} test images, the former among them:\n\n{table(results, 'large')}")
    if args.output:
        with open(args.output, "w") as f:
            f.write(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
