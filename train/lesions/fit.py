"""Fit of the lesion model: logistic regression with an L2 penalty, judged on groups of scans left out.

scikit-learn fits it; the result is plain numbers for the manifest. The penalty is the one with the lowest
log loss on left-out groups. The reported AUC, reliability and operating points are those of left-out groups,
never of candidates that a fit has seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from liverseg.core.lesion_model import LesionModel, OperatingPoint, Term
from train.errors import TrainError
from train.lesions.table import CandidateTable, Outcome, outcome

VOLUME_TERMS = {
    "peak_probability": "logit",
    "mean_probability": "logit",
    "share_of_liver": "log",
    "slices": "log",
    "organ_probability": "logit",
    "share_of_edge_outside": "none",
    "share_of_box": "none",
    "candidates": "log",
}
"""Features of the model for volumes and their transforms."""

SLICE_TERMS = {
    name: kind
    for name, kind in VOLUME_TERMS.items()
    if name not in ("slices", "candidates", "share_of_liver")
}
"""Features of the model for lone slices.

The share of the liver is left out: two scans in which the runs take most of the liver for tumour would make
large lesions less likely than small ones, for the same AUC.
"""

VOLUME_LEAST_SLICES = 2
"""Slices that a likely lesion of a volume needs. In the cross-validation over 29 scans the single-slice
candidates from the default cut on were false; in scans with few candidates single pixels reach it."""

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse strengths C of the penalty that are tried."""

CUTS = tuple(round(0.02 * k, 2) for k in range(1, 50))
"""Lesion probabilities at which operating points are listed."""

MIN_CANDIDATES = 20
"""The fit needs at least this many real and as many false candidates."""

DIGITS = 5


@dataclass(frozen=True)
class LesionFit:
    """A fitted model with its quality on left-out groups."""

    model: LesionModel
    penalty: float  # C
    auc: float  # area under the ROC curve of left-out candidates
    log_loss: float  # of left-out candidates, nats, weighted as in the fit
    reliability: tuple[tuple[float, float, int], ...]  # mean probability, share of real ones, candidates
    at_cut: Outcome  # of left-out candidates at the model's cut
    before: Outcome  # of all candidates
    held_out: np.ndarray  # (n,) probability of each candidate by the fit that has not seen its group

    def record(self, table: CandidateTable) -> dict[str, Any]:
        """The entry of the manifest's `lesion_model`."""
        return {
            "intercept": self.model.intercept,
            "terms": [asdict(term) for term in self.model.terms],
            "cut": self.model.cut,
            "least_slices": self.model.least_slices,
            "operating_points": [asdict(point) for point in self.model.points],
            "auc": round(self.auc, 4),
            "log_loss": round(self.log_loss, 4),
            "reliability": [
                {"mean_probability": round(p, 4), "share_real": round(share, 4), "candidates": n}
                for p, share, n in self.reliability
            ],
            "scans": len(table.groups),
            "candidates": len(table.real),
            "real": int(table.real.sum()),
            "reference_lesions": len(table.references),
            "tumour_free_scans": len(table.tumour_free),
            "tumour_free_with_likely_lesion": self.at_cut.tumour_free_with_lesion,
        }


def fit_lesion_model(
    table: CandidateTable,
    terms: dict[str, str],
    least_precision: float = 0.6,
    even_groups: bool = False,
    least_slices: int = 1,
) -> LesionFit:
    """Fit a model on the `terms` (feature -> transform) and choose its cut.

    With `even_groups` all groups weigh the same in the fit, however many candidates they have. Candidates in
    fewer than `least_slices` slices are fitted, but never kept as likely ones. The cut is the lowest of
    `CUTS` at which the candidates of left-out groups have a precision of at least `least_precision` there and
    at every higher cut that keeps one in fifty candidates (at least ten); where there is none, the cut of the
    highest F1. Raises `TrainError` for too few candidates.
    """
    if min(table.real.sum(), (~table.real).sum()) < MIN_CANDIDATES:
        raise TrainError(
            f"A lesion model needs {MIN_CANDIDATES} real and {MIN_CANDIDATES} false candidates; there are "
            f"{int(table.real.sum())} and {int((~table.real).sum())}."
        )
    from sklearn.metrics import log_loss, roc_auc_score

    weights = _group_weights(table.group) if even_groups else np.ones(len(table.real))
    predictions = {c: _held_out(table, terms, c, weights) for c in PENALTIES}
    losses = {c: float(log_loss(table.real, p, sample_weight=weights)) for c, p in predictions.items()}
    penalty = min(PENALTIES, key=losses.__getitem__)
    held_out = predictions[penalty]
    decisive = np.where(table.features["slices"] >= least_slices, held_out, -1.0)
    points = tuple(_point(cut, outcome(table, decisive >= cut)) for cut in CUTS)
    cut = _chosen_cut(table, decisive, least_precision)
    model = _fit(table, terms, penalty, weights)
    return LesionFit(
        LesionModel(model.intercept, model.terms, cut, points, least_slices=least_slices),
        penalty,
        float(roc_auc_score(table.real, held_out)),
        losses[penalty],
        _reliability(held_out, table.real),
        outcome(table, decisive >= cut),
        outcome(table, np.ones(len(table.real), bool)),
        held_out,
    )


def _group_weights(group: np.ndarray) -> np.ndarray:
    """(n,) a weight for each candidate: the same sum in every group, 1 in the mean."""
    _, number, size = np.unique(group, return_inverse=True, return_counts=True)
    weights: np.ndarray = len(group) / (len(size) * size[number])
    return weights


def _held_out(
    table: CandidateTable, terms: dict[str, str], penalty: float, weights: np.ndarray
) -> np.ndarray:
    """(n,) the probability of each candidate by the fit to the other groups."""
    result, groups = np.empty(len(table.real)), table.group
    for group in sorted(set(groups)):
        rows = groups == group
        model = _fit(table, terms, penalty, np.where(rows, 0.0, weights))
        result[rows] = model.probabilities({name: v[rows] for name, v in table.features.items()})
    return result


def _fit(table: CandidateTable, terms: dict[str, str], penalty: float, weights: np.ndarray) -> LesionModel:
    """The model fitted on the candidates with a `weight` (n,) above 0."""
    from sklearn.linear_model import LogisticRegression

    rows = weights > 0
    columns, made = [], []
    for name, transform in terms.items():
        values = Term(name, transform, 0.0, 1.0, 1.0).values(table.features[name][rows])
        centre, spread = float(values.mean()), float(values.std())
        scale = spread if spread > 10**-DIGITS else 1.0  # a constant feature decides nothing
        columns.append((values - centre) / scale)
        made.append((name, transform, centre, scale))
    regression = LogisticRegression(C=penalty, max_iter=1000).fit(
        np.stack(columns, axis=1), table.real[rows], weights[rows]
    )
    return LesionModel(
        round(float(regression.intercept_[0]), DIGITS),
        tuple(
            Term(name, transform, round(centre, DIGITS), round(scale, DIGITS), round(float(weight), DIGITS))
            for (name, transform, centre, scale), weight in zip(made, regression.coef_[0], strict=True)
        ),
        0.5,
    )


def _point(cut: float, result: Outcome) -> OperatingPoint:
    precision = None if result.precision is None else round(result.precision, 4)
    return OperatingPoint(cut, round(result.recall or 0.0, 4), precision, round(result.false_per_scan, 4))


def _chosen_cut(table: CandidateTable, held_out: np.ndarray, least_precision: float) -> float:
    outcomes = {cut: outcome(table, held_out >= cut) for cut in CUTS}
    enough = max(10, len(table.real) // 50)
    good = [
        cut
        for cut in CUTS
        if all(
            (o.precision or 0.0) >= least_precision
            for c, o in outcomes.items()
            if c >= cut and o.kept >= enough
        )
        and outcomes[cut].kept >= enough
    ]
    return good[0] if good else max(CUTS, key=lambda cut: _f1(outcomes[cut]))


def _f1(result: Outcome) -> float:
    recall, precision = result.recall or 0.0, result.precision or 0.0
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _reliability(probability: np.ndarray, real: np.ndarray) -> tuple[tuple[float, float, int], ...]:
    """Mean probability, share of real candidates and their number in five bins of equal width."""
    bins = np.minimum((probability * 5).astype(int), 4)
    return tuple(
        (float(probability[bins == k].mean()), float(real[bins == k].mean()), int((bins == k).sum()))
        for k in range(5)
        if (bins == k).any()
    )
