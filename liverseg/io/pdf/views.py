"""The views of a result on the report page: the slice, and in a volume two more through one point.

Every view of a volume says which slice, row or column it shows, and lines mark where the others cut it.
"""

from __future__ import annotations

from dataclasses import dataclass

from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import Window
from liverseg.io.pdf.sheet import PdfTextStyle, Sheet
from liverseg.io.pdf.style import HEADING, LEFT, QUIET, RIGHT
from liverseg.rendering.planes import (
    Point,
    picture_position,
    plane_frame,
    plane_named,
    plane_title,
    plane_view,
)
from liverseg.rendering.slice_view import OVERVIEW_GAP_PX, overview

MAX_PICTURE_PT = 205.0
"""Maximal height of the three pictures of a slice."""

SECOND_ROW_PT = 150.0
"""Height of the row with the coronal and sagittal views and the profile along the slices."""

CAPTION_PT = 14.0
"""Height of a caption and the gap below it."""

_MAX_WIDTH = 0.28  # of a coronal or sagittal view, as a share of the page's
_GAP_PT = 14.0  # between views
_LINE_RGB = (255, 214, 90)  # that of the lines on the page
_LINE_PT, _OPEN_PT = 0.5, 6.0  # width of a line; half of the gap in it around the point


@dataclass(frozen=True)
class ShownViews:
    """What the views of a page show."""

    ct: CTImage
    seg: Segmentation
    window: Window
    point: Point  # slice, row and column in which the three views intersect

    @property
    def has_planes(self) -> bool:
        """Whether there are coronal and sagittal views, which need a volume and its spacing."""
        return len(self.ct.hu) > 1 and self.ct.spacing_mm is not None


def position_text(ct: CTImage, point: Point) -> str:
    """A point in patient coordinates, as DICOM viewers write it; "" where the file does not give them.

    >>> import numpy as np
    >>> from liverseg.core.image import NativeGrid
    >>> affine = np.array([[0, 0, -0.7, 90], [0, -0.8, 0, 80], [5, 0, 0, 7], [0, 0, 0, 1]])
    >>> grid = NativeGrid((9, 64, 64), (0, 1, 2), (False, False, False), affine)
    >>> ct = CTImage(np.zeros((9, 64, 64), np.float32), (5, 0.8, 0.7), "", "dicom", grid, "volume")
    >>> position_text(ct, (2, 10, 20))
    'R 76, A 72, H 17 mm'
    """
    affine = ct.native.radiological_affine
    if affine is None or ct.spacing_mm is None or not ct.orientation_known:
        return ""
    values = (affine @ [*point, 1.0])[:3]
    letters = (pair[0 if mm >= 0 else 1] for pair, mm in zip(("RL", "AP", "HF"), values, strict=True))
    return ", ".join(f"{name} {abs(mm):.0f}" for name, mm in zip(letters, values, strict=True)) + " mm"


def draw_slice(sheet: Sheet, shown: ShownViews, y: float) -> float:
    """Draw the three pictures of the slice; returns where the next part begins."""
    ct, point = shown.ct, shown.point
    picture = overview(ct, shown.seg, point[0], shown.window)
    width = min(RIGHT - LEFT, MAX_PICTURE_PT * picture.shape[1] / picture.shape[0])
    if len(ct.hu) > 1:
        sheet.text(LEFT, y + 8, f"{plane_title(ct, 'axial')}, slice {point[0] + 1} of {len(ct.hu)}", HEADING)
        position = position_text(ct, point)
        if shown.has_planes and position:
            style = PdfTextStyle(7, QUIET, align="right")
            sheet.text(RIGHT, y + 8, f"the lines cross at {position}", style)
        y += CAPTION_PT
    height = sheet.picture(picture, LEFT, y, width)
    if shown.has_planes:
        one = plane_frame(ct, plane_named("axial")).width
        for k in range(3):
            left = LEFT + width * k * (one + OVERVIEW_GAP_PX) / picture.shape[1]
            _draw_lines(sheet, shown, "axial", (left, y, width * one / picture.shape[1]))
    return y + height + 10


def draw_planes(sheet: Sheet, shown: ShownViews, y: float) -> float:
    """Draw the coronal and the sagittal view, if any; returns where the part to their right begins."""
    x = LEFT
    if not shown.has_planes:
        return x
    for name, number in (
        ("coronal", f"row {shown.point[1] + 1}"),
        ("sagittal", f"column {shown.point[2] + 1}"),
    ):
        frame = plane_frame(shown.ct, plane_named(name))
        height = SECOND_ROW_PT - CAPTION_PT
        width = min(height * frame.width / frame.height, _MAX_WIDTH * (RIGHT - LEFT))
        sheet.text(x, y + 8, f"{plane_title(shown.ct, name)}, {number}", HEADING)
        picture = plane_view(shown.ct, shown.seg, name, shown.point, window=shown.window)
        sheet.picture(picture, x, y + CAPTION_PT, width)
        _draw_lines(sheet, shown, name, (x, y + CAPTION_PT, width))
        x += width + _GAP_PT
    return x


def _draw_lines(sheet: Sheet, shown: ShownViews, name: str, place: tuple[float, float, float]) -> None:
    """Draw where the other views cut a picture; `place` is its left, its top and its width in points."""
    left, top, width = place
    frame = plane_frame(shown.ct, plane_named(name))
    scale = width / frame.width
    x_share, y_share = picture_position(shown.ct, name, shown.point)
    x, y = left + x_share * width, top + y_share * frame.height * scale
    x0, x1 = (left + (frame.left + n) * scale for n in (0, frame.columns))
    y0, y1 = (top + (frame.top + n) * scale for n in (0, frame.rows))
    for start, stop in ((x0, x - _OPEN_PT), (x + _OPEN_PT, x1)):
        if start < stop:
            sheet.rule(start, y, stop, y, _LINE_RGB, _LINE_PT)
    for start, stop in ((y0, y - _OPEN_PT), (y + _OPEN_PT, y1)):
        if start < stop:
            sheet.rule(x, start, x, stop, _LINE_RGB, _LINE_PT)
