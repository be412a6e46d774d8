"""Changes of npy arrays and of the zip archives that hold them, NET.hwq and recordings among them."""

from __future__ import annotations

import io
import json
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

import numpy as np
import octets
import texts
import wild

from hwq.ir import serial
from hwq.ir.codec import decode
from hwq.ir.program import Program

Members = list[tuple[str, bytes]]

WAYS = ["little"] * 24 + [*texts.TREES] * 4 + [*texts.RAW]
"""Changes of a description inside an archive, each as often as it is drawn."""
GIGABYTES = 10 << 30
"""What a bomb unpacks to."""


class Trap:
    """An object that makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        """What unpickling does."""
        return os.mkdir, (wild.PWNED,)  # type: ignore[return-value]


def members(data: bytes) -> Members:
    """Names and contents of what can be unpacked."""
    found: Members = []
    with suppress(*serial._BROKEN, NotImplementedError), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if entry.file_size < 1 << 24:
                found.append((entry.filename, archive.read(entry)))
    return found


def pack(items: Members, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of members, of which some may have one name."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", how) as archive:
        warnings.simplefilter("ignore")
        for name, data in items:
            archive.writestr(zipfile.ZipInfo(name or "x", (1980, 1, 1, 0, 0, 0)), data, how)
    return out.getvalue()


def array(values: Any, pickled: bool = False) -> bytes:
    """The bytes of an npy file."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(values), allow_pickle=pickled)
    return out.getvalue()


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of an npy file."""
    start = io.BytesIO(data)
    np.lib.format.read_magic(start)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(start)
    return {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": fortran, "shape": shape}, data[
        start.tell() :
    ]


def join(header: Any, body: bytes, version: bytes = b"\x01\x00") -> bytes:
    """An npy file with any header."""
    text = header if isinstance(header, bytes) else repr(header).encode("utf-8", "surrogatepass")
    text = text + b" " * (-(len(text) + 11) % 64) + b"\n"
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text) % (1 << 16))
    return b"\x93NUMPY" + version + size + text + body


DESCRS = (
    "<f4", "<f8", "<f2", ">f4", "<i8", "|i1", "|u1", "<u2", ">i4", "<i4", "|b1", "<c8", "<c16", "|O", "<U9", "|S3",
    "|V8",
    "<M8[ns]", "<m8[s]", "<g", "<f16", "|i0", "i99", "", "float", [("a", "<f4"), ("b", "|O")], [("a", "<f4", (2, 2))],
    [("a", "|i1")] * 2, [["a", "<f4"]], ("<f4", (2,)), 3, None, {"names": ["a"]}, "<f4,<f4", "|V0", "(2,2)<f4",
)  # fmt: skip
"""Types of elements: of other orders, of objects, of structures, of nothing."""


def _header(data: bytes, rng: Random) -> bytes:
    """Type, shape or order of the header is another; the data stay."""
    header, body = split(data)
    key = rng.choice(("descr", "shape", "shape", "fortran_order", "all", "text", "version", "extra"))
    if key == "descr":
        header[key] = rng.choice(DESCRS)
    elif key == "shape":
        shape = list(header[key])
        texts._list(shape, rng)
        header[key] = rng.choice(
            (tuple(shape), (wild.integer(rng), *header[key][1:]), (-1,), (0,), (), 3, (2**31, 2**31))
        )
    elif key == "fortran_order":
        header[key] = rng.choice((True, 1, None))
    elif key == "all":
        return join(
            {"descr": rng.choice(DESCRS), "fortran_order": rng.random() < 0.5, "shape": rng.choice(((2,), ()))}, body
        )
    elif key == "text":
        forms = (
            b"(" * 200,
            b"(" * 60_000,
            b"{" * 5000,
            b"[1]*10**9",
            b"__import__('os')",
            b"{'descr': '<f4'}",
            b"\xff" * 40,
        )
        return join(rng.choice(forms), body)
    elif key == "version":
        return join(header, body, rng.choice((b"\x02\x00", b"\x03\x00", b"\x09\x00", b"\x00\x00", b"\xff\xff")))
    else:
        header[rng.choice((wild.text(rng), "descr2"))] = 1
    return join(header, body)


def _resize(data: bytes, rng: Random) -> bytes:
    """Another array of that type: more or fewer samples, other sizes, other order of axes."""
    values = np.lib.format.read_array(io.BytesIO(data))
    forms: tuple[Callable[[], Any], ...] = (
        lambda: values[:0], lambda: values[:1], lambda: np.concatenate([values, values]), lambda: values[..., :0],
        lambda: values.T, lambda: np.asfortranarray(values), lambda: values[None], lambda: values.ravel(),
        lambda: values.astype(rng.choice([one for one in DESCRS[:20] if one not in ("|O", "|V8")])),
        lambda: np.broadcast_to(values, (3, *values.shape)), lambda: values[0],
        lambda: values.astype([("a", "<f4")]),
    )  # fmt: skip
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return array(rng.choice(forms)())


def _values(data: bytes, rng: Random) -> bytes:
    """Some elements, or all, at the end of their range or beyond what a model takes."""
    values = np.lib.format.read_array(io.BytesIO(data)).copy()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = np.asarray(rng.choice((wild.real(rng), wild.integer(rng)))).astype(values.dtype)
    if rng.random() < 0.3:
        values[...] = value
    elif values.size:
        values.flat[rng.randrange(values.size)] = value
    return array(values)


def _pickle(_data: bytes, rng: Random) -> bytes:
    """An array of objects, one of which makes a file."""
    made = array(np.array([Trap(), None] * rng.choice((1, 4)), object), True)
    return made if rng.random() < 0.5 else b"\x80\x04" + made[128:]


def _body(data: bytes, rng: Random) -> bytes:
    header, body = split(data)
    return join(
        header, rng.choice((body[: rng.randrange(len(body) + 1)], body + b"\0" * rng.choice((1, 8, 4096)), b""))
    )


def _bytes(data: bytes, rng: Random) -> bytes:
    return octets.CHANGES[rng.choice([*octets.CHANGES])](data, rng, data)


ARRAYS: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "header": _header, "resize": _resize, "values": _values, "pickle": _pickle, "body": _body, "bytes": _bytes,
}  # fmt: skip
"""Changes of an npy file, by name."""


def bomb(name: str, header: bytes, declared: int | None = None, size: int = GIGABYTES) -> bytes:
    """An archive with one member of `size` zeros, a thousand times smaller than what it unpacks to."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(1 << 24)
    start = squeeze.compress(header) + squeeze.flush(zlib.Z_FULL_FLUSH)
    one = squeeze.compress(block) + squeeze.flush(zlib.Z_FULL_FLUSH)
    count = size // len(block)
    data = start + one * count + squeeze.flush()
    encoded, total = name.encode(), len(header) + size if declared is None else declared
    more = struct.pack("<2HQ", 1, 8, total)  # sizes of more than four gigabytes stand here
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 8, 0, 33, 0, len(data), 0xFFFFFFFF, len(encoded), len(more))
    local += encoded + more
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 8, 0, 33, 0, len(data), 0xFFFFFFFF, len(encoded), len(more), 0, 0, 0, 0, 0
    ) + encoded + more  # fmt: skip
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local) + len(data), 0)
    return local + data + entry + end


_BOMBS: dict[str, bytes] = {}


def _bomb(data: bytes, rng: Random) -> bytes:
    """The first array of the archive as ten gigabytes of zeros; header and archive say so, or one of them lies."""
    (name, stored), *_ = [*[one for one in members(data) if one[0].endswith(".npy")], ("x.npy", b"")]
    honest, declared = rng.random() < 0.5, rng.choice((None, None, 1000, 0))
    key = f"{name} {honest} {declared}"
    if key not in _BOMBS:
        _BOMBS.clear()
        shape: tuple[int, ...] = (1,)
        with suppress(ValueError):
            shape = split(stored)[0]["shape"]
        inner = int(np.prod(shape[1:])) if honest else 1
        entries = GIGABYTES // max(1, inner)
        header = join({"descr": "|i1", "fortran_order": False, "shape": (entries, *shape[1:])}, b"")
        _BOMBS[key] = bomb(name, header, declared)
    return _BOMBS[key]


def _member(data: bytes, rng: Random) -> bytes:
    """One array of an archive, changed as a file."""
    items = members(data)
    chosen = [place for place, (name, _) in enumerate(items) if name.endswith(".npy")]
    if not chosen:
        return data
    place = rng.choice(chosen)
    name, content = items[place]
    with suppress(ValueError, TypeError, IndexError, OverflowError, SyntaxError, EOFError):
        items[place] = (name, ARRAYS[rng.choice([*ARRAYS])](content, rng))
    return pack(items)


def _weights(data: bytes, rng: Random) -> bytes:
    """Some integers of an array, changed within what they already are."""
    items = members(data)
    place = rng.choice([place for place, (name, _) in enumerate(items) if name.endswith(".npy")])
    values = np.lib.format.read_array(io.BytesIO(items[place][1])).copy()
    for _ in range(rng.choice((1, 3, 20))):
        values.flat[rng.randrange(values.size)] = rng.choice(values.ravel())
    items[place] = (items[place][0], array(values))
    return pack(items)


def _names(data: bytes, rng: Random) -> bytes:
    """Members of other names, of one name, none, more."""
    items = members(data)
    choice = rng.randrange(4)
    if choice == 0 or not items:
        items.append((wild.text(rng), rng.choice((b"", b"x", array(np.zeros(3))))))
    elif choice == 1:
        del items[rng.randrange(len(items))]
    elif choice == 2:
        items.append(rng.choice(items))
    else:
        place = rng.randrange(len(items))
        names = [name for name, _ in items]
        items[place] = (
            rng.choice((wild.text(rng), f"../{names[place]}", rng.choice(names), "x.npy", "")),
            items[place][1],
        )
    return pack(items)


def _packing(data: bytes, rng: Random) -> bytes:
    """Other compression, and fields of the archive that lie."""
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    made = bytearray(pack(members(data), how))
    for signature, fields in (
        (b"PK\1\2", (8, 10, 20, 24, 28, 42)),
        (b"PK\3\4", (6, 8, 18, 22, 26)),
        (b"PK\5\6", (8, 10, 12, 16)),
    ):
        at = made.find(signature)
        if at >= 0 and rng.random() < 0.5:
            place = at + rng.choice(fields)
            made[place : place + 2] = rng.choice((b"\0\0", b"\1\0", b"\xff\xff", b"\x63\0"))
    return bytes(made)


def _text(data: bytes, rng: Random) -> bytes:
    """The program or the description inside, changed as JSON, with a digest that fits again."""
    items = members(data)
    for place, (name, content) in enumerate(items):
        if name == "program.json":
            changed = texts.change(content, rng.choice(WAYS), rng)
            items[place] = (name, changed if rng.random() < 0.1 else resealed(changed, items))
        elif name == "hwq.recording.npy":
            with suppress(ValueError):
                content = str(np.lib.format.read_array(io.BytesIO(content))).encode()
                changed = texts.change(content, rng.choice(WAYS), rng)
                items[place] = (name, array(np.array(changed.decode("utf-8", "replace"))))
    return pack(items)


def resealed(text: bytes, items: Members) -> bytes:
    """The text of a program with the digest of what it says, where it says anything."""
    with suppress(Exception):
        arrays = {
            name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(data))
            for name, data in items
            if "npy" in name
        }
        tree = json.loads(text)
        tree["digest"] = serial.digest(
            Program(**{key: decode(tree[key], arrays) for key in (*serial._CORE, "samples", "info")})
        )
        return json.dumps(tree).encode()
    return text


def _sealed(data: bytes, rng: Random) -> bytes:
    """Another weight, with a digest that fits."""
    items = members(_member(data, rng) if rng.random() < 0.3 else _weights(data, rng))
    return pack([(name, resealed(content, items) if name == "program.json" else content) for name, content in items])


ARCHIVES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "member": _member, "names": _names, "packing": _packing, "text": _text, "sealed": _sealed, "bomb": _bomb,
}  # fmt: skip
"""Changes of a zip archive, by name."""


def change(data: bytes, name: str, rng: Random) -> bytes:
    """An archive or array after one change."""
    return (ARRAYS if name in ARRAYS else ARCHIVES)[name](data, rng)
