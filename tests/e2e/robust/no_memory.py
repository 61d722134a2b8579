#!/usr/bin/python3
"""Memory that is used up at any moment: a message, status 1, and nothing left. tests/faults/no_memory.c makes the n-th
request for memory of dsqc fail, and in some runs all after it. A library may do without (status 0): then the results
are those of an undisturbed run. The numbers n are drawn, and the seed is printed; NO_MEMORY_SEED repeats it, and it is 1
where CI is set.
NO_MEMORY_SWEEP=4000 tries all of them up to there, in as many processes as NO_MEMORY_JOBS says."""
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import safetensors  # noqa: E402
from small_nets import SMALL, SPEC, cached_cc  # noqa: E402

WORK, BUILD, DSQC = os.environ["WORK"], os.environ["BUILD"], os.environ["DSQC"]
PRELOAD = BUILD + "/tests/faults/no_memory.so"
SAMPLES = 8
SWEEP = int(os.environ.get("NO_MEMORY_SWEEP", "0"))
SEED = int(os.environ.get("NO_MEMORY_SEED") or (1 if os.environ.get("CI") else random.SystemRandom().randrange(1 << 30)))
JOBS = int(os.environ.get("NO_MEMORY_JOBS", "1"))
# What the compiler made of the same files before: it is not the compiler that is tested.
CC = cached_cc()
SAYS = re.compile(r"out of memory|[Cc]annot allocate memory|cannot start \d+ threads")


def png(path):
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    lines = zlib.compress(b"".join(b"\0" + bytes(range(12)) for _ in range(4)))
    head = (4).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b""))


def weights(folder):
    rng = np.random.default_rng(1)
    shapes = {"c.weight": (2, 3, 3, 3), "c.bias": (2,), "f.weight": (3, 2), "f.bias": (3,)}
    tensors = {k: rng.standard_normal(s).astype("f4") for k, s in shapes.items()}
    np.savez_compressed(folder + "/w.npz", **tensors)
    safetensors.write(folder + "/w.safetensors", {k: ("F32", x.shape, x.tobytes()) for k, x in tensors.items()})


def prepare():
    for d in "given", "cache":
        os.mkdir(f"{WORK}/{d}")
    with open(WORK + "/given/net.yaml", "w") as f:
        f.write(SPEC)
    with open(WORK + "/given/small.yaml", "w") as f:
        f.write(SMALL)
    with open(WORK + "/given/cc", "w") as f:
        f.write(CC)
    os.chmod(WORK + "/given/cc", stat.S_IRWXU)
    png(WORK + "/given/x.png")
    weights(WORK + "/given")
    np.save(WORK + "/given/x.npy", np.ones((1, 3, 4, 4), "f4"))


# Where the command writes; out: a file or folder that may not be there after a failure.
COMMANDS = {
    "compile": "compile net.yaml --weights w.safetensors --emit=c,lib,graph -o out",
    "compile by LLVM": "compile net.yaml --weights w.npz --backend=llvm --emit=obj,lib -o out",
    "verify": "verify net.yaml --runs 1 --threads=2",
    "run": "run net.yaml --weights w.npz --input x.png --output out",
    "run by LLVM": "run net.yaml --weights w.npz --input x.npy --output out --engine=llvm",
    "tune": "tune small.yaml -o out --runs=1 -q",
    "explore": "explore net.yaml --no-time --html out",
    "export": "export net.yaml --weights w.safetensors -o out",
    "info": "info net.yaml --json",
    "bench": "bench net.yaml --runs=1 --json",
    "schema": "schema",
}
TIMED = {"tune", "bench", "explore"}  # their results are never the same twice: they hold times


def read(path):
    if os.path.isdir(path):
        return {f: read(f"{path}/{f}") for f in sorted(os.listdir(path))}
    with open(path, "rb") as f:
        return f.read()


def run(command, place, at, on=False):
    """status, standard output, standard error, what is in `out`, whether the request was made, what is left"""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(WORK + "/given", place)
    os.mkdir(place + "/tmp")
    env = dict(os.environ, TMPDIR=place + "/tmp", CC=place + "/cc", CC_CACHE=WORK + "/cache", LD_PRELOAD=PRELOAD,
               NO_MEMORY_AT=str(at), NO_MEMORY_ON=str(int(on)), NO_MEMORY_HIT=place + ".hit",
               NO_MEMORY_COUNT=place + ".count")
    if os.path.exists(place + ".hit"):
        os.remove(place + ".hit")
    p = subprocess.run([DSQC, *COMMANDS[command].split()], cwd=place, env=env, capture_output=True, timeout=900,
                       stdin=subprocess.DEVNULL)
    out = read(place + "/out") if os.path.exists(place + "/out") else None
    given = set(os.listdir(WORK + "/given")) | {"tmp", "out"}
    left = [f for f in os.listdir(place) if f not in given] + os.listdir(place + "/tmp")
    return p.returncode, p.stdout, p.stderr.decode(errors="replace"), out, os.path.exists(place + ".hit"), left


def continues(command, place):
    """What tune wrote after a step is whole: the same command goes on with it."""
    env = dict(os.environ, TMPDIR=place + "/tmp", CC=place + "/cc", CC_CACHE=WORK + "/cache")
    with open(place + "/out") as f:
        return f.read().endswith("}\n") and not subprocess.run(
            [DSQC, "info", "small.yaml", "--schedule=out"], cwd=place, env=env, capture_output=True).returncode


def wrong(command, place, undisturbed, result):
    status, stdout, stderr, out, hit, left = result
    if left:
        return f"left behind: {left}"
    if status == 0 and not hit:
        return None
    if status == 0:
        same = command in TIMED or (stdout, out) == undisturbed
        return None if same else "status 0 with other results"
    if status == 127 and stderr == "out of memory\n" and "LLVM" in command and out is None:
        return None # the loader of programs ends the process itself where it lacks a few bytes for libstdc++
    if status != 1:
        return f"status {status}"
    if not SAYS.search(stderr):
        return "no message of memory"
    if out is not None and not (command == "tune" and continues(command, place)):
        return "an output is there"
    return None


def numbers(command, requests, rng):
    if SWEEP:
        last = min(SWEEP, requests)
        return [(n, False) for n in range(1, last + 1)] + [(n, True) for n in range(1, last + 1, 10)]
    return [(rng.randint(1, requests), rng.random() < 0.3) for _ in range(SAMPLES)]


def test(command, rng):
    place = f"{WORK}/{command.replace(' ', '_')}"
    first = run(command, place, 0)
    if first[0]:
        print(f"not ok memory used up in {command}: undisturbed, it fails\n  {first[2]}")
        return
    with open(place + ".count") as f:
        requests = int(f.read())
    draws = numbers(command, requests, rng)

    def one(i):
        n, on = draws[i]
        here = f"{place}.{i % JOBS}" if JOBS == 1 else f"{place}.{i}"
        result = run(command, here, n, on)
        why = wrong(command, here, (first[1], first[3]), result)
        shutil.rmtree(here, ignore_errors=True)
        for end in ".hit", ".count":
            if os.path.exists(here + end):
                os.remove(here + end)
        return n, on, why, result

    with ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(one, range(len(draws))))
    bad = [r for r in results if r[2]]
    survived = sum(r[3][0] == 0 for r in results)
    if SWEEP:
        print(f"  {command}: {requests} requests, {len(draws)} runs, {survived} did without, {len(bad)} wrong")
    if not bad:
        print(f"ok memory used up in {command}")
        return
    print(f"not ok memory used up in {command}: seed {SEED}")
    for n, on, why, r in bad[:20]:
        print(f"  request {n}{' and all after it' if on else ''}: {why}\n  | " + "\n  | ".join(r[2].splitlines()[:6]))


def main():
    if subprocess.run(["grep", "-q", "__asan_init", DSQC]).returncode == 0:
        print("skip memory used up: AddressSanitizer has its own malloc")
        return
    prepare()
    print(f"  seed {SEED}")
    chosen = os.environ.get("NO_MEMORY_COMMANDS")
    for command in COMMANDS:
        if not chosen or command in chosen.split(","):
            test(command, random.Random(f"{SEED} {command}"))


main()
