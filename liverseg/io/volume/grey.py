"""Recognise volume files that store grey values or labels instead of HU."""

from __future__ import annotations

import numpy as np

from liverseg.core.window import Window, from_unit
from liverseg.errors import NotCT
from liverseg.io.volume.voxels import VolumeHeader

_MAX_LABELS = 8
_MAX_LABEL_VALUE = 20


def grey_values(
    values: np.ndarray, extremes: np.ndarray, header: VolumeHeader, window: Window
) -> tuple[np.ndarray, str] | None:
    """HU (S, H, W) rebuilt from grey values, with a warning; None where the values can be HU.

    `values` are (S, H, W) float32 after scaling, `extremes` (2,) their minimum and maximum. Unscaled unsigned
    bytes and values from exactly 0 to 1 are grey, because a CT has air at -1000 HU. Wider types are taken as
    HU even if they run from 0 to 255: some exports clip HU to that range. Raises NotCT for a label map (see
    `is_label_map`).
    """
    low, high = (float(value) for value in extremes)
    if low < 0 or high > 255:
        return None
    if is_label_map(values):
        raise NotCT(
            f"This {header.title} image holds only a few whole values, as a label map does, not a CT."
        )
    if not header.is_scaled and header.dtype.newbyteorder("=") == np.uint8:
        white, span = 255.0, "0 to 255"
    elif (low, high) == (0.0, 1.0):
        white, span = 1.0, "0 to 1"
    else:
        return None
    warning = (
        f"The {header.title} image stores grey from {span}, not HU: the HU were rebuilt as if it had been "
        f"made with the window {window.center_hu:g}/{window.width_hu:g} (centre/width)."
    )
    return from_unit(values / np.float32(white), window), warning


def is_label_map(values: np.ndarray) -> bool:
    """Whether an array has two to eight distinct values, all of them integers from 0 to 20.

    >>> is_label_map(np.array([0.0, 1.0, 2.0, 1.0])), is_label_map(np.array([0.0, 0.5]))
    (True, False)
    >>> is_label_map(np.array([0.0, 60.0, 110.0])), is_label_map(np.array([7.0, 7.0]))
    (False, False)
    """
    if values.min() < 0 or values.max() > _MAX_LABEL_VALUE:
        return False
    flat = values.reshape(-1)
    if np.unique(flat[:: max(1, flat.size // 10_000)]).size > _MAX_LABELS:  # a sample decides most cases
        return False
    distinct = np.unique(flat)
    return bool(1 < distinct.size <= _MAX_LABELS and (distinct == np.round(distinct)).all())
