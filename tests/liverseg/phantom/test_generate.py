"""Phantoms are reproducible, look like venous CT, and have correct labels and lesions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from liverseg.errors import InvalidSetting
from liverseg.phantom import make

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
    repeated = make(seed=4, size=256)
    assert np.array_equal(repeated.hu, slices[4].hu)
    assert np.array_equal(repeated.labels, slices[4].labels)
    assert repeated.lesions == slices[4].lesions
    assert not np.array_equal(repeated.hu, slices[5].hu)


def test_shapes_types_and_ranges_of_arrays(slices):
    for phantom in slices:
        assert phantom.hu.shape == phantom.labels.shape == (1, 256, 256)
        assert phantom.hu.dtype == np.float32 and phantom.labels.dtype == np.uint8
        assert -1024 <= phantom.hu.min() and phantom.hu.max() <= 3071
        assert set(np.unique(phantom.labels)) <= {0, 1, 2}


def test_the_size_changes_the_grid_but_not_the_patient():
    small, large = make(seed=2, size=128), make(seed=2, size=256)
    assert small.spacing_mm[1] == pytest.approx(2 * large.spacing_mm[1], rel=1e-3)
    areas = [(p.labels > 0).sum() * p.spacing_mm[1] * p.spacing_mm[2] for p in (small, large)]
    assert areas[0] == pytest.approx(areas[1], rel=0.03)


def test_the_liver_is_at_the_left_of_the_picture_and_the_spine_at_the_back(slices):
    for phantom in slices:
        bone = ndimage.gaussian_filter((phantom.hu[0] > 250).astype(float), 3)
        spine_row, spine_column = np.unravel_index(np.argmax(bone[:, 90:166]), (256, 76))
        rows, columns = np.nonzero(phantom.labels[0])
        assert columns.mean() < spine_column + 90
        body_rows = np.nonzero((phantom.hu[0] > -300).sum(axis=1) > 40)[0]
        assert spine_row > body_rows.mean()


def test_the_liver_has_the_size_and_hu_of_venous_ct(slices):
    for phantom in slices:
        assert 0.025 < (phantom.labels > 0).mean() < 0.18
        inside = ndimage.binary_erosion(phantom.labels[0] == 1, iterations=3)
        assert 60 < np.median(phantom.hu[0][inside]) < 145
        assert 4 < phantom.hu[0][inside].std() < 45


def test_air_fat_muscle_and_bone_are_present(slices):
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
    compared = 0
    for seed in (2, 3, 14, 20):
        phantom = make(seed=seed, size=256, noise_hu=0)
        for lesion in phantom.lesions:
            radius = min(lesion.radii_mm)
            if radius < 8 or lesion.area_mm2 < 150:
                continue
            core = ndimage.binary_erosion(phantom.labels[0] == 2, iterations=3)
            liver = np.median(phantom.hu[0][phantom.labels[0] == 1])
            assert np.sign(np.median(phantom.hu[0][core]) - liver) == np.sign(lesion.contrast_hu)
            compared += 1
    assert compared >= 3


def test_lesion_areas_are_those_of_the_tumour_pixels(slices):
    for phantom in slices:
        pixel = phantom.spacing_mm[1] * phantom.spacing_mm[2]
        expected = sum(lesion.area_mm2 for lesion in phantom.lesions)
        labelled = (phantom.labels == 2).sum() * pixel
        assert expected == pytest.approx(labelled, rel=0.08, abs=6 * pixel)


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
    assert areas[0] < areas.max() * 0.2 and areas[-1] < areas.max() * 0.2  # the whole liver
    steps = np.abs(np.diff(areas))
    assert steps.max() < 0.25 * areas.max()
    for lower, upper in zip(volume.labels[20:40], volume.labels[21:41], strict=True):
        both, either = ((lower > 0) & (upper > 0)).sum(), ((lower > 0) | (upper > 0)).sum()
        assert both > 0.75 * either
    bodies, _ = ndimage.label(volume.labels > 0)
    assert np.bincount(bodies.ravel())[1:].max() > 0.95 * (volume.labels > 0).sum()
    litres = (volume.labels > 0).sum() * np.prod(volume.spacing_mm) / 1e6
    assert 0.7 < litres < 3.0


def test_lung_is_at_the_top_of_a_volume(volume):
    air = (volume.hu < -600)[:, 30:100, 30:98].sum(axis=(1, 2))
    assert air[-8:].mean() > 4 * air[:30].mean()


def test_lesion_volumes_and_positions_in_a_volume(volume):
    assert volume.lesions
    voxel_ml = np.prod(volume.spacing_mm) / 1000
    expected = sum(lesion.volume_ml for lesion in volume.lesions)
    assert expected == pytest.approx((volume.labels == 2).sum() * voxel_ml, rel=0.08)
    largest = volume.lesions[0]
    index = tuple(int(round(v)) for v in largest.centre_px)
    near = volume.labels[tuple(slice(i - 2, i + 3) for i in index)]
    assert (near == 2).mean() > 0.5
    for offset, pixel, step, count in zip(
        largest.centre_mm, largest.centre_px, volume.spacing_mm, volume.hu.shape, strict=True
    ):
        assert offset == pytest.approx((pixel - (count - 1) / 2) * step)


def test_a_given_spacing_is_used():
    phantom = make("volume", seed=1, size=64, slices=3, spacing_mm=(4.0, 5.0, 6.0))
    assert phantom.spacing_mm == (4.0, 5.0, 6.0) and phantom.hu.shape == (3, 64, 64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cube"}, {"seed": -1}, {"size": 32}, {"size": 4096}, {"slices": 0},
        {"spacing_mm": (1.0, 0.0, 1.0)}, {"noise_hu": -1.0},
    ],
)  # fmt: skip
def test_values_out_of_range_are_rejected(wrong):
    with pytest.raises(InvalidSetting):
        make(**wrong)
