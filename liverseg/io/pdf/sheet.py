"""One A4 page to draw text, rules, pictures and polygons on, in points from the top left corner.

A thin layer over ReportLab. The font is Bitstream Vera, which comes with ReportLab, condensed to 90 % of its
width like its descendant DejaVu Condensed. It is embedded, so that the page looks the same everywhere.
The same calls give the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from liverseg.errors import InvalidSetting
from liverseg.rendering.colours import RGB

WIDTH, HEIGHT = A4

_CONDENSED = 0.9  # width of the letters as a share of the font's own
_PDF_JPEG_QUALITY = 90
_REGULAR, _BOLD = "Vera", "VeraBd"


@dataclass(frozen=True)
class TextStyle:
    """How a line of text is set; `align` says which end of the line its position is."""

    size: float  # points
    colour: RGB
    bold: bool = False
    align: Literal["left", "centre", "right"] = "left"


@cache
def _font(name: str) -> TTFont:
    font = TTFont(name, f"{name}.ttf")
    pdfmetrics.registerFont(font)
    return font


def printable(text: str) -> str:
    """A text in characters of the font: narrow spaces become no-break spaces, unknown characters "?"."""
    glyphs = _font(_REGULAR).face.charToGlyph
    plain = ("\u00a0" if character in "\u202f\u2009" else character for character in text)
    return "".join(character if ord(character) in glyphs else "?" for character in plain)


def width_of(text: str, size: float, bold: bool = False) -> float:
    """The width of a text in points."""
    font = _font(_BOLD if bold else _REGULAR)
    return float(pdfmetrics.stringWidth(printable(text), font.fontName, size)) * _CONDENSED


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Break a text into lines no wider than `width` points; a word that is wider is split."""
    lines, line = [], ""
    for word in text.split():
        while width_of(word, size) > width:
            fit = max(n for n in range(1, len(word) + 1) if n == 1 or width_of(word[:n], size) <= width)
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:fit])
            word = word[fit:]
        longer = f"{line} {word}".strip()
        if line and width_of(longer, size) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line else lines


class Sheet:
    """A page being drawn; `finish` returns the file."""

    def __init__(self, title: str, producer: str) -> None:
        self._buffer = io.BytesIO()
        self._canvas = Canvas(self._buffer, pagesize=A4, pageCompression=1, invariant=1, lang="en-GB")
        self._canvas.setTitle(title)
        self._canvas.setAuthor(producer)
        self._canvas.setCreator(producer)
        self._canvas.setSubject("Research software, not a medical device")

    def text(self, x: float, y: float, words: str, style: TextStyle) -> None:
        """A line of text on the baseline `y`; `x` is its left end, centre or right end (`style.align`)."""
        words = printable(words)
        share = {"left": 0.0, "centre": 0.5, "right": 1.0}[style.align]
        x -= width_of(words, style.size, style.bold) * share
        line = self._canvas.beginText(x, HEIGHT - y)
        line.setFont(_font(_BOLD if style.bold else _REGULAR).fontName, style.size)
        line.setHorizScale(100 * _CONDENSED)
        line.setFillColorRGB(*_unit(style.colour))
        line.textOut(words)
        self._canvas.drawText(line)

    def rule(self, x0: float, y0: float, x1: float, y1: float, colour: RGB, width: float = 0.5) -> None:
        """A straight line, `width` points wide."""
        self._canvas.setStrokeColorRGB(*_unit(colour))
        self._canvas.setLineWidth(width)
        self._canvas.line(x0, HEIGHT - y0, x1, HEIGHT - y1)

    def box(self, x: float, y: float, width: float, height: float, colour: RGB) -> None:
        """A filled rectangle whose top left corner is at (x, y)."""
        self._canvas.setFillColorRGB(*_unit(colour))
        self._canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def polygon(self, points: list[tuple[float, float]], colour: RGB) -> None:
        """A filled polygon."""
        path = self._canvas.beginPath()
        for index, (x, y) in enumerate(points):
            (path.lineTo if index else path.moveTo)(x, HEIGHT - y)
        path.close()
        self._canvas.setFillColorRGB(*_unit(colour))
        self._canvas.drawPath(path, stroke=0, fill=1)

    def picture(self, rgb: np.ndarray, x: float, y: float, width: float, dpi: float = 220) -> float:
        """An RGB picture (h, w, 3) uint8, `width` points wide, with its top left corner at (x, y).

        Pictures of more than `dpi` pixels per inch are reduced. Returns the height in points.
        """
        height = float(width * rgb.shape[0] / rgb.shape[1])
        pixels = round(width / 72 * dpi)
        if pixels < rgb.shape[1]:
            rows = max(1, round(rgb.shape[0] * pixels / rgb.shape[1]))
            rgb = cv2.resize(rgb, (pixels, rows), interpolation=cv2.INTER_AREA)
        ok, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _PDF_JPEG_QUALITY])
        if not ok:
            raise InvalidSetting("The picture could not be encoded for the report.")
        image = ImageReader(io.BytesIO(jpeg.tobytes()))
        self._canvas.drawImage(image, x, HEIGHT - y - height, width, height)
        return height

    def finish(self) -> bytes:
        """The page as a PDF file."""
        self._canvas.showPage()
        self._canvas.save()
        return self._buffer.getvalue()


def _unit(colour: RGB) -> tuple[float, float, float]:
    """A colour with channels in [0, 1]."""
    red, green, blue = (value / 255 for value in colour)
    return red, green, blue
