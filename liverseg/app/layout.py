"""The page: which components there are and where they stand. What they do is in `events`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from liverseg.app import endpoints, events, session, texts
from liverseg.app.actions import Actions
from liverseg.app.events import Parts
from liverseg.app.examples import EXAMPLES, Examples
from liverseg.app.loading import Checkpoints
from liverseg.app.updates import preset_of
from liverseg.errors import LiversegError
from liverseg.rendering import DEFAULT_OPACITY
from liverseg.windowing import DEFAULT_WINDOW, PRESETS

MAX_WAITING = 32
"""Events that may wait in the queue; the next visitor is told that it is full."""

ENLARGE_JS = """
element.addEventListener('click', event => {
  const figure = event.target.closest('figure:not(.ls-empty)');
  if (figure) figure.classList.toggle('ls-enlarged');
});
element.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  element.querySelectorAll('.ls-enlarged').forEach(figure => figure.classList.remove('ls-enlarged'));
});
"""
"""A click enlarges a picture to the whole page, another one or Escape brings it back."""


def build(checkpoints: Checkpoints, examples: Examples) -> gr.Blocks:
    """The whole page with its endpoints, ready to launch."""
    actions = Actions(checkpoints, examples)
    seconds = texts.KEEP_MINUTES * 60
    with gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, fill_width=True, delete_cache=(60, seconds)
    ) as page:
        parts: Parts = {
            "analysis": gr.State(None, time_to_live=seconds),
            "shown": gr.State(False),
        }
        gr.HTML(texts.header(), elem_id="ls-header")
        with gr.Row(elem_id="ls-main"):
            with gr.Column(scale=0, min_width=320, elem_id="ls-controls"):
                with gr.Column(elem_id="ls-input"):
                    parts |= _input_controls(checkpoints)
                with gr.Column(elem_id="ls-view"):
                    parts |= _view_controls()
            with gr.Column(scale=1, min_width=320, elem_id="ls-output"):
                parts["viewer"] = gr.HTML(
                    texts.empty_viewer(), js_on_load=ENLARGE_JS, elem_id="ls-viewer", apply_default_css=False
                )
                parts["results"] = gr.HTML("", elem_id="ls-results", apply_default_css=False)
                parts["download"] = gr.Button("Prepare downloads", visible=False, elem_id="ls-download")
                parts["files"] = gr.File(
                    visible=False,
                    label="Downloads",
                    file_count="multiple",
                    interactive=False,
                    elem_id="ls-files",
                )
        gr.HTML(texts.footer(), elem_id="ls-footer")
        running = events.connect_network(parts, actions)
        events.connect_drawing(parts, actions, running)
        events.connect_downloads(parts)
        endpoints.add(checkpoints, events.NETWORK)
        page.load(_reload(checkpoints), None, [parts["checkpoint"], parts["card"]], api_visibility="private")
    return page.queue(max_size=MAX_WAITING)


def _input_controls(checkpoints: Checkpoints) -> Parts:
    parts: Parts = {}
    choices, ref, card = offered(checkpoints)
    parts["checkpoint"] = gr.Dropdown(
        choices, value=ref, label="Checkpoint", elem_id="ls-checkpoint", filterable=False
    )
    parts["card"] = gr.HTML(card, elem_id="ls-card", apply_default_css=False)
    parts["upload"] = gr.File(
        label="CT slice or volume",
        file_count="multiple",
        height=150,
        elem_id="ls-upload",
    )
    parts["problem"] = gr.HTML("", elem_id="ls-problem", apply_default_css=False)
    parts["series"] = gr.Radio([], label="Series", visible=False, elem_id="ls-series")
    _label("PNG, JPEG, NIfTI, DICOM, or the files or a zip of DICOM series")
    _label("Examples, made by our phantom generator")
    with gr.Row(elem_id="ls-examples"):
        for key, example in EXAMPLES.items():
            parts[f"example_{key}"] = gr.Button(
                example.label, size="sm", min_width=80, elem_id=f"ls-example-{key}"
            )
    with gr.Column(elem_id="ls-made-with") as parts["made_with"]:
        _label("Window the picture was made with (PNG, JPEG)")
        with gr.Row():
            parts["made_center"] = gr.Number(
                DEFAULT_WINDOW.center_hu, label="Centre, HU", min_width=80, elem_id="ls-made-center"
            )
            parts["made_width"] = gr.Number(
                DEFAULT_WINDOW.width_hu, label="Width, HU", min_width=80, elem_id="ls-made-width"
            )
    return parts


def _label(text: str) -> None:
    gr.HTML(f'<p class="ls-label">{text}</p>', apply_default_css=False)


def _view_controls() -> Parts:
    window = DEFAULT_WINDOW
    return {
        "slice": _slider("Slice", 1, 2, 1, 1, visible=False, elem_id="ls-slice"),
        "preset": gr.Radio(
            list(PRESETS), value=preset_of(window), label="Display window", elem_id="ls-preset"
        ),
        "center": _slider("Centre, HU", *session.CENTER_RANGE_HU, 5, window.center_hu, elem_id="ls-center"),
        "width": _slider("Width, HU", *session.WIDTH_RANGE_HU, 10, window.width_hu, elem_id="ls-width"),
        "opacity": _slider("Overlay opacity", 0, 1, 0.05, DEFAULT_OPACITY, elem_id="ls-opacity"),
        "threshold": _slider("Tumour threshold", 0.05, 1, 0.01, 0.5, elem_id="ls-threshold"),
    }


def _slider(label: str, low: float, high: float, step: float, value: float, **options: Any) -> gr.Slider:
    """Without gradio's reset button, which knows neither the checkpoint's threshold nor the first slice."""
    return gr.Slider(low, high, value=value, step=step, label=label, buttons=[], **options)


def offered(checkpoints: Checkpoints) -> tuple[list[tuple[str, str]], str | None, str]:
    """The dropdown's entries, the one chosen first, and its card; a refusal instead of the card.

    Registries that cannot be reached are told below it.
    """
    try:
        choices = checkpoints.choices()
        first = checkpoints.find(None)
    except LiversegError as error:
        return [], None, texts.problem(str(error))
    notices = "".join(texts.problem(notice) for notice in checkpoints.notices())
    return choices, first.ref, texts.checkpoint_card(first) + notices


def _reload(checkpoints: Checkpoints) -> Callable[[], tuple[Any, str]]:
    def reload() -> tuple[Any, str]:
        checkpoints.refresh()
        choices, ref, card = offered(checkpoints)
        return gr.update(choices=choices, value=ref), card

    return reload
