"""Label values of every array and file that liverseg writes, and the rule from probabilities to labels."""

from __future__ import annotations

import numpy as np

from liverseg.core.float16 import at_least
from liverseg.errors import InvalidSetting

BACKGROUND, LIVER, TUMOUR = 0, 1, 2

CLASSES = ("background", "liver", "tumour")


def check_threshold(threshold: float) -> None:
    """Raise `InvalidSetting` unless 0 < threshold <= 1."""
    if not 0 < threshold <= 1:
        raise InvalidSetting(f"The tumour threshold must lie above 0 and at most at 1, not at {threshold:g}.")


def labels_from_probabilities(
    organ_probability: np.ndarray, tumour_probability: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Labels (uint8, the shape of the inputs) from the two probability maps.

    A pixel is tumour where the tumour probability reaches `threshold`; otherwise liver where the organ
    probability (liver and tumour together) reaches 0.5; otherwise background. Raises `InvalidSetting`
    unless 0 < threshold <= 1.

    >>> labels_from_probabilities(np.array([0.1, 0.9, 0.9]), np.array([0.0, 0.1, 0.6])).tolist()
    [0, 1, 2]
    """
    check_threshold(threshold)
    labels = at_least(np.asarray(organ_probability), 0.5).astype(np.uint8)
    np.putmask(labels, at_least(np.asarray(tumour_probability), threshold), TUMOUR)
    return labels


def labels_of_volume(
    organ_probability: np.ndarray, tumour_probability: np.ndarray, threshold: float
) -> np.ndarray:
    """`labels_from_probabilities` of a stack (S, H, W), slice by slice to save memory."""
    check_threshold(threshold)
    labels = np.empty(organ_probability.shape, np.uint8)
    for z, (organ, tumour) in enumerate(zip(organ_probability, tumour_probability, strict=True)):
        labels[z] = labels_from_probabilities(organ, tumour, threshold)
    return labels
