"""Adapters between components and actions: typed inputs from values, updates by component from names.

Every event of a page works on its `Visit`: an input that is the state `analysis` reaches the action as the
result held at that moment, and the result that the action returns is put there. Events that do not run the
network hold the visit's lock meanwhile. A run does not, so it is shown only if no later run, and no removal
of the upload, has made it unwanted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import gradio as gr

from liverseg.app.html import page_text, waiting_text
from liverseg.app.page.actions import Actions
from liverseg.app.page.comparison import ComparisonActions
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
from liverseg.app.server.visitor_language import in_visitors_language
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import RunRequest, View
from liverseg.app.state.visit import Visit
from liverseg.app.text.catalogue import say
from liverseg.errors import Cancelled
from liverseg.inference.progress import ProgressCallback

PageComponents = dict[str, Any]
"""Components by name; the names are those of `Updates`."""

VIEW_CONTROLS = ("slice", "center", "width", "opacity")
"""The controls of a `View`, the last inputs of every event that needs one."""

REQUEST_INPUTS = 5 + len(VIEW_CONTROLS)
"""Number of the last inputs of every event that runs the network: upload, checkpoint, series, centre and
width of the window that a picture was made with, and the view."""

_current: ContextVar[Visit | None] = ContextVar("visit", default=None)


def current_visit() -> Visit:
    """The visit of the event that is handled; an empty one outside of an event."""
    return _current.get() or Visit()


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
        request = replace(request, choices=current_visit().choices)
        return action(*first, request, progress=progress)

    return adapted


def with_view(action: Callable[..., Updates], sets: str = "") -> Callable[..., Updates]:
    """Adapt an action whose last argument is a `View` to inputs that end with the view's values.

    `sets` names what the visitor has set with this event: "slice", "window" or "opacity". Any other event may
    have been sent before the slice shown was chosen, so it gets the slice that the visit knows.
    """
    count = len(VIEW_CONTROLS)

    def adapted(*values: Any) -> Updates:
        choices, view = current_visit().choices, View.of_controls(*values[-count:])
        if sets == "slice":
            choices.slice_index = view.slice_index
        elif choices.slice_index is not None:
            view = replace(view, slice_index=choices.slice_index)
        if sets == "window":
            choices.window = view.window
        if sets == "opacity":
            choices.opacity = view.opacity
        return action(*values[:-count], view)

    return adapted


def with_view_and_drawn(action: Callable[..., Updates], sets: str = "") -> Callable[..., Updates]:
    """Adapt an action that ends with a `View` and `drawn`; the input of `drawn` precedes the view's."""
    return with_view(lambda *values: action(*values[:-2], values[-1], values[-2]), sets)


def event_handler(action: Callable[..., Updates], components: PageComponents) -> Callable[..., Updates]:
    """A gradio event handler that calls an action; an error becomes a sentence next to the upload."""

    @in_visitors_language
    def handler(*values: Any) -> Updates:
        retention.mark_used()
        visit = _visit_in(values)
        token = _current.set(visit)
        try:
            with (visit or Visit()).lock:
                return component_updates(_guarded(action, _results_for(values)), components)
        finally:
            _current.reset(token)

    return handler


def reading_handler(action: Callable[..., Updates], components: PageComponents) -> Callable[..., Updates]:
    """A handler for an action that takes long and changes no result; other events go on meanwhile.

    Its updates are dropped where the page holds another result by then.
    """

    @in_visitors_language
    def handler(*values: Any) -> Updates:
        retention.mark_used()
        visit = _visit_in(values) or Visit()
        token = _current.set(visit)
        try:
            before, given = visit.analysis, _results_for(values)
            updates = _guarded(action, given)
            with visit.lock:
                return component_updates(updates if visit.analysis is before else {}, components)
        finally:
            _current.reset(token)

    return handler


def _guarded(action: Callable[..., Updates], given: list[Any]) -> Updates:
    """The updates of an action; an error becomes a sentence."""
    try:
        return action(*given)
    except Exception as error:  # `sentence_for` logs what is unexpected; the page goes on
        return {"problem": page_text.refusal(sentence_for(error))}


def select_handler(action: Callable[..., Updates], components: PageComponents) -> Callable[..., Updates]:
    """A handler for an event that the page's scripts trigger; the action gets the event's data first."""

    def handler(event: gr.EventData, *values: Any) -> Updates:
        return event_handler(lambda *given: action(event, *given), components)(*values)

    return handler


def run_handler(
    action: Callable[..., Updates],
    components: PageComponents,
    actions: Actions | ComparisonActions,
    runs: Runs,
) -> Callable[..., Updates]:
    """A gradio event handler for an action of `actions` that runs the network: with progress and Cancel."""

    @in_visitors_language
    def handler(
        request: gr.Request,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (gradio recognises the default value)
    ) -> Updates:
        retention.mark_used()
        progress(0, desc=say("run.waiting" if actions.checkpoints.loading else "run.reading"))
        visit = _visit_in(values)
        held = visit or Visit()
        token = _current.set(visit)
        try:
            with held.lock:
                number, given = held.begin_run(), _results_for(values)
            with runs.run(request.session_hash) as stop:

                def show_progress(done: int, count: int) -> None:
                    if stop.is_set():
                        raise Cancelled()
                    progress((done, count), desc=say("run.segmenting"), unit=say("run.slices"))

                updates = action(*given, progress=show_progress)
            with held.lock:
                return component_updates(updates if held.wants(number) else {}, components)
        finally:
            _current.reset(token)

    return handler


def component_updates(updates: Updates, components: PageComponents) -> Updates:
    """Updates by component instead of by name; a skip where there are none, as gradio needs at least one.

    A result is put into the visit, and the results on the page are marked with its threshold.
    """
    updates = dict(updates)
    visit = _current.get()
    if "analysis" in updates and (visit is not None or updates["analysis"] is not None):
        visit = visit or Visit()
        _hold(visit, updates)
    if visit is not None and "slice" in updates:
        _note_slice(visit, updates["slice"])
    if visit is not None and visit.analysis is not None and updates.get("results"):
        updates["results"] = waiting_text.stamped(updates["results"], visit.analysis)
    by_component = {components[name]: value for name, value in updates.items()}
    return by_component or {components["problem"]: gr.skip()}


def _hold(visit: Visit, updates: Updates) -> None:
    """Put a new result into the visit, which takes its place as the value of the state."""
    result: PageAnalysis | None = updates["analysis"]
    said = ""
    if result is not None and (visit.analysis is None or result.seg is not visit.analysis.seg):
        said = waiting_text.result_sentence(result)
    visit.show(result)
    if result is None:
        visit.choices.slice_index = None
    updates["analysis"] = visit
    updates["session"] = waiting_text.session_data(retention.visitor() or "", visit.key, said)


def _note_slice(visit: Visit, update: Any) -> None:
    """Remember the slice that an event goes to."""
    number = update.get("value") if isinstance(update, dict) else update
    if isinstance(number, int | float):
        visit.choices.slice_index = int(number) - 1


def _visit_in(values: tuple[Any, ...]) -> Visit | None:
    return next((value for value in values if isinstance(value, Visit)), None)


def _results_for(values: tuple[Any, ...]) -> list[Any]:
    """The inputs of an action: the result of the visit in the place of the visit."""
    return [value.analysis if isinstance(value, Visit) else value for value in values]
