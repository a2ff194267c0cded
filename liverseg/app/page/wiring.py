"""Which event of which component calls which action: connects `actions` with the components of `layout`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app.page import switching, volume
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import (
    VIEW_CONTROLS,
    PageComponents,
    current_visit,
    event_handler,
    request_inputs,
    run_handler,
    select_handler,
    view_inputs,
    with_request,
    with_view,
    with_view_and_drawn,
)
from liverseg.app.page.comparison import ComparisonActions
from liverseg.app.page.queues import DRAWING_QUEUE, HIDE_CANCEL, NETWORK_QUEUE, SHOW_CANCEL, each_counts
from liverseg.app.page.updates import Updates
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.view import View
from liverseg.core.window import PRESETS

TARGET_KEYS = ("slice", "row", "column", "lesion", "plane", "x", "y", "center", "width", "drawn")
"""Keys of the events that `volume.js` triggers; see `volume.navigate`."""

_SET_DRAWN_JS = f"""(...inputs) => {{
  const drawn = document.querySelector('#ls-viewer').dataset.drawn === 'yes';
  inputs[inputs.length - {len(VIEW_CONTROLS) + 1}] = drawn;
  return inputs;
}}"""
"""Sets the input `drawn`, which precedes those of the view, to the state of `canvases.js`."""


def connect_network(components: PageComponents, actions: Actions) -> list[Dependency]:
    """Connect and return the events that run the network.

    While one waits or is running, the Cancel button has the attribute `data-busy` with its kind: "input" for
    a new input, "switch" for another checkpoint on the result, "compare" for a second one.
    """
    analysis = components["analysis"]
    outputs = list(components.values())
    events: list[Dependency] = []
    options: dict[str, Any] = {
        **NETWORK_QUEUE,
        "api_visibility": "private",
        "show_progress": "full",
        "show_progress_on": components["viewer"],
    }

    def listen(
        event: Any, action: Callable[..., Updates], inputs: list[Any], kind: str = "input", **more: Any
    ) -> None:
        event(None, js=SHOW_CANCEL % kind, api_visibility="private")
        handler = run_handler(with_request(action), components, actions, actions.runs)
        run = event(handler, inputs, outputs, **options, **more)
        run.then(None, js=HIDE_CANCEL, api_visibility="private")
        events.append(run)

    center, width = components["made_center"], components["made_width"]
    request = request_inputs(components)
    with_analysis = [analysis, *request]
    last: dict[str, Any] = {"trigger_mode": "always_last"}
    listen(components["upload"].upload, _input_run(actions.upload), with_analysis, **last)
    listen(components["series"].input, _input_run(actions.series), with_analysis, **last)
    listen(components["run_again"].click, _input_run(actions.run_again), with_analysis)
    chosen = components["checkpoint"]
    choose = event_handler(
        lambda now, ref: switching.choose(actions.checkpoints, now, ref, current_visit().choices), components
    )
    at_once = [components[name] for name in ("card", "waiting", "problem")]
    chosen.input(choose, [analysis, chosen], at_once, **DRAWING_QUEUE)
    listen(chosen.input, actions.checkpoint, with_analysis, "switch", **last)
    for event in (center.submit, center.blur, width.submit, width.blur):
        listen(event, actions.picture_window, with_analysis, **last)
    return events


def _input_run(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """An action on a new input, which does not need the result shown; it only has the visit as an input."""
    return lambda _, request, progress: action(request, progress=progress)


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

    def handler(action: Callable[..., Updates], sets: str = "") -> Callable[..., Updates]:
        return event_handler(with_view_and_drawn(action, sets), components)

    def chosen_preset(*values: Any) -> Updates:
        current_visit().choices.window = PRESETS.get(values[2])
        return actions.preset(*values)

    redraws = [
        components[name].input(handler(actions.view, sets), [*shown, drawn, *view], outputs, **options)
        for name, sets in (("center", "window"), ("width", "window"), ("opacity", "opacity"))
    ]
    redraws.append(preset.input(handler(chosen_preset), [*shown, preset, drawn, *view], outputs, **options))
    components["slice"].input(handler(actions.slice, "slice"), [*shown, drawn, *view], outputs, **options)
    relabelled = [
        components[name].input(
            event_handler(with_view(_remembered(name, action)), components),
            [*shown, components[name], *view],
            outputs,
            **DRAWING_QUEUE,
        )
        for name, action in (("threshold", actions.threshold), ("lesion_cut", actions.lesion_cut))
    ]

    def removed(_: Any, sources: Sequence[str] | None) -> Updates:
        if not sources:
            current_visit().begin_run()  # no result of a run under way is shown
        return actions.upload_removed(sources)

    for event in (components["upload"].clear, components["upload"].delete):
        event(
            event_handler(removed, components),
            [components["analysis"], components["upload"]],
            outputs,
            cancels=list(network),
            **DRAWING_QUEUE,
        )
    return relabelled, redraws


def connect_lesions(components: PageComponents, actions: Actions) -> Dependency:
    """Connect and return the event that rejects or restores the lesion of a button in the results.

    The page triggers it with `{reject: number}`. Each click counts: none is left out, and they run one after
    the other.
    """

    def reject(event: gr.EventData, *values: Any) -> Updates:
        number = str(getattr(event, "reject", ""))
        if not number.isdecimal():
            return {}
        return with_view(partial(_rejected, actions, int(number)))(*values)

    return components["results"].select(
        select_handler(reject, components),
        [components["analysis"], components["shown"], *view_inputs(components)],
        list(components.values()),
        **each_counts("rejecting"),
    )


def _rejected(actions: Actions, number: int, analysis: Any, shown: bool, view: View) -> Updates:
    return actions.reject(analysis, shown, number, view)


def _remembered(name: str, action: Callable[..., Updates]) -> Callable[..., Updates]:
    """The action of a threshold or lesion cut, which holds for the next result too."""

    def adapted(analysis: Any, shown: bool, level: float, view: View) -> Updates:
        setattr(current_visit().choices, name, level)
        return action(analysis, shown, level, view)

    return adapted


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
    pending.change(None, js=SHOW_CANCEL % "compare", api_visibility="private")
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
    run.then(None, js=HIDE_CANCEL, api_visibility="private")
    run.then(
        event_handler(with_view(actions.show_finished), components),
        [analysis, awaited, finished, chosen, *view],
        outputs,
        **DRAWING_QUEUE,
    )

    def go_to_slice(event: gr.EventData, *values: Any) -> Updates:
        analysis, shown, *controls = values
        return actions.go_to_slice(analysis, shown, int(event.index), View.of_controls(*controls))

    components["comparison"].select(
        select_handler(go_to_slice, components),
        [analysis, components["shown"], *view],
        outputs,
        **each_counts("comparing"),
    )
    return run


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
        target = {key: getattr(event, key, None) for key in TARGET_KEYS}
        return with_view(partial(volume.navigate, target=target))(*values)

    components["planes"].select(
        select_handler(navigate, components),
        [analysis, components["shown"], point, *view],
        list(components.values()),
        **DRAWING_QUEUE,
    )
