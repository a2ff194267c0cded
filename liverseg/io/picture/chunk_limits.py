"""Limits on the parts of a picture, checked before decoding: a few megabytes can hold millions."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.picture.tiff_header import TOO_MANY_PARTS, check_tiff
from liverseg.io.picture.webp_header import check_webp

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_LOSSLESS_FRAMES = (0xC3, 0xC7, 0xCB, 0xCF)
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE)
_JPEG_LS_FRAME = 0xF7
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))  # JPEG markers that have no length field


def check_parts(stream: BinaryIO, kind: str) -> None:
    """Raise InputTooLarge for a file of too many bytes, chunks, segments or scans; rewinds the stream.

    `kind` is one of `sniff.PICTURE_KINDS`. Raises the errors of `check_tiff` and `check_webp`, and
    UnreadableInput, with its name, for a kind of JPEG that is not decoded. A malformed file passes: the
    decoder refuses it.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size > limits.MAX_PICTURE_BYTES:
        raise InputTooLarge("The file of the picture is far larger than a CT slice takes.")
    _CHECKS[kind](stream)
    stream.seek(0)


def _check_png_chunks(stream: BinaryIO) -> None:
    stream.seek(8)
    for _ in range(limits.MAX_PICTURE_PARTS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        stream.seek(struct.unpack(">I", head[:4])[0] + 4, os.SEEK_CUR)
    raise InputTooLarge(TOO_MANY_PARTS)


def _check_jpeg_segments(stream: BinaryIO) -> None:
    data = stream.read()
    # In image data a zero follows every FF, so that this pair of bytes is always a marker.
    if data.count(bytes([0xFF, _START_OF_SCAN])) > limits.MAX_JPEG_SCANS:
        raise InputTooLarge(TOO_MANY_PARTS)
    position = 2
    for _ in range(limits.MAX_PICTURE_PARTS):
        position = data.find(b"\xff", position)
        if position < 0 or position + 4 > len(data) or data[position + 1] in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        marker = data[position + 1]
        _check_jpeg_frame(marker, data[position + 4 : position + 5])
        length = struct.unpack_from(">H", data, position + 2)[0]
        position += 1 if marker == 0xFF else 2 if marker in _WITHOUT_LENGTH else 2 + length
    raise InputTooLarge(TOO_MANY_PARTS)


def _check_jpeg_frame(marker: int, precision: bytes) -> None:
    """Raise UnreadableInput for a frame header of a JPEG that Pillow does not decode.

    `precision` is the first byte of the segment, which is the number of bits in a frame header.
    """
    if marker == _JPEG_LS_FRAME or marker in _LOSSLESS_FRAMES:
        kind = "JPEG-LS" if marker == _JPEG_LS_FRAME else "a lossless JPEG"
        raise UnreadableInput(f"This is {kind}, which liverseg reads in DICOM only; save the picture as PNG.")
    if marker in _FRAMES and precision != b"\x08":
        bits = f" of {precision[0]} bits" if precision else ""
        raise UnreadableInput(
            f"This is a JPEG{bits} a pixel; liverseg reads JPEG of 8 bits, and 12 bits in DICOM only: save "
            "the picture as PNG."
        )


_CHECKS = {"png": _check_png_chunks, "jpeg": _check_jpeg_segments, "tiff": check_tiff, "webp": check_webp}
