"""Weights files that lie, for a good spec."""
import io, json, struct, zipfile

from case import SMALL, SMALL_TENSORS, Case, count, numbers

RUN = ["compile", "net.yaml", "-o", "out", "--weights"]


def of(name, data, place="file", spec=SMALL):
    return Case({"net.yaml": spec, name: data}, RUN + [name], place)


# ---- safetensors ----

def tensors(rng):
    """header, data: as they should be"""
    header, data = {}, b""
    for name, shape in SMALL_TENSORS.items():
        piece = numbers(rng, count(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    return header, data


def pack(header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def cut_off(rng, turn):
    whole = pack(*tensors(rng))
    return of("w.safetensors", whole[:rng.randrange(len(whole))])


def wrong_length(rng, turn):
    header, data = tensors(rng)
    size = len(json.dumps(header))
    lengths = [0, 1, size - 1, size + 1, size // 2, len(data) + size, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 100 << 20]
    length = lengths[turn] if turn < len(lengths) else rng.choice([rng.randrange(size), rng.randrange(size + len(data) + 1, 1 << 62)])
    return of("w.safetensors", pack(header, b"A" + data[1:], length))


def wrong_offsets(rng, turn):
    header, data = tensors(rng)
    name = rng.choice(list(header))
    begin, end = header[name]["data_offsets"]
    n = rng.randrange(1, 1 << rng.choice([4, 31, 52]))
    bad = [[end, begin], [begin + 4, end + 4], [begin, end + 4 * n], [begin, end - 4], [-4, end - begin - 4], [begin], [begin, end, end], "x", None,
           [begin + 0.5, end], [n + len(data), n + len(data) + end - begin], [1 << 62, (1 << 62) + end - begin], {}, [str(begin), str(end)], [begin, begin], [True, end]]
    header[name]["data_offsets"] = bad[turn % len(bad)]
    return of("w.safetensors", pack(header, data))


def wrong_header(rng, turn):
    header, data = tensors(rng)
    name = rng.choice(list(header))
    text = json.dumps(header)
    deep = "[" * 5000 + "]" * 5000
    bad = ["", "[]", "null", "1", '"x"', text[:-1], text + "}", text.replace('"F32"', '"F31"', 1), text.replace('"F32"', "32", 1), text.replace("shape", "shapes", 1),
           text.replace("dtype", "type", 1), text.replace("data_offsets", "offsets", 1), "{" + text[1:-1] + ', "conv.bias": {}}', text.replace("conv.weight", "conv.weight\\u0000", 1),
           text.replace("conv.weight", "conv\\nweight", 1), text[:-1] + f', "deep": {deep}}}', text.replace('"F32"', '"BOOL"', 1), text.replace('"F32"', '"F64"', 1), text.replace('"F32"', '"F16"', 1),
           text.replace("[4, 3, 3, 3]", "[4, 3, 3, -3]"), text.replace("[4, 3, 3, 3]", "[4, 3, 3, 3.5]"), text.replace("[4, 3, 3, 3]", "[4294967296, 4294967296, 3, 3]"),
           text.replace("[4, 3, 3, 3]", "[[4], 3, 3, 3]"), text.replace("[4, 3, 3, 3]", "108"), text.replace("[4, 3, 3, 3]", "[0, 3, 3, 3]"), text.replace("[4, 3, 3, 3]", "[1,1,1,1,1,1,1,1,1,1,1,108]"),
           text[:-1] + ', "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', "{" + ", ".join(f'"t{i}": {{}}' for i in range(20000)) + "}"]
    raw = bad[turn].encode() if turn < len(bad) else text.replace(json.dumps(name), rng.choice(["1", "[]", "", "null", "'x'", json.dumps(name) + " 1"]), 1).encode()
    if turn == len(bad):
        raw = text.encode().replace(b"conv.weight", b"conv\xff", 1)
    return of("w.safetensors", pack(raw, data))


def wrong_tensors(rng, turn):
    """A file that is right, for another network."""
    header, data = tensors(rng)
    name = rng.choice(list(header))
    entry = header[name]
    kind = turn % 4
    if kind == 0:
        header[f"other.{rng.randrange(1 << 30)}.x"] = header.pop(name)
    elif kind == 1:
        n = rng.randrange(1, 9)
        header[f"more.q{rng.randrange(1 << 30)}"] = {"dtype": "F32", "shape": [n], "data_offsets": [len(data), len(data) + 4 * n]}
        data += bytes(4 * n)
    elif kind == 2:
        entry["shape"] = [1, 1, 1, 1, count(entry["shape"])]
    else:
        at = entry["data_offsets"][0] + 4 * rng.randrange(count(entry["shape"]))
        data = data[:at] + rng.choice([b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\0\0\x80\xff", b"\1\0\xa0\x7f"]) + data[at + 4:]
    return of("w.safetensors", pack(header, data))


def negative_variance(rng, turn):
    header, data = tensors(rng)
    at = header["bn.running_var"]["data_offsets"][0] + 4 * rng.randrange(4)
    return of("w.safetensors", pack(header, data[:at] + struct.pack("<f", -rng.uniform(0.01, 100)) + data[at + 4:]))


# ---- npz ----

def npy(shape, data, descr="<f4", order="False", version=1):
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }" % (descr, order, "".join(f"{d}, " for d in shape))
    text = text.ljust((len(text) + 10) // 64 * 64 + 64 - 11) + "\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text.encode() + data


def arrays(rng):
    return {name + ".npy": npy(shape, numbers(rng, count(shape))) for name, shape in SMALL_TENSORS.items()}


def zipped(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return out.getvalue()


def npz_cut_off(rng, turn):
    whole = zipped(arrays(rng), rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    return of("w.npz", whole[:rng.randrange(4, len(whole) - 22)])


def npz_damaged(rng, turn):
    """A byte of a member's data is another one: the checksum tells."""
    members = arrays(rng)
    whole = bytearray(zipped(members))
    name = rng.choice(list(members))
    at = whole.index(members[name]) + rng.randrange(len(members[name]))
    whole[at] ^= rng.randrange(1, 256)
    return of("w.npz", bytes(whole))


def npz_wrong(rng, turn):
    members = arrays(rng)
    name = rng.choice(list(members))
    base = name[:-4]
    n = count(SMALL_TENSORS[base])
    good = numbers(rng, n)
    shape = SMALL_TENSORS[base]
    bad = [npy(shape, good[:-4]), npy(shape + [2], good), npy([1 << 40, 1 << 40], good), npy([-1], good), npy(shape, good, "|O"), npy(shape, good, "<c8"),
           npy(shape, good, "<U1"), npy(shape, good, "<f3"), npy(shape, good, ">f9"), npy(shape, good, order="Maybe"), npy(shape, good, version=9), b"", b"\x93NUMPY",
           b"not numpy" * 9, npy(shape, good)[:20], npy(shape, good).replace(b"shape", b"shop"), npy(shape, good).replace(b"{", b"("), npy([n, n], good)]
    members[name] = bad[turn % len(bad)]
    if turn >= len(bad):
        members[f"q{rng.randrange(1 << 30)}.npy"] = npy([1], bytes(4))
    return of("w.npz", zipped(members, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))


def npz_lies(rng, turn):
    """Sizes, counts and offsets of the archive's directory are others."""
    whole = bytearray(zipped(arrays(rng)))
    end = whole.rindex(b"PK\5\6")
    directory = struct.unpack_from("<I", whole, end + 16)[0]
    kind = turn % 6
    if kind == 0:
        struct.pack_into("<I", whole, end + 16, rng.randrange(directory + 1, 1 << 32))
    elif kind == 1:
        struct.pack_into("<HH", whole, end + 8, 900, rng.randrange(9, 1 << 16))
    elif kind == 2:
        struct.pack_into("<H", whole, directory + 10, rng.choice([1, 9, 12, 14, 99]))
    elif kind == 3:
        struct.pack_into("<H", whole, directory + 8, 1)
    elif kind == 4:
        struct.pack_into("<I", whole, directory + 42, rng.randrange(1 << 20, 1 << 32))
    else:
        struct.pack_into("<II", whole, directory + 20, *[rng.randrange(1 << 20, 1 << 32)] * 2)
    return of("w.npz", bytes(whole))


def other_file(rng, turn):
    data = [b"", b"\x80\x02}q\x00.", b"PK\3\4", b"\0" * 100, b"\x89HDF\r\n\x1a\n" + b"\0" * 100, b"{}", b"12345678{", b"root:x:0:0\n", SMALL.encode(), b"\x08\x00\x00\x00\x00\x00\x00\x00{\"a\":1}"]
    return of("w.bin", data[turn] if turn < len(data) else bytes([rng.randrange(5, 48)]) + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 500))))


WEIGHTS = {f"weights, {f.__name__.replace('_', ' ')}": f for f in
           [cut_off, wrong_length, wrong_offsets, wrong_header, wrong_tensors, negative_variance, npz_cut_off, npz_damaged, npz_wrong, npz_lies, other_file]}
