"""The report as one A4 page (PDF): measurements, pictures, lesions, warnings, and where they come from.

It holds no patient data and no file name. Apart from the date, the same result gives the same bytes.
"""

from __future__ import annotations

from datetime import date

from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import (
    hand_edits_text,
    number_text,
    provenance_rows,
    rejected_text,
    share_text,
    size_and_unit,
    unsure_text,
)
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.slicing import check_slice
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.io.pdf.lesion_table import LESION_ROW_PT, draw_lesions, fitting_rows
from liverseg.io.pdf.sheet import HEIGHT, PdfTextStyle, Sheet, width_of, wrapped
from liverseg.io.pdf.style import GROUND, HAIR, HEADING, INK, LEFT, MARGIN, QUIET, RIGHT
from liverseg.io.pdf.views import SECOND_ROW_PT, ShownViews, draw_planes, draw_slice
from liverseg.rendering.charts import lay_out, profile_of
from liverseg.rendering.colours import LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB
from liverseg.rendering.planes import Point, check_point, default_point

REPORT_TITLE = "Liver and tumours in CT"
REPORT_NOTICE = (
    "Research software, not a medical device. Not for diagnosis, planning or any clinical decision."
)

MIN_ROWS = 4
"""Rows of the table of lesions for which the warnings leave room."""

_WARNING_PT, _WARNING_LINE_PT = 7.5, 10.5


def report_pdf(
    ct: CTImage,
    seg: Segmentation,
    report: Report,
    window: Window | None = None,
    slice_index: int | Point | None = None,
    printed_date: date | None = None,
) -> bytes:
    """The report page of one result as a PDF file.

    `window` applies to the pictures (None: the window a picture was made with, otherwise 40/400),
    `slice_index` is the slice shown or the point (slice, row, column) through which the views go; what is
    not given is that of `default_point`. `printed_date` None prints no date. The page of a volume has a
    profile along the slices, and where the spacing is known a coronal and a sagittal view, with lines at the
    point. Raises `InvalidSetting` for a slice or a point that does not exist.
    """
    point = slice_index if isinstance(slice_index, tuple) else default_point(seg)
    if isinstance(slice_index, int):
        point = (slice_index, *point[1:])
    check_slice(ct, point[0])
    check_point(ct, point)
    shown = ShownViews(ct, seg, window or ct.assumed_window or DEFAULT_WINDOW, point)

    sheet = Sheet(f"{REPORT_TITLE}: research report", f"liverseg {report.software['version']}")
    y = _draw_head(sheet, report, printed_date)
    y = _draw_measurements(sheet, report, y)
    y = draw_slice(sheet, shown, y)
    if report.input.kind == "volume":
        _draw_profile(sheet, ct, seg, point[0], draw_planes(sheet, shown, y), y)
        y += SECOND_ROW_PT + 12
    bottom = _draw_facts(sheet, report)
    warnings = _warning_lines(report, bottom - y - (MIN_ROWS + 4) * LESION_ROW_PT)
    rows = fitting_rows(report, bottom - _warnings_height(warnings) - y)
    y = draw_lesions(sheet, report, y, rows)
    _draw_warnings(sheet, warnings, y)
    return sheet.finish()


def _draw_head(sheet: Sheet, report: Report, printed_date: date | None) -> float:
    """Draw title, version, date and notice; returns where the next part begins."""
    version = PdfTextStyle(8, QUIET, align="right")
    sheet.text(LEFT, MARGIN + 14, REPORT_TITLE, PdfTextStyle(18, INK, bold=True))
    sheet.text(RIGHT, MARGIN + 5, f"liverseg {report.software['version']}", version)
    if printed_date is not None:
        sheet.text(RIGHT, MARGIN + 16, f"{printed_date.day} {printed_date:%B %Y}", version)
    top = MARGIN + 26
    sheet.box(LEFT, top, RIGHT - LEFT, 18, GROUND)
    sheet.text(LEFT + 8, top + 12, REPORT_NOTICE, PdfTextStyle(8, INK))
    if origin := _origin(report):
        sheet.text(LEFT, top + 29, origin, PdfTextStyle(8, INK, bold=True))
    return top + 18 + 22 + (8 if origin else 0)


def _origin(report: Report) -> str:
    """What a reader must know first: that the labels come from a file, that they were edited."""
    parts = ["Labels from a file, not from a network"] if report.labels_file is not None else []
    if by_hand := hand_edits_text(report):
        parts.append(f"Edited by hand: {by_hand}")
    if rejected := rejected_text(report):
        parts.append(f"Edited by the user: {rejected}")
    return ". ".join(parts)


def _draw_measurements(sheet: Sheet, report: Report, y: float) -> float:
    """Draw the four main measurements side by side; returns where the next part begins."""
    quantity = "volume" if report.input.kind == "volume" else "area"
    tumour, liver = (size_and_unit(size) for size in (report.tumour, report.liver))
    liver_note = ", ".join(part for part in (_count_of(report.liver), "without tumour") if part)
    lesions_note = unsure_text(report) or "connected tumour regions"
    entries = (
        (f"Tumour {quantity}", tumour, TUMOUR_ON_WHITE_RGB, _count_of(report.tumour)),
        (f"Liver {quantity}", liver, LIVER_ON_WHITE_RGB, liver_note),
        ("Tumour share", (share_text(report.tumour_share_of_liver), ""), INK, "tumour / (liver + tumour)"),
        ("Lesions", (number_text(len(report.likely_lesions)), ""), INK, lesions_note),
    )
    step = (RIGHT - LEFT) / len(entries)
    for k, (name, (value, unit), colour, note) in enumerate(entries):
        x = LEFT + k * step
        sheet.text(x, y, name, PdfTextStyle(8, QUIET))
        sheet.text(x, y + 20, value, PdfTextStyle(18, colour, bold=True))
        sheet.text(x + width_of(value, 18, bold=True) + 4, y + 20, unit, PdfTextStyle(10, colour))
        sheet.text(x, y + 32, note, PdfTextStyle(7, QUIET))
    return y + 46


def _count_of(size: Amount) -> str:
    """The pixels or voxels of a size in mm² or mL; "spacing unknown" for a size that is itself a count."""
    known, unit = (size.volume_ml, "voxels") if size.kind == "volume" else (size.area_mm2, "pixels")
    return "spacing unknown" if known is None else f"{number_text(size.count)} {unit}"


def _draw_profile(sheet: Sheet, ct: CTImage, seg: Segmentation, index: int, x: float, y: float) -> None:
    """Draw the area per slice from `x` to the right margin; a line marks the slice `index`."""
    size = 7.0
    label_style = PdfTextStyle(size, QUIET, align="right")
    profile = profile_of(ct, seg)
    plot = lay_out(profile, RIGHT - x, SECOND_ROW_PT - 18, size)
    sheet.text(x, y + 8, "Along the slices, from the lowest", HEADING)
    y += 18
    key = f"{profile.unit} a slice: liver with tumours, tumours"
    sheet.text(x, y + size, key, PdfTextStyle(size, QUIET))
    for tick_y, label in plot.y_ticks:
        sheet.rule(x + plot.left, y + tick_y, x + plot.right, y + tick_y, HAIR)
        sheet.text(x + plot.left - 4, y + tick_y + 2.5, label, label_style)
    for tick_x, label in plot.x_ticks:
        sheet.text(x + tick_x, y + plot.bottom + 9, label, PdfTextStyle(size, QUIET, align="centre"))
    for points, colour in ((plot.organ, LIVER_ON_WHITE_RGB), (plot.tumour, TUMOUR_ON_WHITE_RGB)):
        sheet.polygon([(x + px, y + py) for px, py in points], colour)
    marker_x = x + plot.x_of(index)
    sheet.rule(marker_x, y + plot.top - 3, marker_x, y + plot.bottom, INK, 0.8)
    sheet.text(RIGHT, y + size, f"line: slice {index + 1}", label_style)


def _draw_facts(sheet: Sheet, report: Report) -> float:
    """Draw input, checkpoint and software at the foot of the page; returns where that part begins."""
    rows = [
        *provenance_rows(report, sha_digits=64),
        ("Input file", f"sha256 {report.input.sha256 or 'unknown'}"),
    ]
    size, line, column = 7.0, 10.0, 62.0
    lines = [(name, wrapped(value, size, RIGHT - LEFT - column)) for name, value in rows]
    top = HEIGHT - MARGIN + 8 - line * sum(len(values) for _, values in lines)
    sheet.text(LEFT, top - 8, "Where it comes from", HEADING)
    sheet.rule(LEFT, top - 3, RIGHT, top - 3, HAIR)
    y = top + 7
    for name, values in lines:
        sheet.text(LEFT, y, name, PdfTextStyle(size, QUIET))
        for value in values:
            sheet.text(LEFT + column, y, value, PdfTextStyle(size, INK))
            y += line
    return float(top) - 28


def _warning_lines(report: Report, height: float) -> list[str]:
    """The report's warnings as lines that fit into `height`; those that do not fit are counted."""
    max_lines = max(2, int(height / _WARNING_LINE_PT))
    lines: list[str] = []
    for index, warning in enumerate(report.warnings):
        more = wrapped(warning, _WARNING_PT, RIGHT - LEFT - 10)
        is_last = index == len(report.warnings) - 1
        if len(lines) + len(more) > max_lines - (0 if is_last else 1):
            left = len(report.warnings) - index
            return [*lines, f"– and {left} more, in report.json." if lines else f"– {left} in report.json."]
        lines += [("– " if k == 0 else "   ") + line for k, line in enumerate(more)]
    return lines


def _warnings_height(lines: list[str]) -> float:
    return (18 + _WARNING_LINE_PT * len(lines)) if lines else 0.0


def _draw_warnings(sheet: Sheet, lines: list[str], y: float) -> None:
    if not lines:
        return
    sheet.text(LEFT, y + 8, "What to know", HEADING)
    for k, line in enumerate(lines):
        sheet.text(LEFT, y + 20 + k * _WARNING_LINE_PT, line, PdfTextStyle(_WARNING_PT, INK))
