"""Small pictures of results, for choosing among them."""

from __future__ import annotations

from liverseg.app.state.jpeg import as_jpeg
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.pipeline import Analysis
from liverseg.rendering.frame import frame_for
from liverseg.rendering.slice_view import default_slice, overlay

THUMBNAIL_PX = 112
"""The longer side."""

QUALITY = 80
OPACITY = 0.35


def thumbnail(analysis: Analysis) -> bytes:
    """A JPEG of the default slice with liver and tumour, without letters' strip and legend."""
    ct, index = analysis.ct, default_slice(analysis.seg)
    spacing_mm = None if ct.spacing_mm is None else ct.spacing_mm[1:]
    window = ct.assumed_window or DEFAULT_WINDOW
    labels = analysis.seg.labels_with_unsure(index)
    rgb = overlay(ct.hu[index], labels, window, OPACITY, spacing_mm, letters=("", "", "", ""))
    rgb = rgb[frame_for(ct.hu[index].shape, spacing_mm).slice_area]
    return as_jpeg(rgb, THUMBNAIL_PX, QUALITY)
