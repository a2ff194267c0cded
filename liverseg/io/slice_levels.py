"""Finds slices of a volume whose values are shifted against those of their neighbours (pure).

A wrong or missing intercept shifts every value of a slice by the same amount: air, soft tissue and bone
alike. Where a body ends, air stays air. Air that is shifted below `PADDING_BELOW_HU` has become padding; then
the lowest values of the body are below those of air.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from liverseg.io.checks import AIR_HU

_QUANTILES = (0.05, 0.5, 0.9)
_BELOW_AIR_HU = -1050.0  # lower than the noise of air allows for a twentieth of the pixels
_MIN_SHIFT_HU = 200.0
_SAME_LEVEL_HU = 100.0
_SAMPLES_A_SIDE = 96
_MIN_SHARE = 0.05  # of the pixels that are not padding


def level_warnings(hu: np.ndarray) -> tuple[str, ...]:
    """A warning on slices of (S, H, W) that are shifted against the others; none for fewer than three."""
    shifts = shifts_hu(hu)
    shifted = np.flatnonzero(shifts)
    if not len(shifted):
        return ()
    first = shifted[0]
    where = "above" if shifts[first] > 0 else "below"
    others = "" if len(shifted) == 1 else f" (the first of {len(shifted)} such slices)"
    return (
        f"The values of slice {first + 1} of {len(hu)}{others} lie about {abs(shifts[first]):,.0f} HU "
        f"{where} those of the slices next to it: its rescale may be wrong.",
    )


def shifts_hu(hu: np.ndarray) -> np.ndarray:
    """(S,) shift of each slice of (S, H, W) in HU against the level of most slices; 0 for those at it.

    >>> body = np.tile(np.linspace(-1000, 400, 96), (4, 96, 1))
    >>> body[1] += 1024
    >>> shifts_hu(body).tolist()
    [0.0, 1024.0, 0.0, 0.0]
    """
    count = len(hu)
    if count < 3:
        return np.zeros(count)
    step = max(1, min(hu.shape[1:]) // _SAMPLES_A_SIDE)
    quantiles = np.array([_quantiles(plane[::step, ::step]) for plane in hu])  # (S, 3)
    changes = np.array([_change_hu(*pair) for pair in pairwise(quantiles)])
    levels = np.concatenate([[0.0], np.cumsum(changes)])
    near = np.abs(levels[:, None] - levels) < _SAME_LEVEL_HU
    shifts = levels - levels[near.sum(axis=1).argmax()]
    return np.where(np.abs(shifts) > _MIN_SHIFT_HU, shifts, 0.0)


def _quantiles(plane: np.ndarray) -> np.ndarray:
    """(3,) low, middle and high values of a slice without its padding."""
    values = plane[plane != AIR_HU]
    return np.quantile(values if values.size >= _MIN_SHARE * plane.size else plane, _QUANTILES)


def _change_hu(one: np.ndarray, other: np.ndarray) -> float:
    """The shift from one slice to the next, by their quantiles (3,); 0 if it does not concern all values."""
    changes = other - one
    is_below_air = (one[0] < _BELOW_AIR_HU) != (other[0] < _BELOW_AIR_HU)
    compared = changes[-1:] if is_below_air else changes
    has_one_sign = abs(np.sign(compared).sum()) == len(compared)
    return float(changes[-1]) if has_one_sign and np.abs(compared).min() > _MIN_SHIFT_HU else 0.0
