"""The table of lesions on the report's page: as many rows as fit, the rest summed up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from liverseg.analysis.lesions import MEASURABLE_MM, Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import amount, lesion_amount, slice_span, threshold
from liverseg.io.pdf.sheet import Sheet, width_of
from liverseg.rendering.colours import RGB

LESION_ROW_PT = 12.5
_HEAD_PT = 38.0  # heading, column heads and their rule
_FOOT_PT = 16.0  # what is not in the table

TEXT = 7.5


@dataclass(frozen=True)
class _Column:
    head: str
    width: float  # share of the table
    cell: Callable[[Lesion], str]
    by_point: bool = False  # decimal points below each other


def fitting_rows(report: Report, height: float) -> int:
    """How many lesions the table shows in a height, its head and foot included: one at least."""
    return max(1, min(len(report.lesions), int((height - _HEAD_PT - _FOOT_PT) / LESION_ROW_PT)))


def _columns(report: Report) -> list[_Column]:
    """Those that the report has something for; every cell is set to the right of its column."""
    is_volume = report.input.kind == "volume"
    in_mm = report.input.spacing_mm is not None
    unit = lesion_amount(report.lesions[0], is_volume)[1]
    size = {"pixel": "pixels", "voxel": "voxels"}.get(unit, unit)
    columns = [_Column("No.", 0.05, lambda lesion: str(lesion.id))]
    if is_volume:
        columns.append(_Column("Slices", 0.11, slice_span))
    columns += [
        _Column(f"Size, {size}", 0.13, lambda lesion: lesion_amount(lesion, is_volume)[0], True),
        _Column("Longest × perpendicular, " + ("mm" if in_mm else "pixels"), 0.25, _across),
    ]
    if any(lesion.centroid_ras_mm for lesion in report.lesions):
        columns.append(_Column("Centre in the patient, mm", 0.21, _place))
    columns += [
        _Column("Mean HU", 0.1, lambda lesion: f"{lesion.mean_hu:.0f}".replace("-", "−")),
        _Column(
            "Probability, mean / peak",
            0.2,
            lambda lesion: f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}",
        ),
    ]
    return columns


def _across(lesion: Lesion) -> str:
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        return f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f}"
    return f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f}"


def _place(lesion: Lesion) -> str:
    """Which way and how far from the origin of the patient's coordinates, as viewers say it."""
    if lesion.centroid_ras_mm is None:
        return "–"
    ways = zip(("RL", "AP", "HF"), lesion.centroid_ras_mm, strict=True)
    return "  ".join(f"{letters[0 if mm >= 0 else 1]} {abs(mm):.0f}" for letters, mm in ways)


def _flags(lesion: Lesion) -> str:
    """What a reader must know of a lesion, as the letters that the foot of the table explains."""
    signs = (("s", lesion.measurable is False), ("e", lesion.touches_edge), ("a", not lesion.touches_liver))
    return " ".join(sign for sign, holds in signs if holds)


_MEANINGS = {
    "s": f"s: shorter than {MEASURABLE_MM:.0f} mm, not measurable (RECIST 1.1)",
    "e": "e: at the edge of the image",
    "a": "a: apart from the liver",
}


def draw_lesions(
    sheet: Sheet,
    report: Report,
    left: float,
    right: float,
    y: float,
    rows: int,
    ink: RGB,
    quiet: RGB,
    hair: RGB,
) -> float:
    """The heading, the first `rows` lesions from `y` on, what is left out; returns where it ends."""
    sheet.text(left, y + 8, "Lesions", 8.5, ink, bold=True)
    if not report.lesions:
        sheet.text(
            left, y + 24, f"No tumour at the threshold of {threshold(report.tumour_threshold)}.", TEXT, ink
        )
        return y + 38
    is_volume = report.input.kind == "volume"
    note = "the largest first" + ("; slices are counted from 1, the lowest" if is_volume else "")
    sheet.text(left + 40, y + 8, note, 7, quiet)
    shown, rest = report.lesions[:rows], report.lesions[rows:]
    columns = _columns(report)
    flagged = 22.0 if any(_flags(lesion) for lesion in shown) else 0.0
    scale = (right - flagged - left) / sum(column.width for column in columns)
    ends = [left + scale * sum(c.width for c in columns[: k + 1]) for k in range(len(columns))]
    for column, end in zip(columns, ends, strict=True):
        sheet.text(end, y + 24, column.head, 7, quiet, align="right")
    sheet.rule(left, y + 28, right, y + 28, hair, 0.8)
    for column, end in zip(columns, ends, strict=True):
        cells = [column.cell(lesion) for lesion in shown]
        tails = [_tail(cell) if column.by_point else 0.0 for cell in cells]
        for k, (cell, tail) in enumerate(zip(cells, tails, strict=True)):
            line = y + _HEAD_PT + k * LESION_ROW_PT
            sheet.text(end - max(tails) + tail, line, cell, TEXT, ink, align="right")
    for k, lesion in enumerate(shown):
        line = y + _HEAD_PT + k * LESION_ROW_PT
        sheet.text(right, line, _flags(lesion), TEXT, quiet, align="right")
        sheet.rule(left, line + 3.8, right, line + 3.8, hair, 0.3)
    foot = y + _HEAD_PT + rows * LESION_ROW_PT + 2
    used = {sign for lesion in shown for sign in _flags(lesion).split()}
    meanings = "; ".join(words for sign, words in _MEANINGS.items() if sign in used)
    if rest:
        sheet.text(left, foot, _left_out(rest, report.input.kind), TEXT, ink)
    sheet.text(right, foot, meanings, 6.5, quiet, align="right")
    return foot + (14 if rest or meanings else 2)


def _tail(cell: str) -> float:
    """The width of what a number has from its decimal point on."""
    return width_of(cell[cell.index(".") :], TEXT) if "." in cell else 0.0


def _left_out(rest: tuple[Lesion, ...], kind: str) -> str:
    """How many lesions are not in the table, and how large they are together."""
    sizes = [lesion.volume_ml if kind == "volume" else lesion.area_mm2 for lesion in rest]
    known = None if None in sizes else sum(size for size in sizes if size is not None)
    count = sum(lesion.count for lesion in rest)
    size = " ".join(
        amount(Amount(kind, count, None, known) if kind == "volume" else Amount(kind, count, known))
    )
    return f"and {len(rest)} more, {size} together; report.json has every one"
