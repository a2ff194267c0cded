"""Reads the size and precision that a JPEG, JPEG-LS or JPEG 2000 codestream declares, without decoding it."""

from __future__ import annotations

import struct

from liverseg.errors import UnreadableInput

_DAMAGED = "The DICOM image's compressed data is damaged."
_NOT_FRAME_MARKERS = {0xC4, 0xC8, 0xCC}  # tables and reserved markers among C0 to CF


def codestream_size(frame: bytes) -> tuple[int, int]:
    """(rows, columns) of a compressed frame. Raises UnreadableInput if it has no frame header.

    >>> codestream_size(bytes.fromhex("ffd8ffc3000b100060008001ffd9"))
    (96, 128)
    """
    start = _jpeg_2000_start(frame)
    if start is not None:
        right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
        return bottom - top, right - left
    position = _sof_position(frame)
    rows, columns = struct.unpack_from(">HH", frame, position + 5)
    return rows, columns


def codestream_precision(frame: bytes) -> int:
    """Bits per sample of a compressed frame. Raises UnreadableInput if it has no frame header.

    >>> codestream_precision(bytes.fromhex("ffd8ffc10b0b0c0060008001ffd9"))
    12
    """
    start = _jpeg_2000_start(frame)
    if start is not None:
        return (frame[start + 42] & 0x7F) + 1
    return frame[_sof_position(frame) + 4]


def _jpeg_2000_start(frame: bytes) -> int | None:
    """Offset of the JPEG 2000 codestream, which may lie in a JP2 box; None for other codestreams."""
    start = frame.find(b"\xff\x4f\xff\x51", 0, 1024)
    if start >= 0 and len(frame) < start + 43:
        raise UnreadableInput(_DAMAGED)
    return start if start >= 0 else None


def _sof_position(frame: bytes) -> int:
    """Offset of the start-of-frame marker (FF Cx, or FF F7 for JPEG-LS) of a JPEG."""
    position = 2
    while frame[:2] == b"\xff\xd8" and position + 9 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAME_MARKERS):
            return position
        position += 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    raise UnreadableInput(_DAMAGED)
