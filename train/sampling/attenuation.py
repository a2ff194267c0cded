"""Augmentation of the liver's attenuation: fatty or iron-laden livers, and other contrast phases.

A network that has seen only livers brighter than their tumours labels a fatty liver as tumour. This
augmentation shifts the HU of liver and tumours together and leaves the rest of the body unchanged, so the
network must recognise a tumour by its contrast to the surrounding liver.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.data.dataset import BACKGROUND_BIT

SHIFT_HU = (-75.0, 30.0)
"""Range of the shift: from a fatty liver, which can lie below 40 HU, to an iron-laden one."""

EDGE_PX = 1.2
"""Standard deviation of the soft edge, in pixels of a slice with 512 pixels a side."""


def shift_attenuation(hu: np.ndarray, bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slices (H, W, C) float32 HU, with liver and tumours shifted by one random number of HU.

    `bits` are the label bits (H, W). Without pixels that are certainly liver or tumour, `hu` itself is
    returned.
    """
    organ = (bits & BACKGROUND_BIT) == 0
    if not organ.any():
        return hu
    cover = cv2.GaussianBlur(organ.astype(np.float32), (0, 0), EDGE_PX * max(bits.shape) / 512)
    return hu + np.float32(rng.uniform(*SHIFT_HU)) * cover[..., None]
