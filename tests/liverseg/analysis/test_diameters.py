"""Diameters against geometry and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from liverseg.analysis.diameters import lesion_diameters, plane_diameters

relaxed = settings(deadline=None, max_examples=60)  # a shared machine may stall any example
masks = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any)
spacings = st.tuples(st.floats(0.3, 3), st.floats(0.3, 3))


def edge_midpoints(mask: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    centres = np.argwhere(mask)
    around = np.array([(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)])
    return (centres[:, None] + around).reshape(-1, 2) * spacing


def ellipse(semi_mm: tuple[float, float], spacing: tuple[float, float], degrees: float = 0.0) -> np.ndarray:
    """A digital ellipse with semi-axes in mm; `degrees` rotates the first axis away from the row axis."""
    reach = max(semi_mm) + 3
    rows = np.arange(-reach, reach, spacing[0])[:, None] + 0.13
    columns = np.arange(-reach, reach, spacing[1])[None] + 0.29
    turn = np.deg2rad(degrees)
    a = rows * np.cos(turn) + columns * np.sin(turn)
    b = columns * np.cos(turn) - rows * np.sin(turn)
    return (a / semi_mm[0]) ** 2 + (b / semi_mm[1]) ** 2 <= 1


@relaxed
@given(masks, spacings)
def test_longest_is_the_largest_distance_between_all_edge_midpoints(mask, spacing):
    assert plane_diameters(mask, spacing).longest == pytest.approx(pdist(edge_midpoints(mask, spacing)).max())


@relaxed
@given(masks, spacings)
def test_perpendicular_is_the_longest_chord_found_by_cutting_the_hull(mask, spacing):
    points = edge_midpoints(mask, spacing)
    hull = points[ConvexHull(points).vertices]
    steps = hull[:, None] - hull[None]
    lengths = np.linalg.norm(steps, axis=-1)
    found = plane_diameters(mask, spacing)
    best = []
    # Equal diameters are common on a grid; the one that was taken is among them.
    for i, j in np.argwhere(lengths >= lengths.max() - 1e-9):
        along = steps[i, j] / lengths[i, j]
        t, s = hull @ along, hull @ np.array([-along[1], along[0]])
        edges = list(zip(t, s, np.roll(t, -1), np.roll(s, -1), strict=True))
        chords = []
        for cut in [*t, *np.linspace(t.min(), t.max(), 50)]:
            crossings = [
                s0 if t0 == t1 else s0 + (s1 - s0) * (cut - t0) / (t1 - t0)
                for t0, s0, t1, s1 in edges
                if min(t0, t1) <= cut <= max(t0, t1)
            ]
            chords.append(max(crossings) - min(crossings) if crossings else 0)
        best.append(max(chords))
    assert min(abs(found.perpendicular - value) for value in best) < 1e-6


@relaxed
@given(masks, spacings)
def test_the_perpendicular_is_shorter_and_mirroring_changes_nothing(mask, spacing):
    found = plane_diameters(mask, spacing)
    assert 0 < found.perpendicular <= found.longest + 1e-9
    assert plane_diameters(mask[::-1], spacing).longest == pytest.approx(found.longest)
    assert plane_diameters(mask.T, spacing[::-1]).longest == pytest.approx(found.longest)


@pytest.mark.parametrize("diameter_mm", [4.0, 9.5, 20.0, 57.3])
@pytest.mark.parametrize("spacing", [(0.8, 0.8), (0.7, 1.4)])
def test_discs_are_measured_within_one_pixel(diameter_mm, spacing):
    found = plane_diameters(ellipse((diameter_mm / 2, diameter_mm / 2), spacing), spacing)
    assert found.longest == pytest.approx(diameter_mm, abs=max(spacing))
    assert found.perpendicular == pytest.approx(diameter_mm, abs=max(spacing))


@pytest.mark.parametrize("degrees", [0, 17, 45, 73, 90, 128])
@pytest.mark.parametrize("spacing", [(0.75, 0.75), (0.6, 1.1), (1.5, 0.5)])
def test_turned_ellipses_are_measured_within_one_pixel_on_uneven_pixels(degrees, spacing):
    found = plane_diameters(ellipse((25.0, 11.0), spacing, degrees), spacing)
    assert found.longest == pytest.approx(50, abs=max(spacing))
    assert found.perpendicular == pytest.approx(22, abs=max(spacing))


def test_the_error_stays_below_one_pixel_whatever_the_size():
    discs, ellipses = [], []
    for k, radius in enumerate(np.linspace(5, 25, 41)):
        discs.append(plane_diameters(ellipse((radius, radius), (1, 1))).longest - 2 * radius)
        ellipses.append(plane_diameters(ellipse((radius, radius / 3), (1, 1), 9 * k)).longest - 2 * radius)
    assert 0 <= min(discs) and max(discs) < 1
    assert abs(np.mean(ellipses)) < 0.2 and np.abs(ellipses).max() < 1


def test_pixel_lengths_are_those_of_the_same_lines():
    mask = np.zeros((10, 10), bool)
    mask[2:6, 3] = True
    found = plane_diameters(mask, (2.0, 0.5))
    assert (found.longest, found.longest_px) == (8.0, 4.0)
    assert (found.perpendicular, found.perpendicular_px) == (0.5, 1.0)


def test_a_lesion_is_measured_in_the_slice_where_its_longest_part_lies():
    mask = np.zeros((3, 40, 40), bool)
    mask[0, 5, 5:15] = True
    mask[1, 8, 5:18] = True
    mask[2, 5, 5:12] = mask[2, 5, 20:32] = True  # two parts, the longer 12
    found = lesion_diameters(mask)
    assert (found.longest, found.slice_index) == (13.0, 1)
    assert lesion_diameters(mask[[0, 2]]).longest == 12.0


def test_an_empty_mask_raises_value_error():
    with pytest.raises(ValueError):
        lesion_diameters(np.zeros((1, 4, 4), bool))
