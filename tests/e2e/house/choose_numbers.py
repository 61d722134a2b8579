#!/usr/bin/python3
"""No figure of a processor stands in passes/choose: every real number and every named constant there is in the list of
passes/choose/README.md, which says what geometry it is, and the list has none that is not there."""
import glob
import re


def code(path):
    with open(path) as f:
        text = f.read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


found = set()
for path in glob.glob("passes/choose/*.[ch]"):
    text = code(path)
    found |= set(re.findall(r"(?<![\w.])(?:\d+\.\d+|\d+e-?\d+)(?![\w.])", text))
    for body in re.findall(r"enum\s*\w*\s*\{([^}]*)\}", text):
        found |= {f"{name} = {value}" for name, value in re.findall(r"(\w+) = (\d+)", body) if int(value) > 1}
with open("passes/choose/README.md") as f:
    page = f.read()
table = page[page.index("Numbers that are left"):page.index("## Threads")]
listed = {w for line in table.splitlines() if line.startswith("| `") for w in re.findall(r"`([^`]+)`", line.split("|")[1])}
extra, stale = found - listed, listed - found
print("ok choose/numbers" if found and not extra else f"not ok choose/numbers\n    not in the list: {sorted(extra)}")
print("ok choose/list" if listed and not stale else f"not ok choose/list\n    not in the code: {sorted(stale)}")
