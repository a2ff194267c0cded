"""The share of the liver that is tumour, as a ring in SVG (pure)."""

from __future__ import annotations

import math
from html import escape

from liverseg.colours import LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB, css
from liverseg.wording import share as share_text

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
