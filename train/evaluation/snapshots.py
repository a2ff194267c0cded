"""A few slices of every scan, kept compressed until the scans to draw are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.core.segmentation import TUMOUR

MAX_SLICES = 4
"""The largest number of slices kept per scan."""


@dataclass(frozen=True)
class Snapshot:
    """One slice with reference and prediction, as PNG bytes; HU are rounded to multiples of 0.25."""

    index: int  # in the scan
    _hu: bytes
    _reference: bytes
    _prediction: bytes
    spacing_mm: tuple[float, float] | None

    @classmethod
    def take(
        cls,
        index: int,
        hu: np.ndarray,
        reference: np.ndarray,
        prediction: np.ndarray,
        spacing_mm: tuple[float, float] | None,
    ) -> Snapshot:
        """Compress a slice: HU (H, W), clipped to -8000 to 8383.75, and labels (H, W) uint8."""
        stored = np.clip(np.round((hu + 8000) * 4), 0, 65535).astype(np.uint16)
        return cls(index, _png(stored), _png(reference), _png(prediction), spacing_mm)

    @property
    def hu(self) -> np.ndarray:
        """The HU of the slice, (H, W) float32."""
        return _array(self._hu).astype(np.float32) / 4 - 8000

    @property
    def reference(self) -> np.ndarray:
        """The reference labels, (H, W) uint8."""
        return _array(self._reference)

    @property
    def prediction(self) -> np.ndarray:
        """The predicted labels, (H, W) uint8."""
        return _array(self._prediction)


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image))[1].tobytes()


def _array(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def informative_slices(reference: Sequence[np.ndarray], prediction: Sequence[np.ndarray]) -> list[int]:
    """The indices of up to `MAX_SLICES` slices, in ascending order.

    They are the slices with the most tumour, missed tumour, false tumour, wrong liver and liver; a slice
    that leads in several of these counts once. The middle slice stands in for a scan without any.

    >>> truth = [np.array([[0, 1]]), np.array([[2, 2]]), np.array([[1, 1]])]
    >>> informative_slices(truth, [np.array([[0, 1]]), np.array([[2, 1]]), np.array([[0, 1]])])
    [1, 2]
    """
    pairs = list(zip(reference, prediction, strict=True))
    tallies = (
        [np.count_nonzero(r == TUMOUR) for r, _ in pairs],
        [np.count_nonzero((r == TUMOUR) & (p != TUMOUR)) for r, p in pairs],
        [np.count_nonzero((r != TUMOUR) & (p == TUMOUR)) for r, p in pairs],
        [np.count_nonzero((r > 0) != (p > 0)) for r, p in pairs],
        [np.count_nonzero(r) for r, _ in pairs],
    )
    chosen: list[int] = []
    for tally in tallies:
        most = int(np.argmax(tally))
        if tally[most] and most not in chosen and len(chosen) < MAX_SLICES:
            chosen.append(most)
    return sorted(chosen) or [len(pairs) // 2]
