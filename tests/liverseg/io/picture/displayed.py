"""The grey that an image shows in its assumed window."""

from __future__ import annotations

import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.window import to_grey


def displayed_grey(ct: CTImage) -> np.ndarray:
    """Grey (H, W) uint8 of the first slice."""
    return to_grey(ct.hu[0], ct.assumed_window)
