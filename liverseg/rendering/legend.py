"""The strips below pictures: window, colour legend and colour bar."""

from __future__ import annotations

from functools import lru_cache

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


@lru_cache(maxsize=16)
def legend_strip(frame: Frame, opacity: float, has_unsure: bool = False) -> Strip:
    """Legend of liver and tumour, with swatches of the overlay's opacity, and if needed of unsure lesions."""
    entries = [("Liver", LIVER_RGB, opacity), ("Tumour", TUMOUR_RGB, opacity)]
    if has_unsure:
        entries.append(("Unsure", UNSURE_RGB, 0.0))
    return _swatches(frame, tuple(entries))


@lru_cache(maxsize=16)
def difference_strip(frame: Frame, opacity: float) -> Strip:
    """Legend of a difference map of the segmentations A and B."""
    entries = (
        ("Only A", FIRST_RGB, opacity),
        ("Only B", SECOND_RGB, opacity),
        ("Both", BOTH_RGB, opacity),
    )
    return _swatches(frame, entries, "tumour bright, liver faint")


def _swatches(frame: Frame, entries: tuple[tuple[str, RGB, float], ...], note: str = "") -> Strip:
    """Coloured squares with their names, and a note at the right, omitted if it does not fit."""
    strip, y, margin = _blank(frame), frame.strip / 2, round(0.6 * frame.text)
    side, edge, x = round(0.9 * frame.text), max(1, frame.line), margin
    for name, colour, opacity in entries:
        top = round(y - side / 2)
        strip[top : top + side, x : x + side] = colour
        inner = (slice(top + edge, top + side - edge), slice(x + edge, x + side - edge))
        grey = np.full_like(strip[inner], 90)  # about the grey of liver in the default window
        strip[inner] = blend(grey, colour, np.full(grey.shape[:2], round(255 * opacity), np.uint8))
        x += side + round(0.45 * frame.text)
        draw_text(strip, name, (x, y), TextStyle(frame.text))
        x += text_width(name, frame.text) + round(1.2 * frame.text)
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
