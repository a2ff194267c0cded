"""Whether a picture was made with the window that was assumed, by where its fat lies (pure).

Fat is at -130 to -70 HU and a third or more of what an abdominal slice shows beside its organs. In a picture
made with 40/400 it is dark grey; in one made with 60/200 it is black. So dark grey that is missing, or is
there although it must not be, gives a wrong window away.
"""

from __future__ import annotations

import numpy as np

from liverseg.windowing import Window, to_unit

FAT_HU = (-130.0, -70.0)
LEAST_FAT = 0.3
"""Dark grey beside brighter grey, in a window that shows fat: phantoms have 0.41 or more, slices made with
60/200 at most 0.31 (95 % of them at most 0.25)."""

MOST_DARK = 0.35
"""The same in a window that does not show fat."""

_DARK, _LIT = (0.075, 0.225), 0.4
_WIDTHS_HU = (120.0, 600.0)


def other_window(hu: np.ndarray, window: Window) -> bool:
    """Whether a slice (H, W) of HU rebuilt through `window` was made with another one, by its fat."""
    if not _WIDTHS_HU[0] <= window.width_hu <= _WIDTHS_HU[1]:
        return False
    grey = to_unit(hu, window)
    share = ((grey > _DARK[0]) & (grey < _DARK[1])).sum() / max(int((grey > _LIT).sum()), 1)
    if window.low_hu + _DARK[0] * window.width_hu <= FAT_HU[0] + 5:
        return bool(share < LEAST_FAT)
    return bool(FAT_HU[1] < window.low_hu < 0 and share > MOST_DARK)
