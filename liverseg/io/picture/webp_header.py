"""Limits on the header of a WebP picture, checked before it is opened: opening allocates its canvas.

Format: RFC 9649, https://www.rfc-editor.org/rfc/rfc9649
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from liverseg.core import limits
from liverseg.core.limits import check_shape
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.picture.tiff_header import SEVERAL_PICTURES, TOO_MANY_PARTS

_HEAD_BYTES = 30
_IS_ANIMATED = 0x02
_SIDE_MASK = 0x3FFF


def check_webp(stream: BinaryIO) -> None:
    """Raise InputTooLarge/InputTooSmall for a size outside the limits and for far too many chunks.

    Raises UnreadableInput for an animation. A malformed file passes: the decoder refuses it.
    """
    head = stream.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES:
        return
    chunk = head[12:16]
    if chunk == b"VP8X":
        if head[20] & _IS_ANIMATED:
            raise UnreadableInput(SEVERAL_PICTURES)
        columns, rows = (1 + int.from_bytes(head[k : k + 3], "little") for k in (24, 27))
    elif chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        columns, rows = 1 + (bits & _SIDE_MASK), 1 + (bits >> 14 & _SIDE_MASK)
    elif chunk == b"VP8 ":
        columns, rows = (int.from_bytes(head[k : k + 2], "little") & _SIDE_MASK for k in (26, 28))
    else:
        return
    check_shape(1, rows, columns)
    stream.seek(12)
    for _ in range(limits.MAX_PICTURE_PARTS):
        chunk_head = stream.read(8)
        if len(chunk_head) < 8:
            return
        (length,) = struct.unpack("<I", chunk_head[4:])
        stream.seek(length + length % 2, os.SEEK_CUR)
    raise InputTooLarge(TOO_MANY_PARTS)
