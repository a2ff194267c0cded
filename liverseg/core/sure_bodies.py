"""The rule for lone slices: a body that the network is not sure of is removed (pure).

A body is an 8-connected component of liver and tumour together. In a volume the largest body is kept
(`core.largest_component`). In a lone slice the liver may appear in several parts, so that size decides
nothing there; instead each body must reach a mean probability. False livers in slices without liver are
mostly bodies whose probability is little above one half.
"""

from __future__ import annotations

import numpy as np

from liverseg.core.components import find_components
from liverseg.core.labels import BACKGROUND, LIVER, TUMOUR
from liverseg.core.largest_component import NOTHING_REMOVED, RemovedComponents


def remove_unsure_bodies(
    labels: np.ndarray, organ_probability: np.ndarray, least_mean_probability: float
) -> RemovedComponents:
    """Set bodies below a mean probability to background, in place; returns what was removed.

    `labels` (H, W) uint8; `organ_probability` (H, W) is that of liver and tumour together.

    >>> labels = np.array([[1, 1, 0, 2]], np.uint8)
    >>> remove_unsure_bodies(labels, np.array([[0.9, 0.8, 0.0, 0.6]], np.float32), 0.7)
    RemovedComponents(bodies=1, liver=0, tumour=1, largest=1)
    >>> labels.tolist()
    [[1, 1, 0, 0]]
    """
    bodies = find_components(lambda _: labels > BACKGROUND, 1)
    if not len(bodies):
        return NOTHING_REMOVED
    numbers = bodies.numbers(0)
    inside = numbers >= 0
    probability = organ_probability[inside].astype(np.float64)
    means = np.bincount(numbers[inside], probability, len(bodies)) / bodies.sizes
    unsure = means < least_mean_probability
    if not unsure.any():
        return NOTHING_REMOVED
    mask = bodies.plane(0, unsure)
    counts = np.bincount(labels[mask], minlength=3)
    labels[mask] = BACKGROUND
    largest = int(bodies.sizes[unsure].max())
    return RemovedComponents(int(unsure.sum()), int(counts[LIVER]), int(counts[TUMOUR]), largest)
