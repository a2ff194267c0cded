"""Plausibility checks of pixel values that all readers share."""

from __future__ import annotations

import numpy as np

AIR_HU = -1024.0
"""HU that replaces padding and missing values."""

PADDING_BELOW_HU = -1500.0
"""Lower values are padding that scanners write outside the round field of view (-2000, -3024).
Nothing is less dense than air, which is -1000 HU, noise included."""

MAX_HU = 31743.0
"""No CT has higher values: the extended scales of all vendors end there or before. 16-bit values that are
read with the wrong sign lie above it."""

READ_AS_NEGATIVE = (
    "The image holds values above 31,743 HU, which no CT has: they were read as negative numbers, as which "
    "padding and air are stored in some unsigned images."
)

_BORDER_SHARE = 0.02  # width of the border ring as a share of the shorter side


def border_ring(image: np.ndarray) -> np.ndarray:
    """The outermost pixels of an (H, W) image as a one-dimensional array."""
    width = max(1, round(_BORDER_SHARE * min(image.shape)))
    inside = np.zeros(image.shape, bool)
    inside[width:-width, width:-width] = True
    return image[~inside]


def replace_padding(hu: np.ndarray) -> None:
    """Set padding (values below `PADDING_BELOW_HU`) to `AIR_HU`, in place."""
    hu[hu < PADDING_BELOW_HU] = AIR_HU


def hu_warnings(hu: np.ndarray) -> tuple[str, ...]:
    """Warnings about stored values that are implausible for a CT in HU; an array of any shape."""
    low, high = float(hu.min()), float(hu.max())
    if high > MAX_HU:
        return (f"Some values are above {MAX_HU:,.0f} HU (up to {high:,.0f}), which no CT has.",)
    if high == low:
        return ("All values are the same: this does not look like a CT.",)
    if -1 <= low and high <= 1:
        return ("All values lie between -1 and 1: they look normalised and cannot be HU.",)
    if low >= 0:
        return (
            f"No value is below 0 (they run from {low:g} to {high:g}), although air is -1000 HU: "
            "they may be stored with an offset or may not be HU.",
        )
    if high < -200:
        return ("No value is above -200 HU: there is no soft tissue in this image.",)
    return ()


def grey_warnings(unit: np.ndarray) -> tuple[str, ...]:
    """Warnings about a grey picture (H, W) in [0, 1] that does not look like a CT slice.

    A CT slice has contrast, neighbouring pixels are correlated, and air is black along the border.
    """
    if unit.std() < 0.02:
        return ("The picture is almost uniform and does not look like a CT slice.",)
    rows = unit - unit.mean()
    if (rows[:, 1:] * rows[:, :-1]).mean() < 0.3 * (rows**2).mean():
        return ("The picture looks like noise, not like a CT slice.",)
    if (border_ring(unit) <= 0.1).mean() < 0.2:
        return ("There is hardly any black air along the border: the picture is cropped or not a CT slice.",)
    return ()
