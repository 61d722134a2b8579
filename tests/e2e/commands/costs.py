#!/usr/bin/python3
"""--costs of info, bench and explore: terms add up to the cycles, what is rejected costs no less, and the kernels are
those that the report of a compilation names."""
import json
import os
import subprocess

dsqc, work = os.environ["DSQC"], os.environ["WORK"]


def run(*words):
    done = subprocess.run([dsqc, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"not ok costs\n    dsqc {' '.join(words)}: {done.stderr}")
    return done.stdout


def check(name, good, why=""):
    print(f"ok costs/{name}" if good else f"not ok costs/{name}\n    {why}")


def close(a, b, rounded):
    return abs(a - b) <= rounded + 1e-9


def adds_up(c):
    return c["cycles"] is None and not c["terms"] or close(c["cycles"], sum(c["terms"].values()), len(c["terms"]))


for spec, options in (("resnet18", ["--target=x86-64-v4"]), ("mobilenet_v2", ["--target=x86-64-v3"]),
                      ("shufflenet_v2_x0_5", ["--target=x86-64-v4", "--threads=2"]), ("squeezenet1_1", ["--target=aarch64"]), ("tiny/dscnn", ["--target=cortex-m4"])):
    words = [f"specs/{spec}.yaml", "--weights", "random:1", *options]
    costs = json.loads(run("info", *words, "--json", "--costs"))["costs"]
    everything = [x for c in costs for x in [c, *c["rejected"]]]
    check(f"{spec} adds up", everything and all(adds_up(x) for x in everything), costs)
    worse = [c for c in costs if any(r["cycles"] < 0.998 * c["cycles"] for r in c["rejected"])]
    check(f"{spec} cheapest", not worse, worse)
    report = os.path.join(work, "report.json")
    run("compile", *words, "--emit=loops", "-o", "-", "-q", "--report", report)
    with open(report) as f:
        kernels = {k["impl"] for k in json.load(f)["kernels"] if k["op"] in ("conv2d", "linear", "matmul")}
    check(f"{spec} kernels", {c["schedule"] for c in costs} == kernels, (costs, kernels))

tiny = ["specs/tiny/dscnn.yaml", "--weights", "random:1", "--costs"]
check("bench", "costs" in json.loads(run("bench", *tiny, "--json", "--runs=1")))
check("explore", "costs" in json.loads(run("explore", *tiny, "--json", "--no-time")))
text = run("info", *tiny)
check("text", "multiply-adds" in text and "%" in text, text)
