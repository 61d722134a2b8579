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


def blocks(n):
    """DenseNets: in a block, every layer reads all layers before it."""
    steps = []
    for i in range(0, n, 8):
        steps += ["{op: conv2d, name: t%d, out: 8, kernel: 1, as: q%d}" % (i, i)]
        for j in range(i + 1, i + 8):
            inp = "[%s]" % ", ".join(f"q{k}" for k in range(i, j))
            steps += [f"{{op: concat, axis: 1, in: {inp}, as: d}}" if j > i + 1 else f"{{op: relu, in: q{i}, as: d}}",
                      conv(j, "d", 8, 1)]
    return steps


def epilogue(n):
    """One convolution, and behind it steps that read operands of their own."""
    return fan(n) + ["{op: conv2d, name: last, in: x, out: 4, kernel: 1, as: s}"] + \
           [f"{{op: add, in: [s, q{i}], as: s}}" for i in range(n)]


def readers(n):
    """One value that all read, and a sum of what they make of it."""
    return ["{op: sigmoid, as: a}"] + [f"{{op: {('tanh', 'exp')[i % 2]}, in: a, as: q{i}}}" for i in range(n)] + \
           ["{op: relu, as: s}"] + [f"{{op: add, in: [s, q{i}], as: s}}" for i in range(n - 1)]


def shared(n):
    """One weight that all layers have."""
    return ["{op: parameter, name: p, shape: [8, 8, 8], as: p}", "{op: relu, in: x, as: y}"] + \
           n * ["{op: mul, in: [y, p], as: y}", "{op: sigmoid, as: y}"]


def diamonds(n):
    return [t for i in range(n) for t in (f"{{op: sigmoid, as: a}}", conv(i, "a"), "{op: tanh, in: a, as: b}",
                                          f"{{op: mul, in: [q{i}, b]}}")]


class Case:
    def __init__(self, name, steps, n, outputs=None, weights=None):
        self.name, self.steps, self.n = name, steps, n
        self.outputs, self.weights = outputs, weights

    def write(self, n):
        """Spec and weights of a network of length n."""
        path = os.path.join(WORK, "net.yaml")
        body = "\n".join("  - " + s for s in self.steps(n))
        outputs = self.outputs(n) if self.outputs else "y"
        with open(path, "w") as f:
            f.write(f"name: net\ninput: {{x: 'f32[1,8,8,8]'}}\nnetwork:\n{body}\noutput: {outputs}\n")
        return path, self.weights(n) if self.weights else "random:1"


CASES = [
    Case("conv, batch_norm, relu", conv_bn_relu, 500),
    Case("residuals", residual, 400),
    Case("dense blocks", blocks, 200),
    Case("diamonds", diamonds, 200),
    Case("relus", lambda n: ["relu"] * n, 2000),
    Case("sigmoids", sigmoids, 2000),
    Case("adds of one value", adds, 1000),
    Case("readers of one value", readers, 500),
    Case("steps behind one convolution", epilogue, 250),
    Case("one weight for all", shared, 500),
    Case("sigmoids into one concat", lambda n: sigmoids(n) + concat(n), 250),
    Case("sigmoids that are outputs", sigmoids, 250, names),
    Case("convolutions into one concat", lambda n: fan(n) + concat(n), 250),
    Case("convolutions that are outputs", fan, 250, names),
    Case("slices of one value", slices, 250),
    Case("concats of a value with itself", doubled, 20),
    Case("views of views", views, 500),
    Case("movements that are no views", refused, 100),
    Case("weights that differ in one number", factors, 400, weights=one_number),
]


def build(case, n, *more):
    """CPU seconds of one compilation and what it says; None where it takes more than a minute."""
    path, weights = case.write(n)
    args = [DSQC, "compile", path, "--weights", weights, "--target=x86-64-v3", "-q", "-o", os.path.join(WORK, "out"), *more]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    done = subprocess.run(args, preexec_fn=limit, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print("   ", done.stderr[:300].replace("\n", " ") or "more than a minute")
        return None, ""
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stderr


def grows(case):
    best = 0
    for _ in range(3):
        short, long = build(case, case.n)[0], build(case, 8 * case.n)[0]
        if short is None or long is None:
            return "did not compile"
        best = min(best or long / short, long / short)
        if best <= 16:
            return None
    return f"8 times as long takes {best:.1f} times the CPU time"


if __name__ == "__main__":
    for case in CASES:
        wrong = grows(case)
        print(f"{'not ok' if wrong else 'ok'} growth: {case.name}")
        if wrong:
            print("   ", wrong)
