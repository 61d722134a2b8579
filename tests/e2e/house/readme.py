#!/usr/bin/python3
"""The YAML blocks of specs/README.md, as printed, are a network that verifies; so is the one in README.md."""
import os
import re
import subprocess

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
for name, text in zip(("signs.yaml", "block.yaml"), blocks):
    write(name, text)
r = verify("signs.yaml")
print("ok readme/spec" if r.returncode == 0 and len(blocks) == 2 else f"not ok readme/spec\n    {r.stderr.strip()}")
# Where the shortcut's convolution is left out, what is added is the block's own input: the operand of its convolution.
r = subprocess.run([dsqc, "compile", os.path.join(work, "signs.yaml"), "--weights", "random:1", "--emit=graph", "-o", "-"],
                   capture_output=True, text=True)
own = re.findall(r"conv2d (%\d+), @block[234]\.conv\S* .*\n\s+epilogue \{ add \1 ", r.stdout)
print("ok readme/shortcuts" if len(own) == 3 else f"not ok readme/shortcuts\n    {len(own)} of 3 in\n{r.stdout}")
