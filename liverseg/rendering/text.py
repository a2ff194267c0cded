"""Antialiased text on RGB arrays, in Pillow's built-in font."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from liverseg.rendering.colours import RGB, TEXT_RGB, blend


@dataclass(frozen=True)
class TextStyle:
    """How `draw_text` draws a line of text."""

    size_px: int
    colour: RGB = TEXT_RGB
    align: Literal["left", "centre", "right"] = "left"  # the part of the text that lies at its position
    halo_px: int = 0  # width of a black outline, which keeps text legible on any background


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size_px)


@lru_cache(maxsize=256)
def _rasterise(text: str, size_px: int, halo_px: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Coverage (h, w) uint8 of the text and of its halo, and the row of the middle of its capitals."""
    font = _font(size_px)
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    _, capital, _, _ = font.getbbox("H", anchor="ls")
    pad = halo_px + 1
    size = (int(right - left) + 2 * pad, int(bottom - min(top, capital)) + 2 * pad)
    origin = (pad - left, pad - min(top, capital))
    layers = []
    for stroke in (0, halo_px):
        layer = Image.new("L", size, 0)
        ImageDraw.Draw(layer).text(origin, text, fill=255, font=font, anchor="ls", stroke_width=stroke)
        coverage = np.array(layer)
        coverage.setflags(write=False)
        layers.append(coverage)
    return layers[0], layers[1], int(round(origin[1] + capital / 2))


def text_width(text: str, size_px: int) -> int:
    """Width of a text in pixels."""
    left, _, right, _ = _font(size_px).getbbox(text, anchor="ls")
    return int(np.ceil(right - left))


def draw_text(rgb: np.ndarray, text: str, position: tuple[float, float], style: TextStyle) -> None:
    """Draw a line of text into an (h, w, 3) uint8 array, in place, cut off at the borders.

    `position` is (x, y): x of the text's left end, centre or right end (`style.align`), y of the middle of
    its capitals.
    """
    x, y = position
    fill, halo, middle = _rasterise(text, style.size_px, style.halo_px)
    height, width = fill.shape
    pad = style.halo_px + 1
    left = int(round(x - {"left": pad, "centre": width / 2, "right": width - pad}[style.align]))
    top = int(round(y)) - middle
    rows = slice(max(top, 0), min(top + height, rgb.shape[0]))
    columns = slice(max(left, 0), min(left + width, rgb.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    visible = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    if style.halo_px:
        rgb[rows, columns] = blend(rgb[rows, columns], (0, 0, 0), halo[visible])
    rgb[rows, columns] = blend(rgb[rows, columns], style.colour, fill[visible])
