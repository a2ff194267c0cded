"""Fit the weights of `plausibility.orientation_check`: upright slices against their own turned copies.

The margins come from cross-validation by source: a slice counts as turned only if a turned copy scores better
by more than the margin.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from benchmarks.scope_cases import slices_of
from liverseg.analysis.plausibility.features import small_grey
from liverseg.analysis.plausibility.orientation_check import MIRROR, TRANSFORMS, orientation_features
from liverseg.core.window import from_unit
from train.data.dataset import DatasetFolder

ORIENTATION_PENALTY = 0.003
"""The factor of the squared weights in the loss."""
QUANTILE = 0.99
"""The share of held-out upright slices whose turned copies score better by no more than the margin."""

GROUPS = 4
"""The folds of the cross-validation."""


def upright(folder: DatasetFolder, scans: set[str] | None, every: int) -> Iterator[tuple[np.ndarray, str]]:
    """Every `every`th slice that shows liver, as an array of `small_grey`, and its scan."""
    shown = 0
    for _, scan, grey, has_liver in slices_of(folder, "train", scans):
        shown += has_liver
        if has_liver and shown % every == 0:
            yield small_grey(from_unit(grey.astype(np.float32) / 255, folder.window)), scan


def fit_orientation(units: list[np.ndarray], sources: list[str]) -> str:
    """Fit to the slices `units` of the scans `sources`; returns the text of `orientation_check.json`."""
    upright_maps = np.array([orientation_features(unit) for unit in units])
    differences = {
        name: upright_maps - [orientation_features(turn(unit)) for unit in units]
        for name, turn in TRANSFORMS.items()
    }
    scans = sorted(set(sources))
    group = np.array([scans.index(source) % GROUPS for source in sources])
    held_out = {name: np.empty(len(units)) for name in differences}
    for left_out in range(GROUPS):
        weights = _fit_weights([one[group != left_out] for one in differences.values()])
        for name, one in differences.items():
            held_out[name][group == left_out] = one[group == left_out] @ weights
    mirrored = -held_out[MIRROR]
    turned = np.max([-values for name, values in held_out.items() if name != MIRROR], axis=0)
    margins = {
        name: float(np.quantile(values, QUANTILE))
        for name, values in (("turned", turned), ("mirrored", mirrored))
    }
    for name, values in held_out.items():  # how much better the upright slice scores than its copy
        margin = margins["mirrored" if name == MIRROR else "turned"]
        print(f"held out: {np.mean(values > margin):.1%} of {len(units)} copies are detected, {name}")
    coefficients: dict[str, object] = {name: round(margin, 4) for name, margin in margins.items()}
    coefficients["weights"] = [round(float(v), 4) for v in _fit_weights(list(differences.values()))]
    return json.dumps(coefficients, separators=(",", ":")) + "\n"


def _fit_weights(differences: list[np.ndarray]) -> np.ndarray:
    """Weights (F,) of the penalised logistic regression that gives each difference a positive score."""
    rows = np.concatenate(differences)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = rows @ weights
        wrong = 1 / (1 + np.exp(score))
        value = np.logaddexp(0, -score).mean() + ORIENTATION_PENALTY * (weights @ weights) / 2
        return float(value), -(rows * wrong[:, None]).mean(axis=0) + ORIENTATION_PENALTY * weights

    return np.asarray(minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x)
