"""Which event of which component calls which action: connects `actions` with the components of `layout`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app.page import downloads, gallery, volume
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import (
    VIEW_CONTROLS,
    PageComponents,
    component_updates,
    event_handler,
    request_inputs,
    run_handler,
    view_inputs,
    with_request,
    with_view,
    with_view_and_drawn,
)
from liverseg.app.page.comparison import ComparisonActions
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.view import View

NETWORK_QUEUE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}
"""Options of events that run the network: one at a time for all visitors, as each uses every processor."""

DRAWING_QUEUE: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_limit": 4,
    "concurrency_id": "drawing",
    "api_visibility": "private",
}
"""Options of events that only draw. While one is running, only the last of the later ones is kept."""

TARGET_KEYS = ("slice", "lesion", "plane", "x", "y", "drawn")
"""Keys of the events that `volume.js` triggers; see `volume.navigate`."""

_SHOW_CANCEL = "() => { document.querySelector('#ls-cancel').dataset.busy = ''; }"
_HIDE_CANCEL = "() => { delete document.querySelector('#ls-cancel').dataset.busy; }"

_SET_DRAWN_JS = f"""(...inputs) => {{
  const drawn = document.querySelector('#ls-viewer').dataset.drawn === 'yes';
  inputs[inputs.length - {len(VIEW_CONTROLS) + 1}] = drawn;
  return inputs;
}}"""
"""Sets the input `drawn`, which precedes those of the view, to the state of `canvases.js`."""


def connect_network(components: PageComponents, actions: Actions) -> list[Dependency]:
    """Connect and return the events that run the network.

    While one is running, the Cancel button has the attribute `data-busy`.
    """
    outputs = list(components.values())
    events: list[Dependency] = []
    options: dict[str, Any] = {
        **NETWORK_QUEUE,
        "api_visibility": "private",
        "show_progress": "full",
        "show_progress_on": components["viewer"],
    }

    def listen(event: Any, action: Callable[..., Updates], inputs: list[Any], **more: Any) -> None:
        event(None, js=_SHOW_CANCEL, api_visibility="private")
        handler = run_handler(with_request(action), components, actions, actions.runs)
        run = event(handler, inputs, outputs, **options, **more)
        run.then(None, js=_HIDE_CANCEL, api_visibility="private")
        events.append(run)

    center, width = components["made_center"], components["made_width"]
    request = request_inputs(components)
    with_analysis = [components["analysis"], *request]
    last: dict[str, Any] = {"trigger_mode": "always_last"}
    listen(components["upload"].upload, actions.upload, request, **last)
    listen(components["series"].input, actions.series, request, **last)
    listen(components["checkpoint"].input, actions.checkpoint, with_analysis, **last)
    for event in (center.submit, center.blur, width.submit, width.blur):
        listen(event, actions.picture_window, with_analysis, **last)
    return events


def connect_examples(page: gr.Blocks, components: PageComponents, actions: Actions) -> list[Dependency]:
    """Connect the examples and what the page opens with; returns the events that change the result."""
    shown_on = {"show_progress": "full", "show_progress_on": components["viewer"]}
    network = {**NETWORK_QUEUE, **shown_on, "api_visibility": "private", "trigger_mode": "always_last"}
    components["wanted"].change(None, js=_SHOW_CANCEL, api_visibility="private")
    events = gallery.connect_arrival(
        page, components, actions, request_inputs(components), (DRAWING_QUEUE, network)
    )
    events[-1].then(None, js=_HIDE_CANCEL, api_visibility="private")
    return events


def connect_cancelling(page: gr.Blocks, components: PageComponents, runs: Runs) -> None:
    """Stop a visitor's runs when they press Cancel, remove the upload, or leave the page."""

    def stop(request: gr.Request) -> None:
        runs.stop(request.session_hash)
        retention.expire_soon(page, request.session_hash)

    options: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    upload = components["upload"]
    for event in (components["cancel"].click, upload.clear, upload.delete):
        event(stop, None, None, **options)
    for event in (upload.clear, upload.delete):
        event(None, js=_HIDE_CANCEL, api_visibility="private")
    page.unload(stop)


def connect_drawing(
    components: PageComponents, actions: Actions, network: Sequence[Dependency]
) -> tuple[list[Dependency], list[Dependency]]:
    """Connect the events that draw without the network.

    Removing the upload also cancels the events of `network`, so that no late result is shown.

    Returns:
        the events of the threshold and of the lesion cut, which change the result
        the events that change only how it is drawn
    """
    outputs = list(components.values())
    shown, drawn = [components["analysis"], components["shown"]], components["drawn"]
    view, preset = view_inputs(components), components["preset"]
    options: dict[str, Any] = {**DRAWING_QUEUE, "js": _SET_DRAWN_JS}

    def handler(action: Callable[..., Updates]) -> Callable[..., Updates]:
        return event_handler(with_view_and_drawn(action), components)

    redraws = [
        components[name].input(handler(actions.view), [*shown, drawn, *view], outputs, **options)
        for name in ("center", "width", "opacity")
    ]
    redraws.append(preset.input(handler(actions.preset), [*shown, preset, drawn, *view], outputs, **options))
    components["slice"].input(handler(actions.slice), [*shown, drawn, *view], outputs, **options)
    relabelled = [
        components[name].input(
            event_handler(with_view(action), components),
            [*shown, components[name], *view],
            outputs,
            **DRAWING_QUEUE,
        )
        for name, action in (("threshold", actions.threshold), ("lesion_cut", actions.lesion_cut))
    ]
    for event in (components["upload"].clear, components["upload"].delete):
        event(
            event_handler(actions.upload_removed, components),
            [components["upload"]],
            outputs,
            cancels=list(network),
            **DRAWING_QUEUE,
        )
    return relabelled, redraws


def connect_comparison(
    components: PageComponents, actions: ComparisonActions, runs: Runs, main_events: Sequence[Dependency]
) -> Dependency:
    """Connect the events of the comparison, which follow the main events.

    Returns the event that runs the network.
    """
    outputs = list(components.values())
    analysis, awaited, chosen = (components[name] for name in ("analysis", "awaited", "compare_with"))
    pending, finished = components["pending"], components["finished"]
    view = view_inputs(components)
    inputs = [analysis, awaited, chosen, *view]
    one_by_one = {**DRAWING_QUEUE, "concurrency_limit": 1, "concurrency_id": "comparing"}
    chosen.input(event_handler(with_view(actions.choose_second), components), inputs, outputs, **one_by_one)
    for event in main_events:
        event.then(
            event_handler(with_view(actions.follow_main_result), components), inputs, outputs, **one_by_one
        )
    pending.change(None, js=_SHOW_CANCEL, api_visibility="private")
    run = pending.change(
        run_handler(actions.run_pending, components, actions, runs),
        [analysis, pending, finished],
        [finished, components["problem"]],
        trigger_mode="always_last",
        show_progress="full",
        show_progress_on=components["comparison"],
        api_visibility="private",
        **NETWORK_QUEUE,
    )
    run.then(None, js=_HIDE_CANCEL, api_visibility="private")
    run.then(
        event_handler(with_view(actions.show_finished), components),
        [analysis, awaited, finished, chosen, *view],
        outputs,
        **DRAWING_QUEUE,
    )

    def go_to_slice(event: gr.EventData, *values: Any) -> Updates:
        analysis, shown, *controls = values
        view = View.of_controls(*controls)
        return component_updates(actions.go_to_slice(analysis, shown, int(event.index), view), components)

    components["comparison"].select(
        go_to_slice, [analysis, components["shown"], *view], outputs, **DRAWING_QUEUE
    )
    return run


def connect_downloads(components: PageComponents) -> None:
    """Connect the button that prepares the downloads; gradio deletes them on the schedule of the uploads."""
    prepare = partial(downloads.prepare, copy_to_cache=downloads.cache_copier(components["files"]))
    components["download"].click(
        event_handler(with_view(prepare), components),
        [components["analysis"], components["shown"], *view_inputs(components)],
        [components["files"], components["problem"]],
        show_progress="minimal",
        concurrency_limit=2,
        api_visibility="private",
    )


def connect_volume(
    components: PageComponents, result_events: Sequence[Dependency], redraws: Sequence[Dependency]
) -> None:
    """Connect the views of a volume: they follow new results and redraws, and a click in them navigates."""
    analysis, point, view = components["analysis"], components["point"], view_inputs(components)
    outputs = [components[name] for name in ("planes", "surfaces", "point", "problem")]
    for events, action in ((result_events, volume.show_views), (redraws, volume.redraw_views)):
        for event in events:
            event.then(
                event_handler(with_view(action), components),
                [analysis, point, *view],
                outputs,
                **DRAWING_QUEUE,
            )

    def navigate(event: gr.EventData, *values: Any) -> Updates:
        retention.mark_used()
        target = {key: getattr(event, key, None) for key in TARGET_KEYS}
        action = with_view(partial(volume.navigate, target=target))
        return component_updates(action(*values), components)

    components["planes"].select(
        navigate,
        [analysis, components["shown"], point, *view],
        list(components.values()),
        **DRAWING_QUEUE,
    )
