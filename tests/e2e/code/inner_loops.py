#!/usr/bin/python3
"""The innermost loops of convolutions, as compilers make them, read in the disassembly: on NEON a vector loaded at most
for every three multiply-adds, since the inputs come four channels at a time; on AVX2 and AVX-512 no weights that gcc
loads again for every pixel, and nothing that it keeps on the stack."""
import os
import re
import shutil
import subprocess

WORK, DSQC = os.environ["WORK"], os.environ["DSQC"]
# A network, what the names of its kernels have in common, how many they are.
SIDE_BY_SIDE = "squeezenet1_1", "features_11_expand", 2  # 1x1 and 3x3 in one storage
MANY_SUMS = "shufflenet_v2_x1_0", "stage4_0_branch2_0", 1  # 24 and more in registers, and biases for them
LINEAR = "tiny/attention", "k0_qkv", 1  # 12 sums, three vectors of weights and one input: all 16 registers of AVX2


def instructions(objdump, file):
    """Function by function: [(address, text)]."""
    functions = {}
    for line in subprocess.run([objdump, "-d", "--no-show-raw-insn", file], capture_output=True, text=True, check=True).stdout.splitlines():
        name, at = re.match(r"[0-9a-f]+ <(.*)>:", line), re.match(r"\s+([0-9a-f]+):\s+(.*)", line)
        if name:
            code = functions.setdefault(name[1], [])
        elif at:
            code.append((int(at[1], 16), at[2]))
    return functions


def innermost(code):
    """What stands in the loops that have no other inside."""
    index, loops = {at: i for i, (at, _) in enumerate(code)}, []
    for i, (_, text) in enumerate(code):
        jump = re.match(r"(?:j|b|cb|tb)\S*\s+(?:.*,\s*)?([0-9a-f]+) <", text)
        first = index.get(int(jump[1], 16)) if jump else None
        if first is not None and first <= i:
            loops.append((first, i))
    for a in loops:
        if not any(a[0] <= b[0] and b[1] <= a[1] and a != b for b in loops):
            yield [text for _, text in code[a[0]:a[1] + 1]]


def vectors_loaded(loop):
    return sum(2 if re.match(r"ldn?p\s+[qds]", text) else 1 for text in loop if re.match(r"ld\S*\s+\{?[qdsv]\d", text))


def neon(loop):
    fmla, loads = sum(text.startswith("fmla") for text in loop), vectors_loaded(loop)
    return fmla >= 48 and 3 * loads <= fmla, f"{loads} vectors loaded for {fmla} fmla"


def held(loop):
    fmas = [text for text in loop if text.startswith("vfmadd")]
    fma, memory = len(fmas), sum("(" in text for text in fmas)
    stack = sum("(%rsp" in text or "(%rbp" in text for text in loop)
    return fma >= 10 and not memory and not stack, f"{memory} of {fma} vfmadd load, {stack} instructions use the stack"


def avx512(loop):
    fma, stack = sum(text.startswith("vfmadd") for text in loop), sum("(%rsp" in text or "(%rbp" in text for text in loop)
    return fma >= 16 and not stack, f"{stack} of {len(loop)} instructions beside {fma} vfmadd work on the stack"


def case(backend, target, objdump, good, multiply, layers, least=16, cc=None):
    spec, kernels, count = layers
    name = f"inner loops of {kernels}, {target}, {backend}{', ' + cc if cc else ''}"
    if not shutil.which(objdump):
        print(f"skip {name}: {objdump} is not installed")
        return
    out = f"{WORK}/{target}.{backend}"
    run = subprocess.run([DSQC, "compile", f"specs/{spec}.yaml", "--weights=random:1", f"--target={target}",
                          f"--backend={backend}", "--emit=obj", "-o", out], capture_output=True, text=True,
                         env=dict(os.environ, **{"CC": cc} if cc else {}))
    if run.returncode:
        lacks = re.search("without LLVM|not installed|cannot run|not found", run.stderr)
        print(f"skip {name}: {run.stderr.strip().splitlines()[0]}" if lacks else f"not ok {name}\n  {run.stderr}")
        return
    seen, bad = 0, []
    for function, code in instructions(objdump, f"{out}/{os.path.basename(spec)}.o").items():
        if kernels not in function:
            continue
        # The densest loop: neither the map's edge nor Winograd's transforms.
        loops = [(sum(text.startswith(multiply) for text in loop), loop) for loop in innermost(code)]
        work = max((n / len(loop), loop) for n, loop in loops if n >= least)[1]
        seen += 1
        fine, what = good(work)
        if not fine:
            bad.append(f"{function}: {what}")
    if seen != count:
        bad.append(f"{seen} kernels found")
    print(f"not ok {name}" if bad else f"ok {name}")
    for text in bad:
        print(" ", text)


for engine in ("c", "llvm"):
    case(engine, "aarch64", "aarch64-linux-gnu-objdump", neon, "fmla", SIDE_BY_SIDE)
if os.uname().machine == "x86_64":
    case("c", "x86-64-v3", "objdump", held, "vfmadd", LINEAR, 10)
    case("c", "x86-64-v4", "objdump", held, "vfmadd", LINEAR, 10, "cc -mtune=znver3")  # what native is on Zen to gcc 12
    case("c", "x86-64-v4", "objdump", avx512, "vfmadd", MANY_SUMS)
