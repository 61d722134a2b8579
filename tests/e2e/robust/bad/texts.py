"""Bad texts of the IR, rules and schedules."""
import json, os, re, subprocess

from case import SMALL, Case
from specs import word

DSQC = os.environ["DSQC"]


def printed(kind):
    """The small network's graph or loops, as dsqc prints them."""
    folder = os.environ["WORK"]
    with open(folder + "/small.yaml", "w") as f:
        f.write(SMALL)
    options = ["--emit=graph", "--stop-after=canonicalize"] if kind == "graph" else ["--emit=loops", "--target=generic"]
    out = subprocess.run([DSQC, "compile", folder + "/small.yaml", "--weights=random:1", "-o", "-", *options], check=True, stdout=subprocess.PIPE)
    os.remove(folder + "/small.yaml")
    return out.stdout.decode()


GRAPH, LOOPS = printed("graph"), printed("loops")


def opt(text, options=(), place="text"):
    return Case({"net.dsq": text}, ["opt", "net.dsq", "-o", "out.dsq", *options], place)


def cut(rng, text):
    """Without its last brace at least."""
    return text[:rng.randrange(len(text.split("\n")[0]), text.rstrip().rindex("}"))]


def graph(rng, turn):
    text = GRAPH
    node = [line for line in text.split("\n") if re.match(r" +%", line)]
    line = rng.choice(node)
    value = re.match(r" +(%\w+)", line).group(1)
    changes = [lambda: cut(rng, text), lambda: text.replace(line, re.sub(r"= \w+", "= " + word(rng), line, count=1)),
               lambda: text.replace(line, re.sub(r"(?<=[ ,])[%@][\w.]+(?=[, ])", "%" + word(rng), line, count=1) if ", " in line or " %" in line[3:] else "%"),
               lambda: text.replace(line, re.sub(r": f32\[\d+", f": f32[{rng.randrange(2, 1 << 40)}", line)), lambda: text.replace(line, line + "\n" + line),
               lambda: text.replace(line, line.replace("=", rng.choice(["==", "<-", ":", "= ="]), 1)), lambda: text.replace(line, "  " + rng.choice("!?/\\&~`") + line),
               lambda: text.replace("graph", "graphs", 1), lambda: text + text, lambda: text + "x" + word(rng), lambda: text.replace("f32", "f31", 1),
               lambda: text.replace("{", "(", 1), lambda: text.replace("[4,3,3,3]", "[4,3,3,4]"), lambda: text.replace("[4,3,3,3]", f"[{rng.randrange(1 << 41, 1 << 62)}]"),
               lambda: text.replace("[4,3,3,3]", "[4,3,3,-3]"), lambda: "", lambda: "graph", lambda: "; comment\n", lambda: text.replace(value + " = ", "% = ", 1)]
    bad = changes[turn % len(changes)]()
    return opt(bad if bad != text else text + "}", place="file")


def loops(rng, turn):
    line = rng.choice([x for x in LOOPS.split("\n") if re.search("load|store", x.split(";")[0])])
    changes = [lambda: cut(rng, LOOPS), lambda: LOOPS.replace(line, line.replace("load", word(rng), 1).replace("store", word(rng), 1), 1), lambda: LOOPS.replace(line, line.replace("[", "[" + word(rng) + " + ", 1), 1),
               lambda: LOOPS.replace(line, line + " )", 1), lambda: LOOPS.replace("program", "programme", 1), lambda: LOOPS + LOOPS, lambda: LOOPS.replace("f32", "f33", 1),
               lambda: LOOPS.replace(line, line.replace("]", "", 1), 1), lambda: "program", lambda: "", lambda: LOOPS + "x" + word(rng)]
    bad = changes[turn % len(changes)]()
    return opt(bad if bad != LOOPS else LOOPS + "}", ["--loops"], place="file")


RULES = ["rule", "rule a", "rule a exact", "rule a exact=maybe\n square(%x) => %x", "rule a exact=yes\n", "rule a exact=yes\n square(%x)", "rule a exact=yes\n square(%x) =>", "rule a exact=yes\n square(%x) => %y",
         "rule a exact=yes\n nope(%x) => %x", "rule a exact=yes\n square(%x, %y) => %x", "rule a exact=yes\n square(%x => %x", "rule a exact=yes\n square(%x) => %x when", "rule a exact=yes\n square(%x) => %x when foo(%x)",
         "rule a exact=yes\n square(%x) => %x", "rule a exact=yes\n sqrt(%x) => square(%x)", "rule a exact=yes\n softmax(%x) {axis=$k} => softmax(%x) {axis=$j}", "rule a exact=yes\n relu(%x) => relu(relu(%x))",
         "rule a exact=yes\n %x => relu(%x)", "rule a exact=yes\n 1 => 2", "rule a exact=yes\n add(%x, @a) => @a", "rule a exact=yes\n relu(%x) {axis=1} => %x", "rules of thumb", "root:x:0:0", "\xff\xfe",
         "rule a exact=yes\n relu(%x) => %x\nrule a exact=yes\n relu(%x) => %x"]


def rules(rng, turn):
    text = RULES[turn] if turn < len(RULES) else rng.choice(RULES[7:13]).replace("a exact", word(rng) + " exact")
    return Case({"net.yaml": SMALL, "my.rules": text.encode("latin-1")}, ["compile", "net.yaml", "--weights=random:1", "-o", "out", "--rules", "my.rules"], "file")


def schedule(rng, turn):
    good = {"format": "dsqc schedule 1", "version": "0", "network": "small", "target": "native", "isa": "q", "options": "", "layers": []}
    layer = {"layer": word(rng), "shape": "conv2d", "schedule": "conv_tile lanes=4 tile=1x2x1"}
    bad = [json.dumps({**good, "format": "other"}), json.dumps(good)[:-1], "", "[]", "null", json.dumps({**good, "layers": 3}), json.dumps({**good, "layers": [3]}), json.dumps({**good, "layers": [{}]}),
           json.dumps({**good, "layers": [{**layer, "schedule": word(rng)}]}), json.dumps({**good, "layers": [{**layer, "schedule": "conv_tile lanes=x"}]}), json.dumps({**good, "layers": [{**layer, "schedule": "conv_tile lanes=99999999999"}]}),
           json.dumps({**good, "layers": [layer, layer]}), json.dumps({k: v for k, v in good.items() if k != "version"}), json.dumps({**good, "version": 3}), json.dumps({**good, "measured": [1]}), "{" * 3000, json.dumps({**good, "layers": [layer]}),
           json.dumps(good).replace(",", ",,", 1), json.dumps(good) + "}", "root:x:0:0", json.dumps({**good, "target": word(rng)})]
    text = bad[turn % len(bad)]
    if turn >= len(bad):
        text += " " * rng.randrange(1, 1000) + "\x07"
    return Case({"net.yaml": SMALL, "s.json": text}, ["compile", "net.yaml", "--weights=random:1", "-o", "out", "--schedule", "s.json"], "file")


TEXTS = {f"text, {f.__name__}": f for f in [graph, loops, rules, schedule]}
