#!/usr/bin/python3
"""Includes and calls between folders run one way: compiler -> passes -> backends -> ir -> ir/base. Those who choose kernels
and those who build them know nothing of each other: they meet in passes/geometry."""
import glob
import os
import re
import subprocess

BUILD = os.environ["BUILD"]
LEVELS = ["ir/base", "ir", "backends", "passes", "compiler"]
STRANGERS = [("passes/choose", "passes/lower"), ("passes/choose", "passes/winograd")]


def level(path):
    """Of a file; runtime_min is below all."""
    return max([(len(room), i) for i, room in enumerate(LEVELS) if path.startswith(room + "/")], default=(0, -1))[1]


def sources():
    return [f for top in ("ir", "backends", "passes", "compiler") for f in sorted(glob.glob(top + "/**", recursive=True))
            if f.endswith((".c", ".h", ".def"))]


def includes():
    """(file, file that it includes); what is made while building has no folder."""
    for file in sources():
        for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', open(file).read(), re.M):
            at = os.path.normpath(os.path.join(os.path.dirname(file), name))
            if os.path.exists(at):
                yield file, at


def calls():
    """(file, file of a function or variable that it uses), as the objects say."""
    objects = [f"{BUILD}/{f[:-2]}.o" for f in sources() if f.endswith(".c") and os.path.exists(f"{BUILD}/{f[:-2]}.o")]
    made, used = {}, []
    for line in subprocess.run(["nm", "-A", *objects], capture_output=True, text=True, check=True).stdout.splitlines():
        file, rest = line.split(":", 1)
        kind, name = rest.split()[-2:]
        if kind == "U":
            used.append((file, name))
        elif kind in "TDBRC":
            made[name] = file
    place = lambda file: os.path.relpath(file, BUILD)[:-2] + ".c"
    return [(place(file), place(made[name]), name) for file, name in used if name in made]


def forbidden(user, used):
    rooms = {os.path.dirname(user), os.path.dirname(used)}
    return level(used) > level(user) or any(rooms == set(pair) for pair in STRANGERS)


def report(what, arrows, least):
    up = sorted({" -> ".join(a[:2]) + (f" ({a[2]})" if len(a) > 2 else "") for a in arrows if forbidden(*a[:2])})
    enough = len(arrows) >= least
    print(f"{'ok' if enough and not up else 'not ok'} {what} run down")
    for text in up if enough else [f"only {len(arrows)} found"]:
        print("   ", text)


report("includes", list(includes()), 300)
report("calls", calls(), 1000)
