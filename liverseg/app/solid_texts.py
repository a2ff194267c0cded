"""The HTML of the 3D view of a volume (pure)."""

from __future__ import annotations

from html import escape

from liverseg.app.session import Analysis
from liverseg.app.volume_texts import script

SOLID_JS = script("glb.js", "solid.js")

AXES = {"R": "-1,0,0", "L": "1,0,0", "A": "0,0,1", "P": "0,0,-1", "H": "0,1,0", "F": "0,-1,0"}
"""Where the letters stand in the mesh's own axes; see `liverseg.glb`."""

WITHOUT_WEBGL = (
    "This browser draws no WebGL, which the 3D view needs. The mesh is among the downloads, as mesh.glb, "
    "for any glTF viewer."
)
MESH_FAILED = "The surfaces could not be fetched; go on to another slice, or upload the file again."
NOTHING_SOLID = "Neither liver nor tumour was found, so there is nothing to show in 3D."
NO_SPACING = "No 3D view: the voxel spacing of this input is not known."
SOLID_HINT = "Drag to turn, wheel or pinch to zoom; arrow keys, + and - do the same."
FACES = ("Front", "Right", "Left", "Feet")


def solid(analysis: Analysis) -> str:
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
