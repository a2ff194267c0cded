"""The table of lesions on the report page: as many rows as fit, and a summary of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from liverseg.analysis.lesions import MEASURABLE_MM, Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import (
    lesion_headline,
    lesion_size_and_unit,
    size_and_unit,
    slice_range_text,
    threshold_text,
)
from liverseg.io.pdf.sheet import PdfTextStyle, Sheet, width_of
from liverseg.io.pdf.style import HAIR, HEADING, INK, LEFT, QUIET, RIGHT

LESION_ROW_PT = 12.5
_HEAD_PT = 38.0  # heading, column heads and their rule
_FOOT_PT = 16.0  # summary of the other lesions, meaning of the flags

_TEXT_PT = 7.5
_CELL = PdfTextStyle(_TEXT_PT, INK, align="right")
_UNSURE_CELL = PdfTextStyle(_TEXT_PT, QUIET, align="right")
_FLAG = PdfTextStyle(_TEXT_PT, QUIET, align="right")


@dataclass(frozen=True)
class _Column:
    head: str
    width: float  # share of the table
    cell: Callable[[Lesion], str]
    aligns_points: bool = False  # decimal points lie below each other


def fitting_rows(report: Report, height: float) -> int:
    """How many lesions the table shows in `height` points, head and foot included; at least one."""
    return max(1, min(len(report.lesions), int((height - _HEAD_PT - _FOOT_PT) / LESION_ROW_PT)))


def _columns(report: Report) -> list[_Column]:
    """The columns for which the report has values. Cells are aligned to the right."""
    is_volume = report.input.kind == "volume"
    in_mm = report.input.spacing_mm is not None
    unit = lesion_size_and_unit(report.lesions[0], is_volume)[1]
    unit = {"pixel": "pixels", "voxel": "voxels"}.get(unit, unit)
    columns = [_Column("No.", 0.05, lambda lesion: str(lesion.id))]
    if is_volume:
        columns.append(_Column("Slices", 0.11, slice_range_text))
    columns += [
        _Column(f"Size, {unit}", 0.13, lambda lesion: lesion_size_and_unit(lesion, is_volume)[0], True),
        _Column("Longest × perpendicular, " + ("mm" if in_mm else "pixels"), 0.25, _diameters),
    ]
    if any(lesion.centroid_ras_mm for lesion in report.lesions):
        columns.append(_Column("Centre in the patient, mm", 0.21, _centre))
    columns += [_Column("Mean HU", 0.1, lambda lesion: f"{lesion.mean_hu:.0f}".replace("-", "−"))]
    if any(lesion.mean_probability is not None for lesion in report.lesions):
        columns.append(_Column("Probability, mean / peak", 0.2, _probabilities))
    if any(lesion.lesion_probability is not None for lesion in report.lesions):
        columns.append(_Column("Lesion probability", 0.15, _lesion_probability))
    return columns


def _probabilities(lesion: Lesion) -> str:
    mean, peak = lesion.mean_probability, lesion.peak_probability
    return "–" if mean is None or peak is None else f"{mean:.2f} / {peak:.2f}"


def _lesion_probability(lesion: Lesion) -> str:
    return "–" if lesion.lesion_probability is None else f"{lesion.lesion_probability:.2f}"


def _diameters(lesion: Lesion) -> str:
    """The longest diameter and the one perpendicular to it, in mm or in pixels."""
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        return f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f}"
    return f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f}"


def _centre(lesion: Lesion) -> str:
    """The centroid in patient coordinates (mm), each with the letter of its direction as in DICOM viewers."""
    if lesion.centroid_ras_mm is None:
        return "–"
    axes = zip(("RL", "AP", "HF"), lesion.centroid_ras_mm, strict=True)
    return "  ".join(f"{letters[0 if mm >= 0 else 1]} {abs(mm):.0f}" for letters, mm in axes)


def _flags(lesion: Lesion) -> str:
    """Letters for the caveats of a lesion; the foot of the table explains them."""
    flags = (
        ("x", lesion.rejected),
        ("u", not (lesion.likely or lesion.rejected)),
        ("s", lesion.measurable is False),
        ("e", lesion.touches_edge),
        ("a", not lesion.touches_liver),
    )
    return " ".join(flag for flag, applies in flags if applies)


_FLAG_MEANINGS = {
    "x": "x: rejected by the user, not counted as tumour",
    "u": "u: unsure, not counted as tumour",
    "s": f"s: shorter than {MEASURABLE_MM:.0f} mm, not measurable (RECIST 1.1)",
    "e": "e: at the edge of the image",
    "a": "a: apart from the liver",
}


def draw_lesions(sheet: Sheet, report: Report, y: float, rows: int) -> float:
    """Draw the table of the first `rows` lesions and a summary of the others, from `y` down.

    Likely lesions come first; unsure ones follow in grey. Rejected ones keep their places,
    in grey. Returns where the next part begins.
    """
    sheet.text(LEFT, y + 8, "Lesions", HEADING)
    if not report.lesions:
        sentence = f"No tumour at the threshold of {threshold_text(report.tumour_threshold)}."
        if report.labels_file is not None:
            sentence = "No tumour in the labels."
        sheet.text(LEFT, y + 24, sentence, PdfTextStyle(_TEXT_PT, INK))
        return y + 38
    is_volume = report.input.kind == "volume"
    order = "the largest first" if report.edited is None else f"the largest first; {lesion_headline(report)}"
    if report.decision is not None and report.decision.cut is not None:
        cut = threshold_text(report.decision.cut)
        order = f"{lesion_headline(report)} (likely from a lesion probability of {cut})"
    note = order + ("; slices are counted from 1, the lowest" if is_volume else "")
    sheet.text(LEFT + 40, y + 8, note, PdfTextStyle(7, QUIET))
    shown, others = report.lesions[:rows], report.lesions[rows:]
    _draw_table(sheet, _columns(report), shown, y)
    foot = y + _HEAD_PT + rows * LESION_ROW_PT + 2
    flags = {flag for lesion in shown for flag in _flags(lesion).split()}
    meanings = "; ".join(meaning for flag, meaning in _FLAG_MEANINGS.items() if flag in flags)
    if others:
        sheet.text(LEFT, foot, _summary_of(others, report.input.kind), PdfTextStyle(_TEXT_PT, INK))
    sheet.text(RIGHT, foot, meanings, PdfTextStyle(6.5, QUIET, align="right"))
    return foot + (14 if others or meanings else 2)


def _draw_table(sheet: Sheet, columns: list[_Column], lesions: tuple[Lesion, ...], y: float) -> None:
    flags_width = 22.0 if any(_flags(lesion) for lesion in lesions) else 0.0
    scale = (RIGHT - flags_width - LEFT) / sum(column.width for column in columns)
    ends = [LEFT + scale * sum(c.width for c in columns[: k + 1]) for k in range(len(columns))]
    for column, end in zip(columns, ends, strict=True):
        sheet.text(end, y + 24, column.head, PdfTextStyle(7, QUIET, align="right"))
    sheet.rule(LEFT, y + 28, RIGHT, y + 28, HAIR, 0.8)
    for column, end in zip(columns, ends, strict=True):
        cells = [column.cell(lesion) for lesion in lesions]
        decimals = [_decimals_width(cell) if column.aligns_points else 0.0 for cell in cells]
        for k, (cell, width) in enumerate(zip(cells, decimals, strict=True)):
            baseline = y + _HEAD_PT + k * LESION_ROW_PT
            style = _CELL if lesions[k].likely else _UNSURE_CELL
            sheet.text(end - max(decimals) + width, baseline, cell, style)
    for k, lesion in enumerate(lesions):
        baseline = y + _HEAD_PT + k * LESION_ROW_PT
        sheet.text(RIGHT, baseline, _flags(lesion), _FLAG)
        sheet.rule(LEFT, baseline + 3.8, RIGHT, baseline + 3.8, HAIR, 0.3)


def _decimals_width(cell: str) -> float:
    """The width of a number from its decimal point on, in points."""
    return width_of(cell[cell.index(".") :], _TEXT_PT) if "." in cell else 0.0


def _summary_of(lesions: tuple[Lesion, ...], kind: str) -> str:
    """The number and the total size of the lesions that do not fit into the table."""
    sizes = [lesion.volume_ml if kind == "volume" else lesion.area_mm2 for lesion in lesions]
    known = None if None in sizes else sum(size for size in sizes if size is not None)
    count = sum(lesion.count for lesion in lesions)
    total = Amount(kind, count, None, known) if kind == "volume" else Amount(kind, count, known)
    rejected = sum(lesion.rejected for lesion in lesions)
    unsure = sum(not lesion.likely for lesion in lesions) - rejected
    kinds = [f"{n} of them {name}" for n, name in ((unsure, "unsure"), (rejected, "rejected")) if n]
    of_them = "".join(f", {kind}" for kind in kinds)
    size = " ".join(size_and_unit(total))
    return f"and {len(lesions)} more{of_them}, {size} together; report.json has every one"
