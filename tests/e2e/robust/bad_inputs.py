#!/usr/bin/env python3
"""A thousand bad inputs: each ends with status 1 or 2 and with one to twenty messages, the first of which names a place,
within a second of processor time and 256 MB, and leaves nothing behind. Every input is bad by construction, so status 0
is a failure too. BAD_SEED repeats a run (1 where CI is set), BAD_COUNT makes it longer, BAD_ONLY runs the cases of that number or kind."""
import concurrent.futures, os, random, re, resource, shutil, subprocess, sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad"))
from commands import COMMANDS  # noqa: E402
from models import MODELS  # noqa: E402
from pictures import PICTURES  # noqa: E402
from specs import SPECS  # noqa: E402
from texts import TEXTS  # noqa: E402
from controls import CONTROLS  # noqa: E402
from weights import WEIGHTS  # noqa: E402

DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]
SEED = int(os.environ.get("BAD_SEED", 1 if os.environ.get("CI") else random.randrange(1 << 32)))
COUNT = int(os.environ.get("BAD_COUNT", 1000))
ONLY = os.environ.get("BAD_ONLY", "")
SANITIZED = "asan" in os.environ.get("BUILD", "")
SECONDS, KILOBYTES = 1.0, 256 << 10

PLACES = {
    "text": re.compile(r"^[^ ].*:[0-9]+:[0-9]+: error: ", re.M),
    "file": re.compile(r"^[^ ].*: error: ", re.M),
    "command": re.compile(r"^dsqc: error: ", re.M),
}
ANY = PLACES["file"]
FORBIDDEN = re.compile(r"internal error|out of memory|Sanitizer|runtime error|[\x00-\x08\x0b-\x1f\x7f]")


def run(folder, argv):
    """status, seconds of processor time, kilobytes, standard error"""
    with open(folder + ".err", "w+b") as err:
        p = subprocess.Popen([DSQC, *argv], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        text = err.read().decode("utf-8", "backslashreplace")
    os.remove(folder + ".err")
    return p.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, text


def judge(case, status, seconds, kilobytes, text, left):
    """What is wrong with the answer, or None."""
    errors = len(ANY.findall(text))
    if status not in (1, 2):
        return f"status {status}"
    if case.place == "command" and status != 2 and not case.one:
        return f"status {status} for a wrong command line"
    if FORBIDDEN.search(text):
        return "forbidden words or characters"
    if not PLACES[case.place].search(text):
        return f"no message with a place ({case.place})"
    if not 1 <= errors <= 20:
        return f"{errors} errors"
    if left:
        return f"left behind: {left}"
    if not SANITIZED and seconds > SECONDS:
        return f"{seconds:.2f} s of processor time"
    if not SANITIZED and kilobytes > KILOBYTES:
        return f"{kilobytes >> 10} MB"
    return None


def tree(folder):
    return sorted(os.path.join(d, f) for d, dirs, files in os.walk(folder) for f in files + dirs)


def try_case(number, kind, case):
    folder = os.path.join(WORK, f"{number:04}")
    os.mkdir(folder)
    for name, data in case.files.items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)) or ".", exist_ok=True)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))
    before = tree(folder)
    status, seconds, kilobytes, text = run(folder, case.argv)
    left = [os.path.relpath(f, folder) for f in tree(folder) if f not in before]
    wrong = judge(case, status, seconds, kilobytes, text, left)
    if not wrong:
        shutil.rmtree(folder)
    return number, kind, case, wrong, text, seconds, kilobytes


def controls():
    """What the generators break is right as it stands, or their inputs would be refused for another reason."""
    for name, case in sorted(CONTROLS.items()):
        *_, text, _, _ = result = try_case(9000 + len(name), name, case)
        good = result[3] == "status 0"
        print(f"{'ok' if good else 'not ok'} bad inputs: {name} is right before it is broken")
        if not good:
            print("".join(f"  | {line}\n" for line in text.splitlines()[:6]), end="")
        shutil.rmtree(os.path.join(WORK, f"{9000 + len(name):04}"), ignore_errors=True)


def cases():
    """COUNT cases: every hand-made one of every kind, then generated ones in turns."""
    kinds = {**SPECS, **MODELS, **WEIGHTS, **PICTURES, **TEXTS, **COMMANDS}
    names, number, seen = sorted(kinds), 0, set()
    turn = 0
    while number < COUNT:
        name = names[turn % len(names)]
        case = kinds[name](random.Random(f"{SEED}/{name}/{turn}"), turn // len(names))
        turn += 1
        key = (repr(sorted(case.files.items())), tuple(case.argv))
        if key in seen and turn < 20 * COUNT:
            continue
        seen.add(key)
        if not ONLY or ONLY in (name, str(number)):
            yield number, name, case
        number += 1


def main():
    print(f"  BAD_SEED={SEED}")
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120)) # of each process: what hangs ends
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    controls()
    failed, kinds, slowest, largest, ran = 0, {}, (0, ""), (0, ""), 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, kind, case, wrong, text, seconds, kilobytes in pool.map(lambda c: try_case(*c), list(cases())):
            ran += 1
            kinds.setdefault(kind, True)
            slowest, largest = max(slowest, (seconds, kind)), max(largest, (kilobytes, kind))
            if wrong:
                kinds[kind] = False
                failed += 1
                if failed <= 20:
                    print(f"  {number} {kind}: {wrong}: dsqc {' '.join(case.argv)!r} in {WORK}/{number:04}")
                    print("".join(f"  | {line}\n" for line in text.splitlines()[:6]), end="")
    for kind, ok in sorted(kinds.items()):
        print(f"{'ok' if ok else 'not ok'} bad inputs: {kind}")
    print(f"  {ran} inputs, {failed} failed; slowest {slowest[0]:.2f} s ({slowest[1]}), largest {largest[0] >> 10} MB ({largest[1]})")
    if ran < COUNT and not ONLY:
        print("not ok bad inputs: too few")


if __name__ == "__main__":
    main()
