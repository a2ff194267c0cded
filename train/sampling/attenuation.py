"""Livers darker or brighter than the rest of the body: fat, iron, another contrast phase.

A network that has only seen livers brighter than their tumours calls a fatty liver tumour. Here the organ
alone changes its attenuation, liver and tumours together, so that what tells a tumour is its difference
from the liver around it.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.data.dataset import BACKGROUND_BIT

SHIFT_HU = (-75.0, 30.0)
"""From a fatty liver, which may lie below 40 HU, to a late arterial or iron-laden one."""

EDGE_PX = 1.2
"""Standard deviation of the soft edge, in pixels of a slice of 512."""


def shift_attenuation(hu: np.ndarray, bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slices (H, W, C) float32 HU whose organ, by the label bits (H, W), is shifted as a whole.

    A slice that shows no organ for certain is returned as it is.
    """
    organ = (bits & BACKGROUND_BIT) == 0
    if not organ.any():
        return hu
    cover = cv2.GaussianBlur(organ.astype(np.float32), (0, 0), EDGE_PX * max(bits.shape) / 512)
    return hu + np.float32(rng.uniform(*SHIFT_HU)) * cover[..., None]
