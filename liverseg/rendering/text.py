"""Antialiased text on RGB arrays, with Pillow's built-in font (pure)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from liverseg.rendering.colours import RGB, TEXT_RGB, blend


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size_px)


@lru_cache(maxsize=256)
def _letters(text: str, size_px: int, halo_px: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The text and its halo as (h, w) uint8 coverage, and the row of the middle of a capital."""
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


def draw_text(
    rgb: np.ndarray,
    text: str,
    x: float,
    y: float,
    size_px: int,
    colour: RGB = TEXT_RGB,
    align: str = "left",
    halo_px: int = 0,
) -> None:
    """Draw a line of text into an (h, w, 3) uint8 array, in place; what falls outside is cut off.

    `x` is the left end, the centre or the right end of the text (`align`: "left", "centre",
    "right"), `y` the middle of its capitals. A halo is black and keeps text legible on any ground.
    """
    fill, halo, middle = _letters(text, size_px, halo_px)
    height, width = fill.shape
    pad = halo_px + 1
    left = int(round(x - {"left": pad, "centre": width / 2, "right": width - pad}[align]))
    top = int(round(y)) - middle
    rows = slice(max(top, 0), min(top + height, rgb.shape[0]))
    columns = slice(max(left, 0), min(left + width, rgb.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    if halo_px:
        rgb[rows, columns] = blend(rgb[rows, columns], (0, 0, 0), halo[part])
    rgb[rows, columns] = blend(rgb[rows, columns], colour, fill[part])
