"""NIfTI volumes in their stored numbers: HU as from `liverseg.read`, and the trust in their geometry."""

import numpy as np
import pytest

import liverseg
from liverseg.core.window import DEFAULT_WINDOW, Window
from tests.train.data.prepare.nifti_files import AFFINES, SHAPE, ct_values, save_nifti
from train.data.prepare.volumes import read_volume


@pytest.mark.parametrize("axes", AFFINES)
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<i4", "<f4"])
def test_hu_are_those_of_liverseg_read(tmp_path, axes, dtype):
    path = save_nifti(tmp_path / "ct.nii.gz", ct_values(dtype), AFFINES[axes])
    volume, _ = read_volume(path, DEFAULT_WINDOW)
    expected = liverseg.read(path)
    assert volume.spacing_mm == expected.spacing_mm and volume.geometry == "header"
    assert volume.sha256 == {"volume": expected.sha256}
    assert volume.warnings == expected.warnings
    for index, hu in enumerate(expected.hu):
        assert np.array_equal(volume.hu(index), hu)


def test_a_nifti_file_with_grey_gets_the_hu_of_liverseg_read(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    path = save_nifti(tmp_path / "grey.nii.gz", values, AFFINES["LPS"])
    volume, _ = read_volume(path, Window(60, 200))
    assert np.array_equal(volume.stored, liverseg.read(path, window=(60, 200)).hu)
    assert "grey" in volume.warnings[-1]


@pytest.mark.parametrize(
    ("number", "affine", "expected"),
    [
        (30, np.eye(4), "false"),
        (30, np.diag([-1.0, -1.0, 1.0, 1.0]), "false"),
        (30, AFFINES["LPS"], "header"),  # a copy of LiTS with a repaired geometry
        (27, np.eye(4), "header"),  # 70 pixels a side: 1 mm is plausible
        (None, np.eye(4), "header"),
    ],
)
def test_a_false_lits_geometry_is_recognised_by_number_and_identity_affine(
    tmp_path, number, affine, expected
):
    volume, _ = read_volume(save_nifti(tmp_path / "v.nii", ct_values("<i2"), affine), DEFAULT_WINDOW, number)
    assert volume.geometry == expected
    assert (volume.spacing_mm is None) == (expected != "header")


def test_an_identity_affine_on_a_large_slice_is_false_without_a_lits_number(tmp_path):
    values = np.full((256, 256, 2), -1000, np.int16)
    values[100:, 100:] = 50
    volume, _ = read_volume(save_nifti(tmp_path / "v.nii", values, np.eye(4)), DEFAULT_WINDOW)
    assert volume.geometry == "false" and volume.spacing_mm is None
