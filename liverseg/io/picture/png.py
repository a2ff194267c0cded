"""Encode PNG faster than OpenCV and Pillow, with the deflate of `liverseg.io.fast_gzip`.

`python -m benchmarks.replacements` measures how much; `docs/dependencies.md` has the figures.
One filter serves the whole picture instead of one per row; files are about as large as those of OpenCV.
Format: W3C, "Portable Network Graphics (PNG) Specification" (third edition), https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct

import numpy as np

from liverseg.io.fast_gzip import crc32, zlib_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_NONE, _SUB = 0, 1  # filters: the values, or their differences from the pixel to the left


def png_bytes(picture: np.ndarray, smooth: bool = True) -> bytes:
    """Encode a picture as PNG: grey (H, W) uint8 or uint16, or RGB (H, W, 3) uint8.

    `smooth=False` makes pictures with few distinct values, such as labels, smaller; pixels do not depend on
    it. Raises `ValueError` for another shape or type.

    >>> png_bytes(np.zeros((2, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    picture = np.asarray(picture)
    is_rgb = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
    is_grey = picture.ndim == 2 and picture.dtype in (np.uint8, np.uint16)
    if not (is_rgb or is_grey) or not picture.size:
        raise ValueError(
            f"a picture of shape {picture.shape} and type {picture.dtype} cannot be stored as PNG"
        )
    height, width = picture.shape[:2]
    bits = picture.dtype.itemsize * 8
    pixel_bytes = (3 if is_rgb else 1) * picture.dtype.itemsize
    rows = np.ascontiguousarray(picture, picture.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _SUB if smooth else _NONE
    if smooth:
        filtered[:, 1 : pixel_bytes + 1] = rows[:, :pixel_bytes]
        np.subtract(rows[:, pixel_bytes:], rows[:, :-pixel_bytes], out=filtered[:, pixel_bytes + 1 :])
    else:
        filtered[:, 1:] = rows
    head = struct.pack(">IIBBBBB", width, height, bits, _RGB if is_rgb else _GREY, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib_bytes(filtered)), (b"IEND", b""))
    return b"".join([_SIGNATURE, *(_chunk(name, content) for name, content in chunks)])


def _chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk: length, name, content, and the checksum of name and content."""
    return b"".join(
        [struct.pack(">I", len(content)), name, content, struct.pack(">I", crc32(content, crc32(name)))]
    )
