"""Likeness of a slice to abdominal CT with liver: a softmax regression on its features (pure).

The classes are `GOOD` and kinds of defects: not CT, another window or not HU, another orientation or plane,
mirrored, another part of the body, cropped. `ct_likeness.json` holds the coefficients and the data they
were fitted on. `python -m benchmarks.scope --fit` fits them again; without `--fit` it measures them on
other scans and pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from liverseg.analysis.plausibility.features import CELL_PREFIX

COEFFICIENTS_FILE = Path(__file__).with_name("ct_likeness.json")
GOOD = "good"
MAX_DEVIATION = 4.0
"""Features are clipped to this many standard deviations of the good slices in the fit."""


@dataclass(frozen=True)
class LikenessModel:
    """A softmax regression on features and the squares of some of them."""

    features: tuple[str, ...]
    mean: np.ndarray  # (F,)
    scale: np.ndarray  # (F,)
    kinds: tuple[str, ...]
    weights: np.ndarray  # (F + squares + 1, K)
    least: float  # probability of "good" below which an input is doubted

    @classmethod
    def from_json(cls, text: str) -> LikenessModel:
        """Parse `ct_likeness.json`."""
        content = json.loads(text)
        mean, scale, weights = (np.array(content[key], float) for key in ("mean", "scale", "weights"))
        return cls(
            tuple(content["features"]), mean, scale, tuple(content["kinds"]), weights, content["least"]
        )

    def probabilities(self, features: Mapping[str, float]) -> dict[str, float]:
        """The probability of each kind for the features of one slice."""
        values = np.array([[features[name] for name in self.features]])
        scores = (design_matrix((values - self.mean) / self.scale, has_square(self.features)) @ self.weights)[
            0
        ]
        exponentials = np.exp(scores - scores.max())
        return dict(zip(self.kinds, (exponentials / exponentials.sum()).tolist(), strict=True))


def has_square(features: tuple[str, ...]) -> np.ndarray:
    """(F,) bool: the features whose squares enter the regression, all but the cells of the coarse picture."""
    return np.array([not name.startswith(CELL_PREFIX) for name in features])


def design_matrix(z: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The design matrix (N, F + squares + 1): clipped features, squares of the selected ones, intercept.

    `z` (N, F) holds standardised features and `square` (F,) bool selects the squared ones.
    """
    z = np.clip(z, -MAX_DEVIATION, MAX_DEVIATION)
    return np.concatenate([z, z[:, square] ** 2 - 1, np.ones((len(z), 1))], axis=1)


@cache
def load_likeness_model() -> LikenessModel:
    """The model in `ct_likeness.json`."""
    return LikenessModel.from_json(COEFFICIENTS_FILE.read_text(encoding="utf-8"))
