"""Statistics of one scan: volumes, lesions, HU inside the liver (pure functions on arrays)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from liverseg.analysis.metrics.lesion_detection import NEIGHBOURS_26
from train.data.prepare.labels import TUMOUR_LABEL

PERCENTILES = (5, 50, 95)
"""Percentiles of HU inside the liver that `scans.csv` reports."""

_LOWEST_HU, _HIGHEST_HU = -1024, 8191


@dataclass(frozen=True)
class LesionCount:
    """Number and largest size of the lesions of a scan: 26-connected tumour regions."""

    count: int
    largest_voxels: int


def count_lesions(labels: np.ndarray) -> LesionCount:
    """Number and largest size of the lesions in (S, H, W) labels.

    >>> labels = np.zeros((3, 8, 8), np.uint8)
    >>> labels[0, 1, 1] = labels[1, 2, 2] = 2  # a shared corner
    >>> labels[2, 6, 6] = 2
    >>> count_lesions(labels)
    LesionCount(count=2, largest_voxels=2)
    """
    tumour = labels == TUMOUR_LABEL
    rows, columns = tumour.any(axis=(0, 2)).nonzero()[0], tumour.any(axis=(0, 1)).nonzero()[0]
    if not rows.size:
        return LesionCount(0, 0)
    box = tumour[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    components, number = ndimage.label(box, structure=NEIGHBOURS_26)
    return LesionCount(int(number), int(np.bincount(components.ravel())[1:].max()))


@dataclass(frozen=True)
class HuSummary:
    """Mean and percentiles of the HU of a region; None for an empty region."""

    mean: float | None
    percentiles: tuple[float | None, ...] = (None,) * len(PERCENTILES)  # in the order of `PERCENTILES`


def hu_histogram(hu: np.ndarray) -> np.ndarray:
    """(9216,) voxel counts at each integer HU from -1024 to 8191.

    HU, of any shape, are rounded to the nearest integer and clipped to this range.

    >>> int(hu_histogram(np.array([-1024.0, 55.4, 54.6, 1e9]))[55 + 1024])
    2
    """
    whole = np.clip(np.rint(hu), _LOWEST_HU, _HIGHEST_HU).astype(np.int64) - _LOWEST_HU
    return np.bincount(whole.ravel(), minlength=_HIGHEST_HU - _LOWEST_HU + 1)


def summarise_hu(counts: np.ndarray) -> HuSummary:
    """Mean and percentiles of a `hu_histogram`.

    A percentile is the lowest HU whose cumulative share reaches it.

    >>> summarise_hu(hu_histogram(np.array([50.0, 60.0, 70.0])))
    HuSummary(mean=60.0, percentiles=(50.0, 60.0, 70.0))
    """
    total = int(counts.sum())
    if not total:
        return HuSummary(None)
    hu = np.arange(_LOWEST_HU, _HIGHEST_HU + 1)
    cumulative = np.cumsum(counts)
    bins = (np.searchsorted(cumulative, total * p / 100) for p in PERCENTILES)
    return HuSummary(float(counts @ hu / total), tuple(float(hu[index]) for index in bins))


def volume_ml(voxels: int, spacing_mm: Sequence[float] | None) -> float | None:
    """Volume of a number of voxels in mL; None if the spacing is unknown.

    >>> volume_ml(1000, (5.0, 1.0, 0.5)), volume_ml(1000, None)
    (2.5, None)
    """
    return None if spacing_mm is None else float(voxels * np.prod(spacing_mm) / 1000)


def ratio(part: int, whole: int) -> float | None:
    """`part` / `whole`; None if `whole` is 0.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None
