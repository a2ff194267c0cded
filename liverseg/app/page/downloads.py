"""The downloads of a result: prepared when their tab is opened, and again when what they show changes.

Three events follow each other. `start` says that the files are being prepared and removes those of an earlier
result. If the downloads are in sight, `prepare` makes the files, and `show` lists them if they are still
those of the result on the page.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import gradio as gr

from liverseg.app.html import downloads as html
from liverseg.app.html import page_text
from liverseg.app.page.binding import PageComponents, event_handler, reading_handler, view_inputs, with_view
from liverseg.app.page.marks import mark
from liverseg.app.page.prepared_files import PreparedFiles, prepare_files
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention, served_files
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.app.text.catalogue import say

SETTLED_MS = 500
"""Time without a change of slice or window after which the pictures are prepared again."""

_IS_OPEN = "!!document.querySelector('#ls-downloads')?.offsetParent"

_SET_OPEN_JS = f"(_, ...rest) => [{_IS_OPEN}, ...rest]"
"""Sets the first input to whether the downloads are in sight."""

_OPENED_JS = "(_, ...rest) => [true, ...rest]"

_VIEW_CHANGED_JS = f"""() => {{
  clearTimeout(window.lsDownloads);
  window.lsDownloads = setTimeout(() => {{
    const again = document.querySelector('#ls-download');
    if (again && {_IS_OPEN}) again.click();
  }}, {SETTLED_MS});
}}"""
"""Prepares the files again once slice and window have settled, if the downloads are in sight."""


def contents() -> PageComponents:
    """The components of the tab, in the place where this is called."""
    with gr.Column(elem_id="ls-downloads"):
        return {
            "files": gr.HTML(mark("part.no_downloads"), elem_id="ls-files", apply_default_css=False),
            "download": gr.Button(
                mark("button.prepare_again"), visible=False, size="sm", elem_id="ls-download"
            ),
            "prepared": retention.session_state(),  # `PreparedFiles`
            "downloads_wanted": gr.State(None),  # its change makes the files
            "downloads_open": gr.Checkbox(False, visible=False),  # set by the browser in each event
        }


def start(
    is_open: bool, analysis: PageAnalysis | None, shown: bool, prepared: PreparedFiles | None
) -> Updates:
    """The downloads were opened, or the result has changed: no file of another result stays in the list.

    A new value of "downloads_wanted" has the files made.
    """
    if analysis is None:
        files = {"files": _listed(html.note(say("downloads.none")))}
        return {**files, "problem": page_text.problem(say("expired"))} if shown else files
    wanted: Updates = {"downloads_wanted": time.monotonic_ns()} if is_open else {}
    if prepared is not None and prepared.is_of(analysis):
        return wanted
    return {**wanted, "files": _listed(html.note(say("downloads.preparing")) if is_open else "")}


def prepare(
    is_open: bool, analysis: PageAnalysis | None, prepared: PreparedFiles | None, view: View
) -> Updates:
    """Make the files of the result, with pictures of the slice and the window of `view`."""
    if analysis is None or not is_open:
        return {}
    try:
        return {"prepared": prepare_files(analysis, view, prepared)}
    except Exception as error:  # `sentence_for` logs what is unexpected; the page goes on
        return {"prepared": None, "problem": page_text.refusal(sentence_for(error))}


def show(is_open: bool, analysis: PageAnalysis | None, prepared: PreparedFiles | None) -> Updates:
    """List the files, unless the result has changed while they were made."""
    if analysis is None or not is_open:
        return {}
    if prepared is None:
        return {"files": _listed("")}
    if not prepared.is_of(analysis):
        return {}
    address = lambda file: served_files.address(file.path)  # noqa: E731
    return {"files": _listed(html.download_list(prepared.listing, address))}


def _listed(text: str) -> dict[str, Any]:
    return gr.update(value=text, visible=bool(text))


def connect(components: PageComponents) -> None:
    """Connect the tab, the result and the view with the downloads."""
    is_open, analysis, prepared = (components[name] for name in ("downloads_open", "analysis", "prepared"))
    outputs = [components[name] for name in ("files", "prepared", "problem")]
    options: dict[str, Any] = {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "api_visibility": "private",
    }
    light = {**options, "concurrency_limit": 4, "concurrency_id": "drawing"}
    heavy = {**options, "concurrency_limit": 2, "concurrency_id": "downloads"}

    known, view = [is_open, analysis, prepared], view_inputs(components)
    with_shown = [is_open, analysis, components["shown"], prepared]
    wanted = components["downloads_wanted"]
    changed = [components["results"].change, components["comparison"].change, components["download"].click]
    opened = (components["downloads_tab"].select, _OPENED_JS)
    for trigger, js in (opened, (partial(gr.on, changed), _SET_OPEN_JS)):
        trigger(event_handler(start, components), with_shown, [*outputs, wanted], js=js, **light)
    handler = reading_handler(with_view(prepare), components)
    made = wanted.change(handler, [*known, *view], outputs, js=_SET_OPEN_JS, **heavy)
    made.then(event_handler(show, components), known, outputs, js=_SET_OPEN_JS, **light)
    for name in ("slice", "center", "width"):
        components[name].change(None, js=_VIEW_CHANGED_JS, api_visibility="private")
