"""The page shows the slice, the row and the column that it names, and lines where they cut each other."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from liverseg.analysis.measure import measure
from liverseg.errors import InvalidSetting
from liverseg.io.pdf import views
from liverseg.io.pdf.report import report_pdf
from liverseg.io.pdf.style import LEFT
from liverseg.io.pdf.views import CAPTION_PT, ShownViews, draw_planes, draw_slice
from liverseg.rendering.planes import default_point, picture_position, plane_frame, plane_named, plane_view
from liverseg.rendering.slice_view import overview
from tests.liverseg.io.pdf.pages import read_back, result, scan

POINT = (7, 30, 90)


class Drawn:
    """A sheet that keeps what is drawn on it."""

    def __init__(self):
        self.pictures, self.lines, self.texts = [], [], []

    def text(self, x, y, words, style):
        self.texts.append(words)

    def rule(self, x0, y0, x1, y1, colour, width=0.5):
        self.lines.append((x0, y0, x1, y1))

    def picture(self, rgb, x, y, width, dpi=220):
        self.pictures.append((rgb, x, y, width))
        return width * rgb.shape[0] / rgb.shape[1]


def crossings(lines):
    """The points of crossing of the lines drawn: (x, y) of each four of them."""
    found = []
    for group in (lines[k : k + 4] for k in range(0, len(lines), 4)):
        (across, down) = [g for g in group if g[1] == g[3]], [g for g in group if g[0] == g[2]]
        assert len(across) == len(down) == 2
        found.append((down[0][0], across[0][1]))
    return found


def test_views_are_those_of_the_point_with_lines_through_it():
    ct, seg, _ = result(scan(3))
    shown, sheet = ShownViews(ct, seg, views.Window(40, 400), POINT), Drawn()
    y = draw_slice(sheet, shown, 100)
    draw_planes(sheet, shown, y)
    assert sheet.texts == [
        "Axial, slice 8 of 12",
        "the lines cross at L 63, P 27, H 28 mm",
        "Coronal, row 31",
        "Sagittal, column 91",
    ]
    expected = [
        overview(ct, seg, 7),
        plane_view(ct, seg, "coronal", POINT),
        plane_view(ct, seg, "sagittal", POINT),
    ]
    for (rgb, *_), picture in zip(sheet.pictures, expected, strict=True):
        np.testing.assert_array_equal(rgb, picture)
    places = crossings(sheet.lines)
    assert len(places) == 5  # three axial pictures, coronal, sagittal
    assert sheet.pictures[0][1:3] == (LEFT, 100 + CAPTION_PT)
    for place, (_, left, top, width), name in zip(
        places[3:], sheet.pictures[1:], ("coronal", "sagittal"), strict=True
    ):
        frame = plane_frame(ct, plane_named(name))
        x, y = picture_position(ct, name, POINT)
        assert place == pytest.approx((left + x * width, top + y * width * frame.height / frame.width))
    steps = np.diff([x for x, _ in places[:3]])
    assert steps[0] == pytest.approx(steps[1]) and steps[0] > 100
    assert len({y for _, y in places[:3]}) == 1


def test_the_lines_of_the_page_cross_at_the_voxel_of_the_point():
    ct, seg, _ = result(scan(0) * 0)
    ct.hu[:] = -1000
    ct.hu[POINT] = 1000
    sheet = Drawn()
    draw_planes(sheet, ShownViews(ct, seg, views.Window(40, 400), POINT), 0)
    for (rgb, left, top, width), (x, y) in zip(sheet.pictures, crossings(sheet.lines), strict=True):
        scale = rgb.shape[1] / width
        column, row = round((x - left) * scale), round((y - top) * scale)
        assert rgb[row - 2 : row + 3, column - 2 : column + 3].max() > 200
        assert cv2.countNonZero((rgb[: rgb.shape[0] // 2, :, 0] > 200).astype(np.uint8)) < 5000


@pytest.mark.parametrize("shown", [None, 4, POINT])
def test_the_page_names_what_it_shows(shown):
    ct, seg, report = result(scan(3))
    text = read_back(report_pdf(ct, seg, report, slice_index=shown))[1]
    first = default_point(seg)
    point = first if shown is None else shown if isinstance(shown, tuple) else (shown, *first[1:])
    for words in ("slice {} of 12", "row {}", "column {}"):
        number = point[("slice {} of 12", "row {}", "column {}").index(words)] + 1
        assert words.format(number) in text
    assert f"line: slice {point[0] + 1}" in text


def test_an_unknown_orientation_has_no_directions_on_the_page():
    ct, seg, _ = result(scan(3))
    ct = replace(ct, orientation_known=False, native=replace(ct.native, affine_codes=(0, 0)))
    text = read_back(report_pdf(ct, seg, measure(ct, seg)))[1]
    assert "Coronal (assumed), row" in text and "the lines cross" not in text
    assert "Orientation" in text and not re.search(r"\b[RLAPHF] \d", text)


def test_a_point_outside_the_volume_is_refused():
    with pytest.raises(InvalidSetting, match="outside"):
        report_pdf(*result(scan()), slice_index=(3, 96, 0))
