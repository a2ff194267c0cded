"""Phantoms: the same seed gives the same patient, and the truth is true of the picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from liverseg.errors import InvalidSetting
from liverseg.phantom import make
from liverseg.phantom.acquisition import Scanner
from liverseg.phantom.shapes import SmoothField, coverage, ellipsoid, rounded_path, tube
from liverseg.phantom.vessels import grow_vessel

SEEDS = range(10)


@pytest.fixture(scope="module")
def slices():
    """Ten patients as slices of 256 pixels."""
    return [make(seed=seed, size=256) for seed in SEEDS]


@pytest.fixture(scope="module")
def volume():
    """One patient with tumours as a coarse volume."""
    return make("volume", seed=3, size=128, slices=60)


def test_same_seed_same_phantom(slices):
    again = make(seed=4, size=256)
    assert np.array_equal(again.hu, slices[4].hu)
    assert np.array_equal(again.labels, slices[4].labels)
    assert again.lesions == slices[4].lesions
    assert not np.array_equal(again.hu, slices[5].hu)


def test_shapes_types_and_range(slices):
    for phantom in slices:
        assert phantom.hu.shape == phantom.labels.shape == (1, 256, 256)
        assert phantom.hu.dtype == np.float32 and phantom.labels.dtype == np.uint8
        assert -1024 <= phantom.hu.min() and phantom.hu.max() <= 3071
        assert set(np.unique(phantom.labels)) <= {0, 1, 2}


def test_size_changes_the_grid_and_not_the_patient():
    small, large = make(seed=2, size=128), make(seed=2, size=256)
    assert small.spacing_mm[1] == pytest.approx(2 * large.spacing_mm[1], rel=1e-3)
    areas = [(p.labels > 0).sum() * p.spacing_mm[1] * p.spacing_mm[2] for p in (small, large)]
    assert areas[0] == pytest.approx(areas[1], rel=0.03)


def test_liver_is_on_the_left_of_the_picture_and_spine_at_the_back(slices):
    for phantom in slices:
        bone = ndimage.gaussian_filter((phantom.hu[0] > 250).astype(float), 3)
        spine_row, spine_column = np.unravel_index(np.argmax(bone[:, 90:166]), (256, 76))
        rows, columns = np.nonzero(phantom.labels[0])
        assert columns.mean() < spine_column + 90
        body_rows = np.nonzero((phantom.hu[0] > -300).sum(axis=1) > 40)[0]
        assert spine_row > body_rows.mean()


def test_liver_share_and_hu_are_those_of_venous_ct(slices):
    for phantom in slices:
        assert 0.025 < (phantom.labels > 0).mean() < 0.18
        inside = ndimage.binary_erosion(phantom.labels[0] == 1, iterations=3)
        assert 60 < np.median(phantom.hu[0][inside]) < 145
        assert 4 < phantom.hu[0][inside].std() < 45


def test_tissues_of_an_abdomen_are_there(slices):
    for phantom in slices:
        hu = ndimage.gaussian_filter(phantom.hu[0], 1.5)
        body = ndimage.binary_fill_holes(hu > -300)
        body = ndimage.binary_opening(body, iterations=4)
        assert 0.2 < body.mean() < 0.75
        assert hu[0, 0] < -900
        assert (np.abs(hu[body] + 105) < 20).mean() > 0.05  # fat
        assert (np.abs(hu[body] - 55) < 25).mean() > 0.08  # muscle
        assert (phantom.hu[0][body] > 220).mean() > 0.006  # bone


def test_tumours_differ_from_the_liver_by_their_contrast():
    seen = 0
    for seed in (2, 3, 14, 20):
        phantom = make(seed=seed, size=256, noise_hu=0)
        for lesion in phantom.lesions:
            radius = min(lesion.radii_mm)
            if radius < 8 or lesion.area_mm2 < 150:
                continue
            core = ndimage.binary_erosion(phantom.labels[0] == 2, iterations=3)
            liver = np.median(phantom.hu[0][phantom.labels[0] == 1])
            assert np.sign(np.median(phantom.hu[0][core]) - liver) == np.sign(lesion.contrast_hu)
            seen += 1
    assert seen >= 3


def test_lesion_area_is_that_of_its_pixels(slices):
    for phantom in slices:
        pixel = phantom.spacing_mm[1] * phantom.spacing_mm[2]
        truth = sum(lesion.area_mm2 for lesion in phantom.lesions)
        drawn = (phantom.labels == 2).sum() * pixel
        assert truth == pytest.approx(drawn, rel=0.08, abs=6 * pixel)


def test_some_patients_have_no_tumour_and_the_others_differ():
    patients = [make(seed=seed, size=64) for seed in range(16)]
    with_tumour = [p for p in patients if p.lesions]
    assert 0.5 < len(with_tumour) / len(patients) < 0.95
    sizes = [max(max(lesion.radii_mm) for lesion in p.lesions) for p in with_tumour]
    assert min(sizes) < 12 and max(sizes) > 20
    assert len({p.spacing_mm[1] for p in patients}) > 14
    assert np.std([(p.labels > 0).mean() for p in patients]) > 0.012


def test_volume_is_one_body_that_changes_smoothly(volume):
    areas = (volume.labels > 0).sum(axis=(1, 2))
    assert areas[0] < areas.max() * 0.2 and areas[-1] < areas.max() * 0.2  # the liver begins and ends inside
    steps = np.abs(np.diff(areas))
    assert steps.max() < 0.25 * areas.max()
    for lower, upper in zip(volume.labels[20:40], volume.labels[21:41], strict=True):
        both, either = ((lower > 0) & (upper > 0)).sum(), ((lower > 0) | (upper > 0)).sum()
        assert both > 0.75 * either
    blobs, count = ndimage.label(volume.labels > 0)
    assert np.bincount(blobs.ravel())[1:].max() > 0.95 * (volume.labels > 0).sum()
    litres = (volume.labels > 0).sum() * np.prod(volume.spacing_mm) / 1e6
    assert 0.7 < litres < 3.0


def test_lung_is_above_and_kidneys_are_below(volume):
    air = (volume.hu < -600)[:, 30:100, 30:98].sum(axis=(1, 2))
    assert air[-8:].mean() > 4 * air[:30].mean()


def test_lesion_volumes_and_places_of_a_volume(volume):
    assert volume.lesions
    voxel_ml = np.prod(volume.spacing_mm) / 1000
    truth = sum(lesion.volume_ml for lesion in volume.lesions)
    assert truth == pytest.approx((volume.labels == 2).sum() * voxel_ml, rel=0.08)
    largest = volume.lesions[0]
    index = tuple(int(round(v)) for v in largest.centre_px)
    near = volume.labels[tuple(slice(i - 2, i + 3) for i in index)]
    assert (near == 2).mean() > 0.5
    for offset, pixel, step, count in zip(
        largest.centre_mm, largest.centre_px, volume.spacing_mm, volume.hu.shape, strict=True
    ):
        assert offset == pytest.approx((pixel - (count - 1) / 2) * step)


def test_noise_has_the_spectrum_of_ct():
    rng = np.random.default_rng(0)
    scanner = dataclasses.replace(Scanner.draw(rng), noise_hu=15.0, streaks_hu=0.0)
    grain = scanner.noise(rng, (128, 128), 0.75, np.ones((128, 128), np.float32))
    assert grain.std() == pytest.approx(15, rel=0.01) and grain.dtype == np.float32
    power = np.abs(np.fft.fftshift(np.fft.fft2(grain))) ** 2
    radius = np.hypot(*np.mgrid[-64:64, -64:64])
    low, middle = power[(radius > 1) & (radius < 6)].mean(), power[(radius > 18) & (radius < 34)].mean()
    assert middle > 2 * low  # ramp-like: less of it at low frequencies


def test_given_spacing_is_kept():
    phantom = make("volume", seed=1, size=64, slices=3, spacing_mm=(4.0, 5.0, 6.0))
    assert phantom.spacing_mm == (4.0, 5.0, 6.0) and phantom.hu.shape == (3, 64, 64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cube"}, {"seed": -1}, {"size": 32}, {"size": 4096}, {"slices": 0},
        {"spacing_mm": (1.0, 0.0, 1.0)}, {"noise_hu": -1.0},
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidSetting):
        make(**wrong)


def test_smooth_field_does_not_depend_on_the_grid():
    field = SmoothField.draw(np.random.default_rng(0), 20.0)
    coarse, fine = np.arange(-100.0, 100, 10), np.arange(-100.0, 100, 2.5)
    np.testing.assert_allclose(field.sample(fine, fine, 7.0)[::4, ::4], field.sample(coarse, coarse, 7.0), atol=1e-5)
    assert field.sample(fine, fine, 0.0).std() == pytest.approx(1, abs=0.35)


def test_distances_measure_areas():
    axis = np.arange(-50.0, 50, 0.5)
    zeros = np.zeros((len(axis), len(axis)), np.float32)
    from liverseg.phantom.shapes import SlicePlane

    plane = SlicePlane(axis, axis, 0.0, 0.5, zeros + axis, zeros + axis[:, None], zeros, zeros, zeros)
    disc = coverage(ellipsoid(plane, (3, -2, 0), (30, 12, 9), turn_deg=20), 0.5).sum() * 0.25
    assert disc == pytest.approx(np.pi * 30 * 12, rel=0.01)
    points, radii = rounded_path([(-20, 0, 0), (20, 0, 0)], [6, 6])
    capsule = coverage(tube(plane, points, radii)[0], 0.5).sum() * 0.25
    assert capsule == pytest.approx(40 * 12 + np.pi * 36, rel=0.01)


def test_vessels_fork_and_narrow():
    segments = grow_vessel(np.random.default_rng(1), np.zeros(3), np.array([1.0, 0, 0]), 30, 6, 4)
    assert len(segments) > 60
    assert segments[0][2] == 6 and min(r1 for *_, r1 in segments) < 2
