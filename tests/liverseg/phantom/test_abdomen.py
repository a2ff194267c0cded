"""Kidneys, spleen and pancreas: their sides, sizes and HU."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.abdomen import Abdomen
from liverseg.phantom.body import Body
from tests.liverseg.phantom.flat_planes import assert_same, canvas_of, flat_plane, hu_at

FAT_HU, SPINE_FRONT_MM, SPLEEN_HU = -100.0, 25.0, 115.0
BODY = Body.draw(np.random.default_rng(1))


def draw(seed: int) -> Abdomen:
    return Abdomen.draw(np.random.default_rng(seed), SPINE_FRONT_MM, SPLEEN_HU)


ABDOMEN = draw(2)


def painted(z: float):
    """Kidneys, adrenals and spleen; the diaphragm is far above."""
    canvas = canvas_of(flat_plane(z, pixel_mm=2.0), FAT_HU)
    trunk = BODY.trunk(canvas.plane)
    ABDOMEN.paint_solid(canvas, trunk, np.full(canvas.plane.shape, -100.0, np.float32), SPINE_FRONT_MM)
    return canvas, trunk


def test_a_seed_gives_one_abdomen():
    assert_same(ABDOMEN, draw(2))
    assert ABDOMEN.spleen_mm != draw(3).spleen_mm


def test_the_organs_are_on_their_sides_and_the_right_kidney_is_lower():
    for seed in range(20):
        abdomen = draw(seed)
        right, left = abdomen.kidneys
        assert right.centre_mm[0] < 0 < left.centre_mm[0] and right.centre_mm[2] < left.centre_mm[2]
        assert abdomen.spleen_mm[0] > 80 and abdomen.spleen_hu == SPLEEN_HU
        assert right.medulla_hu <= right.cortex_hu == left.cortex_hu
        assert abs(right.centre_at(right.centre_mm[2] + 40)[0]) < abs(right.centre_mm[0])


@pytest.mark.parametrize("index", [0, 1])
def test_a_kidney_is_a_bright_cortex_around_a_sinus_of_fat(index):
    kidney = ABDOMEN.kidneys[index]
    x, y, z = kidney.centre_mm
    canvas, _ = painted(z)
    near = np.hypot(canvas.plane.x - x, canvas.plane.y - y) < max(kidney.radii_mm[:2]) + 3
    assert canvas.hu[near].max() == pytest.approx(kidney.cortex_hu, abs=2)
    assert hu_at(canvas, x - 2 * np.sign(x), y - 1) == pytest.approx(-70, abs=10)
    area = (near & (canvas.hu > 60)).sum() * 4
    assert 0.5 < area / (np.pi * kidney.radii_mm[0] * kidney.radii_mm[1]) < 1.1
    assert (kidney.bed(canvas.plane)[near & (canvas.hu > 60)] < 0).all()  # the bed contains the kidney


def test_the_spleen_has_its_hu_and_stays_in_the_cavity():
    x, y, z = ABDOMEN.spleen_mm
    canvas, trunk = painted(z)
    assert hu_at(canvas, x + 8, y) == pytest.approx(SPLEEN_HU, abs=1)
    spleen = (canvas.hu > SPLEEN_HU - 5) & (canvas.plane.x > 40)
    assert 800 < spleen.sum() * 4 < 9000 and trunk.cavity[spleen].max() < 0
    above = painted(z + max(ABDOMEN.spleen_radii_mm) + 5)[0]
    assert (above.hu[above.plane.x > 40] == FAT_HU).all()


def test_the_pancreas_crosses_the_midline_in_front_of_the_spine():
    points, _ = ABDOMEN.pancreas
    assert points[0, 0] < 0 < points[-1, 0]
    canvas = canvas_of(flat_plane(float(points[len(points) // 2, 2]), pixel_mm=2.0), FAT_HU)
    ABDOMEN.paint_pancreas(canvas)
    gland = canvas.hu > 0
    assert gland.sum() > 50 and canvas.plane.y[gland].max() < SPINE_FRONT_MM
    assert canvas.hu.max() == pytest.approx(ABDOMEN.pancreas_hu, abs=1)
