"""Lesions of known size and position, on uneven, oblique and flipped grids."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from liverseg.analysis.lesions import find_lesions
from liverseg.analysis.measure import measure
from liverseg.core.image import NativeGrid
from liverseg.core.lesion_candidates import LesionRules
from liverseg.core.lesion_model import LesionModel
from liverseg.io.read import from_array
from tests.liverseg.analysis.scenes import image, scene, segmentation

relaxed = settings(deadline=None, max_examples=25)  # a shared machine may stall any example


def rotation(degrees, axis):
    """The (3, 3) matrix of a rotation about an axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [k for k in range(3) if k != axis]
    turn = np.eye(3)
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    return turn


def voxel_places(shape, spacing):
    """(S, H, W, 3): the position of every voxel relative to the centre, in mm along slice, row, column."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def ellipsoid(radii, centre, turn, spacing, margin=4.0):
    """Labels of an ellipsoid, rotated in plane by `turn` degrees; radii and centre in mm along each axis."""
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
    assert lesion.perpendicular_diameter_mm == pytest.approx(2 * min(radii[1:]), abs=1.3 * max(spacing[1:]))
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
def test_oblique_grids_keep_sizes_and_patient_coordinates(degrees, spacing, origin):
    """A ball at a known position in the patient, sampled on an oblique grid."""
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


def test_each_of_many_lesions_is_measured_in_its_own_box():
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


@pytest.mark.parametrize(
    ("place", "in_slice", "in_volume"),
    [
        ((slice(0, 1), slice(5, 9), slice(5, 9)), False, True),
        ((slice(1, 2), slice(0, 3), slice(5, 9)), True, True),
    ],
)
def test_a_lesion_at_the_border_touches_the_edge(place, in_slice, in_volume):
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[place] = 2
    assert measure(*scene(labels)).lesions[0].touches_edge is in_volume
    one = labels.any(axis=0)[None] * 2
    assert measure(*scene(one)).lesions[0].touches_edge is in_slice


def test_lesions_connect_over_corners_and_are_ordered_by_size():
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[0, 10:12, 10:12] = labels[1, 12:14, 12:14] = 2  # one lesion: they share a corner across slices
    labels[0, 30, 30] = labels[0, 31, 31] = 2  # one lesion: they share a corner in the slice
    labels[2, 50, 50] = 2
    report = measure(*scene(labels))
    assert [lesion.count for lesion in report.lesions] == [8, 2, 1]
    assert [lesion.id for lesion in report.lesions] == [1, 2, 3]
    assert report.lesions[0].slice_range == (0, 1)


def test_probability_and_hu_are_measured_over_the_pixels_of_the_lesion():
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 10, 10:14] = 2
    probability, hu = np.full(labels.shape, 0.1, np.float32), np.full(labels.shape, 900, np.float32)
    probability[0, 10, 10:14] = [0.5, 0.6, 0.7, 1.0]
    hu[0, 10, 10:14] = [20, 30, 40, 50]
    (lesion,) = measure(*scene(labels, probability=probability, hu=hu)).lesions
    assert lesion.mean_probability == pytest.approx(0.7)
    assert lesion.peak_probability == 1
    assert lesion.mean_hu == 35


def test_patient_coordinates_follow_the_affine_of_a_flipped_file():
    labels = np.zeros((4, 70, 80), np.uint8)
    labels[1, 20, 33] = 2
    affine = np.array([[-0.8, 0, 0, 100], [0, 0.9, 0, -50], [0, 0, 2.5, 300], [0, 0, 0, 1.0]])
    native = NativeGrid((80, 70, 4), (2, 1, 0), (False, True, False), affine)
    ct, seg = scene(labels, (2.5, 0.9, 0.8), native=native)
    i, j, k = np.argwhere(native.to_native(labels) == 2)[0]
    expected = (affine @ [i, j, k, 1])[:3]
    assert measure(ct, seg).lesions[0].centroid_ras_mm == pytest.approx(tuple(expected))


def test_an_unsure_lesion_does_not_touch_itself():
    """Its label is liver, too."""
    labels, tumour = np.zeros((3, 64, 64), np.uint8), np.zeros((3, 64, 64), np.float16)
    labels[1, 2:9, 2:5], labels[1, 4:6, 8:11], tumour[1, 4:6, 8:11] = 1, 2, 0.5  # apart from the liver
    labels[1, 3:5, 3:5], tumour[1, 3:5, 3:5] = 2, 0.6
    model = LesionModel(-9.0, (), 0.5)
    seg = replace(segmentation(labels), tumour_probability=tumour, organ_probability=tumour, threshold=0.3)
    lesions, number = find_lesions(
        from_array(np.zeros(labels.shape)), seg.with_lesions(LesionRules(0, model))
    )
    assert number == 2 and [lesion.likely for lesion in lesions] == [False, False]
    assert [lesion.touches_liver for lesion in lesions] == [False, True], "the larger one is apart"
    assert not (seg.labels == 2).any()
