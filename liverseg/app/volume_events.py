"""Which event does what in the views of a volume: `volume_page` tied to the components of `layout`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app import keeping, solid_texts, volume_page, volume_texts
from liverseg.app.events import DRAWING, Parts, by_name, components
from liverseg.app.updates import Updates

WISHES = ("slice", "lesion", "plane", "x", "y", "drawn")
"""What an event of `volume.js` may say."""


def views() -> Parts:
    """The components: coronal and sagittal view with the profile, and the surfaces. They are empty yet."""
    return {
        "planes": gr.HTML(
            "", js_on_load=volume_texts.VOLUME_JS, elem_id="ls-planes", apply_default_css=False
        ),
        "solid": gr.HTML("", js_on_load=solid_texts.SOLID_JS, elem_id="ls-solid", apply_default_css=False),
    }


def connect(parts: Parts, renewing: Sequence[Dependency], redrawing: Sequence[Dependency]) -> None:
    """The views follow what changes the result, and what changes only how it is drawn."""
    have, at = [parts["analysis"], parts["shown"]], [parts["point"], parts["slice"]]
    view = [parts[name] for name in ("center", "width", "opacity")]
    places = [parts[name] for name in ("planes", "solid", "point", "problem")]
    for events, action in ((renewing, volume_page.renewed), (redrawing, volume_page.redrawn)):
        for event in events:
            event.then(by_name(action, parts), [parts["analysis"], *at, *view], places, **DRAWING)

    def go(event: gr.EventData, *values: Any) -> Updates:
        keeping.touch()
        wish = {key: getattr(event, key, None) for key in WISHES}
        return components(volume_page.go(*values, wish=wish), parts)

    parts["planes"].select(go, [*have, *at, *view], list(parts.values()), **DRAWING)
