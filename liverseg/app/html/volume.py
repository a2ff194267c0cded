"""The HTML of what only a volume has: linked views, profile, tabs on a narrow screen (pure).

Where the lines through the point lie is told in attributes, in shares of a picture: `volume.js` draws them,
so that another slice needs no other coronal and sagittal picture.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from liverseg.app.html.page_text import PANELS
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
)
from liverseg.rendering.frame import Frame, scale_bar_mm
from liverseg.rendering.planes import Point, picture_position, plane_frame, plane_named

LOOK = {
    "liver": LIVER_RGB,
    "tumour": TUMOUR_RGB,
    "threshold": THRESHOLD_RGB,
    "text": TEXT_RGB,
    "quiet": QUIET_RGB,
    "darkened": DARKENED,
    "heat": PROBABILITY_COLOURS.tobytes().hex(),
    "presets": {name: (window.center_hu, window.width_hu) for name, window in PRESETS.items()},
}
"""What the page's own drawing shares with `rendering`."""


STATIC = Path(__file__).parents[1] / "static"


def script(*names: str) -> str:
    """Files beside this one as one piece of JavaScript, with `LOOK`."""
    parts = [(STATIC / name).read_text(encoding="utf-8") for name in names]
    return "\n".join([f"const LOOK = {json.dumps(LOOK)};", *parts])


VOLUME_JS = script("slices.js", "drawing.js", "canvases.js", "volume.js")

OTHER_PLANES = ("coronal", "sagittal")
TABS = ("CT", "Segmentation", "Probability")
PROFILE_SIZE = (360.0, 210.0, 12.5)
"""Width, height and letters of the profile in its own units; it is shown about as wide."""

HINT = (
    "Click a picture to move the lines. Wheel or arrow keys: slice by slice; Page Up and Page Down: by ten."
)


def viewer(jpegs: Sequence[bytes], analysis: PageAnalysis, view: View) -> str:
    """The three axial pictures of a slice; on a narrow screen one of them, under tabs."""
    count, index = len(analysis.ct.hu), view.slice_index
    frame = plane_frame(analysis.ct, plane_named("axial"))
    drawing = escape(json.dumps(_drawing(analysis, view, frame)))
    label = f"slice {index + 1} of {count}"
    figures = "".join(
        _figure(name, jpeg, label, "axial", frame, f' data-picture="{k}"')
        for k, (name, jpeg) in enumerate(zip(PANELS, jpegs, strict=True))
    )
    tabs = "".join(f'<button type="button" data-tab="{k}">{name}</button>' for k, name in enumerate(TABS))
    return (
        f'<div class="ls-viewer ls-volume" data-slice="{index}" data-slices="{count}" '
        f'data-drawing="{drawing}"><div class="ls-tabs" role="group" aria-label="Which picture">{tabs}</div>'
        f"{figures}</div>"
    )


def _drawing(analysis: PageAnalysis, view: View, frame: Frame) -> dict[str, object]:
    """What the page needs to draw the slices by itself."""
    assert analysis.stack is not None
    count, rows, columns = analysis.ct.shape
    names = (
        "height",
        "width",
        "strip",
        "top",
        "left",
        "rows",
        "columns",
        "text",
        "line",
        "px_per_mm",
        "letters",
    )
    return {
        "stack": analysis.stack.token,
        "image": analysis.stack.image,
        "count": count,
        "rows": rows,
        "columns": columns,
        "center": view.window.center_hu,
        "width": view.window.width_hu,
        "opacity": view.opacity,
        "threshold": analysis.seg.threshold,
        "frame": {**{name: getattr(frame, name) for name in names}, "bar_mm": scale_bar_mm(frame)},
    }


def planes(analysis: PageAnalysis, jpegs: Sequence[bytes], point: Point) -> str:
    """Coronal and sagittal pictures through a point, and the profile along the slices."""
    ct = analysis.ct
    parts = []
    for name, jpeg in zip(OTHER_PLANES, jpegs, strict=True):
        (x, lowest), (_, highest) = (
            picture_position(ct, name, (z, *point[1:])) for z in (0, ct.shape[0] - 1)
        )
        lines = f' data-x="{x:.5f}" data-lowest="{lowest:.5f}" data-highest="{highest:.5f}"'
        place = _place(name, point)
        parts.append(_figure(name.capitalize(), jpeg, place, name, plane_frame(ct, plane_named(name)), lines))
    x, y = picture_position(ct, "axial", point)
    width, height, text = PROFILE_SIZE
    svg = profile_svg(profile_of(ct, analysis.seg), point[0], width, height, text)
    count = ct.shape[0]
    return (
        f'<section class="ls-planes" aria-label="Other views" data-x="{x:.5f}" data-y="{y:.5f}">'
        f'<div class="ls-views">{"".join(parts)}'
        '<figure class="ls-profile"><figcaption>Along the slices, from the lowest</figcaption>'
        f'<div role="slider" tabindex="0" aria-label="Slice" aria-valuemin="1" aria-valuemax="{count}" '
        f'aria-valuenow="{point[0] + 1}">{svg}</div></figure></div>'
        f'<div class="ls-foot"><p class="ls-hint">{HINT}</p>'
        '<button type="button" data-lines aria-pressed="true">Lines</button></div>'
        "</section>"
    )


def _place(name: str, point: Point) -> str:
    return f"row {point[1] + 1}" if name == "coronal" else f"column {point[2] + 1}"


def _figure(name: str, jpeg: bytes, label: str, plane: str, frame: Frame, more: str) -> str:
    """A picture that a click moves the point in; the button beside its name enlarges it."""
    name, picture = escape(name), base64.b64encode(jpeg).decode()
    size = f"--ls-ratio:{frame.width / frame.height:.5f};--ls-strip:{frame.strip / frame.height:.5f}"
    return (
        f'<figure data-plane="{plane}" style="{size}"{more}><figcaption>{name}<button type="button" '
        f'class="ls-grow" aria-label="Enlarge {name}" title="Enlarge"></button></figcaption>'
        f'<div class="ls-cut" tabindex="0" role="img" aria-label="{name}, {escape(label)}">'
        f'<img alt="" decoding="sync" draggable="false" src="data:image/jpeg;base64,{picture}">'
        '<i class="ls-across"></i><i class="ls-down"></i></div></figure>'
    )


SOLID_JS = script("glb.js", "solid.js")

AXES = {"R": "-1,0,0", "L": "1,0,0", "A": "0,0,1", "P": "0,0,-1", "H": "0,1,0", "F": "0,-1,0"}
"""Where the letters stand in the mesh's own axes; see `liverseg.io.glb`."""

WITHOUT_WEBGL = (
    "This browser draws no WebGL, which the 3D view needs. The mesh is among the downloads, as mesh.glb, "
    "for any glTF viewer."
)
MESH_FAILED = "The surfaces could not be fetched; go on to another slice, or upload the file again."
NOTHING_SOLID = "Neither liver nor tumour was found, so there is nothing to show in 3D."
NO_SPACING = "No 3D view: the voxel spacing of this input is not known."
SOLID_HINT = "Drag to turn, wheel or pinch to zoom; arrow keys, + and - do the same."
FACES = ("Front", "Right", "Left", "Feet")


def solid(analysis: PageAnalysis) -> str:
    """The place of the surfaces, which `solid.js` draws once it is looked at."""
    if analysis.ct.spacing_mm is None or analysis.stack is None:
        return f'<section class="ls-solid"><p class="ls-hint">{NO_SPACING}</p></section>'
    letters = "".join(
        f'<span data-axis="{axis}" aria-hidden="true">{name}</span>' for name, axis in AXES.items()
    )
    faces = "".join(f'<button type="button" data-face="{face}">{face}</button>' for face in FACES)
    told = {"without": WITHOUT_WEBGL, "failed": MESH_FAILED, "nothing": NOTHING_SOLID}
    more = "".join(f' data-{key}="{escape(text)}"' for key, text in told.items())
    return (
        f'<section class="ls-solid" aria-label="3D view" data-mesh="{analysis.stack.token}"{more}>'
        f'<div class="ls-foot"><p class="ls-caption">Liver and tumours in 3D</p><div>{faces}'
        '<button type="button" data-zoom="1.25" aria-label="Nearer">+</button>'
        '<button type="button" data-zoom="0.8" aria-label="Farther">\u2212</button></div></div>'
        '<div class="ls-stage" tabindex="0" role="img" aria-label="Translucent liver with its tumours in 3D">'
        f'{letters}<p class="ls-told" role="status"></p></div><p class="ls-hint">{SOLID_HINT}</p></section>'
    )
