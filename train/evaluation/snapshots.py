"""A few telling slices of every scan, kept small until it is known which scans are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.core.segmentation import TUMOUR

KEPT = 4
"""Slices of a scan, at most."""


@dataclass(frozen=True)
class Snapshot:
    """One slice with reference and prediction, as PNG bytes; the HU to a quarter of their step of 1."""

    index: int
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
        """Keep a slice: HU (H, W) within -8000 and 8000, labels (H, W) uint8."""
        stored = np.clip(np.round((hu + 8000) * 4), 0, 65535).astype(np.uint16)
        return cls(index, _png(stored), _png(reference), _png(prediction), spacing_mm)

    @property
    def hu(self) -> np.ndarray:
        """(H, W) float32."""
        return _array(self._hu).astype(np.float32) / 4 - 8000

    @property
    def reference(self) -> np.ndarray:
        """(H, W) uint8 labels."""
        return _array(self._reference)

    @property
    def prediction(self) -> np.ndarray:
        """(H, W) uint8 labels."""
        return _array(self._prediction)


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image))[1].tobytes()


def _array(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def telling_slices(reference: Sequence[np.ndarray], prediction: Sequence[np.ndarray]) -> list[int]:
    """Up to `KEPT` slices of a scan's labels, in order: where most tumour lies, where most of it was missed,
    where most was invented, and where the liver is most wrong; then where most liver lies.

    >>> truth = [np.array([[0, 1]]), np.array([[2, 2]]), np.array([[1, 1]])]
    >>> telling_slices(truth, [np.array([[0, 1]]), np.array([[2, 1]]), np.array([[0, 1]])])
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
        if tally[most] and most not in chosen and len(chosen) < KEPT:
            chosen.append(most)
    return sorted(chosen) or [len(pairs) // 2]
