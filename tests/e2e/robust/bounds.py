#!/usr/bin/python3
"""Input that asks for more work or memory than it may ends with one located message, status 1, and little memory: devices,
pipes that nobody writes to, archives of zeros, headers that lie, pictures of many scans or chunks."""
import io
import os
import signal
import struct
import subprocess
import zipfile
import zlib

DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]
MEMORY = 256 << 10  # KiB; sanitizers take more
if os.path.exists(os.path.join(os.environ["BUILD"], "flags")):
    with open(os.path.join(os.environ["BUILD"], "flags")) as f:
        MEMORY *= 4 if "-fsanitize" in f.read() else 1


def path(name):
    return os.path.join(WORK, name)


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)
    return path(name)


def run(args, stdin=subprocess.DEVNULL):
    """Status (None after a minute), message, KiB of memory."""
    p = subprocess.Popen([DSQC, *args], stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGALRM, lambda *_: p.kill())
    signal.alarm(60)
    err = p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status), err, usage.ru_maxrss


def check(name, args, says, where=None, status=1, stdin=subprocess.DEVNULL, errors=1):
    got, err, memory = run(args, stdin)
    wrong = []
    if got != status:
        wrong.append(f"status {got}")
    if says not in err:
        wrong.append(f"does not say '{says}'")
    if where and not err.startswith(where + ":"):
        wrong.append(f"does not begin with {where}")
    if status and err.count("error:") != errors:
        wrong.append(f"{err.count('error:')} errors")
    if memory > MEMORY:
        wrong.append(f"{memory >> 10} MiB")
    print(f"{'not ok' if wrong else 'ok'} bounds: {name}")
    if wrong:
        print("   ", "; ".join(wrong), "|", err[:300].replace("\n", " | "))


def npy(shape, zeros, header=0):
    h = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(header)
    h += " " * (63 - (len(h) + 10) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode(), zeros


def npz(name, members):
    with zipfile.ZipFile(path(name), "w", zipfile.ZIP_DEFLATED) as z:
        for tensor, (head, zeros) in members.items():
            with z.open(tensor + ".npy", "w", force_zip64=True) as f:
                f.write(head)
                while zeros > 0:
                    f.write(bytes(min(zeros, 1 << 20)))
                    zeros -= 1 << 20
    return path(name)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*between):
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(between) + \
        chunk(b"IDAT", zlib.compress(bytes(25 * 8))) + chunk(b"IEND", b"")


LINEAR = write("linear.yaml", b"name: linear\ninput: {x: 'f32[1,4]'}\nnetwork:\n  - {op: linear, name: l, out: 4}\n"
               b"output: y\n")
PICTURE = write("picture.yaml", b"name: picture\ninput:\n  x: {type: 'f32[1,3,8,8]', resize: 8, mean: [0,0,0], std: [1,1,1]}"
                b"\nnetwork:\n  - {op: mean, axes: [2,3]}\noutput: y\n")
OUT = ["-o", path("out"), "-q"]
READERS = {
    "a spec": lambda f: ["compile", f, *OUT],
    "weights": lambda f: ["compile", LINEAR, "--weights", f, *OUT],
    "rules": lambda f: ["compile", LINEAR, "--weights", "random:1", "--rules", f, *OUT],
    "a schedule": lambda f: ["compile", LINEAR, "--weights", "random:1", "--schedule", f, *OUT],
    "a graph": lambda f: ["opt", f],
    "an input": lambda f: ["run", PICTURE, "--engine=reference", "--input", f],
}


def kinds_of_files():
    fifo = path("fifo")
    os.mkfifo(fifo)
    for what, args in READERS.items():
        check(f"{what} that is a device", args("/dev/zero"), "is a device, expected a file", "/dev/zero")
        check(f"{what} that is a folder", args(WORK), "is a directory, expected a file", WORK)
        check(f"{what} that is a pipe without a writer", args(fifo), "is a pipe that nobody writes to", fifo)
        with open("/dev/zero") as zero:
            check(f"{what} from a device as standard input", args("-"), "is a device, expected a file", "<stdin>",
                  stdin=zero)


def endless_pipes():
    for what, args in ("a graph", ["opt", "-", "--passes=dce"]), ("loops", ["opt", "-", "--loops", "--passes=loop-cse"]):
        with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as yes:
            check(f"{what} from an endless pipe", args, "no text of the IR", "<stdin>", stdin=yes.stdout)
            yes.kill()
    for what in ("weights", "an input"):
        with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as cat:
            check(f"{what} from an endless pipe", READERS[what]("-"), "<stdin>: error:", "<stdin>", stdin=cat.stdout)
            cat.kill()


    entry = b'{"l.weight":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},"l.bias":{"dtype":"F32","shape":[4],' \
        b'"data_offsets":[64,80]}}'
    long = entry[:-1] + b" " * 200000 + b"}"  # more than one read of a pipe
    array = npy("(1, 3, 8, 8)", 768)[0]
    for name, what, head, size in (
            ("safetensors", "weights", struct.pack("<Q", len(entry)) + entry, 8 + len(entry) + 80),
            ("long safetensors", "weights", struct.pack("<Q", len(long)) + long, 8 + len(long) + 80),
            (".npy", "an input", array, len(array) + 768),
            ("PNG", "an input", png()[:33], 8 * (24 + 8) + 2 * 8 + 16 + (16 << 20))):
        with subprocess.Popen(["cat", write("head", head), "/dev/zero"], stdout=subprocess.PIPE) as cat:
            check(f"{name} that goes on after its header", READERS[what]("-"),
                  f"goes on after the {size} bytes that its header tells of", "<stdin>", stdin=cat.stdout)
            cat.kill()


def good_pipes():
    good = {"l.weight": npy("(4, 4)", 64), "l.bias": npy("(4,)", 16)}
    with open(npz("good.npz", good), "rb") as f:
        check("weights from standard input", READERS["weights"]("-"), "", status=0, stdin=f)
    with subprocess.Popen(["sh", "-c", f"sleep 0.2; cat {path('good.npz')} >{path('fifo')}"]):
        check("weights from a pipe whose writer comes late", READERS["weights"](path("fifo")), "", status=0)


def archives():
    bias, weight = npy("(4,)", 16), npy("(4, 4)", 64)
    big = npy("(134217728,)", 512 << 20)
    f = npz("surplus.npz", {"l.weight": weight, "l.bias": bias, "more": big})
    check("a large tensor that nobody wants", READERS["weights"](f), "not used  more", f)
    f = npz("shape.npz", {"l.weight": big, "l.bias": bias})
    check("a large tensor in place of a small one", READERS["weights"](f), "f32[134217728] in the file", f)
    f = npz("lies.npz", {"l.weight": npy("(4, 4)", 512 << 20), "l.bias": bias})
    check("a member with more than its shape", READERS["weights"](f), "holds 536870912 bytes of numbers",
          f + "/l.weight.npy")
    f = npz("header.npz", {"l.weight": (b"\x93NUMPY\2\0" + struct.pack("<I", 1 << 29), 512 << 20), "l.bias": bias})
    check("a member that is all header", READERS["weights"](f), "its header takes 536870924 bytes, of at most 4096",
          f + "/l.weight.npy")
    long = npy("(1,)", 4, 65000)
    f = npz("headers.npz", {f"t{i}": long for i in range(4500)})
    check("members that are nearly all header", READERS["weights"](f), "its header takes 65", f + "/t0.npy", errors=20)
    for what, many, says in (("lists", b'{"a":[' + b"{}," * 1390000 + b"{}]}", "a list of more than numbers"),
                             ("numbers", b'{"a":[' + b"0," * 2000000 + b"0]}", "or of too many"),
                             ("objects", b'{"a":{}' + b',"":{}' * 690000 + b"}", "more objects than there can be tensors")):
        f = write("many.safetensors", struct.pack("<Q", len(many)) + many)
        check(f"a header of many {what}", READERS["weights"](f), says, f)
    head = b'{"a":[' + b"0," * (4 << 20) + b"0]}"
    f = write("header.safetensors", struct.pack("<Q", len(head)) + head)
    check("a long header", READERS["weights"](f), "which is the limit here", f)


def pictures():
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(7 << 20), 9))
    check("a picture with much text", READERS["an input"](write("text.png", png(*[text] * 200))), "", status=0)
    try:
        from PIL import Image
    except ImportError:
        print("skip bounds: a picture of many scans: Pillow is not installed")
        return
    b = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(b, "JPEG", progressive=True, quality=10)
    jpeg = b.getvalue()
    check("a progressive picture", READERS["an input"](write("good.jpg", jpeg)), "", status=0)
    scan = jpeg[jpeg.rfind(b"\xff\xda"):-2]
    f = write("scans.jpg", jpeg[:-2] + scan * 200 + b"\xff\xd9")
    # 8x8 blocks of three components without subsampling: what a small picture has, in a frame of 48 million pixels
    b = io.BytesIO()
    Image.new("RGB", (8, 8)).save(b, "JPEG", progressive=True, subsampling=0)
    frame = b.getvalue()
    at = frame.index(b"\xff\xc2") + 5
    large = write("large.jpg", frame[:at] + struct.pack(">HH", 6000, 8000) + frame[at + 4:])
    check("a progressive picture of many coefficients", READERS["an input"](large),
          "8000x6000 needs 288000000 bytes for its coefficients, 201326592 are the limit", large)
    check("a picture of many scans", READERS["an input"](f), "scans, which is the limit for a picture of 4000x4000", f)


kinds_of_files()
endless_pipes()
good_pipes()
archives()
pictures()
