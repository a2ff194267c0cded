"""CT windows: conversion of Hounsfield units to grey and back.

The conversion is linear: a window of centre c and width w shows c - w/2 as black and c + w/2 as white.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.errors import InvalidSetting

MAX_CENTER_HU = 4000
MIN_WIDTH_HU, MAX_WIDTH_HU = 1, 10000


@dataclass(frozen=True)
class Window:
    """A display window.

    Raises `InvalidSetting` unless the centre is within ± `MAX_CENTER_HU` and the width is from `MIN_WIDTH_HU`
    to `MAX_WIDTH_HU`. CT needs no window beyond these limits.

    >>> Window(40, 400).low_hu, Window(40, 400).high_hu
    (-160.0, 240.0)
    """

    center_hu: float
    width_hu: float

    def __post_init__(self) -> None:
        # The negated comparisons also reject nan.
        if not abs(self.center_hu) <= MAX_CENTER_HU:
            raise InvalidSetting(
                f"A window centre must lie from -{MAX_CENTER_HU} to {MAX_CENTER_HU} HU, "
                f"not at {self.center_hu:g}."
            )
        if not MIN_WIDTH_HU <= self.width_hu <= MAX_WIDTH_HU:
            raise InvalidSetting(
                f"A window width must lie from {MIN_WIDTH_HU} to {MAX_WIDTH_HU} HU, not at {self.width_hu:g}."
            )

    @property
    def low_hu(self) -> float:
        """The value shown as black, in HU."""
        return float(self.center_hu - self.width_hu / 2)

    @property
    def high_hu(self) -> float:
        """The value shown as white, in HU."""
        return float(self.center_hu + self.width_hu / 2)


DEFAULT_WINDOW = Window(40, 400)
"""The abdominal soft-tissue window, in which pictures are usually exported."""

PRESETS: dict[str, Window] = {
    "Abdomen": DEFAULT_WINDOW,
    "Liver": Window(60, 200),
    "Liver, narrow": Window(90, 150),
    "Bone": Window(400, 1800),
    "Lung": Window(-600, 1500),
}
"""Named windows that the app and the command line offer."""


def to_unit(hu: np.ndarray, window: Window) -> np.ndarray:
    """Convert HU of any shape to float32 in [0, 1], clipped at both ends of the window.

    >>> to_unit(np.array([-300.0, 40.0, 900.0]), Window(40, 400)).tolist()
    [0.0, 0.5, 1.0]
    """
    unit = (np.asarray(hu, dtype=np.float32) - window.low_hu) / np.float32(window.width_hu)
    return np.clip(unit, 0.0, 1.0, out=unit)


def to_grey(hu: np.ndarray, window: Window) -> np.ndarray:
    """Convert HU of any shape to uint8 grey, rounded to the nearest value.

    >>> to_grey(np.array([-160.0, 40.0, 240.0]), Window(40, 400)).tolist()
    [0, 128, 255]
    """
    return (to_unit(hu, window) * 255 + 0.5).astype(np.uint8)


def from_unit(unit: np.ndarray, window: Window) -> np.ndarray:
    """Convert grey in [0, 1] of any shape back to float32 HU.

    HU outside the window were clipped, so they come back as the ends of the window.

    >>> from_unit(np.array([0.0, 0.5, 1.0]), Window(40, 400)).tolist()
    [-160.0, 40.0, 240.0]
    """
    return np.float32(window.low_hu) + np.asarray(unit, np.float32) * np.float32(window.width_hu)
