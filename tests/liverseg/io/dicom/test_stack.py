"""Slices in the patient: orientation, order, spacing, gantry tilt, and irregular series."""

from __future__ import annotations

import nibabel
import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import NotCT, UnreadableInput
from liverseg.io.nifti.write import nifti_chunks

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


ORIENTATIONS = {  # name: (ImageOrientationPatient, function from the upright to the stored slice)
    "upright": ((1, 0, 0, 0, 1, 0), lambda a: a),
    "columns to the right": ((-1, 0, 0, 0, 1, 0), lambda a: a[:, ::-1]),
    "rows to anterior": ((1, 0, 0, 0, -1, 0), lambda a: a[::-1]),
    "prone": ((-1, 0, 0, 0, -1, 0), lambda a: a[::-1, ::-1]),
    "transposed": ((0, 1, 0, 1, 0, 0), lambda a: a.T),
    "turned": ((0, -1, 0, 1, 0, 0), lambda a: a.T[:, ::-1]),
}


@pytest.mark.parametrize("orientation, make", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_a_slice_is_turned_upright_with_its_spacing(orientation, make, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    stored = np.ascontiguousarray(make(hu))
    transposed = orientation[0] == 0
    ct = liverseg.read(
        dicom_file(
            stored,
            ImageOrientationPatient=list(orientation),
            PixelSpacing=[0.7, 0.8] if transposed else [0.8, 0.7],
        )
    )
    np.testing.assert_array_equal(ct.hu[0], hu)
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), stored)
    assert ct.spacing_mm == (5.0, 0.8, 0.7) and ct.spacing_source == "DICOM PixelSpacing"
    assert ct.kind == "slice" and ct.warnings == () and ct.native.shape == stored.shape
    assert ct.orientation_known


def test_a_tilted_slice_gives_a_warning_and_a_coronal_one_is_refused(synthetic_hu, dicom_file):
    c, s = float(np.cos(0.3)), float(np.sin(0.3))
    ct = liverseg.read(dicom_file(synthetic_hu(), ImageOrientationPatient=[1, 0, 0, 0, c, -s]))
    assert any("tilt" in w for w in ct.warnings)
    for orientation in ([1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]):
        with pytest.raises(NotCT, match="not axial"):
            liverseg.read(dicom_file(synthetic_hu(), ImageOrientationPatient=orientation))


@pytest.mark.parametrize("orientation", [None, [0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]])
def test_a_slice_without_usable_orientation_gives_a_warning(orientation, synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), ImageOrientationPatient=orientation))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert any("usual orientation" in w for w in ct.warnings) and not ct.orientation_known


def test_only_a_plausible_pixel_spacing_is_used(synthetic_hu, dicom_file):
    for tags in ({}, {"ImagerPixelSpacing": [0.8, 0.7]}):
        ct = liverseg.read(dicom_file(synthetic_hu(), PixelSpacing=None, **tags))
        assert ct.spacing_mm is None and any("PixelSpacing" in w for w in ct.warnings)
    for bad in ([0, 0], [-1, 1], [900, 900]):
        assert liverseg.read(dicom_file(synthetic_hu(), PixelSpacing=bad)).spacing_mm is None


def test_the_spacing_of_a_lone_slice_is_its_thickness(synthetic_hu, dicom_file):
    between = liverseg.read(dicom_file(synthetic_hu(), SliceThickness=None, SpacingBetweenSlices="2.5"))
    assert between.spacing_mm == (2.5, 0.8, 0.7)
    unknown = liverseg.read(dicom_file(synthetic_hu(), SliceThickness=None))
    assert unknown.spacing_mm == (1.0, 0.8, 0.7) and "placeholder" in unknown.spacing_source
    assert [("thickness" in w and "only areas" in w) for w in unknown.warnings] == [True]
    assert between.warnings == ()


def test_slices_seen_from_the_head_are_mirrored(series, synthetic_hu):
    folder, _ = series((0, 2, 4, 6), ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k)[:, ::-1] for k in range(4)]))


@pytest.mark.parametrize("between", ["-2.5", "0", "99", None])
def test_the_spacing_follows_from_positions_not_from_headers(between, series):
    tags = {} if between is None else {"SpacingBetweenSlices": between}
    folder, _ = series(SliceThickness="5", InstanceNumber="1", SliceLocation="-3", **tags)
    ct = liverseg.read(folder)
    assert ct.spacing_mm == (2.5, 0.8, 0.7) and ct.warnings == ()  # 5 mm thick, every 2.5 mm


# name: LPS direction of growing column index, of growing row index, and the order of the files
STACKS = {
    "upright": ((1, 0, 0), (0, 1, 0), 1),
    "feet first, seen from the head": ((-1, 0, 0), (0, 1, 0), 1),
    "prone": ((-1, 0, 0), (0, -1, 0), 1),
    "stored from head to feet": ((1, 0, 0), (0, 1, 0), -1),
    "coronal": ((1, 0, 0), (0, 0, -1), 1),
    "coronal from behind": ((-1, 0, 0), (0, 0, -1), -1),
    "sagittal": ((0, 1, 0), (0, 0, -1), 1),
    "sagittal upside down": ((0, -1, 0), (0, 0, 1), -1),
}


@pytest.mark.parametrize("along_rows, along_columns, direction", STACKS.values(), ids=STACKS)
def test_any_orientation_gives_the_same_volume(along_rows, along_columns, direction, dicom_file, tmp_path):
    """One block, cut into slices in several directions: HU, spacing and positions of voxels agree."""
    rng = np.random.default_rng(0)
    normal = np.cross(along_rows, along_columns)
    steps = {0: 0.8, 1: 0.9, 2: 1.1}  # mm along x, y, z of the patient
    axes = [int(np.flatnonzero(v)[0]) for v in (normal, along_columns, along_rows)]
    block = rng.integers(-900, 900, (70, 68, 66)).astype(np.int16)  # x, y, z in LPS
    cut = block.transpose(axes)  # slices, rows, columns
    for axis, vector in enumerate((normal, along_columns, along_rows)):
        if np.sum(vector) < 0:
            cut = np.flip(cut, axis)
    corner = np.array([-20.0, -30.0, 40.0])
    first = corner.copy()
    for vector in (normal, along_columns, along_rows):
        axis = int(np.flatnonzero(vector)[0])
        if np.sum(vector) < 0:
            first[axis] += steps[axis] * (block.shape[axis] - 1)
    folder = tmp_path / "stack"
    folder.mkdir()
    for k in range(len(cut))[::direction]:
        dicom_file(
            np.ascontiguousarray(cut[k]),
            folder=folder,
            ImageOrientationPatient=[*map(float, along_rows), *map(float, along_columns)],
            ImagePositionPatient=[round(float(v), 4) for v in first + k * steps[axes[0]] * normal],
            PixelSpacing=[steps[axes[1]], steps[axes[2]]],
        )
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, block.transpose(2, 1, 0))
    assert ct.spacing_mm == pytest.approx((1.1, 0.9, 0.8))
    affine = ct.native.radiological_affine
    for index in ((0, 0, 0), (3, 5, 7), (65, 67, 69)):
        lps = corner + np.array(index[::-1]) * [0.8, 0.9, 1.1]
        np.testing.assert_allclose((affine @ [*index, 1])[:3], LPS_TO_RAS @ lps, atol=1e-3)
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), cut)
    assert any("turned into axial" in w for w in ct.warnings) == (axes[0] != 2)


@pytest.mark.parametrize("angle", [-20.0, 12.5])
@pytest.mark.parametrize("geometry", ["the table moves along the body", "slices are cut upright"])
def test_a_gantry_tilt_keeps_the_sheared_grid(angle, geometry, series, synthetic_hu, tmp_path):
    c, s = float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
    folder, paths = series((0, 5, 10, 15, 20))
    tilted = geometry.startswith("the table")
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        if tilted:
            dataset.ImageOrientationPatient = [1, 0, 0, 0, round(c, 8), round(s, 8)]
            dataset.GantryDetectorTilt = angle
        else:
            dataset.ImagePositionPatient = [-100, round(-100 + 5 * k * s / c, 5), 5 * k]
        dataset.save_as(path)
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in range(5)]))
    assert ct.spacing_mm == pytest.approx((5 * c if tilted else 5, 0.8, 0.7), rel=1e-5)
    assert [f"{abs(angle):.0f}°" in w for w in ct.warnings] == [True]
    labels = np.zeros(ct.shape, np.uint8)
    labels[3, 20, 30] = 1
    image = nibabel.Nifti1Image.from_bytes(b"".join(nifti_chunks(ct, labels, "labels")))
    (x, y, z, _) = image.affine @ [*np.argwhere(np.asarray(image.dataobj))[0], 1]
    dataset = pydicom.dcmread(paths[3])
    position = np.array(dataset.ImagePositionPatient, float)
    orientation = np.array(dataset.ImageOrientationPatient, float)
    expected = position + 30 * 0.7 * orientation[:3] + 20 * 0.8 * orientation[3:]
    np.testing.assert_allclose([x, y, z], LPS_TO_RAS @ expected, atol=1e-3)
    assert abs(np.linalg.det(image.affine[:3, :3])) == pytest.approx(np.prod(ct.spacing_mm), rel=1e-4)
    (tmp_path / "labels.nii").write_bytes(image.to_bytes())
    hu = nibabel.Nifti1Image(ct.hu.transpose(2, 1, 0), image.affine)
    nibabel.save(hu, tmp_path / "hu.nii")
    assert liverseg.read(tmp_path / "hu.nii").spacing_mm == pytest.approx(ct.spacing_mm, rel=1e-4)


def test_slices_shifted_sideways_are_refused(series):
    folder, paths = series((0, 5, 10, 15, 20))
    dataset = pydicom.dcmread(paths[2])
    dataset.ImagePositionPatient = [-95, -100, 10]
    dataset.save_as(paths[2])
    with pytest.raises(UnreadableInput, match="sideways"):
        liverseg.read(folder)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"heights": (0, 2.5, 2.5, 5)}, "same place"),
        ({"heights": (0, 2.5, 5, 10)}, "missing"),
        ({"step": (0, 2.5)}, "sheared"),
        ({"ImagePositionPatient": None}, "no position"),
        ({"ImageOrientationPatient": None}, "no orientation"),
    ],
)
def test_irregular_series_are_refused_with_the_reason(options, reason, series):
    with pytest.raises(UnreadableInput, match=reason):
        liverseg.read(series(**options)[0])


@pytest.mark.parametrize(
    "tags, reason",
    [
        ({"PixelSpacing": [0.9, 0.9]}, "pixel spacing"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.96, 0.28]}, "parallel"),
    ],
)
def test_a_slice_of_another_geometry_is_refused(tags, reason, series):
    folder, _ = series()
    series((10,), **tags)
    with pytest.raises(UnreadableInput, match=reason):
        liverseg.read(folder)


def test_slices_of_two_sizes_are_refused(series, synthetic_hu, dicom_file):
    folder, _ = series()
    dicom_file(synthetic_hu(90, 90), folder=folder, ImagePositionPatient=[-100, -100, 10])
    with pytest.raises(UnreadableInput, match="size"):
        liverseg.read(folder)


def test_a_coronal_series_of_few_slices_and_mr_are_refused(series):
    folder, paths = series(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [-100, 3 * k, 50]
        dataset.save_as(path)
    with pytest.raises(NotCT, match="only 4 slices"):
        liverseg.read(folder)
    with pytest.raises(NotCT, match="MR"):
        liverseg.read(series(folder="mr", Modality="MR")[0])


@pytest.mark.parametrize("degrees", [-30, 10, 44])
@pytest.mark.parametrize("heights", [(0,), (0, 5, 10)])
def test_slices_turned_within_their_plane_are_not_tilted(heights, degrees, series):
    c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    folder, _ = series(heights, ImageOrientationPatient=[c, s, 0, -s, c, 0])
    (warning,) = liverseg.read(folder).warnings
    assert f"turned by {abs(degrees)}° within their plane" in warning and "tilt" not in warning


def test_a_tilt_and_a_turn_are_both_named(series):
    angles = np.radians([20, 10])
    (ct, ca), (st, sa) = np.cos(angles), np.sin(angles)
    tilted = np.array([[1, 0, 0], [0, ct, st]])  # rows and columns of a slice that is tilted about x
    turned = np.array([[ca, sa], [-sa, ca]]) @ tilted
    warnings = liverseg.read(series((0,), ImageOrientationPatient=turned.ravel().tolist())[0]).warnings
    assert ["gantry tilt" in w for w in warnings] == [True, False]
    assert "turned by 10° within" in warnings[1]


def test_slices_that_leave_gaps_give_a_warning(series):
    """Every other slice of a contiguous series is missing, or the scan was made with gaps."""
    folder, paths = series([2.5 * k for k in range(10)], SliceThickness="2.5")
    assert liverseg.read(folder).warnings == ()
    ct = liverseg.read(paths[::2])
    assert ct.spacing_mm[0] == 5.0
    assert ["5 mm apart and 2.5 mm thick" in w and "every other slice" in w for w in ct.warnings] == [True]


def test_every_other_slice_of_overlapping_slices_gives_a_warning_by_the_header(series):
    folder, paths = series([2.5 * k for k in range(10)], SliceThickness="5", SpacingBetweenSlices="2.5")
    assert liverseg.read(folder).warnings == ()
    assert ["header says 2.5 mm" in w for w in liverseg.read(paths[::2]).warnings] == [True]
