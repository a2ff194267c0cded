"""Stored greys to the channels that a network sees, in training.

Between the two, a sample's greys are kept in units of the first window's width, from the lowest HU that
any window shows (0) to the highest (`Span.top`), so that one change of intensity serves every window.
With one window that is its grey from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.core.window import Window
from train.data.dataset import SlicesInMemory
from train.data.intensity import Intensity


def to_hu(pictures: Sequence[np.ndarray], slices: SlicesInMemory) -> np.ndarray:
    """Stored pictures of a dataset, (H, W) or (H, W, windows) each, as (H, W, C) float32 HU."""
    return np.stack([slices.intensity.to_hu(picture) for picture in pictures], axis=-1)


@dataclass(frozen=True)
class Span:
    """The HU that a network's windows show.

    >>> span = Span((Window(60, 200), Window(40, 400)))
    >>> span.low_hu, span.top, span.offset
    (-160.0, 2.0, 0.6)
    """

    windows: tuple[Window, ...]

    @property
    def low_hu(self) -> float:
        return min(window.low_hu for window in self.windows)

    @property
    def top(self) -> float:
        """The highest HU of any window, in widths of the first window above `low_hu`."""
        return (max(w.high_hu for w in self.windows) - self.low_hu) / self.windows[0].width_hu

    @property
    def offset(self) -> float:
        """Where the first window begins."""
        return (self.windows[0].low_hu - self.low_hu) / self.windows[0].width_hu

    def from_hu(self, hu: np.ndarray) -> np.ndarray:
        """HU of any shape to float32 in [0, top]."""
        unit = (np.asarray(hu, np.float32) - np.float32(self.low_hu)) / np.float32(self.windows[0].width_hu)
        return np.clip(unit, 0, np.float32(self.top), out=unit)

    def table(self, intensity: Intensity) -> np.ndarray | None:
        """float32: what each stored value stands for, so that a lookup converts a picture.

        None where a picture has several channels.
        """
        if intensity.channels > 1:
            return None
        dtype = np.uint8 if intensity.bits == 8 else np.uint16
        return self.from_hu(intensity.to_hu(np.arange(np.iinfo(dtype).max + 1, dtype=dtype)))

    def scale_and_shift(self) -> list[tuple[float, float]]:
        """For each window, (a, b) with its grey = clip(a * unit + b, 0, 1)."""
        width = self.windows[0].width_hu
        return [(width / w.width_hu, (self.low_hu - w.low_hu) / w.width_hu) for w in self.windows]


def span_of(windows: Sequence[tuple[float, float]]) -> Span:
    """From (centre, width) pairs in HU."""
    return Span(tuple(Window(*window) for window in windows))
