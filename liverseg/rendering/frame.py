"""Layout of a picture: enlargement, aspect ratio, orientation letters and scale bar.

A picture is the enlarged slice on black, with a strip below it for a legend. The three pictures of a slice
share one `Frame`, so they have the same size and show the anatomy at the same position.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from liverseg.rendering.colours import TEXT_RGB
from liverseg.rendering.text import TextStyle, draw_text

LONG_SIDE_PX = 1024
"""The long side of an enlarged slice; down to three quarters of it if that gives a whole factor."""

MIN_WIDTH_PX, MIN_HEIGHT_PX = 320, 192
"""Smaller pictures get black margins up to this size, to make room for letters and legend."""

Letters = tuple[str, str, str, str]
"""Patient directions at the left, right, top and bottom of a picture."""

AXIAL_LETTERS: Letters = ("R", "L", "A", "P")
NO_LETTERS: Letters = ("", "", "", "")
"""For an image whose orientation in the patient is not known."""


@dataclass(frozen=True)
class Frame:
    """The layout of one picture, in its pixels."""

    height: int  # of the whole picture, with its strip
    width: int
    strip: int  # height of the strip at the bottom
    top: int  # first row of the slice
    left: int  # first column of the slice
    rows: int  # size of the enlarged slice
    columns: int
    text: int  # font size
    line: int  # thickness of a contour
    px_per_mm: float | None  # None: spacing unknown
    letters: Letters = AXIAL_LETTERS

    @property
    def heavy_line(self) -> int:
        """Thickness of the contour of a tumour: half as much again, to distinguish it without its colour."""
        return self.line + (self.line + 1) // 2

    @property
    def halo(self) -> int:
        """Width of the black border that keeps letters and the scale bar legible on any tissue."""
        return max(2, round(self.text / 8))

    @property
    def slice_area(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that show the slice."""
        return slice(self.top, self.top + self.rows), slice(self.left, self.left + self.columns)

    def enlarge(self, image: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        """Resize a (H, W) array to the size of the enlarged slice; shrinking averages pixels."""
        if self.rows < image.shape[0] or self.columns < image.shape[1]:
            interpolation = cv2.INTER_AREA
        resized: np.ndarray = cv2.resize(image, (self.columns, self.rows), interpolation=interpolation)
        return resized


@lru_cache(maxsize=64)
def frame_for(
    shape: tuple[int, int],
    spacing_mm: tuple[float, float] | None = None,
    letters: Letters = AXIAL_LETTERS,
) -> Frame:
    """The frame of a slice of `shape` (H, W) with a pixel spacing of (rows, columns) in mm.

    Without a spacing, pixels are assumed to be square.

    >>> frame = frame_for((512, 512))
    >>> frame.rows, frame.columns
    (1024, 1024)
    >>> frame_for((256, 256), (1.5, 0.75)).columns
    512
    """
    steps = (1.0, 1.0) if spacing_mm is None else spacing_mm
    unit = min(steps)
    height, width = shape[0] * steps[0] / unit, shape[1] * steps[1] / unit
    factor = LONG_SIDE_PX / max(height, width)
    whole = int(factor)
    if whole * max(height, width) >= 0.75 * LONG_SIDE_PX:
        factor = whole
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    canvas_height, canvas_width = max(rows, MIN_HEIGHT_PX), max(columns, MIN_WIDTH_PX)
    text = round(min(max(0.034 * canvas_width, 13), 36))
    strip = round(2.3 * text)
    return Frame(
        height=canvas_height + strip,
        width=canvas_width,
        strip=strip,
        top=(canvas_height - rows) // 2,
        left=(canvas_width - columns) // 2,
        rows=rows,
        columns=columns,
        text=text,
        line=max(1, round(canvas_width / 512)),
        px_per_mm=None if spacing_mm is None else factor / unit,
        letters=letters,
    )


def scale_bar_mm(frame: Frame) -> int | None:
    """Length of the scale bar: the largest round one up to a quarter of the width; None: spacing unknown.

    >>> scale_bar_mm(frame_for((512, 512), (0.7, 0.7))), scale_bar_mm(frame_for((512, 512)))
    (50, None)
    """
    if frame.px_per_mm is None:
        return None
    fitting = [mm for mm in (1, 2, 5, 10, 20, 50, 100, 200) if mm * frame.px_per_mm <= frame.width / 4]
    return fitting[-1] if fitting else None


def draw_marks(rgb: np.ndarray, frame: Frame) -> None:
    """Draw the orientation letters at the edges, and the scale bar, in place."""
    margin, middle = round(0.9 * frame.text), (frame.height - frame.strip) / 2
    bottom = frame.height - frame.strip
    positions = (
        (margin, middle),
        (frame.width - margin, middle),
        (frame.width / 2, margin),
        (frame.width / 2, bottom - margin),
    )
    for letter, position in zip(frame.letters, positions, strict=True):
        if letter:
            draw_text(rgb, letter, position, TextStyle(frame.text, align="centre", halo_px=frame.halo))

    length_mm = scale_bar_mm(frame)
    if length_mm is None or frame.px_per_mm is None:
        return
    length, tick = round(length_mm * frame.px_per_mm), max(3, frame.text // 4)
    x0, y = round(0.6 * frame.text), bottom - round(0.7 * frame.text)
    x1 = x0 + length
    for colour, wider in (((0, 0, 0), 2 * frame.halo), (TEXT_RGB, 0)):  # a dark border, then the bar
        thick = max(1, frame.text // 14) + wider
        for start, end in (((x0, y), (x1, y)), ((x0, y - tick), (x0, y)), ((x1, y - tick), (x1, y))):
            cv2.line(rgb, start, end, colour, thick)
    small = round(0.8 * frame.text)
    style = TextStyle(small, align="centre", halo_px=frame.halo)
    draw_text(rgb, f"{length_mm} mm", ((x0 + x1) / 2, y - tick - 0.5 * small), style)
