"""The picture of a slice for viewers that show pictures only: the overlay, with what else is known below it.

Pictures of one result have one size, so that a viewer can page through them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.plausibility.messages import DO_NOT_TRUST
from liverseg.analysis.report import Report
from liverseg.analysis.report_text import (
    ascii_text,
    lesion_headline,
    lesion_size_and_unit,
    number_text,
    origin_text,
    share_text,
    size_text,
)
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import Window
from liverseg.rendering.colours import QUIET_RGB, TEXT_RGB
from liverseg.rendering.lesion_marks import lesion_marks
from liverseg.rendering.slice_view import axial_frame, slice_overlay
from liverseg.rendering.text import TextStyle, draw_text, text_width

RESEARCH_ONLY = "Research, not for clinical use"

LESION_ROWS = 2
"""Rows for the lesions of the slice."""

OUTLINES_ONLY = 0.0
"""Opacity of the fills: the tissue under a picture that cannot be switched off stays visible."""

_GAP = "    "  # between two facts of a row
_ROWS = 3 + LESION_ROWS


def capture(ct: CTImage, seg: Segmentation, report: Report, slice_index: int, window: Window) -> np.ndarray:
    """The overlay of slice `slice_index` of `ct` with the numbers of `report` below it: (H, W, 3) uint8 RGB.

    The rows below are the notice with a word on doubts, the sizes of liver and tumour, the lesions of the
    slice with their diameters, and the software. A row that does not fit is cut, except for the notice.
    `report` is that of the whole result.
    """
    picture = slice_overlay(ct, seg, slice_index, window, OUTLINES_ONLY)
    frame = axial_frame(ct)
    size = round(0.8 * frame.text)
    height = round(1.5 * size)
    strip = np.zeros((_ROWS * height + size // 2, frame.width, 3), np.uint8)
    margin = round(0.6 * frame.text)
    room = frame.width - 2 * margin
    number = f"Slice {slice_index + 1} / {len(ct.hu)}" if len(ct.hu) > 1 else ""
    rows = [
        (_row([RESEARCH_ONLY, number, _doubt(report)], room, size), TEXT_RGB),
        (_row(_sizes(report), room, size), TEXT_RGB),
        *((row, TEXT_RGB) for row in _rows(_lesions(seg, report, slice_index), room, size)),
        (_row([*_software(report), origin_text(seg)], room, size), QUIET_RGB),
    ]
    for k, (text, colour) in enumerate(rows):
        if text:
            draw_text(strip, ascii_text(text), (margin, (k + 0.6) * height), TextStyle(size, colour))
    return np.vstack([picture, strip])


def _doubt(report: Report) -> str:
    """A word on the severest doubt about the result; "" without one."""
    severities = {doubt.severity for doubt in report.doubts}
    if DO_NOT_TRUST in severities:
        return "Do not trust this result"
    return "Check this result" if severities else ""


def _sizes(report: Report) -> list[str]:
    share = share_text(report.tumour_share_of_liver)
    return [
        f"Liver {size_text(report.liver)}",
        f"tumour {size_text(report.tumour)} ({share})",
        lesion_headline(report),
    ]


def _lesions(seg: Segmentation, report: Report, slice_index: int) -> list[str]:
    """The lesions that are numbered in a slice, with their state, diameters and size."""
    by_number = {lesion.id: lesion for lesion in report.lesions}
    numbers = sorted(mark.number for mark in lesion_marks(seg, slice_index))
    return [
        _lesion_text(by_number[number], report.input.kind == "volume")
        for number in numbers
        if number in by_number
    ]


def _lesion_text(lesion: Lesion, is_volume: bool) -> str:
    state = " rejected" if lesion.rejected else "" if lesion.likely else " unsure"
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        lengths, unit = (lesion.longest_diameter_px, lesion.perpendicular_diameter_px), "px"
    else:
        lengths, unit = (lesion.longest_diameter_mm, lesion.perpendicular_diameter_mm), "mm"
    diameters = " × ".join(number_text(length) for length in lengths)
    size = " ".join(lesion_size_and_unit(lesion, is_volume))
    return f"{lesion.id}{state}: {diameters} {unit}, {size}"


def _software(report: Report) -> list[str]:
    return [f"liverseg {report.software['version']}", report.checkpoint.ref]


def _row(facts: Sequence[str], room: int, size: int) -> str:
    """The facts of one row, as many as fit; the first is always there."""
    text = facts[0]
    for fact in facts[1:]:
        longer = text + _GAP + fact
        if fact and text_width(longer, size) <= room:
            text = longer
    return text


def _rows(facts: Sequence[str], room: int, size: int) -> list[str]:
    """The facts on `LESION_ROWS` rows; what does not fit is counted at the end."""
    rows = [""] * LESION_ROWS
    k = 0
    for number, fact in enumerate(facts):
        left = len(facts) - number - 1
        note = f"{_GAP}{left} more" if left and k == LESION_ROWS - 1 else ""
        longer = rows[k] + _GAP + fact if rows[k] else fact
        if text_width(longer + note, size) > room and rows[k]:
            if k == LESION_ROWS - 1:
                rows[k] += f"{_GAP}{left + 1} more"
                break
            k, longer = k + 1, fact
        rows[k] = longer
    return rows
