"""Phantom files, read with other libraries: pixels, geometry, orientation and labels."""

from __future__ import annotations

import dataclasses

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image

from liverseg.errors import InvalidSetting
from liverseg.phantom import make, write


@pytest.fixture(scope="module")
def one():
    return make(seed=3, size=128)


@pytest.fixture(scope="module")
def many():
    return make("volume", seed=3, size=96, slices=12)


def centroid_ras(labels, affine):
    """Mean position of the liver in RAS mm."""
    voxel = np.argwhere(labels > 0).mean(axis=0)
    return affine[:3, :3] @ voxel + affine[:3, 3]


def expected_ras(phantom):
    """Mean position of the liver in RAS mm from the phantom, whose grid is centred on the origin."""
    slices, rows, columns = phantom.hu.shape
    s, r, c = np.argwhere(phantom.labels > 0).mean(axis=0)
    between, row, column = phantom.spacing_mm
    return np.array(
        [-(c - (columns - 1) / 2) * column, -(r - (rows - 1) / 2) * row, (s - (slices - 1) / 2) * between]
    )


def test_slice_as_png(one, tmp_path):
    ct, truth = write(one, tmp_path / "new" / "folder", "png")
    grey = np.asarray(Image.open(ct))
    assert grey.dtype == np.uint8 and grey.shape == (128, 128)
    hu = -160 + grey / 255 * 400
    np.testing.assert_allclose(hu, np.clip(one.hu[0], -160, 240), atol=1)
    assert np.array_equal(np.asarray(Image.open(truth)), one.labels[0]) and truth.name == "labels.png"


def test_slice_as_nifti(one, tmp_path):
    ct, truth = write(one, tmp_path / "scan.nii.gz", "nifti")
    assert (ct.name, truth.name) == ("scan.nii.gz", "labels.nii.gz")
    image, labels = nibabel.load(ct), nibabel.load(truth)
    assert image.shape == labels.shape == (128, 128, 1) and image.get_data_dtype() == np.int16
    np.testing.assert_allclose(image.affine, labels.affine)
    np.testing.assert_allclose(sorted(image.header.get_zooms()), sorted(one.spacing_mm), rtol=1e-4)
    assert nibabel.aff2axcodes(image.affine) == ("L", "A", "S")
    centroid = centroid_ras(np.asarray(labels.dataobj), labels.affine)
    np.testing.assert_allclose(centroid, expected_ras(one), atol=0.05)
    canonical = nibabel.as_closest_canonical(image).get_fdata()[..., 0]  # x to the right, y to anterior
    np.testing.assert_allclose(canonical[::-1, ::-1].T, one.hu[0], atol=0.51)


def test_slice_as_dicom(one, tmp_path):
    ct, truth = write(one, tmp_path, "dicom")
    image = pydicom.dcmread(ct)
    assert image.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert image.SOPClassUID == pydicom.uid.CTImageStorage and image.Modality == "CT"
    hu = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    np.testing.assert_allclose(hu, one.hu[0], atol=0.51)
    assert [float(v) for v in image.PixelSpacing] == pytest.approx(one.spacing_mm[1:], rel=1e-5)
    assert [float(v) for v in image.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    assert (image.WindowCenter, image.WindowWidth) == (40, 400)
    labels = np.asarray(Image.open(truth))
    row, column = np.argwhere(labels > 0).mean(axis=0)
    left = float(image.ImagePositionPatient[0]) + column * float(image.PixelSpacing[1])
    assert -left == pytest.approx(expected_ras(one)[0], abs=0.05)  # x of LPS is -x of RAS
    assert str(image.PatientName) == "PHANTOM^SEED3"


def test_volume_as_nifti(many, tmp_path):
    ct, truth = write(many, tmp_path, "nifti")
    image, labels = nibabel.load(ct), nibabel.load(truth)
    assert image.shape == (96, 96, 12)
    np.testing.assert_allclose(
        centroid_ras(np.asarray(labels.dataobj), labels.affine), expected_ras(many), atol=0.1
    )
    assert expected_ras(many)[0] > 10  # the liver lies on the patient's right


def test_volume_as_dicom_matches_its_labels(many, tmp_path):
    *paths, truth = write(many, tmp_path / "series", "dicom")
    images = [pydicom.dcmread(path) for path in paths]
    assert len(images) == 12 and {p.parent.name for p in paths} == {"ct"} and truth.parent.name == "series"
    assert len({i.SeriesInstanceUID for i in images}) == 1 and len({i.SOPInstanceUID for i in images}) == 12
    heights = [float(i.ImagePositionPatient[2]) for i in images]
    np.testing.assert_allclose(np.diff(heights), many.spacing_mm[0], rtol=1e-5)
    labels = nibabel.load(truth)
    to_voxel = np.linalg.inv(labels.affine)
    for index in (0, 7):
        x, y, z = (float(v) for v in images[index].ImagePositionPatient)
        voxel = to_voxel @ [-x, -y, z, 1]
        np.testing.assert_allclose(voxel[:3], [0, 95, index], atol=1e-3)  # the first pixel of the slice


def test_volume_as_png(many, tmp_path):
    paths = write(many, tmp_path, "png")
    assert [p.name for p in paths[:2]] == ["slice_000.png", "slice_001.png"] and len(paths) == 24
    assert np.array_equal(np.asarray(Image.open(tmp_path / "labels_005.png")), many.labels[5])


@pytest.mark.parametrize("format", ["png", "nifti", "dicom"])
def test_writing_twice_gives_the_same_bytes(one, tmp_path, format):
    first, second = write(one, tmp_path / "a", format), write(one, tmp_path / "b", format)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_dicom_uids_depend_on_the_seed(one, tmp_path):
    other = dataclasses.replace(one, seed=4)
    paths = write(one, tmp_path / "a.dcm", "dicom")[0], write(other, tmp_path / "b.dcm", "dicom")[0]
    first, second = (pydicom.dcmread(path) for path in paths)
    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert first.SOPInstanceUID.is_valid and second.SOPInstanceUID.is_valid


def test_paths_that_do_not_match_the_format_are_rejected(one, many, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for phantom, name, format in (
        (one, "ct.png", "nifti"), (many, "ct.dcm", "dicom"), (one, "labels.png", "png"),
        (one, "notes.txt", "png"), (one, "x", "jpeg"),
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            write(phantom, tmp_path / name, format)
