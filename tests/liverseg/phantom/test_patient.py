"""One whole patient: drawn from a seed, with the organs inside the body."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.patient import HIGHEST_MM, LOWEST_MM, Patient
from tests.liverseg.phantom.flat_planes import assert_same

SEED = 3  # a patient with tumours


@pytest.fixture(scope="module")
def patient():
    return Patient.draw(SEED)


def plane_through(patient: Patient, z: float):
    return patient.plane(np.arange(-180.0, 181, 6), np.arange(-130.0, 131, 6), z)


def test_a_seed_gives_one_patient(monkeypatch):
    monkeypatch.setattr("liverseg.phantom.patient.LOWEST_MM", 0.0)  # fewer slices of the liver are sampled
    monkeypatch.setattr("liverseg.phantom.patient.HIGHEST_MM", 24.0)
    first, second = Patient.draw(SEED), Patient.draw(SEED)
    assert_same(first, second)
    assert first.tumours


def test_the_liver_is_within_the_stated_heights(patient):
    heights, areas = np.array(patient.liver_areas).T
    assert heights[0] == LOWEST_MM and heights[-1] < HIGHEST_MM
    assert areas[0] < 0.1 * areas.max() and areas[-1] < 0.1 * areas.max()
    litres = (areas * np.gradient(heights)).sum() * patient.scale**3 / 1e6
    assert 0.7 < litres < 2.5


def test_tumours_have_their_centres_in_the_liver(patient):
    assert patient.tumours
    for tumour in patient.tumours:
        x, y, z = tumour.centre
        plane = patient.plane(np.arange(x - 150, x + 151, 6), np.arange(y - 150, y + 151, 6), z)
        trunk = patient.body.trunk(plane)
        liver = patient.liver_distance(plane, trunk, patient.chest.diaphragm(plane, trunk))
        assert liver[25, 25] < 0


def test_a_painted_slice_shows_the_patient_in_air(patient):
    z = max(patient.liver_areas, key=lambda pair: pair[1])[0]
    plane = plane_through(patient, z)
    painted = patient.paint(plane, 3.0)
    assert painted.hu.shape == plane.shape and painted.hu.dtype == np.float32
    assert painted.hu.min() >= -1000 and 150 < painted.hu.max() < 1200
    liver = painted.liver < 0
    assert painted.trunk.skin[liver].max() < 0 and plane.x[liver].mean() < -20  # on the patient's right
    np.testing.assert_allclose(np.median(painted.hu[painted.liver < -6]), patient.liver.hu, atol=15)
    in_front = (painted.trunk.skin > 6) & (plane.y < 0)
    assert in_front.any() and (painted.hu[in_front] == -1000).all()
    assert len(painted.tumours) == len(patient.tumours)
    for box, distance in painted.tumours:
        assert distance.shape == painted.hu[box].shape and (painted.liver[box][distance < 0] < 0).all()


def test_the_vena_cava_is_bright_beside_the_liver(patient):
    plane = plane_through(patient, 20.0)
    painted = patient.paint(plane, 3.0)
    cava = patient.vessels.cava_distance(plane) < -4
    assert cava.any() and not (painted.liver[cava] < 0).any()
    assert np.median(painted.hu[cava]) == pytest.approx(patient.venous_hu - 8, abs=10)
