"""Margins, colours and text styles of the report page."""

from __future__ import annotations

from liverseg.io.pdf.sheet import WIDTH, TextStyle
from liverseg.rendering.colours import RGB

MARGIN = 40.0
LEFT, RIGHT = MARGIN, WIDTH - MARGIN

INK: RGB = (28, 32, 38)
QUIET: RGB = (105, 112, 120)
HAIR: RGB = (205, 210, 214)
GROUND: RGB = (243, 244, 245)

HEADING = TextStyle(8.5, INK, bold=True)
