"""Candidate lesions: which connected tumour regions are likely lesions, and how likely (pure).

A candidate is a connected component (26-connected, 8-connected in a single slice) of the pixels whose tumour
probability reaches the tumour threshold inside the kept liver. Three things can become of it:

- **likely**: its lesion probability reaches the cut; it is labelled tumour;
- **unsure**: its lesion probability is below the cut, or it is in too few slices for the lesion model; it is
  listed, but labelled liver;
- **faint**: its peak tumour probability is below the seed probability (hysteresis thresholding, Canny 1986);
  it is counted, but not listed, and labelled liver.

Without a model every candidate that is not faint is likely. A user may reject a listed candidate
(`core.lesion_rejection`): it keeps its number and its status, but is labelled liver and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from liverseg.core.components import Components, find_components
from liverseg.core.float16 import at_least, to_float32
from liverseg.core.labels import BACKGROUND, LIVER, TUMOUR
from liverseg.core.lesion_model import FEATURES, LesionModel
from liverseg.errors import InvalidSetting

FAINT, UNSURE, LIKELY = 0, 1, 2

_NEIGHBOURS_8 = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class LesionRules:
    """How candidates are decided."""

    seed_probability: float = 0.0  # peak tumour probability that a candidate must reach; 0: any
    model: LesionModel | None = None  # None: every candidate that is not faint is likely
    cut: float = 0.5  # lesion probability from which a candidate is likely

    def with_cut(self, cut: float) -> LesionRules:
        """The same rules with another cut.

        Raises `InvalidSetting` for a cut outside [0, 1] and for rules without a model.
        """
        if self.model is None:
            raise InvalidSetting("This checkpoint has no lesion model, so its lesions have no probability.")
        if not 0 <= cut <= 1:
            raise InvalidSetting(f"The lesion cut must lie from 0 to 1, not at {cut:g}.")
        return replace(self, cut=cut)


NO_RULES = LesionRules()
"""Every candidate is a likely lesion."""


@dataclass(frozen=True, eq=False)
class LesionCandidates:
    """The candidates of one segmentation and the decision about each."""

    components: Components  # of the pixels whose tumour probability reaches the threshold in the liver
    probability: np.ndarray | None  # (n,) float64: lesion probability of each component; None: no model
    status: np.ndarray  # (n,) uint8: `FAINT`, `UNSURE` or `LIKELY`
    rejected: np.ndarray | None = None  # (n,) bool: listed ones that the user rejected; None: none

    @property
    def is_rejected(self) -> np.ndarray:
        """(n,) bool: whether the user rejected each candidate."""
        return np.zeros(len(self.status), bool) if self.rejected is None else self.rejected

    def having(self, status: int) -> np.ndarray:
        """(n,) bool: the candidates with the given status that were not rejected."""
        chosen: np.ndarray = (self.status == status) & ~self.is_rejected
        return chosen

    def count(self, status: int) -> int:
        """The number of candidates with the given status that were not rejected."""
        return int(np.count_nonzero(self.having(status)))

    def voxels(self, status: int) -> int:
        """The number of pixels or voxels of these candidates."""
        return int(self.components.sizes[self.having(status)].sum())

    def order(self) -> np.ndarray:
        """(listed,) int64: the candidates by their number in a report, which is their place here plus 1.

        Likely ones come first, then unsure ones, each from the largest to the smallest; of equal ones the
        one whose first voxel comes first. Faint ones are left out. Rejected ones keep their numbers.
        """
        order = np.lexsort((-self.components.sizes, -self.status.astype(np.int64)))
        listed: np.ndarray = order[self.status[order] != FAINT]
        return listed


def candidate_mask(
    labels: np.ndarray, tumour_probability: np.ndarray, threshold: float, z: int
) -> np.ndarray:
    """(H, W) bool: the candidate pixels of slice `z`; labels and probability are (S, H, W)."""
    mask: np.ndarray = at_least(tumour_probability[z], threshold) & (labels[z] > BACKGROUND)
    return mask


def decide_lesions(
    labels: np.ndarray,
    organ_probability: np.ndarray,
    tumour_probability: np.ndarray,
    threshold: float,
    rules: LesionRules,
) -> LesionCandidates:
    """Decide each candidate, and label likely ones tumour and the others liver, in place.

    `labels` (S, H, W) uint8 come from `labels_from_probabilities` at `threshold`, with only the kept bodies.
    Earlier decisions about the same labels do not matter. `organ_probability` and `tumour_probability` have
    the same shape. The seed probability is rounded to their type, as `threshold` is.

    >>> tumour = np.array([[[0.9, 0.0, 0.4, 0.0]]], np.float32)
    >>> labels = np.array([[[2, 1, 2, 1]]], np.uint8)
    >>> candidates = decide_lesions(labels, np.ones_like(tumour), tumour, 0.3, LesionRules(0.5))
    >>> labels.tolist(), candidates.status.tolist()
    ([[[2, 1, 1, 1]]], [2, 0])
    """
    # A partial, because a ZeroGPU worker sends the result pickled.
    components = find_components(partial(candidate_mask, labels, tumour_probability, threshold), len(labels))
    features = candidate_features(components, labels, organ_probability, tumour_probability)
    status = np.full(len(components), LIKELY, np.uint8)
    probability = None
    if rules.model is not None:
        probability = rules.model.probabilities(features)
        status[probability < rules.cut] = UNSURE
        if len(labels) > 1:
            status[features["slices"] < rules.model.least_slices] = UNSURE
    if rules.seed_probability > 0:
        seed = float(tumour_probability.dtype.type(rules.seed_probability))
        status[features["peak_probability"] < seed] = FAINT
    candidates = LesionCandidates(components, probability, status)
    label_lesions(labels, candidates)
    return candidates


def label_lesions(labels: np.ndarray, candidates: LesionCandidates) -> None:
    """Label likely candidates that were not rejected tumour, and all others liver, in place."""
    components, counts = candidates.components, candidates.having(LIKELY)
    for z, parts in enumerate(components.parts):
        if parts is None:
            continue
        kept = counts[parts.components]
        if kept.any():
            labels[z][components.plane(z, counts)] = TUMOUR
        if not kept.all():
            labels[z][components.plane(z, ~counts)] = LIVER


def labelled_candidates(labels: np.ndarray) -> LesionCandidates:
    """The connected components of the label tumour of (S, H, W) labels, all of them likely.

    The candidates refer to `labels`, which must not change afterwards.
    """
    # A partial, because a ZeroGPU worker sends the result pickled.
    components = find_components(partial(_tumour_mask, labels), len(labels))
    return LesionCandidates(components, None, np.full(len(components), LIKELY, np.uint8))


def _tumour_mask(labels: np.ndarray, z: int) -> np.ndarray:
    mask: np.ndarray = labels[z] == TUMOUR
    return mask


def candidate_features(
    components: Components,
    labels: np.ndarray,
    organ_probability: np.ndarray,
    tumour_probability: np.ndarray,
) -> dict[str, np.ndarray]:
    """The features (n,) float64 of each component, by the names of `lesion_model.FEATURES`.

    They need no spacing, so that they are the same for pictures and for scans. The arrays are (S, H, W);
    `labels` hold the whole liver, where the label of a candidate may be liver or tumour.
    """
    n = len(components)
    sums = np.zeros((4, n))  # tumour probability, organ probability, edge pixels, edge pixels at background
    peak, slices = np.zeros(n), np.zeros(n)
    organ_voxels = organ_slices = 0
    for z, parts in enumerate(components.parts):
        organ = labels[z] > BACKGROUND
        count = int(np.count_nonzero(organ))
        organ_voxels, organ_slices = organ_voxels + count, organ_slices + bool(count)
        if parts is None:
            continue
        top, left = np.maximum(parts.boxes[:, :2].min(axis=0) - 1, 0).tolist()
        bottom, right = (parts.boxes[:, 2:].max(axis=0) + 1).tolist()
        box = (slice(top, bottom), slice(left, right))
        numbers = components.numbers(z)[box]
        inside = numbers >= 0
        own = numbers[inside]
        tumour = _float32(tumour_probability[z][box])[inside]
        np.maximum.at(peak, own, tumour)
        inner = cv2.erode(inside.view(np.uint8), _NEIGHBOURS_8, borderValue=0).view(bool)
        background = cv2.dilate((~organ[box]).view(np.uint8), _NEIGHBOURS_8, borderValue=0).view(bool)
        edge = (inside & ~inner)[inside]
        weights = (
            tumour,
            _float32(organ_probability[z][box])[inside],
            edge,
            edge & background[inside],
        )
        for row, weight in zip(sums, weights, strict=True):
            row += np.bincount(own, weight, minlength=n)
        slices[np.unique(parts.components)] += 1
    sizes = np.maximum(components.sizes, 1).astype(np.float64)
    box_voxels = np.array([np.prod([s.stop - s.start for s in box]) for box in components.boxes()], float)
    features = {
        "peak_probability": peak,
        "mean_probability": sums[0] / sizes,
        "share_of_liver": sizes / max(organ_voxels, 1),
        "share_of_slices": slices / max(organ_slices, 1),
        "slices": slices,
        "organ_probability": sums[1] / sizes,
        "share_of_edge_outside": sums[3] / np.maximum(sums[2], 1),
        "share_of_box": sizes / np.maximum(box_voxels, 1),
        "candidates": np.full(n, float(n)),
    }
    return {name: features[name] for name in FEATURES}


def _float32(plane: np.ndarray) -> np.ndarray:
    return to_float32(plane) if plane.dtype == np.float16 else np.asarray(plane, np.float32)
