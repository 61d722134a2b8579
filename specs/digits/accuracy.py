#!/usr/bin/python3
"""accuracy.py DSQC [--target T] [--count N]: the compiled digit reader on unseen rendered images.

Renders N test images (render.py, fonts that training never saw), compiles the network with DSQC into a shared object,
runs it on each image, and prints its accuracy and time. Exit status 1 below 97 %. Needs python3-numpy, python3-pil and
the fonts of `render.py --packages`.
"""
import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def aligned(n, align=64):
    """n bytes on a boundary of align; the array keeps its memory alive."""
    raw = np.zeros(n + align, np.uint8)
    start = -raw.ctypes.data % align
    return raw[start:start + n]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("dsqc")
    ap.add_argument("--target", default="native")
    ap.add_argument("--count", type=int, default=2000)
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([sys.executable, os.path.join(HERE, "render.py"), "--split", "test", "--count", str(args.count),
                        "--output", f"{work}/test.npz"], check=True)
        subprocess.run([args.dsqc, "compile", os.path.join(HERE, "digits.yaml"), "--target", args.target,
                        "--emit=c,shared", "-o", f"{work}/out", "--quiet"], check=True)
        test = np.load(f"{work}/test.npz")
        images = ((test["images"] - 0.5) / 0.25).astype(np.float32)
        labels = test["labels"]
        with open(f"{work}/out/digits.json") as f:
            arena = aligned(json.load(f)["arena_bytes"])
        lib = ctypes.CDLL(f"{work}/out/libdigits.so")
        out = np.zeros(10, np.float32)
        right, start = 0, time.perf_counter()
        for image, label in zip(images, labels):
            image = np.ascontiguousarray(image)
            status = lib.digits_run(ctypes.c_void_p(image.ctypes.data), ctypes.c_void_p(out.ctypes.data),
                                    ctypes.c_void_p(arena.ctypes.data))
            if status:
                sys.exit(f"digits_run returned {status}")
            right += int(out.argmax()) == int(label)
        each = (time.perf_counter() - start) / len(images)
    print(f"{right} of {len(images)} unseen images read correctly, {100 * right / len(images):.2f} %, "
          f"{1e6 * each:.0f} microseconds each with the call from Python")
    sys.exit(right < 0.97 * len(images))


main()
