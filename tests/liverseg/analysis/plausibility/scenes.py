"""Good slices and segmentations without uncertainty, for the plausibility checks."""

from __future__ import annotations

import numpy as np

from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.read import from_array
from tests.phantoms import make

WHO = CheckpointIdentity("a@1.0", "0" * 64, "x")


def good_slices() -> list[tuple[np.ndarray, np.ndarray]]:
    """HU and the true liver mask, both (1, H, W), of two phantom slices."""
    phantoms = [make(seed=seed, size=256) for seed in (4, 9)]
    return [(phantom.hu, phantom.labels > 0) for phantom in phantoms]


def certain_segmentation(hu: np.ndarray, organ: np.ndarray, spacing_mm=(5.0, 0.8, 0.8)):
    """A CT image and its segmentation with liver probabilities of 0 and 1, from (S, H, W) arrays."""
    p = organ.astype(np.float32)
    seg = Segmentation(organ.astype(np.uint8), np.zeros_like(p), p, 0.5, WHO, "torch")
    return from_array(hu, spacing_mm), seg
