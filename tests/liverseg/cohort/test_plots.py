"""Histograms as SVG."""

from __future__ import annotations

import re

import numpy as np

from liverseg.cohort.plots import histogram


def test_bars_hold_every_value_and_the_line_is_at_the_median():
    values = np.random.default_rng(0).gamma(2.0, 50.0, 500)
    svg = histogram([*values, None, float("nan")], "Volume, mL", "#123456")
    bars = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)" .*?height="([\d.]+)".*?<title>([\d.]+) to ([\d.]+): (\d+)<', svg
    )
    assert sum(int(count) for *_, count in bars) == 500
    for *_, low, high, count in bars:
        assert abs(((values >= float(low)) & (values < float(high))).sum() - int(count)) <= 1
    heights = np.array([(float(height), int(count)) for _, _, height, _, _, count in bars])
    assert np.allclose(heights[:, 0] / heights[:, 1], heights[0, 0] / heights[0, 1], atol=0.1)
    (first_x, last_x) = (float(bars[0][0]), float(bars[-1][0]))
    (first, last) = (float(bars[0][3]), float(bars[-1][3]))
    (median_x,) = (float(x) for x in re.findall(r'class="median" x1="([\d.]+)"', svg))
    share = (np.median(values) - first) / (last - first)
    assert abs(first_x + share * (last_x - first_x) - median_x) < 1


def test_without_values_there_is_a_sentence():
    assert histogram([None], "a < b", "#000") == '<p class="none">a &lt; b: no values.</p>'
