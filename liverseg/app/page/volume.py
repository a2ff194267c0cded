"""What the events of a volume's own views do: values in, updates by name out, as in `actions`.

The point is where the three planes cut. Its slice is the slider's; its row and column are a state of the
page, None until a result was first shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from liverseg.analysis.lesions import Lesion
from liverseg.app.html import volume
from liverseg.app.page.updates import Updates, missing, picture_and_numbers
from liverseg.app.state import session
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.segmentation import TUMOUR, Segmentation
from liverseg.rendering.planes import PLANES, Point, plane_view, point_at, telling_point

InPlane = tuple[int, int]
"""Row and column of the radiological grid."""


def lesion_point(seg: Segmentation, lesion: Lesion) -> Point:
    """Where to look at a lesion: in the slice of its longest diameter, its pixel nearest to the centroid.

    The centroid itself may lie outside of it, and beside it in that slice.
    """
    rows, columns = np.nonzero(seg.labels[lesion.diameter_slice] == TUMOUR)
    _, row, column = lesion.centroid_px
    nearest = int(((rows - row) ** 2 + (columns - column) ** 2).argmin())
    return lesion.diameter_slice, int(rows[nearest]), int(columns[nearest])


def wished(analysis: PageAnalysis, here: Point, wish: Mapping[str, Any]) -> Point | None:
    """The point that an event of the page asks for; None: it makes no sense, as of a lesion there is no more.

    `wish` has a "slice", a "lesion" (its number), or a "plane" with "x" and "y", shares of its picture.
    """
    index, lesion, plane = (wish.get(key) for key in ("slice", "lesion", "plane"))
    if _is_number(index):
        return (View(int(index)).within(len(analysis.ct.hu)).slice_index, *here[1:])
    if _is_number(lesion):
        found = next((known for known in analysis.report.lesions if known.id == lesion), None)
        return None if found is None else lesion_point(analysis.seg, found)
    x, y = wish.get("x"), wish.get("y")
    if isinstance(plane, str) and plane in PLANES and _is_number(x) and _is_number(y):
        return point_at(analysis.ct, plane, here, x, y)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def is_volume(analysis: PageAnalysis | None) -> bool:
    """Whether there are other views than the axial one."""
    return analysis is not None and len(analysis.ct.hu) > 1


def _point(analysis: PageAnalysis, in_plane: InPlane | None, view: View) -> Point:
    row, column = in_plane or telling_point(analysis.seg)[1:]
    return view.within(len(analysis.ct.hu)).slice_index, row, column


def _planes(analysis: PageAnalysis, point: Point, view: View) -> Updates:
    jpegs = [
        session.as_jpeg(plane_view(analysis.ct, analysis.seg, name, point, view.window, view.opacity))
        for name in volume.OTHER_PLANES
    ]
    return {"point": point[1:], "planes": volume.planes(analysis, jpegs, point)}


def redrawn(
    analysis: PageAnalysis | None,
    in_plane: InPlane | None,
    view: View,
) -> Updates:
    """The views again after the window or the opacity was changed."""
    if analysis is None or not is_volume(analysis):
        return {}
    return _planes(analysis, _point(analysis, in_plane, view), view)


def renewed(
    analysis: PageAnalysis | None,
    in_plane: InPlane | None,
    view: View,
) -> Updates:
    """The views of a new result, or of one at another threshold."""
    if analysis is None or not is_volume(analysis):
        return no_views()
    views = redrawn(analysis, in_plane, view)
    return {**views, "solid": volume.solid(analysis)}


def no_views() -> Updates:
    """The page without what only a volume has."""
    return {"planes": "", "solid": "", "point": None}


def go(
    analysis: PageAnalysis | None,
    shown: bool,
    in_plane: InPlane | None,
    view: View,
    wish: Mapping[str, Any],
) -> Updates:
    """To where a click in a view, in the profile or on a lesion leads, or a turn of the wheel.

    Where the page has "drawn" the slice itself, only what else there is of it follows.
    """
    if analysis is None:
        return missing(shown)
    if not is_volume(analysis):
        return {}
    here = _point(analysis, in_plane, view)
    there = wished(analysis, here, wish)
    if there is None:
        return {}
    moved: Updates = {}
    drawn = wish.get("drawn") is True
    view = replace(view, slice_index=there[0])
    if there[0] != here[0] or drawn:
        moved = {"slice": there[0] + 1, **picture_and_numbers(analysis, view, drawn)}
    if there[1:] != here[1:]:
        moved |= _planes(analysis, there, view)
    return moved
