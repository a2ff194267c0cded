"""Split a valid DICOM file into its elements and encode elements, valid or not, into a file."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fuzzing.seeds import of_kind

LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UN", b"UT", b"UC", b"UR")
"""Value representations with a length of four bytes."""

PIXEL_DATA = 0x7FE00010

Element = tuple[int, bytes, bytes]  # tag, VR, value


def encode_element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element in explicit little endian; `length` is the declared length (None: the true one)."""
    declared = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in LONG_VRS:
        return head + b"\0\0" + struct.pack("<I", declared & 0xFFFFFFFF) + value
    return head + struct.pack("<H", declared & 0xFFFF) + value


def encode_file(head: bytes, elements: list[Element]) -> bytes:
    """A file of a head (preamble and group 2, or nothing) and elements, in the order given."""
    return head + b"".join(encode_element(*one) for one in elements)


def split(data: bytes) -> tuple[bytes, list[Element]]:
    """The head (preamble and group 2) and the elements of a valid file in explicit little endian."""
    elements = list(_elements(data, 132))
    start = next(position for position, (tag, _, _) in elements if tag >> 16 != 2)
    return data[:start], [one for position, one in elements if position >= start]


def _elements(data: bytes, position: int) -> Iterator[tuple[int, Element]]:
    """The elements from a position on, each with its position."""
    while position + 8 <= len(data):
        group, number = struct.unpack_from("<HH", data, position)
        vr = data[position + 4 : position + 6]
        if vr in LONG_VRS:
            (length,) = struct.unpack_from("<I", data, position + 8)
            start = position + 12
        else:
            (length,) = struct.unpack_from("<H", data, position + 6)
            start = position + 8
        length = min(
            length, len(data) - start
        )  # the length of compressed pixels, which come last, is undefined
        yield position, (group << 16 | number, vr, data[start : start + length])
        position = start + length


def valid_file(name: str = "dicom") -> tuple[bytes, list[Element]]:
    """The head and the elements of the DICOM seed of that name."""
    return split(next(seed for seed in of_kind("dicom") if seed.name == name).data)
