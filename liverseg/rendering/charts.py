"""Charts of a segmentation: the areas of liver and tumour along the slices, and the tumour share as a ring.

`lay_out` computes the points and labels of the area chart for both the SVG on the page and the PDF report.
Text and lines of the SVGs have the colour `currentColor`, so they are legible on light and dark pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from liverseg.analysis.report_text import number_text
from liverseg.core.image import CTImage
from liverseg.core.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.axis_ticks import round_ticks
from liverseg.rendering.colours import LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB, css

MM2_IN_CM2 = 100.0

# --- Areas along the slices ---


@dataclass(frozen=True)
class ChartWords:
    """The words of the area chart; names in braces are replaced by values."""

    liver: str = "Liver"
    tumour: str = "Tumour"
    pixels: str = "pixels"
    each: str = "{unit} a slice"
    description: str = "Area of liver and tumour in each of {slices} slices, in {unit}"
    areas: str = "Slice {slice} of {slices}: liver {liver} {unit}, tumour {tumour} {unit}"


ENGLISH = ChartWords()


@dataclass(frozen=True)
class Profile:
    """Pixels of liver and tumour in each slice of the radiological grid; slice 0 is the lowest."""

    liver: np.ndarray  # (S,) int64 pixels of label 1: liver without its tumours
    tumour: np.ndarray  # (S,) int64 pixels
    pixel_area_mm2: float | None  # None: spacing unknown

    def unit(self, words: ChartWords = ENGLISH) -> str:
        """Unit of `sizes` and of the chart."""
        return words.pixels if self.pixel_area_mm2 is None else "cm²"

    def sizes(self, pixels: np.ndarray) -> np.ndarray:
        """Areas in cm² of numbers of pixels; the numbers themselves if the spacing is unknown."""
        scale = 1.0 if self.pixel_area_mm2 is None else self.pixel_area_mm2 / MM2_IN_CM2
        return pixels * scale

    def describe(self, index: int, words: ChartWords = ENGLISH) -> str:
        """A sentence with the areas of one slice.

        >>> profile = Profile(np.array([900, 0]), np.array([100, 0]), 0.5)
        >>> profile.describe(0)
        'Slice 1 of 2: liver 4.50 cm², tumour 0.500 cm²'
        """
        liver, tumour = (
            number_text(float(self.sizes(pixels)[index])) for pixels in (self.liver, self.tumour)
        )
        if self.pixel_area_mm2 is None:
            liver, tumour = number_text(int(self.liver[index])), number_text(int(self.tumour[index]))
        numbers = {"slice": index + 1, "slices": len(self.liver), "liver": liver, "tumour": tumour}
        return words.areas.format(**numbers, unit=self.unit(words))


def profile_of(ct: CTImage, seg: Segmentation) -> Profile:
    """The profile of a segmentation (S, H, W) on the grid of `ct`, computed slice by slice to save memory."""
    counts = np.array(
        [(np.count_nonzero(p == LIVER), np.count_nonzero(p == TUMOUR)) for p in seg.labels], np.int64
    )
    return Profile(counts[:, 0], counts[:, 1], ct.pixel_area_mm2)


@dataclass(frozen=True)
class Layout:
    """Coordinates of the area chart: x to the right, y downwards, in units of its width and height."""

    width: float
    height: float
    left: float  # `left` to `bottom`: the plot without its labels
    right: float
    top: float
    bottom: float
    slices: int
    organ: list[tuple[float, float]]  # outline of liver and tumour together
    tumour: list[tuple[float, float]]
    x_ticks: list[tuple[float, str]]  # positions and labels; slices count from 1
    y_ticks: list[tuple[float, str]]

    def x_of(self, index: int) -> float:
        """The x of the middle of a slice."""
        return self.left + (index + 0.5) / self.slices * (self.right - self.left)


def lay_out(profile: Profile, width: float, height: float, text: float) -> Layout:
    """The layout of a profile's chart of a given size, with font size `text`.

    Each slice is one step of equal width, because the areas between slices are not known.
    """
    slices = len(profile.liver)
    organ = profile.sizes(profile.liver + profile.tumour)
    y_values = round_ticks(float(organ.max(initial=0)), 3)
    labels = [number_text(value) if value >= 100 else f"{value:g}" for value in y_values]
    left = text * (0.8 + 0.58 * max(len(label) for label in labels))
    right = width - text * max(0.4, 0.29 * len(str(slices)))  # room for half of the last label
    top, bottom = 1.9 * text, height - 1.7 * text

    def y_of(value: float) -> float:
        return bottom - value / y_values[-1] * (bottom - top)

    def outline(sizes: np.ndarray) -> list[tuple[float, float]]:
        edges = left + np.arange(slices + 1) / slices * (right - left)
        points = [(left, bottom)]
        for index, size in enumerate(sizes.tolist()):
            points += [(float(edges[index]), y_of(size)), (float(edges[index + 1]), y_of(size))]
        return [*points, (right, bottom)]

    max_ticks = max(2, int((right - left) / (5 * text)))
    whole = [int(k) for k in round_ticks(slices, max_ticks) if k == int(k)]
    ticks = [1, *(k for k in whole[1:] if 1 < k <= slices)]
    if slices - ticks[-1] > (slices / max_ticks) * 0.6:
        ticks.append(slices)
    x_ticks = [(left + (k - 0.5) / slices * (right - left), str(k)) for k in ticks]
    y_ticks = [(y_of(value), label) for value, label in zip(y_values, labels, strict=True)]
    tumour = outline(profile.sizes(profile.tumour))
    return Layout(width, height, left, right, top, bottom, slices, outline(organ), tumour, x_ticks, y_ticks)


def profile_svg(
    profile: Profile, selected: int, width: float, height: float, text: float, words: ChartWords = ENGLISH
) -> str:
    """The area chart as SVG: liver and tumour together in blue, tumour in orange, slice `selected` marked.

    A script finds the slice under the pointer with the attributes `data-slices`, `data-left` and `data-right`
    (shares of the width). Raises `InvalidSetting` for a missing slice.
    """
    slices = len(profile.liver)
    if not 0 <= selected < slices:
        raise InvalidSetting(f"There is no slice {selected}: the image has slices 0 to {slices - 1}.")
    plot = lay_out(profile, width, height, text)
    unit = profile.unit(words)
    description = words.description.format(slices=slices, unit=unit)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
        f'aria-label="{escape(description)}" font-family="inherit" font-size="{text:g}" fill="currentColor" '
        f'data-slices="{slices}" data-left="{plot.left / width:.5f}" data-right="{plot.right / width:.5f}">'
    ]
    for y, label in plot.y_ticks:
        parts.append(_line((plot.left, y), (plot.right, y), 'stroke-opacity="0.15" stroke-width="1" '))
        parts.append(_label(plot.left - 0.5 * text, y + 0.35 * text, "end", label))
    for x, label in plot.x_ticks:
        parts.append(_label(x, plot.bottom + 1.3 * text, "middle", label))
    for points, rgb in ((plot.organ, LIVER_ON_WHITE_RGB), (plot.tumour, TUMOUR_ON_WHITE_RGB)):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polygon points="{path}" fill="{css(rgb)}"/>')
    parts.append(_legend(plot, text, unit, words))
    x = plot.x_of(selected)
    mark = f'stroke-opacity="1" stroke-width="1.5" data-selected="{selected}"'
    parts.append(_line((x, plot.top - 0.5 * text), (x, plot.bottom), mark))
    parts.append(f"<title>{escape(profile.describe(selected, words))}</title>")
    return "".join(parts) + "</svg>"


def _line(start: tuple[float, float], end: tuple[float, float], attributes: str) -> str:
    (x0, y0), (x1, y1) = start, end
    position = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {position} stroke="currentColor" {attributes}/>'


def _label(x: float, y: float, anchor: str, label: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill-opacity="0.75">{label}</text>'


def _legend(plot: Layout, text: float, unit: str, words: ChartWords) -> str:
    """The unit at the left, the colours and their names at the right."""
    y = 0.95 * text
    parts = [_label(0, y, "start", escape(words.each.format(unit=unit)))]
    x = plot.right
    for name, rgb in ((words.tumour, TUMOUR_ON_WHITE_RGB), (words.liver, LIVER_ON_WHITE_RGB)):
        parts.append(_label(x, y, "end", escape(name)))
        x -= (_width_of(name) + 0.9) * text
        side = 0.75 * text
        parts.append(
            f'<rect x="{x:.1f}" y="{y - side:.1f}" width="{side:g}" height="{side:g}" fill="{css(rgb)}"/>'
        )
        x -= 0.9 * text
    return "".join(parts)


def _width_of(name: str) -> float:
    """About the width of a word in units of its font size: a Chinese character is as wide as it is high."""
    return sum(1.0 if ord(letter) > 0x2E7F else 0.6 for letter in name)
