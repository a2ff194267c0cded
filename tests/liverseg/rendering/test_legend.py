"""Strips below pictures: room for their texts, and the mark of the threshold."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.core.window import Window
from liverseg.rendering import legend
from liverseg.rendering.colours import LIVER_RGB, TUMOUR_RGB, UNSURE_RGB
from liverseg.rendering.frame import frame_for
from liverseg.rendering.text import text_width


@pytest.mark.parametrize("width", [64, 100, 400, 1024])
def test_texts_fit_into_strips_of_every_width(width):
    frame = frame_for((1024, width))
    window_strip = legend.window_strip(frame, Window(-600, 1500), "Slice 1000 / 1000")
    assert (
        not window_strip[:, -frame.text // 3 :].any()
        and not window_strip[:2].any()
        and not window_strip[-2:].any()
    )
    # A gap separates the window from the caption, if there is one.
    window_end = round(0.6 * frame.text) + text_width("W 1500  C -600 HU", frame.text)
    assert not window_strip[:, window_end + 2 : window_end + frame.text // 2].any()
    bar = legend.probability_strip(frame, 0.5)
    assert bar.shape == window_strip.shape == legend.legend_strip(frame, 0.3).shape
    middle = bar[round(0.6 * frame.text)].astype(int)
    coloured = np.flatnonzero(np.ptp(middle, axis=-1) > 40)
    assert np.ptp(coloured) > 0.25 * frame.width


def test_the_threshold_is_marked_at_its_value():
    frame = frame_for((512, 512))
    marks = []
    for threshold in (0.2, 0.5, 1.0):
        above = legend.probability_strip(frame, threshold)[round(0.3 * frame.text) - 5]  # above the bar
        columns = np.flatnonzero((above == 255).all(axis=-1))
        assert 0 < len(columns) <= 6
        marks.append(columns.mean())
    assert marks[2] == pytest.approx(frame.width - 0.9 * frame.text, abs=4)
    assert (marks[1] - marks[0]) / (marks[2] - marks[0]) == pytest.approx(0.3 / 0.8, abs=0.01)


def test_swatches_have_the_lines_of_the_overlay_and_that_of_unsure_lesions_is_dashed():
    frame = frame_for((512, 512))
    strip = legend.legend_strip(frame, 0.3, True)
    counts = [(strip == rgb).all(axis=2).sum() for rgb in (LIVER_RGB, TUMOUR_RGB, UNSURE_RGB)]
    side = round(0.9 * frame.text)
    whole = 4 * side * frame.line
    assert 0.8 * whole < counts[0] < 1.1 * whole and counts[1] > 1.3 * counts[0]
    assert 0.35 * whole < counts[2] < 0.85 * whole
