"""Views and run requests from the values of the page's controls."""

from __future__ import annotations

import pytest

from liverseg.app.state.view import CENTER_RANGE_HU, RunRequest, View, made_window, within_sliders
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting


@pytest.mark.parametrize(("number", "index"), [(1, 0), (3, 2), (0, 0), (None, 0), (99, 4)])
def test_slice_numbers_become_indices_within_the_volume(number, index):
    assert View.of_controls(number, 40, 400, 0.3).within(5).slice_index == index


def test_an_impossible_window_is_refused():
    with pytest.raises(InvalidSetting):
        View.of_controls(1, 40, 0, 0.3)
    with pytest.raises(InvalidSetting):
        _ = RunRequest(made_center=40, made_width=-1).made_with


def test_empty_fields_mean_the_default_window():
    assert made_window(None, None) == DEFAULT_WINDOW
    assert made_window(60, None) == Window(60, DEFAULT_WINDOW.width_hu)


@pytest.mark.parametrize(("upload", "paths"), [(None, ()), ("a.png", ("a.png",)), (["a", "b"], ("a", "b"))])
def test_an_upload_becomes_a_tuple_of_paths(upload, paths):
    request = RunRequest.of_controls(upload, "name@1", 2, (60, 200), View())
    assert request.sources == paths and request.series == 2 and request.made_with == Window(60, 200)


def test_windows_stay_within_the_sliders():
    assert within_sliders(Window(3900, 5)).center_hu == CENTER_RANGE_HU[1]
    assert within_sliders(Window(40, 400)) == Window(40, 400)
