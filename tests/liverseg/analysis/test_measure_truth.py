"""Measures of bodies whose volume and axes are known, on uneven, oblique and sheared grids."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from liverseg import phantom
from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.largest_component import Removed
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.read import from_array

relaxed = settings(deadline=None, max_examples=25)  # a shared machine may stall any example
WHO = CheckpointIdentity("segformer-b0@1.0", "ab" * 32, "bundled")


def segmentation(labels, **more):
    probability = (labels == 2).astype(np.float16)
    return Segmentation(labels, probability, (labels > 0).astype(np.float16), 0.5, WHO, "none", **more)


def image(labels, spacing, affine=None, hu=None):
    """A CT whose native grid is the radiological one turned to (column, row, slice), as in NIfTI."""
    native = NativeGrid(labels.shape[::-1], (2, 1, 0), (False, False, False), affine)
    hu = np.zeros(labels.shape, np.float32) if hu is None else hu
    return CTImage(hu, spacing, "NIfTI header", "nifti", native, "volume")


def rotation(degrees, axis):
    """(3, 3) turn about a body axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [k for k in range(3) if k != axis]
    turn = np.eye(3)
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    return turn


def voxel_places(shape, spacing):
    """(S, H, W, 3) mm of every voxel's middle from the stack's, as slice, row, column."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def ellipsoid(radii, centre, turn, spacing, margin=4.0):
    """Labels of an ellipsoid: radii and centre (slice, row, column) in mm, turned in the plane by degrees."""
    reach = max(radii) + margin
    shape = tuple(int(np.ceil(2 * reach / s)) + 3 for s in spacing)
    from_centre = (voxel_places(shape, spacing) - centre) @ rotation(turn, 0)
    inside = (from_centre / radii) ** 2
    return np.where(inside.sum(axis=-1) <= 1, 2, 0).astype(np.uint8)


@relaxed
@given(
    radii=st.tuples(st.floats(10, 22), st.floats(9, 24), st.floats(9, 24)),
    spacing=st.tuples(st.floats(0.8, 3), st.floats(0.5, 1.2), st.floats(0.5, 1.2)),
    turn=st.floats(0, 180),
    place=st.tuples(*[st.floats(-1, 1)] * 3),
)
def test_ellipsoids_are_measured_within_two_percent_and_one_pixel(radii, spacing, turn, place):
    assume(abs(radii[1] - radii[2]) > 1)  # of a disc any diameter is the longest
    labels = ellipsoid(radii, place, turn, spacing)
    (lesion,) = measure(image(labels, spacing), segmentation(labels)).lesions
    true_ml = 4 / 3 * np.pi * np.prod(radii) / 1000
    assert lesion.volume_ml == pytest.approx(true_ml, rel=0.02)
    assert lesion.longest_diameter_mm == pytest.approx(2 * max(radii[1:]), abs=max(spacing[1:]))
    assert lesion.perpendicular_diameter_mm == pytest.approx(2 * min(radii[1:]), abs=max(spacing[1:]) + 0.1)
    assert lesion.measurable
    middle = [(n - 1) / 2 + p / s for n, p, s in zip(labels.shape, place, spacing, strict=True)]
    assert lesion.centroid_px == pytest.approx(middle, abs=0.2)
    away = min(1.0, abs(lesion.diameter_slice - middle[0]) * spacing[0] / radii[0])
    shorter = 2 * max(radii[1:]) * (1 - np.sqrt(1 - away**2))  # than through the middle, both within a pixel
    assert shorter <= 2 * max(spacing[1:])
    assert lesion.slice_range[1] - lesion.slice_range[0] + 1 == pytest.approx(
        2 * radii[0] / spacing[0],
        abs=2,  # a slice near either pole may hold no voxel's centre
    )


@relaxed
@given(
    degrees=st.tuples(st.floats(-25, 25), st.floats(-25, 25), st.floats(-25, 25)),
    spacing=st.tuples(st.floats(1, 4), st.floats(0.6, 1), st.floats(0.6, 1)),
    origin=st.tuples(*[st.floats(-300, 300)] * 3),
)
def test_oblique_grids_change_no_size_and_place_the_lesion_in_the_patient(degrees, spacing, origin):
    """A ball where it is known to lie in the patient, sampled by an oblique grid."""
    turn = rotation(degrees[0], 0) @ rotation(degrees[1], 1) @ rotation(degrees[2], 2)
    upright = np.diag([-1.0, -1.0, 1.0])  # columns to the left, rows to posterior, slices up
    affine = np.eye(4)
    affine[:3, :3] = turn @ upright @ np.diag(spacing[::-1])
    affine[:3, 3] = origin
    shape, radius = (28, 44, 48), 11.0
    k, j, i = np.meshgrid(*map(np.arange, shape), indexing="ij")
    places = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ affine.T
    centre = (affine @ [23.3, 22.1, 13.4, 1])[:3]
    inside = ((places[..., :3] - centre) ** 2).sum(axis=-1) <= radius**2
    labels = np.where(inside, 2, 0).astype(np.uint8)
    (lesion,) = measure(image(labels, spacing, affine), segmentation(labels)).lesions
    assert lesion.centroid_ras_mm == pytest.approx(tuple(centre), abs=0.3)
    if spacing[0] < 3:
        assert lesion.volume_ml == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.02)
        assert lesion.longest_diameter_mm == pytest.approx(2 * radius, abs=max(spacing[1:]))


def test_a_sheared_volume_is_measured_by_what_its_voxels_fill():
    """Slices shifted against each other by a gantry tilt of 20 degrees: 5 mm apart along the table."""
    tilt = np.radians(20)
    affine = np.array(
        [[-0.8, 0, 0, 0], [0, -0.8, 5 * np.sin(tilt), 0], [0, 0, 5 * np.cos(tilt), 0], [0, 0, 0, 1]]
    )
    labels = np.zeros((10, 70, 70), np.uint8)
    labels[2:8, 10:60, 10:60] = 1
    labels[4:6, 20:40, 20:40] = 2
    true_mm3 = 0.8 * 0.8 * 5 * np.cos(tilt)
    for spacing in ((5.0, 0.8, 0.8), (5 * np.cos(tilt), 0.8, 0.8)):  # along the step, or between the planes
        report = measure(image(labels, spacing, affine), segmentation(labels))
        assert report.tumour.volume_ml == pytest.approx(800 * true_mm3 / 1000, rel=1e-6)
        assert report.lesions[0].volume_ml == report.tumour.volume_ml
    square = image(labels, (5.0, 0.8, 0.8), np.diag([-0.8, -0.8, 5.0, 1.0]))
    assert square.voxel_volume_mm3 == pytest.approx(3.2)


def test_phantom_lesions_have_the_volume_that_was_put_in():
    made = phantom.make("volume", seed=2, size=128, slices=50, spacing_mm=(4.0, 3.0, 3.0))
    report = measure(from_array(made.hu, made.spacing_mm), segmentation(made.labels))
    assert report.tumour.volume_ml == pytest.approx((made.labels == 2).sum() * 36 / 1000)
    shares = report.tumour.count / (report.tumour.count + report.liver.count)
    assert report.tumour_share_of_liver == pytest.approx(shares)
    ((lesion, truth),) = zip(report.lesions, made.lesions, strict=True)
    assert lesion.volume_ml == pytest.approx(truth.volume_ml, rel=0.02)
    assert lesion.centroid_px == pytest.approx(truth.centre_px, abs=0.5)
    assert lesion.longest_diameter_mm == pytest.approx(2 * max(truth.radii_mm[1:]), abs=4)  # not quite round


@pytest.mark.parametrize(("pixels", "measurable"), [(9, False), (10, True), (30, True)])
def test_a_lesion_of_ten_millimetres_is_measurable(pixels, measurable):
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[1, 20, 10 : 10 + pixels] = 2
    ct = from_array(np.zeros(labels.shape), (2.0, 1.0, 1.0))
    report = measure(ct, segmentation(labels))
    assert report.lesions[0].measurable is measurable
    row = next(csv.DictReader(io.StringIO(report.to_csv())))
    assert row["measurable"] == str(measurable).lower()
    blind = measure(replace(ct, spacing_mm=None), segmentation(labels))
    assert blind.lesions[0].measurable is None
    assert next(csv.DictReader(io.StringIO(blind.to_csv())))["measurable"] == ""


def test_thick_slices_are_told_where_recist_asks_for_more():
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[1, 20, 10:22] = 2
    thin, thick = (
        measure(from_array(np.zeros(labels.shape), (z, 1.0, 1.0)), segmentation(labels)) for z in (5.0, 8.0)
    )
    assert not any("RECIST" in warning for warning in thin.warnings)
    (told,) = [warning for warning in thick.warnings if "RECIST" in warning]
    assert "8 mm apart" in told and "16 mm" in told and "1 of the lesions" in told


def test_nothing_is_in_millimetres_where_the_geometry_is_not_known():
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[1:3, 20:30, 20:30] = 2
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])  # what a file says that is known to be false
    ct = replace(image(labels, None, affine), spacing_source="unknown")
    report = measure(ct, segmentation(labels, removed=Removed(1, 5, 0, 5))).to_dict()

    def lengths(value, name=""):
        if isinstance(value, dict):
            return [found for key, one in value.items() for found in lengths(one, key)]
        if isinstance(value, list):
            return [found for one in value for found in lengths(one, name)]
        return [(name, value)] if name.endswith(("_mm", "_mm2", "_ml", "measurable")) else []

    found = lengths({key: value for key, value in report.items() if key != "definitions"})
    assert len(found) >= 9 and all(value is None for _, value in found)
    assert any("removed, 5 voxels" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    ("removed", "sentence"),
    [
        (Removed(1, 500, 0, 500), "1 smaller body was removed, 0.500 mL."),
        (Removed(3, 200000, 1500, 150000), "3 smaller bodies were removed, 202 mL together, the largest"),
    ],
)  # fmt: skip
def test_what_was_removed_is_one_sentence(removed, sentence):
    labels = np.ones((2, 64, 64), np.uint8)
    report = measure(
        from_array(np.zeros(labels.shape), (1.0, 1.0, 1.0)), segmentation(labels, removed=removed)
    )
    assert any(sentence in warning for warning in report.warnings), report.warnings
    assert report.removed.bodies == removed.bodies


def test_many_lesions_are_measured_each_in_its_own_place():
    rng = np.random.default_rng(0)
    labels = np.zeros((30, 96, 96), np.uint8)
    hu = rng.normal(0, 1, labels.shape).astype(np.float32)
    corners = [(z, y, x) for z in range(1, 28, 4) for y in range(2, 90, 12) for x in range(2, 90, 12)]
    for number, (z, y, x) in enumerate(corners):
        labels[z : z + 2, y : y + 3, x : x + 2 + number % 3] = 2
        hu[z : z + 2, y : y + 3, x : x + 2 + number % 3] = number
    report = measure(image(labels, (1.0, 1.0, 1.0), hu=hu), segmentation(labels))
    assert len(report.lesions) == len(corners)
    for lesion in report.lesions:
        number = round(lesion.mean_hu)
        z, y, x = corners[number]
        assert lesion.slice_range == (z, z + 1) and lesion.count == 6 * (2 + number % 3)
        assert lesion.centroid_px == pytest.approx((z + 0.5, y + 1, x + (1 + number % 3) / 2))
