"""Slope and intercept from stored values to HU (PS3.3 C.11.1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pydicom

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.elements import float_values
from liverseg.io.dicom.modality_lut import ModalityLut

_DAMAGED_RESCALE = "The DICOM file is damaged: its rescale slope or intercept is not a usable number."


class Rescale(NamedTuple):
    """HU = stored * slope + intercept."""

    slope: float
    intercept: float
    intercept_is_assumed: bool = False  # the file has a slope only


def rescale_of(dataset: pydicom.Dataset) -> Rescale | None:
    """The rescale of a dataset or functional group; None if it has neither slope nor intercept.

    A missing slope is 1, a missing intercept 0. Raises UnreadableInput for values that are not usable
    numbers.
    """
    has_slope, has_intercept = (dataset.get(k) is not None for k in ("RescaleSlope", "RescaleIntercept"))
    if not has_slope and not has_intercept:
        return None
    slope = float_values(dataset, "RescaleSlope", 1) if has_slope else (1.0,)
    intercept = float_values(dataset, "RescaleIntercept", 1) if has_intercept else (0.0,)
    if slope is None or intercept is None or slope[0] == 0:
        raise UnreadableInput(_DAMAGED_RESCALE)
    return Rescale(slope[0], intercept[0], not has_intercept)


def apply_rescale(stored: np.ndarray, rescale: Rescale | ModalityLut) -> np.ndarray:
    """Stored values as HU in float32. Raises UnreadableInput if the HU are not finite."""
    if isinstance(rescale, ModalityLut):
        return rescale.apply(stored)
    # float64 until the last step for 32-bit values, which exceed the precision of float32.
    work = np.float32 if stored.dtype.itemsize <= 2 else np.float64
    with np.errstate(over="ignore", invalid="ignore"):
        hu = (stored.astype(work) * work(rescale.slope) + work(rescale.intercept)).astype(np.float32)
    if not np.isfinite(hu).all():
        raise UnreadableInput(_DAMAGED_RESCALE)
    return hu
