"""The colours of every picture, and the blending of one over another (pure)."""

from __future__ import annotations

import cv2
import numpy as np

RGB = tuple[int, int, int]

LIVER_RGB: RGB = (40, 210, 105)
TUMOUR_RGB: RGB = (255, 60, 60)
TEXT_RGB: RGB = (232, 232, 232)
QUIET_RGB: RGB = (160, 160, 160)
THRESHOLD_RGB: RGB = (255, 255, 255)

LIVER_ON_WHITE_RGB: RGB = (31, 157, 85)
TUMOUR_ON_WHITE_RGB: RGB = (217, 45, 45)
"""The same two for lines and numbers on a light ground, on the page and on paper."""

FIRST_RGB: RGB = (86, 180, 233)
SECOND_RGB: RGB = (240, 170, 30)
"""Two segmentations of one slice. Sky blue and orange of Okabe and Ito's palette: told apart by everyone,
and on grey."""
BOTH_RGB: RGB = (240, 240, 240)
"""What both have: no colour, so that what only one has stands out."""

_LEVELS = np.arange(256, dtype=np.uint8)[:, None]

PROBABILITY_COLOURS = cv2.applyColorMap(_LEVELS, cv2.COLORMAP_INFERNO).reshape(256, 3)[:, ::-1].copy()
"""(256, 3) uint8 RGB: inferno, perceptually uniform, so equal steps of probability look equal."""

DARKENED = 0.7
"""The grey of the CT under a heatmap, as a share of its own: the colours stand out, the anatomy stays."""


def css(rgb: RGB) -> str:
    """A colour as SVG and CSS write it.

    >>> css((255, 60, 60))
    '#ff3c3c'
    """
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def heat_opacity(opacity: float) -> np.ndarray:
    """(256,) uint8 opacity of each probability: none at 0, rising to full at 0.3.

    The heatmap is more opaque than an overlay of the same setting (to the power 0.4), since a
    colour must be told from its neighbours on the colour bar.

    >>> heat_opacity(0.3)[[0, 128, 255]].tolist()
    [0, 158, 158]
    """
    rise = np.clip(np.linspace(0, 1, 256) / 0.3, 0, 1)
    level: np.ndarray = 255 * opacity**0.4 * rise + 0.5
    return level.astype(np.uint8)


def blend(under: np.ndarray, over: np.ndarray | RGB, opacity: np.ndarray) -> np.ndarray:
    """`over` laid on `under` (h, w, 3) uint8 with an opacity (h, w) uint8; a colour is laid flat.

    >>> blend(np.zeros((1, 2, 3), np.uint8), (200, 100, 0), np.array([[0, 255]], np.uint8)).tolist()
    [[[0, 0, 0], [200, 100, 0]]]
    """
    layer = np.empty_like(under)
    layer[:] = over
    weight = opacity.astype(np.float32) / np.float32(255)
    laid: np.ndarray = cv2.blendLinear(np.ascontiguousarray(under), layer, 1 - weight, weight)
    return laid
