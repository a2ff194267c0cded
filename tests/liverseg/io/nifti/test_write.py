"""NIfTI files that nibabel reads back on the right grid."""

from __future__ import annotations

import os

import cv2
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

import liverseg
from liverseg.core.image import NativeGrid
from liverseg.io.nifti.write import nifti_gz_bytes
from liverseg.io.write import write_results
from tests.liverseg.io.results import nifti_result, picture_result, result


def test_nifti_volumes_keep_their_grid_and_affine(tmp_path):
    ct, seg, report = nifti_result()
    names = {path.name for path in write_results(tmp_path, ct, seg, report)}
    assert names == {
        "report.json",
        "report.csv",
        "overview.png",
        "labels.nii.gz",
        "lesions.nii.gz",
        "tumour_probability.nii.gz",
    }
    assert names == set(os.listdir(tmp_path))
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    assert labels.shape == (80, 64, 3) and labels.get_data_dtype() == np.uint8
    np.testing.assert_allclose(labels.affine, ct.native.affine, atol=1e-5)
    np.testing.assert_array_equal(ct.native.to_radiological(np.asarray(labels.dataobj)), seg.labels)
    assert labels.header.get_zooms() == pytest.approx((0.7, 0.9, 4.0))
    assert labels.header.get_xyzt_units()[0] == "mm"
    assert labels.get_sform(coded=True)[1] == labels.get_qform(coded=True)[1] == 1
    np.testing.assert_allclose(labels.get_qform(), ct.native.affine, atol=1e-4)
    probability = nibabel.load(tmp_path / "tumour_probability.nii.gz")
    assert probability.get_data_dtype() == np.float32
    back = ct.native.to_radiological(np.asarray(probability.dataobj))
    np.testing.assert_array_equal(back, seg.tumour_probability)


def test_patient_coordinates_of_labels_agree_with_the_report(tmp_path):
    ct, seg, report = nifti_result()
    write_results(tmp_path, ct, seg, report)
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    indices = np.argwhere(np.asarray(labels.dataobj) == 2)
    centre = nibabel.affines.apply_affine(labels.affine, indices).mean(axis=0)
    assert report.lesions[0].centroid_ras_mm == pytest.approx(tuple(centre), abs=1e-3)


def test_two_dimensional_nifti_stays_two_dimensional(tmp_path):
    affine = np.diag([-0.7, -0.9, 1, 1.0])
    ct, seg, report = result((1, 64, 80), NativeGrid((80, 64), (2, 1, 0), (False,) * 3, affine), "nifti")
    write_results(tmp_path, ct, seg, report, ("nifti", "png"))
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    assert labels.shape == (80, 64)
    np.testing.assert_array_equal(np.asarray(labels.dataobj).T, seg.labels[0])
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "labels.png"), -1), seg.labels[0])


def test_dicom_volumes_become_nifti_in_patient_orientation(tmp_path):
    ct, seg, report = result((4, 64, 80), NativeGrid((4, 64, 80), (0, 1, 2), (True, False, False)), "dicom")
    write_results(tmp_path, ct, seg, report)
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    assert labels.shape == (80, 64, 4)
    assert nibabel.aff2axcodes(labels.affine) == ("L", "P", "S")
    assert labels.header.get_zooms() == pytest.approx((0.7, 0.9, 4.0))
    assert not (tmp_path / "labels.png").exists()
    # Slice 0 is the lowest, independent of the order in the file.
    np.testing.assert_array_equal(np.asarray(labels.dataobj).transpose(2, 1, 0), seg.labels)


def test_nifti_without_spacing_has_no_unit(tmp_path):
    ct, seg, report = picture_result(spacing=None)
    write_results(tmp_path, ct, seg, report, ["nifti"])
    header = nibabel.load(tmp_path / "labels.nii.gz").header
    assert header.get_xyzt_units()[0] == "unknown" and header.get_zooms() == (1, 1, 1)


def test_results_lie_on_a_ct_with_gantry_tilt_in_every_reader(series, tmp_path):
    """The shear is in the sform alone: SimpleITK, which cannot hold shear, refuses instead of moving it."""
    angle = np.radians(15)
    tilted = [1, 0, 0, 0, round(np.cos(angle), 8), round(np.sin(angle), 8)]
    folder, paths = series((0, 5, 10, 15), ImageOrientationPatient=tilted)
    ct = liverseg.read(folder)
    for name, array, dtype in (
        ("labels.nii.gz", np.ones(ct.shape, np.uint8), None),
        ("tumour_probability.nii.gz", np.ones(ct.shape, np.float16), np.float32),
    ):
        (tmp_path / name).write_bytes(nifti_gz_bytes(ct, array, "", dtype))
        image = nibabel.load(tmp_path / name)
        assert image.get_qform(coded=True) == (None, 0) and image.get_sform(coded=True)[1] == 1
        for k, path in enumerate(paths):
            dataset = pydicom.dcmread(path)
            row, column = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
            lps = np.array(dataset.ImagePositionPatient, float) + 95 * 0.7 * row + 79 * 0.8 * column
            point = nibabel.affines.apply_affine(image.affine, [95, 79, k])
            np.testing.assert_allclose(point, lps * [-1, -1, 1], atol=1e-3)
        with pytest.raises(RuntimeError, match="orthonormal"):
            SimpleITK.ReadImage(str(tmp_path / name))


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (0.96, 0.28, 0, -0.28, 0.96, 0)])
def test_results_lie_on_a_dicom_series_in_nibabel_and_simpleitk(orientation, series, tmp_path):
    folder, paths = series((0, 5, 10, 15), ImageOrientationPatient=list(orientation))
    ct = liverseg.read(folder)
    (tmp_path / "labels.nii.gz").write_bytes(nifti_gz_bytes(ct, np.ones(ct.shape, np.uint8), ""))
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    assert labels.get_qform(coded=True)[1] == 1
    itk, scan = (
        SimpleITK.ReadImage(files) for files in (str(tmp_path / "labels.nii.gz"), [str(p) for p in paths])
    )
    for index in ((0, 0, 0), (95, 79, 3), (7, 60, 1)):
        expected = scan.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(itk.TransformIndexToPhysicalPoint(index), expected, atol=1e-3)
        point = nibabel.affines.apply_affine(labels.affine, index) * [-1, -1, 1]
        np.testing.assert_allclose(point, expected, atol=1e-3)
