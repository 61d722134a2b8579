"""Bad specs. Each generator breaks a good spec so that it cannot be right."""
import string

from case import Case, good_spec, spec_text

RUN = ["compile", "net.yaml", "--weights=random:1", "-o", "out"]


def of(spec, place="text", files=None, options=()):
    text = spec if isinstance(spec, (str, bytes)) else spec_text(spec)
    return Case({"net.yaml": text, **(files or {})}, RUN + list(options), place)


def word(rng):
    return "q" + "".join(rng.choice(string.ascii_lowercase + string.digits + "_") for _ in range(rng.randrange(3, 12)))


def conv(spec, rng):
    return spec["network"][rng.choice([0, 3])]


# ---- words ----

def wrong_operator(rng, turn):
    spec = good_spec()
    name = ["dense", "Conv2D", "topk", "nn.Dropout(0.5)", "conv 2d", "", "conv2d\u0007", "\u202e", "x" * 3000][turn] \
        if turn < 9 else word(rng)
    spec["network"][rng.choice([1, 8])] = rng.choice([name, {"op": name}])
    return of(spec)


def wrong_attribute(rng, turn):
    spec = good_spec()
    name = ["padding", "in_channels", "activation", "kernel size", "\u00e9", "K" * 2000][turn] if turn < 6 else word(rng)
    rng.choice([conv(spec, rng), spec["network"][6], spec["network"][2]])[name] = rng.choice([1, "text", [1, 2], {"a": 1}, None])
    return of(spec)


def wrong_key(rng, turn):
    spec = good_spec()
    where = rng.choice([spec, spec["input"]["image"], spec["modules"]["block"], spec["network"][5]])
    where[word(rng)] = rng.choice([1, [], {}, "x", None])
    return of(spec)


def missing(rng, turn):
    spec = good_spec()
    where, key = rng.choice([(spec, "network"), (spec, "input"), (spec["network"][0], "kernel"), (spec["network"][0], "out"),
                             (spec["network"][6], "axes"), (spec["network"][7], "out"), (spec["network"][2], "width"),
                             (spec["modules"]["block"], "body"), (spec["network"][5], "body"),
                             (spec["network"][0], "op"), (spec["input"]["image"], "type"), (spec["network"][4], "in")])
    del where[key]
    spec["name"] = rng.choice(["net", word(rng)])
    return of(spec, "file" if where is spec else "text")


# ---- types, numbers and expressions ----

def wrong_type(rng, turn):
    spec = good_spec()
    step, mean, repeat, image = spec["network"][0], spec["network"][6], spec["network"][5], spec["input"]["image"]
    where, key, value = rng.choice([
        (step, "out", rng.choice([1.5, True, {"q": {}}, [[]], ""])), (step, "kernel", rng.choice(["x", True, 2.5, {}, [[]], [3, "q"]])),
        (step, "bias", rng.choice([1, 2.5, {}, []])), (mean, "axes", rng.choice(["x", True, 1.5, {}, [[2]], [2, None]])),
        (spec, "network", rng.choice([1, "relu", {"a": 1}, None])), (spec, "input", rng.choice([1, "x", [], {}])),
        (spec, "params", rng.choice([1, "x", [], {"classes": {}}])), (spec, "modules", rng.choice([1, "x", []])),
        (spec, "output", rng.choice([{}, [], [[]], [{}]])), (repeat, "repeat", rng.choice(["x", 1.5, True, [], {}])),
        (image, "type", rng.choice([1, True, {}, [1, 3, 12, 12]])), (image, "std", rng.choice(["x", True, {}, [[1]]])),
        (spec, "name", rng.choice([{}, [], 1, "1a", "a b"])), (spec, "include", rng.choice([{}, [{}], [[]], 3]))])
    where[key] = value
    step["stride"] = rng.randrange(1, 1000) if key != "stride" else 1
    return of(spec)


NUMBERS = ["0", "-1", "-9223372036854775808", "9223372036854775808", "9" * 40, "1e400", "0x10", "1099511627777", ".5", "1e3.5",
           "1_000", "nan", ".inf", "4611686018427387904"]


def wrong_number(rng, turn):
    spec = good_spec()
    key = rng.choice(["out", "kernel", "stride", "groups", "dilation"])
    spec["network"][0][key] = "NUMBER"
    return of(spec_text(spec).replace("NUMBER", rng.choice(NUMBERS)))


EXPRESSIONS = ["$nope", "1 +", "(1", "1)", "1 / 0", "1 % 0", "$classes $width", "max()", "foo(2)", "dim(x)", "dim(x, 9)", "channels(q)",
               "9223372036854775807 + $width", "$", "${", "$width && 2", "2 ** 3", "not", "1 < 2 < 3", "'a' + 1", "$width.x", "[1, 2]",
               "(" * 3000 + "1" + ")" * 3000, "-" * 5000 + "1", "1 + " * 5000 + "1", "min(1", "\u00d7", "$width; 1", "$width = 3",
               "true", "$classes == 4", "-1 * $width", "0 * $width", "$width / 2.0"]


def wrong_expression(rng, turn):
    spec = good_spec()
    text = EXPRESSIONS[turn] if turn < len(EXPRESSIONS) else f"{rng.choice(EXPRESSIONS[:18])} {rng.choice(['+', '*', '-'])} $width"
    if text.startswith("(((") or text.startswith("1 + 1 +"):
        text += " +"
    conv(spec, rng)[rng.choice(["out", "groups"])] = text
    return of(spec)


# ---- shapes ----

def wrong_shape(rng, turn):
    spec = good_spec()
    n = rng.randrange(2, 50)
    steps = [{"op": "reshape", "shape": [n, 12347]}, {"op": "reshape", "shape": [-1, -1, n]}, {"op": "flatten", "axis": n + 9},
             {"op": "transpose", "perm": [0, 1, n]}, {"op": "transpose", "perm": [0, 1, 1, 2]}, {"op": "split", "sizes": [n, 77], "axis": 1},
             {"op": "concat", "axis": 2, "in": ["y", "image"]}, {"op": "add", "in": ["y", "image"]}, {"op": "matmul", "in": ["y", "image"]},
             {"op": "channel_shuffle", "groups": 3 + 2 * n}, {"op": "pad", "pads": [1] * (n % 7 + 1)}, {"op": "softmax", "axis": n + 4},
             {"op": "slice", "axes": [2], "start": [0, n], "end": [3]}, {"op": "slice", "axes": [2], "start": [5], "end": [2]},
             {"op": "max_pool", "kernel": 13 + n}, {"op": "avg_pool", "kernel": 3, "pad": 3 + n}, {"op": "conv2d", "name": "q", "out": 8, "kernel": 30 + n},
             {"op": "conv2d", "name": "q", "out": 8, "kernel": 3, "groups": 3}, {"op": "conv2d", "name": "q", "out": n * 2 + 1, "kernel": 3, "groups": 2},
             {"op": "mean", "axes": [1, 1]}, {"op": "mean", "axes": [n + 4]}, {"op": "mean", "axes": []}, {"op": "upsample", "scale": 1 << 30},
             {"op": "upsample", "scale": [2, 2, n]}, {"op": "conv2d", "name": "q", "out": 1 << 41, "kernel": 3},
             {"op": "constant", "value": [1, 2, 3], "shape": [n, 2]}, {"op": "constant", "value": 1e39}, {"op": "constant", "value": []},
             {"op": "reshape", "shape": [1 << 62, 1 << 62]}, {"op": "max_pool", "kernel": 3, "stride": 0}, {"op": "relu", "in": ["y", "image"]},
             {"op": "add", "in": ["y"]}, {"op": "conv_transpose2d", "name": "q", "out": 4, "kernel": 1 << 29, "stride": 1 << 29}]
    spec["network"].insert(3, steps[turn % len(steps)])
    return of(spec)


TYPES = ["f32[", "f32]", "f99[1,3]", "f32[0,3]", "f32[1,-2]", "f32[1e3]", "f32[1,2,3,4,5,6,7,8,9]", "f32", "f32[]", "[1,3,12,12]", "f32[1,3,]",
         "f32[1099511627777]", "f32[99999999999999999999]", "f32[1048576,1048576,2]", "f32[$q]", "f32[1,3,12,12]x", "float[1,3]", "f32[a]", "f32[1 3]"]


def wrong_input(rng, turn):
    spec = good_spec()
    text = TYPES[turn] if turn < len(TYPES) else rng.choice(TYPES[:4]) + str(rng.randrange(1000))
    spec["input"]["image"] = rng.choice([text, {"type": text}])
    return of(spec)


def wrong_preparation(rng, turn):
    spec = good_spec()
    image = spec["input"]["image"]
    image.update(rng.choice([{"mean": [1, 2]}, {"mean": [1] * 9}, {"std": 0}, {"std": [1, -1, 1]}, {"mean": 1e9}, {"resize": 3}, {"resize": -5},
                             {"resize": 1 << 20}, {"mean": "$q"}, {"std": ["a", 1, 1]}, {"mean": [[1], 1, 1]}, {"resize": "big"},
                             {"mean": [rng.random()] * rng.choice([2, 4, 5])}]))
    return of(spec)


# ---- names ----

def wrong_name(rng, turn):
    spec = good_spec()
    # A step's name may have any character but those that steer a terminal; a value's name is an identifier.
    steps = ["", "a\tb", "a\nb", "x" * 300, "$nope", "${1 +}"]
    values = ["", "a b", "a\tb", "$nope", "${1 +}", "1'2", "a\\b", "a,b", "{}"]
    if rng.random() < 0.5:
        spec["network"][0]["name"] = steps[turn] if turn < len(steps) else word(rng) + chr(rng.randrange(1, 32)) + word(rng)
    else:
        sign = rng.choice([" ", "\\", "'", '"', ","])
        spec["network"][3]["as"] = values[turn] if turn < len(values) else sign.join([word(rng), word(rng)])
    return of(spec)


def unknown_value(rng, turn):
    spec = good_spec()
    name = word(rng)
    where, key, value = rng.choice([(spec["network"][4], "in", ["y", name]), (spec["network"][4], "in", [name]), (spec, "output", ["scores", name]),
                                    (spec["network"][0], "in", name), (spec["network"][2], "as", ["y", name])])
    where[key] = value
    return of(spec)


def twice(rng, turn):
    spec = good_spec()
    step = {"op": "conv2d", "name": rng.choice(["conv1", "conv2", "r0.conv", "b1.conv"]), "out": 8, "kernel": rng.choice([1, 3])}
    step["dilation"] = rng.randrange(1, 5)
    spec["network"].insert(6, step)
    return of(spec)


# ---- repetition and modules ----

def wrong_repeat(rng, turn):
    spec = good_spec()
    n = rng.randrange(10001, 1 << 40)
    relu = ["relu"]
    deep = relu
    for _ in range(70):
        deep = [{"group": deep}]
    steps = [{"repeat": -1, "body": relu}, {"repeat": n, "body": relu}, {"repeat": 10000, "body": [{"repeat": 10000, "body": relu}]},
             {"repeat": 10000, "body": [{"repeat": 10000, "body": [{"repeat": 10000, "body": []}]}]}, {"repeat": 2}, {"repeat": 2, "body": 3},
             {"each": "c", "of": 3, "body": relu}, {"each": ["a", "b"], "of": [[1, 2], [1]], "body": relu}, {"each": "c", "body": relu},
             {"each": "1", "of": [1], "body": relu}, {"sequential": 3}, {"group": "relu"}, {"repeat": 2, "sequential": [], "body": relu},
             deep[0], {"op": "relu", "when": n}, {"op": "relu", "when": "maybe"}]
    spec["network"].insert(2, steps[turn % len(steps)])
    return of(spec)


def wrong_module(rng, turn):
    spec = good_spec()
    m, a, b = spec["modules"], word(rng), word(rng)
    kind = turn % 9
    if kind == 0:
        m[a], m[b] = [b], [a]
    elif kind == 1:
        m[a] = {"body": [a]}
    elif kind == 2:
        for i in range(80):
            m[f"m{i}"] = [f"m{i + 1}"]
        m["m80"], a = ["relu"], "m0"
    elif kind == 3:
        m[a] = {"params": {"name": 1}, "body": ["relu"]}
    elif kind == 4:
        m[a] = {"inputs": ["p", "q"], "body": ["relu"]}
    elif kind == 5:
        m[a] = {"params": {b: "int"}, "body": ["relu"]}
    elif kind == 6:
        m[a] = {"output": [b], "body": ["relu"]}
    elif kind == 7:
        m["conv2d"], a = ["relu"], "conv2d"
    else:
        m[a] = {"body": ["relu", {"op": b}]}
    spec["network"].insert(2, a)
    return of(spec)


def doubling(rng, turn):
    """Modules that use the next one many times: 2^n steps."""
    spec = good_spec()
    n, times = rng.randrange(20, 60), rng.randrange(2, 9)
    for i in range(n):
        spec["modules"][f"m{i}"] = [f"m{i + 1}"] * times
    spec["modules"][f"m{n}"] = ["relu"]
    spec["network"].insert(2, "m0")
    return of(spec)


# ---- YAML ----

def cut_off(rng, turn):
    """Ends within a bracket."""
    text = spec_text(good_spec())
    depth, inside = 0, []
    for i, c in enumerate(text):
        depth += (c in "[{") - (c in "]}")
        if depth > 0 and i > text.index("input"):
            inside.append(i + 1)
    return of(text[:rng.choice(inside)])


def wrong_yaml(rng, turn):
    text = spec_text(good_spec())
    lines = text.split("\n")
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
    at = rng.randrange(2, len(lines) - 3)
    bad = [text + "network: []\n", text + "---\nname: b\n", text.replace("network:", "network: !!seq"), text.replace("- relu", "- *nope"),
           text + "\t- relu\n", text + "'", text + "input: [", text + "? [a]\n: b\n", text + bomb, text + "z: &z [*z]\n",
           text + "q: " + "[" * 100000, text + "q: " + "{a: " * 20000, text + "# " + "x" * (4 << 20), text + "q: \"\\x00\"\n",
           text + "q: \"\\q\"\n", text + "q: \"unfinished\n", text + "%YAML 9.9\n", text + "@q\n", text + "`q`\n", text + "- relu\n", text + "q: a: b\n",
           text.encode() + b"q: \xff\xfe\n", text.encode() + b"q: \x01\n", text.encode("utf-16"), b"\x00" * 100, b"", b"# nothing\n", b"---\n",
           text + "q: " + "&a " * 3 + "1\n", text + "".join(f"k{i}: {i}\n" for i in range(30000)),
           text.replace("[1,3,12,12]", "[1,\x7f3,12,12]"), text.replace("mean", "mean\u2028")]
    if turn < len(bad):
        return of(bad[turn], "file")
    garbage = rng.choice(["]", "}", "'", '"', ": :", "\t", "*q", "!q", "@", "[", "{", "- -"])
    lines.insert(at, f"{garbage} {word(rng)}" + rng.choice(["", ":", ": ["]))
    return of("\n".join(lines), "file")


def other_file(rng, turn):
    """Files of other kinds where a spec is expected."""
    data = [b"\x7fELF\x02\x01\x01" + b"\0" * 100, b"root:x:0:0:root:/root:/bin/sh\nbin:x:1:1\n", b"<html><body>network</body></html>", b"PK\x03\x04" + b"\0" * 64,
            b"{\"a\": 1}", b"[1, 2, 3]", b"import torch\n", b"\x89PNG\r\n\x1a\n", b"password: secret\n", b"\xff" * 1000]
    text = data[turn] if turn < len(data) else bytes(rng.randrange(128, 256) for _ in range(rng.randrange(1, 2000)))
    return of(text, "file")


# ---- files named in a spec ----

def wrong_include(rng, turn):
    spec = good_spec()
    names = ["nothing.yaml", ".", "/etc/passwd", "../../../../etc/passwd", "other.bin", "/dev/null/x", "net.yaml", "empty.yaml", "broken.yaml", "keys.yaml", "twice.yaml"]
    files = {"other.bin": bytes(rng.randrange(256) for _ in range(100)), "empty.yaml": "", "broken.yaml": "modules: {a: [", "keys.yaml": "modules: {}\nfoo: 1\n",
             "twice.yaml": "modules: {block: [relu]}\n"}
    spec["include"] = [names[turn] if turn < len(names) else word(rng) + ".yaml"]
    return of(spec, "file", files)


def wrong_labels(rng, turn):
    spec = good_spec()
    spec["labels"] = rng.choice([[{}], [["a"], "b"], "nothing.txt", {"a": 1}, ".", ["$nope"], word(rng)])
    return of(spec)


def wrong_seed(rng, turn):
    spec = good_spec()
    spec["weights"] = rng.choice(["random:", "random:-1", "random:x", "random:99999999999999999999", "random:1.5", f"random:{word(rng)}", ["a"], {}, ""])
    case = of(spec)
    case.argv.remove("--weights=random:1")
    return case


def wrong_set(rng, turn):
    values = ["classes=x", "classes=", "nope=3", "classes=1.5", "classes=[1]", "width=true", "classes=-1", "width=0", "classes=1 +", f"{word(rng)}={turn}",
              f"classes={word(rng)}", f"width=-{rng.randrange(1, 1 << 30)}", "classes=9223372036854775808"]
    return of(good_spec(), "text", options=["--set", values[turn] if turn < len(values) else rng.choice(values[-4:])])


def several(rng, turn):
    """Several faults at a time."""
    spec = good_spec()
    for _ in range(rng.randrange(2, 40)):
        spec["network"].insert(rng.randrange(len(spec["network"])), rng.choice([word(rng), {"op": "relu", word(rng): 1}, {"op": "conv2d"}, [], 3]))
    return of(spec)


SPECS = {f"spec, {f.__name__.replace('_', ' ')}": f for f in
         [wrong_operator, wrong_attribute, wrong_key, missing, wrong_type, wrong_number, wrong_expression, wrong_shape, wrong_input, wrong_preparation,
          wrong_name, unknown_value, twice, wrong_repeat, wrong_module, doubling, cut_off, wrong_yaml, other_file, wrong_include, wrong_labels, wrong_seed,
          wrong_set, several]}
