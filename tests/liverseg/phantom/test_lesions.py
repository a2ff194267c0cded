"""Tumours: how many there are, where they lie, and how they look."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from liverseg.phantom.lesions import Tumour, draw_tumours
from liverseg.phantom.shapes import coverage
from tests.liverseg.phantom.flat_planes import assert_same, canvas_of, flat_plane, hu_at

LIVER_HU = 110.0
PLAIN = Tumour(
    centre=(-50.0, 10.0, 20.0),
    radii=(16.0, 12.0, 14.0),
    turn_deg=30.0,
    lobulation=0.0,
    contrast_hu=-50.0,
    edge_mm=1.0,
    rim_hu=0.0,
    core_share=0.0,
    core_hu=15.0,
    mottle_hu=0.0,
)


def liver_points() -> tuple[np.ndarray, np.ndarray]:
    """Points of a ball of 60 mm radius on a grid of 6 mm, and their depths."""
    grid = np.stack(np.meshgrid(*[np.arange(-60.0, 61, 6)] * 3), axis=-1).reshape(-1, 3)
    depth = 60 - np.linalg.norm(grid, axis=1)
    return grid[depth > 0], depth[depth > 0]


def draw(seed: int) -> list[Tumour]:
    return draw_tumours(np.random.default_rng(seed), *liver_points())


def plane_at(z: float):
    return flat_plane(z, pixel_mm=0.5, half_mm=(80.0, 40.0))


def test_a_seed_gives_the_same_tumours():
    first, second = draw(4), draw(4)
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        assert_same(a, b)


def test_one_patient_in_five_has_no_tumour():
    counts = [len(draw(seed)) for seed in range(150)]
    assert 0.1 < counts.count(0) / len(counts) < 0.3 and 5 < max(counts) <= 14
    assert draw_tumours(np.random.default_rng(0), np.zeros((0, 3)), np.zeros(0)) == []


def test_tumours_lie_in_the_liver_apart_from_each_other():
    points, depths = liver_points()
    depth_at = {tuple(point): depth for point, depth in zip(points.tolist(), depths, strict=True)}
    for seed in range(30):
        tumours = draw(seed)
        for tumour in tumours:
            assert depth_at[tumour.centre] > 0.45 * max(tumour.radii) / 1.15  # squeezed by at most 1.15
            assert 2.5 * 0.78 <= min(tumour.radii) and max(tumour.radii) <= 32 * 1.15
        for a, b in itertools.combinations(tumours, 2):  # b was drawn after a
            assert np.linalg.norm(np.subtract(a.centre, b.centre)) > max(a.radii) + max(b.radii) / 1.15 + 4


def test_sections_of_a_plain_tumour_add_up_to_its_volume():
    step = 0.5
    heights = PLAIN.centre[2] + np.arange(-PLAIN.radii[2] - 1, PLAIN.radii[2] + 1, step)
    areas = [coverage(PLAIN.distance(plane_at(float(z))), 0.5).sum() * 0.25 for z in heights]
    assert max(areas) == pytest.approx(np.pi * PLAIN.radii[0] * PLAIN.radii[1], rel=0.01)
    assert sum(areas) * step == pytest.approx(4 / 3 * np.pi * np.prod(PLAIN.radii), rel=0.02)


def test_a_tumour_is_painted_inside_the_liver_only():
    canvas = canvas_of(plane_at(PLAIN.centre[2]), LIVER_HU)
    liver = canvas.plane.x - PLAIN.centre[0]  # the liver ends at the tumour's centre
    box, inside = PLAIN.paint(canvas, liver, LIVER_HU)
    assert hu_at(canvas, PLAIN.centre[0] - 5, PLAIN.centre[1]) == LIVER_HU + PLAIN.contrast_hu
    assert hu_at(canvas, PLAIN.centre[0] + 5, PLAIN.centre[1]) == LIVER_HU
    half = np.pi * PLAIN.radii[0] * PLAIN.radii[1] / 2
    assert coverage(inside, 0.5).sum() * 0.25 == pytest.approx(half, rel=0.02)
    assert (canvas.hu[box][inside > 1] == LIVER_HU).all()


def test_rim_and_core_have_their_hu():
    tumour = dataclasses.replace(PLAIN, rim_hu=30.0, core_share=0.5)
    canvas = canvas_of(plane_at(PLAIN.centre[2]), LIVER_HU)
    everywhere = np.full(canvas.plane.shape, -50.0, np.float32)
    box, distance = tumour.paint(canvas, everywhere, LIVER_HU)
    hu = canvas.hu[box]
    assert hu_at(canvas, *PLAIN.centre[:2]) == pytest.approx(tumour.core_hu, abs=0.5)
    rim = hu[np.abs(distance + 0.1 * min(PLAIN.radii) + 1.2) < 0.2].mean()
    assert rim == pytest.approx(LIVER_HU + PLAIN.contrast_hu + 30, abs=2)
