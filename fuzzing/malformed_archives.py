"""Malformed zip archives and DICOM series: hostile paths, links, bombs, nested archives, damaged slices."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

from fuzzing import damage
from fuzzing.malformed_dicom import malformed_dicom
from fuzzing.malformed_nifti import zeros_block
from fuzzing.seeds import CANARY, of_kind, zipped

Member = tuple[str, bytes]

ESCAPED = "liverseg-fuzzing-escaped"
"""Name of members whose path leaves the archive; reading must not create a file of this name."""

_PATHS = (
    "../",
    "../../../../../../tmp/",
    "/tmp/",
    "C:\\",
    "..\\..\\",
    "a/../../",
    "./",
    "//",
    "\0",
    "a\n",
    CANARY + "/",
)


def malformed_archive(rng: random.Random) -> tuple[str, bytes]:
    """A malformed zip archive, preceded by the kind of defect."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def malformed_series(rng: random.Random) -> tuple[str, tuple[bytes, ...]]:
    """The files of a series in which some are missing, duplicated, damaged or of another format."""
    files = list(_slices())
    for _ in range(rng.choice((1, 1, 2, 3))):
        k = rng.randrange(len(files))
        defect = rng.randrange(6)
        if defect == 0 and len(files) > 1:
            del files[k]
        elif defect == 1:
            files.append(files[k])
        elif defect == 2:
            files[k] = damage.damaged(files[k], rng, rng.choice(of_kind("dicom", "picture")).data)
        elif defect == 3:
            files[k] = malformed_dicom(rng)[1]
        elif defect == 4:
            files.append(rng.choice(of_kind("dicom", "picture", "nifti", "zip")).data)
        else:
            rng.shuffle(files)
    return "series", tuple(files)


def _slices() -> tuple[bytes, ...]:
    return of_kind("series")[0].files


def _members() -> list[Member]:
    return [(f"ct/{k:03d}.dcm", content) for k, content in enumerate(_slices())]


def _paths(rng: random.Random) -> bytes:
    """Members with absolute paths, parent folders or control characters in their names."""
    members = [
        (rng.choice(_PATHS) * rng.choice((1, 1, 20)) + ESCAPED + name[3:], data) for name, data in _members()
    ]
    return zipped(members)


def _links(rng: random.Random) -> bytes:
    """Members whose attributes make them symbolic links, devices or folders."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in _members():
            archive.writestr(zipfile.ZipInfo(name), content)  # without the current time
        for k, mode in enumerate((0o120777, 0o020666, 0o010666, 0o040755)):
            info = zipfile.ZipInfo(f"{ESCAPED}{k}")
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, rng.choice((b"/etc/passwd", b"../../" + ESCAPED.encode(), _slices()[0])))
    return buffer.getvalue()


def _contents(rng: random.Random) -> bytes:
    """Members that are damaged or malformed slices, other files or archives."""
    members = _members()
    for k in range(rng.choice((1, 2))):
        defect = rng.randrange(4)
        if defect == 0:
            members[k] = (members[k][0], malformed_dicom(rng)[1])
        elif defect == 1:
            members[k] = (
                members[k][0],
                damage.damaged(members[k][1], rng, rng.choice(of_kind("picture")).data),
            )
        elif defect == 2:
            members.append((f"nested{k}.zip", rng.choice(of_kind("zip")).data))
        else:
            members.append((f"other{k}", rng.choice(of_kind("picture", "nifti", "dicom")).data))
    return zipped(members)


def _nested(rng: random.Random) -> bytes:
    """Archives that hold only archives."""
    inner = rng.choice(of_kind("zip", "nifti", "picture")).data
    for depth in range(rng.choice((1, 2, 30))):
        inner = zipped([(f"{depth}.zip", inner)] * rng.choice((1, 3 if depth < 3 else 1)))
    return inner


def _directory(rng: random.Random) -> bytes:
    """Wrong sizes, offsets, flags, methods and checksums in the central directory."""
    data = bytearray(rng.choice(of_kind("zip")).data)
    starts = [k for k in range(len(data) - 46) if data[k : k + 4] == b"PK\x01\x02"]
    for _ in range(rng.choice((1, 2, 5))):
        start = rng.choice(starts)
        offset, code = rng.choice(
            ((8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (30, "H"), (42, "I"))
        )
        value = rng.choice((0, 1, 8, 9, 12, 14, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
        struct.pack_into("<" + code, data, start + offset, value & (0xFFFF if code == "H" else 0xFFFFFFFF))
    if rng.random() < 0.3:
        end = data.rindex(b"PK\x05\x06")
        struct.pack_into("<H", data, end + rng.choice((8, 10, 20)), rng.choice((0, 1, 1000, 65535)))
    return bytes(data)


def _methods(rng: random.Random) -> bytes:
    """Members in other compression methods than deflate."""
    return zipped(_members(), rng.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


def _damaged(rng: random.Random) -> bytes:
    """A valid archive with random damage."""
    return damage.damaged(rng.choice(of_kind("zip")).data, rng, rng.choice(of_kind("zip", "picture")).data)


def archive_of(members: list[tuple[str, bytes, int]], overlap: bool = False) -> bytes:
    """An archive of deflated members: (name, deflated data, declared size). Checksums are 0.

    With `overlap` all members share the data of the first.
    """
    body, directory, first = bytearray(), bytearray(), 0
    for k, (name, deflated, size) in enumerate(members):
        start = first
        if not overlap or k == 0:
            start = len(body)
            head = struct.pack(
                "<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(deflated), size, len(name), 0
            )
            body += head + name.encode() + deflated
        fields = (20, 20, 0, 8, 0, 0, 0, len(deflated), size, len(name), 0, 0, 0, 0, 0, start)
        directory += struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fields) + name.encode()
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0
    )
    return bytes(body + directory + end)


def _bomb(rng: random.Random) -> bytes:
    """Members that expand to gigabytes, declared or not, with separate or shared data."""
    deflated = zeros_block() * rng.choice((2, 64))
    size = len(deflated) // len(zeros_block()) * 16 * 2**20
    declared = rng.choice((size, min(size, len(deflated) * 150), 1000))
    count = rng.choice((1, 3, 200))
    members = [(f"{k:05d}", deflated, declared) for k in range(count)]
    padding = ("noise", rng.randbytes(len(deflated)), 0)
    return archive_of([*members, padding] if rng.random() < 0.5 else members, overlap=rng.random() < 0.5)


def _heavy(rng: random.Random) -> bytes:
    """A member of a gigabyte of zeros beside megabytes of noise, which lower the compression ratio."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
    start = compressor.compress(bytes(132) if rng.random() < 0.5 else _slices()[0][:2000])
    heavy = start + compressor.flush(zlib.Z_FULL_FLUSH) + zeros_block() * 64 + b"\x03\0"
    noise = b"\0" * 5 + rng.randbytes(6 * 2**20)
    return archive_of([("0", heavy, 64 * 16 * 2**20), ("1", noise, 6 * 2**20)])


def _crowd(rng: random.Random) -> bytes:
    """Thousands of small, empty or useless members."""
    content = rng.choice((b"", b"x", bytes(128) + b"DICM", _slices()[0][:900]))
    return zipped([(str(k), content) for k in range(rng.choice((2000, 9_990, 10_500)))], zipfile.ZIP_STORED)


_KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "paths": _paths,
    "links": _links,
    "contents": _contents,
    "archive in archive": _nested,
    "directory": _directory,
    "methods": _methods,
    "damaged": _damaged,
}
RARE: dict[str, Callable[[random.Random], bytes]] = {
    "zip bomb": _bomb,
    "heavy member": _heavy,
    "crowd": _crowd,
}
"""Kinds that are slow to make or to read."""
