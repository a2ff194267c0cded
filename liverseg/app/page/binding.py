"""Adapters between components and actions: typed inputs from values, updates by component from names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page.actions import Actions
from liverseg.app.page.comparison import ComparisonActions
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.view import RunRequest, View
from liverseg.errors import Cancelled, LiversegError
from liverseg.inference.progress import ProgressCallback

PageComponents = dict[str, Any]
"""Components by name; the names are those of `Updates`."""

VIEW_CONTROLS = ("slice", "center", "width", "opacity")
"""The controls of a `View`, the last inputs of every event that needs one."""

REQUEST_INPUTS = 5 + len(VIEW_CONTROLS)
"""Number of the last inputs of every event that runs the network: upload, checkpoint, series, centre and
width of the window that a picture was made with, and the view."""


def view_inputs(components: PageComponents) -> list[Any]:
    """The controls of a `View`."""
    return [components[name] for name in VIEW_CONTROLS]


def request_inputs(components: PageComponents) -> list[Any]:
    """The controls of a `RunRequest`."""
    names = ("upload", "checkpoint", "series", "made_center", "made_width")
    return [*(components[name] for name in names), *view_inputs(components)]


def with_request(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """Adapt an action whose last argument is a `RunRequest` to inputs that end with the request's values."""

    def adapted(*values: Any, progress: ProgressCallback) -> Updates:
        first, (sources, ref, series, *made_with, slice_number, center, width, opacity) = (
            values[:-REQUEST_INPUTS],
            values[-REQUEST_INPUTS:],
        )
        view = View.of_controls(slice_number, center, width, opacity)
        request = RunRequest.of_controls(sources, ref, series, (made_with[0], made_with[1]), view)
        return action(*first, request, progress=progress)

    return adapted


def with_view(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """Adapt an action whose last argument is a `View` to inputs that end with the view's values."""
    count = len(VIEW_CONTROLS)

    def adapted(*values: Any) -> Updates:
        return action(*values[:-count], View.of_controls(*values[-count:]))

    return adapted


def with_view_and_drawn(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """Adapt an action that ends with a `View` and `drawn`; the input of `drawn` precedes the view's."""
    return with_view(lambda *values: action(*values[:-2], values[-1], values[-2]))


def event_handler(action: Callable[..., Updates], components: PageComponents) -> Callable[..., Updates]:
    """A gradio event handler that calls an action; a refusal becomes a sentence next to the upload."""

    def handler(*values: Any) -> Updates:
        retention.mark_used()
        try:
            return component_updates(action(*values), components)
        except LiversegError as error:  # a value that the controls do not offer
            return component_updates({"problem": page_text.problem(str(error))}, components)

    return handler


def run_handler(
    action: Callable[..., Updates],
    components: PageComponents,
    actions: Actions | ComparisonActions,
    runs: Runs,
) -> Callable[..., Updates]:
    """A gradio event handler for an action of `actions` that runs the network: with progress and Cancel."""

    def handler(
        request: gr.Request,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (gradio recognises the default value)
    ) -> Updates:
        retention.mark_used()
        progress(0, desc="Waiting for the checkpoint" if actions.checkpoints.loading else "Reading")
        with runs.run(request.session_hash) as stop:

            def show_progress(done: int, count: int) -> None:
                if stop.is_set():
                    raise Cancelled()
                progress((done, count), desc="Segmenting", unit="slices")

            return component_updates(action(*values, progress=show_progress), components)

    return handler


def component_updates(updates: Updates, components: PageComponents) -> Updates:
    """Updates by component instead of by name; a skip where there are none, as gradio needs at least one."""
    by_component = {components[name]: value for name, value in updates.items()}
    return by_component or {components["problem"]: gr.skip()}
