"""Series as files or as zip archives that lie: paths, links, bombs, archives in archives, odd slices."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

from fuzzing import damage
from fuzzing.dicom_lies import lying_dicom
from fuzzing.nifti_lies import zeros_block
from fuzzing.seeds import CANARY, of_kind, zipped

Member = tuple[str, bytes]

ESCAPED = "liverseg-fuzzing-escaped"
"""What a path leads to that tries to leave the archive; nothing of that name may be there afterwards."""

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


def lying_archive(rng: random.Random) -> tuple[str, bytes]:
    """A zip archive, and how it lies."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def odd_series(rng: random.Random) -> tuple[str, tuple[bytes, ...]]:
    """The files of a series of which some are missing, doubled, damaged or foreign."""
    files = list(_slices())
    for _ in range(rng.choice((1, 1, 2, 3))):
        k = rng.randrange(len(files))
        what = rng.randrange(6)
        if what == 0 and len(files) > 1:
            del files[k]
        elif what == 1:
            files.append(files[k])
        elif what == 2:
            files[k] = damage.damaged(files[k], rng, rng.choice(of_kind("dicom", "picture")).data)
        elif what == 3:
            files[k] = lying_dicom(rng)[1]
        elif what == 4:
            files.append(rng.choice(of_kind("dicom", "picture", "nifti", "zip")).data)
        else:
            rng.shuffle(files)
    return "series", tuple(files)


def _slices() -> tuple[bytes, ...]:
    return of_kind("series")[0].files


def _members() -> list[Member]:
    return [(f"ct/{k:03d}.dcm", content) for k, content in enumerate(_slices())]


def _paths(rng: random.Random) -> bytes:
    members = [
        (rng.choice(_PATHS) * rng.choice((1, 1, 20)) + ESCAPED + name[3:], data) for name, data in _members()
    ]
    return zipped(members)


def _links(rng: random.Random) -> bytes:
    """Members that are symbolic links, devices or folders by their attributes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in _members():
            archive.writestr(name, content)
        for k, mode in enumerate((0o120777, 0o020666, 0o010666, 0o040755)):
            info = zipfile.ZipInfo(f"{ESCAPED}{k}")
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, rng.choice((b"/etc/passwd", b"../../" + ESCAPED.encode(), _slices()[0])))
    return buffer.getvalue()


def _contents(rng: random.Random) -> bytes:
    """Damaged or lying slices, other files and archives among the members."""
    members = _members()
    for k in range(rng.choice((1, 2))):
        what = rng.randrange(4)
        if what == 0:
            members[k] = (members[k][0], lying_dicom(rng)[1])
        elif what == 1:
            members[k] = (
                members[k][0],
                damage.damaged(members[k][1], rng, rng.choice(of_kind("picture")).data),
            )
        elif what == 2:
            members.append((f"nested{k}.zip", rng.choice(of_kind("zip")).data))
        else:
            members.append((f"other{k}", rng.choice(of_kind("picture", "nifti", "dicom")).data))
    return zipped(members)


def _nested(rng: random.Random) -> bytes:
    """Archives in archives, with nothing else in them."""
    inner = rng.choice(of_kind("zip", "nifti", "picture")).data
    for depth in range(rng.choice((1, 2, 30))):
        inner = zipped([(f"{depth}.zip", inner)] * rng.choice((1, 3 if depth < 3 else 1)))
    return inner


def _directory(rng: random.Random) -> bytes:
    """Sizes, offsets, flags, methods and checksums of the central directory that lie."""
    data = bytearray(rng.choice(of_kind("zip")).data)
    starts = [k for k in range(len(data) - 46) if data[k : k + 4] == b"PK\x01\x02"]
    for _ in range(rng.choice((1, 2, 5))):
        start = rng.choice(starts)
        place, code = rng.choice(
            ((8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (30, "H"), (42, "I"))
        )
        value = rng.choice((0, 1, 8, 9, 12, 14, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
        struct.pack_into("<" + code, data, start + place, value & (0xFFFF if code == "H" else 0xFFFFFFFF))
    if rng.random() < 0.3:
        end = data.rindex(b"PK\x05\x06")
        struct.pack_into("<H", data, end + rng.choice((8, 10, 20)), rng.choice((0, 1, 1000, 65535)))
    return bytes(data)


def _methods(rng: random.Random) -> bytes:
    return zipped(_members(), rng.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


def _damaged(rng: random.Random) -> bytes:
    return damage.damaged(rng.choice(of_kind("zip")).data, rng, rng.choice(of_kind("zip", "picture")).data)


def archive_of(parts: list[tuple[str, bytes, int, bytes]], overlap: bool = False) -> bytes:
    """An archive of deflated members (name, deflated data, size that is said, first bytes for the checksum).

    With `overlap` all members share the data of the first.
    """
    body, directory, offset = bytearray(), bytearray(), 0
    for k, (name, packed, size, _) in enumerate(parts):
        here = offset
        if not overlap or k == 0:
            here = len(body)
            head = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
            body += head + name.encode() + packed
        fields = (20, 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0, 0, 0, 0, 0, here)
        directory += struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fields) + name.encode()
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    return bytes(body + directory + end)


def _bomb(rng: random.Random) -> bytes:
    """Members that unpack to gigabytes, said or not, alone or sharing their data."""
    packed = zeros_block() * rng.choice((2, 64))
    unpacked = len(packed) // len(zeros_block()) * 16 * 2**20
    said = rng.choice((unpacked, min(unpacked, len(packed) * 150), 1000))
    count = rng.choice((1, 3, 200))
    parts = [(f"{k:05d}", packed, said, b"") for k in range(count)]
    padding = ("noise", rng.randbytes(len(packed)), 0, b"")
    return archive_of([*parts, padding] if rng.random() < 0.5 else parts, overlap=rng.random() < 0.5)


def _heavy(rng: random.Random) -> bytes:
    """A member of a gigabyte of zeros, hidden from the ratio behind megabytes of noise."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    start = packer.compress(bytes(132) if rng.random() < 0.5 else _slices()[0][:2000])
    heavy = start + packer.flush(zlib.Z_FULL_FLUSH) + zeros_block() * 64 + b"\x03\0"
    noise = b"\0" * 5 + rng.randbytes(6 * 2**20)
    parts = [("0", heavy, 64 * 16 * 2**20, b""), ("1", noise, 6 * 2**20, b"")]
    return archive_of(parts)


def _crowd(rng: random.Random) -> bytes:
    """Thousands of members that are small, empty, or of no use."""
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
"""Those that take a while to make or to read."""
