"""Bad command lines."""
from case import SMALL, Case
from specs import word

FILES = {"net.yaml": SMALL}
SPEC = "compile run verify bench tune explore info export".split()


def of(argv, place="command", one=False):
    return Case(FILES, argv, place, one)


def wrong_word(rng, turn):
    bad = [[], ["compil", "net.yaml"], ["--version=1"], ["-x"], ["--help", "nothing"], ["help", "nothing"], [""], ["compile"], ["compile", ""], ["opt"], ["schema", "x"], ["compile", "net.yaml", "b.yaml"],
           ["-o", "out", "compile"], ["compile", "net.yaml", "--"], [word(rng), "net.yaml"]]
    argv = bad[turn] if turn < len(bad) and turn not in (0, 13) else [word(rng)]
    return of(argv)


def unknown_option(rng, turn):
    command = rng.choice(SPEC + ["opt"])
    return of([command, "net.yaml", rng.choice([f"--{word(rng)}", f"--{word(rng)}=3", "-" + rng.choice("abcdefgjklmnpstuvwxyzABCDEFG")])])


def no_value(rng, turn):
    command = rng.choice(["compile", "verify", "info", "bench"])
    return of([command, "net.yaml", "--" + rng.choice("weights set target passes disable-pass rules print-ir-after winograd".split()) + rng.choice(["", "="])])


def wrong_value(rng, turn):
    bad = ["--threads=0", "--threads=1025", "--threads=100000", "--threads=x", "--threads=-1", "--threads=1.5", "-O4", "-Ox", "-O", "--target=", "--target=cortex-m33", "--target=qqqq", "--winograd=7", "--winograd=on",
           "--backend=gcc", "--weights=random:", "--weights=random:x", "--weights=random:-1", "--set=x", "--set==3", "--passes=nope", "--disable-pass=nope", "--disable-pass=canonicalize", "--print-ir-after=nope", "--strict=1",
           "--verify-each=yes", f"--threads={rng.randrange(1025, 1 << 60)}", f"--target={word(rng)}", f"--passes=dce,{word(rng)}", f"--weights=random:{word(rng)}"]
    return of(["info", "net.yaml", bad[turn] if turn < len(bad) else rng.choice(bad[-4:])])


def wrong_for_command(rng, turn):
    bad = [["verify", "--runs=0"], ["verify", "--runs=9999999999"], ["verify", "--runs=1000001"], ["verify", "--tolerance=0"], ["verify", "--tolerance=x"], ["verify", "--tolerance=nan"], ["verify", "--seed=0"], ["verify", "--engine=jit"],
           ["compile", "--emit=x"], ["compile", "--emit="], ["compile", "--emit=c,,obj"], ["compile", "--weights-as=zip"], ["compile", "--stop-after=nope"], ["bench", "--runs=many"], ["explore", "--json", "--markdown"],
           ["export"], ["tune"], ["tune", "-o", "-"], ["run", "--top=0"], ["run", "--engine=loops"]]
    command, *options = bad[turn % len(bad)]
    return of([command, "net.yaml", *options, *([f"--weights=random:{turn}"] if turn >= len(bad) else [])])


def idle(rng, turn):
    """Options that would change nothing, and such as exclude each other."""
    bad = ["compile --target=cortex-m4 --winograd=2", "compile --strict --winograd=4", "compile --cpu=znver4", "compile --triple=x86_64", "compile --features=+avx", "compile --emit=graph --weights-as=asm",
           "compile --emit=graph -o - --stop-after=order --report=r.json", "compile --emit=graph -o - --stop-after=dce --print-ir-after=order", "compile --stop-after=dce", "compile --passes=dce --rules=r", "compile -O0 --print-ir-after=order",
           "compile --disable-pass=choose-kernels --winograd=2", "compile --disable-pass=choose-kernels --schedule=s", "compile --emit=shared --target=cortex-m4", "compile -o - --emit=c", "compile --backend=llvm --emit=c",
           "run --engine=reference --threads=2", "run --engine=reference --report=r", "run --engine=reference --target=generic", "run --engine=reference --check", "run --engine=reference --verify-each", "run --engine=llvm --backend=c",
           "verify --engine=loops --backend=c", "explore --no-time --runs=3", "explore --html=- --json", "tune -o s.json --disable-pass=choose-kernels", "opt --verify-each", "opt --target=generic", "opt --loops --rules=r", "opt --loops --strict",
           "opt --loops --passes=loop-cse --stop-after=loop-hoist", "opt --passes=dce --stop-after=order", "opt --passes=dce --print-ir-after=loop-cse", "compile --disable-pass=algebra --rules=r", "verify --passes=dce --print-ir-after=order"]
    command, *options = bad[turn % len(bad)].split()
    return of([command, "net.yaml", *options, *(["--strict"] if turn >= len(bad) and "--winograd=2" not in options else [])])


def unwritable(rng, turn):
    bad = ["compile -o /proc/x", "compile -o net.yaml", "compile -o net.yaml/x", "compile --report=/proc/x", "compile --report=nothing/x.json", "compile --report=.", "explore --no-time --html=nothing/x.html", "explore --no-time --html=.",
           "export -o nothing/x.onnx", "export -o .", "tune -o nothing/s.json", "run --engine=reference -i x.npy -o nothing/y.npy", "run --engine=reference -i x.npy -o .", "verify --report=nothing/r.json", "compile -o /dev/null/x"]
    command, *options = bad[turn % len(bad)].split()
    return of([command, "net.yaml", "--weights=random:1", *options, *([f"--set=q={turn}"] if turn >= len(bad) else [])], "file", True)


def no_file(rng, turn):
    bad = [["compile", "nothing.yaml"], ["compile", "net"], ["compile", "net.yml"], ["info", "."], ["opt", "nothing.dsq"], ["opt", "."], ["info", "net.yaml", "--weights=nothing.npz"], ["info", "net.yaml", "--weights=."],
           ["info", "net.yaml", "--rules=nothing.rules"], ["info", "net.yaml", "--schedule=nothing.json"], ["run", "net.yaml", "--weights=random:1", "--engine=reference", "-i", "nothing.npy"], ["info", word(rng)], ["info", word(rng) + ".yaml"],
           ["info", "/" + word(rng)], ["info", "net.yaml", "--weights=" + word(rng)]]
    return of(bad[turn] if turn < len(bad) else rng.choice(bad[-4:]), "file", True)


COMMANDS = {f"command, {f.__name__.replace('_', ' ')}": f for f in
            [wrong_word, unknown_option, no_value, wrong_value, wrong_for_command, idle, unwritable, no_file]}
