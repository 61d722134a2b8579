#!/usr/bin/python3
"""The README's "Write a spec": its two YAML blocks, as printed, are a network that verifies."""
import os
import re
import subprocess

work, dsqc = os.environ["WORK"], os.environ["DSQC"]
with open("README.md") as f:
    section = f.read().split("## Write a spec")[1].split("\n## ")[0]
blocks = re.findall(r"```yaml\n(.*?)```", section, re.S)
for name, text in zip(("signs.yaml", "block.yaml"), blocks):
    with open(os.path.join(work, name), "w") as f:
        f.write(text)
r = subprocess.run([dsqc, "verify", os.path.join(work, "signs.yaml"), "--weights", "random:1", "--runs", "1", "--engine=loops"],
                   capture_output=True, text=True)
print("ok readme/spec" if r.returncode == 0 and len(blocks) == 2 else f"not ok readme/spec\n    {r.stderr.strip()}")
# Where the shortcut's convolution is left out, what is added is the block's own input: the operand of its convolution.
r = subprocess.run([dsqc, "compile", os.path.join(work, "signs.yaml"), "--weights", "random:1", "--emit=graph", "-o", "-"],
                   capture_output=True, text=True)
own = re.findall(r"conv2d (%\d+), @block[234]\.conv\S* .*\n\s+epilogue \{ add \1 ", r.stdout)
print("ok readme/shortcuts" if len(own) == 3 else f"not ok readme/shortcuts\n    {len(own)} of 3 in\n{r.stdout}")
