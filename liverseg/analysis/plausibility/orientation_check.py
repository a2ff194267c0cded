"""Orientation of a slice: does a rotated or mirrored copy look more like upright CT? (pure)

A linear score of coarse maps of the body and its surroundings ranks an upright slice above its own
transformed copies. It is a pairwise logistic regression (Bradley and Terry, Biometrika 1952): it uses only
differences between copies of one slice, so that features of the individual patient cancel.
`orientation_check.json` holds the weights; `python -m benchmarks.scope --fit` fits them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from liverseg.analysis.plausibility.features import body_mask, organ_mask, smallest_box

WEIGHTS_FILE = Path(__file__).with_name("orientation_check.json")
MIRROR = "mirror image"
TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    MIRROR: lambda unit: unit[:, ::-1],
    "upside down": lambda unit: unit[::-1],
    "by 180°": lambda unit: unit[::-1, ::-1],
    "by 90°": lambda unit: np.rot90(unit),
    "by 270°": lambda unit: np.rot90(unit, 3),
    "transposed": lambda unit: unit.T,
    "transposed, by 180°": lambda unit: unit[::-1, ::-1].T,
}
"""The mirror image and the other transforms of a slice (h, w)."""

MAP_CELLS = 10
"""Cells along each side of a map."""

_MIN_BONE = 0.85  # grey of 136 HU: spongy bone of old patients is hardly brighter
_LIVER_RANGE = (0.25, 0.6)  # grey of 40 to 96 HU
_MAX_DARK = 0.03  # grey of air and fat
_SURROUNDINGS_SCALE = 10.0  # brings the shares of pixels to the range of the maps


@dataclass(frozen=True)
class OrientationModel:
    """The weights of the score, and the margins by which a copy must exceed the slice."""

    weights: np.ndarray  # (5 · MAP_CELLS² + 4,)
    turned: float  # margin of the best copy other than the mirror image
    mirrored: float  # margin of the mirror image

    @classmethod
    def from_json(cls, text: str) -> OrientationModel:
        """Parse `orientation_check.json`."""
        content = json.loads(text)
        return cls(np.array(content["weights"], float), content["turned"], content["mirrored"])

    def excess(self, unit: np.ndarray) -> tuple[float, float]:
        """How far the best turned copy and the mirror image score above the slice, minus the margins.

        `unit` is the grey of a slice (h, w) in [0, 1]. A positive value means that the slice seems turned or
        mirrored.
        """
        upright = float(orientation_features(unit) @ self.weights)
        gains = {
            name: float(orientation_features(turn(unit)) @ self.weights) - upright
            for name, turn in TRANSFORMS.items()
        }
        mirror_gain = gains.pop(MIRROR)
        return max(gains.values()) - self.turned, mirror_gain - self.mirrored


def orientation_features(unit: np.ndarray) -> np.ndarray:
    """The features of the score, (5 · MAP_CELLS² + 4,) float64, of the grey of a slice (h, w).

    Five maps on a grid over the body: grey, bone, organs, tissue as dense as liver, gas or fat. Four shares
    of pixels outside the body along the four sides: the table is below an upright body.
    """
    unit = np.ascontiguousarray(unit)
    body = body_mask(unit)
    surroundings = (unit > _MAX_DARK) & ~body
    if not body.any():
        body = np.ones_like(body)
    box = smallest_box(body)
    grey = unit[box]
    body_maps = [
        grey,
        grey >= _MIN_BONE,
        organ_mask(unit)[box],
        (grey > _LIVER_RANGE[0]) & (grey < _LIVER_RANGE[1]),
        grey < _MAX_DARK,
    ]
    coarse = [
        cv2.resize(
            np.ascontiguousarray(body_map, np.float32),
            (MAP_CELLS, MAP_CELLS),
            interpolation=cv2.INTER_AREA,
        ).ravel()
        for body_map in body_maps
    ]
    rows, columns = max(unit.shape[0] // 4, 1), max(unit.shape[1] // 4, 1)
    sides = (surroundings[:rows], surroundings[-rows:], surroundings[:, :columns], surroundings[:, -columns:])
    return np.concatenate([*coarse, [_SURROUNDINGS_SCALE * side.mean() for side in sides]])


@cache
def load_orientation_model() -> OrientationModel:
    """The model in `orientation_check.json`."""
    return OrientationModel.from_json(WEIGHTS_FILE.read_text(encoding="utf-8"))
