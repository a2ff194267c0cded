"""The diaphragm, the lungs above it and the heart."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.body import Body
from liverseg.phantom.chest import Chest
from tests.liverseg.phantom.flat_planes import assert_same, canvas_of, flat_plane, hu_at

BODY = Body.draw(np.random.default_rng(1))
CHEST = Chest.draw(np.random.default_rng(2))
SPINE_FRONT_MM = 25.0


def diaphragm_at(z: float):
    plane = flat_plane(z)
    trunk = BODY.trunk(plane)
    return trunk, CHEST.diaphragm(plane, trunk)


def painted(z: float):
    canvas = canvas_of(flat_plane(z), -100.0)
    trunk = BODY.trunk(canvas.plane)
    CHEST.paint(canvas, trunk, CHEST.diaphragm(canvas.plane, trunk), SPINE_FRONT_MM, 150.0)
    return canvas, trunk


def test_a_seed_gives_one_chest_with_the_right_dome_higher():
    assert_same(CHEST, Chest.draw(np.random.default_rng(2)))
    for seed in range(20):
        chest = Chest.draw(np.random.default_rng(seed))
        assert chest.right_dome_mm > chest.left_dome_mm > chest.recess_mm + 60
        assert -900 < chest.lung_hu < -700 and chest.heart_mm[0] > 0  # the heart is on the left


def test_the_abdomen_shrinks_upwards_and_ends_below_the_highest_dome():
    areas = []
    for z in (-80.0, 0.0, 40.0, 80.0, CHEST.right_dome_mm + 10):
        trunk, diaphragm = diaphragm_at(z)
        areas.append(int(((diaphragm < 0) & (trunk.cavity < 0)).sum()))
    assert areas == sorted(areas, reverse=True) and areas[0] > 2 * areas[3] > 0 == areas[4]


def test_the_lung_is_above_the_diaphragm_inside_the_cavity():
    canvas, trunk = painted(60.0)
    diaphragm = CHEST.diaphragm(canvas.plane, trunk)
    lung = canvas.hu < -500
    assert lung.sum() > 100
    assert (trunk.cavity[lung] < 0).all() and (diaphragm[lung] > 0).all()
    inner = lung & (diaphragm > 8) & (trunk.cavity < -8)
    assert np.median(canvas.hu[inner]) == pytest.approx(CHEST.lung_hu, abs=75)  # darker in front
    x = canvas.plane.x[lung]
    assert (x < -40).any() and (x > 40).any()  # on both sides
    assert not (painted(-100.0)[0].hu < -500).any()


def test_the_heart_has_the_hu_of_blood_and_muscle():
    x, y, z = CHEST.heart_mm
    canvas, _ = painted(z)
    near = np.hypot(canvas.plane.x - x, canvas.plane.y - y) < 25
    assert canvas.hu[near].min() >= CHEST.heart_hu - 26 and canvas.hu[near].max() <= 143
    assert hu_at(painted(0.0)[0], x, y) == -100.0  # no heart in the abdomen
