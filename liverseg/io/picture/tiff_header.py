"""Limits on the header of a TIFF picture, checked before it is opened.

Format: TIFF revision 6.0 (Adobe, 1992). Its directory (IFD) lists tags; each says where its values lie.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput

SEVERAL_PICTURES = "The file holds several pictures or an animation; save one slice as one picture."
TOO_MANY_PARTS = "The picture is made of far more parts than a CT slice takes."

_COMPRESSION, _SAMPLE_FORMAT, _BITS = 259, 339, 258
_READ_COMPRESSIONS = (
    1,
    5,
    7,
    8,
    32773,
    32946,
)  # none, LZW, JPEG, deflate, PackBits, deflate by its old number
_UNSIGNED = 1
_BYTES_TYPES = (1, 2, 7)  # bytes, text and undefined: one value for each byte
_ENTRY_BYTES = 12


def check_tiff(stream: BinaryIO) -> None:
    """Raise for a TIFF that is not one picture of unsigned integers of up to 16 bits.

    UnreadableInput for several pages, other numbers and a compression that liverseg does not read,
    InputTooLarge for far too many parts. A malformed file passes: the decoder refuses it.
    """
    head = stream.read(8)
    order = "<" if head[:2] == b"II" else ">"
    if len(head) < 8:
        return
    stream.seek(struct.unpack(f"{order}I", head[4:])[0])
    count_bytes = stream.read(2)
    if len(count_bytes) < 2:
        return
    directory = stream.read(struct.unpack(f"{order}H", count_bytes)[0] * _ENTRY_BYTES)
    for start in range(0, len(directory) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        tag, type, count = struct.unpack_from(f"{order}HHI", directory, start)
        (first,) = struct.unpack_from(f"{order}H", directory, start + 8)
        if count > limits.MAX_PICTURE_PARTS and type not in _BYTES_TYPES:
            raise InputTooLarge(TOO_MANY_PARTS)
        if tag == _COMPRESSION and first not in _READ_COMPRESSIONS:
            raise UnreadableInput(
                "The TIFF picture is compressed in a way that liverseg does not read; save it with LZW, "
                "or as PNG."
            )
        is_wide = tag == _BITS and count == 1 and first > 16
        if is_wide or (tag == _SAMPLE_FORMAT and count == 1 and first != _UNSIGNED):
            raise UnreadableInput(
                "The TIFF picture holds signed, floating-point or 32-bit numbers, and does not say what they "
                "mean; save it with 8 bits and a known window, or as NIfTI or DICOM."
            )
    following = stream.read(4)
    if len(following) == 4 and any(following):
        raise UnreadableInput(SEVERAL_PICTURES)
