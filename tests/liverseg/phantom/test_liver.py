"""The liver: its size, its neighbours and its HU."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.abdomen import Abdomen
from liverseg.phantom.body import Body
from liverseg.phantom.chest import Chest
from liverseg.phantom.liver import Liver
from liverseg.phantom.shapes import tube
from liverseg.phantom.vessels import Vessels
from tests.liverseg.phantom.flat_planes import assert_same, canvas_of, flat_plane

FRONT_MM = 25.0  # of the spine
BODY = Body.draw(np.random.default_rng(1))
CHEST = Chest.draw(np.random.default_rng(2))
VESSELS = Vessels.draw(np.random.default_rng(3), FRONT_MM)
KIDNEY = Abdomen.draw(np.random.default_rng(4), FRONT_MM, 115.0).kidneys[0]
LIVER_HU = 100.0


def draw(seed: int) -> Liver:
    return Liver.draw(np.random.default_rng(seed), LIVER_HU)


def liver_on(plane, liver: Liver):
    """The distances to liver, cavity and diaphragm."""
    trunk = BODY.trunk(plane)
    diaphragm = CHEST.diaphragm(plane, trunk)
    return liver.distance(plane, trunk, diaphragm, VESSELS, KIDNEY, FRONT_MM), trunk.cavity, diaphragm


def test_a_seed_gives_one_liver():
    assert_same(draw(5), draw(5))
    assert draw(5).hu == LIVER_HU and draw(5).tip_mm != draw(6).tip_mm


def test_one_patient_in_seven_has_no_gallbladder():
    without = sum(draw(seed).gallbladder is None for seed in range(200))
    assert without / 200 == pytest.approx(1 / 7, abs=0.07)


def test_the_liver_has_one_to_two_litres_on_the_patients_right():
    step, volume, moment = 20.0, 0.0, 0.0
    for z in np.arange(-130.0, 120, step):
        plane = flat_plane(float(z), pixel_mm=8.0)
        inside = liver_on(plane, draw(5))[0] < 0
        volume += inside.sum() * 64 * step / 1e6
        moment += plane.x[inside].sum() * 64 * step / 1e6
    assert 1.0 < volume < 2.0 and moment / volume < -30


@pytest.mark.parametrize("z", [-40.0, 10.0, 50.0])
def test_the_liver_leaves_its_neighbours_their_place(z):
    plane, liver = flat_plane(z, pixel_mm=3.0), draw(5)
    distance, cavity, diaphragm = liver_on(plane, liver)
    inside = distance < 0
    assert inside.sum() * 9 > 1500
    assert cavity[inside].max() < 0 and diaphragm[inside].max() < 0
    assert KIDNEY.bed(plane)[inside].min() > 0 and VESSELS.cava_distance(plane)[inside].min() >= 0
    assert tube(plane, *liver.gallbladder)[0][inside].min() > 0


def test_the_liver_is_brighter_than_the_gallbladder_and_darker_than_its_veins():
    liver = draw(5)
    points, radii = liver.gallbladder
    canvas = canvas_of(flat_plane(float(points[radii.argmax(), 2]), pixel_mm=1.5), -100.0)
    distance = liver_on(canvas.plane, liver)[0]
    liver.paint(canvas, distance, VESSELS, 160.0, 3.0)
    tissue = canvas.hu[distance < -3]
    assert np.median(tissue) == LIVER_HU and LIVER_HU + 20 < tissue.max() <= 160
    bladder = canvas.hu[tube(canvas.plane, points, radii)[0] < -3]
    np.testing.assert_allclose(bladder, liver.gallbladder_hu, atol=0.1)
