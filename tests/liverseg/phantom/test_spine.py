"""The spine: vertebrae with discs between them, the canal behind, the psoas at the sides."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.body import Body
from liverseg.phantom.spine import Spine
from tests.liverseg.phantom.flat_planes import assert_same, canvas_of, flat_plane, hu_at

FAT_HU = -100.0
BODY = Body.draw(np.random.default_rng(1))
SPINE = Spine.draw(np.random.default_rng(2), BODY)


def painted(z: float):
    canvas = canvas_of(flat_plane(z, pixel_mm=1.0, half_mm=(70.0, 130.0)), FAT_HU)
    SPINE.paint(canvas, BODY)
    return canvas


def test_a_seed_gives_one_spine_that_fits_the_body():
    assert_same(SPINE, Spine.draw(np.random.default_rng(2), BODY))
    for seed in range(20):
        spine = Spine.draw(np.random.default_rng(seed), BODY)
        assert 0 < spine.front_mm() < spine.y_mm < BODY.back_mm - spine.half_depth_mm


def test_a_vertebra_is_spongy_bone_in_a_denser_shell():
    canvas = painted(SPINE.phase_mm)
    assert hu_at(canvas, 0, SPINE.y_mm) == pytest.approx(SPINE.spongy_hu, abs=5)
    column = canvas.hu[:, np.abs(canvas.plane.x_axis).argmin()]
    front = column[np.abs(canvas.plane.y_axis - SPINE.front_mm()) < 4]
    assert front.max() > SPINE.spongy_hu + 80
    assert hu_at(canvas, 0, SPINE.front_mm() - 10) == FAT_HU


def test_a_disc_lies_half_way_between_two_vertebrae():
    between = hu_at(painted(SPINE.phase_mm + SPINE.pitch_mm / 2), 0, SPINE.y_mm)
    assert between == pytest.approx(85, abs=5)
    next_vertebra = hu_at(painted(SPINE.phase_mm + SPINE.pitch_mm), 0, SPINE.y_mm)
    assert next_vertebra == pytest.approx(SPINE.spongy_hu, abs=5)


def test_the_cord_lies_in_the_canal_behind_the_vertebra():
    canvas = painted(SPINE.phase_mm)
    cord_y = SPINE.y_mm + SPINE.half_depth_mm + 6.5
    assert hu_at(canvas, 0, cord_y) == pytest.approx(42, abs=2)
    rows = np.abs(canvas.plane.y_axis - cord_y) < 12
    assert canvas.hu[rows][:, np.abs(canvas.plane.x_axis) < 12].min() < 10  # fat around the cord


def test_the_psoas_is_on_both_sides_below_the_ribs_only():
    x, y = SPINE.half_width_mm + 14, SPINE.y_mm + 6
    low, high = painted(-90.0), painted(60.0)
    for side in (-1, 1):
        assert hu_at(low, side * x, y) == pytest.approx(BODY.muscle_hu, abs=3)
        assert hu_at(high, side * x, y) == FAT_HU
