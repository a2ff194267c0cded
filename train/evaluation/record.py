"""`metrics.json`: the complete result of an evaluation as plain data.

One object with these keys:

    schema       "liverseg-metrics/1"
    checkpoint   "name@version", or the run's name
    mode         what is segmented at a time: "slice" or "volume" (`protocol.MODES`)
    model        its description: architecture, sha256, engine, working_size, context_slices, ...
    dataset      the dataset's name;  split  the split's
    protocol     threshold, context, flips, tolerance, connectivity, seed of the bootstrap, texts
    n            scans, slices, and scans whose reference shows each structure
    summary      structure -> metric -> {value, n, interval_95?, median?, quartiles?, slices?}
                 dice_per_case, dice_global, voe, rvd, precision_global, assd_mm or assd_2d_mm or
                 assd_2d_px, lesion_recall, burden_rmse, brier, ece, clean_scans, ...
    cases        structure -> scans with empty masks, false positives in those without reference
    lesions      rule -> all or size class -> recall, precision, f1, false_per_scan (as in summary) and
                 counts: reference_lesions, found, missed, predicted_lesions, true, false
    candidates   like lesions, of likely and unsure lesions; empty without a lesion model
    tumour_free_scans  n, with_likely_lesion, likely_lesions
    liver_free_slices  value (share with false liver), n, with_false_liver, false_positive_px
    first_project   class -> dice, iou, precision, recall; null where the labels are partial
    sweep        one item per tumour threshold: structure -> dice_global, dice_per_case
    calibration  structure -> slice or in_liver -> pixels, probability, positives of each bin
    volumes      a record of the same form in volume mode, where both modes were scored
    notes        scans that were scored in another mode, and why
    folds        cross-validation only: fold, model, n, summary of each
    scans        one item per scan, as in metrics.csv, nested by structure

Undefined values are null and still have their n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from liverseg.analysis import metrics
from liverseg.analysis.metrics.calibration import BINS, Reliability
from train.evaluation.first_project import first_project_scores
from train.evaluation.lesions import headline_metrics, lesion_numbers
from train.evaluation.protocol import STRUCTURES, Protocol
from train.evaluation.scores import DISTANCES, ScanScore
from train.evaluation.statistics import defined
from train.evaluation.summary import (
    PER_CASE,
    case_counts,
    structure_summaries,
    threshold_sweep,
    tumour_free_scans,
)

SCHEMA = "liverseg-metrics/1"


def evaluation_numbers(scores: Sequence[ScanScore], seed: int) -> dict:
    """`n`, `summary`, `cases` and `lesions` over the scans; `seed` is that of the bootstrap."""
    summary, lesions = structure_summaries(scores, seed), lesion_numbers(scores, seed)
    candidates = lesion_numbers(scores, seed, "candidates")
    summary["tumour"] |= headline_metrics(lesions) | headline_metrics(candidates, "candidate")
    cases = {name: case_counts(scores, name) for name in summary}
    shown = {f"with_{name}": counts["with_reference"] for name, counts in cases.items()}
    return {
        "n": {"scans": len(scores), "slices": sum(score.slices for score in scores), **shown},
        "summary": summary,
        "cases": cases,
        "lesions": lesions,
        "candidates": candidates,
        "tumour_free_scans": tumour_free_scans(scores),
        "liver_free_slices": summary.get("liver", {}).get("liver_free_slices"),
    }


def metrics_record(scores: Sequence[ScanScore], name: str, model: dict, protocol: Protocol) -> dict:
    """The content of `metrics.json`; `scores` holds at least one scan."""
    return {
        "schema": SCHEMA,
        "checkpoint": name,
        "mode": protocol.mode,
        "model": model,
        "dataset": "+".join(dict.fromkeys(score.dataset for score in scores)),
        "split": "+".join(sorted({score.split for score in scores})),
        "protocol": protocol.to_json(),
        **evaluation_numbers(scores, protocol.seed),
        "first_project": first_project_scores(scores, protocol.seed),
        "sweep": threshold_sweep(scores),
        "calibration": _calibration(scores),
        "notes": [score.note for score in scores if score.note],
        "scans": [scan_line(score) for score in scores],
    }


def _calibration(scores: Sequence[ScanScore]) -> dict:
    result: dict = {}
    for name in STRUCTURES:
        parts = [score.structures[name].calibration for score in scores if name in score.structures]
        if parts:
            result[name] = {
                region: _bins(reduce(add, [part[region] for part in parts])) for region in parts[0]
            }
    return result


def _bins(total: Reliability) -> dict:
    return {
        "upper_edges": [float(edge) for edge in np.arange(1, BINS + 1) / BINS],
        "pixels": total.pixels.tolist(),
        "mean_probability": _means(total.probability, total.pixels),
        "share_of_positives": _means(total.positives, total.pixels),
        "brier": defined(total.brier),
        "ece": defined(total.error),
    }


def _means(sums: np.ndarray, pixels: np.ndarray) -> list[float | None]:
    return [float(s / n) if n else None for s, n in zip(sums, pixels, strict=True)]


def scan_line(score: ScanScore) -> dict:
    """One item of `scans`: the scan's identity, then the measures of each structure."""
    line: dict = {"dataset": score.dataset, "split": score.split, "scan": score.scan, "mode": score.mode}
    if score.fold is not None:
        line["fold"] = score.fold
    line |= {
        "slices": score.slices,
        "distances_in": score.space,
        "spacing_mm": None if score.spacing_mm is None else list(score.spacing_mm),
    }
    for name in score.structures:
        line[name] = _structure_line(score, name)
    if score.burden is not None:
        line["burden"] = {"reference": score.burden[0], "predicted": score.burden[1]}
    return line


def _structure_line(score: ScanScore, name: str) -> dict:
    structure = score.structures[name]
    case, tally = structure.counts, structure.slices
    line: dict = {
        "tp": case.tp,
        "fp": case.fp,
        "fn": case.fn,
        "pixels": structure.pixels,
        "unknown": structure.unknown,
    }
    line["dice"] = defined(metrics.dice(case))
    for key in ("voe", "rvd", "rvd_lits_compat", "precision_per_case", "recall_per_case"):
        line[key.removesuffix("_per_case")] = defined(PER_CASE[key](case))
    line["specificity"] = defined(metrics.specificity(case, structure.pixels))
    for measure in DISTANCES:
        line[f"{measure}_{score.space}"] = defined(structure.distances.get(measure, math.nan))
    line |= {
        "slices_shown": tally.shown,
        "slices_found": tally.found,
        "slices_free": tally.free,
        "slices_clean": tally.clean,
        "slices_free_false_px": tally.false_px,
    }
    for region, suffix in (("slice", ""), ("in_liver", "_in_liver")):
        line[f"brier{suffix}"] = defined(structure.calibration[region].brier)
        line[f"ece{suffix}"] = defined(structure.calibration[region].error)
    if name == "tumour":
        for group, by_rule in (("lesions", score.lesions), ("candidates", score.candidates)):
            for rule, detection in (by_rule or {}).items():
                kinds = ("found", "reference", "true", "predicted")
                line |= {f"{group}_{rule}_{k}": n for k, n in zip(kinds, detection.tallies, strict=True)}
    return line
