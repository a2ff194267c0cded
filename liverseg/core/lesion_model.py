"""The lesion model of a checkpoint: the probability that a candidate lesion is real (pure).

A logistic regression on features of the candidate (`core.lesion_candidates.candidate_features`), fitted on
predictions for scans that the network was not trained on. The coefficients are part of the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FEATURES = {
    "peak_probability": "highest tumour probability",
    "mean_probability": "mean tumour probability",
    "share_of_liver": "its pixels divided by those of the liver with all tumours",
    "share_of_slices": "the slices it extends over, divided by those of the liver",
    "slices": "the slices it extends over",
    "organ_probability": "mean probability of liver and tumour together",
    "share_of_edge_outside": "share of its edge pixels that touch a pixel outside the liver",
    "share_of_box": "its pixels divided by those of its bounding box",
    "candidates": "the number of candidates in the scan",
}
"""The features of a candidate and their definitions."""

TRANSFORMS = ("none", "log", "logit")
"""Transforms of a feature before it is standardised: x, ln x or ln(x / (1 - x))."""

_LEAST = 1e-6  # shares and probabilities are kept this far from 0 and 1 before a logarithm


@dataclass(frozen=True)
class Term:
    """One term of the regression: coefficient · (transform(feature) - centre) / scale."""

    feature: str  # a key of `FEATURES`
    transform: str  # one of `TRANSFORMS`
    centre: float
    scale: float  # above 0
    coefficient: float

    def values(self, feature: np.ndarray) -> np.ndarray:
        """The standardised values (n,) of the feature (n,)."""
        x = np.asarray(feature, np.float64)
        if self.transform == "log":
            x = np.log(np.maximum(x, _LEAST))
        elif self.transform == "logit":
            x = np.clip(x, _LEAST, 1 - _LEAST)
            x = np.log(x) - np.log1p(-x)
        standardised: np.ndarray = (x - self.centre) / self.scale
        return standardised


@dataclass(frozen=True)
class OperatingPoint:
    """What a cut gave in cross-validation."""

    cut: float  # lesion probability from which a candidate is likely
    recall: float  # share of the reference lesions that a likely candidate touches
    precision: float | None  # share of the likely candidates that touch a reference lesion; None: none left
    false_per_scan: float  # likely candidates that touch no reference lesion, per scan


@dataclass(frozen=True)
class LesionModel:
    """The logistic regression, its cut, and what each cut gave in cross-validation."""

    intercept: float
    terms: tuple[Term, ...]
    cut: float  # default lesion probability from which a candidate is likely
    points: tuple[OperatingPoint, ...] = ()  # by rising cut
    threshold: float | None = None  # tumour threshold that it was fitted at; None: not stated
    least_slices: int = 1  # candidates of a volume in fewer slices are never likely

    def probabilities(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The lesion probability (n,) of candidates with the given features, (n,) each.

        >>> model = LesionModel(0.0, (Term("slices", "log", 0.0, 1.0, 2.0),), 0.5)
        >>> model.probabilities({"slices": np.array([1.0, 3.0])}).round(3).tolist()
        [0.5, 0.9]
        """
        total = np.full(len(next(iter(features.values()))), self.intercept, np.float64)
        for term in self.terms:
            total += term.coefficient * term.values(features[term.feature])
        probability: np.ndarray = 1 / (1 + np.exp(-np.clip(total, -700, 700)))
        return probability

    def at_cut(self, cut: float) -> OperatingPoint | None:
        """What the highest listed cut that is not above `cut` gave in cross-validation; None: none listed."""
        below = [point for point in self.points if point.cut <= cut + 1e-9]
        return below[-1] if below else None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LesionModel:
        """The model in one entry of the manifest's `lesion_model`.

        Raises `KeyError` for a missing key, and for a feature or a transform that this version does not know.
        """
        terms = tuple(
            Term(t["feature"], t["transform"], t["centre"], t["scale"], t["coefficient"])
            for t in data["terms"]
        )
        for term in terms:
            if term.feature not in FEATURES:
                raise KeyError(term.feature)
            if term.transform not in TRANSFORMS:
                raise KeyError(term.transform)
        points = tuple(
            OperatingPoint(p["cut"], p["recall"], p["precision"], p["false_per_scan"])
            for p in data.get("operating_points", ())
        )
        points = tuple(sorted(points, key=lambda point: point.cut))
        least_slices = data.get("least_slices", 1)
        return cls(data["intercept"], terms, data["cut"], points, data.get("threshold"), least_slices)
