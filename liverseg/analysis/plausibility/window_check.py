"""Whether a picture was made with the window that was assumed, by where its fat lies (pure).

Fat is at -120 to -80 HU, and of an abdomen there is so much of it that a histogram has a peak there: in a
picture made with 40/400 in dark grey, in one made with 60/200 nowhere, for there fat is black. So a peak
that is missing where it must be, or is there although it must not be, gives a wrong window away. The peak
and not the amount of dark grey: that is as little in a lean patient as in a picture of another window.
"""

from __future__ import annotations

import numpy as np

from liverseg.core.window import Window, to_unit

FAT_HU = (-120.0, -80.0)
LEAST_PEAK = 1.6
"""Pixels at the peak over pixels beside it. Phantoms in 40/400 have 1.79 or more, phantoms and slices of LiTS
in 60/200 at most 1.4, be it at the place of fat in 40/400 or in any dark grey."""

_BESIDE_HU = 20.0
_WIDTHS_HU = (120.0, 600.0)
_DARK_BINS = range(2, 7)
"""Of 20: where fat may begin in a picture of a window that shows it, 0.1 to 0.3 of the grey."""


def other_window(hu: np.ndarray, window: Window) -> bool:
    """Whether a slice (H, W) of HU rebuilt through `window` was made with another one, by its fat."""
    if not _WIDTHS_HU[0] <= window.width_hu <= _WIDTHS_HU[1]:
        return False
    if window.low_hu <= FAT_HU[0] - _BESIDE_HU:
        edges = FAT_HU[0] + _BESIDE_HU * np.arange(-1, 5)  # beside, two of fat, two beside
        return _peak(np.histogram(hu, edges)[0], 1) < LEAST_PEAK
    if FAT_HU[1] < window.low_hu < 0:
        counts = np.histogram(to_unit(hu, window), np.linspace(0, 1, 21))[0]
        return max(_peak(counts, first) for first in _DARK_BINS) > LEAST_PEAK
    return False


def _peak(counts: np.ndarray, first: int) -> float:
    """What lies in two bins of a histogram over what lies in the one before and in the next but one.

    The next one is left out, for the peak of fat is wider towards water.

    >>> _peak(np.array([1, 4, 5, 3, 2]), 1)
    3.0
    """
    return float(counts[first : first + 2].sum() / max(int(counts[first - 1] + counts[first + 3]), 1))
