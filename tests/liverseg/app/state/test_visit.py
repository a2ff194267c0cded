"""The result of a page, its key, and which runs are still wanted."""

from __future__ import annotations

import copy
import gc
from dataclasses import replace

from liverseg.app.state import session
from liverseg.app.state.choices import Choices
from liverseg.app.state.view import View
from liverseg.app.state.visit import Visit, result_of_key, with_choices
from liverseg.core.window import DEFAULT_WINDOW, Window


def test_a_key_finds_the_result_as_long_as_a_page_holds_it(volume_analysis):
    visit = Visit()
    visit.show(volume_analysis)
    visit.choices.threshold = 0.3
    assert len(visit.key) >= 24, "it cannot be guessed"
    analysis, choices = result_of_key(visit.key)
    assert analysis is volume_analysis and choices.threshold == 0.3
    choices.threshold = 0.9
    assert visit.choices.threshold == 0.3, "each page has its own"
    key = visit.key
    assert result_of_key("") is None and result_of_key(key[:-1]) is None
    del visit
    gc.collect()
    assert result_of_key(key) is None


def test_another_threshold_keeps_the_key_and_another_image_does_not(volume_analysis, checkpoints, nifti):
    visit = Visit()
    visit.show(volume_analysis)
    key = visit.key
    visit.show(volume_analysis.at_threshold(0.1))
    assert visit.key == key and result_of_key(key)[0].seg.threshold == 0.1
    ct = session.read_input([nifti], DEFAULT_WINDOW)
    visit.show(replace(volume_analysis, ct=ct))
    assert visit.key != key and result_of_key(key) is None
    visit.show(None)
    assert visit.key == ""


def test_only_the_latest_run_is_wanted():
    visit = Visit()
    first = visit.begin_run()
    assert visit.wants(first)
    second = visit.begin_run()
    assert visit.wants(second) and not visit.wants(first)


def test_a_copy_is_an_empty_page(volume_analysis):
    visit = Visit()
    visit.show(volume_analysis)
    fresh = copy.deepcopy(visit)
    assert fresh.analysis is None and fresh.key == "" and fresh.choices is not visit.choices


def test_what_was_set_holds_for_a_result_and_a_view(volume_analysis):
    assert with_choices(volume_analysis, Choices()) is volume_analysis
    moved = with_choices(volume_analysis, Choices(threshold=0.1, lesion_cut=0.7))
    assert moved.seg.threshold == 0.1 and moved.seg.lesion_cut is None, "there is no lesion model to cut"
    assert moved.report.tumour.count > volume_analysis.report.tumour.count
    shown = View(3, Window(40, 400), 0.3)
    assert shown.with_choices(Choices()) == shown
    set_before = Choices(window=Window(60, 150), opacity=0.8, slice_index=1)
    assert shown.with_choices(set_before) == View(1, Window(60, 150), 0.8)
