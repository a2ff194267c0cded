"""The gut: where its loops run, and gas over contents inside a wall."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.body import Body
from liverseg.phantom.gut import GAS_HU, Gut, Loop
from tests.liverseg.phantom.flat_planes import assert_same, canvas_of, flat_plane, hu_at

FAT_HU = -100.0
BODY = Body.draw(np.random.default_rng(1))


def draw(seed: int) -> Gut:
    return Gut.draw(np.random.default_rng(seed), BODY.front_mm, BODY.half_width_mm)


def test_a_seed_gives_one_gut():
    assert_same(draw(2), draw(2))
    assert len({len(draw(seed).loops) for seed in range(8)}) > 1


def test_the_loops_run_where_they_do_in_patients():
    for seed in range(10):
        *small, ascending, transverse, descending, duodenum, stomach = draw(seed).loops
        assert 9 <= len(small) <= 15 and all(loop.points[:, 2].max() <= -12 for loop in small)
        assert ascending.points[:, 0].max() < 0 < descending.points[:, 0].min()
        assert transverse.points[0, 0] < 0 < transverse.points[-1, 0]
        np.testing.assert_allclose(ascending.points[-1], transverse.points[0])
        np.testing.assert_allclose(transverse.points[-1], descending.points[0])
        assert stomach.points[0, 0] > 50 and duodenum.points[:, 0].mean() < 0  # fundus on the left


@pytest.mark.parametrize("gas", [0.0, 0.5, -0.5])
def test_gas_lies_in_front_of_a_horizontal_level(gas):
    radius, wall = 20.0, 2.0
    points = np.array([(-40.0, 0, 0), (40.0, 0, 0)])
    loop = Loop(points, np.array([radius, radius]), wall, 80.0, 30.0, 0.0, gas, 0.0)
    canvas = canvas_of(flat_plane(0.0, pixel_mm=1.0, half_mm=(80.0, 60.0)), FAT_HU)
    trunk = BODY.trunk(canvas.plane)
    loop.paint(canvas, trunk, np.full(canvas.plane.shape, -100.0, np.float32))
    level = -gas * radius
    assert hu_at(canvas, 0, level - 4) == pytest.approx(GAS_HU) and hu_at(canvas, 0, level + 4) == 30.0
    assert hu_at(canvas, 0, radius - 1) == pytest.approx(80.0) and hu_at(canvas, 0, radius + 6) == FAT_HU
    column = canvas.hu[:, np.abs(canvas.plane.x_axis).argmin()]
    assert (column < -500).sum() == pytest.approx(radius - wall + level, abs=2)


def test_loops_stay_in_the_cavity_below_the_diaphragm():
    canvas = canvas_of(flat_plane(-10.0), FAT_HU)
    trunk = BODY.trunk(canvas.plane)
    diaphragm = canvas.plane.x - 60  # everything on the patient's left of x = 60 mm lies above it
    Gut.draw(np.random.default_rng(3), BODY.front_mm, BODY.half_width_mm).paint(canvas, trunk, diaphragm)
    changed = np.abs(canvas.hu - FAT_HU) > 30
    assert changed.sum() > 300
    assert trunk.cavity[changed].max() < 2 and diaphragm[changed].max() < 2
    assert canvas.hu.min() >= GAS_HU and canvas.hu.max() < 300
