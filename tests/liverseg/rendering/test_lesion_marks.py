"""The numbers of lesions on pictures: those of the report, beside their lesions, legible and few."""

from __future__ import annotations

import numpy as np

from liverseg.analysis.lesions import lesion_numbers
from liverseg.analysis.measure import measure
from liverseg.rendering.frame import Frame, frame_for
from liverseg.rendering.lesion_marks import MAX_NUMBERS, LesionMark, draw_numbers, lesion_marks
from liverseg.rendering.slice_view import axial_frame, overlay, slice_overlay
from tests.liverseg.io.pdf.pages import result, scan
from tests.liverseg.lesion_scenes import decided


def test_the_numbers_are_those_of_the_report_with_unsure_lesions():
    ct, seg = decided()
    listed = {lesion.id: lesion for lesion in measure(ct, seg).lesions}
    for z in range(len(seg.labels)):
        numbers = lesion_numbers(seg, z)
        marks = lesion_marks(seg, z)
        assert {mark.number for mark in marks} == set(np.unique(numbers)) - {0}
        for mark in marks:
            rows, columns = np.nonzero(numbers == mark.number)
            assert mark.box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
            first, last = listed[mark.number].slice_range
            assert first <= z <= last
    assert any(not listed[mark.number].likely for mark in lesion_marks(seg, 1))


def test_only_the_largest_lesions_of_a_slice_are_numbered():
    labels = np.ones((1, 128, 128), np.uint8)
    for k in range(20):
        row, column, side = 5 + 24 * (k // 5), 5 + 24 * (k % 5), 2 + k // 2
        labels[0, row : row + side, column : column + side] = 2
    _, seg, report = result(labels)
    marks = lesion_marks(seg, 0)
    assert [mark.number for mark in marks] == [lesion.id for lesion in report.lesions[:MAX_NUMBERS]]
    assert lesion_marks(result(np.ones((1, 64, 64), np.uint8))[1], 0) == ()


def test_a_number_stands_beside_its_lesion_in_the_picture():
    ct, seg, _ = result(scan(1)[3:4])
    frame = axial_frame(ct)
    plain = overlay(ct.hu[0], seg.labels[0], spacing_mm=ct.spacing_mm[1:])
    numbered = slice_overlay(ct, seg, 0)
    rows, columns = np.nonzero((plain != numbered).any(axis=2))
    (mark,) = lesion_marks(seg, 0)
    top, left, bottom, right = mark.box
    centre = (
        frame.left + (left + right) / 2 * frame.columns / 128,
        frame.top + (top + bottom) / 2 * frame.rows / 96,
    )
    distance = np.hypot(columns - centre[0], rows - centre[1])
    assert 0 < distance.min() and distance.max() < 3 * frame.text + 0.1 * frame.columns
    light = numbered[rows, columns].min(axis=1) > 200
    dark = numbered[rows, columns].max(axis=1) < 30
    assert light.sum() > 20 and dark.sum() > light.sum(), "light digits with a dark halo"


def drawn(boxes: list[tuple[int, int, int, int]], frame: Frame, shape: tuple[int, int]):
    rgb = np.full((frame.rows, frame.columns, 3), 120, np.uint8)
    marks = tuple(LesionMark(number, box) for number, box in enumerate(boxes, 1))
    return draw_numbers(rgb, marks, shape, frame), rgb


def test_numbers_neither_overlap_nor_leave_the_picture():
    shape = (64, 64)
    frame = frame_for(shape)
    corners = [(0, 0, 3, 3), (0, 61, 3, 64), (61, 0, 64, 3), (61, 61, 64, 64)]
    close = [(30, 30 + k, 32, 31 + k) for k in range(8)]
    taken, rgb = drawn(corners + close, frame, shape)
    assert 4 + 2 <= len(taken) <= 12
    for k, (left, top, right, bottom) in enumerate(taken):
        assert left >= 0 and top >= 0 and right <= frame.columns and bottom <= frame.rows
        for other in taken[k + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
        inside = rgb[round(top) : round(bottom), round(left) : round(right)]
        assert inside.max() > 200 and inside.min() < 30
