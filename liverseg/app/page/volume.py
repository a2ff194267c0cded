"""What the events of the views of a volume do: values in, updates by name out, as in `actions`.

The three planes cut each other in a point. Its slice is the value of the slider. Its row and column are a
state of the page, which is None before the first result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, TypeGuard

from liverseg.app.html import volume
from liverseg.app.page.updates import Updates, expired_result, picture_updates, preset_name, slice_updates
from liverseg.app.state.jpeg import as_jpeg
from liverseg.app.state.lesion_places import lesion_point
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View, within_sliders
from liverseg.core.window import Window
from liverseg.rendering.planes import PLANES, Point, default_point, plane_view, point_at

RowColumn = tuple[int, int]
"""Row and column of the point in an axial slice, radiological orientation."""


def requested_point(analysis: PageAnalysis, current: Point, target: Mapping[str, Any]) -> Point | None:
    """The point that an event of the page asks for.

    Args:
        analysis: the result shown.
        current: the point shown.
        target: has a "slice" (index from 0), alone or with a "row" and a "column", a "lesion" (its number),
            or a "plane" with "x" and "y" (position in its picture, as shares of width and height).

    Returns:
        None for an invalid target, such as a lesion that no longer exists.
    """
    index, lesion_id, plane = (target.get(key) for key in ("slice", "lesion", "plane"))
    if _is_number(index):
        at = (index, target.get("row"), target.get("column"))
        asked = [value if _is_number(value) else now for value, now in zip(at, current, strict=True)]
        z, row, column = (
            min(max(int(value), 0), size - 1) for value, size in zip(asked, analysis.ct.shape, strict=True)
        )
        return z, row, column
    if _is_number(lesion_id):
        lesion = next((one for one in analysis.report.lesions if one.id == lesion_id), None)
        return None if lesion is None else lesion_point(analysis.seg, lesion)
    x, y = target.get("x"), target.get("y")
    if isinstance(plane, str) and plane in PLANES and _is_number(x) and _is_number(y):
        return point_at(analysis.ct, plane, current, x, y)
    return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def is_volume(analysis: PageAnalysis | None) -> bool:
    """Whether there is a result with other views than the axial one."""
    return analysis is not None and len(analysis.ct.hu) > 1


def _point(analysis: PageAnalysis, row_column: RowColumn | None, view: View) -> Point:
    row, column = row_column or default_point(analysis.seg)[1:]
    return view.within(len(analysis.ct.hu)).slice_index, row, column


def _plane_updates(analysis: PageAnalysis, point: Point, view: View) -> Updates:
    jpegs = [
        as_jpeg(
            plane_view(analysis.ct, analysis.seg, name, point, view.window, view.opacity), analysis.longest_px
        )
        for name in volume.OTHER_PLANES
    ]
    return {"point": point[1:], "planes": volume.other_views(analysis, jpegs, point)}


def redraw_views(analysis: PageAnalysis | None, row_column: RowColumn | None, view: View) -> Updates:
    """The views after a change of window or opacity."""
    if analysis is None or not is_volume(analysis):
        return {}
    return _plane_updates(analysis, _point(analysis, row_column, view), view)


def show_views(analysis: PageAnalysis | None, row_column: RowColumn | None, view: View) -> Updates:
    """The views of a new result or of another threshold; none where the result is not a volume."""
    if analysis is None or not is_volume(analysis):
        return {"planes": "", "surfaces": "", "point": None}
    return {**redraw_views(analysis, row_column, view), "surfaces": volume.surface_view(analysis)}


def navigate(
    analysis: PageAnalysis | None,
    shown: bool,
    row_column: RowColumn | None,
    view: View,
    target: Mapping[str, Any],
) -> Updates:
    """Go to the `target` of a click in a view, in the profile or on a lesion, or of the mouse wheel.

    `target` is as in `requested_point`; "center" and "width" in HU ask for another display window.
    Its "drawn" is True if the browser has drawn the slice itself; only the other updates are then returned.
    An event replaces an earlier one that still waits, so `volume.js` sends all that it has changed.
    """
    if analysis is None:
        return expired_result(shown)
    drawn, window = target.get("drawn") is True, _requested_window(view, target)
    updates: Updates = {}
    if window is not None:
        view = replace(view, window=window)
        updates = {"center": window.center_hu, "width": window.width_hu, "preset": preset_name(window)}
    if not is_volume(analysis):
        return (
            {**updates, **picture_updates(analysis, replace(view, slice_index=0), drawn)} if updates else {}
        )
    current = _point(analysis, row_column, view)
    point = requested_point(analysis, current, target)
    if point is None:
        if window is None:
            return {}
        point = current
    view = replace(view, slice_index=point[0])
    if point[0] != current[0] or drawn or window is not None:
        updates |= {"slice": point[0] + 1, **slice_updates(analysis, view, drawn)}
    if point[1:] != current[1:] or window is not None:
        updates |= _plane_updates(analysis, point, view)
    return updates


def _requested_window(view: View, target: Mapping[str, Any]) -> Window | None:
    """The display window that an event asks for, within the sliders; None: that of `view`."""
    center, width = target.get("center"), target.get("width")
    if not _is_number(center) or not _is_number(width) or width <= 0:
        return None
    window = within_sliders(Window(center, width))
    return None if window == view.window else window
