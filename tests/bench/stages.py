#!/usr/bin/python3
"""What compiling takes as networks grow, stage by stage: the least of several rounds, and its ratio at every doubling.

  DSQC=build/dsqc tests/bench/stages.py [--emit=c] [--rounds=5] [--from=SIZE --to=SIZE] [NAME ...]

Names are those of tests/e2e/robust/growth.py; without any, the two chains that are promised to grow in proportion. A stage is
a line of --time-passes, in ms; the last lines are the CPU seconds of the whole process."""
import argparse
import os
import re
import sys
import tempfile

os.environ.setdefault("WORK", tempfile.mkdtemp(prefix="dsq-growth-"))
os.environ.setdefault("DSQC", "build/dsqc")
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
import growth

PROMISED = {"conv, batch_norm, relu": (500, 4000), "relus": (5000, 40000)}


def stages(text):
    return {m[1]: float(m[2]) for m in re.finditer(r"^(\S.*?)\s+([\d.]+) ms", text, re.M)}


def measure(case, n, emit, rounds):
    """The least time of every stage, and of all together."""
    least = {}
    for _ in range(rounds):
        seconds, text = growth.build(case, n, "--time-passes", f"--emit={emit}")
        if seconds is None:
            return None
        for name, t in (*stages(text).items(), ("CPU, all", 1000 * seconds)):
            least[name] = min(least.get(name, t), t)
    return least


def show(case, sizes, emit, rounds):
    columns = [measure(case, n, emit, rounds) for n in sizes]
    print(f"{case.name}, --emit={emit}: ms, and times the column before")
    print(f"{'':18}" + "".join(f"{n:>16,}" for n in sizes))
    for name in next((c for c in columns if c), {}):
        cells = [c[name] if c else None for c in columns]
        ratio = [a and b and f"x{b / a:.2f}" or "" for a, b in zip([None] + cells, cells)]
        print(f"{name:18}" + "".join(f"{'-' if t is None else f'{t:.1f}':>10}{r:>6}" for t, r in zip(cells, ratio)))
    print(flush=True)


options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--emit", default="c")
options.add_argument("--rounds", type=int, default=5)
options.add_argument("--from", type=int, dest="first")
options.add_argument("--to", type=int, dest="last")
options.add_argument("name", nargs="*")
given = options.parse_args()
for case in growth.CASES:
    if case.name in (given.name or PROMISED):
        first, last = PROMISED.get(case.name, (case.n, 8 * case.n))
        sizes = [given.first or first]
        while 2 * sizes[-1] <= (given.last or last):
            sizes.append(2 * sizes[-1])
        show(case, sizes, given.emit, given.rounds)
