"""Event handlers: inputs as typed values, updates by component, and Cancel during a run."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page import binding
from liverseg.app.state.view import View
from liverseg.core.window import Window
from liverseg.errors import Cancelled, InvalidSetting


class Names(dict):
    """Components by name, each of which is its name."""

    def __missing__(self, name):
        return name


def test_cancel_stops_the_network_before_the_next_slice_and_shows_a_sentence(actions, nifti, monkeypatch):
    segmenter = actions.checkpoints.segmenter(None)
    started, resume, batches = threading.Event(), threading.Event(), []
    run = segmenter.engine.run

    def paused(hu):
        batches.append(len(hu))
        started.set()
        assert resume.wait(30)
        return run(hu)

    monkeypatch.setattr(segmenter.engine, "run", paused)
    event = binding.run_handler(binding.with_request(actions.upload), Names(), actions, actions.runs)
    updates = {}

    def visit():
        values = ([nifti], None, None, 40, 400, 1, 40, 400, 0.3)
        updates.update(event(SimpleNamespace(session_hash="visitor"), *values, progress=lambda *a, **k: None))

    visitor = threading.Thread(target=visit)
    visitor.start()
    assert started.wait(30)
    actions.runs.stop("visitor")
    resume.set()
    visitor.join(30)
    assert batches == [1], "one slice was under way, and none after it"
    assert updates["problem"] == page_text.problem(str(Cancelled())) and updates["analysis"] is None
    assert actions.runs._stops == {}


def test_the_last_inputs_become_the_view_and_the_request():
    values = (["a.png"], "tiny", 2, 60, 200, 3, 40, 400, 0.3)
    view = View(2, Window(40, 400), 0.3)
    assert binding.with_view(lambda *given: given)("first", *values[-4:]) == ("first", view)
    drawn = binding.with_view_and_drawn(lambda *given: given)("first", True, *values[-4:])
    assert drawn == ("first", view, True)
    first, request = binding.with_request(lambda *given, progress: given)("first", *values, progress=None)
    assert first == "first" and request.sources == ("a.png",)
    assert (request.checkpoint, request.series, request.view) == ("tiny", 2, view)
    assert request.made_with == Window(60, 200)


def test_a_refusal_becomes_a_sentence_and_no_update_a_skip():
    def refuse() -> dict:
        raise InvalidSetting("The width must be positive.")

    assert binding.event_handler(refuse, Names())() == {
        "problem": page_text.problem("The width must be positive.")
    }
    assert binding.event_handler(dict, Names())() == {"problem": gr.skip()}
