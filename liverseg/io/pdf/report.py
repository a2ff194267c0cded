"""The report as one A4 page (PDF): what was found, pictures, lesions, what was assumed, by which weights.

It says nothing of the patient and names no file. Apart from the date, the same result gives the same
bytes.
"""

from __future__ import annotations

from datetime import date

from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import amount, facts, number, share
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.io.pdf.lesion_table import LESION_ROW_PT, draw_lesions, fitting_rows
from liverseg.io.pdf.sheet import HEIGHT, WIDTH, Sheet, width_of, wrapped
from liverseg.rendering.charts import lay_out, profile_of
from liverseg.rendering.colours import LIVER_ON_WHITE_RGB, RGB, TUMOUR_ON_WHITE_RGB
from liverseg.rendering.planes import plane_frame, plane_named, plane_view, telling_point
from liverseg.rendering.slice_view import overview, telling_slice

TITLE = "Liver and tumours in CT"
NOTICE = "Research software, not a medical device. Not for diagnosis, planning or any clinical decision."

INK: RGB = (28, 32, 38)
QUIET: RGB = (105, 112, 120)
HAIR: RGB = (205, 210, 214)
GROUND: RGB = (243, 244, 245)

MARGIN = 40.0
LEFT, RIGHT = MARGIN, WIDTH - MARGIN
MAX_PICTURE_PT = 205.0
"""Height of the three pictures of a slice that is much higher than wide."""

SECOND_ROW_PT = 150.0
"""Height of the coronal view and of the profile beside it."""

MIN_ROWS = 4
"""Rows of the table of lesions that the notes must leave room for."""


def report_pdf(
    ct: CTImage,
    seg: Segmentation,
    report: Report,
    window: Window | None = None,
    slice_index: int | None = None,
    made: date | None = None,
) -> bytes:
    """The page of one result as a PDF file.

    `slice_index` is the slice shown (None: the most telling one), `window` that of the pictures (None: the
    one a picture was made with, else 40/400); `made` is the date printed, None prints none. Volumes get a
    profile along the slices, and a coronal view where the spacing is known. Raises `InvalidSetting`
    for a slice that is not there.
    """
    window = window or ct.assumed_window or DEFAULT_WINDOW
    index = telling_slice(seg) if slice_index is None else slice_index
    picture = overview(ct, seg, index, window)

    sheet = Sheet(f"{TITLE}: research report", f"liverseg {report.software['version']}")
    y = _head(sheet, report, made)
    y = _numbers(sheet, report, y)
    width = min(RIGHT - LEFT, MAX_PICTURE_PT * picture.shape[1] / picture.shape[0])
    y += sheet.picture(picture, LEFT, y, width) + 10
    if report.input.kind == "volume":
        y = _along_the_body(sheet, ct, seg, window, index, y)
    below = _facts(sheet, report)
    room = below - y - (MIN_ROWS + 4) * LESION_ROW_PT
    notes = _note_lines(report, room)
    rows = fitting_rows(report, below - _notes_height(notes) - y)
    y = draw_lesions(sheet, report, LEFT, RIGHT, y, rows, INK, QUIET, HAIR)
    _notes(sheet, notes, y)
    return sheet.finish()


def _heading(sheet: Sheet, y: float, words: str, x: float = LEFT) -> None:
    sheet.text(x, y, words, 8.5, INK, bold=True)


def _head(sheet: Sheet, report: Report, made: date | None) -> float:
    """Title, software and date, notice; returns where the next part begins."""
    sheet.text(LEFT, MARGIN + 14, TITLE, 18, INK, bold=True)
    sheet.text(RIGHT, MARGIN + 5, f"liverseg {report.software['version']}", 8, QUIET, align="right")
    if made is not None:
        sheet.text(RIGHT, MARGIN + 16, f"{made.day} {made:%B %Y}", 8, QUIET, align="right")
    top = MARGIN + 26
    sheet.box(LEFT, top, RIGHT - LEFT, 18, GROUND)
    sheet.text(LEFT + 8, top + 12, NOTICE, 8, INK)
    return top + 18 + 22


def _numbers(sheet: Sheet, report: Report, y: float) -> float:
    """The four numbers that are looked for first."""
    what = "volume" if report.input.kind == "volume" else "area"
    tumour, liver = (amount(size) for size in (report.tumour, report.liver))
    found = len(report.lesions)
    entries = (
        (f"Tumour {what}", tumour, TUMOUR_ON_WHITE_RGB, _counted(report.tumour)),
        (f"Liver {what}", liver, LIVER_ON_WHITE_RGB, _join(_counted(report.liver), "without tumour")),
        ("Tumour share", (share(report.tumour_share_of_liver), ""), INK, "tumour / (liver + tumour)"),
        ("Lesions", (number(found), ""), INK, "connected tumour regions"),
    )
    step = (RIGHT - LEFT) / len(entries)
    for k, (name, (value, unit), colour, note) in enumerate(entries):
        x = LEFT + k * step
        sheet.text(x, y, name, 8, QUIET)
        sheet.text(x, y + 20, value, 18, colour, bold=True)
        sheet.text(x + width_of(value, 18, bold=True) + 4, y + 20, unit, 10, colour)
        sheet.text(x, y + 32, note, 7, QUIET)
    return y + 46


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _counted(size: Amount) -> str:
    """The count behind a size in mm² or mL; what is missing where there is only the count."""
    known, unit = (size.volume_ml, "voxels") if size.kind == "volume" else (size.area_mm2, "pixels")
    return "spacing unknown" if known is None else f"{number(size.count)} {unit}"


def _along_the_body(
    sheet: Sheet, ct: CTImage, seg: Segmentation, window: Window, index: int, y: float
) -> float:
    """The profile along the slices and, where it can be drawn to scale, a coronal view."""
    x = LEFT
    if ct.spacing_mm is not None:
        frame = plane_frame(ct, plane_named("coronal"))
        width = min(SECOND_ROW_PT * frame.width / frame.height, 0.45 * (RIGHT - LEFT))
        point = (index, *telling_point(seg)[1:])
        sheet.picture(plane_view(ct, seg, "coronal", point, window=window), x, y, width)
        x += width + 18
    _profile(sheet, ct, seg, index, x, y)
    return y + SECOND_ROW_PT + 12


def _profile(sheet: Sheet, ct: CTImage, seg: Segmentation, index: int, x: float, y: float) -> None:
    """The profile from `x` to the right margin, with the slice shown above marked."""
    text = 7.0
    profile = profile_of(ct, seg)
    plot = lay_out(profile, RIGHT - x, SECOND_ROW_PT - 18, text)
    _heading(sheet, y + 8, "Along the slices, from the lowest", x)
    y += 18
    sheet.text(x, y + text, f"{profile.unit} a slice: liver with its tumours, and tumours", text, QUIET)
    for at, label in plot.y_ticks:
        sheet.rule(x + plot.left, y + at, x + plot.right, y + at, HAIR)
        sheet.text(x + plot.left - 4, y + at + 2.5, label, text, QUIET, align="right")
    for at, label in plot.x_ticks:
        sheet.text(x + at, y + plot.bottom + 9, label, text, QUIET, align="centre")
    for points, colour in ((plot.organ, LIVER_ON_WHITE_RGB), (plot.tumour, TUMOUR_ON_WHITE_RGB)):
        sheet.polygon([(x + px, y + py) for px, py in points], colour)
    at = x + plot.x_of(index)
    sheet.rule(at, y + plot.top - 3, at, y + plot.bottom, INK, 0.8)
    sheet.text(RIGHT, y + text, f"line: slice {index + 1}, shown above", text, QUIET, align="right")


def _facts(sheet: Sheet, report: Report) -> float:
    """What the numbers come from, at the foot of the page; returns where it begins."""
    rows = [*facts(report, sha_digits=64), ("Input file", f"sha256 {report.input.sha256 or 'unknown'}")]
    size, line, column = 7.0, 10.0, 62.0
    lines = [(name, wrapped(value, size, RIGHT - LEFT - column)) for name, value in rows]
    top = HEIGHT - MARGIN + 8 - line * sum(len(values) for _, values in lines)
    _heading(sheet, top - 8, "Where it comes from")
    sheet.rule(LEFT, top - 3, RIGHT, top - 3, HAIR)
    y = top + 7
    for name, values in lines:
        sheet.text(LEFT, y, name, size, QUIET)
        for value in values:
            sheet.text(LEFT + column, y, value, size, INK)
            y += line
    return float(top) - 28


NOTE_SIZE, NOTE_LINE = 7.5, 10.5


def _note_lines(report: Report, room: float) -> list[str]:
    """The report's warnings as lines that fit a height; the rest is counted."""
    most = max(2, int(room / NOTE_LINE))
    lines: list[str] = []
    for told, warning in enumerate(report.warnings):
        more = wrapped(warning, NOTE_SIZE, RIGHT - LEFT - 10)
        last = told == len(report.warnings) - 1
        if len(lines) + len(more) > most - (0 if last else 1):
            left = len(report.warnings) - told
            return [*lines, f"– and {left} more, in report.json." if lines else f"– {left} in report.json."]
        lines += [("– " if k == 0 else "   ") + line for k, line in enumerate(more)]
    return lines


def _notes_height(lines: list[str]) -> float:
    return (18 + NOTE_LINE * len(lines)) if lines else 0.0


def _notes(sheet: Sheet, lines: list[str], y: float) -> None:
    if not lines:
        return
    _heading(sheet, y + 8, "What to know")
    for k, line in enumerate(lines):
        sheet.text(LEFT, y + 20 + k * NOTE_LINE, line, NOTE_SIZE, INK)
