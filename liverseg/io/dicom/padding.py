"""Finds the pixels of a DICOM image that are padding outside the field of view, declared or not."""

from __future__ import annotations

import cv2
import numpy as np
import pydicom

from liverseg.io.checks import MAX_HU
from liverseg.io.dicom.elements import float_values

_MAX_AIR_HU = -900.0  # padding up to this value is certain, denser values occur in tissue


def padding_mask(stored: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    """(H, W) mask of stored values from PixelPaddingValue to PixelPaddingRangeLimit, both included."""
    limits = [
        float_values(dataset, keyword, 1) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
    ]
    if limits[0] is None:
        return np.zeros(stored.shape, bool)
    allocated = int(dataset.BitsAllocated)
    ends = [int(limit[0]) for limit in limits if limit is not None]
    if int(dataset.PixelRepresentation):  # some files write -2000 as the unsigned 63536
        ends = [end - 2**allocated if end >= 2 ** (allocated - 1) else end for end in ends]
    else:
        ends = [end + 2**allocated if end < 0 else end for end in ends]
    return (stored >= min(ends)) & (stored <= max(ends))


def certain_padding(padding: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """The part of a padding mask (H, W) that is certainly padding.

    This includes all padding values of air or less. Denser padding values also occur in tissue (a file may
    declare 0, and 0 HU is water), so of these it includes only areas that reach a corner of the image, as the
    area outside the round field of view does.
    """
    dense = padding & (hu > _MAX_AIR_HU)
    if not dense.any():
        return padding
    _, areas = cv2.connectedComponents(dense.astype(np.uint8), connectivity=4)
    corners = areas[[0, 0, -1, -1], [0, -1, 0, -1]]
    return (padding & ~dense) | np.isin(areas, corners[corners > 0])


def stored_as_negative(stored: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """Mask of unsigned 16-bit values that no CT has as HU: negative numbers, such as padding of -2000."""
    return (hu > MAX_HU) & (stored >= 2**15) & (stored < 2**16)
