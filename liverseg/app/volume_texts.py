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

from liverseg.app.session import Analysis, View
from liverseg.app.texts import PANELS
from liverseg.colours import (
    DARKENED,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    QUIET_RGB,
    TEXT_RGB,
    THRESHOLD_RGB,
    TUMOUR_RGB,
)
from liverseg.framing import Frame, scale_bar_mm
from liverseg.planes import Point, plane_frame, plane_named, shares_at
from liverseg.profile import profile_of, profile_svg
from liverseg.windowing import PRESETS

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


def script(*names: str) -> str:
    """Files beside this one as one piece of JavaScript, with `LOOK`."""
    parts = [Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names]
    return "\n".join([f"const LOOK = {json.dumps(LOOK)};", *parts])


VOLUME_JS = script("slices.js", "drawing.js", "canvases.js", "volume.js")

OTHER_PLANES = ("coronal", "sagittal")
TABS = ("CT", "Segmentation", "Probability")
PROFILE_SIZE = (360.0, 210.0, 12.5)
"""Width, height and letters of the profile in its own units; it is shown about as wide."""

HINT = (
    "Click a picture to move the lines. Wheel or arrow keys: slice by slice; Page Up and Page Down: by ten."
)


def viewer(jpegs: Sequence[bytes], analysis: Analysis, view: View) -> str:
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


def _drawing(analysis: Analysis, view: View, frame: Frame) -> dict[str, object]:
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


def planes(analysis: Analysis, jpegs: Sequence[bytes], point: Point) -> str:
    """Coronal and sagittal pictures through a point, and the profile along the slices."""
    ct = analysis.ct
    parts = []
    for name, jpeg in zip(OTHER_PLANES, jpegs, strict=True):
        (x, lowest), (_, highest) = (shares_at(ct, name, (z, *point[1:])) for z in (0, ct.shape[0] - 1))
        lines = f' data-x="{x:.5f}" data-lowest="{lowest:.5f}" data-highest="{highest:.5f}"'
        place = _place(name, point)
        parts.append(_figure(name.capitalize(), jpeg, place, name, plane_frame(ct, plane_named(name)), lines))
    x, y = shares_at(ct, "axial", point)
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
