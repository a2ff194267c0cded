"""The weights of `plausibility.orientation_check`, fitted to upright slices against their own turned copies.

Some sources are left out in turn: the score that the copies of their slices get then sets by how much a copy
must look better before it is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from benchmarks.scope_cases import slices_of
from liverseg.analysis.plausibility.features import small_unit
from liverseg.analysis.plausibility.orientation_check import MIRROR, TURNS, maps
from liverseg.core.window import from_unit
from train.data.dataset import DatasetFolder

PENALTY = 0.003
QUANTILE = 0.99
"""Of the upright slices left out: that many look better than any of their copies by the margin, each kind."""

GROUPS = 4


def upright(folder: DatasetFolder, scans: set[str] | None, every: int) -> Iterator[tuple[np.ndarray, str]]:
    """Slices that show liver, as `small_unit` gives them, and their scans."""
    shown = 0
    for _, scan, grey, has_liver in slices_of(folder, "train", scans):
        shown += has_liver
        if has_liver and shown % every == 0:
            yield small_unit(from_unit(grey.astype(np.float32) / 255, folder.window)), scan


def fit(units: list[np.ndarray], sources: list[str]) -> str:
    """The text of `orientation_check.json`."""
    first = np.array([maps(unit) for unit in units])
    better = {name: first - [maps(turn(unit)) for unit in units] for name, turn in TURNS.items()}
    named = sorted(set(sources))
    group = np.array([named.index(source) % GROUPS for source in sources])
    found = {name: np.empty(len(units)) for name in better}
    for left_out in range(GROUPS):
        weights = _weights([one[group != left_out] for one in better.values()])
        for name, one in better.items():
            found[name][group == left_out] = one[group == left_out] @ weights
    mirrored = -found[MIRROR]
    turned = np.max([-values for name, values in found.items() if name != MIRROR], axis=0)
    margins = {
        name: float(np.quantile(values, QUANTILE))
        for name, values in (("turned", turned), ("mirrored", mirrored))
    }
    for name, values in found.items():  # a copy put in for the slice: the slice itself looks better by this
        margin = margins["mirrored" if name == MIRROR else "turned"]
        print(f"left out: {np.mean(values > margin):.1%} of {len(units)} copies are told, {name}")
    told: dict[str, object] = {name: round(margin, 4) for name, margin in margins.items()}
    told["weights"] = [round(float(v), 4) for v in _weights(list(better.values()))]
    return json.dumps(told, separators=(",", ":")) + "\n"


def _weights(differences: list[np.ndarray]) -> np.ndarray:
    """(F,) that make every difference score above zero, of the penalised likelihood."""
    rows = np.concatenate(differences)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = rows @ weights
        wrong = 1 / (1 + np.exp(score))
        value = np.logaddexp(0, -score).mean() + PENALTY * (weights @ weights) / 2
        return float(value), -(rows * wrong[:, None]).mean(axis=0) + PENALTY * weights

    return np.asarray(minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x)
