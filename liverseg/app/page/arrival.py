"""The page is opened: a result is shown whose key its address has, if the server still holds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page import switching, volume
from liverseg.app.page.comparison import NO_COMPARISON
from liverseg.app.page.updates import Updates, new_result_updates
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.view import View, within_sliders
from liverseg.app.state.visit import Visit, result_of_key
from liverseg.app.text.catalogue import say
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.rendering.slice_view import default_slice


def arrive(checkpoints: Checkpoints, key: str | None, view: View, visit: Visit) -> Updates:
    """Show the result of a key in its own page, as the page it comes from shows it.

    `visit` is the new page's, which gets a result of its own: what is set on one page does not change the
    other. Without a key nothing changes. An unknown one is explained in a sentence.
    """
    found = result_of_key(key or "")
    if found is None:
        return {"problem": page_text.problem(say("gone"))} if key else {}
    analysis, choices = found
    visit.choices = choices
    if choices.slice_index is None:
        view = replace(view, slice_index=default_slice(analysis.seg))
    window = choices.window or analysis.ct.assumed_window or DEFAULT_WINDOW
    view = replace(view.with_choices(choices), window=within_sliders(window)).within(len(analysis.ct.hu))
    ref = analysis.seg.checkpoint.ref
    updates = {
        **new_result_updates(analysis, view),
        **volume.show_views(analysis, None, view),
        "checkpoint": ref,
        "opacity": view.opacity,
        **switching.choose(checkpoints, analysis, ref, choices),
    }
    if all(Path(source).is_file() for source in analysis.sources):  # uploads are deleted earlier than results
        updates["upload"] = list(analysis.sources)
    made_with = analysis.ct.assumed_window
    if made_with is not None:
        updates |= {"made_center": made_with.center_hu, "made_width": made_with.width_hu}
    if analysis.second is not None:
        second = analysis.second.seg.checkpoint.ref
        others = [(label, other) for label, other in checkpoints.choices() if other != ref]
        choices_shown = [(say("label.no_comparison"), NO_COMPARISON), *others]
        updates["compare_with"] = gr.update(choices=choices_shown, value=second, visible=True)
    return updates
