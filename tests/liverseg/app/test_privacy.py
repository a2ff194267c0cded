"""Files of other visitors are out of reach and deleted on schedule; a client that leaves stops its run."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from gradio.utils import get_upload_folder

from liverseg.app.html import page_text
from liverseg.app.launch import launch_options
from liverseg.app.page import layout
from liverseg.app.page.layout import build
from liverseg.app.server import retention
from liverseg.app.server.retention import Cleanup, sweep_folder

META = {"_type": "gradio.FileData"}


@contextmanager
def serving(checkpoints, examples, folder):
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(folder))
    page = build(checkpoints, examples)
    _, address, _ = page.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    yield page, f"{address}gradio_api/"
    page.close()
    patch.undo()


@pytest.fixture(scope="module")
def page_and_address(checkpoints, examples, tmp_path_factory):
    with serving(checkpoints, examples, tmp_path_factory.mktemp("gradio")) as served:
        yield served


@pytest.fixture
def page(page_and_address):
    return page_and_address[0]


@pytest.fixture
def visitors(page_and_address):
    """HTTP clients of two visitors."""
    with httpx.Client(base_url=page_and_address[1], timeout=60) as one:
        with httpx.Client(base_url=page_and_address[1], timeout=60) as other:
            yield one, other


def start_call(api: httpx.Client, path: str) -> str:
    with open(path, "rb") as stream:
        uploaded = api.post("upload", files={"files": (Path(path).name, stream)}).json()[0]
    return api.post("call/v2/segment", json={"file": {"path": uploaded, "meta": META}}).json()["event_id"]


def answer(api: httpx.Client, event: str) -> tuple[str, str]:
    kind, data = api.get(f"call/segment/{event}").text.strip().split("\n")[-2:]
    return kind.removeprefix("event: "), data.removeprefix("data: ")


def test_addresses_of_another_visitors_files_cannot_be_guessed(visitors, png, page):
    one, other = visitors
    event = start_call(one, png)
    kind, data = answer(one, event)
    assert kind == "complete" and re.fullmatch("[0-9a-f]{32}", event)
    folder = Path(get_upload_folder())
    kept = [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]
    under_way = [path.name for path in folder.iterdir() if path.is_file()]
    assert kept and all(re.fullmatch("tmp[a-z0-9_]{8}", name) for name in under_way), (
        "a random name until the upload is complete"
    )
    for path in kept:
        hashed = path.relative_to(folder).parts[0]
        assert re.fullmatch("[0-9a-f]{64}", hashed), "a folder named by a SHA-256"
        guesses = [folder, folder / hashed, path.parent, f"{folder}/{'0' * 64}/{path.name}", f"{folder}/*"]
        guesses += [f"{folder}/{path.name}", f"{folder}/../{folder.name}", f"{path}/..", "."]
        for guess in guesses:
            response = other.get(f"file={guess}")
            assert response.status_code in (403, 404), f"{guess} was answered {response.status_code}"
            assert hashed in str(guess) or hashed not in response.text
    routes = [
        "queue/data?session_hash=",
        f"call/segment/{'0' * 32}",
        "queue/status",
        "monitoring",
        "info",
        "config",
    ]
    for route in routes:
        try:
            with other.stream("GET", route) as stream:
                content = next(stream.iter_text(), "")
        except httpx.RemoteProtocolError:  # gradio ends an unknown stream like this
            content = ""
        assert event not in content and "MUSTERMANN" not in content and kept[0].name not in content
    for route in ("deep_link", "deep_link/"):
        assert other.get(route, params={"session_hash": event}).status_code == 404
    assert not (folder / "deep_links").exists()


def test_files_folders_and_remains_are_deleted_on_schedule(checkpoints, examples, png, tmp_path, monkeypatch):
    monkeypatch.setattr(page_text, "KEEP_MINUTES", 1 / 60)
    monkeypatch.setattr(layout, "DELETE_CHECK_S", 1)
    with serving(checkpoints, examples, tmp_path / "files") as (page, address):
        with open(png, "rb") as stream:
            uploaded = httpx.post(f"{address}upload", files={"files": ("a.png", stream)}, timeout=60).json()[
                0
            ]
        stray = tmp_path / "files" / "deep_links" / "stray" / "state.json"
        stray.parent.mkdir(parents=True)
        stray.write_text("remains of an interrupted upload")
        assert Path(uploaded).exists()
        until = time.monotonic() + 60
        while Path(uploaded).exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert not Path(uploaded).exists() and stray.exists(), "gradio deletes the uploads that it knows"
        cleanup = Cleanup(page, 1)
        while any((tmp_path / "files").rglob("*")) and time.monotonic() < until:
            cleanup.sweep()
            time.sleep(0.1)
        assert list((tmp_path / "files").rglob("*")) == []


def test_old_files_are_deleted_unless_kept(tmp_path):
    young, old, held = (tmp_path / name / "a.png" for name in ("young", "old", "held"))
    for path in (young, old, held):
        path.parent.mkdir()
        path.write_bytes(b"x")
    sweep_folder(tmp_path, 100)
    assert all(path.exists() for path in (young, old, held))
    time.sleep(0.05)
    sweep_folder(tmp_path, 0.01, {str(young), str(held)})
    assert young.exists() and held.exists() and not old.exists()


def test_finished_calls_leave_no_record_and_no_session(visitors, png, page, monkeypatch):
    one, _ = visitors
    monkeypatch.setattr(retention, "IDLE_S", 0.0)
    fetched, forgotten = start_call(one, png), start_call(one, png)
    assert answer(one, fetched)[0] == "complete"
    queue = page._queue
    until = time.monotonic() + 60
    while forgotten in queue.event_ids_to_events and time.monotonic() < until:
        time.sleep(0.05)
    cleanup = Cleanup(page, 3600)
    cleanup.sweep()
    assert fetched not in queue.pending_event_ids_session
    assert forgotten in queue.pending_event_ids_session, "its answer may still be fetched"
    assert fetched not in page.state_holder.session_data
    Cleanup(page, 0.0).sweep()
    assert forgotten not in queue.pending_event_ids_session
    assert forgotten not in queue.pending_messages_per_session


def test_sessions_with_a_result_are_kept(page, monkeypatch):
    monkeypatch.setattr(retention, "IDLE_S", 0.0)
    state = page.state_holder["visitor"]
    state.state_data[next(iter(page.blocks))] = object()
    page.state_holder["empty"]
    Cleanup(page, 0.0).sweep()
    assert "visitor" in page.state_holder.session_data and "empty" not in page.state_holder.session_data
    del page.state_holder.session_data["visitor"]


def test_a_client_that_leaves_stops_only_its_own_run_and_a_full_queue_refuses(
    visitors, page, checkpoints, nifti, monkeypatch
):
    one, other = visitors
    segmenter = checkpoints.segmenter(None)
    started, resume, batches = threading.Event(), threading.Event(), []
    run = segmenter.engine.run

    def paused(hu):
        batches.append(len(hu))
        started.set()
        assert resume.wait(60)
        return run(hu)

    monkeypatch.setattr(segmenter.engine, "run", paused)
    leaving = start_call(one, nifti)
    with one.stream("GET", f"call/segment/{leaving}"):
        assert started.wait(60)
        staying = start_call(other, nifti)
        waiting = Path(page._queue.event_ids_to_events[staying].data.data[0]["path"])
        before = waiting.stat().st_ctime_ns
        Cleanup(page, 60.0).refresh_pending_uploads()
        assert waiting.stat().st_ctime_ns > before, "the upload of a waiting call counts as new"
        assert page._queue.max_size == layout.MAX_WAITING
        waiting = [other.post("call/segment", json={"data": [None] * 6}) for _ in range(40)]
        assert {response.status_code for response in waiting} == {200}, "a crowd waits"
        monkeypatch.setattr(page._queue, "max_size", 41)
        full = other.post("call/segment", json={"data": [None] * 6})
        assert full.status_code == 503 and full.json()["detail"].startswith("Queue is full.")
    time.sleep(0.5)  # until the server has noticed
    resume.set()
    kind, data = answer(other, staying)
    assert kind == "complete" and '"voxels"' in data
    assert len(batches) == 1 + 4, "one slice of the client that left, all four of the other"
