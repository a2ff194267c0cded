"""`metrics.json`: everything an evaluation found, as plain data.

Layout, one object:

    schema       "liverseg-metrics/1"
    checkpoint   "name@version", or the run's name
    model        what it is: architecture, sha256, engine, working_size, context_slices, ...
    dataset      the dataset's name;  split  the split's
    protocol     threshold, context, flips, tolerance, connectivity, seed of the bootstrap, texts
    n            scans, slices, and scans whose reference shows each structure
    summary      structure -> metric -> {value, n, interval_95?, median?, quartiles?, slices?}
                 dice_per_case, dice_global, voe, rvd, precision_global, assd_mm or assd_2d_mm or
                 assd_2d_px, lesion_recall, burden_rmse, brier, ece, clean_scans, ...
    cases        structure -> scans of each kind, false positives in those without reference
    lesions      rule -> all or class of size -> recall, precision, f1 (as in summary) and counts
    first_project   class -> dice, iou, precision, recall; null where the labels are partial
    sweep        a line a tumour threshold: structure -> dice_global, dice_per_case
    calibration  structure -> slice or in_liver -> pixels, probability, positives of each bin
    folds        cross-validation only: fold, model, n, summary of each
    scans        a line a scan, as in metrics.csv, nested by structure

Values that are not defined are null, each with the n of what it would be of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import numpy as np

from liverseg.analysis import metrics
from liverseg.analysis.metrics.calibration import BINS, Reliability
from train.evaluation.first_project import first_project
from train.evaluation.lesions import headline, lesion_numbers
from train.evaluation.protocol import STRUCTURES, Protocol
from train.evaluation.scores import DISTANCES, ScanScore
from train.evaluation.statistics import defined
from train.evaluation.summary import PER_CASE, cases, summarise, threshold_sweep

SCHEMA = "liverseg-metrics/1"


def numbers(scores: Sequence[ScanScore], seed: int) -> dict:
    """`n`, `summary`, `cases` and `lesions` of some scans."""
    summary, lesions = summarise(scores, seed), lesion_numbers(scores, seed)
    summary["tumour"] |= headline(lesions)
    kinds = {name: cases(scores, name) for name in summary}
    shown = {f"with_{name}": kind["with_reference"] for name, kind in kinds.items()}
    return {
        "n": {"scans": len(scores), "slices": sum(score.slices for score in scores), **shown},
        "summary": summary,
        "cases": kinds,
        "lesions": lesions,
    }


def record(scores: Sequence[ScanScore], name: str, model: dict, protocol: Protocol) -> dict:
    """`metrics.json` as data; `scores` has at least one scan."""
    return {
        "schema": SCHEMA,
        "checkpoint": name,
        "model": model,
        "dataset": scores[0].dataset,
        "split": _joined(score.split for score in scores),
        "protocol": protocol.to_json(),
        **numbers(scores, protocol.seed),
        "first_project": first_project(scores, protocol.seed),
        "sweep": threshold_sweep(scores),
        "calibration": _calibration(scores),
        "scans": [scan_line(score) for score in scores],
    }


def _joined(names: Iterator[str]) -> str:
    return "+".join(sorted(set(names)))


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
    """One scan of `scans`: what it is, then the measures of each structure."""
    line: dict = {"dataset": score.dataset, "split": score.split, "scan": score.scan}
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
    found = score.structures[name]
    case, tally = found.counts, found.slices
    line: dict = {
        "tp": case.tp,
        "fp": case.fp,
        "fn": case.fn,
        "pixels": found.pixels,
        "unknown": found.unknown,
    }
    line["dice"] = defined(metrics.dice(case))
    for key in ("voe", "rvd", "rvd_lits_compat", "precision_per_case", "recall_per_case"):
        line[key.removesuffix("_per_case")] = defined(PER_CASE[key](case))
    line["specificity"] = defined(metrics.specificity(case, found.pixels))
    for measure in DISTANCES:
        line[f"{measure}_{score.space}"] = defined(found.distances.get(measure, math.nan))
    line |= {
        "slices_shown": tally.shown,
        "slices_found": tally.found,
        "slices_free": tally.free,
        "slices_clean": tally.clean,
    }
    for region, suffix in (("slice", ""), ("in_liver", "_in_liver")):
        line[f"brier{suffix}"] = defined(found.calibration[region].brier)
        line[f"ece{suffix}"] = defined(found.calibration[region].error)
    if name == "tumour" and score.lesions is not None:
        for rule, detection in score.lesions.items():
            kinds = ("found", "reference", "true", "predicted")
            line |= {f"lesions_{rule}_{k}": n for k, n in zip(kinds, detection.tallies, strict=True)}
    return line
