"""What a checkpoint says of a CT image: probabilities, and labels derived from them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from liverseg.core.labels import (
    BACKGROUND,
    CLASSES,
    LIVER,
    TUMOUR,
    check_threshold,
    labels_from_probabilities,
    labels_of_volume,
)
from liverseg.core.largest_component import Removed, bodies_of, keep_largest_body
from liverseg.core.slice_skipping import unsettled

__all__ = [
    "BACKGROUND",
    "CLASSES",
    "LIVER",
    "TUMOUR",
    "CheckpointIdentity",
    "Segmentation",
    "check_threshold",
    "labels_from_probabilities",
    "probability_type",
]

NOT_CERTAIN = (
    "At this tumour threshold the liver may go on in slices that were not run: segment the scan anew with it."
)
"""The warning of `at_threshold` where the slices that were left out may matter."""


def probability_type(slices: int) -> type[np.floating]:
    """float32 for a lone slice; float16 for a volume, rounding by 0.00025 at most to halve its memory."""
    return np.float32 if slices == 1 else np.float16


@dataclass(frozen=True)
class CheckpointIdentity:
    """Which weights a result comes from, so that it can be traced and repeated."""

    ref: str  # "name@version"
    sha256: str  # of model.pt
    registry: str  # "bundled", a folder's name, or "hf://owner"
    revision: str | None = None  # full commit hash when it came from the Hub


@dataclass(frozen=True)
class Segmentation:
    """Labels and probabilities on the grid of the `CTImage` they were computed from.

    Of a volume the labels are those of the largest connected body (`core.largest_component`), unless all
    were kept; the probabilities are the network's own everywhere, and 0 in slices that were not run.
    """

    labels: np.ndarray  # (S, H, W) uint8: 0 background, 1 liver, 2 tumour
    tumour_probability: np.ndarray  # (S, H, W) `probability_type`
    organ_probability: np.ndarray  # (S, H, W) the same: liver and tumour together
    threshold: float  # tumour probability from which a pixel is labelled tumour
    checkpoint: CheckpointIdentity
    engine: str  # "torch" | "openvino", with its version and precision
    timing_s: dict[str, float] = field(default_factory=dict)  # seconds a step took
    warnings: tuple[str, ...] = ()
    removed: Removed | None = None  # bodies apart from the largest; None: the rule was not applied
    skipped: tuple[tuple[int, int], ...] = ()  # first and last slice of each run that needed no network
    keep_all: bool = False  # whether every body was asked for
    only_slice: int | None = None  # of the image that was segmented; None: all of its slices

    def at_threshold(self, threshold: float) -> Segmentation:
        """The same probabilities with labels drawn at another tumour threshold; no network is run."""
        labels = labels_of_volume(self.organ_probability, self.tumour_probability, threshold)
        if self.removed is None:
            return replace(self, labels=labels, threshold=threshold)
        bodies = bodies_of(labels)
        todo = np.zeros(len(labels), bool)
        for first, last in self.skipped:
            todo[first : last + 1] = True
        warnings = tuple(warning for warning in self.warnings if warning != NOT_CERTAIN)
        if unsettled(bodies, todo, labels[0].size):
            warnings += (NOT_CERTAIN,)
        removed = keep_largest_body(labels, bodies)
        return replace(self, labels=labels, threshold=threshold, removed=removed, warnings=warnings)
