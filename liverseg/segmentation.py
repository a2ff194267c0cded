"""What a checkpoint says of a CT image: probabilities, and labels derived from them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from liverseg.errors import InvalidSetting

BACKGROUND, LIVER, TUMOUR = 0, 1, 2
"""The label values of every array and file that liverseg writes."""

CLASSES = ("background", "liver", "tumour")


@dataclass(frozen=True)
class CheckpointIdentity:
    """Which weights a result comes from, so that it can be traced and repeated."""

    ref: str  # "name@version"
    sha256: str  # of model.pt
    registry: str  # "bundled", a folder's name, or "hf://owner"
    revision: str | None = None  # full commit hash when it came from the Hub


def check_threshold(threshold: float) -> None:
    """Raises `InvalidSetting` unless 0 < threshold <= 1."""
    if not 0 < threshold <= 1:
        raise InvalidSetting(f"The tumour threshold must lie above 0 and at most at 1, not at {threshold:g}.")


def labels_from_probabilities(
    organ_probability: np.ndarray, tumour_probability: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Labels (uint8, the shape of the inputs) from the two probability maps.

    Tumour where its probability reaches `threshold`; else liver where liver and tumour
    together reach 0.5; else background. Raises `InvalidSetting` unless 0 < threshold <= 1.

    >>> labels_from_probabilities(np.array([0.1, 0.9, 0.9]), np.array([0.0, 0.1, 0.6])).tolist()
    [0, 1, 2]
    """
    check_threshold(threshold)
    labels = (organ_probability >= 0.5).astype(np.uint8)
    labels[tumour_probability >= threshold] = TUMOUR
    return labels


@dataclass(frozen=True)
class Segmentation:
    """Labels and probabilities on the grid of the `CTImage` they were computed from."""

    labels: np.ndarray  # (S, H, W) uint8: 0 background, 1 liver, 2 tumour
    tumour_probability: np.ndarray  # (S, H, W) float32
    organ_probability: np.ndarray  # (S, H, W) float32: liver and tumour together
    threshold: float  # tumour probability from which a pixel is labelled tumour
    checkpoint: CheckpointIdentity
    engine: str  # "torch" | "openvino", with its version and precision
    timing_s: dict[str, float] = field(default_factory=dict)  # seconds a step took
    warnings: tuple[str, ...] = ()

    def at_threshold(self, threshold: float) -> Segmentation:
        """The same probabilities with labels drawn at another tumour threshold; no network is run."""
        labels = labels_from_probabilities(self.organ_probability, self.tumour_probability, threshold)
        return replace(self, labels=labels, threshold=threshold)
