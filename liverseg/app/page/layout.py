"""The page: which components there are and where they stand. What they do is in `events`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from liverseg.app.api import endpoints
from liverseg.app.examples import EXAMPLES, Examples
from liverseg.app.html import page_text
from liverseg.app.html.comparison import COMPARISON_JS
from liverseg.app.page import wiring
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import Parts
from liverseg.app.page.comparison import NO_COMPARISON, Comparing
from liverseg.app.page.updates import preset_of
from liverseg.app.server import request_guard, retention
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.view import CENTER_RANGE_HU, WIDTH_RANGE_HU
from liverseg.core.window import DEFAULT_WINDOW, PRESETS
from liverseg.errors import LiversegError
from liverseg.rendering.slice_view import DEFAULT_OPACITY

LOOK_S = 60
"""How often there is a look for files whose time is over."""

MAX_WAITING = 32
"""Events that may wait in the queue; the next visitor is told that it is full."""

QUEUE_LOOK_S = 0.01
"""How often there is a look for events in the queue. Gradio's own 1 ms keeps a processor busy at 7 %."""

ENLARGE_JS = """
element.addEventListener('click', event => {
  const figure = event.target.closest('figure:not(.ls-empty):not([data-plane])');
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
    seconds = page_text.KEEP_MINUTES * 60
    with gr.Blocks(
        title=page_text.TITLE, analytics_enabled=False, fill_width=True, delete_cache=(LOOK_S, seconds)
    ) as page:
        parts: Parts = {
            "analysis": retention.session_state(lambda _: retention.forget_unused_sessions(page)),
            "shown": gr.State(False),
            "point": gr.State(None),
            "wanted": retention.session_state(),
            "awaited": retention.session_state(),
            "fetched": retention.session_state(),
            "drawn": gr.Checkbox(False, visible=False),  # whether the page draws the slices by itself
        }
        refresh = gr.Button("Refresh list", render=False)
        gr.HTML(page_text.header(), elem_id="ls-header")
        with gr.Row(elem_id="ls-main"):
            with gr.Column(scale=0, min_width=320, elem_id="ls-controls"):
                with gr.Column(elem_id="ls-input"):
                    parts |= _input_controls(checkpoints, refresh)
                with gr.Column(elem_id="ls-view"):
                    parts |= _view_controls()
            with gr.Column(scale=1, min_width=320, elem_id="ls-output"):
                parts["viewer"] = gr.HTML(
                    page_text.empty_viewer(),
                    js_on_load=ENLARGE_JS,
                    elem_id="ls-viewer",
                    apply_default_css=False,
                )
                parts["cancel"] = gr.Button("Cancel", size="sm", elem_id="ls-cancel")
                parts |= wiring.views()
                parts |= _comparison()
                parts["results"] = gr.HTML("", elem_id="ls-results", apply_default_css=False)
                parts["download"] = gr.Button("Prepare downloads", visible=False, elem_id="ls-download")
                parts["files"] = gr.File(
                    visible=False,
                    label="Downloads",
                    file_count="multiple",
                    interactive=False,
                    elem_id="ls-files",
                )
        gr.HTML(page_text.footer(), elem_id="ls-footer")
        network = wiring.connect_network(parts, actions)
        running = list(network)
        listed = [parts["checkpoint"], parts["card"]]
        refreshed = refresh.click(
            _look_again(checkpoints), [parts["checkpoint"]], listed, api_visibility="private"
        )
        running.append(
            wiring.connect_comparison(parts, Comparing(checkpoints), actions.runs, [*running, refreshed])
        )
        relabelling, redrawing = wiring.connect_drawing(parts, actions, running)
        wiring.connect(parts, [*network, *relabelling], redrawing)
        wiring.connect_stopping(page, parts, actions)
        wiring.connect_downloads(parts)
        endpoints.add(page, checkpoints, wiring.NETWORK)
        page.load(_reload(checkpoints), None, listed, api_visibility="private")
        _watch_loading(page, checkpoints, parts)
    request_guard.guard_inputs(page)
    page.queue(max_size=MAX_WAITING)
    page._queue.sleep_when_free = QUEUE_LOOK_S
    return page


def _input_controls(checkpoints: Checkpoints, refresh: gr.Button) -> Parts:
    parts: Parts = {}
    choices, ref, card = offered(checkpoints) if checkpoints.wait_for_list() else ([], None, "")
    parts["checkpoint"] = gr.Dropdown(
        choices,
        value=ref,
        label="Checkpoint",
        elem_id="ls-checkpoint",
        filterable=False,
        buttons=[refresh],
    )
    parts["card"] = gr.HTML(card, elem_id="ls-card", apply_default_css=False)
    parts["loading"] = gr.HTML("", elem_id="ls-loading", apply_default_css=False)
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


def _comparison() -> Parts:
    none = [("No comparison", NO_COMPARISON)]
    return {
        "compare_with": gr.Dropdown(
            none,
            value=NO_COMPARISON,
            label="Compare with",
            visible=False,
            filterable=False,
            elem_id="ls-compare-with",
        ),
        "comparison": gr.HTML(
            "",
            js_on_load=ENLARGE_JS + COMPARISON_JS,
            elem_id="ls-comparison",
            apply_default_css=False,
        ),
    }


def _label(text: str) -> None:
    gr.HTML(f'<p class="ls-label">{text}</p>', apply_default_css=False)


def _view_controls() -> Parts:
    window = DEFAULT_WINDOW
    return {
        "slice": _slider("Slice", 1, 2, 1, 1, visible=False, elem_id="ls-slice"),
        "preset": gr.Radio(
            list(PRESETS), value=preset_of(window), label="Display window", elem_id="ls-preset"
        ),
        "center": _slider("Centre, HU", *CENTER_RANGE_HU, 5, window.center_hu, elem_id="ls-center"),
        "width": _slider("Width, HU", *WIDTH_RANGE_HU, 10, window.width_hu, elem_id="ls-width"),
        "opacity": _slider("Overlay opacity", 0, 1, 0.05, DEFAULT_OPACITY, elem_id="ls-opacity"),
        "threshold": _slider("Tumour threshold", 0.01, 1, 0.001, 0.5, elem_id="ls-threshold"),
        "expected": gr.HTML("", elem_id="ls-expected", apply_default_css=False),
    }


def _slider(label: str, low: float, high: float, step: float, value: float, **options: Any) -> gr.Slider:
    """Without gradio's reset button, which knows neither the checkpoint's threshold nor the first slice."""
    return gr.Slider(low, high, value=value, step=step, label=label, buttons=[], **options)


def offered(
    checkpoints: Checkpoints, chosen: str | None = None
) -> tuple[list[tuple[str, str]], str | None, str]:
    """The dropdown's entries, the one that is chosen, and its card; a refusal instead of the card.

    `chosen` is the one chosen before: it stays if it is still there, else it is the default one.
    Registries that cannot be reached are told below the card.
    """
    try:
        choices = checkpoints.choices()
        still_there = chosen in (ref for _, ref in choices)
        first = checkpoints.find(chosen if still_there else None)
    except LiversegError as error:
        return [], None, page_text.problem(str(error))
    notices = "".join(page_text.problem(notice) for notice in checkpoints.notices())
    return choices, first.ref, page_text.checkpoint_card(first) + notices


def _reload(checkpoints: Checkpoints) -> Callable[[], tuple[Any, str]]:
    def reload() -> tuple[Any, str]:
        checkpoints.refresh()
        choices, ref, card = offered(checkpoints)
        return gr.update(choices=choices, value=ref), card

    return reload


def _watch_loading(page: gr.Blocks, checkpoints: Checkpoints, parts: Parts) -> None:
    """The line below the dropdown while weights are on their way, and why they are not there after that."""

    def look(ref: str | None) -> tuple[str, gr.Timer]:
        line = checkpoints.loading
        problem = checkpoints.problem_with(ref)
        shown = page_text.loading(line) if line else page_text.problem(problem) if problem else ""
        return shown, gr.Timer(active=bool(shown))

    timer = gr.Timer(1.0, active=False)
    asked: dict[str, Any] = {
        **wiring.DRAWING,
        "inputs": parts["checkpoint"],
        "outputs": [parts["loading"], timer],
    }
    page.load(look, **asked)
    timer.tick(look, **asked)
    parts["checkpoint"].change(look, **asked)


def _look_again(checkpoints: Checkpoints) -> Callable[[str | None], tuple[Any, str]]:
    """The list anew, without a change of what is chosen and shown."""

    def look_again(chosen: str | None) -> tuple[Any, str]:
        checkpoints.refresh()
        choices, first, card = offered(checkpoints, chosen)
        return gr.update(choices=choices, value=first), card

    return look_again
