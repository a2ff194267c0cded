"""What the page opens with, and what a click on an example does."""

from __future__ import annotations

from pathlib import Path

import pytest

from liverseg.app.examples import Examples
from liverseg.app.page.actions import Actions
from liverseg.app.page.example_actions import WantedExample
from liverseg.app.state.view import RunRequest, View
from liverseg.app.text.catalogue import say
from tests.liverseg.app.example_folder import TITLES, write_examples

ASKED = RunRequest()


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def unprepared(checkpoints, source, tmp_path) -> Actions:
    examples = Examples(tmp_path, str(source))
    examples.open()
    return Actions(checkpoints, examples)


@pytest.fixture
def prepared(unprepared, checkpoints) -> Actions:
    unprepared.examples.prepare_in_background(checkpoints).join(60)
    return unprepared


def arrives(actions: Actions, **changes) -> dict:
    asked = {"analysis": None, "shown": False, "is_running": False, "request": ASKED} | changes
    return actions.on_load(**asked)


def test_the_page_opens_with_the_first_example_and_no_network_run(prepared, runs):
    shown = arrives(prepared)
    assert runs == []
    analysis = shown["analysis"]
    assert analysis.example.about.title == TITLES[0] and shown["shown"] is True
    assert "<img" in shown["viewer"] and "&quot;truth&quot;: true" in shown["viewer"]
    assert (
        say("example.arrival") in shown["example_note"] and "Dice against the truth" in shown["example_note"]
    )
    assert all(title in shown["examples"] for title in TITLES) and shown["examples"].count("<img") == 2
    assert shown["upload"] is None and shown["arrival_timer"]["active"] is False


def test_visitors_share_one_result(prepared):
    assert arrives(prepared)["analysis"] is arrives(prepared)["analysis"]


def test_whatever_the_visitor_has_or_asks_for_comes_first(prepared, volume_analysis, checkpoints):
    other = checkpoints.list()[1].ref
    for change in (
        {"analysis": volume_analysis, "shown": True},
        {"shown": True},  # a result that has expired
        {"is_running": True},
        {"request": RunRequest(sources=("ct.png",))},
        {"request": RunRequest(checkpoint=other)},
    ):
        assert set(arrives(prepared, **change)) == {"examples", "arrival_timer"}


def test_while_nothing_is_ready_the_page_says_so_and_shows_the_first_as_soon_as_it_is(unprepared, runs):
    examples, default = unprepared.examples, unprepared.checkpoints.find(None)
    examples.preparing = True
    waiting = arrives(unprepared)
    assert say("example.preparing") in waiting["example_note"] and waiting["arrival_timer"]["active"] is True
    assert "analysis" not in waiting and "arrived" not in waiting
    first = examples.list[0].key
    examples.prepare(first, default, lambda: unprepared.checkpoints.segmenter(None))
    ready = unprepared.tick(None, False, False, ASKED)
    assert isinstance(ready["arrived"], WantedExample) and ready["arrival_timer"]["active"] is True
    shown = arrives(unprepared)
    assert shown["analysis"].example.about.key == first and runs == []
    later = unprepared.tick(shown["analysis"], True, False, ASKED)
    assert set(later) == {"examples", "arrival_timer"}, "a result that is shown stays"


def test_an_app_without_examples_opens_empty(checkpoints, tmp_path):
    examples = Examples(tmp_path, "none")
    examples.prepare_in_background(checkpoints).join(60)
    opened = arrives(Actions(checkpoints, examples))
    assert opened["examples"] == opened["example_note"] == "" and "analysis" not in opened
    assert opened["arrival_timer"]["active"] is False


def test_a_prepared_example_is_shown_at_once(prepared, runs):
    key = prepared.examples.list[1].key
    shown = prepared.choose_example(key, RunRequest(sources=("before.png",), view=View(opacity=0.5)))
    assert shown["analysis"].example.about.title == TITLES[1] and shown["upload"] is None and runs == []
    assert shown["made_with"]["visible"] is True and shown["slice"]["visible"] is False


def test_another_checkpoint_runs_once_on_an_example_and_is_kept(prepared, runs):
    key, other = prepared.examples.list[0].key, prepared.checkpoints.list()[1].ref
    asked = RunRequest(checkpoint=other)
    wanted = prepared.choose_example(key, asked)
    assert set(wanted) == {"wanted"} and runs == []
    shown = prepared.wanted_example(wanted["wanted"], asked)
    assert shown["analysis"].seg.checkpoint.ref == other and runs == [other]
    assert shown["analysis"].example.truth is not None
    again = prepared.choose_example(key, asked)
    assert again["analysis"].seg.checkpoint.ref == other and len(runs) == 1


def test_a_switch_of_the_checkpoint_stays_at_the_example_and_uses_what_is_kept(prepared, runs):
    shown = arrives(prepared)["analysis"]
    default, other = (checkpoint.ref for checkpoint in prepared.checkpoints.list()[:2])
    switched = prepared.checkpoint(shown, RunRequest(checkpoint=other))
    assert switched["analysis"].example is shown.example and runs == [other]
    assert "Dice against the truth" in switched["example_note"]
    fresh = arrives(prepared)["analysis"]  # of another visitor
    assert prepared.checkpoint(fresh, RunRequest(checkpoint=other))["analysis"].example is shown.example
    assert len(runs) == 1
    back = prepared.checkpoint(switched["analysis"], RunRequest(checkpoint=default))
    assert back["analysis"].voxels.truth_dice == shown.voxels.truth_dice and len(runs) == 1


def test_the_dice_beside_the_example_follows_the_threshold(prepared):
    shown = arrives(prepared)
    moved = prepared.threshold(shown["analysis"], True, 0.99, View())
    assert "Dice against the truth" in moved["example_note"]
    assert moved["example_note"] != shown["example_note"]


def test_an_upload_takes_the_place_of_the_example(prepared, png):
    uploaded = prepared.upload(RunRequest((png,), view=View()))
    assert uploaded["analysis"].example is None and uploaded["example_note"] == ""
    assert prepared.upload_removed([])["example_note"] == ""


def test_an_example_that_is_gone_is_refused_in_one_sentence(prepared):
    asked = prepared.wanted_example(WantedExample("gone"), ASKED)
    assert "not offered any more" in asked["problem"] and asked["analysis"] is None
    assert prepared.wanted_example(None, ASKED) == {}
