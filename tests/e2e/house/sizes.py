#!/usr/bin/python3
"""Rooms and names keep a size that a reader can take in: no folder has more than 25 files beside each other, no C line more
than 120 columns, no C file more than 400 lines, no name is that of functions in three files or more, and none that of two
structs."""
import collections
import os
import re

TOPS = ["backends", "compiler", "ir", "passes", "runtime_min", "specs", "tests"]
PRODUCT = ("backends/", "compiler/", "ir/", "passes/", "runtime_min/")
MOST_FILES, MOST_COLUMNS, MOST_LINES, MOST_NAMESAKES = 25, 120, 400, 2
# Cases of one form, which are looked up by name and never read in a row.
LISTS = {"tests/err", "tests/ir"}
# Over MOST_LINES, and why.
LONG = {
    **dict.fromkeys(["passes/fuse/fuse_group.c", "passes/lower/access.c", "passes/lower/matmul.c",
                     "passes/movement/eliminate_movement.c"], "not yet divided"),
}
# In three files or more, and why.
COMMON = {"print_text": "each command prints what it found"}


def files():
    for top in TOPS:
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(d for d in folders if d != "__pycache__")
            yield folder, sorted(names)


def sources():
    return [os.path.join(folder, name) for folder, names in files() for name in names if name.endswith((".c", ".h", ".def"))]


def report(what, wrong):
    print("ok" if not wrong else "not ok", "sizes/" + what)
    for line in wrong:
        print("    " + line)


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def functions(source):
    """Names that a file defines: at the beginning of a line, with a body."""
    head = r"^(?!typedef|return|else|#)[A-Za-z_][\w \t*]*?[ *]([A-Za-z_]\w*)\([^;{}]*?\)\s*\{"
    return set(re.findall(head, source, re.M))


def structs(source):
    """Names of structs, unions and enums that a file defines."""
    return set(re.findall(r"^(?:typedef )?(?:struct|union|enum) (\w+) *\{", source, re.M))


def namesakes(names_of):
    """name: files of the product that have it"""
    where = collections.defaultdict(list)
    for path, source in every.items():
        if path.startswith(PRODUCT):
            for name in names_of(source):
                where[name].append(path)
    return where


def allowed(found, exceptions, most):
    """What is too large, and exceptions that are none any more."""
    return [f"{name}: {n}, at most {most}" for name, n in sorted(found.items()) if n > most and name not in exceptions] + \
           [f"{name} is an exception and need not be one" for name in sorted(exceptions) if found.get(name, 0) <= most]


report("folders", [f"{folder}: {len(names)} files, at most {MOST_FILES}" for folder, names in files()
                   if len(names) > MOST_FILES and folder not in LISTS])
every = {path: text(path) for path in sources()}
report("columns", [f"{path}:{i}: {len(line)} columns, at most {MOST_COLUMNS}" for path, source in every.items()
                   for i, line in enumerate(source.splitlines(), 1) if len(line) > MOST_COLUMNS])
report("lines", allowed({path: source.count("\n") for path, source in every.items() if not path.endswith(".def")},
                        LONG, MOST_LINES))
where = namesakes(functions)
report("names", [line + (" files: " + " ".join(where[line.split(":")[0]]) if line.split(":")[0] in where else "")
                 for line in allowed({name: len(paths) for name, paths in where.items()}, COMMON, MOST_NAMESAKES)])
report("structs", [f"{name}: " + " ".join(paths) for name, paths in sorted(namesakes(structs).items()) if len(paths) > 1])
