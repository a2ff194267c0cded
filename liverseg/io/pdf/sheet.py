"""One A4 sheet to draw on: text, rules, pictures and polygons, measured from the top left in points.

A thin layer over ReportLab. The font is Bitstream Vera, which ReportLab brings along, set to nine tenths of
its width, as its descendant DejaVu Condensed is. It is embedded, so the sheet looks and reads alike
everywhere. The same calls give the same bytes.
"""

from __future__ import annotations

import io
from functools import cache

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

NARROW = 0.9
"""The width of the letters, as a share of the font's own."""

JPEG_QUALITY = 90

REGULAR, BOLD = "Vera", "VeraBd"


@cache
def _font(name: str) -> TTFont:
    font = TTFont(name, f"{name}.ttf")
    pdfmetrics.registerFont(font)
    return font


def printable(text: str) -> str:
    """A text with what the font has: other spaces become plain ones, other signs a question mark."""
    known = _font(REGULAR).face.charToGlyph
    plain = ("\u00a0" if sign in "\u202f\u2009" else sign for sign in text)
    return "".join(sign if ord(sign) in known else "?" for sign in plain)


def width_of(text: str, size: float, bold: bool = False) -> float:
    """The width of a text in points."""
    font = _font(BOLD if bold else REGULAR)
    return float(pdfmetrics.stringWidth(printable(text), font.fontName, size)) * NARROW


def wrapped(text: str, size: float, width: float) -> list[str]:
    """A text as lines no wider than `width`; a word that is wider is broken."""
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
    """A page under way; `finish` gives the file."""

    def __init__(self, title: str, producer: str) -> None:
        self._buffer = io.BytesIO()
        self._canvas = Canvas(self._buffer, pagesize=A4, pageCompression=1, invariant=1, lang="en-GB")
        self._canvas.setTitle(title)
        self._canvas.setAuthor(producer)
        self._canvas.setCreator(producer)
        self._canvas.setSubject("Research software, not a medical device")

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: RGB,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """A line of text on the baseline `y`; `x` is its left end, its centre or its right end."""
        words = printable(words)
        x -= width_of(words, size, bold) * {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
        line = self._canvas.beginText(x, HEIGHT - y)
        line.setFont(_font(BOLD if bold else REGULAR).fontName, size)
        line.setHorizScale(100 * NARROW)
        line.setFillColorRGB(*_unit(colour))
        line.textOut(words)
        self._canvas.drawText(line)

    def rule(self, x0: float, y0: float, x1: float, y1: float, colour: RGB, wide: float = 0.5) -> None:
        """A straight line."""
        self._canvas.setStrokeColorRGB(*_unit(colour))
        self._canvas.setLineWidth(wide)
        self._canvas.line(x0, HEIGHT - y0, x1, HEIGHT - y1)

    def box(self, x: float, y: float, width: float, height: float, colour: RGB) -> None:
        """A filled rectangle whose top left corner is at (x, y)."""
        self._canvas.setFillColorRGB(*_unit(colour))
        self._canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def polygon(self, points: list[tuple[float, float]], colour: RGB) -> None:
        """A filled polygon."""
        path = self._canvas.beginPath()
        for number, (x, y) in enumerate(points):
            (path.lineTo if number else path.moveTo)(x, HEIGHT - y)
        path.close()
        self._canvas.setFillColorRGB(*_unit(colour))
        self._canvas.drawPath(path, stroke=0, fill=1)

    def picture(self, rgb: np.ndarray, x: float, y: float, width: float, dpi: float = 220) -> float:
        """An RGB picture (h, w, 3) uint8, `width` points wide, at (x, y); returns its height in points."""
        height = float(width * rgb.shape[0] / rgb.shape[1])
        pixels = round(width / 72 * dpi)
        if pixels < rgb.shape[1]:
            rows = max(1, round(rgb.shape[0] * pixels / rgb.shape[1]))
            rgb = cv2.resize(rgb, (pixels, rows), interpolation=cv2.INTER_AREA)
        done, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
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
    red, green, blue = (value / 255 for value in colour)
    return red, green, blue
