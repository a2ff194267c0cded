"""The components of the page in groups: input, view, pictures, panel of results, tabs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from liverseg.app.examples import Examples
from liverseg.app.html import page_text
from liverseg.app.html.api_call import API_CALL_JS
from liverseg.app.html.comparison import COMPARISON_JS
from liverseg.app.html.downloads import TAB
from liverseg.app.html.results import RESULTS_JS
from liverseg.app.html.volume import SURFACE_JS, VOLUME_JS
from liverseg.app.html.waiting_text import session_javascript
from liverseg.app.page import downloads, gallery
from liverseg.app.page.binding import PageComponents
from liverseg.app.page.checkpoint_list import checkpoint_choices
from liverseg.app.page.comparison import NO_COMPARISON
from liverseg.app.page.updates import preset_name
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.view import CENTER_RANGE_HU, WIDTH_RANGE_HU
from liverseg.core.window import DEFAULT_WINDOW, PRESETS
from liverseg.io.sniff import FORMAT_LIST
from liverseg.rendering.slice_view import DEFAULT_OPACITY

ENLARGE_JS = """
element.addEventListener('click', event => {
  const figure = event.target.closest('figure');
  if (figure) figure.classList.toggle('ls-enlarged');
});
element.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  element.querySelectorAll('.ls-enlarged').forEach(figure => figure.classList.remove('ls-enlarged'));
});
"""
"""A click enlarges a picture of the comparison to the whole page; a second click or Escape restores it."""


def session_components() -> PageComponents:
    """What the page's scripts learn from the server, and the region in which results are announced."""
    return {
        "session": gr.HTML(
            "", js_on_load=session_javascript(), elem_id="ls-session", apply_default_css=False
        ),
        "status": gr.HTML('<p role="status"></p>', elem_id="ls-status", apply_default_css=False),
    }


def input_controls(checkpoints: Checkpoints, examples: Examples, refresh: gr.Button) -> PageComponents:
    """Upload, series, examples, checkpoint, and the window that a picture was made with."""
    components: PageComponents = {}
    choices, ref, card = checkpoint_choices(checkpoints) if checkpoints.wait_for_list() else ([], None, "")
    components["upload"] = gr.File(
        label="CT slice or volume",
        file_count="multiple",
        height=96,
        elem_id="ls-upload",
    )
    _label(f"{FORMAT_LIST}, DICOM files, or a zip of DICOM series or one volume", "ls-formats")
    components["series"] = gr.Radio([], label="Series", visible=False, elem_id="ls-series")
    components["run_again"] = gr.Button("Run again", size="sm", visible=False, elem_id="ls-run-again")
    _label("Examples")
    components |= gallery.example_gallery(examples)
    with gr.Column(elem_id="ls-made-with", visible=False) as components["made_with"]:
        _label("Window the picture was made with")
        with gr.Row():
            components["made_center"] = gr.Number(
                DEFAULT_WINDOW.center_hu, label="Centre, HU", min_width=80, elem_id="ls-made-center"
            )
            components["made_width"] = gr.Number(
                DEFAULT_WINDOW.width_hu, label="Width, HU", min_width=80, elem_id="ls-made-width"
            )
    components["checkpoint"] = gr.Dropdown(
        choices,
        value=ref,
        label="Checkpoint",
        elem_id="ls-checkpoint",
        filterable=False,
        buttons=[refresh],
    )
    components["card"] = gr.HTML(card, elem_id="ls-card", apply_default_css=False)
    components["loading"] = gr.HTML("", elem_id="ls-loading", apply_default_css=False)
    return components


def _label(text: str, elem_id: str | None = None) -> None:
    gr.HTML(f'<p class="ls-label">{text}</p>', elem_id=elem_id, apply_default_css=False)


def messages() -> PageComponents:
    """Why something was refused."""
    return {
        "problem": gr.HTML("", elem_id="ls-problem", apply_default_css=False),
    }


def view_controls() -> PageComponents:
    """Display window, opacity, threshold, and the lesion cut of checkpoints with a lesion model."""
    window = DEFAULT_WINDOW
    return {
        "preset": gr.Radio(
            list(PRESETS), value=preset_name(window), label="Display window", elem_id="ls-preset"
        ),
        "center": _slider("Centre, HU", CENTER_RANGE_HU, 5, window.center_hu, elem_id="ls-center"),
        "width": _slider("Width, HU", WIDTH_RANGE_HU, 10, window.width_hu, elem_id="ls-width"),
        "opacity": _slider("Overlay opacity", (0, 1), 0.05, DEFAULT_OPACITY, elem_id="ls-opacity"),
        "threshold": _slider("Tumour threshold", (0.01, 1), 0.001, 0.5, elem_id="ls-threshold"),
        "expected": gr.HTML("", elem_id="ls-expected", apply_default_css=False),
        "lesion_cut": _slider("Lesion certainty", (0, 1), 0.01, 0.5, visible=False, elem_id="ls-lesion-cut"),
        "operating": gr.HTML("", elem_id="ls-operating", apply_default_css=False),
    }


def _slider(label: str, limits: tuple[float, float], step: float, value: float, **options: Any) -> gr.Slider:
    """A slider without gradio's reset button, which would reset to the value here instead of the result's."""
    return gr.Slider(*limits, value=value, step=step, label=label, buttons=[], **options)


def result_viewer() -> PageComponents:
    """The axial pictures, the slider of the slice, and the button that cancels a run."""
    return {
        "viewer": gr.HTML(page_text.empty_viewer(), elem_id="ls-viewer", apply_default_css=False),
        "cancel": gr.Button("Cancel", size="sm", elem_id="ls-cancel"),
        "waiting": gr.HTML("", elem_id="ls-waiting", apply_default_css=False),
        "slice": _slider("Slice", (1, 2), 1, 1, visible=False, elem_id="ls-slice"),
    }


def plane_views() -> PageComponents:
    """Coronal and sagittal view with the profile; empty without a volume."""
    return {"planes": gr.HTML("", js_on_load=VOLUME_JS, elem_id="ls-planes", apply_default_css=False)}


def results_panel() -> PageComponents:
    """Doubts, sizes and lesions, and the counts of the slice shown."""
    return {
        "results": gr.HTML("", js_on_load=RESULTS_JS, elem_id="ls-results", apply_default_css=False),
        "panel_slice": gr.HTML("", elem_id="ls-slice-note", apply_default_css=False),
    }


def result_tabs() -> PageComponents:
    """What is below the pictures: 3D, comparison, downloads, source, and the call that repeats the result."""
    components: PageComponents = {}
    with gr.Tabs(elem_id="ls-tabs") as components["tabs"]:
        with gr.Tab("3D", id="3d"):
            components["surfaces"] = gr.HTML(
                "", js_on_load=SURFACE_JS, elem_id="ls-solid", apply_default_css=False
            )
            gr.HTML(
                f'<p class="ls-none">{page_text.ONLY_VOLUMES_IN_3D}</p>',
                elem_id="ls-no-solid",
                apply_default_css=False,
            )
        with gr.Tab("Compare", id="compare"):
            components |= comparison_controls()
        with gr.Tab(TAB, id="downloads", elem_id="ls-downloads-tab") as components["downloads_tab"]:
            components |= downloads.contents()
        with gr.Tab("Where it comes from", id="source"):
            components["provenance"] = gr.HTML("", elem_id="ls-source", apply_default_css=False)
        with gr.Tab("API", id="api"):
            components["api_call"] = gr.HTML(
                "", js_on_load=API_CALL_JS, elem_id="ls-api-call", apply_default_css=False
            )
    return components


def comparison_controls() -> PageComponents:
    """The dropdown of second checkpoints, and the comparison."""
    return {
        "compare_with": gr.Dropdown(
            [("No comparison", NO_COMPARISON)],
            value=NO_COMPARISON,
            label="Compare with",
            visible=False,
            filterable=False,
            elem_id="ls-compare-with",
        ),
        "comparison": gr.HTML(
            "", js_on_load=ENLARGE_JS + COMPARISON_JS, elem_id="ls-comparison", apply_default_css=False
        ),
    }
