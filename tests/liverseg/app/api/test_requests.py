"""Requests of the file endpoints: what they open and what they refuse."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from fuzzing.clients import message_failure
from liverseg.app.api.requests import SegmentRequest, input_components, refusal
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting, SeriesChoice
from liverseg.io.dicom.series_info import SeriesInfo


def test_a_picture_is_opened_in_the_window_it_was_made_with(png):
    ct, settings, window = SegmentRequest(png, window_center=60, window_width=200, threshold=0.3).open()
    assert ct.assumed_window == window == settings.window == Window(60, 200)
    assert (settings.slice_index, settings.series, settings.threshold) == (None, None, 0.3)


def test_a_volume_is_drawn_in_the_given_window_and_one_slice_can_be_chosen(nifti):
    ct, settings, window = SegmentRequest(nifti, slice=2.0).open()
    assert ct.assumed_window is None and window == DEFAULT_WINDOW and settings.slice_index == 2


@pytest.mark.parametrize("ending", ["nrrd", "mha", "mhd"])
def test_nrrd_metaimage_and_a_zip_of_two_files_are_opened(ending, nifti, other_volumes, tmp_path):
    sources = other_volumes[ending]
    path = sources[0]
    if len(sources) > 1:
        path = str(tmp_path / "ct.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for source in sources:
                archive.write(source, Path(source).name)
    ct, _, _ = SegmentRequest(path).open()
    np.testing.assert_array_equal(ct.hu, SegmentRequest(nifti).open()[0].hu)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [({"slice": 1.5}, "Slice must be a whole number, not 1.5"), ({"slice": 99}, "There is no slice 99")],
)
def test_invalid_arguments_are_refused(nifti, arguments, reason):
    with pytest.raises(InvalidSetting, match=reason):
        SegmentRequest(nifti, **arguments).open()


def test_a_missing_file_is_refused():
    with pytest.raises(InvalidSetting, match="Give a file"):
        SegmentRequest(None).open()


def test_components_have_the_names_and_order_of_the_request():
    with gr.Blocks():
        labels = [component.label for component in input_components()]
    assert labels == list(SegmentRequest.__dataclass_fields__)[1:]


def test_a_refusal_lists_the_series_to_choose_from():
    plain = SeriesInfo(1, None, "", (4, 80, 96), None, None, "axial", None, False)
    bad = replace(plain, number=2, refusal="Slices are missing.")
    error = SeriesChoice("There are 2 CT series; name one by its number.", (plain, bad))
    message = refusal(error).message
    assert message == (
        "There are 2 CT series; name one by its number; the series are 1: 4 axial slices, 96 × 80; "
        "2: 4 axial slices, 96 × 80 (cannot be read: Slices are missing)."
    )
    assert message_failure(message) == "", "it is one sentence, as the load test demands"
    assert refusal(SeriesChoice("There is none.")).message == "There is none."
    assert refusal(InvalidSetting("No.")).message == "No."


def test_the_lesion_cut_is_a_setting_of_the_analysis(png):
    assert SegmentRequest(png, lesion_cut=0.3).open()[1].lesion_cut == 0.3
    assert SegmentRequest(png).open()[1].lesion_cut is None
