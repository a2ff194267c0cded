"""The numbers of lesions on a slice: those of the report's list, each beside its lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.analysis.lesions import MAX_LESIONS, order_lesions
from liverseg.core.segmentation import Segmentation
from liverseg.rendering.frame import Frame
from liverseg.rendering.text import TextStyle, draw_text, text_width

MAX_NUMBERS = 12
"""Only this many lesions of a slice, the largest ones there, are numbered, so that numbers stay legible."""

_CORNER = (1 - 2**-0.5) / 2
"""How far a box reaches beyond the ellipse in it at each corner, as a share of its sides."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True)
class LesionMark:
    """A lesion in one slice: its number, and the box around its largest part there in pixels of the slice."""

    number: int  # `Lesion.id`
    box: tuple[int, int, int, int]  # first row, first column, row stop, column stop


def lesion_marks(seg: Segmentation, z: int) -> tuple[LesionMark, ...]:
    """The lesions to number in slice `z`, likely or unsure, from the largest there on."""
    ordered = order_lesions(seg)
    parts = ordered.components.parts[z]
    if parts is None:
        return ()
    marks: dict[int, LesionMark] = {}
    numbers = ordered.ranks()[parts.components]
    for part in np.argsort(-parts.sizes, kind="stable"):
        number = int(numbers[part])
        if 0 < number <= MAX_LESIONS and number not in marks:
            marks[number] = LesionMark(number, tuple(int(v) for v in parts.boxes[part]))  # type: ignore[arg-type]
    return tuple(marks.values())[:MAX_NUMBERS]


def draw_numbers(
    rgb: np.ndarray, marks: tuple[LesionMark, ...], shape: tuple[int, ...], frame: Frame
) -> list[Rectangle]:
    """Draw the numbers beside their lesions on an enlarged slice (rows, columns, 3), in place.

    `shape` is that of the slice in pixels. A number touches the ellipse in its lesion's box at a corner; one
    that would cover another number is left out. Returns the rectangles of the numbers drawn.
    """
    size = frame.text
    style = TextStyle(size, align="centre", halo_px=frame.halo)
    down, across = frame.rows / shape[0], frame.columns / shape[1]
    taken: list[Rectangle] = []
    for mark in marks:
        top, left, bottom, right = (
            n * scale for n, scale in zip(mark.box, (down, across, down, across), strict=True)
        )
        inset_y, inset_x = _CORNER * (bottom - top), _CORNER * (right - left)
        top, bottom, left, right = top + inset_y, bottom - inset_y, left + inset_x, right - inset_x
        text = str(mark.number)
        wide, high = text_width(text, size) + 2 * frame.halo, 0.8 * size + 2 * frame.halo
        for x, y in (
            (right + wide / 2, top - high / 2),
            (left - wide / 2, top - high / 2),
            (right + wide / 2, bottom + high / 2),
            (left - wide / 2, bottom + high / 2),
            ((left + right) / 2, (top + bottom) / 2),
        ):
            place = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
            if _fits(place, frame) and not any(_overlap(place, other) for other in taken):
                draw_text(rgb, text, (x, y), style)
                taken.append(place)
                break
    return taken


def _fits(place: Rectangle, frame: Frame) -> bool:
    return place[0] >= 0 and place[1] >= 0 and place[2] <= frame.columns and place[3] <= frame.rows


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
