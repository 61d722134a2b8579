#!/usr/bin/env python3
"""Writes the seed corpora of the fuzz targets: seeds.py DIR makes DIR/safetensors and DIR/npy."""
import base64
import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib

GREY_JPEG = (  # 8x8
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////"
    "////////////////////wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AJ//Z")
PROGRESSIVE_JPEG = (  # 9x5, RGB
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////"
    "////////////////////2wBDAaq0tPDS8P//////////////////////////////////////////////////////////////////"
    "////////////wgARCAAFAAkDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/xAAVAQEBAAAAAAAAAAAAAAAAAAABAv/a"
    "AAwDAQACEAMQAAABgZ//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAEFAj//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAED"
    "AQE/AX//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AX//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAY/Aj//xAAU"
    "EAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAE/IT//2gAMAwEAAgADAAAAEA//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/"
    "EH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/EH//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAE/ED//2Q==")


def safetensors(entries):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, dtype, shape, raw in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def npy(descr, fortran, shape, raw, version=1):
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + raw


def npz(method, force_zip64):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name in ("conv1.weight", "fc.bias"):
            with z.open(name + ".npy", "w", force_zip64=force_zip64) as f:
                f.write(npy("<f4", False, (2, 3), struct.pack("<6f", *range(6))))
    return out.getvalue()


def png(colour, depth, w, h, row, interlace=0):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    extra = chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\x80\xff") if colour == 3 else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)) + extra
            + chunk(b"IDAT", zlib.compress((b"\0" + row) * h)) + chunk(b"IEND", b""))


def seeds():
    six = struct.pack("<6f", *range(6))
    yield "safetensors/f32", safetensors([("fc.weight", "F32", [2, 3], six), ("fc.bias", "F16", [2], b"\0\x3c\0\0")])
    yield "safetensors/scalar", safetensors([("n", "I64", [], bytes(8)), ("e", "U8", [0], b""), ("b", "BF16", [1], b"ab")])
    yield "safetensors/stored.npz", npz(zipfile.ZIP_STORED, False)
    yield "safetensors/deflated64.npz", npz(zipfile.ZIP_DEFLATED, True)
    yield "npy/f32", npy("<f4", False, (2, 3), six)
    yield "npy/big", npy(">i2", True, (2, 3), bytes(12), 2)
    yield "npy/scalar", npy("|b1", False, (), b"\1", 3)
    yield "npy/rgb.png", png(2, 8, 3, 2, bytes(range(9)))
    yield "npy/grey16.png", png(0, 16, 2, 2, bytes(4))
    yield "npy/palette.png", png(3, 2, 4, 2, b"\x1b")
    yield "npy/alpha.png", png(6, 8, 2, 1, bytes(range(8)))
    yield "npy/grey.jpg", base64.b64decode(GREY_JPEG)
    yield "npy/progressive.jpg", base64.b64decode(PROGRESSIVE_JPEG)
    yield "npy/p2.pgm", b"P2 2 2 9\n# comment\n1 2 3 9\n"
    yield "npy/p6.ppm", b"P6 2 1 255\n" + bytes(range(6))
    yield "npy/p5.pgm", b"P5 2 1 65535\n" + bytes(range(4))


def main():
    for name, data in seeds():
        path = pathlib.Path(sys.argv[1], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


main()
