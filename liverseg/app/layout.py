"""The page: which components there are, where they stand, and which event does what."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from liverseg.app import endpoints, texts
from liverseg.app.actions import Actions, Updates, preset_of, sentence_for
from liverseg.app.examples import EXAMPLES, Examples
from liverseg.app.loading import Checkpoints
from liverseg.app.session import Analysis
from liverseg.errors import LiversegError
from liverseg.rendering import DEFAULT_OPACITY
from liverseg.segmenter import Progress
from liverseg.windowing import DEFAULT_WINDOW, PRESETS, Window
from liverseg.writing import write_results

MAX_WAITING = 32
"""Events that may wait in the queue; the next visitor is told that it is full."""

NETWORK: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}
"""One network at a time, whoever asks: it uses every processor."""

DRAWING: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_limit": 4,
    "concurrency_id": "drawing",
    "api_visibility": "private",
}

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

Parts = dict[str, Any]


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
        _connect_network(parts, actions)
        _connect_drawing(parts, actions)
        _connect_downloads(parts)
        endpoints.add(checkpoints, NETWORK)
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
    _label("PNG, JPEG, NIfTI, DICOM, or the files or a zip of one DICOM series")
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
        "slice": gr.Slider(1, 2, value=1, step=1, label="Slice", visible=False, elem_id="ls-slice"),
        "preset": gr.Radio(
            list(PRESETS), value=preset_of(window), label="Display window", elem_id="ls-preset"
        ),
        "center": gr.Slider(
            -1000, 1000, value=window.center_hu, step=5, label="Centre, HU", elem_id="ls-center"
        ),
        "width": gr.Slider(10, 3000, value=window.width_hu, step=10, label="Width, HU", elem_id="ls-width"),
        "opacity": gr.Slider(
            0, 1, value=DEFAULT_OPACITY, step=0.05, label="Overlay opacity", elem_id="ls-opacity"
        ),
        "threshold": gr.Slider(
            0.05, 1, value=0.5, step=0.01, label="Tumour threshold", elem_id="ls-threshold"
        ),
    }


def offered(checkpoints: Checkpoints) -> tuple[list[tuple[str, str]], str | None, str]:
    """The dropdown's entries, the one chosen first, and its card; a refusal instead of the card."""
    try:
        choices = checkpoints.choices()
        first = checkpoints.find(None)
    except LiversegError as error:
        return [], None, texts.problem(str(error))
    return choices, first.ref, texts.checkpoint_card(first)


def _reload(checkpoints: Checkpoints) -> Callable[[], tuple[Any, str]]:
    def reload() -> tuple[Any, str]:
        checkpoints.refresh()
        choices, ref, card = offered(checkpoints)
        return gr.update(choices=choices, value=ref), card

    return reload


def _connect_network(parts: Parts, actions: Actions) -> None:
    """Events that run the network."""
    shown = list(parts.values())
    view = [parts[name] for name in ("center", "width", "opacity")]
    made = [parts["made_center"], parts["made_width"]]
    asked: dict[str, Any] = {
        **NETWORK,
        "api_visibility": "private",
        "show_progress": "full",
        "show_progress_on": parts["viewer"],
    }
    parts["upload"].upload(
        _with_progress(actions.upload, parts),
        [parts["upload"], parts["checkpoint"], *made, *view],
        shown,
        **asked,
    )
    for key in EXAMPLES:
        action = _example(actions, key)
        parts[f"example_{key}"].click(
            _with_progress(action, parts), [parts["checkpoint"], *view], shown, **asked
        )
    parts["checkpoint"].input(
        _with_progress(actions.checkpoint, parts),
        [parts["analysis"], parts["upload"], parts["checkpoint"], *made, parts["slice"], *view],
        shown,
        trigger_mode="always_last",
        **asked,
    )
    for event in (made[0].submit, made[0].blur, made[1].submit, made[1].blur):
        event(
            _with_progress(actions.remade, parts),
            [parts["analysis"], parts["checkpoint"], *made, parts["opacity"]],
            shown,
            trigger_mode="always_last",
            **asked,
        )


def _example(actions: Actions, key: str) -> Callable[..., Updates]:
    return lambda *values, progress: actions.example(key, *values, progress=progress)


def _connect_drawing(parts: Parts, actions: Actions) -> None:
    """Events that only draw: no network, and only the last of a burst counts."""
    shown = list(parts.values())
    have = [parts["analysis"], parts["shown"]]
    at = parts["slice"]
    view = [parts[name] for name in ("center", "width", "opacity")]
    for name in ("center", "width", "opacity"):
        parts[name].input(_by_name(actions.view, parts), [*have, at, *view], shown, **DRAWING)
    parts["preset"].input(
        _by_name(actions.preset, parts), [*have, parts["preset"], at, parts["opacity"]], shown, **DRAWING
    )
    at.input(_by_name(actions.slice, parts), [*have, at, *view], shown, **DRAWING)
    parts["threshold"].input(
        _by_name(actions.threshold, parts), [*have, parts["threshold"], at, *view], shown, **DRAWING
    )
    for event in (parts["upload"].clear, parts["upload"].delete):
        event(_by_name(actions.removed, parts), [parts["upload"]], shown, **DRAWING)


def _connect_downloads(parts: Parts) -> None:
    def prepare(analysis: Analysis | None, slice_number: float, center: float, width: float) -> Updates:
        if analysis is None:
            return {parts["problem"]: texts.problem(texts.EXPIRED)}
        folder = Path(tempfile.mkdtemp(prefix="liverseg-results-"))
        try:
            index = min(int(slice_number) - 1, len(analysis.ct.hu) - 1)
            written = write_results(
                folder,
                analysis.ct,
                analysis.seg,
                analysis.report,
                window=Window(center, width),
                slice_index=index,
            )
            # Copied into gradio's own folder, which `delete_cache` empties.
            kept = [parts["files"].move_resource_to_block_cache(path) for path in written]
            return {parts["files"]: gr.update(value=kept, visible=True)}
        except Exception as error:  # the boundary to the visitor, as in `actions.refusable`
            return {parts["problem"]: texts.problem(sentence_for(error))}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    names = ("analysis", "slice", "center", "width")
    parts["download"].click(
        prepare,
        [parts[name] for name in names],
        [parts["files"], parts["problem"]],
        show_progress="minimal",
        concurrency_limit=2,
        api_visibility="private",
    )


def _by_name(action: Callable[..., Updates], parts: Parts) -> Callable[..., Updates]:
    """An action's updates by name as updates by component; nothing at all is a skip."""

    def event(*values: Any) -> Updates:
        return _components(action(*values), parts)

    return event


def _with_progress(action: Callable[..., Updates], parts: Parts) -> Callable[..., Updates]:
    """The same for an action that takes a while and says how far it is."""

    def event(*values: Any, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008 (gradio's way)
        progress(0, desc="Reading")

        def tell(done: int, count: int) -> None:
            progress((done, count), desc="Segmenting", unit="slices")

        told: Progress = tell
        return _components(action(*values, progress=told), parts)

    return event


def _components(updates: Updates, parts: Parts) -> Updates:
    return {parts[name]: value for name, value in updates.items()} or {parts["problem"]: gr.skip()}
