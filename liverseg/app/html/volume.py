"""The HTML that only a volume has: linked views, profile, tabs on a narrow screen, 3D surfaces (pure).

The positions of the lines through the point are attributes, as shares of a picture. `volume.js` draws the
lines from them, so that another slice needs no new coronal and sagittal pictures.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from liverseg.app.html.page_text import PICTURE_NAMES
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.window import PRESETS
from liverseg.rendering.charts import profile_of, profile_svg
from liverseg.rendering.colours import (
    DARKENED,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    QUIET_RGB,
    TEXT_RGB,
    THRESHOLD_RGB,
    TUMOUR_RGB,
    UNSURE_RGB,
)
from liverseg.rendering.frame import Frame, scale_bar_mm
from liverseg.rendering.planes import Point, picture_position, plane_frame, plane_named

DRAWING_STYLE = {
    "liver": LIVER_RGB,
    "tumour": TUMOUR_RGB,
    "unsure": UNSURE_RGB,
    "threshold": THRESHOLD_RGB,
    "text": TEXT_RGB,
    "quiet": QUIET_RGB,
    "darkened": DARKENED,
    "heat": PROBABILITY_COLOURS.tobytes().hex(),
    "presets": {name: (window.center_hu, window.width_hu) for name, window in PRESETS.items()},
}
"""Colours and windows of `liverseg.rendering`, for the scripts that draw in the browser."""

STATIC_FOLDER = Path(__file__).parents[1] / "static"


def javascript(*names: str) -> str:
    """Files of `static/` as one script, after a constant `STYLE` with the value of `DRAWING_STYLE`."""
    scripts = [(STATIC_FOLDER / name).read_text(encoding="utf-8") for name in names]
    return "\n".join([f"const STYLE = {json.dumps(DRAWING_STYLE)};", *scripts])


VOLUME_JS = javascript("slices.js", "drawing.js", "canvases.js", "volume.js")
SURFACE_JS = javascript("glb.js", "solid.js")

FRAME_FIELDS = "height width strip top left rows columns text line px_per_mm letters".split()
"""Attributes of `Frame` that the scripts use."""

OTHER_PLANES = ("coronal", "sagittal")
TABS = ("CT", "Segmentation", "Probability")
PROFILE_SIZE = (360.0, 210.0, 12.5)
"""Width, height and letter size of the profile in SVG units, which are about a pixel of the page."""

VIEWS_HINT = (
    "Click a picture to move the lines. Wheel or arrow keys: one slice; Page Up and Page Down: ten slices."
)


def volume_viewer(jpegs: Sequence[bytes], analysis: PageAnalysis, view: View) -> str:
    """The three axial pictures (JPEG) of a slice; a narrow screen shows one of them, chosen by tabs."""
    count, index = len(analysis.ct.hu), view.slice_index
    frame = plane_frame(analysis.ct, plane_named("axial"))
    drawing = escape(json.dumps(_drawing(analysis, view, frame)))
    label = f"slice {index + 1} of {count}"
    figures = "".join(
        _figure(name, jpeg, label, "axial", frame, f' data-picture="{k}"')
        for k, (name, jpeg) in enumerate(zip(PICTURE_NAMES, jpegs, strict=True))
    )
    tabs = "".join(f'<button type="button" data-tab="{k}">{name}</button>' for k, name in enumerate(TABS))
    return (
        f'<div class="ls-viewer ls-volume" data-slice="{index}" data-slices="{count}" '
        f'data-drawing="{drawing}"><div class="ls-tabs" role="group" aria-label="Which picture">{tabs}</div>'
        f"{figures}</div>"
    )


def _drawing(analysis: PageAnalysis, view: View, frame: Frame) -> dict[str, object]:
    """Everything that `canvases.js` needs to draw the slices of a volume."""
    assert analysis.voxels is not None
    count, rows, columns = analysis.ct.shape
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
        "truth": analysis.example is not None and analysis.example.truth is not None,
        "frame": {**{name: getattr(frame, name) for name in FRAME_FIELDS}, "bar_mm": scale_bar_mm(frame)},
    }


def other_views(analysis: PageAnalysis, jpegs: Sequence[bytes], point: Point) -> str:
    """Coronal and sagittal pictures (JPEG) through a point, and the profile along the slices."""
    ct = analysis.ct
    figures = []
    for name, jpeg in zip(OTHER_PLANES, jpegs, strict=True):
        (x, lowest), (_, highest) = (
            picture_position(ct, name, (z, *point[1:])) for z in (0, ct.shape[0] - 1)
        )
        lines = f' data-x="{x:.5f}" data-lowest="{lowest:.5f}" data-highest="{highest:.5f}"'
        label = f"row {point[1] + 1}" if name == "coronal" else f"column {point[2] + 1}"
        frame = plane_frame(ct, plane_named(name))
        figures.append(_figure(name.capitalize(), jpeg, label, name, frame, lines))
    x, y = picture_position(ct, "axial", point)
    width, height, text = PROFILE_SIZE
    svg = profile_svg(profile_of(ct, analysis.seg), point[0], width, height, text)
    count = ct.shape[0]
    return (
        f'<section class="ls-planes" aria-label="Other views" data-x="{x:.5f}" data-y="{y:.5f}">'
        f'<div class="ls-views">{"".join(figures)}'
        '<figure class="ls-profile"><figcaption>Along the slices, from the lowest</figcaption>'
        f'<div role="slider" tabindex="0" aria-label="Slice" aria-valuemin="1" aria-valuemax="{count}" '
        f'aria-valuenow="{point[0] + 1}">{svg}</div></figure></div>'
        f'<div class="ls-foot"><p class="ls-hint">{VIEWS_HINT}</p>'
        '<button type="button" data-lines aria-pressed="true">Lines</button></div>'
        "</section>"
    )


def _figure(name: str, jpeg: bytes, label: str, plane: str, frame: Frame, attributes: str) -> str:
    """A picture in which a click moves the point; `label` is its position for screen readers."""
    name, picture = escape(name), base64.b64encode(jpeg).decode()
    size = f"--ls-ratio:{frame.width / frame.height:.5f};--ls-strip:{frame.strip / frame.height:.5f}"
    return (
        f'<figure data-plane="{plane}" style="{size}"{attributes}><figcaption>{name}<button type="button" '
        f'class="ls-grow" aria-label="Enlarge {name}" title="Enlarge"></button></figcaption>'
        f'<div class="ls-cut" tabindex="0" role="img" aria-label="{name}, {escape(label)}">'
        f'<img alt="" decoding="sync" draggable="false" src="data:image/jpeg;base64,{picture}">'
        '<i class="ls-across"></i><i class="ls-down"></i></div></figure>'
    )


AXES = {"R": "-1,0,0", "L": "1,0,0", "A": "0,0,1", "P": "0,0,-1", "H": "0,1,0", "F": "0,-1,0"}
"""Directions of right, left, anterior, posterior, head and feet in the axes of `liverseg.io.glb`."""

NO_WEBGL = (
    "The 3D view needs WebGL, which this browser does not support. The download mesh.glb opens in any "
    "glTF viewer."
)
MESH_FAILED = "The surfaces could not be fetched. Go to another slice, or upload the file again."
NO_SURFACES = "Neither liver nor tumour was found, so there is nothing to show in 3D."
NO_SPACING = "No 3D view: the voxel spacing of this input is unknown."
SURFACE_HINT = "Drag to rotate, wheel or pinch to zoom; or use the arrow keys, + and -."
VIEWPOINTS = ("Front", "Right", "Left", "Feet")


def surface_view(analysis: PageAnalysis) -> str:
    """The 3D view. `solid.js` fetches and draws the surfaces when the view is scrolled to."""
    if analysis.ct.spacing_mm is None or analysis.voxels is None:
        return f'<section class="ls-solid"><p class="ls-hint">{NO_SPACING}</p></section>'
    letters = "".join(
        f'<span data-axis="{axis}" aria-hidden="true">{name}</span>' for name, axis in AXES.items()
    )
    buttons = "".join(f'<button type="button" data-face="{name}">{name}</button>' for name in VIEWPOINTS)
    messages = {"without": NO_WEBGL, "failed": MESH_FAILED, "nothing": NO_SURFACES}
    attributes = "".join(f' data-{key}="{escape(text)}"' for key, text in messages.items())
    return (
        f'<section class="ls-solid" aria-label="3D view" data-mesh="{analysis.voxels.token}"{attributes}>'
        f'<div class="ls-foot"><p class="ls-caption">Liver and tumours in 3D</p><div>{buttons}'
        '<button type="button" data-zoom="1.25" aria-label="Zoom in">+</button>'
        '<button type="button" data-zoom="0.8" aria-label="Zoom out">\u2212</button></div></div>'
        '<div class="ls-stage" tabindex="0" role="img" aria-label="Translucent liver with its tumours in 3D">'
        f'{letters}<p class="ls-told" role="status"></p></div><p class="ls-hint">{SURFACE_HINT}</p></section>'
    )
