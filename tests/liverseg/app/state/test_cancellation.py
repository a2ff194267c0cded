"""A run that is to stop: by the visitor's Cancel, without touching anybody else's."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from liverseg.app.html import page_text
from liverseg.app.html import results as results_html
from liverseg.app.page import binding
from liverseg.app.state import session
from liverseg.app.state.cancellation import Runs
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.errors import Cancelled


class Names(dict):
    """Components that are their own names."""

    def __missing__(self, name):
        return name


def test_only_the_visitor_s_own_runs_stop():
    runs = Runs()
    with runs.run("a") as first, runs.run("a") as second, runs.run("b") as other, runs.run(None) as nobody:
        runs.stop("a")
        runs.stop(None)
        runs.stop("nobody knows")
        assert first.is_set() and second.is_set()
        assert not other.is_set() and not nobody.is_set()
    with runs.run("a") as later:
        assert not later.is_set()
    assert runs._stops == {}


def test_a_run_that_fails_is_forgotten_too():
    runs = Runs()
    with pytest.raises(ValueError), runs.run("a"):
        raise ValueError
    assert runs._stops == {}


def test_cancel_stops_the_network_before_its_next_slice_and_says_so(actions, nifti, monkeypatch):
    segmenter = actions.checkpoints.segmenter(None)
    begun, go_on, seen = threading.Event(), threading.Event(), []
    run = segmenter.engine.run

    def slowly(hu):
        seen.append(len(hu))
        begun.set()
        assert go_on.wait(30)
        return run(hu)

    monkeypatch.setattr(segmenter.engine, "run", slowly)
    event = binding.run_handler(binding.with_request(actions.upload), Names(), actions, actions.runs)
    told = {}

    def visit():
        values = ([nifti], None, None, 40, 400, 1, 40, 400, 0.3)
        told.update(event(SimpleNamespace(session_hash="visitor"), *values, progress=lambda *a, **k: None))

    visitor = threading.Thread(target=visit)
    visitor.start()
    assert begun.wait(30)
    actions.runs.stop("visitor")
    go_on.set()
    visitor.join(30)
    assert seen == [1], "one slice was under way, and none after it"
    assert told["problem"] == page_text.problem(str(Cancelled())) and told["analysis"] is None
    assert actions.runs._stops == {}


def test_what_the_page_says_of_a_volume_s_lesions(checkpoints, nifti):
    ct = session.read_input([nifti], DEFAULT_WINDOW)
    report = session.analyse([nifti], ct, checkpoints.segmenter(None)).report
    html = results_html.lesion_table(report)
    lesion = report.lesions[0]
    assert f"<td>{lesion.mean_hu:.0f}</td>" in html and "Mean HU" in html
    assert ("†" in html) is not lesion.measurable
    assert "‡" in html and "cut off at the edge" in html, "it reaches the last slice"
    assert 'data-fact="slices-run">4 of 4<' in results_html.provenance(report)
