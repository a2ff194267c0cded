"""What there is to know of one scan: sizes, lesions, HU inside the liver (pure functions on arrays)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from liverseg.analysis.metrics.lesion_detection import IN_VOLUME

TUMOUR_LABEL = 2
PERCENTILES = (5, 50, 95)
_LOWEST_HU, _HIGHEST_HU = -1024, 8191


@dataclass(frozen=True)
class Lesions:
    """Connected tumour regions of a scan; regions that share a corner are one (26-connected)."""

    count: int
    largest_voxels: int


def count_lesions(labels: np.ndarray) -> Lesions:
    """Lesions of (S, H, W) labels.

    >>> labels = np.zeros((3, 8, 8), np.uint8)
    >>> labels[0, 1, 1] = labels[1, 2, 2] = 2  # a shared corner
    >>> labels[2, 6, 6] = 2
    >>> count_lesions(labels)
    Lesions(count=2, largest_voxels=2)
    """
    tumour = labels == TUMOUR_LABEL
    rows, columns = tumour.any(axis=(0, 2)).nonzero()[0], tumour.any(axis=(0, 1)).nonzero()[0]
    if not rows.size:
        return Lesions(0, 0)
    box = tumour[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    components, number = ndimage.label(box, structure=IN_VOLUME)
    return Lesions(int(number), int(np.bincount(components.ravel())[1:].max()))


@dataclass(frozen=True)
class HuSummary:
    """Mean and percentiles of HU; None of an empty region."""

    mean: float | None
    percentiles: tuple[float | None, ...] = (None,) * len(PERCENTILES)


def histogram(hu: np.ndarray) -> np.ndarray:
    """Voxels at each whole HU from -1024 to 8191, of HU of any shape rounded to the nearest.

    >>> int(histogram(np.array([-1024.0, 55.4, 54.6, 1e9]))[55 + 1024])
    2
    """
    whole = np.clip(np.rint(hu), _LOWEST_HU, _HIGHEST_HU).astype(np.int64) - _LOWEST_HU
    return np.bincount(whole.ravel(), minlength=_HIGHEST_HU - _LOWEST_HU + 1)


def summarise(counts: np.ndarray) -> HuSummary:
    """Mean and percentiles of a `histogram`; a percentile is the lowest HU that reaches its share.

    >>> summarise(histogram(np.array([50.0, 60.0, 70.0])))
    HuSummary(mean=60.0, percentiles=(50.0, 60.0, 70.0))
    """
    total = int(counts.sum())
    if not total:
        return HuSummary(None)
    hu = np.arange(_LOWEST_HU, _HIGHEST_HU + 1)
    reached = np.cumsum(counts)
    at = (np.searchsorted(reached, total * p / 100) for p in PERCENTILES)
    return HuSummary(float(counts @ hu / total), tuple(float(hu[place]) for place in at))


def volume_ml(voxels: int, spacing_mm: Sequence[float] | None) -> float | None:
    """Millilitres of voxels; None where the spacing is unknown.

    >>> volume_ml(1000, (5.0, 1.0, 0.5)), volume_ml(1000, None)
    (2.5, None)
    """
    return None if spacing_mm is None else float(voxels * np.prod(spacing_mm) / 1000)


def share(part: int, whole: int) -> float | None:
    """`part` of `whole`; None of nothing.

    >>> share(1, 4), share(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None
