"""The colours of all pictures, and alpha blending.

Liver is blue and tumour orange, because people with any colour vision can distinguish the two, and orange is
lighter in grey print. Lines differ too: that of a tumour is thicker, that of an unsure lesion dashed and
that of a truth dashed and white. `tests/liverseg/rendering/test_colour_vision.py` holds the least difference
of each pair.
"""

from __future__ import annotations

import cv2
import numpy as np

RGB = tuple[int, int, int]

LIVER_RGB: RGB = (40, 110, 255)
TUMOUR_RGB: RGB = (255, 155, 10)
UNSURE_RGB: RGB = (255, 190, 95)
"""Unsure lesions: a lighter orange, always dashed and without a fill of its own."""
TRUTH_RGB: RGB = (255, 255, 255)
"""The true segmentation of an example: white, always dashed and without a fill."""
TEXT_RGB: RGB = (232, 232, 232)
QUIET_RGB: RGB = (160, 160, 160)
THRESHOLD_RGB: RGB = (255, 255, 255)

LIVER_ON_WHITE_RGB: RGB = (28, 92, 202)
TUMOUR_ON_WHITE_RGB: RGB = (221, 110, 0)
"""Liver and tumour in charts on the page, light or dark, and in reports and summaries on white."""

FIRST_RGB: RGB = (100, 200, 255)
SECOND_RGB: RGB = (220, 40, 15)
"""The first and the second of two compared segmentations: sky blue and red, which people with any colour
vision can distinguish from each other, from liver and tumour, and from grey."""
BOTH_RGB: RGB = (240, 240, 240)
"""What both segmentations have in common: without hue, so that differences stand out."""

_LEVELS = np.arange(256, dtype=np.uint8)[:, None]

PROBABILITY_COLOURS = cv2.applyColorMap(_LEVELS, cv2.COLORMAP_INFERNO).reshape(256, 3)[:, ::-1].copy()
"""(256, 3) uint8 RGB of probability 0 to 1: inferno, which is perceptually uniform."""

DARKENED = 0.7
"""Factor on the grey of the CT under a heatmap, which makes the colours stand out."""


def css(rgb: RGB) -> str:
    """A colour in the notation of SVG and CSS.

    >>> css((255, 155, 10))
    '#ff9b0a'
    """
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def heat_opacity(opacity: float) -> np.ndarray:
    """(256,) uint8 opacity for probabilities from 0 to 1: 0 at 0, rising linearly to its maximum at 0.3.

    The maximum is `opacity ** 0.4`, more than that of an overlay, because neighbouring colours of the colour
    bar must be distinguishable.

    >>> heat_opacity(0.3)[[0, 128, 255]].tolist()
    [0, 158, 158]
    """
    rise = np.clip(np.linspace(0, 1, 256) / 0.3, 0, 1)
    level: np.ndarray = 255 * opacity**0.4 * rise + 0.5
    return level.astype(np.uint8)


def blend(under: np.ndarray, over: np.ndarray | RGB, opacity: np.ndarray) -> np.ndarray:
    """Blend `over`, a picture or one colour, over `under` (h, w, 3) uint8 with `opacity` (h, w) uint8.

    >>> blend(np.zeros((1, 2, 3), np.uint8), (200, 100, 0), np.array([[0, 255]], np.uint8)).tolist()
    [[[0, 0, 0], [200, 100, 0]]]
    """
    layer = np.empty_like(under)
    layer[:] = over
    weight = opacity.astype(np.float32) / np.float32(255)
    blended: np.ndarray = cv2.blendLinear(np.ascontiguousarray(under), layer, 1 - weight, weight)
    return blended
