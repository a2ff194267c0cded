"""How like a good slice an input is: a softmax regression on the numbers of `anatomy` (pure).

Kinds that it tells apart, each against slices of abdominal CT that show liver: pictures that are no CT,
another window than is assumed or no HU, turned or another plane, mirrored, another part of the body, cut. The
coefficients are in `ct_likeness.json`, with what they were fitted on; `python -m benchmarks.scope --fit`
writes them anew, and without `--fit` measures them on scans and pictures that they were not fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from liverseg.analysis.plausibility.features import CELL

COEFFICIENTS = Path(__file__).with_name("ct_likeness.json")
GOOD = "good"
REACH = 4.0
"""Standard deviations of the fitted slices, beyond which a number counts as that far."""


@dataclass(frozen=True)
class Likeness:
    """A softmax regression on features and the squares of some."""

    features: tuple[str, ...]
    mean: np.ndarray  # (F,)
    scale: np.ndarray  # (F,)
    kinds: tuple[str, ...]
    weights: np.ndarray  # (F + squares + 1, K)
    least: float  # probability of "good" below which an input is doubted

    @classmethod
    def from_json(cls, text: str) -> Likeness:
        """What `to_json` wrote."""
        told = json.loads(text)
        arrays = (np.array(told[key], float) for key in ("mean", "scale", "weights"))
        mean, scale, weights = arrays
        return cls(tuple(told["features"]), mean, scale, tuple(told["kinds"]), weights, told["least"])

    def rows(self, found: list[Mapping[str, float]]) -> np.ndarray:
        """(N, F + squares + 1) what the regression is on."""
        values = np.array([[one[name] for name in self.features] for one in found])
        return expanded((values - self.mean) / self.scale, squared(self.features))

    def of(self, found: Mapping[str, float]) -> dict[str, float]:
        """kind -> probability."""
        scores = (self.rows([found]) @ self.weights)[0]
        shares = np.exp(scores - scores.max())
        return dict(zip(self.kinds, (shares / shares.sum()).tolist(), strict=True))


def squared(features: tuple[str, ...]) -> np.ndarray:
    """(F,) bool: which features enter with their squares too, all but the cells of the coarse picture."""
    return np.array([not name.startswith(CELL) for name in features])


def expanded(z: np.ndarray, square: np.ndarray) -> np.ndarray:
    """(N, F) standardised features, the squares of those that are chosen (F,), and one: (N, F + S + 1)."""
    z = np.clip(z, -REACH, REACH)
    return np.concatenate([z, z[:, square] ** 2 - 1, np.ones((len(z), 1))], axis=1)


@cache
def likeness() -> Likeness:
    """The committed one."""
    return Likeness.from_json(COEFFICIENTS.read_text(encoding="utf-8"))
