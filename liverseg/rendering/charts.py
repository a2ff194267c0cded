"""How much liver and tumour each slice of a volume shows, as numbers and as a drawing (pure).

The drawing is laid out once (`lay_out`), in points and labels, for SVG on the page and PDF on paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from liverseg.analysis.report_text import number
from liverseg.analysis.report_text import share as share_text
from liverseg.core.image import CTImage
from liverseg.core.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.colours import LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB, css

MM2_IN_CM2 = 100.0


@dataclass(frozen=True)
class Profile:
    """What each slice of the radiological grid shows, slice 0 being the lowest."""

    liver: np.ndarray  # (S,) int64 pixels of label 1: liver without its tumours
    tumour: np.ndarray  # (S,) int64 pixels
    pixel_area_mm2: float | None  # None: spacing unknown

    @property
    def unit(self) -> str:
        """Of `sizes` and of the drawing."""
        return "pixels" if self.pixel_area_mm2 is None else "cm²"

    def sizes(self, pixels: np.ndarray) -> np.ndarray:
        """Counts of pixels in cm², as they are where the spacing is unknown."""
        scale = 1.0 if self.pixel_area_mm2 is None else self.pixel_area_mm2 / MM2_IN_CM2
        return pixels * scale

    def telling(self, index: int) -> str:
        """What one slice shows, in words.

        >>> profile = Profile(np.array([900, 0]), np.array([100, 0]), 0.5)
        >>> profile.telling(0)
        'Slice 1 of 2: liver 4.50 cm², tumour 0.500 cm²'
        """
        liver, tumour = (number(float(self.sizes(pixels)[index])) for pixels in (self.liver, self.tumour))
        if self.pixel_area_mm2 is None:
            liver, tumour = number(int(self.liver[index])), number(int(self.tumour[index]))
        slices = len(self.liver)
        return f"Slice {index + 1} of {slices}: liver {liver} {self.unit}, tumour {tumour} {self.unit}"


def profile_of(ct: CTImage, seg: Segmentation) -> Profile:
    """The profile of a segmentation (S, H, W) on the grid of `ct`; a slice at a time, in little memory."""
    counts = np.array(
        [(np.count_nonzero(p == LIVER), np.count_nonzero(p == TUMOUR)) for p in seg.labels], np.int64
    )
    return Profile(counts[:, 0], counts[:, 1], ct.pixel_area_mm2)


@dataclass(frozen=True)
class Layout:
    """Where the drawing's parts lie: x to the right, y downwards, in its own unit."""

    width: float
    height: float
    left: float  # the plot without its labels
    right: float
    top: float
    bottom: float
    slices: int
    organ: list[tuple[float, float]]  # outline of liver and tumour together, along the top from slice 1 on
    tumour: list[tuple[float, float]]
    x_ticks: list[tuple[float, str]]  # slices, counted from 1
    y_ticks: list[tuple[float, str]]

    def x_of(self, index: int) -> float:
        """The middle of a slice."""
        return self.left + (index + 0.5) / self.slices * (self.right - self.left)


def round_steps(largest: float, most: int) -> list[float]:
    """0 and up to `most` equal steps of 1, 2 or 5 times a power of ten that reach `largest`.

    >>> round_steps(237, 4), round_steps(0.03, 3), round_steps(0, 3)
    ([0.0, 100.0, 200.0, 300.0], [0.0, 0.01, 0.02, 0.03], [0.0, 1.0])
    """
    if largest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** np.floor(np.log10(largest / most))
    step = next(f * power for f in (1, 2, 5, 10, 20) if f * power * most >= largest * (1 - 1e-9))
    many = int(np.ceil(largest / step * (1 - 1e-9)))
    return [float(f"{k * step:.6g}") for k in range(many + 1)]


def lay_out(profile: Profile, width: float, height: float, text: float) -> Layout:
    """The drawing of a profile in a given size, with letters of size `text`.

    Each slice is a step as wide as any other; what lies between slices is not known.
    """
    slices = len(profile.liver)
    organ = profile.sizes(profile.liver + profile.tumour)
    y_values = round_steps(float(organ.max(initial=0)), 3)
    labels = [number(value) if value >= 100 else f"{value:g}" for value in y_values]
    left = text * (0.8 + 0.58 * max(len(label) for label in labels))
    right = width - text * max(0.4, 0.29 * len(str(slices)))  # half of the last label
    top, bottom = 1.9 * text, height - 1.7 * text

    def y_of(value: float) -> float:
        return bottom - value / y_values[-1] * (bottom - top)

    def outline(sizes: np.ndarray) -> list[tuple[float, float]]:
        edges = left + np.arange(slices + 1) / slices * (right - left)
        points = [(left, bottom)]
        for index, size in enumerate(sizes.tolist()):
            points += [(float(edges[index]), y_of(size)), (float(edges[index + 1]), y_of(size))]
        return [*points, (right, bottom)]

    most = max(2, int((right - left) / (5 * text)))
    ends = [k for k in round_steps(slices, most) if k == int(k)]
    shown = [1, *(int(k) for k in ends[1:] if 1 < k <= slices)]
    if slices - shown[-1] > (slices / most) * 0.6:
        shown.append(slices)
    x_ticks = [(left + (k - 0.5) / slices * (right - left), str(k)) for k in shown]
    y_ticks = [(y_of(value), label) for value, label in zip(y_values, labels, strict=True)]
    tumour = outline(profile.sizes(profile.tumour))
    return Layout(width, height, left, right, top, bottom, slices, outline(organ), tumour, x_ticks, y_ticks)


def slice_at(profile: Profile, x_share: float, width: float = 640.0, text: float = 12.0) -> int:
    """The slice under a click at a share of the width of `profile_svg`; the nearest one beside the plot.

    >>> profile = Profile(np.zeros(50, int), np.zeros(50, int), None)
    >>> slice_at(profile, 0.0), slice_at(profile, 1.0)
    (0, 49)
    """
    plot = lay_out(profile, width, 100, text)
    at = (x_share * width - plot.left) / (plot.right - plot.left) * plot.slices
    return min(max(int(np.floor(at)), 0), plot.slices - 1)


def profile_svg(
    profile: Profile,
    selected: int | None = None,
    width: float = 640.0,
    height: float = 150.0,
    text: float = 12.0,
) -> str:
    """The profile as SVG: liver and tumour together in green, tumour in red, the selected slice marked.

    Letters and lines take the colour around them, so they are legible on a light and on a dark page. The
    attributes `data-slices`, `data-left` and `data-right` (shares of the width) let a script tell the
    slice under the pointer, as `slice_at` does. Raises `InvalidSetting` for a slice that is not there.
    """
    slices = len(profile.liver)
    if selected is not None and not 0 <= selected < slices:
        raise InvalidSetting(f"There is no slice {selected}: the image has slices 0 to {slices - 1}.")
    plot = lay_out(profile, width, height, text)
    says = f"Area of liver and tumour in each of {slices} slices, in {profile.unit}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
        f'aria-label="{says}" font-family="inherit" font-size="{text:g}" fill="currentColor" '
        f'data-slices="{slices}" data-left="{plot.left / width:.5f}" data-right="{plot.right / width:.5f}">'
    ]
    for y, label in plot.y_ticks:
        parts.append(_line(plot.left, y, plot.right, y, 0.15))
        parts.append(_words(plot.left - 0.5 * text, y + 0.35 * text, "end", label))
    for x, label in plot.x_ticks:
        parts.append(_words(x, plot.bottom + 1.3 * text, "middle", label))
    for points, rgb in ((plot.organ, LIVER_ON_WHITE_RGB), (plot.tumour, TUMOUR_ON_WHITE_RGB)):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polygon points="{path}" fill="{css(rgb)}"/>')
    parts.append(_key(plot, text, profile.unit))
    if selected is not None:
        x = plot.x_of(selected)
        parts.append(_line(x, plot.top - 0.5 * text, x, plot.bottom, 1.0, 1.5, f'data-selected="{selected}"'))
        parts.append(f"<title>{profile.telling(selected)}</title>")
    return "".join(parts) + "</svg>"


def _line(
    x0: float, y0: float, x1: float, y1: float, opacity: float, wide: float = 1.0, mark: str = ""
) -> str:
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="currentColor" '
        f'stroke-opacity="{opacity:g}" stroke-width="{wide:g}" {mark}/>'
    )


def _words(x: float, y: float, anchor: str, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill-opacity="0.75">{words}</text>'


def _key(plot: Layout, text: float, unit: str) -> str:
    """The unit at the left, what the colours are at the right."""
    y = 0.95 * text
    parts = [_words(0, y, "start", f"{unit} a slice")]
    x = plot.right
    for name, rgb, wide in (("Tumour", TUMOUR_ON_WHITE_RGB, 3.6), ("Liver", LIVER_ON_WHITE_RGB, 2.6)):
        parts.append(_words(x, y, "end", name))
        x -= (wide + 0.9) * text
        side = 0.75 * text
        parts.append(
            f'<rect x="{x:.1f}" y="{y - side:.1f}" width="{side:g}" height="{side:g}" fill="{css(rgb)}"/>'
        )
        x -= 0.9 * text
    return "".join(parts)


RADIUS, THICKNESS = 42.0, 13.0
"""Of the middle of the ring and across it, where the picture is 100 wide and high."""

SMALLEST = 0.004
"""A share that is not 0 is drawn at least this large: a hairline that can be seen."""


def donut_svg(share: float | None, size_px: int = 132) -> str:
    """The tumour's share of the liver as a ring that starts at the top and runs clockwise.

    `share` None, where no liver was found, is an empty ring. Text takes the colour around it, so it is
    legible on a light and on a dark page.

    >>> 'stroke-dasharray="66 198"' in donut_svg(0.25), "25.0 %" in donut_svg(0.25)
    (True, True)
    """
    told = escape(share_text(share))
    says = f"{told} of the liver is tumour" if share is not None else "no liver found"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="{size_px}" height="{size_px}" '
        f'role="img" aria-label="{says}" font-family="inherit">',
        _ring("currentColor" if share is None else css(LIVER_ON_WHITE_RGB), 0.18 if share is None else 1),
    ]
    if share:
        around = round(2 * math.pi * RADIUS)
        drawn = round(around * min(max(share, SMALLEST), 1), 2)
        arc = f' stroke-dasharray="{drawn:g} {around - drawn:g}" pathLength="{around}"'
        parts.append(_ring(css(TUMOUR_ON_WHITE_RGB), 1, arc + ' transform="rotate(-90 50 50)"'))
    parts.append(_text(51, 17 if len(share_text(share)) < 7 else 14, 600, told))
    parts.append(_text(65, 9, 400, "tumour" if share is not None else "no liver"))
    return "".join(parts) + "</svg>"


def _ring(colour: str, opacity: float, more: str = "") -> str:
    return (
        f'<circle cx="50" cy="50" r="{RADIUS:g}" fill="none" stroke="{colour}" '
        f'stroke-opacity="{opacity:g}" stroke-width="{THICKNESS:g}"{more}/>'
    )


def _text(y: float, size: float, weight: int, words: str) -> str:
    return (
        f'<text x="50" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="middle" '
        f'fill="currentColor">{words}</text>'
    )
