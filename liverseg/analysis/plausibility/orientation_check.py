"""Which way up a slice lies: how much better one of its turns or its mirror image looks (pure).

A score, linear in coarse maps of the body and of what lies around it, ranks an upright slice before its own
turned copies. It is a pairwise logistic regression (Bradley and Terry, Biometrika 1952): only differences
between copies of one slice count, so that what is particular to a patient drops out. The weights are in
`orientation_check.json`; `python -m benchmarks.scope --fit` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from liverseg.analysis.plausibility.features import body_of, box_of, smooth_soft

WEIGHTS = Path(__file__).with_name("orientation_check.json")
MIRROR = "mirror image"
TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    MIRROR: lambda unit: unit[:, ::-1],
    "upside down": lambda unit: unit[::-1],
    "by 180°": lambda unit: unit[::-1, ::-1],
    "by 90°": lambda unit: np.rot90(unit),
    "by 270°": lambda unit: np.rot90(unit, 3),
    "transposed": lambda unit: unit.T,
    "transposed, by 180°": lambda unit: unit[::-1, ::-1].T,
}
"""Of an array (h, w)."""

CELLS = 10
"""Along each side of a map."""

_BONE = 0.85  # 136 HU: spongy bone of the old is hardly brighter
_LIVER = (0.25, 0.6)  # 40 to 96 HU
_DARK = 0.03
_AROUND = 10.0  # shares of pixels are small beside the maps


@dataclass(frozen=True)
class Turning:
    """The weights of the score, and by how much a copy must look better to be told."""

    weights: np.ndarray  # (5 · CELLS² + 4,)
    turned: float
    mirrored: float

    @classmethod
    def from_json(cls, text: str) -> Turning:
        """What `python -m benchmarks.scope --fit` wrote."""
        told = json.loads(text)
        return cls(np.array(told["weights"], float), told["turned"], told["mirrored"])

    def beyond(self, unit: np.ndarray) -> tuple[float, float]:
        """Of a slice as `small_unit` gives it: by how much a turn of it looks better than it may, and its
        mirror image; above 0 it seems to be turned or mirrored.
        """
        upright = float(maps(unit) @ self.weights)
        scores = {name: float(maps(turn(unit)) @ self.weights) - upright for name, turn in TURNS.items()}
        mirrored = scores.pop(MIRROR)
        return max(scores.values()) - self.turned, mirrored - self.mirrored


def maps(unit: np.ndarray) -> np.ndarray:
    """What the score is of: grey, bone, organs, what is as dense as liver, gas or fat, each on a grid over
    the body; and what lies outside of it along the four sides, which is the table below an upright body.

    (5 · CELLS² + 4,) of `unit` (h, w).
    """
    unit = np.ascontiguousarray(unit)
    body = body_of(unit)
    around = (unit > _DARK) & ~body
    if not body.any():
        body = np.ones_like(body)
    box = box_of(body)
    grey = unit[box]
    inside = [
        grey,
        grey >= _BONE,
        smooth_soft(unit)[box],
        (grey > _LIVER[0]) & (grey < _LIVER[1]),
        grey < _DARK,
    ]
    small = [
        cv2.resize(np.ascontiguousarray(one, np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        for one in inside
    ]
    high, wide = max(unit.shape[0] // 4, 1), max(unit.shape[1] // 4, 1)
    sides = (around[:high], around[-high:], around[:, :wide], around[:, -wide:])
    return np.concatenate([*(one.ravel() for one in small), [_AROUND * side.mean() for side in sides]])


@cache
def turning() -> Turning:
    """The committed one."""
    return Turning.from_json(WEIGHTS.read_text(encoding="utf-8"))
