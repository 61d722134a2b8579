"""Arrays and pictures that are none, as inputs of a network."""
import struct, zlib

from case import Case, numbers
from weights import npy

SPEC = "name: net\ninput: {image: {type: 'f32[1,3,8,8]'}}\nnetwork: [relu]\n"
RUN = ["run", "net.yaml", "--engine=reference", "-o", "y.npy", "-i"]


def of(name, data):
    return Case({"net.yaml": SPEC, name: data}, RUN + [name], "file")


def array(rng, turn):
    good = numbers(rng, 192)
    whole = npy([1, 3, 8, 8], good)
    bad = [npy([1, 3, 8, 9], good), npy([3, 8], good[:96]), npy([1, 3, 8, 8], good[:-1]), npy([2, 3, 8, 8], good), npy([], good[:4]), npy([1 << 20, 1 << 20], good), npy([1 << 62, 4], good),
           npy([-1, 3, 8, 8], good), npy([1, 3, 8, 8], good, "|O"), npy([1, 3, 8, 8], good, "<f5"), npy([1, 3, 8, 8], good, "<M8"), npy([1, 3, 8, 8], good, version=0),
           whole.replace(b"descr", b"desc."), whole.replace(b"(1, 3, 8, 8, )", b"[1, 3, 8, 8, ]"), whole[:8] + b"\xff\xff" + whole[10:], whole[:8] + b"\0\0" + whole[10:],
           whole.replace(b"False", b"Falsy"), whole.replace(b"'<f4'", b"<f4  "), b"\x93NUMPY\x01\x00" + b"\xff" * 200]
    return of("x.npy", bad[turn] if turn < len(bad) else whole[:rng.randrange(6, len(whole))])


# ---- PNG ----

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rng, width=8, height=8, depth=8, colour=2, extra=b"", data=None, interlace=0):
    rows = b"".join(b"\0" + bytes(rng.randrange(256) for _ in range(24)) for _ in range(8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)) + extra +
            chunk(b"IDAT", zlib.compress(rows) if data is None else data) + chunk(b"IEND", b""))


def png_wrong(rng, turn):
    bad = [png(rng, 0), png(rng, 8, 0), png(rng, 65535, 65535), png(rng, 1 << 31), png(rng, 100000, 1), png(rng, depth=3), png(rng, depth=16, colour=3), png(rng, colour=5), png(rng, colour=3),
           png(rng, data=b""), png(rng, data=b"\x78\x9c\0"), png(rng, data=zlib.compress(b"\0" * 20)), png(rng, interlace=9), png(rng, 9000, 9000, data=zlib.compress(bytes(100))),
           png(rng, data=zlib.compress(b"\x09" * 400)), b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), png(rng).replace(b"IDAT", b"IDAX")]
    if turn < len(bad):
        return of("x.png", bad[turn])
    whole = bytearray(png(rng))
    if turn % 2:
        return of("x.png", bytes(whole[:rng.randrange(8, whole.index(b"IEND") - 8)]))
    data = whole.index(b"IDAT") + 4
    whole[rng.choice([rng.randrange(16, 29), rng.randrange(data, data + 40)])] ^= rng.randrange(1, 256)
    return of("x.png", bytes(whole))


# ---- JPEG ----

def segment(marker, data):
    return bytes([255, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(width=8, height=8, components=3, sof=0xC0, precision=8, tables=True):
    """A picture without an end: what stands before the scan."""
    frame = struct.pack(">BHHB", precision, height, width, components) + b"".join(bytes([i + 1, 0x11, 0]) for i in range(components))
    out = b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64)) + segment(sof, frame)
    if tables:
        out += segment(0xC4, b"\0" + bytes([0, 1] + [0] * 14) + b"\0") + segment(0xC4, b"\x10" + bytes([0, 1] + [0] * 14) + b"\0")
    return out + segment(0xDA, bytes([components]) + b"".join(bytes([i + 1, 0]) for i in range(components)) + b"\0\x3f\0")


def jpeg_wrong(rng, turn):
    bad = [jpeg(), jpeg(0), jpeg(8, 0), jpeg(65535, 65535), jpeg(components=0), jpeg(components=2), jpeg(components=9), jpeg(sof=0xC3), jpeg(sof=0xC9), jpeg(precision=12), jpeg(tables=False),
           b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\xff\xff", jpeg()[:-3], b"\xff\xd8" + segment(0xFE, b"text") * 100, jpeg(8, 8, 4), jpeg(8, 8, 1)]
    return of("x.jpg", bad[turn] if turn < len(bad) else jpeg(rng.randrange(1, 2000), rng.randrange(1, 2000), rng.choice([1, 3]))[:rng.randrange(3, 300)])


# ---- PPM and the rest ----

def pnm_wrong(rng, turn):
    data = bytes(rng.randrange(256) for _ in range(192))
    head = [b"P6\n8 8\n", b"P6\n8 8\n0\n", b"P6\n8 8\n65536\n", b"P6\n0 8\n255\n", b"P6\n-8 8\n255\n", b"P6\n8 9\n255\n", b"P6\n65536 65536\n255\n", b"P6\n99999999999999999999 8\n255\n", b"P6\n8 8\n65535\n",
            b"P3\n8 8\n255\n1 2 3\n", b"P3\n8 8\n9\n" + b"10 " * 192, b"P3\n8 8\n255\n" + b"x " * 192, b"P2\n8 8\n255\n" + b"-1 " * 64, b"P4\n8 8\n", b"P1\n8 8\n", b"P7\nWIDTH 8\n", b"P6", b"P6\n#", b"P6\n60000 60000\n255\n"]
    if turn < len(head):
        return of("x.ppm", head[turn] + (data if turn < 9 and turn != 0 else b""))
    return of("x.ppm", b"P6\n%d %d\n255\n" % (rng.randrange(9, 5000), rng.randrange(9, 5000)) + data)


def other_file(rng, turn):
    data = [b"", b"GIF89a" + b"\0" * 50, b"BM" + b"\0" * 60, b"RIFF\0\0\0\0WEBP", b"II*\0", b"root:x:0:0\n", SPEC.encode(), b"\0"]
    return of("x.bin", data[turn] if turn < len(data) else bytes([rng.randrange(1, 40)]) + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 300))))


PICTURES = {f"input, {f.__name__.replace('_', ' ')}": f for f in [array, png_wrong, jpeg_wrong, pnm_wrong, other_file]}
