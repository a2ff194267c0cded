"""Small DICOM files that expand to gigabytes (bombs) or hold millions of empty elements (floods)."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from pydicom.datadict import tag_for_keyword

from fuzzing.dicom_elements import PIXEL_DATA, encode_element, encode_file, valid_file
from fuzzing.malformed_nifti import zeros_block
from fuzzing.seeds import of_kind


def deflate_bomb(rng: random.Random) -> bytes:
    """A valid dataset followed by two megabytes of deflated zeros that expand to two gigabytes."""
    head, elements = valid_file()
    position = head.index(b"1.2.840.10008.1.2.1\0")
    uid = b"1.2.840.10008.1.2.1.99"
    head = head[: position - 2] + struct.pack("<H", len(uid)) + uid + head[position + 20 :]
    (length,) = struct.unpack_from("<I", head, 140)
    head = head[:140] + struct.pack("<I", length + 2) + head[144:]
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(encode_element(*one) for one in elements[:-1]) + encode_element(
        PIXEL_DATA, b"OW", b"", 0x7FFFFFF0
    )
    return (
        head
        + compressor.compress(body)
        + compressor.flush(zlib.Z_FULL_FLUSH)
        + zeros_block() * rng.choice((4, 128))
    )


def element_flood(rng: random.Random) -> bytes:
    """Up to 1.5 million empty elements, or empty items of a sequence."""
    head, elements = valid_file()
    count = rng.choice((100_000, 1_500_000))
    if rng.random() < 0.5:
        flood = encode_element(rng.choice((0x00091001, 0x00100020)), b"LO", b"") * count
    else:
        keyword = rng.choice(("PerFrameFunctionalGroupsSequence", "ReferencedImageSequence"))
        items = b"\xfe\xff\x00\xe0\0\0\0\0" * count
        flood = encode_element(tag_for_keyword(keyword), b"SQ", items, rng.choice((None, 0xFFFFFFFF)))
    return encode_file(head, elements[:-1]) + flood + encode_file(b"", elements[-1:])


def run_length_bomb(rng: random.Random) -> bytes:
    """Run-length encoded pixels that expand to a hundred times their size."""
    data = next(seed for seed in of_kind("dicom") if seed.name == "dicom-rle").data
    start = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
    runs = struct.pack("<16I", 2, 64, 1_000_064, *[0] * 13) + b"\x81\0" * rng.choice((10_000, 4_000_000))
    pixels = b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0" + struct.pack("<I", len(runs)) + runs
    return data[:start] + pixels + b"\xfe\xff\xdd\xe0\0\0\0\0"


RARE: dict[str, Callable[[random.Random], bytes]] = {
    "deflate bomb": deflate_bomb,
    "element flood": element_flood,
    "run-length bomb": run_length_bomb,
}
"""Kinds that are slow to make or to read."""
