"""NRRD and MetaImage files with wrong fields, voxels or compression, and bombs."""

from __future__ import annotations

import bz2
import random
import zlib
from collections.abc import Callable

import numpy as np

from fuzzing import damage
from fuzzing.malformed_nifti import bomb
from fuzzing.seeds import CANARY, of_kind, volume_hu
from fuzzing.text_volumes import PACKERS, metaimage_file, metaimage_header, nrrd_file, nrrd_header

_NUMBERS = (
    *("0", "-1", "1", "3", "nan", "inf", "-inf", "1e300", "1e-40", "9" * 400, "x", "", "0x10"),
    "64 64 64",
)
_SIZES = (
    *("2048 2048 1000", "32767 32767 32767", "96 96 0", "96 96", "96 96 5 1 1", "1 96 96 5"),
    *("-5 96 96", "512 512 1000", "9223372036854775807 2 2"),
)
_VECTORS = (
    *("(1,0,0) (0,1,0) (0,0,1)", "none none none", "(1,0) (0,1) (0,0)", "((((", "(nan,0,0) (0,1,0) (0,0,1)"),
)
_NAMES = (
    *("LOCAL", "LIST", "../ct.raw", "/etc/passwd", "C:\\a", "%03d.raw 1 9 1", f"{CANARY}.raw", "", "."),
    "\0",
)
_WORDS = ("True", "False", "MET_UCHAR", "MET_FLOAT", "double", "block", "gzip", "raw", "ascii", "big", CANARY)
_NRRD_FIELDS = (
    *("type", "dimension", "space", "sizes", "space_directions", "space_origin", "kinds", "endian"),
    *("encoding", "byte_skip", "line_skip", "data_file", "spacings", "space_units"),
)
_META_FIELDS = (
    *("ObjectType", "NDims", "BinaryData", "BinaryDataByteOrderMSB", "CompressedData", "TransformMatrix"),
    *("Offset", "AnatomicalOrientation", "ElementSpacing", "DimSize", "ElementType", "HeaderSize"),
    *("Modality", "ElementNumberOfChannels", "ElementDataFile"),
)


def malformed_text_volume(rng: random.Random) -> tuple[str, bytes]:
    """A malformed NRRD or MetaImage file, preceded by the kind of defect."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def detached(rng: random.Random, name: str) -> tuple[bytes, bytes]:
    """A header that names a data file, mostly `name`, and that file, sometimes damaged or of another size."""
    array = volume_hu()
    packing = rng.choice(("raw", "gzip", "bzip2", "zlib"))
    data = PACKERS[packing](array.tobytes(order="F"))
    if rng.random() < 0.3:
        name = rng.choice(_NAMES)
    skip = rng.choice(("0", "0", "16", "-1", "99999999"))
    if packing == "zlib" or (packing == "raw" and rng.random() < 0.5):
        fields = {"CompressedData": str(packing != "raw"), "ElementDataFile": name, "HeaderSize": skip}
        header = metaimage_header(array, fields)
    else:
        header = nrrd_header(array, encoding=packing, data_file=name, byte_skip=skip)
    if rng.random() < 0.4:
        data = damage.damaged(data, rng, rng.choice(of_kind("dicom")).data)
    return header, data


def _fields(rng: random.Random) -> bytes:
    """Wrong values of one to five fields."""
    values = (*_NUMBERS, *_SIZES, *_VECTORS, *_NAMES, *_WORDS, None)
    is_nrrd = rng.random() < 0.5
    names = _NRRD_FIELDS if is_nrrd else _META_FIELDS
    changes = {rng.choice(names): rng.choice(values) for _ in range(rng.choice((1, 1, 2, 5)))}
    if is_nrrd:
        return nrrd_file(volume_hu(), rng.choice(("raw", "gzip", "bzip2")), **changes)
    return metaimage_file(volume_hu(), rng.choice(("raw", "zlib", "gzip")), **changes)


def _sizes(rng: random.Random) -> bytes:
    """Sizes that do not match the file, up to terabytes."""
    size = rng.choice(_SIZES)
    rank = str(len(size.split()))
    if rng.random() < 0.5:
        return nrrd_file(volume_hu(), rng.choice(("raw", "gzip", "bzip2")), sizes=size, dimension=rank)
    return metaimage_file(volume_hu(), rng.choice(("raw", "zlib")), DimSize=size, NDims=rank)


def _lines(rng: random.Random) -> bytes:
    """Lines of the header that are repeated, exchanged, cut or very long."""
    whole = rng.choice(of_kind("nrrd", "metaimage")).data
    head, rest = whole[:400], whole[400:]
    lines = head.split(b"\n")
    k = rng.randrange(len(lines))
    line = rng.choice((lines[k] * 2, lines[k][:5], lines[k] * 9999, b"\xff" * 50, b"", rng.choice(lines)))
    times = rng.choice((1, 1, 1, 30_000))
    repeated = [line] * (times if len(line) < 100 else 1)  # both together would be gigabytes
    return b"\n".join([*lines[:k], *repeated, *lines[k + 1 :]]) + rest


def _voxels(rng: random.Random) -> bytes:
    """Voxels that are not finite, or extreme."""
    array = volume_hu().astype(np.float32)
    flat = array.reshape(-1)
    values = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40)
    flat[rng.randrange(flat.size) :: rng.choice((1, 2, 1000))] = rng.choice(values)
    return rng.choice((nrrd_file, metaimage_file))(array)


def _packed(rng: random.Random) -> bytes:
    """Damage in the compressed data alone."""
    array = volume_hu()
    if rng.random() < 0.5:
        packing = rng.choice(("gzip", "bzip2"))
        header, data = nrrd_header(array, encoding=packing), PACKERS[packing](array.tobytes(order="F"))
    else:
        header = metaimage_header(array, {"CompressedData": "True"})
        data = PACKERS[rng.choice(("zlib", "gzip"))](array.tobytes(order="F"))
    return header + damage.damaged(data, rng, rng.choice(of_kind("nifti")).data)


def _bomb(rng: random.Random) -> bytes:
    """A few kB that expand to as much as the header declares, or to far more."""
    size = rng.choice(("512 512 1000", "96 96 5", "2048 2048 64"))
    skip = rng.choice(("0", "16000000"))
    packing = rng.choice(("gzip", "bzip2", "zlib"))
    if packing == "gzip":
        return nrrd_header(volume_hu(), sizes=size, encoding="gzip", byte_skip=skip) + bomb(b"", 1024)
    zeros = bytes(16 * 2**20)
    if packing == "bzip2":
        return (
            nrrd_header(volume_hu(), sizes=size, encoding="bzip2", byte_skip=skip) + bz2.compress(zeros) * 32
        )
    compressor = zlib.compressobj(9)
    block = compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH)
    again = zlib.compressobj(9, zlib.DEFLATED, -15)
    more = again.compress(zeros) + again.flush(zlib.Z_FULL_FLUSH)
    return metaimage_header(volume_hu(), {"DimSize": size, "CompressedData": "True"}) + block + more * 31


def _flood(rng: random.Random) -> bytes:
    """Hundreds of thousands of empty bzip2 streams, or a header without an end."""
    array = volume_hu()
    header = nrrd_header(array, encoding="bzip2")
    return rng.choice((header + bz2.compress(b"") * 300_000, b"NRRD0004\n" + b"a:=b\n" * 2_000_000))


_KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "fields": _fields,
    "sizes": _sizes,
    "lines": _lines,
    "voxels": _voxels,
    "packed data": _packed,
}
RARE: dict[str, Callable[[random.Random], bytes]] = {"bomb": _bomb, "flood": _flood}
"""Kinds that are slow to make or to read."""
