#!/usr/bin/python3
"""Commands that run at the same time, as make -j runs them, do not disturb each other: two models into one folder that
neither finds, and two models that share files of one folder."""
import os
import shutil
import subprocess

WORK, DSQC = os.environ["WORK"], os.environ["DSQC"]
PAIRS = 40
SPEC = "name: %s\ninput: {x: 'f32[1,4]'}\nnetwork: [relu]\noutput: y\n"


def start(model, folder, *options):
    return subprocess.Popen([DSQC, "compile", f"{WORK}/{model}.yaml", "--target=generic", "-q", "-o", folder, *options],
                            stderr=subprocess.PIPE, text=True)


def pair(folder, first=(), second=()):
    """What the two say, and what is in the folder."""
    both = [start("p1", folder, *first), start("p2", folder, *second)]
    said = [p.communicate()[1] or f"status {p.returncode}" * (p.returncode != 0) for p in both]
    return "".join(said), sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def case(name, wrong):
    print(f"ok {name}" if not wrong else f"not ok {name}: {len(wrong)} of {PAIRS}: {wrong[0]}")


for model in ("p1", "p2"):
    with open(f"{WORK}/{model}.yaml", "w") as f:
        f.write(SPEC % model)

plain = ["dsq.h", "p1.c", "p1.h", "p1.json", "p2.c", "p2.h", "p2.json"]
wrong = []
for i in range(PAIRS):
    said, there = pair(f"{WORK}/new{i}/a/b")
    if said or there != plain:
        wrong.append(f"{said} {there}")
case("two models make one folder", wrong)

wrong = []
for i in range(PAIRS):
    pair(f"{WORK}/shared", ["--threads"])
    said, there = pair(f"{WORK}/shared", (), ["--threads"])
    if said or there != sorted(plain + ["dsq_pool.c", "dsq_pool.h"]):
        wrong.append(f"{said} {there}")
    shutil.rmtree(f"{WORK}/shared")
case("one model drops what the other begins to need", wrong)

# One that fails takes the folder away that it made only where nobody else has found it.
wrong = []
for i in range(PAIRS):
    folder = f"{WORK}/half{i}"
    said, there = pair(folder, ["--report=/dev/full"])
    if "p2.c" not in there or "p1.c" in there or "p2" in said:
        wrong.append(f"{said} {there}")
case("one fails, the other does not", wrong)
