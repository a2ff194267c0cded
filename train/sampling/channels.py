"""The unit of greys during augmentation, between stored values and the channels of the network.

A sample's greys are in widths of the first window, from 0 at the lowest HU that any window shows to
`Span.top` at the highest, so one change of intensity applies to all windows. With one window this is
its grey from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.core.window import Window
from train.data.dataset import SlicesInMemory
from train.data.intensity import Intensity


def to_hu(pictures: Sequence[np.ndarray], slices: SlicesInMemory) -> np.ndarray:
    """(H, W, C) float32 HU of C stored pictures of a dataset, each (H, W) or (H, W, windows)."""
    return np.stack([slices.intensity.to_hu(picture) for picture in pictures], axis=-1)


@dataclass(frozen=True)
class Span:
    """The range of HU that a network's windows show.

    >>> span = Span((Window(60, 200), Window(40, 400)))
    >>> span.low_hu, span.top, span.offset
    (-160.0, 2.0, 0.6)
    """

    windows: tuple[Window, ...]

    @property
    def low_hu(self) -> float:
        """The lowest HU that any window shows."""
        return min(window.low_hu for window in self.windows)

    @property
    def top(self) -> float:
        """The highest HU that any window shows, in widths of the first window above `low_hu`."""
        return (max(w.high_hu for w in self.windows) - self.low_hu) / self.windows[0].width_hu

    @property
    def offset(self) -> float:
        """The lower end of the first window, in widths of the first window above `low_hu`."""
        return (self.windows[0].low_hu - self.low_hu) / self.windows[0].width_hu

    def from_hu(self, hu: np.ndarray) -> np.ndarray:
        """float32 units in [0, top] of HU of any shape; values outside are clipped."""
        unit = (np.asarray(hu, np.float32) - np.float32(self.low_hu)) / np.float32(self.windows[0].width_hu)
        return np.clip(unit, 0, np.float32(self.top), out=unit)

    def table(self, intensity: Intensity) -> np.ndarray | None:
        """(256,) or (65536,) float32: the units by stored value; None if pictures have several channels."""
        if intensity.channels > 1:
            return None
        dtype = np.uint8 if intensity.bits == 8 else np.uint16
        return self.from_hu(intensity.to_hu(np.arange(np.iinfo(dtype).max + 1, dtype=dtype)))

    def scale_and_shift(self) -> list[tuple[float, float]]:
        """(a, b) for each window, such that its grey is clip(a * unit + b, 0, 1)."""
        width = self.windows[0].width_hu
        return [(width / w.width_hu, (self.low_hu - w.low_hu) / w.width_hu) for w in self.windows]


def span_of(windows: Sequence[tuple[float, float]]) -> Span:
    """The span of windows given as (centre, width) pairs in HU."""
    return Span(tuple(Window(*window) for window in windows))
