"""How long results, pictures and uploads of a visitor are kept: as the page and the README state."""

from __future__ import annotations

import re
import weakref
from datetime import datetime, timedelta
from pathlib import Path

import gradio as gr
import pytest
from gradio.context import LocalContext
from gradio.route_utils import delete_files_created_by_app
from gradio.state_holder import StateHolder

from liverseg.app.html import page_text
from liverseg.app.page.layout import build
from liverseg.app.server import retention
from liverseg.app.state import session
from liverseg.app.state.visit import Visit, result_of_key
from liverseg.core.window import DEFAULT_WINDOW

MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[4]


@pytest.fixture
def page(checkpoints, examples) -> gr.Blocks:
    page = build(checkpoints, examples)
    page.state_session_capacity = 10
    holder = StateHolder()
    holder.set_blocks(page)
    return page


def advance_clock(monkeypatch, later: timedelta) -> None:
    """Advance the clocks of gradio and of `retention`."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + later

    monkeypatch.setattr(retention, "datetime", Clock)
    monkeypatch.setattr("gradio.state_holder.datetime.datetime", Clock)


def with_result(page: gr.Blocks, checkpoints, nifti: str) -> tuple[int, weakref.ref]:
    """Give the visitor "v" a result; returns the id of its state and a weak reference to it."""
    result = session.analyse_upload(
        [nifti], session.read_input([nifti], DEFAULT_WINDOW), checkpoints.segmenter(None)
    )
    (state,) = (
        b
        for b in page.blocks.values()
        if isinstance(b, gr.State) and b.delete_callback.__name__ == "<lambda>"
    )
    visitor = page.state_holder["v"]
    held = Visit()
    held.show(result)
    assert result_of_key(held.key)[0] is result
    visitor[state._id] = held
    viewer = next(b for b in page.blocks.values() if getattr(b, "elem_id", None) == "ls-viewer")
    visitor._update_value_in_config(viewer._id, "a picture of the patient")
    return state._id, weakref.ref(result)


def shown_values(page: gr.Blocks) -> str:
    """What gradio holds of the components of all visitors."""
    return "".join(repr(one.config_values) for one in page.state_holder.session_data.values())


def test_an_expired_result_is_deleted_with_its_pictures(page, checkpoints, nifti, monkeypatch):
    _, result = with_result(page, checkpoints, nifti)
    assert "a picture of the patient" in shown_values(page)
    advance_clock(monkeypatch, retention.KEEP - MINUTE)
    page.state_holder.delete_all_expired_state()
    assert result() is not None
    advance_clock(monkeypatch, retention.KEEP + MINUTE)
    page.state_holder.delete_all_expired_state()
    assert result() is None and "a picture of the patient" not in shown_values(page)


def test_a_used_result_does_not_expire(page, checkpoints, nifti, monkeypatch):
    state, result = with_result(page, checkpoints, nifti)
    advance_clock(monkeypatch, retention.KEEP - MINUTE)
    LocalContext.blocks.set(page)
    LocalContext.request.set(gr.Request(session_hash="v"))
    retention.mark_used()
    advance_clock(monkeypatch, 2 * retention.KEEP - 2 * MINUTE)
    page.state_holder.delete_all_expired_state()
    assert result() is not None and page.state_holder["v"][state].analysis is result()
    LocalContext.request.set(None)
    retention.mark_used()  # does nothing outside an event
    LocalContext.blocks.set(None)


def test_a_visitor_who_left_is_forgotten(page, checkpoints, nifti, monkeypatch):
    _, result = with_result(page, checkpoints, nifti)
    retention.expire_soon(page, "v")
    page.state_holder.session_data["v"].is_closed = True
    advance_clock(monkeypatch, retention.KEEP + MINUTE)
    page.state_holder.delete_all_expired_state()
    assert result() is None and "v" not in page.state_holder.session_data


def test_every_state_with_a_volume_expires(page):
    states = [b for b in page.blocks.values() if isinstance(b, gr.State)]
    timed = [b for b in states if b.time_to_live == retention.KEEP.total_seconds()]
    assert len(timed) == 5  # the visit, the pending, awaited and finished runs, and the prepared files
    assert len(states) == 10
    # Also: whether a result is shown, a point, two keys of examples, and whether files are wanted.


def test_uploads_are_deleted_by_gradio_on_the_same_schedule(page, tmp_path, monkeypatch):
    upload = tmp_path / "scan.nii.gz"
    upload.write_bytes(b"")
    page.upload_file_set.add(str(upload))
    frequency, age = page.delete_cache
    delete_files_created_by_app(page, age)
    assert upload.exists() and frequency <= 60

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + retention.KEEP + MINUTE

    monkeypatch.setattr("gradio.route_utils.datetime", Clock)
    delete_files_created_by_app(page, age)
    assert not upload.exists()


def test_the_page_and_the_readme_state_the_schedule():
    stated = f"{page_text.KEEP_MINUTES} minutes after"
    readme = re.sub(r"\s+", " ", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert stated in page_text.footer() and stated in readme
