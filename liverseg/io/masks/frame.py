"""The common grid of two masks, for a comparison without their scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.limits import check_largest_shape
from liverseg.errors import InvalidSetting, UnreadableInput
from liverseg.io.masks.grid import place
from liverseg.io.masks.mask import Mask


def common_frame(result: Mask, reference: Mask) -> CTImage:
    """An image of 0 HU on which both masks lie: the grid of one, extended where the other goes beyond.

    Contours lie on the grid of the other mask. Raises `InvalidSetting` for contours alone, and
    `UnreadableInput` for grids that do not agree.
    """
    frames = [frame for frame in (reference.frame(), result.frame()) if frame is not None]
    if not frames:
        raise InvalidSetting("Contours have no grid of their own: give the scan they were drawn on (--scan).")
    if len(frames) == 1:
        return frames[0]
    try:
        return _extended(frames[0], frames[1].native)
    except UnreadableInput:  # a SEG that skips slices lies on the grid of the other, but not the reverse
        try:
            return _extended(frames[1], frames[0].native)
        except UnreadableInput as error:
            sentence = str(error).replace("The mask", "The reference").replace("the scan", "the result")
            raise UnreadableInput(sentence) from error


def _extended(frame: CTImage, other: NativeGrid) -> CTImage:
    """The frame, with as many slices, rows and columns more as another grid needs."""
    placement = place(other, frame, may_skip=True)
    sizes = [other.radiological_shape[axis] for axis in placement.axes]
    ends = [
        (start, start + step * (size - 1))
        for start, step, size in zip(placement.start, placement.steps, sizes, strict=True)
    ]
    low = np.array([min(0, *pair) for pair in ends])
    high = np.array([max(n - 1, *pair) for n, pair in zip(frame.shape, ends, strict=True)])
    affine = frame.native.radiological_affine
    shape = tuple(int(n) for n in high - low + 1)
    if affine is None or shape == frame.shape:
        return frame
    check_largest_shape(*shape)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ low
    native = NativeGrid(shape, (0, 1, 2), (False, False, False), moved, frame.native.affine_codes)
    kind = "slice" if shape[0] == 1 else "volume"
    return replace(frame, hu=np.broadcast_to(np.float32(0), shape), native=native, kind=kind)
