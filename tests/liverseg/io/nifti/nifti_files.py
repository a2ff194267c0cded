"""Stored axes and patched headers of NIfTI files."""

from __future__ import annotations

import struct

import numpy as np

NAN_ROW = struct.pack("<4f", *[np.nan] * 4)
LPS = np.diag([-0.7, -0.8, 5.0, 1.0])  # columns to the left, rows to posterior, slices to superior


def patched(path, changes: dict[int, bytes]):
    """Replace bytes of a file by offset; nibabel would repair wrong header values on saving."""
    raw = bytearray(path.read_bytes())
    for offset, value in changes.items():
        raw[offset : offset + len(value)] = value
    path.write_bytes(raw)
    return path


def stored(volume: np.ndarray) -> np.ndarray:
    """Reorder a radiological array (S, H, W) to the axes (X, Y, Z) of the affine `LPS`."""
    return volume.transpose(2, 1, 0)
