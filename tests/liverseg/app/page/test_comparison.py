"""The comparison with a second checkpoint: what is shown, what runs, and what stays unchanged."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import liverseg
from liverseg.analysis import report_text
from liverseg.analysis.compare import compare
from liverseg.app.html.comparison import signed_number
from liverseg.app.page.actions import Actions
from liverseg.app.page.comparison import NO_COMPARISON, ComparisonActions
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.view import RunRequest, View
from liverseg.app.text.catalogue import say
from liverseg.errors import Cancelled
from registry import open_registries
from tests.liverseg.app.rule_checkpoints import write_versions

MADE = (40, 400)
OLD, NEW, OTHER = "rule@1.0.0", "rule@1.1.0", "other@2.0.0"


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Two versions of one checkpoint, and one of another architecture."""
    folder = write_versions(tmp_path_factory.mktemp("versions"))
    return Checkpoints(open_registries(str(folder)), engine="torch")


class Page:
    """The values of the page, and its events with the events that follow each, as `wiring` connects them."""

    def __init__(self, checkpoints: Checkpoints, examples: Any) -> None:
        self.actions, self.comparing = Actions(checkpoints, examples), ComparisonActions(checkpoints)
        self.values: dict[str, Any] = {
            **dict.fromkeys(("analysis", "awaited", "finished", "pending", "checkpoint", "upload")),
            "shown": False,
            "slice": 1,
            "center": 40,
            "width": 400,
            "opacity": 0.3,
            "compare_with": NO_COMPARISON,
            "comparison": "",
            "problem": "",
        }
        self.seen: dict[str, Any] = {}

    def apply(self, updates: dict[str, Any]) -> None:
        for name, update in updates.items():
            is_update = isinstance(update, dict) and update.get("__type__") == "update"
            self.seen[name] = update
            if not is_update or "value" in update:
                self.values[name] = update["value"] if is_update else update

    def of(self, *names: str) -> list[Any]:
        return [self.values[name] for name in names]

    def view(self) -> View:
        return View.of_controls(*self.of("slice", "center", "width", "opacity"))

    def request(self) -> RunRequest:
        return RunRequest.of_controls(*self.of("upload", "checkpoint"), None, MADE, self.view())

    def compare(self, action: Callable[..., dict[str, Any]]) -> None:
        """The event after a choice or after a main result, and then the run that it requests."""
        before = self.values["pending"]
        asked = self.of("analysis", "awaited", "compare_with")
        self.apply(action(*asked, self.view()))
        if self.values["pending"] is not before:
            self.run()

    def run(self) -> None:
        self.apply(self.comparing.run_pending(*self.of("analysis", "pending", "finished")))
        self.finish()

    def finish(self) -> None:
        asked = self.of("analysis", "awaited", "finished", "compare_with")
        self.apply(self.comparing.show_finished(*asked, self.view()))

    def upload(self, path: str) -> None:
        self.values["upload"] = [path]
        self.apply(self.actions.upload(self.request()))
        self.compare(self.comparing.follow_main_result)

    def choose(self, ref: str) -> None:
        self.values["checkpoint"] = ref
        self.apply(self.actions.checkpoint(*self.of("analysis"), self.request()))
        self.compare(self.comparing.follow_main_result)

    def compare_with(self, ref: str) -> None:
        self.values["compare_with"] = ref
        self.compare(self.comparing.choose_second)

    def pictures(self, name: str) -> list[str]:
        return re.findall(r"base64,([^\"]+)", self.values[name])


@pytest.fixture
def page(versions, examples) -> Page:
    page = Page(versions, examples)
    page.values["checkpoint"] = OLD
    return page


def test_a_result_offers_the_other_checkpoints_without_comparing(page, png):
    page.upload(png)
    offer = page.seen["compare_with"]
    assert [ref for _, ref in offer["choices"]] == [NO_COMPARISON, OTHER, NEW]
    assert offer["visible"] is True and offer["value"] == NO_COMPARISON
    assert page.values["comparison"] == ""


def test_a_choice_is_not_reset_by_the_answer_to_an_earlier_choice(page, png):
    page.upload(png)
    asked = page.of("analysis", "awaited")
    for ref in (NO_COMPARISON, NEW):
        assert "compare_with" not in page.comparing.choose_second(*asked, ref, page.view())
    offer = page.comparing.follow_main_result(*asked, NEW, page.view())["compare_with"]
    assert "value" not in offer


def test_a_single_checkpoint_hides_the_comparison(versions, examples, png, tmp_path):
    folder = versions.find(OTHER).folder
    shutil.copytree(folder, tmp_path / "other")
    page = Page(Checkpoints(open_registries(str(tmp_path)), engine="torch"), examples)
    page.upload(png)
    assert page.seen["compare_with"]["visible"] is False


@pytest.mark.parametrize("second", [NEW, OTHER])
def test_pictures_and_measures_of_both_checkpoints_are_shown(page, versions, nifti, runs, second):
    page.upload(nifti)
    before = page.values["viewer"], page.values["results"]
    page.compare_with(second)
    assert runs == [OLD, second]
    assert (page.values["viewer"], page.values["results"]) == before
    one, other, where = sorted(page.pictures("comparison"), key=page.pictures("comparison").index)
    assert len({one, other, where}) == 3 and page.pictures("viewer")[1] in (one, other)
    ct = liverseg.read(nifti)
    a, b = (versions.segmenter(ref).segment(ct) for ref in (OLD, second))
    expected, html = compare(ct, a, b), page.values["comparison"]
    assert f'"agree-tumour">{expected.tumour.dice:.3f}<' in html
    assert f'"agree-liver">{expected.organ.dice:.3f}<' in html
    for size in (expected.tumour.a, expected.tumour.b, expected.liver.a, expected.liver.b):
        assert f"<td>{report_text.size_text(size)}</td>" in html
    gap = abs(expected.tumour.difference.volume_ml)
    assert (
        f"{report_text.number_text(gap)} mL" in html
        and f"{signed_number(100 * expected.tumour.relative_difference, 1)} %" in html
    )
    assert "A · rule 1.0.0" in html and "B · " + second.replace("@", " ") in html
    assert f'data-slice="{expected.most_different_slice}"' in html


def test_redraws_follow_the_view_without_the_network(page, nifti, runs):
    page.upload(nifti)
    page.compare_with(NEW)
    runs.clear()
    seen = [page.values["comparison"]]
    events = {
        "opacity": (page.actions.view, {"opacity": 0.8}),
        "window": (page.actions.view, {"center": 60, "width": 150}),
        "slice": (page.actions.slice, {"slice": 2}),
    }
    for action, moved in events.values():
        page.values.update(moved)
        page.apply(action(*page.of("analysis", "shown"), page.view()))
        seen.append(page.values["comparison"])
    page.apply(page.actions.preset(*page.of("analysis", "shown"), "Liver", page.view()))
    seen.append(page.values["comparison"])
    page.apply(page.actions.threshold(*page.of("analysis", "shown"), 0.1, page.view()))
    seen.append(page.values["comparison"])
    assert len(set(seen)) == len(seen) and "slice 2 of 4" in seen[-1]
    assert runs == []


def test_a_moved_threshold_applies_to_both_checkpoints(page, nifti):
    page.upload(nifti)
    page.compare_with(NEW)
    thresholds = re.findall(r"<td>(\d\.\d\d)</td>", page.values["comparison"])
    assert thresholds[:2] == ["0.40", "0.50"]
    page.apply(page.actions.threshold(*page.of("analysis", "shown"), 0.2, page.view()))
    assert page.values["analysis"].second.seg.threshold == 0.2
    page.compare_with(OTHER)
    assert page.values["analysis"].second.seg.threshold == page.values["analysis"].seg.threshold == 0.2


def test_each_checkpoint_runs_once_on_an_input(page, png, runs):
    page.upload(png)
    for ref in (NEW, OTHER, NEW, NO_COMPARISON, NEW):
        page.compare_with(ref)
    assert runs == [OLD, NEW, OTHER]
    page.choose(NEW)
    assert runs == [OLD, NEW, OTHER]
    assert page.values["analysis"].report.checkpoint.ref == NEW and page.values["threshold"] == 0.5
    page.compare_with(OLD)
    assert runs == [OLD, NEW, OTHER] and "B · rule 1.0.0" in page.values["comparison"]


def test_no_comparison_restores_the_page(page, png):
    page.upload(png)
    before = page.values["viewer"], page.values["results"]
    page.compare_with(NEW)
    page.compare_with(NO_COMPARISON)
    assert page.values["comparison"] == "" and page.values["analysis"].second is None
    assert (page.values["viewer"], page.values["results"]) == before


def test_another_main_checkpoint_keeps_the_second_one(page, png, runs):
    page.upload(png)
    page.compare_with(NEW)
    page.choose(OTHER)
    assert runs == [OLD, NEW, OTHER]
    assert "A · other 2.0.0" in page.values["comparison"] and "B · rule 1.1.0" in page.values["comparison"]
    assert [ref for _, ref in page.seen["compare_with"]["choices"]] == [NO_COMPARISON, NEW, OLD]


def test_a_checkpoint_is_not_compared_with_itself(page, png):
    page.upload(png)
    page.compare_with(NEW)
    page.choose(NEW)
    assert page.values["compare_with"] == NO_COMPARISON and page.values["comparison"] == ""
    assert page.values["analysis"].second is None


def test_another_upload_keeps_the_second_checkpoint(page, png, nifti, runs):
    page.upload(png)
    page.compare_with(NEW)
    page.upload(nifti)
    assert runs == [OLD, NEW, OLD, NEW]
    second = page.values["analysis"].second
    assert second.ct is page.values["analysis"].ct and second.ct.kind == "volume"
    assert "mL" in page.values["comparison"]


def test_a_refused_upload_shows_no_comparison(page, png, text_file):
    page.upload(png)
    page.compare_with(NEW)
    page.upload(text_file)
    assert page.values["comparison"] == "" and page.seen["compare_with"]["visible"] is False
    assert "text, not an image" in page.values["problem"]


def test_a_refused_second_checkpoint_can_be_chosen_again(page, versions, examples, png, tmp_path, runs):
    folder = shutil.copytree(versions.find(OTHER).folder, tmp_path / "all" / "other")
    for ref in (OLD, NEW):
        shutil.copytree(versions.find(ref).folder, tmp_path / "all" / ref.replace("@", "-"))
    model = folder / "model.pt"
    good = model.read_bytes()
    page = Page(Checkpoints(open_registries(str(tmp_path / "all")), engine="torch"), examples)
    page.values["checkpoint"] = OLD
    page.upload(png)
    page.compare_with(NEW)
    before = page.values["viewer"], page.values["results"]
    model.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    page.compare_with(OTHER)
    assert page.values["comparison"].count("ls-problem") == 1 and "sha256" in page.values["comparison"]
    assert page.values["compare_with"] == NO_COMPARISON and page.values["problem"] == ""
    assert page.values["analysis"].second is None
    assert (page.values["viewer"], page.values["results"]) == before and runs == [OLD, NEW]
    model.write_bytes(good)
    page.compare_with(OTHER)
    assert "B · other 2.0.0" in page.values["comparison"] and runs == [OLD, NEW, OTHER]


def test_a_result_that_comes_late_is_kept_and_not_shown(page, png, nifti, runs):
    page.upload(png)
    asked = [page.values["analysis"], None, NEW]
    page.apply(page.comparing.choose_second(*asked, page.view()))
    assert "Comparing with rule 1.1.0" in page.values["comparison"]
    page.apply(page.comparing.run_pending(*page.of("analysis", "pending", "finished")))
    page.values["compare_with"] = NO_COMPARISON  # chosen while it ran
    page.apply(page.comparing.choose_second(*page.of("analysis", "awaited", "compare_with"), page.view()))
    page.finish()
    assert page.values["comparison"] == "" and page.values["awaited"] is None
    page.compare_with(NEW)
    assert runs == [OLD, NEW] and "B · rule 1.1.0" in page.values["comparison"]

    pending = page.comparing.choose_second(page.values["analysis"], None, OTHER, page.view())["pending"]
    late = page.comparing.run_pending(page.values["analysis"], pending, None)["finished"]
    page.values["compare_with"] = NO_COMPARISON
    page.upload(nifti)  # in the meantime
    page.values.update(finished=late, compare_with=OTHER)
    page.finish()
    assert page.values["comparison"] == "" and page.values["analysis"].second is None


def test_a_choice_that_arrives_twice_runs_once(page, png, runs):
    page.upload(png)
    page.values["compare_with"] = NEW
    page.apply(page.comparing.choose_second(*page.of("analysis", "awaited", "compare_with"), page.view()))
    again = page.comparing.choose_second(*page.of("analysis", "awaited", "compare_with"), page.view())
    assert "pending" not in again and "Comparing with" in again["comparison"]
    page.apply(page.comparing.run_pending(*page.of("analysis", "pending", "finished")))
    assert page.comparing.run_pending(*page.of("analysis", "pending", "finished")) == {}  # not shown yet
    page.finish()
    page.run()
    assert runs == [OLD, NEW] and "ls-pair" in page.values["comparison"]
    again = page.comparing.choose_second(*page.of("analysis", "awaited", "compare_with"), page.view())
    assert again == {}


def test_a_run_that_gave_nothing_shows_a_sentence(page, png):
    page.upload(png)
    page.values["compare_with"] = NEW
    page.apply(page.comparing.choose_second(*page.of("analysis", "awaited", "compare_with"), page.view()))
    page.finish()  # the queue was full: nothing was fetched
    assert say("compare.not_run") in page.values["comparison"]
    assert page.values["compare_with"] == NO_COMPARISON and page.values["awaited"] is None


def test_a_cancelled_run_keeps_the_main_result_and_shows_a_sentence(page, png):
    page.upload(png)
    before = page.values["viewer"], page.values["results"]
    page.values["compare_with"] = NEW
    page.apply(page.comparing.choose_second(*page.of("analysis", "awaited", "compare_with"), page.view()))

    def cancelled(done: int, count: int) -> None:
        raise Cancelled()

    page.apply(page.comparing.run_pending(*page.of("analysis", "pending", "finished"), progress=cancelled))
    page.finish()
    assert str(Cancelled()) in page.values["comparison"] and page.values["compare_with"] == NO_COMPARISON
    assert (page.values["viewer"], page.values["results"]) == before and page.values["problem"] == ""


def test_events_without_a_result_do_nothing_or_say_that_it_expired(page):
    page.compare_with(NEW)
    assert page.seen == {}
    assert page.comparing.go_to_slice(None, False, 2, View()) == {}
    assert say("expired") in page.comparing.go_to_slice(None, True, 2, View())["problem"]


def test_the_jump_goes_to_the_slice_with_the_largest_difference(page, nifti):
    page.upload(nifti)
    page.compare_with(NEW)
    most = page.values["analysis"].agreement.most_different_slice
    page.apply(page.comparing.go_to_slice(*page.of("analysis", "shown"), most, View()))
    assert page.values["slice"] == most + 1
    assert (
        f"slice {most + 1} of 4" in page.values["viewer"]
        and f"slice {most + 1} of 4" in page.values["comparison"]
    )


def test_known_results_beyond_the_limit_are_dropped_oldest_first(page, nifti, monkeypatch):
    page.upload(nifti)
    page.compare_with(NEW)
    one = page.values["analysis"].second
    size = sum(a.nbytes for a in (one.seg.labels, one.seg.tumour_probability, one.seg.organ_probability))
    monkeypatch.setattr(session, "MAX_KNOWN_BYTES", 2 * size - 1)
    page.compare_with(OTHER)
    assert [known.seg.checkpoint.ref for known in page.values["analysis"].known] == [OTHER]
    monkeypatch.setattr(session, "MAX_KNOWN_BYTES", 2 * size)
    page.compare_with(NEW)
    assert [known.seg.checkpoint.ref for known in page.values["analysis"].known] == [NEW, OTHER]
    assert np.array_equal(page.values["analysis"].known[0].seg.labels, one.seg.labels)


def test_the_comparison_does_not_contain_the_file_name(page, nifti):
    page.upload(nifti)
    page.compare_with(NEW)
    assert "MUSTERMANN" not in page.values["comparison"]
