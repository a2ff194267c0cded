"""A page that is opened with the key of a result shows it in a page of its own."""

from __future__ import annotations

from liverseg.app.page.arrival import arrive
from liverseg.app.state import session
from liverseg.app.state.view import View
from liverseg.app.state.visit import Visit
from liverseg.app.text.catalogue import say
from liverseg.core.window import Window


def test_a_second_page_shows_the_result_as_the_first_one_does(checkpoints, volume_analysis, nifti):
    first, second = Visit(), Visit()
    first.show(volume_analysis.at_threshold(0.3))
    first.choices.window, first.choices.slice_index, first.choices.opacity = Window(60, 150), 1, 0.8
    shown = arrive(checkpoints, first.key, View(), second)
    assert shown["analysis"] is first.analysis and shown["threshold"] == 0.3
    assert shown["slice"] == {"value": 2, "maximum": 4, "visible": True, "__type__": "update"}
    assert (shown["center"], shown["width"], shown["opacity"]) == (60, 150, 0.8)
    assert shown["checkpoint"] == "segformer-b0@1.0.0" and "0.945" in shown["card"]
    assert shown["upload"] == [nifti] and "slice 2 of 4" in shown["viewer"]
    second.choices.opacity = 0.1
    assert first.choices.opacity == 0.8


def test_a_comparison_is_shown_with_its_second_checkpoint(checkpoints, volume_analysis, nifti):
    other = session.analyse_upload([nifti], volume_analysis.ct, checkpoints.segmenter("segformer-b0-fast"))
    first = Visit()
    first.show(volume_analysis.with_second(other))
    shown = arrive(checkpoints, first.key, View(), Visit())
    assert shown["compare_with"]["value"] == "segformer-b0-fast@0.3.0" and "<img" in shown["comparison"]


def test_an_unknown_key_is_explained_and_no_key_changes_nothing(checkpoints):
    assert say("gone") in arrive(checkpoints, "unknown", View(), Visit())["problem"]
    assert arrive(checkpoints, "", View(), Visit()) == arrive(checkpoints, None, View(), Visit()) == {}
