"""Which event of which component does what: `actions` tied to the components of `layout`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app.examples import EXAMPLES
from liverseg.app.html import volume as volume_html
from liverseg.app.page import downloads, volume
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import (
    VIEW,
    Parts,
    by_name,
    components,
    view_inputs,
    with_progress,
    with_request,
    with_view,
    with_view_and_drawn,
)
from liverseg.app.page.comparison import Comparing
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.view import View

NETWORK: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}
"""One network at a time, whoever asks: it uses every processor."""

DRAWING: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_limit": 4,
    "concurrency_id": "drawing",
    "api_visibility": "private",
}


def connect_network(parts: Parts, actions: Actions) -> list[Dependency]:
    """Events that run the network; returns them. While one runs, the Cancel button has `data-busy`."""
    shown = list(parts.values())
    running: list[Dependency] = []

    def listen(event: Any, action: Callable[..., Updates], inputs: list[Any], **options: Any) -> None:
        event(None, js=_SHOW_CANCEL, api_visibility="private")
        run = event(
            with_progress(with_request(action), parts, actions, actions.runs), inputs, shown, **options
        )
        run.then(None, js=_HIDE_CANCEL, api_visibility="private")
        running.append(run)

    made = [parts["made_center"], parts["made_width"]]
    request = [parts["upload"], parts["checkpoint"], parts["series"], *made, *view_inputs(parts)]
    with_analysis = [parts["analysis"], *request]
    asked: dict[str, Any] = {
        **NETWORK,
        "api_visibility": "private",
        "show_progress": "full",
        "show_progress_on": parts["viewer"],
    }
    listen(
        parts["upload"].upload,
        actions.upload,
        request,
        trigger_mode="always_last",
        **asked,
    )
    listen(
        parts["series"].input,
        actions.series,
        request,
        trigger_mode="always_last",
        **asked,
    )
    for key in EXAMPLES:
        listen(parts[f"example_{key}"].click, partial(actions.example, key), request, **asked)
    listen(
        parts["checkpoint"].input,
        actions.checkpoint,
        with_analysis,
        trigger_mode="always_last",
        **asked,
    )
    for event in (made[0].submit, made[0].blur, made[1].submit, made[1].blur):
        listen(
            event,
            actions.remade,
            with_analysis,
            trigger_mode="always_last",
            **asked,
        )
    return running


_SHOW_CANCEL = "() => { document.querySelector('#ls-cancel').dataset.busy = ''; }"
_HIDE_CANCEL = "() => { delete document.querySelector('#ls-cancel').dataset.busy; }"


def connect_stopping(page: gr.Blocks, parts: Parts, actions: Actions) -> None:
    """A run ends when its visitor presses Cancel, takes the upload away, or leaves."""

    def stop(request: gr.Request) -> None:
        actions.runs.stop(request.session_hash)
        retention.expire_soon(page, request.session_hash)

    asked: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    for event in (parts["cancel"].click, parts["upload"].clear, parts["upload"].delete):
        event(stop, None, None, **asked)
    for event in (parts["upload"].clear, parts["upload"].delete):
        event(None, js=_HIDE_CANCEL, api_visibility="private")
    page.unload(stop)


def connect_drawing(
    parts: Parts, actions: Actions, running: list[Dependency]
) -> tuple[list[Dependency], list[Dependency]]:
    """Events that only draw: no network, and only the last of a burst counts.

    Returns those that change the result, and those that change only how it is drawn. Taking the upload away
    also drops what is `running`, so that no late result of it is shown.
    """
    shown = list(parts.values())
    have = [parts["analysis"], parts["shown"]]
    at = parts["slice"]
    view = view_inputs(parts)
    own: dict[str, Any] = {**DRAWING, "js": _WHETHER_DRAWN}
    drawn = parts["drawn"]
    redrawing = [
        parts[name].input(
            by_name(with_view_and_drawn(actions.view), parts), [*have, drawn, *view], shown, **own
        )
        for name in ("center", "width", "opacity")
    ]
    preset = parts["preset"].input(
        by_name(with_view_and_drawn(actions.preset), parts),
        [*have, parts["preset"], drawn, *view],
        shown,
        **own,
    )
    at.input(by_name(with_view_and_drawn(actions.slice), parts), [*have, drawn, *view], shown, **own)
    threshold = parts["threshold"].input(
        by_name(with_view(actions.threshold), parts), [*have, parts["threshold"], *view], shown, **DRAWING
    )
    for event in (parts["upload"].clear, parts["upload"].delete):
        event(by_name(actions.removed, parts), [parts["upload"]], shown, cancels=running, **DRAWING)
    return [threshold], [*redrawing, preset]


_WHETHER_DRAWN = f"""(...given) => {{
  given[given.length - {len(VIEW) + 1}] = document.querySelector('#ls-viewer').dataset.drawn === 'yes';
  return given;
}}"""
"""Sets the input `drawn`, which stands before the view's, to what `volume.js` says."""


def connect_comparison(
    parts: Parts, comparing: Comparing, runs: Runs, running: list[Dependency]
) -> Dependency:
    """Events of the comparison, which follows those of `running`; returns the one that runs the network."""
    shown = list(parts.values())
    chosen = parts["compare_with"]
    view = view_inputs(parts)
    awaited = parts["awaited"]
    asked = [parts["analysis"], awaited, chosen, *view]
    in_turn = {**DRAWING, "concurrency_limit": 1, "concurrency_id": "comparing"}
    chosen.input(by_name(with_view(comparing.compare), parts), asked, shown, **in_turn)
    for main in running:
        main.then(by_name(with_view(comparing.follow), parts), asked, shown, **in_turn)
    parts["wanted"].change(None, js=_SHOW_CANCEL, api_visibility="private")
    fetching = parts["wanted"].change(
        with_progress(comparing.fetch, parts, comparing, runs),
        [parts["analysis"], parts["wanted"], parts["fetched"]],
        [parts["fetched"], parts["problem"]],
        trigger_mode="always_last",
        show_progress="full",
        show_progress_on=parts["comparison"],
        api_visibility="private",
        **NETWORK,
    )
    fetching.then(None, js=_HIDE_CANCEL, api_visibility="private")
    fetching.then(
        by_name(with_view(comparing.fetched), parts),
        [parts["analysis"], awaited, parts["fetched"], chosen, *view],
        shown,
        **DRAWING,
    )

    def jump(event: gr.EventData, *values: Any) -> Updates:
        analysis, is_shown, *controls = values
        view = View.of_controls(*controls)
        return components(comparing.jump(analysis, is_shown, int(event.index), view), parts)

    have = [parts["analysis"], parts["shown"]]
    parts["comparison"].select(jump, [*have, *view], shown, **DRAWING)
    return fetching


def connect_downloads(parts: Parts) -> None:
    """The button that makes the files; gradio deletes them with the uploads."""
    prepare = partial(downloads.prepare, keep=downloads.keeper(parts["files"]))
    parts["download"].click(
        by_name(with_view(prepare), parts),
        [parts["analysis"], parts["shown"], *view_inputs(parts)],
        [parts["files"], parts["problem"]],
        show_progress="minimal",
        concurrency_limit=2,
        api_visibility="private",
    )


WISHES = ("slice", "lesion", "plane", "x", "y", "drawn")
"""What an event of `volume.js` may say."""


def views() -> Parts:
    """The components: coronal and sagittal view with the profile, and the surfaces. They are empty yet."""
    return {
        "planes": gr.HTML("", js_on_load=volume_html.VOLUME_JS, elem_id="ls-planes", apply_default_css=False),
        "solid": gr.HTML("", js_on_load=volume_html.SOLID_JS, elem_id="ls-solid", apply_default_css=False),
    }


def connect(parts: Parts, renewing: Sequence[Dependency], redrawing: Sequence[Dependency]) -> None:
    """The views follow what changes the result, and what changes only how it is drawn."""
    have, point, view = [parts["analysis"], parts["shown"]], parts["point"], view_inputs(parts)
    places = [parts[name] for name in ("planes", "solid", "point", "problem")]
    for events, action in ((renewing, volume.renewed), (redrawing, volume.redrawn)):
        for event in events:
            event.then(
                by_name(with_view(action), parts), [parts["analysis"], point, *view], places, **DRAWING
            )

    def go(event: gr.EventData, *values: Any) -> Updates:
        retention.mark_used()
        wish = {key: getattr(event, key, None) for key in WISHES}
        return components(with_view(partial(volume.go, wish=wish))(*values), parts)

    parts["planes"].select(go, [*have, point, *view], list(parts.values()), **DRAWING)
