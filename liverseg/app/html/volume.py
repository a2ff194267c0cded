"""The HTML of the viewer: linked views, profile, toolbar, tabs on a narrow screen, 3D surfaces (pure).

The positions of the lines through the point are attributes, as shares of a picture. `volume.js` draws the
lines from them, so that another slice needs no new coronal and sagittal pictures.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape

import numpy as np

from liverseg.app.html.page_text import PICTURES, picture_names, slice_label
from liverseg.app.html.scripts import script_after
from liverseg.app.html.viewer_tools import toolbar
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import CENTER_RANGE_HU, WIDTH_RANGE_HU, View
from liverseg.app.text.catalogue import group, say, say_html
from liverseg.core.image import CTImage
from liverseg.core.window import PRESETS
from liverseg.io.glb import PATIENT_TO_GLTF
from liverseg.rendering.charts import ChartWords, profile_of, profile_svg
from liverseg.rendering.colours import (
    DARKENED,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    QUIET_RGB,
    TEXT_RGB,
    THRESHOLD_RGB,
    TRUTH_RGB,
    TUMOUR_RGB,
    UNSURE_RGB,
)
from liverseg.rendering.frame import Frame, scale_bar_mm
from liverseg.rendering.mesh import grid_to_patient
from liverseg.rendering.planes import Point, picture_position, plane_frame, plane_named

DRAWING_STYLE = {
    "liver": LIVER_RGB,
    "tumour": TUMOUR_RGB,
    "unsure": UNSURE_RGB,
    "truth": TRUTH_RGB,
    "threshold": THRESHOLD_RGB,
    "text": TEXT_RGB,
    "quiet": QUIET_RGB,
    "darkened": DARKENED,
    "heat": PROBABILITY_COLOURS.tobytes().hex(),
    "presets": {name: (window.center_hu, window.width_hu) for name, window in PRESETS.items()},
    "center_range": CENTER_RANGE_HU,
    "width_range": WIDTH_RANGE_HU,
}
"""Colours and windows of `liverseg.rendering`, for the scripts that draw in the browser."""


def javascript(*names: str) -> str:
    """Files of `static/` as one script, after the constant `STYLE` (`DRAWING_STYLE`)."""
    return script_after({"STYLE": DRAWING_STYLE}, "texts.js", *names)


VIEWER_SCRIPTS = (
    *("slices", "sections", "outlines", "drawing", "zoom", "measures", "labels", "canvases", "readout"),
    *("volume", "pointers", "lesions", "cine", "fullscreen", "keys", "tools"),
)
"""The scripts of the viewer in `static/`, in the order in which they run."""


def when_placed(script: str, *ids: str) -> str:
    """A script that runs once the page has all elements of these ids: gradio adds them in no fixed order."""
    selectors = json.dumps([f"#{one}" for one in ids])
    return f"""const run = () => {{
{script}
}};
(function runWhenPlaced() {{
  if ({selectors}.every(one => document.querySelector(one))) run();
  else requestAnimationFrame(runWhenPlaced);
}})();"""


VOLUME_JS = when_placed(
    javascript(*(f"{name}.js" for name in VIEWER_SCRIPTS)), "ls-middle", "ls-viewer", "ls-results"
)
SURFACE_JS = javascript("glb.js", "picking.js", "solid.js")

FRAME_FIELDS = "height width strip top left rows columns text line px_per_mm letters".split()
"""Attributes of `Frame` that the scripts use."""

OTHER_PLANES = ("coronal", "sagittal")
PROFILE_SIZE = (360.0, 210.0, 12.5)
"""Width, height and letter size of the profile in SVG units, which are about a pixel of the page."""


def volume_viewer(jpegs: Sequence[bytes], analysis: PageAnalysis, view: View) -> str:
    """The three axial pictures (JPEG) of a slice; a narrow screen shows one of them, chosen by tabs.

    A single slice is a volume of one slice, without lines and steps.
    """
    assert analysis.voxels is not None
    count, index = len(analysis.ct.hu), view.slice_index
    frame = plane_frame(analysis.ct, plane_named("axial"))
    drawing = escape(json.dumps(_drawing(analysis, view, frame)))
    label = slice_label(index, count)
    figures = "".join(
        _figure(name, jpeg, label, "axial", frame, f' data-picture="{k}"')
        for k, (name, jpeg) in enumerate(zip(picture_names(), jpegs, strict=True))
    )
    tabs = "".join(
        f'<button type="button" data-tab="{k}">{say_html(f"short.{name}")}</button>'
        for k, name in enumerate(PICTURES)
    )
    return (
        f'<div class="ls-viewer ls-volume" data-slice="{index}" data-slices="{count}" '
        f'data-drawing="{drawing}"><div class="ls-tabs" role="group" '
        f'aria-label="{say_html("viewer_which")}">{tabs}</div>'
        f"{figures}{toolbar(count > 1, analysis.voxels.truth is not None, count, index)}</div>"
    )


def _drawing(analysis: PageAnalysis, view: View, frame: Frame) -> dict[str, object]:
    """Everything that the scripts need to draw the views and to measure in them."""
    assert analysis.voxels is not None
    ct, (count, rows, columns) = analysis.ct, analysis.ct.shape
    places = analysis.voxels.lesion_places(analysis.report.lesions)
    names = OTHER_PLANES if count > 1 else ()
    return {
        "stack": analysis.voxels.token,
        "image": analysis.voxels.image,
        "count": count,
        "rows": rows,
        "columns": columns,
        "center": view.window.center_hu,
        "width": view.window.width_hu,
        "opacity": view.opacity,
        "threshold": analysis.seg.threshold,
        "frame": _frame_fields(frame),
        "frames": {name: _frame_fields(plane_frame(ct, plane_named(name))) for name in names},
        "spacing": ct.spacing_mm,
        "position": _position_matrix(ct),
        "orientation": _has_position(ct),
        "assumed": ct.assumed_window is not None,
        "truth": analysis.voxels.truth is not None,
        "lesions": [[place.id, place.kind, *corner] for place in places for corner in place.corners],
        "places": [[place.id, place.kind, place.point, place.box] for place in places],
    }


def _frame_fields(frame: Frame) -> dict[str, object]:
    return {**{name: getattr(frame, name) for name in FRAME_FIELDS}, "bar_mm": scale_bar_mm(frame)}


def _has_position(ct: CTImage) -> bool:
    """Whether the file says where the image lies in the patient."""
    return ct.native.affine is not None and ct.orientation_known


def _position_matrix(ct: CTImage) -> list[list[float]] | None:
    """(3, 4) matrix from (slice, row, column) to RAS mm; None where position or spacing are unknown."""
    affine = ct.native.radiological_affine
    if affine is None or ct.spacing_mm is None or not _has_position(ct):
        return None
    rows: list[list[float]] = np.round(affine[:3], 5).tolist()
    return rows


def other_views(analysis: PageAnalysis, jpegs: Sequence[bytes], point: Point) -> str:
    """Coronal and sagittal pictures (JPEG) through a point, and the profile along the slices."""
    ct = analysis.ct
    figures = []
    for name, jpeg in zip(OTHER_PLANES, jpegs, strict=True):
        (x, lowest), (_, highest) = (
            picture_position(ct, name, (z, *point[1:])) for z in (0, ct.shape[0] - 1)
        )
        lines = f' data-x="{x:.5f}" data-lowest="{lowest:.5f}" data-highest="{highest:.5f}"'
        label = (
            say("place.row", row=point[1] + 1)
            if name == "coronal"
            else say("place.column", column=point[2] + 1)
        )
        frame = plane_frame(ct, plane_named(name))
        figures.append(_figure(_plane_title(ct, name), jpeg, label, name, frame, lines))
    x, y = picture_position(ct, "axial", point)
    width, height, text = PROFILE_SIZE
    svg = profile_svg(profile_of(ct, analysis.seg), point[0], width, height, text, _chart_words())
    count = ct.shape[0]
    return (
        f'<section class="ls-planes" aria-label="{say_html("views.other")}" data-x="{x:.5f}" '
        f'data-y="{y:.5f}" '
        f'data-row="{point[1]}" data-column="{point[2]}">'
        f'<div class="ls-views">{"".join(figures)}'
        f'<figure class="ls-profile"><figcaption>{say_html("views.profile")}</figcaption>'
        f'<div role="slider" tabindex="0" aria-label="{say_html("label.slice")}" aria-valuemin="1" '
        f'aria-valuemax="{count}" '
        f'aria-valuenow="{point[0] + 1}">{svg}</div></figure></div>'
        f'<div class="ls-foot"><p class="ls-hint">{say_html("views.hint")}</p>'
        f'<button type="button" data-lines aria-pressed="true">{say_html("tool.lines")}</button></div>'
        "</section>"
    )


def _plane_title(ct: CTImage, name: str) -> str:
    """The caption of a view: its name, and that it is assumed where the orientation is unknown."""
    return say(f"plane.{name}" if ct.orientation_known else f"plane.{name}_assumed")


def _chart_words() -> ChartWords:
    return ChartWords(**group("profile"))


def _figure(name: str, jpeg: bytes, label: str, plane: str, frame: Frame, attributes: str) -> str:
    """A picture in which a click moves the point; `label` is its position for screen readers."""
    name, picture = escape(name), base64.b64encode(jpeg).decode()
    size = f"--ls-ratio:{frame.width / frame.height:.5f};--ls-strip:{frame.strip / frame.height:.5f}"
    return (
        f'<figure data-plane="{plane}" style="{size}"{attributes}><figcaption>{name}<button type="button" '
        f'class="ls-grow" aria-label="{say("enlarge", name=name)}" title="{say("enlarge_short")}">'
        f"</button></figcaption>"
        f'<div class="ls-cut" tabindex="0" role="img" data-name="{name}" '
        f'aria-label="{name}, {escape(label)}">'
        f'<img alt="" decoding="sync" draggable="false" src="data:image/jpeg;base64,{picture}">'
        '<i class="ls-across"></i><i class="ls-down"></i>'
        '<span class="ls-readout" aria-hidden="true"></span></div></figure>'
    )


AXES = {"R": "-1,0,0", "L": "1,0,0", "A": "0,0,1", "P": "0,0,-1", "H": "0,1,0", "F": "0,-1,0"}
"""Directions of right, left, anterior, posterior, head and feet in the axes of `liverseg.io.glb`."""

VIEWPOINTS = ("Front", "Right", "Left", "Feet")


def surface_view(analysis: PageAnalysis) -> str:
    """The 3D view. `solid.js` fetches and draws the surfaces when the view is scrolled to."""
    if analysis.ct.spacing_mm is None or analysis.voxels is None:
        return f'<section class="ls-solid"><p class="ls-hint">{say_html("solid.no_spacing")}</p></section>'
    axes, viewpoints = (AXES, VIEWPOINTS) if analysis.ct.orientation_known else ({}, ())
    letters = "".join(
        f'<span data-axis="{axis}" aria-hidden="true">{name}</span>' for name, axis in axes.items()
    )
    buttons = "".join(
        f'<button type="button" data-face="{name}">{say_html(f"face.{name}")}</button>' for name in viewpoints
    )
    messages = {name: say(f"solid.{name}") for name in ("without", "failed", "nothing", "computing")}
    to_gltf = PATIENT_TO_GLTF @ grid_to_patient(analysis.ct)
    numbers = [
        [place.id, *np.round((to_gltf @ [*place.point, 1.0])[:3], 5).tolist()]
        for place in analysis.voxels.lesion_places(analysis.report.lesions)
        if place.kind == "likely"
    ]
    to_grid = np.linalg.inv(to_gltf)[:3].tolist()
    attributes = "".join(f' data-{key}="{escape(text)}"' for key, text in messages.items())
    attributes += f' data-grid="{json.dumps(to_grid)}" data-lesions="{json.dumps(numbers)}"'
    return (
        f'<section class="ls-solid" aria-label="{say_html("solid.title")}" '
        f'data-mesh="{analysis.voxels.token}"{attributes}>'
        f'<div class="ls-foot"><p class="ls-caption">{say_html("solid.caption")}</p><div>{buttons}'
        f'<button type="button" data-zoom="1.25" aria-label="{say_html("solid.zoom_in")}">+</button>'
        f'<button type="button" data-zoom="0.8" aria-label="{say_html("solid.zoom_out")}">\u2212'
        f"</button></div></div>"
        f'<div class="ls-stage" tabindex="0" role="img" aria-label="{say_html("solid.stage")}">'
        f'{letters}<p class="ls-told" role="status"></p></div><p '
        f'class="ls-hint">{say_html("solid.hint")}</p></section>'
    )
