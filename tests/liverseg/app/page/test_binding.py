"""Event handlers: inputs as typed values, updates by component, and Cancel during a run."""

from __future__ import annotations

import html
import json
import re
import threading
from types import SimpleNamespace

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page import binding
from liverseg.app.state.messages import UNEXPECTED_ERROR
from liverseg.app.state.view import View
from liverseg.app.state.visit import Visit
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


def handled(action, *values):
    """The updates of an event of a page by name."""
    return binding.event_handler(action, Names())(*values)


def drawing_of(viewer):
    """What the viewer's HTML says of its pictures."""
    return json.loads(html.unescape(re.search('data-drawing="([^"]*)"', viewer)[1]))


def test_an_event_works_on_the_result_that_is_held_when_it_runs_not_when_it_was_sent(
    actions, volume_analysis
):
    """A window that was set before the threshold moved, and is drawn after it, shows the new labels."""
    visit = Visit()
    visit.show(volume_analysis)
    moved, resume, order = threading.Event(), threading.Event(), []

    def slow_threshold(analysis, shown, threshold, view):
        moved.set()
        assert resume.wait(30)
        order.append("threshold")
        return actions.threshold(analysis, shown, threshold, view)

    def window_event(analysis, shown, view):
        order.append("window")
        assert analysis.seg.threshold == 0.1
        return actions.view(analysis, shown, view)

    answers = {}
    first = threading.Thread(
        target=lambda: answers.update(
            threshold=handled(binding.with_view(slow_threshold), visit, True, 0.1, 3, 40, 400, 0.3)
        )
    )
    second = threading.Thread(
        target=lambda: answers.update(
            window=handled(binding.with_view(window_event, "window"), visit, True, 3, 60, 150, 0.3)
        )
    )
    first.start()
    assert moved.wait(30)
    second.start()
    resume.set()
    first.join(30)
    second.join(30)
    assert order == ["threshold", "window"] and answers["threshold"]["analysis"] is visit
    assert visit.analysis.seg.threshold == 0.1
    assert 'data-threshold="0.1"' in answers["threshold"]["results"]
    drawn, shown = drawing_of(answers["window"]["viewer"]), drawing_of(answers["threshold"]["viewer"])
    assert drawn["stack"] == shown["stack"] and (drawn["center"], drawn["width"]) == (60, 150)
    handled(binding.with_view(actions.slice, "slice"), visit, True, 2, 40, 400, 0.3)
    late = handled(binding.with_view(actions.threshold), visit, True, 0.2, 3, 40, 400, 0.3)
    assert "slice 2 of 4" in late["viewer"], "the slice chosen later stays"


def test_the_result_of_a_run_that_is_no_longer_wanted_is_dropped(actions, nifti, volume_analysis):
    visit = Visit()

    def overtaken(analysis, progress):
        with visit.lock:
            visit.begin_run()
        return {"analysis": volume_analysis, "problem": ""}

    handler = binding.run_handler(overtaken, Names(), actions, actions.runs)
    request = SimpleNamespace(session_hash="visitor")
    quiet = lambda *a, **k: None  # noqa: E731
    assert handler(request, visit, progress=quiet) == {"problem": gr.skip()} and visit.analysis is None

    def undisturbed(analysis, progress):
        return {"analysis": volume_analysis}

    handler = binding.run_handler(undisturbed, Names(), actions, actions.runs)
    shown = handler(request, visit, progress=quiet)
    assert shown["analysis"] is visit and visit.analysis is volume_analysis
    assert f'data-key="{visit.key}"' in shown["session"] and "Result ready: 1 lesion." in shown["session"]


def test_downloads_of_a_result_that_has_changed_meanwhile_are_dropped(volume_analysis):
    visit = Visit()
    visit.show(volume_analysis)

    def prepare(analysis, threshold):
        assert not visit.lock._is_owned(), "other events go on meanwhile"
        visit.show(analysis.at_threshold(threshold))
        return {"files": "report.json"}

    handler = binding.reading_handler(prepare, Names())
    assert handler(visit, volume_analysis.seg.threshold) == {"files": "report.json"}
    assert handler(visit, 0.2) == {"problem": gr.skip()}


def test_an_unexpected_error_of_an_event_is_a_sentence_and_no_traceback(caplog):
    updates = handled(lambda: 1 / 0)
    assert updates == {"problem": page_text.problem(UNEXPECTED_ERROR)}
    assert "ZeroDivisionError" in caplog.text and "Traceback" not in caplog.text


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
