#!/usr/bin/python3
"""Whatever ends dsqc, nothing is left: no temporary folder, no half of a file, no program that it has started. Signals
of all kinds come at random moments (the seed is printed; LEFT_SEED repeats it, and it is 1 where CI is set; LEFT_SIGNALS says how many), limits on
files and descriptors stop it, and standard output is full or closed."""
import os
import random
import re
import resource
import signal
import stat
import shutil
import subprocess
import time
import uuid

import numpy as np

from small_nets import SMALL, SPEC, cached_cc

WORK, DSQC = os.environ["WORK"], os.environ["DSQC"]
SEED = int(os.environ.get("LEFT_SEED") or (1 if os.environ.get("CI") else random.SystemRandom().randrange(1 << 30)))
SIGNALS = int(os.environ.get("LEFT_SIGNALS", "60"))
# A compiler that has a child and a temporary file, takes its time, and gives what it gave before.
CC = cached_cc('(temporary=$(mktemp) && sleep 0.03 && rm "$temporary")\n')
COMMANDS = {
    "compile": "compile net.yaml --weights random:1 --emit=c,lib,graph --weights-as=asm -o out/a/b",
    "compile over another": "compile net.yaml --weights random:2 --emit=obj -o before",
    "compile by LLVM": "compile net.yaml --weights random:1 --backend=llvm --emit=obj,lib -o out/a/b",
    "verify": "verify net.yaml --runs 1 --threads=2",
    "run": "run net.yaml --weights random:1 --input x.npy --output out",
    "tune": "tune small.yaml -o out --runs=1 -q",
    "explore": "explore net.yaml --html out --runs=1",
    "export": "export net.yaml --weights random:1 -o out",
}
KINDS = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM,
         signal.SIGXCPU, signal.SIGXFSZ, signal.SIGUSR1, signal.SIGUSR2, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE,
         signal.SIGILL, signal.SIGSYS, signal.SIGTRAP, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO]
SANITIZED = subprocess.run(["grep", "-q", "__asan_init", DSQC]).returncode == 0
LLVM = b"without LLVM" not in subprocess.run([DSQC, "compile", "x", "--backend=llvm"], capture_output=True).stderr


def case(name, wrong, text=""):
    print(f"{'not ok' if wrong else 'ok'} {name}" + (f": {wrong}" if wrong else ""))
    if wrong and text:
        print("  | " + "\n  | ".join(text.splitlines()[:10]))


def tree(path):
    if not os.path.isdir(path):
        with open(path, "rb") as f:
            return f.read()
    return {f: tree(f"{path}/{f}") for f in sorted(os.listdir(path))}


def processes_of(mark):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f, open(f"/proc/{pid}/comm") as c:
                if mark.encode() in f.read():
                    found.append(c.read().strip())
        except OSError:
            pass
    return found


class Place:
    """A folder in which a command runs; what it may leave is what was given and, for `out`, what a whole run leaves."""

    def __init__(self):
        self.path = f"{WORK}/place"
        self.mark = "DSQC_TEST_" + uuid.uuid4().hex
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(WORK + "/given", self.path)
        os.mkdir(self.path + "/tmp")
        self.env = dict(os.environ, TMPDIR=self.path + "/tmp", CC=self.path + "/cc", CC_CACHE=WORK + "/cache",
                        LEFT_MARK=self.mark)

    def start(self, args, limits=(), **more):
        def prepare():
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for what, n in limits:
                resource.setrlimit(what, (n, n))
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([DSQC, *args.split()], cwd=self.path, env=self.env, stdin=subprocess.DEVNULL,
                                preexec_fn=prepare, **more)

    def content(self):
        return {k: v for k, v in tree(self.path).items() if k != "tmp"}

    def left(self):
        found = processes_of(self.mark)
        if found:
            return f"running: {found}"
        if os.listdir(self.path + "/tmp"):
            return f"in TMPDIR: {os.listdir(self.path + '/tmp')}"
        return None


def whole(command, place, before, after):
    now = place.content()
    if now in (before, after):
        return None
    if command == "tune" and set(now) == set(after):
        again = subprocess.run([DSQC, "info", "small.yaml", "--schedule=out"], cwd=place.path, capture_output=True)
        return again.stderr.decode() or None
    if command == "explore" and set(now) == set(after) and now["out"].rstrip().endswith(b"</html>"):
        return None # it has times
    return f"{sorted(set(now) ^ set(before))} is neither what was there before nor what a whole run leaves"


def undisturbed(command):
    place = Place()
    before, began = place.content(), time.monotonic()
    p = place.start(COMMANDS[command])
    err = p.communicate(timeout=300)[1].decode()
    if p.returncode:
        case(f"signals: {command}", f"undisturbed, it ends with {p.returncode}", err)
        return None
    began = time.monotonic() # once more: the compiler knows all files now
    place = Place()
    place.start(COMMANDS[command]).communicate(timeout=300)
    return before, place.content(), time.monotonic() - began


def signals():
    rng = random.Random(SEED)
    names = [c for c in COMMANDS if LLVM or c != "compile by LLVM"]
    whole_run = {c: undisturbed(c) for c in names}
    bad = {c: [] for c in names}
    died = 0
    # AddressSanitizer has its own handlers of faults.
    faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
    kinds = [k for k in KINDS if not SANITIZED or k not in faults]
    for i in range(SIGNALS):
        command, kind = names[i % len(names)], rng.choice(kinds)
        if not whole_run[command]:
            continue
        before, after, seconds = whole_run[command]
        place, moment = Place(), rng.random() * min(seconds, 2)
        p = place.start(COMMANDS[command])
        time.sleep(moment)
        p.send_signal(kind)
        if command == "tune" and kind in (signal.SIGINT, signal.SIGTERM) and rng.random() < 0.5:
            time.sleep(0.01)
            p.send_signal(kind)     # the first asks, the second ends
        err = p.communicate(timeout=300)[1].decode(errors="replace")
        died += p.returncode == -kind
        ends = p.returncode in (0, -kind) or (command == "tune" and p.returncode == 130)
        wrong = place.left() or whole(command, place, before, after) or (None if ends else f"status {p.returncode}")
        if wrong:
            bad[command].append(f"{kind.name} after {moment:.3f} s: {wrong}; {err.strip()[:200]}")
    for c in names:
        case(f"signals: {c}", bad[c] and f"seed {SEED}, {len(bad[c])}", "\n".join(bad[c]))
    case("signals arrive", None if died * 3 > SIGNALS else f"only {died} of {SIGNALS} found it at work")


def stubborn_compiler():
    """One that ignores signals, as do those that it has started."""
    place = Place()
    with open(place.path + "/cc", "w") as f:
        f.write("#!/bin/sh\ntrap '' TERM INT HUP\n(trap '' TERM INT HUP; echo >here; sleep 60) &\nsleep 60\n")
    p = place.start("verify net.yaml --runs 1")
    wait_for(lambda: any("here" in files for _, _, files in os.walk(place.path + "/tmp")))
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=30)
    case("a compiler that ignores signals", place.left() or (None if p.returncode == -15 else f"status {p.returncode}"))


def wait_for(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)


def ignored():
    """nohup: what was ignored stays so."""
    place = Place()
    p = subprocess.Popen(["sh", "-c", "trap '' HUP; exec \"$@\"", "-", DSQC, "verify", "net.yaml", "--runs", "1"],
                         cwd=place.path, env=place.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: os.listdir(place.path + "/tmp"))
    p.send_signal(signal.SIGHUP)
    err = p.communicate(timeout=60)[1].decode()
    case("an ignored signal", place.left() or (None if p.returncode == 0 else f"status {p.returncode}"), err)


def closed_pipe():
    export = "export net.yaml --weights random:1 -o -"
    for name, args in ("verify", COMMANDS["verify"]), ("schema", "schema"), ("export", export):
        place = Place()
        r, w = os.pipe()
        os.close(r)
        p = place.start(args, stdout=w)
        os.close(w)
        p.communicate(timeout=60)
        ends = p.returncode == -signal.SIGPIPE
        case(f"closed pipe: {name}", place.left() or (None if ends else f"status {p.returncode}"))


def limits():
    for command in COMMANDS:
        if command == "compile by LLVM" and not LLVM:
            continue
        bad = []
        many = ((4, 5), (100,)) if command in ("tune", "explore") else ((3, 4, 5, 6, 7, 9), (0, 100, 4000))
        for what, some in zip((resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE), many):
            for n in some:
                place = Place()
                before = place.content()
                p = place.start(COMMANDS[command], limits=[(what, n)])
                err = p.communicate(timeout=120)[1].decode(errors="replace")
                wrong = place.left()
                if not wrong and p.returncode:
                    wrong = None if p.returncode in (1, 127) and err else f"status {p.returncode}"
                    if place.content() != before and command != "tune":
                        wrong = "an output is there"
                if wrong:
                    unit = "descriptors" if what == resource.RLIMIT_NOFILE else "bytes"
                    bad.append(f"{n} {unit}: {wrong} {err[:200]}")
        case(f"limits: {command}", "\n".join(bad))


def full():
    """A command whose results did not arrive has failed."""
    with open(WORK + "/given/net.dsq", "wb") as f:
        f.write(subprocess.run([DSQC, "compile", WORK + "/given/net.yaml", "--weights=random:1", "--emit=graph", "-o",
                                "-"], capture_output=True).stdout)
    commands = subprocess.run([DSQC, "--help"], capture_output=True, text=True).stdout
    names = [line.split()[0] for line in commands.split("commands:")[1].split("\n\n")[0].splitlines() if line.strip()]
    args = {"schema": ["schema"], "info": ["info net.yaml", "info net.yaml --json"], "opt": ["opt net.dsq"],
            "verify": ["verify net.yaml --runs 1"],
            "bench": ["bench net.yaml --runs=1", "bench net.yaml --runs=1 --json"],
            "run": ["run net.yaml --weights random:1 -i x.npy", "run net.yaml --weights random:1 -i x.npy -o -"],
            "compile": ["compile net.yaml --weights random:1 --emit=graph -o -",
                        "compile net.yaml --weights random:1 --emit=loops -o -"],
            "explore": ["explore net.yaml --no-time", "explore net.yaml --no-time --json",
                        "explore net.yaml --no-time --markdown"],
            "export": ["export net.yaml --weights random:1 -o -"], "tune": ["tune small.yaml --runs=1 -o out"]}
    lines = ["--help", "--version", "help run"] + [f"{n} --help" for n in names]
    for line in lines + [x for n in names for x in args.get(n, [])]:
        place = Place()
        with open("/dev/full", "w") as f:
            p = place.start(line, stdout=f)
            err = p.communicate(timeout=120)[1].decode()
        said = re.search("standard output: No space left|<stdout>: error: cannot write: No space left", err)
        case(f"full: {line}", place.left() or (None if p.returncode == 1 and said else f"status {p.returncode}"), err)
    missing = set(names) - set(args) - {"import"}  # which writes files alone
    case("full: every command is tried", f"not {missing}" if missing else None)


def main():
    os.makedirs(WORK + "/given")
    os.makedirs(WORK + "/cache")
    with open(WORK + "/given/net.yaml", "w") as f:
        f.write(SPEC)
    with open(WORK + "/given/small.yaml", "w") as f:
        f.write(SMALL)
    with open(WORK + "/given/cc", "w") as f:
        f.write(CC)
    os.chmod(WORK + "/given/cc", stat.S_IRWXU)
    np.save(WORK + "/given/x.npy", np.ones((1, 3, 4, 4), "f4"))
    subprocess.run([DSQC, "compile", "net.yaml", "--weights=random:1", "--weights-as=asm", "-q", "-o", "before"],
                   cwd=WORK + "/given", check=True)
    print(f"  seed {SEED}")
    signals()
    stubborn_compiler()
    ignored()
    closed_pipe()
    limits()
    full()


main()
