"""Smoothing of probabilities across the slices of a volume, by distance in millimetres (pure).

A lesion shows in several neighbouring slices, noise in one. Each slice becomes the weighted mean of itself
and its neighbours, with the Gaussian weight exp(-d² / 2σ²) at the distance d. Neighbours beyond 2.5 σ or
outside the volume are left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.core.float16 import to_float32

REACH = 2.5
"""Distance, in σ, beyond which neighbours have no weight."""

MAX_NEIGHBOURS = 8
"""Most neighbours on each side."""


@dataclass(frozen=True)
class SmoothingRule:
    """The width of the Gaussian."""

    sigma_mm: float  # standard deviation, mm
    sigma_slices: float  # standard deviation in slices, where the distance of the slices is unknown

    def weights(self, distance_mm: float | None) -> np.ndarray:
        """The weights (r + 1,) float32 of a slice and of its r neighbours on each side.

        `distance_mm` is the distance between slices; None if it is unknown.

        >>> SmoothingRule(2.0, 1.0).weights(2.0).astype(float).round(3).tolist()
        [1.0, 0.607, 0.135]
        >>> SmoothingRule(2.0, 0.4).weights(None).astype(float).round(3).tolist()
        [1.0, 0.044]
        """
        step = 1 / self.sigma_slices if distance_mm is None else distance_mm / self.sigma_mm
        reach = min(int(REACH / step), MAX_NEIGHBOURS)
        steps = np.arange(reach + 1, dtype=np.float32) * np.float32(step)
        weights: np.ndarray = np.exp(-0.5 * steps**2)
        return weights


def smooth_across_slices(stack: np.ndarray, weights: np.ndarray) -> None:
    """Smooth a stack (S, H, W) of any float type in place; `weights` as from `SmoothingRule.weights`.

    Only the slices within reach are held a second time.

    >>> stack = np.array([0.0, 0.0, 1.0, 0.0]).reshape(4, 1, 1)
    >>> smooth_across_slices(stack, np.float32([1.0, 0.5]))
    >>> stack.ravel().tolist()
    [0.0, 0.25, 0.5, 0.3333333432674408]
    """
    reach, last = len(weights) - 1, len(stack) - 1
    if reach == 0 or last == 0:
        return
    window = deque((_copy32(plane) for plane in stack[: reach + 1]), maxlen=2 * reach + 1)
    first = 0  # slice at the start of the window
    for z in range(last + 1):
        if z > reach:
            first += 1
        if reach < z + reach <= last and z:
            window.append(_copy32(stack[z + reach]))
        elif z > reach:
            window.popleft()
        total, weight_sum = np.zeros_like(window[0]), 0.0
        for k, plane in enumerate(window):
            weight = float(weights[abs(first + k - z)])
            total = cv2.scaleAdd(plane, weight, total)
            weight_sum += weight
        stack[z] = total / np.float32(weight_sum)


def _copy32(plane: np.ndarray) -> np.ndarray:
    return to_float32(plane) if plane.dtype == np.float16 else plane.astype(np.float32)
