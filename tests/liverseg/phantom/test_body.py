"""The trunk: nested layers, HU of its tissues, and the table below it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from liverseg.phantom.body import Body
from tests.liverseg.phantom.flat_planes import AIR_HU, assert_same, canvas_of, flat_plane

BACK, LEFT, FRONT = 360, 540, 720  # indices into the angles of `Body.radii`


def draw(seed: int) -> Body:
    return Body.draw(np.random.default_rng(seed))


def test_a_seed_gives_one_body():
    assert_same(draw(3), draw(3))
    assert draw(3).half_width_mm != draw(4).half_width_mm


@pytest.mark.parametrize("z", [-120.0, 0.0, 110.0])
def test_cavity_muscle_and_skin_enclose_each_other(z):
    for seed in range(20):
        cavity, muscle, skin = draw(seed).radii(z)
        assert (cavity > 50).all() and (muscle > cavity).all() and (skin >= muscle + 2.9).all()
        np.testing.assert_allclose([cavity[0], skin[0]], [cavity[-1], skin[-1]])  # the outline is closed


def test_the_distances_are_zero_where_the_radii_say():
    body, plane = draw(1), flat_plane(0.0, pixel_mm=1.0)
    trunk = body.trunk(plane)
    middle = np.abs(plane.y_axis).argmin()
    for distance, radii in zip((trunk.cavity, trunk.muscle, trunk.skin), body.radii(0.0), strict=True):
        inside = plane.x_axis[distance[middle] < 0]
        assert abs(inside.max() - radii[LEFT]) < 1.5
    assert trunk.share[middle, np.abs(plane.x_axis).argmin()] < 0.05


def test_tissues_have_their_hu():
    body = dataclasses.replace(draw(2), fat_mm=20.0, marbling=0.0)
    canvas = canvas_of(flat_plane(0.0, pixel_mm=2.0))
    trunk = body.trunk(canvas.plane)
    body.paint(canvas, trunk)
    assert (canvas.hu[trunk.skin > 2] == AIR_HU).all()
    fat = canvas.hu[(trunk.skin < -5) & (trunk.muscle > 3)]
    assert len(fat) > 500 and np.abs(fat - body.fat_hu).max() < 6
    np.testing.assert_allclose(canvas.hu[trunk.cavity < -3], body.fat_hu, atol=1)
    wall = canvas.hu[(trunk.cavity > 2) & (trunk.muscle < -2)]
    assert np.median(wall) == pytest.approx(body.muscle_hu, abs=8)
    assert 300 < wall.max() < 560  # ribs


@pytest.mark.parametrize("style", [0, 1, 2])
def test_the_table_is_below_the_back_and_replaces_only_air(style):
    body = dataclasses.replace(draw(5), table_style=style)
    canvas = canvas_of(flat_plane(0.0))
    body.paint(canvas, body.trunk(canvas.plane))
    before, lowest = canvas.hu.copy(), float(body.radii(0.0)[2][BACK])
    body.paint_table(canvas, lowest)
    changed = canvas.hu != before
    assert changed.sum() > 50 and (before[changed] < -900).all() and (canvas.hu[changed] >= AIR_HU).all()
    assert canvas.plane.y[changed].min() > lowest - body.table_sag_mm - 5
    assert (canvas.plane.y[changed & (np.abs(canvas.plane.x) < 20)] > lowest).all()
