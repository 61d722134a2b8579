#!/usr/bin/python3
"""The YAML blocks of specs/README.md, as printed, are networks that verify; so is the one in README.md. Links of all
pages lead somewhere, and drawings are small and have colours for dark pages, too."""
import glob
import os
import re
import subprocess
import xml.dom.minidom

work, dsqc = os.environ["WORK"], os.environ["DSQC"]


def yaml_of(page):
    with open(page) as f:
        return re.findall(r"```yaml\n(.*?)```", f.read(), re.S)


def write(name, text):
    with open(os.path.join(work, name), "w") as f:
        f.write(text)


def verify(name):
    return subprocess.run([dsqc, "verify", os.path.join(work, name), "--weights", "random:1", "--runs", "1", "--engine=loops"],
                          capture_output=True, text=True)


blocks = yaml_of("README.md")
for text in blocks:
    write("signs.yaml", text)
r = verify("signs.yaml")
print("ok readme/first spec" if r.returncode == 0 and len(blocks) == 1 else f"not ok readme/first spec\n    {r.stderr.strip()}")
blocks = yaml_of("specs/README.md")
for name, text in zip(("signs.yaml", "block.yaml", "recurrent.yaml"), blocks):
    write(name, text)
r = verify("recurrent.yaml")
print("ok readme/recurrent" if r.returncode == 0 and len(blocks) == 3 else f"not ok readme/recurrent\n    {r.stderr.strip()}")
r = verify("signs.yaml")
print("ok readme/spec" if r.returncode == 0 and len(blocks) == 3 else f"not ok readme/spec\n    {r.stderr.strip()}")
# Where the shortcut's convolution is left out, what is added is the block's own input: the operand of its convolution.
r = subprocess.run([dsqc, "compile", os.path.join(work, "signs.yaml"), "--weights", "random:1", "--emit=graph", "-o", "-"],
                   capture_output=True, text=True)
own = re.findall(r"conv2d (%\d+), @block[234]\.conv\S* .*\n\s+epilogue \{ add \1 ", r.stdout)
print("ok readme/shortcuts" if len(own) == 3 else f"not ok readme/shortcuts\n    {len(own)} of 3 in\n{r.stdout}")


def verdict(name, wrong):
    print("\n    ".join([f"not ok readme/{name}", *wrong]) if wrong else f"ok readme/{name}")


pages = [p for p in glob.glob("**/*.md", recursive=True) if not p.startswith("build")]
wrong, drawings = [], set()
for page in pages:
    with open(page) as f:
        for link in re.findall(r"\]\(([^)#:]+)\)", f.read()):
            path = os.path.normpath(os.path.join(os.path.dirname(page), link))
            if not os.path.exists(path):
                wrong.append(f"{page}: {link}")
            elif path.endswith(".svg"):
                drawings.add(path)
verdict("links", wrong if len(drawings) > 6 else wrong + [f"{len(drawings)} drawings"])
wrong = []
for path in sorted(drawings - {"compiler/share/overview.svg"}): # that one has a background of its own
    with open(path) as f:
        text = f.read()
    xml.dom.minidom.parseString(text)
    if len(text) > 8192 or "prefers-color-scheme: dark" not in text:
        wrong.append(path)
verdict("drawings", wrong)
