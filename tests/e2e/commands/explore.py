#!/usr/bin/python3
"""dsqc explore: its table against the reports of compile, and its page in a browser: headless Chromium, driven through
chromedriver's HTTP protocol."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]
os.environ["TMPDIR"] = WORK
failed = False


def check(name, ok, *why):
    global failed
    print(("ok " if ok else "not ok ") + "explore: " + name)
    if not ok:
        failed = True
        for line in why:
            print("    " + str(line)[:2000])
    sys.stdout.flush()
    return ok


def dsqc(*args):
    r = subprocess.run([DSQC, *args], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def report(*args):
    status, _, err = dsqc("compile", *args, "--weights", "random:1", "-o", WORK + "/out", "-q")
    assert status == 0, err
    with open(WORK + "/out/" + os.path.basename(args[0]).replace(".yaml", ".json")) as f:
        r = json.load(f)
    return {"kernels": len(r["kernels"]), "bytes_moved": r["bytes_moved"], "arena_bytes": r["arena_bytes"],
            "macs": sum(k["macs"] for k in r["kernels"])}


def explore(*args):
    status, out, err = dsqc("explore", *args, "--weights", "random:1", "--json")
    assert status == 0, err
    return json.loads(out)


# ---- the table ----

def table():
    spec = "specs/tiny/shuffle.yaml"
    t = explore(spec, "--runs", "3", "--html", WORK + "/small.html")
    rows = [t["everything"], *t["without"], *t["one_after_another"]]
    sizes = ("kernels", "bytes_moved", "arena_bytes", "macs")
    check("everything is what compile reports", {k: t["everything"][k] for k in sizes} == report(spec), t["everything"], report(spec))
    check("the last of one after another is everything", {**t["one_after_another"][-1], "pass": None} == t["everything"], t)
    names = [r["pass"] for r in t["without"]]
    check("one row for each pass that can be left out", names == [r["pass"] for r in t["one_after_another"][1:]] and
          t["one_after_another"][0]["pass"] is None and len(names) >= 3, names)
    for r in t["without"]:
        want = report(spec, "--disable-pass=" + r["pass"])
        check(f"without {r['pass']} is what compile reports", {k: r[k] for k in sizes} == want, r, want)
    want = report(spec, "--disable-pass=" + ",".join(names))
    check("the first of one after another has required passes alone", {k: t["one_after_another"][0][k] for k in sizes} == want)
    check("every variant has code and a time", all(r["code_bytes"] > 0 and r["median_ms"] > 0 for r in rows) and t["runs"] == 3, rows)
    by = {r["pass"]: r for r in t["without"]}
    check("fusion saves kernels and bytes", by["fuse-epilogue"]["kernels"] > t["everything"]["kernels"] and
          by["fuse-epilogue"]["bytes_moved"] > t["everything"]["bytes_moved"], by)
    check("planning saves memory", by["plan-memory"]["arena_bytes"] > 2 * t["everything"]["arena_bytes"], by)

    t = explore(spec, "--no-time", "--disable-pass=fuse-epilogue")
    check("what is disabled is no row", "fuse-epilogue" not in [r["pass"] for r in t["without"]] and
          {k: t["everything"][k] for k in sizes} == report(spec, "--disable-pass=fuse-epilogue"), t)
    check("no times, no code", t["everything"]["median_ms"] is None and t["everything"]["code_bytes"] is None, t)
    if shutil.which("arm-none-eabi-gcc"):
        t = explore(spec, "--target=cortex-m4")
        check("code of another machine has a size and no time", t["everything"]["code_bytes"] > 1000 and
              t["everything"]["median_ms"] is None, t)
    else:
        print("skip explore: cortex-m4: no arm-none-eabi-gcc")

    _, out, _ = dsqc("explore", spec, "--no-time")
    lines = out.splitlines()
    check("text", lines[0].startswith("shuffle for native, -O2, no times") and "  without fuse-epilogue" in out and
          "  + fuse-epilogue" in out and len([x for x in lines if x.startswith("  ")]) == 2 * len(names) + 4, out)
    _, out, _ = dsqc("explore", spec, "--no-time", "--markdown", "--set", "classes=7")
    lines = out.splitlines()
    check("Markdown", len(lines) == 3 and len({x.count("|") for x in lines}) == 1 and lines[2].startswith("| `shuffle` `7` |"), out)


def errors():
    for name, args, status, text in [
            ("two forms", ["specs/tiny/lenet.yaml", "--json", "--markdown"], 2, "two ways to print"),
            ("no list of passes", ["specs/tiny/lenet.yaml", "--passes=dce"], 2, "is an option of 'compile'"),
            ("required pass", ["specs/tiny/lenet.yaml", "--disable-pass=assign-layout"], 2, "'assign-layout' is required"),
            ("no such spec", [WORK + "/none.yaml"], 1, "error"),
            ("unwritable page", ["specs/tiny/lenet.yaml", "--no-time", "--html", WORK + "/none/page.html"], 1, "error: "),
            ("failing C compiler", ["specs/tiny/lenet.yaml"], 1, "the C compiler failed")]:
        os.environ.pop("CC", None)
        if name == "failing C compiler":
            os.environ["CC"] = "false"
        got, _, err = dsqc("explore", *args)
        check(name, got == status and text in err, got, err)
    os.environ.pop("CC", None)
    got, out, _ = dsqc("explore", "specs/tiny/lenet.yaml", "--no-time", "--html", "-")
    check("page to standard output", got == 0 and out.startswith("<!doctype html>") and out.rstrip().endswith("</html>"), out[:200])


# ---- a browser ----

class Browser:
    """The few commands of WebDriver (W3C) that the test needs."""

    def __init__(self, *flags):
        self.http = urllib.request.build_opener(urllib.request.ProxyHandler({})) # this machine alone
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = None
        while port is None:
            line = self.driver.stdout.readline()
            assert line, "chromedriver ended"
            found = re.search(r"started successfully on port (\d+)", line)
            port = found and found.group(1)
        self.base = f"http://127.0.0.1:{port}/session"
        args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + WORK + "/chromium",
                *flags]
        try:
            self.base += "/" + self.post("", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        except Exception:
            self.driver.kill()
            raise

    def post(self, path, body):
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with self.http.open(request, timeout=120) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(e.read().decode()[:1000]) from e

    def js(self, script, *args):
        return self.post("/execute/sync", {"script": script, "args": list(args)})

    def keys(self, *keys):
        actions = [{"type": t, "value": k} for k in keys for t in ("keyDown", "keyUp")]
        self.post("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def pointer(self, x, y):
        self.post("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [
            {"type": "pointerMove", "x": int(x), "y": int(y)}]}]})

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def click(self, selector):
        element = self.post("/element", {"using": "css selector", "value": selector})
        self.post("/element/" + next(iter(element.values())) + "/click", {})

    def close(self):
        try:
            self.http.open(urllib.request.Request(self.base, method="DELETE"), timeout=30).close()
        finally:
            self.driver.terminate()
            self.driver.wait()


DOWN, UP, LEFT, RIGHT, ENTER, TAB = "\ue015", "\ue013", "\ue012", "\ue014", "\ue007", "\ue004"

# Contrast of text with what is behind it, by the formula of WCAG 2: the least of the visible elements that match.
CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}
function behind(e) {
  const layers = [];
  for (; e; e = e.parentElement) {
    const c = rgba(getComputedStyle(e).backgroundColor);
    layers.push(c);
    if (c[3] === 255) break;
  }
  return layers.reduceRight((under, c) => c.slice(0, 3).map((v, i) => v * c[3] / 255 + under[i] * (1 - c[3] / 255)), [255, 255, 255]);
}
function light(c) {
  const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
const ratios = [...document.querySelectorAll(arguments[0])].filter((e) => e.offsetParent && e.textContent.trim()).slice(0, 400).map((e) => {
  const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  return (a + .05) / (b + .05);
});
return ratios.length ? Math.min(...ratios) : null;
"""


def contrast(b, theme):
    spots = {"1": ["#view-passes dt", "#view-passes small", "#view-passes td", ".delta", ".doc", "#view-passes th"],
             "2": ["nav button", "#stages span", "#stages b", ".node .title", ".node .more", ".place", ".ir span", ".ir mark", ".ir .at", ".sign",
                   "#facts dt", "#facts a", "#spec .no", "#spec .y", "#spec .k", "#c", "#c .m", "#c .k", ".files button", ".bar"],
             "3": [".krow .impl", ".krow .soft", ".krow.chosen span", ".krow .num"], "4": ["#alive", "#memory-bar"]}
    worst = (99, "")
    for key, selectors in spots.items():
        b.keys(key)
        for s in selectors:
            ratio = b.js(CONTRAST, s)
            if ratio is None:
                check(f"{theme}: {s} is shown", False)
            elif ratio < worst[0]:
                worst = (ratio, s)
    check(f"{theme} theme: text contrasts by 4.5 or more (least: {worst[0]:.2f}, {worst[1]})", worst[0] >= 4.5)


def stage_and_node(b):
    return b.js("return [chosen.stage, chosen.node, chosen.kernel]")


def page(b, path):
    name, spec = "layer3.2.conv2", "specs/modules/resnet.yaml"
    b.post("/window/rect", {"width": 1500, "height": 950})
    began = time.monotonic()
    b.post("/url", {"url": "file://" + path})
    took = time.monotonic() - began
    timing = b.js("const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime")
    size = os.path.getsize(path)
    print(f"    {os.path.basename(path)}: {size / 1e6:.2f} MB, loaded in {timing / 1e3:.2f} s ({took:.2f} s with the driver)")
    check("page under 5 MB", size < 5e6, size)
    check("page loads", timing < 30e3 and b.js("return document.readyState") == "complete", timing)
    check("nothing is fetched", b.js("return performance.getEntriesByType('resource').length") == 0)

    # a pass, a node, its line
    b.click("#tab-graph")
    stage = b.js("return stages.findIndex((s) => s.pass === 'fuse-epilogue')")
    b.click(f"#stage-{stage}")
    check("a pass is chosen", b.js("return [left, right]") == [stage - 1, stage] and
          b.text(f"#stage-{stage}").startswith("fuse-epilogue"), b.js("return [left, right]"))
    nodes = b.js("return stages.map((s) => s.nodes.length)")
    check("its nodes are shown", b.js("return document.querySelectorAll('.node[data-side=r]').length") == nodes[stage] and
          b.js("return document.querySelectorAll('.node[data-side=l]').length") == nodes[stage - 1] and
          f"{nodes[stage - 1]} → {nodes[stage]} nodes" in b.text("#diff-count"), nodes, b.text("#diff-count"))
    check("what changed is highlighted", b.js("return [...document.querySelectorAll('.block.changed')].every((x) => x.querySelector('mark'))") and
          b.js("return document.querySelectorAll('.block.changed').length") > 30)
    b.keys("/", *name)
    check("search finds nodes", b.text("#found li").startswith(name), b.text("#found"))
    b.keys(ENTER)
    check("the node is chosen", b.text("#facts-title").startswith(name) and b.text(".node.chosen .title").find(name) >= 0, b.text("#facts-title"))
    line = b.js("const y = document.querySelector('.yl.hit'); return [+y.dataset.line, y.querySelector('.y').textContent]")
    with open(spec) as f:
        text = f.read().splitlines()
    check("its line of the spec", "conv2d" in line[1] and text[line[0] - 1] == line[1] and
          b.text(".files [aria-pressed=true]") == "modules/resnet.yaml", line)
    check("the step around it", "layer3 specs/resnet50.yaml:" in b.text("#facts"), b.text("#facts"))
    b.js("document.querySelectorAll('#facts a')[document.querySelectorAll('#facts a').length - 1].click()")
    check("the spec follows a link", b.text(".files [aria-pressed=true]") == "specs/resnet50.yaml" and
          "layer3" in b.text(".yl.also"), b.text(".files [aria-pressed=true]"))

    # its C
    status, _, err = dsqc("compile", "specs/resnet50.yaml", "--weights", "random:1", "-o", WORK + "/r50", "-q")
    with open(WORK + "/r50/resnet50.c") as f:
        source = f.read()
    kernel = b.js("return data.kernels[chosen.kernel].name")
    code = b.text("#c")
    check("its C is what compile writes", status == 0 and f"static void resnet50_{kernel}(" in code and code.strip() in source, err, code[:500])

    # keys
    before = stage_and_node(b)
    b.keys(DOWN)
    down = stage_and_node(b)
    b.keys(UP)
    check("arrows move in the graph", down[:2] == [before[0], before[1] + 1] and stage_and_node(b) == before, before, down)
    b.keys(LEFT)
    across = stage_and_node(b)
    check("across to the node before the pass", across[0] == stage - 1 and across[2] == before[2], across)
    b.keys(RIGHT, "n")
    check("n goes to a change", b.js("return !document.querySelector('.node.chosen').closest('.block').matches('.same')") and
          stage_and_node(b) != before)
    b.keys("]")
    check("] is the next pass", b.js("return right") == stage + 1)
    b.keys("[", "c")
    check("c leaves changes alone", b.js("return document.querySelectorAll('.block.same').length") == 0 and
          b.js("return document.querySelectorAll('.skip').length") >= 1)
    b.keys("c", "3")
    kernels = b.js("return document.querySelectorAll('.krow[data-kernel]').length")
    check("3 shows the kernels", kernels == b.js("return data.everything.kernels") and b.js("return document.activeElement.id") == "kernels", kernels)
    b.keys("\ue011", DOWN, DOWN)
    check("arrows move in the kernels", stage_and_node(b)[2] == 2 and "k2_" in b.text("#c-title"), stage_and_node(b))
    b.click("[data-sort=bytes]")
    moved = b.js("return [...document.querySelectorAll('.krow[data-kernel]')].map((r) => moved(data.kernels[r.dataset.kernel]))")
    check("kernels sort by bytes", moved == sorted(moved, reverse=True), moved)
    b.keys("4")
    boxes = b.js("return document.querySelectorAll('.use').length")
    check("4 shows the arena", boxes == b.js("return data.arena.length") and boxes > 20, boxes)
    b.keys("\ue011", RIGHT)
    first = b.js("return data.arena[document.querySelector('.use.chosen').dataset.use]")
    b.keys(RIGHT)
    second = b.js("return data.arena[document.querySelector('.use.chosen').dataset.use]")
    check("arrows move in time", (second["first"], second["offset"]) > (first["first"], first["offset"]), first, second)
    at = b.js("const r = document.querySelector('.use.chosen').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]")
    b.pointer(*at)
    check("pointing tells the value", second["what"] in b.text("#tip") and f"{second['bytes']:,} bytes" in b.text("#tip"), b.text("#tip"))
    b.keys("2", TAB)
    ring = b.js("const s = getComputedStyle(document.activeElement); return [document.activeElement.id, s.outlineStyle, parseFloat(s.outlineWidth)]")
    check("the focus is visible", ring[1] == "solid" and ring[2] >= 2, ring)

    # both themes
    for _ in range(2):
        b.keys("2")
        contrast(b, b.js("return document.documentElement.dataset.theme"))
        b.js("document.activeElement.blur()")
        b.keys("t")

    # narrow
    b.post("/window/rect", {"width": 500, "height": 900})
    for key in "1234":
        b.keys(key)
        wide = b.js("return [document.documentElement.scrollWidth, innerWidth]")
        check(f"view {key} fits a narrow window", wide[0] <= wide[1], wide)

    # back to the same place
    b.post("/window/rect", {"width": 1500, "height": 950})
    b.keys("2")
    url, now = b.js("return location.href"), stage_and_node(b)
    b.post("/url", {"url": "about:blank"})
    b.post("/url", {"url": url})
    check("the address leads back", stage_and_node(b) == now and b.js("return view") == "graph", url, now)
    severe = [e for e in b.post("/se/log", {"type": "browser"}) if e["level"] == "SEVERE"]
    check("the console has no errors", not severe, severe)


def small_page(b, path):
    b.post("/url", {"url": "file://" + path})
    check("times are on the page", b.js("return data.kernels.every((k) => k.ms > 0) && timed") and
          "Time" in b.text("#view-passes") and b.js("return document.querySelectorAll('#view-passes tr').length") ==
          2 * b.js("return data.without.length") + 4)


def browser():
    lacking = [p for p in ("chromium", "chromedriver") if not shutil.which(p)]
    if lacking:
        print(f"skip explore: the page in a browser: no {' and no '.join(lacking)}")
        return
    path = WORK + "/resnet50.html"
    status, _, err = dsqc("explore", "specs/resnet50.yaml", "--weights", "random:1", "--no-time", "--html", path)
    if not check("page of resnet50", status == 0, err):
        return
    b = Browser()
    try:
        page(b, path)
        small_page(b, WORK + "/small.html")
    finally:
        b.close()


table()
errors()
browser()
sys.exit(failed)
