"""NIfTI files with a wrong header, voxels or compression."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

from fuzzing import damage
from fuzzing.seeds import Seed, of_kind

# name: (offset, struct code) of NIfTI-1 header fields
_FIELDS = {
    "sizeof_hdr": (0, "i"),
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    "vox_offset": (108, "f"),
    "scl_slope": (112, "f"),
    "scl_inter": (116, "f"),
    "xyzt_units": (123, "B"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
}
_DIM, _PIXDIM, _QUATERN, _SROW = 40, 76, 256, 280
_INTEGERS = (0, 1, -1, 2, 3, 7, 8, 64, 2048, 2049, 32767, -32768)
_FLOATS = (float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e38, -1e38, 1e-40, 1.0, 352.0, 1e9)
_TYPES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 9999)


def malformed_nifti(rng: random.Random) -> tuple[str, bytes]:
    """A malformed NIfTI file, preceded by the kind of defect."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def _uncompressed(rng: random.Random) -> Seed:
    """A valid NIfTI-1 file without compression."""
    return rng.choice([seed for seed in of_kind("nifti") if seed.suffix == ".nii" and seed.name != "nifti-2"])


def _byte_order(data: bytes) -> str:
    return "<" if data[:4] == b"\x5c\x01\0\0" else ">"


def _put(data: bytes, offset: int, code: str, value: float) -> bytes:
    """`data` with a number of `struct` code `code` written at an offset, in the byte order of the file."""
    word = struct.pack(_byte_order(data) + code, value)
    return data[:offset] + word + data[offset + len(word) :]


def _maybe_gzipped(data: bytes, rng: random.Random) -> bytes:
    return gzip.compress(data, 1, mtime=0) if rng.random() < 0.4 else data


def _fields(rng: random.Random) -> bytes:
    """Wrong values of data type, offset, scaling, unit or codes."""
    data = _uncompressed(rng).data
    for _ in range(rng.choice((1, 1, 2, 5))):
        name = rng.choice(tuple(_FIELDS))
        offset, code = _FIELDS[name]
        if code == "f":
            value: float = rng.choice(_FLOATS)
        elif name == "datatype":
            value = rng.choice(_TYPES)
        else:
            value = rng.choice(_INTEGERS) % 256 if code == "B" else rng.choice(_INTEGERS)
        data = _put(data, offset, code, value)
    return _maybe_gzipped(data, rng)


def _sizes(rng: random.Random) -> bytes:
    """Sizes that do not match the file, up to terabytes."""
    data = _uncompressed(rng).data
    if rng.random() < 0.3:
        dims = rng.choice(
            ((3, 2048, 2048, 1000), (3, 32767, 32767, 32767), (7, *[32767] * 7), (3, 512, 512, 1000))
        )
        for k, n in enumerate(dims):
            data = _put(data, _DIM + 2 * k, "h", n)
        return _maybe_gzipped(data, rng)
    for _ in range(rng.choice((1, 2, 4))):
        data = _put(data, _DIM + 2 * rng.randrange(8), "h", rng.choice(_INTEGERS))
    return _maybe_gzipped(data, rng)


def _geometry(rng: random.Random) -> bytes:
    """Wrong codes, spacing, quaternion or affine."""
    data = _uncompressed(rng).data
    data = _put(data, 252, "h", rng.choice((0, 1, 2, 30000)))
    data = _put(data, 254, "h", rng.choice((0, 1, 2, -5)))
    for _ in range(rng.choice((1, 3, 8))):
        start, count = rng.choice(((_PIXDIM, 8), (_QUATERN, 6), (_SROW, 12)))
        data = _put(data, start + 4 * rng.randrange(count), "f", rng.choice(_FLOATS))
    return _maybe_gzipped(data, rng)


def _slopes(rng: random.Random) -> bytes:
    """Extreme or undefined slope and intercept."""
    data = _put(_uncompressed(rng).data, 112, "f", rng.choice(_FLOATS))
    return _maybe_gzipped(_put(data, 116, "f", rng.choice(_FLOATS)), rng)


def _voxels(rng: random.Random) -> bytes:
    """Voxels that are not finite, or extreme."""
    data = bytearray(next(seed for seed in of_kind("nifti") if seed.name == "nifti-float").data)
    words = [struct.pack("<f", value) for value in _FLOATS]
    for _ in range(rng.choice((1, 100, 30_000))):
        start = 352 + 4 * rng.randrange((len(data) - 352) // 4)
        data[start : start + 4] = rng.choice(words)
    return _maybe_gzipped(bytes(data), rng)


def _inside_gzip(rng: random.Random) -> bytes:
    """A damaged file in valid gzip data."""
    seed = rng.choice(of_kind("nifti"))
    data = gzip.decompress(seed.data) if seed.suffix == ".nii.gz" else seed.data
    return gzip.compress(damage.damaged(data, rng, rng.choice(of_kind("nifti", "dicom")).data), 1, mtime=0)


def _wrapped(rng: random.Random) -> bytes:
    """gzip in gzip, a picture in gzip, several members, truncated members, wrong checksums."""
    plain = _uncompressed(rng).data
    packed = gzip.compress(plain, 1, mtime=0)
    half = len(plain) // 2
    return rng.choice(
        (
            gzip.compress(packed, 1, mtime=0),
            gzip.compress(rng.choice(of_kind("picture", "dicom", "zip")).data, 1, mtime=0),
            gzip.compress(plain[:half], 1, mtime=0) + gzip.compress(plain[half:], 1, mtime=0),
            packed[:-8] + rng.randbytes(8),
            packed[: rng.randrange(len(packed))],
            packed + rng.randbytes(50),
            packed + bytes(1000),
            packed[:3] + b"\x1c" + packed[4:10] + b"\xff\xff" + bytes(100),
        )
    )


@cache
def zeros_block() -> bytes:
    """16 MiB of zeros as a block of a deflate stream; the block can be repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(bytes(16 * 2**20)) + compressor.flush(zlib.Z_FULL_FLUSH)


def bomb(head: bytes, mebibytes: int) -> bytes:
    """A gzip stream of `head` and `mebibytes` of zeros, without its end and checksum."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = compressor.compress(head) + compressor.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + start + zeros_block() * (mebibytes // 16)


def _bomb(rng: random.Random) -> bytes:
    """A few hundred kB that expand to as much as the header declares, or to gigabytes more."""
    head = _uncompressed(rng).data[:352]
    dims = rng.choice(((3, 512, 512, 1000), (3, 512, 512, 1000), (3, 96, 96, 5), (3, 2048, 2048, 64)))
    for k, n in enumerate(dims):
        head = _put(head, _DIM + 2 * k, "h", n)
    if rng.random() < 0.3:
        head = _put(head, 108, "f", 16e6)
    return bomb(head, rng.choice((64, 512, 1024, 4096)))


def _flood(rng: random.Random) -> bytes:
    """Hundreds of thousands of empty gzip members within or after the image."""
    empty = gzip.compress(b"", 1, mtime=0) * rng.choice((50_000, 400_000))
    packed = gzip.compress(_uncompressed(rng).data, 1, mtime=0)
    half = len(_uncompressed(rng).data) // 2
    first = gzip.compress(_uncompressed(rng).data[:half], 1, mtime=0)
    return rng.choice((packed + empty, first + empty, packed[: len(packed) // 2] + empty))


_KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "fields": _fields,
    "sizes": _sizes,
    "geometry": _geometry,
    "slopes": _slopes,
    "voxels": _voxels,
    "inside gzip": _inside_gzip,
    "wrapped": _wrapped,
}
RARE: dict[str, Callable[[random.Random], bytes]] = {"gzip bomb": _bomb, "gzip flood": _flood}
"""Kinds that are slow to make or to read."""
