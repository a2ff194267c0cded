"""Window of a picture: was it made with the assumed window? The grey of fat decides (pure).

Fat has -120 to -80 HU, and in the abdomen it makes a peak of the histogram. In a picture made with 40/400
(centre and width in HU) this peak is dark grey; in one made with 60/200 fat is black and there is no peak. So
a missing peak or an unexpected peak shows a wrong window. The check uses the peak, not the amount of dark
grey, because a lean patient has as little dark grey as a picture with another window.
"""

from __future__ import annotations

import numpy as np

from liverseg.core.window import Window, to_unit

FAT_HU = (-120.0, -80.0)
MIN_FAT_PEAK = 1.6
"""Smallest ratio of pixels in the fat peak to pixels beside it.

Phantoms in 40/400 have 1.79 or more. Phantoms and LiTS slices in 60/200 have at most 1.4, both at the
position of fat in 40/400 and in any dark grey.
"""

_BIN_HU = 20.0
_CHECKED_WIDTHS_HU = (120.0, 600.0)
_DARK_BINS = range(2, 7)
"""First bins, of 20, that a fat peak may have in a picture with a window that shows fat: grey 0.1 to 0.3."""


def shows_other_window(hu: np.ndarray, window: Window) -> bool:
    """Whether a slice (H, W), rebuilt to HU with `window`, was made with another window.

    False for windows that are too narrow or too wide for the check, and for those that partly cut off fat.
    """
    if not _CHECKED_WIDTHS_HU[0] <= window.width_hu <= _CHECKED_WIDTHS_HU[1]:
        return False
    if window.low_hu <= FAT_HU[0] - _BIN_HU:
        edges = FAT_HU[0] + _BIN_HU * np.arange(-1, 5)  # one bin beside fat, two of fat, two beside
        return _peak_ratio(np.histogram(hu, edges)[0], 1) < MIN_FAT_PEAK
    if FAT_HU[1] < window.low_hu < 0:
        counts = np.histogram(to_unit(hu, window), np.linspace(0, 1, 21))[0]
        return max(_peak_ratio(counts, first) for first in _DARK_BINS) > MIN_FAT_PEAK
    return False


def _peak_ratio(counts: np.ndarray, first: int) -> float:
    """The ratio of two bins of a histogram, from `first`, to the bin before and the second bin after them.

    The first bin after them is left out, because the fat peak is wider towards water.

    >>> _peak_ratio(np.array([1, 4, 5, 3, 2]), 1)
    3.0
    """
    return float(counts[first : first + 2].sum() / max(int(counts[first - 1] + counts[first + 3]), 1))
