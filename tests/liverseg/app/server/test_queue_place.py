"""The place in the queue and the estimate, on a page whose queue the test fills."""

from __future__ import annotations

import zipfile
from types import SimpleNamespace

import pytest
from gradio.queueing import Event, EventQueue
from gradio.state_holder import StateHolder
from starlette.applications import Starlette
from starlette.testclient import TestClient

from liverseg.app import launch
from liverseg.app.page.layout import build
from liverseg.app.page.queues import NETWORK_QUEUE
from liverseg.app.server import queue_place
from liverseg.app.server.request_guard import FILE_META
from liverseg.app.state.pace import Pace


@pytest.fixture
def page(checkpoints, examples):
    page = build(checkpoints, examples)
    page.state_session_capacity = 10
    StateHolder().set_blocks(page)
    page._queue.event_queue_per_concurrency_id[queue_place.NETWORK] = EventQueue(queue_place.NETWORK, 1)
    return page


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    """Half a second a slice."""
    pace = Pace(clock)
    with pace.run(100):
        clock.now += 50
    return pace


def event(page, session: str, path: str) -> Event:
    network = next(fn for fn in page.fns.values() if fn.concurrency_id == queue_place.NETWORK)
    made = Event(session, network, None, None)
    made.data = SimpleNamespace(data=[[{"path": path, "meta": FILE_META}]])
    return made


def test_events_of_the_network_have_the_identifier_that_is_counted():
    assert NETWORK_QUEUE["concurrency_id"] == queue_place.NETWORK


def test_a_waiting_visitor_reads_place_and_seconds_from_the_slices_ahead(page, pace, clock, nifti, tmp_path):
    archive = tmp_path / "series.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for number in range(200):
            made.writestr(f"{number}.dcm", b"")
    waiting = page._queue.event_queue_per_concurrency_id[queue_place.NETWORK].queue
    page._queue.active_jobs = [None, [event(page, "a", nifti)]]
    waiting += [event(page, "b", str(archive)), event(page, "c", nifti)]
    with pace.run(60) as running:
        clock.now += 10
        running.done = 20  # of 60 in 10 s: 20 s are left
        sentence = {who: queue_place.sentence_for_visitor(page, who, pace) for who in "abcd"}
    assert sentence == {
        "a": "Slice 20 of 60 is done. About 20 s are left.",
        "b": "You are number 2 in the queue. Your run starts in about 20 s.",
        "c": "You are number 3 in the queue. Your run starts in about 2 min.",  # 20 s and 200 slices
        "d": "",
    }


def test_without_a_measured_run_only_the_place_is_said(page, nifti):
    waiting = page._queue.event_queue_per_concurrency_id[queue_place.NETWORK].queue
    page._queue.active_jobs = [[event(page, "a", nifti)]]
    waiting.append(event(page, "b", nifti))
    sentence = queue_place.sentence_for_visitor(page, "b", Pace())
    assert sentence.startswith("You are number 2 in the queue. No run has been measured yet")


def test_slices_are_counted_from_headers(nifti, png, other_volumes, tmp_path):
    assert [queue_place.slices_in(paths) for paths in ([nifti], *other_volumes.values())] == [4] * 4
    assert queue_place.slices_in([png]) == 1
    assert queue_place.slices_in(["a.dcm", "b.dcm", "c.dcm"]) == 3
    assert queue_place.slices_in([str(tmp_path / "gone.nii.gz")]) == 1


def test_the_app_serves_the_sentence_of_a_session(page):
    (route,) = queue_place.routes()
    assert route.path in {one.path for one in launch.launch_options()["app_kwargs"]["routes"]}
    app = Starlette(routes=[route])
    app.get_blocks = lambda: page
    answer = TestClient(app).get("/liverseg/waiting/nobody")
    assert (answer.status_code, answer.text) == (200, "") and answer.headers["cache-control"] == "no-store"
