"""Between the components of the page and its actions: inputs as typed values, updates by component."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page.actions import Actions
from liverseg.app.page.comparison import Comparing
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.view import RunRequest, View
from liverseg.errors import Cancelled, LiversegError
from liverseg.inference.progress import ProgressCallback

Parts = dict[str, Any]
"""Components by name; the names are those of `Updates`."""

VIEW = ("slice", "center", "width", "opacity")
"""The controls of a `View`, the last inputs of every event that needs one."""

REQUEST_INPUTS = 5 + len(VIEW)
"""The last inputs of every event that runs the network: upload, checkpoint, series, made with, view."""


def view_inputs(parts: Parts) -> list[Any]:
    return [parts[name] for name in VIEW]


def with_request(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """An action that takes a `RunRequest` last, for inputs that end with its values."""

    def called(*values: Any, progress: ProgressCallback) -> Updates:
        first, (sources, ref, series, *made, slice_number, center, width, opacity) = (
            values[:-REQUEST_INPUTS],
            values[-REQUEST_INPUTS:],
        )
        view = View.of_controls(slice_number, center, width, opacity)
        request = RunRequest.of_controls(sources, ref, series, (made[0], made[1]), view)
        return action(*first, request, progress=progress)

    return called


def with_view(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """An action that takes a `View` last, for inputs that end with its values."""

    def called(*values: Any) -> Updates:
        return action(*values[: -len(VIEW)], View.of_controls(*values[-len(VIEW) :]))

    return called


def with_view_and_drawn(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """The same for an action that takes `drawn` behind the view; its input stands before the view's."""
    return with_view(lambda *values: action(*values[:-2], values[-1], values[-2]))


def by_name(action: Callable[..., Updates], parts: Parts) -> Callable[..., Updates]:
    """An action's updates by name as updates by component; nothing at all is a skip."""

    def event(*values: Any) -> Updates:
        retention.mark_used()
        try:
            return components(action(*values), parts)
        except LiversegError as refusal:  # a setting that no control offers
            return components({"problem": page_text.problem(str(refusal))}, parts)

    return event


def with_progress(
    action: Callable[..., Updates], parts: Parts, actions: Actions | Comparing, runs: Runs
) -> Callable[..., Updates]:
    """The same for an action that takes a while, says how far it is, and may be told to stop."""

    def event(
        request: gr.Request,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (gradio's way)
    ) -> Updates:
        retention.mark_used()
        progress(0, desc="Waiting for the checkpoint" if actions.checkpoints.loading else "Reading")
        with runs.run(request.session_hash) as stop:

            def tell(done: int, count: int) -> None:
                if stop.is_set():
                    raise Cancelled()
                progress((done, count), desc="Segmenting", unit="slices")

            told: ProgressCallback = tell
            return components(action(*values, progress=told), parts)

    return event


def components(updates: Updates, parts: Parts) -> Updates:
    """Updates by name as updates by component; gradio needs one at least."""
    return {parts[name]: value for name, value in updates.items()} or {parts["problem"]: gr.skip()}
