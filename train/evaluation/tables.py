"""The tables of an evaluation: a row a scan as CSV, and the headline numbers as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from train.evaluation.protocol import SPACES, STRUCTURES
from train.evaluation.record import scan_line
from train.evaluation.scores import DISTANCES, ScanScore

_COUNTED = [f"{s}_{c}" for s in STRUCTURES for c in ("tp", "fp", "fn", "dice")]
_MEASURED = (
    "pixels unknown voe rvd rvd_lits_compat precision recall specificity "
    "slices_shown slices_found slices_free slices_clean brier ece brier_in_liver ece_in_liver"
).split() + [f"{measure}_{space}" for space in SPACES for measure in DISTANCES]
_LESIONS = [
    f"lesions_{rule}_{kind}"
    for rule in ("overlap_50", "overlap_any")
    for kind in ("found", "reference", "true", "predicted")
]
_BURDEN = ("burden_reference", "burden_predicted")

COLUMNS = (
    ["dataset", "split", "scan", *_COUNTED, "slices", "distances_in"]
    + ["spacing_slice_mm", "spacing_row_mm", "spacing_column_mm"]
    + [f"{s}_{c}" for s in STRUCTURES for c in _MEASURED]
    + [f"tumour_{c}" for c in _LESIONS]
    + list(_BURDEN)
)
"""Of every metrics.csv, whatever the dataset's labels tell; cells that say nothing are empty."""


def csv_table(scores: Sequence[ScanScore]) -> str:
    """A row a scan, with a column `fold` after `scan` where the scans have one."""
    folded = any(score.fold is not None for score in scores)
    columns = [*COLUMNS[:3], "fold", *COLUMNS[3:]] if folded else COLUMNS
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for score in sorted(scores, key=lambda s: (len(s.scan), s.scan)):
        writer.writerow({key: _cell(key, value) for key, value in _flat(scan_line(score)).items()})
    return text.getvalue()


def _flat(line: dict) -> dict:
    flat: dict = {}
    for key, value in line.items():
        if key == "spacing_mm":
            names = ("spacing_slice_mm", "spacing_row_mm", "spacing_column_mm")
            flat |= dict(zip(names, value or [None] * 3, strict=True))
        elif isinstance(value, dict):
            flat |= {f"{key}_{inner}": number for inner, number in value.items()}
        else:
            flat[key] = value
    return flat


def _cell(key: str, value: object) -> object:
    if isinstance(value, float):
        # Calibration errors over whole slices are small: four digits of them, four places of the rest.
        return f"{value:.4g}" if "brier" in key or "ece" in key or "spacing" in key else f"{value:.4f}"
    return "" if value is None else value


_ROWS: tuple[tuple[str, str, str], ...] = (
    ("dice_per_case", "Dice, mean over scans", "{:.3f}"),
    ("dice_global", "Dice, pooled", "{:.3f}"),
    ("iou_global", "IoU, pooled", "{:.3f}"),
    ("voe", "VOE, mean over scans", "{:.3f}"),
    ("rvd", "RVD, mean over scans", "{:+.3f}"),
    *((f"assd_{space}", f"ASSD, {{{space}}}", "{:.2f}") for space in SPACES),
    *((f"rmsd_{space}", f"RMSD, {{{space}}}", "{:.2f}") for space in SPACES),
    *((f"msd_{space}", f"MSD (Hausdorff), {{{space}}}", "{:.1f}") for space in SPACES),
    *((f"hd95_{space}", f"HD95, {{{space}}}", "{:.1f}") for space in SPACES),
    *(
        (f"surface_dice_{space}", f"surface Dice, {{{space}}}, within {{tolerance}}", "{:.3f}")
        for space in SPACES
    ),
    ("recall_global", "sensitivity, pooled", "{:.3f}"),
    ("precision_global", "precision, pooled", "{:.3f}"),
    ("specificity_global", "specificity, pooled", "{:.5f}"),
    ("clean_scans", "scans without it left clean", "{:.3f}"),
    ("clean_slices", "slices without it left clean", "{:.3f}"),
    ("found_slices", "slices with it found", "{:.3f}"),
    ("lesion_recall", "lesion recall, overlap > 50 %", "{:.3f}"),
    ("lesion_precision", "lesion precision, overlap > 50 %", "{:.3f}"),
    ("lesion_f1", "lesion F1, overlap > 50 %", "{:.3f}"),
    ("lesion_recall_any_overlap", "lesion recall, any overlap", "{:.3f}"),
    ("lesion_precision_any_overlap", "lesion precision, any overlap", "{:.3f}"),
    ("burden_rmse", "tumour burden, RMSE", "{:.4f}"),
    ("burden_max_error", "tumour burden, largest error", "{:.4f}"),
    ("brier", "Brier score, all pixels", "{:.5f}"),
    ("ece", "ECE, all pixels", "{:.5f}"),
    ("brier_in_liver", "Brier score, in the liver", "{:.4f}"),
    ("ece_in_liver", "ECE, in the liver", "{:.4f}"),
)
_SPACE_WORDS = {"mm": "mm (3D)", "2d_mm": "mm (in slices)", "2d_px": "px (in slices)"}


def markdown(record: dict) -> str:
    """The headline numbers of a record with n and intervals, to paste into a page."""
    summary, n, protocol = record["summary"], record["n"], record["protocol"]
    lines = [
        f"**{record['checkpoint']}** on `{record['dataset']}`, split {record['split']}: {n['scans']} scans, "
        f"{n['slices']} slices. Tumour from probability {protocol['threshold']:g}"
        + ("; averaged with the mirror image" if protocol["flips"] else "")
        + ("" if protocol["context"] else "; every slice on its own")
        + ".",
        "",
        "| measure | " + " | ".join(summary) + " |",
        "| --- |" + " --- |" * len(summary),
    ]
    for key, words, shape in _ROWS:
        entries = [metrics.get(key) for metrics in summary.values()]
        if any(e and e["value"] is not None for e in entries):
            label = words.format(tolerance=f"{protocol['tolerance']:g}", **_SPACE_WORDS)
            lines.append(f"| {label} | " + " | ".join(_numbers(e, shape) for e in entries) + " |")
    lines += ["", *_lesion_table(record["lesions"]), *_first_project(record["first_project"])]
    lines += [
        "",
        "Brackets: 95 % bootstrap interval over scans. Per-case means are over the scans that show ",
    ]
    lines[-1] += (
        "the structure; liver means liver and tumour together, except in the first project's protocol."
    )
    return "\n".join(lines) + "\n"


def _numbers(found: dict | None, shape: str) -> str:
    if found is None or found["value"] is None:
        return ""
    text = shape.format(found["value"])
    if "interval_95" in found:
        low, high = found["interval_95"]
        text += f" [{shape.format(low)}, {shape.format(high)}]"
    return f"{text} (n = {found['n']})"


def _lesion_table(lesions: dict) -> list[str]:
    if not lesions:
        return []
    lines = [
        "| lesions, overlap > 50 % | in the reference | recall | predicted | precision | F1 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for size, found in lesions["overlap_50"].items():
        cells = (
            size.replace("_", " "),
            str(found["reference_lesions"]),
            _numbers(found["recall"], "{:.3f}").split(" (")[0],
            str(found["predicted_lesions"]),
            _numbers(found["precision"], "{:.3f}").split(" (")[0],
            _numbers(found["f1"], "{:.3f}").split(" (")[0],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _first_project(found: dict | None) -> list[str]:
    if found is None:
        return []
    lines = [
        "",
        "| first project's protocol (quarter resolution, annotated slices, pooled) | Dice | IoU "
        "| precision | recall |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, label in (
        ("liver", "liver (label 1 alone)"),
        ("liver_with_tumour", "liver with tumour"),
        ("tumour", "tumour"),
    ):
        cells = [
            _numbers(found[name][m], "{:.3f}").split(" (")[0] for m in ("dice", "iou", "precision", "recall")
        ]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return lines
