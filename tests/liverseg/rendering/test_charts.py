"""The area chart along the slices and the ring of the tumour share."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from liverseg.core.geometry import upright_grid
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.charts import (
    Profile,
    lay_out,
    profile_of,
    profile_svg,
)

SVG = "{http://www.w3.org/2000/svg}"
SIZE = (640.0, 150.0, 12.0)  # width, height and font size


def profile(slices=30, spacing_mm=(2.0, 0.5, 0.8)) -> Profile:
    labels = np.zeros((slices, 64, 64), np.uint8)
    for z in range(5, slices):
        labels[z, 5 : 5 + z, 10:50] = 1
    labels[8, 6:9, 12:20] = 2
    hu = np.zeros(labels.shape, np.float32)
    ct = CTImage(hu, spacing_mm, "header", "array", upright_grid(labels.shape), "volume")
    checkpoint = CheckpointIdentity("a@1", "0" * 64, "x")
    return profile_of(ct, Segmentation(labels, hu, hu, 0.5, checkpoint, "none"))


def test_the_profile_has_the_areas_of_each_slice():
    areas = profile()
    assert areas.tumour.tolist() == [24 if z == 8 else 0 for z in range(30)]
    assert areas.liver.tolist() == [0 if z < 5 else z * 40 - (24 if z == 8 else 0) for z in range(30)]
    assert areas.unit() == "cm²" and areas.sizes(areas.tumour)[8] == pytest.approx(24 * 0.4 / 100)
    unknown = profile(spacing_mm=None)
    assert unknown.unit() == "pixels" and unknown.sizes(unknown.tumour)[8] == 24
    assert unknown.describe(8) == "Slice 9 of 30: liver 296 pixels, tumour 24 pixels"


def height_at(points: list[tuple[float, float]], x: float, plot) -> float:
    """The height of an outline at `x`, as a share of the plot's height."""
    left = max((p for p in points if p[0] <= x), key=lambda p: (p[0], -p[1]))
    return (plot.bottom - left[1]) / (plot.bottom - plot.top)


@pytest.mark.parametrize("slices", [1, 2, 7, 30, 119, 1000])
def test_steps_are_proportional_to_areas_and_ticks_lie_at_their_slices(slices):
    counts = np.arange(slices) * 3 + 5
    areas = Profile(counts, np.zeros(slices, int), 1.0)
    plot = lay_out(areas, *SIZE)
    largest = plot.y_ticks[-1][1]
    assert plot.y_ticks[-1][0] == pytest.approx(plot.top) and float(largest) >= counts.max() / 100
    for index in {0, slices // 2, slices - 1}:
        x = plot.x_of(index)
        assert height_at(plot.organ, x, plot) == pytest.approx(counts[index] / 100 / float(largest))
    labels = [int(label) for _, label in plot.x_ticks]
    assert labels == sorted(set(labels)) and labels[0] == 1 and labels[-1] <= slices
    assert all(x == pytest.approx(plot.x_of(k - 1)) for (x, _), k in zip(plot.x_ticks, labels, strict=True))
    positions = [x for x, _ in plot.x_ticks]
    assert all(b - a > 25 for a, b in zip(positions, positions[1:], strict=False)), "labels do not touch"


@pytest.mark.parametrize("spacing_mm", [(2.0, 0.5, 0.8), None])
def test_the_chart_marks_and_describes_the_selected_slice(spacing_mm):
    areas = profile(spacing_mm=spacing_mm)
    svg = ElementTree.fromstring(profile_svg(areas, 8, *SIZE))
    (mark,) = [line for line in svg.iter(f"{SVG}line") if line.get("data-selected") is not None]
    share = float(mark.get("x1")) / 640
    left, right = float(svg.get("data-left")), float(svg.get("data-right"))
    assert (share - left) / (right - left) * int(svg.get("data-slices")) == pytest.approx(8.5, abs=0.05)
    assert svg.find(f"{SVG}title").text == areas.describe(8)
    assert [text.text for text in svg.iter(f"{SVG}text")].count(f"{areas.unit()} a slice") == 1
    with pytest.raises(InvalidSetting, match="no slice 30"):
        profile_svg(areas, 30, *SIZE)


def test_without_liver_and_tumour_the_plot_is_empty():
    nothing = Profile(np.zeros(12, int), np.zeros(12, int), 0.5)
    svg = ElementTree.fromstring(profile_svg(nothing, 0, *SIZE))
    for polygon in svg.iter(f"{SVG}polygon"):
        ys = {point.split(",")[1] for point in polygon.get("points").split()}
        assert len(ys) == 1
