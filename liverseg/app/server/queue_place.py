"""The place of a waiting visitor in the queue of the network, and the time to expect.

Gradio's own estimate takes every run for as long as the average one and leaves out the run under way. This
one counts slices: those left of the run under way, and those of every run ahead, each times the seconds a
slice of the latest runs (`state.pace`).

Gradio has no public access to its queue: this module uses `Queue.event_queue_per_concurrency_id` and
`active_jobs`, and `tests/liverseg/app/server/test_gradio_internals.py` fails when gradio changes them.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
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
from liverseg.errors import UnreadableInput
from liverseg.io.sniff import HEAD_BYTES, NIFTI_HEAD_BYTES, sniff

NETWORK = "network"
"""The `concurrency_id` of every event that runs the network."""

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
    """The slices of an upload, from headers alone: of NIfTI, of the files in a zip, or one a file."""
    if len(paths) > 1:
        return len(paths)
    path = Path(paths[0])
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return max(sum(not info.is_dir() for info in archive.infolist()), 1)
        with path.open("rb") as stream:
            return max(_nifti_slices(stream.read(HEAD_BYTES)), 1)
    except (OSError, zipfile.BadZipFile, zlib.error, struct.error, UnreadableInput):
        return 1  # deleted meanwhile, or damaged: the run will say so


def _nifti_slices(head: bytes) -> int:
    """The third dimension of a NIfTI file, from its first bytes; 1 for another format.

    >>> _nifti_slices(struct.pack("<i36x4h296x4s", 348, 3, 512, 512, 119, b"n+1"))
    119
    """
    kind = sniff(head)
    if kind == "nifti-gz":
        head = zlib.decompressobj(31).decompress(head, NIFTI_HEAD_BYTES)
    elif kind != "nifti":
        return 1
    for order in "<>":
        size = struct.unpack_from(f"{order}i", head)[0]
        if size == 348:  # NIfTI-1: dim is eight int16 from byte 40
            return int(struct.unpack_from(f"{order}4h", head, 40)[3])
        if size == 540:  # NIfTI-2: dim is eight int64 from byte 16
            return int(struct.unpack_from(f"{order}4q", head, 16)[3])
    return 1
