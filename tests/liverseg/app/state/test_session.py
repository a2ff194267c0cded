"""A visitor's upload and results: reading, analysis, thresholds, pictures; without gradio."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import liverseg
from liverseg.app.state import session
from liverseg.app.state.jpeg import as_jpeg
from liverseg.app.state.view import View
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import UnreadableInput


def test_the_first_view_is_the_slice_with_most_tumour_in_the_current_window(volume_analysis):
    view = session.initial_view(volume_analysis, View(window=Window(60, 200)))
    assert (view.slice_index, view.window) == (2, Window(60, 200))


def test_the_first_view_of_a_picture_has_its_own_window(checkpoints, png):
    ct = session.read_input([png], Window(60, 200))
    analysis = session.analyse_upload([png], ct, checkpoints.segmenter(None))
    assert analysis.is_picture
    assert session.initial_view(analysis, View()).window == Window(60, 200)
    wide = replace(analysis, ct=replace(analysis.ct, assumed_window=Window(1024, 4096)))
    assert session.initial_view(wide, View()).window == Window(1000, 3000)


def test_another_threshold_measures_again_and_keeps_the_probabilities(volume_analysis):
    low, high = volume_analysis.at_threshold(0.1), volume_analysis.at_threshold(0.95)
    assert low.report.tumour.count > volume_analysis.report.tumour.count > high.report.tumour.count
    assert low.seg.tumour_probability is volume_analysis.seg.tumour_probability
    assert low.report == replace(low.report, timing_s=low.report.timing_s)
    assert volume_analysis.at_threshold(volume_analysis.seg.threshold) is volume_analysis


def test_the_jpegs_resemble_the_pictures_and_have_one_size(volume_analysis):
    drawn = session.draw_pictures(volume_analysis, View(slice_index=2))
    for rgb in drawn:
        decoded = np.asarray(Image.open(io.BytesIO(as_jpeg(rgb))))
        assert decoded.shape == drawn[0].shape
        assert np.abs(decoded.astype(int) - rgb).mean() < 3
        small = Image.open(io.BytesIO(as_jpeg(rgb, 100)))
        assert max(small.size) == 100


def test_slice_counts_add_up_to_the_report(volume_analysis):
    counts = [session.slice_counts(volume_analysis.seg, index) for index in range(4)]
    assert sum(c.tumour for c in counts) == volume_analysis.report.tumour.count > 0
    assert sum(c.liver for c in counts) == volume_analysis.report.liver.count > 0
    assert counts[0].tumour < counts[2].tumour


def test_an_upload_that_was_deleted_is_refused(tmp_path):
    with pytest.raises(UnreadableInput, match="upload it again"):
        session.read_input([str(tmp_path / "gone.png")], DEFAULT_WINDOW)
    with pytest.raises(UnreadableInput, match="Choose a file"):
        session.read_input([], DEFAULT_WINDOW)


def test_the_page_agrees_with_the_library(checkpoints, png, picture_analysis):
    segmenter = checkpoints.segmenter(None)
    ct = liverseg.read(png)
    expected = liverseg.measure(ct, segmenter.segment(ct))
    report = picture_analysis.report
    assert (expected.liver, expected.tumour) == (report.liver, report.tumour)
