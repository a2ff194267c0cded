"""The tables of an evaluation: one row per scan as CSV, and the main numbers as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from train.evaluation.protocol import MODES, SPACES, STRUCTURES
from train.evaluation.record import scan_line
from train.evaluation.scores import DISTANCES, ScanScore

_COUNT_COLUMNS = [f"{s}_{c}" for s in STRUCTURES for c in ("tp", "fp", "fn", "dice")]
_MEASURE_COLUMNS = (
    "pixels unknown voe rvd rvd_lits_compat precision recall specificity "
    "slices_shown slices_found slices_free slices_clean brier ece brier_in_liver ece_in_liver"
).split() + [f"{measure}_{space}" for space in SPACES for measure in DISTANCES]
_LESION_COLUMNS = [
    f"lesions_{rule}_{kind}"
    for rule in ("overlap_50", "overlap_any")
    for kind in ("found", "reference", "true", "predicted")
]
_BURDEN_COLUMNS = ("burden_reference", "burden_predicted")

COLUMNS = (
    ["dataset", "split", "scan", *_COUNT_COLUMNS, "slices", "distances_in"]
    + ["spacing_slice_mm", "spacing_row_mm", "spacing_column_mm"]
    + [f"{s}_{c}" for s in STRUCTURES for c in _MEASURE_COLUMNS]
    + [f"tumour_{c}" for c in _LESION_COLUMNS]
    + list(_BURDEN_COLUMNS)
    + ["mode", *(f"{s}_slices_free_false_px" for s in STRUCTURES)]
    + [f"tumour_{c.replace('lesions', 'candidates')}" for c in _LESION_COLUMNS]
)
"""The columns of every metrics.csv. A cell is empty where its value is undefined or the labels cannot score
it."""


def csv_table(scores: Sequence[ScanScore]) -> str:
    """One row per scan; the scans of a cross-validation have a column `fold` after `scan`."""
    has_folds = any(score.fold is not None for score in scores)
    columns = [*COLUMNS[:3], "fold", *COLUMNS[3:]] if has_folds else COLUMNS
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for score in sorted(scores, key=lambda s: (len(s.scan), s.scan)):
        writer.writerow({key: _cell(key, value) for key, value in _flat(scan_line(score)).items()})
    return text.getvalue()


def _flat(line: dict) -> dict:
    """An item of `scans` with nested keys joined by underscores."""
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
        # Four significant digits for calibration errors, which are small, and for spacings; else 4 decimals.
        return f"{value:.4g}" if "brier" in key or "ece" in key or "spacing" in key else f"{value:.4f}"
    return "" if value is None else value


_MARKDOWN_ROWS: tuple[tuple[str, str, str], ...] = (
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
    ("clean_scans", "scans without the structure and without prediction", "{:.3f}"),
    ("clean_slices", "slices without the structure and without prediction", "{:.3f}"),
    ("liver_free_slices", "slices without liver in which liver is predicted", "{:.3f}"),
    ("found_slices", "slices with the structure where prediction overlaps it", "{:.3f}"),
    ("lesion_recall", "lesion recall, overlap > 50 %", "{:.3f}"),
    ("lesion_precision", "lesion precision, overlap > 50 %", "{:.3f}"),
    ("lesion_f1", "lesion F1, overlap > 50 %", "{:.3f}"),
    ("lesion_recall_any_overlap", "lesion recall, any overlap", "{:.3f}"),
    ("lesion_precision_any_overlap", "lesion precision, any overlap", "{:.3f}"),
    ("false_lesions_per_scan", "false lesions per scan, no overlap", "{:.2f}"),
    ("burden_rmse", "tumour burden, RMSE", "{:.4f}"),
    ("burden_max_error", "tumour burden, largest error", "{:.4f}"),
    ("brier", "Brier score, all pixels", "{:.5f}"),
    ("ece", "ECE, all pixels", "{:.5f}"),
    ("brier_in_liver", "Brier score, in the liver", "{:.4f}"),
    ("ece_in_liver", "ECE, in the liver", "{:.4f}"),
)
"""The metric, its label and its number format for each row of the Markdown table."""

_SPACE_WORDS = {"mm": "mm (3D)", "2d_mm": "mm (in slices)", "2d_px": "px (in slices)"}


def markdown(record: dict) -> str:
    """The main numbers of a metrics record with n and intervals, as Markdown."""
    summary, n, protocol = record["summary"], record["n"], record["protocol"]
    mode = MODES[record.get("mode", "slice")]
    lines = [
        f"**{record['checkpoint']}** on `{record['dataset']}`, split {record['split']}, {mode}: "
        f"{n['scans']} scans, {n['slices']} slices. Tumour from probability {protocol['threshold']:g}"
        + ("; probabilities averaged with the mirror image" if protocol["flips"] else "")
        + ("" if protocol["context"] else "; neighbouring slices hidden")
        + ".",
        "",
        f"| measure, {mode} | " + " | ".join(summary) + " |",
        "| --- |" + " --- |" * len(summary),
    ]
    for key, label, number_format in _MARKDOWN_ROWS:
        entries = [metrics.get(key) for metrics in summary.values()]
        if any(e and e["value"] is not None for e in entries):
            label = label.format(tolerance=f"{protocol['tolerance']:g}", **_SPACE_WORDS)
            lines.append(f"| {label} | " + " | ".join(_number_cell(e, number_format) for e in entries) + " |")
    for name, group in (("lesions", "lesions"), ("candidates", "likely and unsure lesions")):
        for rule, words in _LESION_RULES.items():
            lines += _lesion_table(record.get(name, {}).get(rule), f"{group}, {words}, {mode}")
    lines += ["", *_doubtful_parts(record, mode)]
    if lines[-1] == "":
        lines.pop()  # the next part begins with an empty line
    lines += _first_project_table(record["first_project"])
    lines += [
        "",
        "Brackets: 95 % bootstrap interval over scans. Per-case means are over the scans that show "
        "the structure; liver means liver and tumour together, except in the first project's protocol.",
    ]
    volumes = record.get("volumes")
    return "\n".join(lines) + "\n" + (f"\n{markdown(volumes)}" if volumes else "")


_LESION_RULES = {"overlap_50": "overlap > 50 %", "overlap_any": "any overlap"}


def _doubtful_parts(record: dict, mode: str) -> list[str]:
    """What is found where there is nothing: a line each for tumour-free scans and liver-free slices."""
    lines = []
    scans, slices = record.get("tumour_free_scans"), record.get("liver_free_slices")
    if scans and scans["n"]:
        lines.append(
            f"Scans without tumour, {mode}: {scans['with_likely_lesion']} of {scans['n']} keep a likely "
            f"lesion ({scans['likely_lesions']} lesions)."
        )
    if slices and slices["n"]:
        lines.append(
            f"Slices without liver, {mode}: {slices['with_false_liver']} of {slices['n']} have false liver "
            f"({slices['false_positive_px']:,} pixels)."
        )
    lines += [f"Note: {note}." for note in record.get("notes", ())]
    return [part for line in lines for part in (line, "")]


def _number_cell(entry: dict | None, number_format: str) -> str:
    """The value with interval and n, or an empty cell."""
    value = _interval_cell(entry, number_format)
    return f"{value} (n = {entry['n']})" if entry and value else ""


def _interval_cell(entry: dict | None, number_format: str) -> str:
    """The value with its interval, or an empty cell."""
    if entry is None or entry["value"] is None:
        return ""
    text = number_format.format(entry["value"])
    if "interval_95" in entry:
        low, high = entry["interval_95"]
        text += f" [{number_format.format(low)}, {number_format.format(high)}]"
    return text


def _lesion_table(lesions: dict | None, title: str) -> list[str]:
    """The table of one detection rule: a row for all lesions and for each size class."""
    if not lesions:
        return []
    lines = [
        "",
        f"| {title} | in the reference | recall | predicted | precision | F1 | found | missed "
        "| false per scan |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for size, numbers in lesions.items():
        cells = (
            size.replace("_", " "),
            str(numbers["reference_lesions"]),
            _interval_cell(numbers["recall"], "{:.3f}"),
            str(numbers["predicted_lesions"]),
            _interval_cell(numbers["precision"], "{:.3f}"),
            _interval_cell(numbers["f1"], "{:.3f}"),
            str(numbers["found"]),
            str(numbers["reference_lesions"] - numbers["found"]),
            _interval_cell(numbers.get("false_per_scan"), "{:.2f}"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _first_project_table(classes: dict | None) -> list[str]:
    if classes is None:
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
        cells = [_interval_cell(classes[name][m], "{:.3f}") for m in ("dice", "iou", "precision", "recall")]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return lines
