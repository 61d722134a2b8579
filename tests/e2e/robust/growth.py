#!/usr/bin/python3
"""Work grows in proportion to the network: one eight times as long takes some eight times the CPU time, where quadratic
work would take up to 64 times. More than 16 times, in the best of three tries, is a fault. Nothing is said of seconds."""
import json
import os
import resource
import struct
import subprocess

DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]


def conv(i, inp=None, out=8, kernel=3):
    where = f"in: {inp}, " if inp else ""
    return f"{{op: conv2d, name: c{i}, {where}out: {out}, kernel: {kernel}, pad: {kernel // 2}, as: q{i}}}"


def conv_bn_relu(n):
    return [s for i in range(n) for s in (conv(i), f"{{op: batch_norm, name: b{i}}}", "relu")]


def residual(n):
    steps = ["{op: conv2d, name: c, out: 8, kernel: 3, pad: 1, as: r0}"]
    for i in range(n):
        steps += [conv(i, f"r{i}"), f"{{op: add, in: [q{i}, r{i}]}}", f"{{op: relu, as: r{i + 1}}}"]
    return steps


def adds(n):
    return ["{op: relu, as: a0}"] + [f"{{op: add, in: [x, a{i}], as: a{i + 1}}}" for i in range(n)]


def sigmoids(n):
    return [f"{{op: sigmoid, as: q{i}}}" for i in range(n)]


def concat(n):
    return ["{op: concat, axis: 1, in: [%s]}" % ", ".join(f"q{i}" for i in range(n))]


def slices(n):
    steps = [f"{{op: conv2d, name: c, out: {n}, kernel: 1, as: z}}"]
    for i in range(n):
        steps += [f"{{op: slice, in: z, axes: [1], start: [{i}], end: [{i + 1}], as: s{i}}}", conv(i, f"s{i}", 1, 1)]
    return steps + concat(n)


def names(n):
    return "[" + ", ".join(f"q{i}" for i in range(n)) + "]"


def fan(n):
    return [conv(i, "x", 4, 1) for i in range(n)]


def doubled(n):
    """Views that read the view before them twice: there are twice as many ways through at every level."""
    steps = ["{op: softmax, axis: 1, as: a}"]
    for i in range(n):
        steps += ["{op: concat, axis: 1, in: [a, a]}", "{op: slice, axes: [1], start: [4], end: [12], as: a}"]
    return steps + ["{op: softmax, axis: 1}"]


def views(n):
    shuffle = ["{op: channel_shuffle, groups: 2}", "{op: transpose, perm: [0, 1, 3, 2]}"]
    return ["{op: softmax, axis: 1}"] + n * shuffle + ["{op: softmax, axis: 1}"]


def refused(n):
    """No view can be a reshape of a transpose."""
    steps = ["{op: softmax, axis: 1}"]
    for shape in n * ["[1, 64, 2, 4]", "[1, 8, 8, 8]"]:
        steps += ["{op: transpose, perm: [0, 2, 1, 3]}", f"{{op: reshape, shape: {shape}}}"]
    return steps + ["{op: softmax, axis: 1}"]


def factors(n):
    return [t for i in range(n) for t in (f"{{op: softmax, axis: 1, as: q{i}}}",
                                          f"{{op: parameter, name: p{i}, shape: [8, 8, 8], as: p{i}}}",
                                          f"{{op: mul, in: [q{i}, p{i}]}}")]


def one_number(n):
    """Weights of factors(n): zeros but for one number each, so that nearly all of what one has is in the others."""
    header, data, size = {}, b"", 8 * 8 * 8 * 4
    for i in range(n):
        header[f"p{i}"] = {"dtype": "F32", "shape": [8, 8, 8], "data_offsets": [i * size, (i + 1) * size]}
        data += struct.pack("<f", i + 1).rjust(size // 2 - 8, b"\0").ljust(size, b"\0")
    path, text = os.path.join(WORK, "one_number.safetensors"), json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    return path


CASES = [  # name, steps, outputs, length, and, where they are not random, weights
    ("conv, batch_norm, relu", conv_bn_relu, None, 500),
    ("residuals", residual, None, 400),
    ("relus", lambda n: ["relu"] * n, None, 2000),
    ("sigmoids", sigmoids, None, 2000),
    ("adds of one value", adds, None, 1000),
    ("sigmoids into one concat", lambda n: sigmoids(n) + concat(n), None, 250),
    ("sigmoids that are outputs", sigmoids, names, 250),
    ("convolutions into one concat", lambda n: fan(n) + concat(n), None, 250),
    ("convolutions that are outputs", fan, names, 250),
    ("slices of one value", slices, None, 250),
    ("concats of a value with itself", doubled, None, 20),
    ("views of views", views, None, 500),
    ("movements that are no views", refused, None, 100),
    ("weights that differ in one number", factors, None, 400, one_number),
]


def cpu(n, steps, outputs, weights=None):
    """CPU seconds of one compilation, None where it takes more than a minute."""
    path = os.path.join(WORK, "net.yaml")
    body = "\n".join("  - " + s for s in steps(n))
    with open(path, "w") as f:
        f.write(f"name: net\ninput: {{x: 'f32[1,8,8,8]'}}\nnetwork:\n{body}\noutput: {outputs(n) if outputs else 'y'}\n")
    given = weights(n) if weights else "random:1"
    args = [DSQC, "compile", path, "--weights", given, "--target=x86-64-v3", "-q", "-o", os.path.join(WORK, "out")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    done = subprocess.run(args, preexec_fn=limit, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print("   ", done.stderr[:300].replace("\n", " ") or "more than a minute")
        return None
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def grows(steps, outputs, n, *weights):
    best = 0
    for _ in range(3):
        short, long = cpu(n, steps, outputs, *weights), cpu(8 * n, steps, outputs, *weights)
        if short is None or long is None:
            return "did not compile"
        best = min(best or long / short, long / short)
        if best <= 16:
            return None
    return f"8 times as long takes {best:.1f} times the CPU time"


for name, *case in CASES:
    wrong = grows(*case)
    print(f"{'not ok' if wrong else 'ok'} growth: {name}")
    if wrong:
        print("   ", wrong)
