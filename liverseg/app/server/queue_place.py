"""The place of a waiting visitor in the queue of the network, and the time to expect.

Gradio's own estimate takes every run for as long as the average one and leaves out the run under way. This
one counts slices: those left of the run under way, and those of every run ahead, each times the seconds a
slice of the latest runs (`state.pace`).

Gradio has no public access to its queue: this module uses `Queue.event_queue_per_concurrency_id` and
`active_jobs`, and `tests/liverseg/app/server/test_gradio_internals.py` fails when gradio changes them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.routes import PlainTextResponse, Request, Response
from starlette.routing import Route

from liverseg.app.html import waiting_text
from liverseg.app.server.request_guard import paths_in_values
from liverseg.app.server.visitor_language import language_of_request
from liverseg.app.state.pace import PACE, Pace
from liverseg.app.state.visit import Visit
from liverseg.app.text.catalogue import speaking
from liverseg.errors import LiversegError
from liverseg.io.read import volume_shape

NETWORK = "network"
"""The `concurrency_id` of every event that runs the network."""

_MOST_FILES_OF_A_VOLUME = 8
"""A zip of more files is taken for one of DICOM slices, whose headers would take longer to read."""

WAITING = "/liverseg/waiting/{session}"


def routes() -> list[Route]:
    """The route that the page asks for its sentence while a run waits or is under way."""
    return [Route(WAITING, _waiting)]


def _waiting(request: Request) -> Response:
    page = request.app.get_blocks()
    with speaking(language_of_request(request)):
        sentence = sentence_for_visitor(page, request.path_params["session"])
    return PlainTextResponse(sentence, headers={"Cache-Control": "no-store"})


def sentence_for_visitor(page: gr.Blocks, session: str, pace: Pace = PACE) -> str:
    """The place of a visitor, or how far their run is; empty where they neither wait nor run."""
    queue = page._queue.event_queue_per_concurrency_id.get(NETWORK)
    waiting = [] if queue is None else list(queue.queue)
    running = [
        job for jobs in list(page._queue.active_jobs) for job in jobs or () if job.concurrency_id == NETWORK
    ]
    under_way = pace.under_way()
    if any(job.session_hash == session for job in running):
        return waiting_text.progress_sentence(*under_way) if under_way else ""
    place = next((k for k, event in enumerate(waiting) if event.session_hash == session), None)
    if place is None:
        return ""
    ahead = [pace.seconds(slices_of(page, event)) for event in waiting[:place]]
    if running:
        ahead.append(under_way[2] if under_way else pace.seconds(slices_of(page, running[0])))
    known = [seconds for seconds in ahead if seconds is not None]
    total = sum(known) if len(known) == len(ahead) else None
    return waiting_text.place_sentence(len(ahead) + 1, total)


def slices_of(page: gr.Blocks, event: Any) -> int:
    """The slices on which an event will run the network; 1 where its input must be read to know them."""
    paths = list(paths_in_values(getattr(event.data, "data", None)))
    if paths:
        return slices_in(paths)
    session = page.state_holder.session_data.get(event.session_hash)
    states = () if session is None else list(session.state_data.values())
    results: Iterable[Any] = (state.analysis for state in states if isinstance(state, Visit))
    return next((len(result.ct.hu) for result in results if result is not None), 1)


def slices_in(paths: Sequence[str]) -> int:
    """The slices of an upload, from headers alone: of a volume file, of the files in a zip, or one a file."""
    path = Path(paths[0])
    try:
        if len(paths) > 1:
            shape = volume_shape(list(paths)) if len(paths) == 2 else None  # a header and its data file
            return len(paths) if shape is None else shape[0]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                count = sum(not info.is_dir() for info in archive.infolist())
            if count > _MOST_FILES_OF_A_VOLUME:
                return count
        shape = volume_shape(path)
        return 1 if shape is None else shape[0]
    except (OSError, zipfile.BadZipFile, LiversegError):
        return len(paths)  # deleted meanwhile, or damaged: the run will say so
