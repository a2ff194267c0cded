"""PNG, three to ten times as fast as the usual writers, by the deflate of `liverseg.io.fast_gzip`.

One filter for the whole picture in place of a choice by row: about the size of OpenCV's files. The format is
that of the W3C recommendation, "Portable Network Graphics (PNG) Specification" (third edition).
"""

from __future__ import annotations

import struct

import numpy as np

from liverseg.io.fast_gzip import crc32, zlib_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_NONE, _SUB = 0, 1  # filters: the bytes themselves, or what they differ from those of the pixel to the left


def png_bytes(picture: np.ndarray, smooth: bool = True) -> bytes:
    """A picture as a PNG file: grey (H, W) uint8 or uint16, or RGB (H, W, 3) uint8.

    `smooth` is False for what has few values, such as labels; it decides the size alone.
    Raises `ValueError` for another shape or type.

    >>> png_bytes(np.zeros((2, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    picture = np.asarray(picture)
    is_rgb = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
    is_grey = picture.ndim == 2 and picture.dtype in (np.uint8, np.uint16)
    if not (is_rgb or is_grey) or not picture.size:
        raise ValueError(f"a picture of shape {picture.shape} and type {picture.dtype} is no PNG")
    height, width = picture.shape[:2]
    bits = picture.dtype.itemsize * 8
    pixel = (3 if is_rgb else 1) * picture.dtype.itemsize  # bytes
    rows = np.ascontiguousarray(picture, picture.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _SUB if smooth else _NONE
    if smooth:
        filtered[:, 1 : pixel + 1] = rows[:, :pixel]
        np.subtract(rows[:, pixel:], rows[:, :-pixel], out=filtered[:, pixel + 1 :])
    else:
        filtered[:, 1:] = rows
    head = struct.pack(">IIBBBBB", width, height, bits, _RGB if is_rgb else _GREY, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib_bytes(filtered)), (b"IEND", b""))
    return b"".join([_SIGNATURE, *(_chunk(name, content) for name, content in chunks)])


def _chunk(name: bytes, content: bytes) -> bytes:
    """Length, name, content and checksum of name and content."""
    return b"".join(
        [struct.pack(">I", len(content)), name, content, struct.pack(">I", crc32(content, crc32(name)))]
    )
