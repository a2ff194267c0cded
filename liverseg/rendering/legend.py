"""The strips below pictures: window, colour legend and colour bar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from liverseg.core.window import Window
from liverseg.rendering.colours import (
    BOTH_RGB,
    FIRST_RGB,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    QUIET_RGB,
    RGB,
    SECOND_RGB,
    THRESHOLD_RGB,
    TUMOUR_RGB,
    UNSURE_RGB,
    blend,
)
from liverseg.rendering.frame import Frame
from liverseg.rendering.outlines import dashes
from liverseg.rendering.text import TextStyle, draw_text, text_width

Strip = np.ndarray  # (strip, width, 3) uint8, read-only


def _blank(frame: Frame) -> Strip:
    return np.zeros((frame.strip, frame.width, 3), np.uint8)


def _frozen(strip: Strip) -> Strip:
    strip.setflags(write=False)
    return strip


@lru_cache(maxsize=16)
def window_strip(frame: Frame, window: Window, caption: str = "") -> Strip:
    """Width and centre of the window, and a caption at the right, omitted if it does not fit."""
    strip, y, margin = _blank(frame), frame.strip / 2, round(0.6 * frame.text)
    window_text = f"W {window.width_hu:g}  C {window.center_hu:g} HU"
    draw_text(strip, window_text, (margin, y), TextStyle(frame.text))
    room = frame.width - 3 * margin - text_width(window_text, frame.text)
    if caption and text_width(caption, frame.text) <= room:
        draw_text(strip, caption, (frame.width - margin, y), TextStyle(frame.text, QUIET_RGB, "right"))
    return _frozen(strip)


@dataclass(frozen=True)
class _Swatch:
    """A coloured square of a legend."""

    name: str
    rgb: RGB
    opacity: float  # of the fill
    edge: int  # width of the border
    is_dashed: bool = False


@lru_cache(maxsize=16)
def legend_strip(frame: Frame, opacity: float, has_unsure: bool = False) -> Strip:
    """Legend of liver and tumour, with fills and lines of the overlay, and if needed of unsure lesions."""
    swatches = [
        _Swatch("Liver", LIVER_RGB, opacity, frame.line),
        _Swatch("Tumour", TUMOUR_RGB, opacity, frame.heavy_line),
    ]
    if has_unsure:
        swatches.append(_Swatch("Unsure", UNSURE_RGB, 0.0, frame.line, is_dashed=True))
    return _swatches(frame, tuple(swatches))


@lru_cache(maxsize=16)
def difference_strip(frame: Frame, opacity: float) -> Strip:
    """Legend of a difference map of the segmentations A and B."""
    swatches = (
        _Swatch("Only A", FIRST_RGB, opacity, frame.line),
        _Swatch("Only B", SECOND_RGB, opacity, frame.line),
        _Swatch("Both", BOTH_RGB, opacity, frame.line),
    )
    return _swatches(frame, swatches, "tumour bright, liver faint")


def _square(swatch: _Swatch, side: int) -> np.ndarray:
    """The square of a swatch: (side, side, 3) uint8."""
    square = np.full((side, side, 3), 90, np.uint8)  # about the grey of liver in the default window
    square = blend(square, swatch.rgb, np.full((side, side), round(255 * swatch.opacity), np.uint8))
    edge = swatch.edge
    if not swatch.is_dashed:
        square[:edge] = square[-edge:] = square[:, :edge] = square[:, -edge:] = swatch.rgb
        return square
    first, last = edge // 2, side - 1 - edge // 2
    corners = np.array([(first, first), (last, first), (last, last), (first, last)], np.float32)
    lines = [np.round(dash).astype(np.int32) for dash in dashes(corners, side / 3)]
    cv2.polylines(square, lines, False, swatch.rgb, edge)
    return square


def _swatches(frame: Frame, swatches: tuple[_Swatch, ...], note: str = "") -> Strip:
    """Coloured squares with their names, and a note at the right, omitted if it does not fit."""
    strip, y, margin = _blank(frame), frame.strip / 2, round(0.6 * frame.text)
    side, x = round(0.9 * frame.text), margin
    for swatch in swatches:
        top = round(y - side / 2)
        visible = strip[top : top + side, x : x + side]
        visible[:] = _square(swatch, side)[:, : visible.shape[1]]
        x += side + round(0.45 * frame.text)
        draw_text(strip, swatch.name, (x, y), TextStyle(frame.text))
        x += text_width(swatch.name, frame.text) + round(1.2 * frame.text)
    if note and x + text_width(note, frame.text) + margin <= frame.width:
        draw_text(strip, note, (frame.width - margin, y), TextStyle(frame.text, QUIET_RGB, "right"))
    return _frozen(strip)


@lru_cache(maxsize=16)
def probability_strip(frame: Frame, threshold: float) -> Strip:
    """The colour bar of the heatmap from 0 to 1, with a mark at the threshold."""
    strip, margin = _blank(frame), round(0.6 * frame.text)
    name = "Tumour probability"
    draw_text(strip, name, (margin, frame.strip / 2), TextStyle(frame.text))
    x0 = margin + text_width(name, frame.text) + round(1.1 * frame.text)
    x1 = frame.width - margin - round(0.3 * frame.text)
    top, bottom = round(0.3 * frame.text), round(1.0 * frame.text)
    steps = np.round(np.linspace(0, 255, x1 - x0)).astype(np.uint8)
    strip[top:bottom, x0:x1] = PROBABILITY_COLOURS[steps]
    thin = max(1, frame.text // 14)
    for row in (slice(top - thin, top), slice(bottom, bottom + thin)):  # inferno starts in black
        strip[row, x0 - thin : x1 + thin] = QUIET_RGB
    for column in (slice(x0 - thin, x0), slice(x1, x1 + thin)):
        strip[top:bottom, column] = QUIET_RGB
    mark = x0 + round(threshold * (x1 - x0 - 1))
    reach = round(0.18 * frame.text)
    strip[top - reach : bottom + reach, mark - thin - 1 : mark + thin + 1] = 0
    strip[top - reach : bottom + reach, max(mark - thin, 0) : mark + thin] = THRESHOLD_RGB
    style = TextStyle(round(0.72 * frame.text), align="centre")
    for value, label in ((0.0, "0"), (0.5, "0.5"), (1.0, "1")):
        x = x0 + value * (x1 - x0 - 1)
        draw_text(strip, label, (x, bottom + 0.78 * frame.text), style)
    return _frozen(strip)
