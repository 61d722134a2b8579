#!/usr/bin/python3
"""Every kind of PNG and JPEG against Pillow: what reaches the network is Image.convert('RGB') or ('L'), to the level."""
import io, os, struct, subprocess, zlib

import numpy as np
from PIL import Image

DSQC, WORK = os.environ["DSQC"], os.environ["WORK"]
SIDE = 8
RNG = np.random.default_rng(5)


def spec(channels):
    path = f"{WORK}/net{channels}.yaml"
    with open(path, "w") as f:
        f.write(f"name: net\ninput: {{image: {{type: 'f32[1,{channels},{SIDE},{SIDE}]'}}}}\nnetwork: [relu]\n")
    return path


SPECS = {1: spec(1), 3: spec(3)}


def read(path, channels):
    """Levels as dsqc reads them, [h, w, c]."""
    out = WORK + "/y.npy"
    subprocess.run([DSQC, "run", SPECS[channels], "--engine=reference", "-q", "-i", path, "-o", out], check=True)
    return np.rint(np.load(out)[0].transpose(1, 2, 0) * 255).astype(int)


def check(name, data, expected=None):
    path = f"{WORK}/{name.replace(' ', '_')}"
    with open(path, "wb") as f:
        f.write(data)
    for channels, mode in ((3, "RGB"), (1, "L")):
        want = expected(mode) if expected else np.asarray(Image.open(path).convert(mode))
        want = want.astype(int).reshape(SIDE, SIDE, channels)
        got = read(path, channels)
        same = np.array_equal(want, got)
        print(f"{'ok' if same else 'not ok'} picture {name}, {mode}")
        if not same:
            print(f"  expected {want.ravel()[:9]}, got {got.ravel()[:9]}, {np.abs(want - got).max()} apart")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def levels(*shape, most=256):
    return RNG.integers(0, most, shape)


def raw_png(samples, depth, colour, extra=b"", interlace=0):
    """Kinds that Pillow does not write. samples: [h, w * channels]"""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.astype(">u2" if depth == 16 else "u1").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def transparent(data):
    return struct.pack(">I", len(data)) + b"tRNS" + data + struct.pack(">I", zlib.crc32(b"tRNS" + data))


def png():
    rgb = Image.fromarray(levels(SIDE, SIDE, 3).astype("u1"))
    grey = Image.fromarray(levels(SIDE, SIDE).astype("u1"))
    alpha = Image.fromarray(levels(SIDE, SIDE).astype("u1"))
    palette = rgb.quantize(16)
    check("grey", saved(grey, "PNG"))
    check("RGB", saved(rgb, "PNG"))
    check("RGBA", saved(Image.merge("RGBA", [*rgb.split(), alpha]), "PNG"))
    check("grey and alpha", saved(Image.merge("LA", [grey, alpha]), "PNG"))
    check("palette", saved(palette, "PNG"))
    check("palette of transparent colours", saved(palette, "PNG", transparency=bytes([0, 128] * 8)))
    check("palette with one transparent colour", saved(palette, "PNG", transparency=3))
    check("grey with a transparent level", saved(grey, "PNG", transparency=int(np.asarray(grey)[2, 2])))
    check("RGB with a transparent colour", saved(rgb, "PNG", transparency=tuple(int(x) for x in np.asarray(rgb)[2, 2])))
    check("one bit", saved(grey.convert("1"), "PNG"))
    for bits in (1, 2, 4):
        packed = levels(SIDE, SIDE * bits // 8)
        check(f"grey of {bits} bits", raw_png(packed, bits, 0))
        check(f"grey of {bits} bits with a transparent level", raw_png(packed, bits, 0, transparent(struct.pack(">H", 1))))


def png16():
    for name, colour, channels in (("RGB", 2, 3), ("RGBA", 6, 4), ("grey and alpha", 4, 2)):
        check(f"{name} of 16 bits", raw_png(levels(SIDE, SIDE * channels, most=65536), 16, colour))
    samples = levels(SIDE, SIDE, most=65536) # Pillow clips these at 255; what it does elsewhere is right
    check("grey of 16 bits", raw_png(samples, 16, 0), lambda mode: np.repeat((samples >> 8)[..., None], len(mode), 2))


def jpeg():
    rgb = Image.fromarray(levels(SIDE, SIDE, 3).astype("u1"))
    check("JPEG", saved(rgb, "JPEG", quality=100, subsampling=0))
    check("grey JPEG", saved(rgb.convert("L"), "JPEG"))
    check("progressive JPEG", saved(rgb, "JPEG", progressive=True))
    cmyk = saved(Image.fromarray(levels(SIDE, SIDE, 4).astype("u1"), "CMYK"), "JPEG", quality=95)
    check("CMYK JPEG of Adobe", cmyk)
    at = cmyk.find(b"\xff\xee")
    size = struct.unpack(">H", cmyk[at + 2:at + 4])[0] if at > 0 else 0
    if at > 0:
        check("CMYK JPEG without Adobe's mark", cmyk[:at] + cmyk[at + 2 + size:])


png()
png16()
jpeg()
