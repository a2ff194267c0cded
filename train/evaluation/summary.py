"""The numbers over all scans with n and interval: `summary`, `cases` and `sweep` of metrics.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from liverseg.analysis import metrics
from liverseg.analysis.metrics import Counts
from liverseg.analysis.metrics.calibration import brier_of_sums, ece_of_sums
from train.evaluation.protocol import SPACES, STRUCTURES, THRESHOLDS
from train.evaluation.scores import DISTANCES, ScanScore, StructureScore
from train.evaluation.statistics import Entry, defined, mean_entry, number_entry, pooled_entry, ratio

PER_CASE: dict[str, Callable[[Counts], float]] = {
    "dice_per_case": metrics.dice,
    "iou_per_case": metrics.iou,
    "voe": metrics.volume_overlap_error,
    "rvd": metrics.relative_difference,
    "rvd_absolute": lambda case: abs(metrics.relative_difference(case)),
    "rvd_lits_compat": metrics.relative_difference_lits,
    "precision_per_case": metrics.precision,
    "recall_per_case": metrics.recall,
}
"""Measures that are averaged over the scans whose reference shows the structure."""

POOLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "dice_global": lambda s: 2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]),
    "iou_global": lambda s: s[:, 0] / (s[:, 0] + s[:, 1] + s[:, 2]),
    "precision_global": lambda s: s[:, 0] / (s[:, 0] + s[:, 1]),
    "recall_global": lambda s: s[:, 0] / (s[:, 0] + s[:, 2]),
    "specificity_global": lambda s: 1 - s[:, 1] / (s[:, 3] - s[:, 0] - s[:, 2]),
}
"""Statistics of the sums over all scans of TP, FP, FN and scored pixels, (N, 4)."""


def structure_summaries(scores: Sequence[ScanScore], seed: int = 0) -> dict[str, dict[str, Entry]]:
    """Entries by structure and metric, over the scans whose labels can score the structure."""
    result = {}
    for name in STRUCTURES:
        scored = [score for score in scores if name in score.structures]
        if scored:
            result[name] = _structure_summary(scored, name, seed)
    if "liver" in result:
        result["liver"]["liver_free_slices"] = liver_free_slices(scores, seed)
    if "tumour" in result:
        result["tumour"] |= _burden(scores, seed)
    return result


def liver_free_slices(scores: Sequence[ScanScore], seed: int = 0) -> Entry:
    """The share of the slices without liver in which liver is predicted; n is the number of such slices."""
    tallies = [score.structures["liver"].slices for score in scores if "liver" in score.structures]
    share = pooled_entry([(t.free - t.clean, t.free) for t in tallies], ratio(0, 1), seed)
    return share | {
        "n": sum(t.free for t in tallies),
        "with_false_liver": sum(t.free - t.clean for t in tallies),
        "false_positive_px": sum(t.false_px for t in tallies),
    }


def tumour_free_scans(scores: Sequence[ScanScore]) -> dict[str, int]:
    """The scans known to show no tumour: how many keep a likely lesion, and how many lesions that are.

    A scan counts if its labels leave no pixel open.
    """
    free = [s for s in scores if not s.structures["tumour"].counts.reference and s.lesions is not None]
    false = [score.lesions["overlap_any"].tallies[3] for score in free]
    return {"n": len(free), "with_likely_lesion": sum(map(bool, false)), "likely_lesions": sum(false)}


def case_counts(scores: Sequence[ScanScore], name: str) -> dict[str, int | float | None]:
    """Numbers of scans with an empty reference or prediction, and the false positives in the former."""
    scored = [score for score in scores if name in score.structures]
    counts = [score.structures[name].counts for score in scored]
    empty = [score for score in scored if not score.structures[name].counts.reference]
    return {
        "scans": len(scored),
        "with_reference": len(scored) - len(empty),
        "prediction_empty": sum(bool(c.reference) and not c.predicted for c in counts),
        "both_empty": sum(not c.reference and not c.predicted for c in counts),
        "reference_empty": sum(not c.reference and bool(c.predicted) for c in counts),
        "false_positive_px": sum(score.structures[name].counts.predicted for score in empty),
        "false_positive_mm2": _false_positive_area(empty, name),
    }


def _false_positive_area(scores: Sequence[ScanScore], name: str) -> float | None:
    """The false-positive area over all slices of the scans, mm²; None where a spacing is unknown."""
    if not scores or any(score.spacing_mm is None for score in scores):
        return None
    return sum(false_positive_mm2(score, name) for score in scores)


def false_positive_mm2(score: ScanScore, name: str) -> float:
    """The false-positive area of a scan of known spacing, summed over its slices, mm²."""
    return score.structures[name].counts.fp * score.spacing_mm[1] * score.spacing_mm[2]


def _structure_summary(scores: Sequence[ScanScore], name: str, seed: int) -> dict[str, Entry]:
    parts = [score.structures[name] for score in scores]
    counts = [part.counts for part in parts]
    shown = metrics.with_reference(counts)
    result = {key: mean_entry([of(case) for case in shown], seed) for key, of in PER_CASE.items()}
    rows = [(p.counts.tp, p.counts.fp, p.counts.fn, p.pixels) for p in parts]
    result |= {key: pooled_entry(rows, of, seed) for key, of in POOLED.items()}
    result |= _distances(scores, name, seed)
    result |= _slice_detection(parts, seed)
    result |= _calibration(parts, seed)
    return result


def _distances(scores: Sequence[ScanScore], name: str, seed: int) -> dict[str, Entry]:
    """Means over the scans with both masks; the surface Dice over the scans with a reference mask."""
    result = {}
    for space in SPACES:
        parts = [s.structures[name] for s in scores if s.space == space]
        parts = [part for part in parts if part.distances and part.counts.reference]
        if parts:
            for measure in DISTANCES:
                values = [part.distances[measure] for part in parts]
                result[f"{measure}_{space}"] = mean_entry(values, seed)
    return result


def _slice_detection(parts: Sequence[StructureScore], seed: int) -> dict[str, Entry]:
    """Shares of structure-free scans and slices without a prediction, and of shown slices with overlap."""
    empty = [part.counts for part in parts if not part.counts.reference and not part.unknown]
    tallies = [part.slices for part in parts]
    return {
        "clean_scans": pooled_entry([(not c.predicted, 1) for c in empty], ratio(0, 1), seed),
        "clean_slices": pooled_entry([(t.clean, t.free) for t in tallies], ratio(0, 1), seed)
        | {"slices": sum(t.free for t in tallies)},
        "found_slices": pooled_entry([(t.found, t.shown) for t in tallies], ratio(0, 1), seed)
        | {"slices": sum(t.shown for t in tallies)},
    }


def _calibration(parts: Sequence[StructureScore], seed: int) -> dict[str, Entry]:
    result = {}
    for region, suffix in (("slice", ""), ("in_liver", "_in_liver")):
        rows = [part.calibration[region].sums for part in parts]
        result[f"brier{suffix}"] = pooled_entry(rows, brier_of_sums, seed)
        result[f"ece{suffix}"] = pooled_entry(rows, ece_of_sums, seed)
    return result


def _burden(scores: Sequence[ScanScore], seed: int) -> dict[str, Entry]:
    """The RMSE and the largest error of the tumour's share of the liver."""
    errors = [s.burden[1] - s.burden[0] for s in scores if s.burden is not None]
    if not errors:
        return {}
    squares = [(error**2, 1.0) for error in errors]
    return {
        "burden_rmse": pooled_entry(squares, lambda s: np.sqrt(s[:, 0] / s[:, 1]), seed),
        "burden_max_error": number_entry(max(abs(error) for error in errors), len(errors)),
    }


def threshold_sweep(scores: Sequence[ScanScore]) -> list[dict]:
    """Pooled and per-case Dice at each of `THRESHOLDS`."""
    result = []
    for threshold in THRESHOLDS:
        line: dict = {"threshold": threshold}
        for name in STRUCTURES:
            counts = [s.sweep[threshold][name] for s in scores if name in s.sweep[threshold]]
            line[name] = {
                "dice_global": defined(metrics.dice_global(counts)),
                "dice_per_case": defined(metrics.dice_per_case(counts)),
            }
        result.append(line)
    return result
