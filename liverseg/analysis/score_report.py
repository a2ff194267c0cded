"""Scores as JSON, as a table on the terminal, and as a CSV of many cases with their means (pure)."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import liverseg
from liverseg.analysis.measure import labels_digest
from liverseg.analysis.metrics.bootstrap import bootstrap_interval
from liverseg.analysis.report import json_value
from liverseg.analysis.score import LESION_RULES, BurdenScore, LesionScore, Score, StructureScore
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation

SCORE_DEFINITIONS = {
    "null": "undefined or unknown: the structure is not in the reference, one of the two is empty and has no "
    "surface, a file has no label for it, or the spacing is unknown; never 0",
    "liver": "the whole organ, labels 1 and 2, as in LiTS",
    "tumour": "label 2",
    "voe": "volume overlap error, 1 - intersection / union",
    "rvd": "relative volume difference, (result - reference) / reference, as the LiTS paper defines it",
    "assd_mm": "average symmetric surface distance; rmsd_mm is the root mean square, msd_mm the maximum",
    "hd95_mm": "95th percentile of the surface distances, the larger of both directions",
    "surface_dice_2mm": "share of the surface elements of both within 2 mm of the other surface",
    "lesions": "connected tumour regions; any_overlap: a lesion that shares a voxel is found; iou_50: "
    "lesions are matched many to many and found from an intersection over union above 0.5 (LiTS)",
    "burden": "tumour / (liver + tumour)",
    "worst_slices": "slices from 0 with the most differing pixels, of which pictures are written",
}
"""Definitions of the terms of `score.json`; written into it."""

VALUE_COLUMNS = tuple(
    [f"{name}_{key}" for name in ("liver", "tumour") for key in StructureScore.__annotations__]
    + [f"lesions_{rule}_{key}" for rule in LESION_RULES for key in LesionScore.__annotations__]
    + [f"burden_{key}" for key in BurdenScore.__annotations__]
)
"""Names of `Score.values`, in the order of the columns of `scores.csv`."""


@dataclass(frozen=True)
class ScoredCase:
    """A case of several: its score, or the sentence why there is none."""

    name: str
    score: Score | None = None
    refusal: str = ""


def score_json(ct: CTImage, result: Segmentation, reference: Segmentation, score: Score) -> str:
    """The content of `score.json`: who made the two, every measure, definitions. No file name is in it."""
    content: dict[str, Any] = {
        "input": {
            "kind": ct.kind,
            "shape": ct.shape,
            "spacing_mm": ct.spacing_mm,
            "spacing_source": ct.spacing_source,
        },
        "result": _origin(result),
        "reference": _origin(reference),
        **{name: asdict(structure) for name, structure in score.structures.items()},
        "lesions": score.lesions and {rule: asdict(one) for rule, one in score.lesions.items()},
        "burden": asdict(score.burden),
        "worst_slices": score.worst_slices,
        "software": {"name": "liverseg", "version": liverseg.__version__},
        "definitions": SCORE_DEFINITIONS,
    }
    return json.dumps(json_value(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _origin(seg: Segmentation) -> dict[str, Any]:
    """The checkpoint, engine and threshold, or the labels file; and the digest of the labels."""
    made = seg.labels_file is None
    return {
        "checkpoint": asdict(seg.checkpoint) if made else None,
        "engine": seg.engine if made else None,
        "tumour_threshold": float(seg.threshold) if made else None,
        "labels_file": None if seg.labels_file is None else asdict(seg.labels_file),
        "labels_sha256": labels_digest(seg.labels),
    }


def score_table(score: Score) -> str:
    """The measures in a few lines, with a dash for what is undefined."""
    liver, tumour = score.structures["liver"], score.structures["tumour"]
    rows = [("", "liver", "tumour")]
    for title, key, digits in _TABLE:
        first, second = (_cell(getattr(one, key), digits) for one in (liver, tumour))
        rows.append((title, first, second))
    lines = [f"{a:<16}{b:>10}{c:>10}" for a, b, c in rows]
    for rule, title in (("any_overlap", "any overlap"), ("iou_50", "IoU above 0.5")):
        if score.lesions is None:
            break
        one = score.lesions[rule]
        lines.append(
            f"lesions, {title}: {one.found} of {one.reference} found, {one.missed} missed, "
            f"{one.false} of {one.predicted} false"
        )
    burden = score.burden
    if not math.isnan(burden.difference):
        lines.append(
            f"burden: reference {burden.reference:.1%}, result {burden.result:.1%}, "
            f"{100 * burden.difference:+.1f} points"
        )
    if score.worst_slices:
        lines.append(f"most different slices: {', '.join(map(str, score.worst_slices))}")
    else:
        lines.append("The labels are the same everywhere.")
    return "\n".join(lines) + "\n"


_TABLE = (
    ("Dice", "dice", 3),
    ("VOE", "voe", 3),
    ("RVD", "rvd", 3),
    ("ASSD, mm", "assd_mm", 2),
    ("MSD, mm", "msd_mm", 2),
    ("HD95, mm", "hd95_mm", 2),
    ("surface Dice 2mm", "surface_dice_2mm", 3),
    ("reference, mL", "reference_ml", 1),
    ("result, mL", "result_ml", 1),
)


def _cell(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def scores_csv(cases: Sequence[ScoredCase]) -> str:
    """The table of several cases: a row each, empty cells for what is undefined, and the refusal, if any."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", *VALUE_COLUMNS, "refusal"])
    for case in cases:
        values = {} if case.score is None else case.score.values()
        cells = [_number(values.get(name, math.nan)) for name in VALUE_COLUMNS]
        writer.writerow([case.name, *cells, case.refusal])
    return text.getvalue()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{round(value, 6):.10g}"


def summary_of(cases: Sequence[ScoredCase]) -> dict[str, Any]:
    """Mean, 95 % bootstrap interval over cases and number of defined values of every measure, for JSON."""
    values = [case.score.values() for case in cases if case.score is not None]
    measures = {}
    for name in VALUE_COLUMNS:
        defined = [one[name] for one in values if not math.isnan(one[name])]
        mean = sum(defined) / len(defined) if defined else None
        low, high = bootstrap_interval(defined)
        interval = None if math.isnan(low) else [low, high]
        measures[name] = {"n": len(defined), "mean": mean, "interval_95": interval}
    summary: dict[str, Any] = json_value(
        {
            "cases": len(cases),
            "scored": len(values),
            "measures": measures,
            "software": {"name": "liverseg", "version": liverseg.__version__},
            "definitions": SCORE_DEFINITIONS,
        }
    )
    return summary


_SUMMARY_ROWS = (
    *("liver_dice", "liver_assd_mm", "liver_hd95_mm", "liver_surface_dice_2mm", "tumour_dice"),
    *("tumour_assd_mm", "lesions_any_overlap_recall", "lesions_iou_50_recall", "lesions_iou_50_precision"),
    "burden_difference",
)


def summary_table(summary: dict[str, Any]) -> str:
    """The most used means with their intervals, in a few lines."""
    lines = [f"{summary['scored']} of {summary['cases']} cases scored; mean and 95 % bootstrap interval"]
    for name in _SUMMARY_ROWS:
        one = summary["measures"][name]
        if one["mean"] is None:
            continue
        interval = one["interval_95"]
        spread = "" if interval is None else f"  {interval[0]:.3f} to {interval[1]:.3f}"
        lines.append(f"  {name:<28}{one['mean']:>8.3f}{spread}  (n = {one['n']})")
    return "\n".join(lines) + "\n"
