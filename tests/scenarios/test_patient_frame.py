"""Labels and centroids keep their position in the patient: DICOM in all orientations, NIfTI of every code."""

from __future__ import annotations

import nibabel
import numpy as np
import pydicom
import pytest
from nibabel.affines import apply_affine

import liverseg
from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.slicing import single_slice
from liverseg.io.write import write_results
from liverseg.phantom import write
from tests.phantoms import make


def results(ct: CTImage, labels: np.ndarray, folder):
    """The report of labels (S, H, W), and the labels as they are written in NIfTI."""
    probability = (labels == 2).astype(np.float32)
    organ = (labels > 0).astype(np.float32)
    seg = Segmentation(labels, probability, organ, 0.5, CheckpointIdentity("a@1", "0" * 64, "x"), "none")
    report = measure(ct, seg)
    write_results(folder, ct, seg, report, ["nifti"])
    return report, nibabel.load(folder / "labels.nii.gz")


def positions(labels: np.ndarray, affine: np.ndarray, value: int) -> np.ndarray:
    """(n, 3) sorted RAS positions in mm of the voxels with a label."""
    points = np.round(apply_affine(affine, np.argwhere(labels == value)), 3)
    return points[np.lexsort(points.T)]


@pytest.fixture(scope="module")
def phantom_series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    phantom = make("volume", seed=3, size=64, slices=6)
    *slices, truth = write(phantom, folder, "dicom")
    return phantom, slices, nibabel.load(truth)


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), (0, 1, 0, 1, 0, 0)])
def test_labels_of_a_series_have_the_positions_of_the_reference_labels(orientation, phantom_series, tmp_path):
    phantom, slices, truth = phantom_series
    folder = slices[0].parent
    if orientation != (1, 0, 0, 0, 1, 0):
        folder = tmp_path / "ct"
        folder.mkdir()
        for path in slices:
            reorient(pydicom.dcmread(path), orientation).save_as(folder / path.name)
    ct = liverseg.read(folder)
    np.testing.assert_allclose(ct.hu, phantom.hu, atol=0.5)
    assert ct.native.affine_codes == (1, 1)
    report, labels = results(ct, phantom.labels, tmp_path)
    assert labels.get_sform(coded=True)[1] == labels.get_qform(coded=True)[1] == 1
    for value in (1, 2):
        assert (np.asarray(truth.dataobj) == value).any()
        np.testing.assert_allclose(
            positions(np.asarray(labels.dataobj), labels.affine, value),
            positions(np.asarray(truth.dataobj), truth.affine, value),
            atol=0.01,
        )
    weights = [lesion.count for lesion in report.lesions]
    centre = np.average([lesion.centroid_ras_mm for lesion in report.lesions], axis=0, weights=weights)
    expected = positions(np.asarray(truth.dataobj), truth.affine, 2).mean(axis=0)
    assert (np.abs(centre - expected) < 0.5 * np.array(ct.spacing_mm)[::-1]).all()


def reorient(dataset, orientation):
    """Stores a slice along other in-plane directions (LPS); every pixel keeps its position in the patient."""
    old = dataset.pixel_array
    row_mm, column_mm = map(float, dataset.PixelSpacing)
    origin = np.array(dataset.ImagePositionPatient, float)
    to_world = np.stack(
        [np.array([0, row_mm, 0]), np.array([column_mm, 0, 0])]
    )  # LPS mm per row and per column of the original slice
    along_columns, along_rows = np.array(orientation, float).reshape(2, 3)
    transposed = bool(along_columns[1])
    rows_backwards, columns_backwards = along_rows.sum() < 0, along_columns.sum() < 0
    new = old.T if transposed else old
    index = np.array([0, 0])  # row and column in `old` or its transpose of the first stored pixel
    if rows_backwards:
        new, index[0] = new[::-1], new.shape[0] - 1
    if columns_backwards:
        new, index[1] = new[:, ::-1], new.shape[1] - 1
    first = index[::-1] if transposed else index
    dataset.ImagePositionPatient = [f"{v:.6f}" for v in origin + first @ to_world]
    dataset.ImageOrientationPatient = list(orientation)
    dataset.PixelSpacing = [column_mm, row_mm] if transposed else [row_mm, column_mm]
    dataset.Rows, dataset.Columns = new.shape
    dataset.PixelData = np.ascontiguousarray(new).astype("<i2").tobytes()
    return dataset


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0)])
def test_a_single_slice_of_a_series_keeps_its_position(orientation, phantom_series, tmp_path):
    phantom, slices, truth = phantom_series
    for path in slices:
        reorient(pydicom.dcmread(path), orientation).save_as(tmp_path / path.name)
    volume = liverseg.read(tmp_path)
    index = int((phantom.labels == 2).sum(axis=(1, 2)).argmax())
    one = single_slice(volume, index)
    report, labels = results(one, phantom.labels[index : index + 1], tmp_path / "out")
    expected = positions(np.asarray(truth.dataobj), truth.affine, 2)
    height = volume.native.radiological_affine[2] @ [index, 0, 0, 1]
    expected = expected[np.abs(expected[:, 2] - height) < 0.01]
    np.testing.assert_allclose(positions(np.asarray(labels.dataobj), labels.affine, 2), expected, atol=0.01)
    assert all(lesion.centroid_ras_mm[2] == pytest.approx(height, abs=0.01) for lesion in report.lesions)
    assert report.lesions and one.native.to_native(one.hu).shape == one.native.shape


IN_PLANE = [
    (*first, *second)
    for a in (1, -1)
    for b in (1, -1)
    for first, second in [((a, 0, 0), (0, b, 0)), ((0, a, 0), (b, 0, 0))]
]


@pytest.mark.parametrize("orientation", IN_PLANE)
def test_a_slice_has_the_same_position_in_every_stored_orientation(orientation, dicom_slice_file, tmp_path):
    path, hu = dicom_slice_file(orientation)
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.hu[0], hu)
    labels = np.zeros(ct.shape, np.uint8)
    labels[0, 20:40, 30:70], labels[0, 25:30, 40:46] = 1, 2
    report, image = results(ct, labels, tmp_path / "out")
    # Row r, column c of the original slice is at LPS (-100 + 0.7 c, -90 + 0.8 r, 55).
    centre = (100 - 0.7 * 42.5, 90 - 0.8 * 27, 55)
    assert report.lesions[0].centroid_ras_mm == pytest.approx(centre, abs=1e-3)
    found = positions(np.asarray(image.dataobj), image.affine, 2)
    assert len(found) == 30 and found.mean(axis=0) == pytest.approx(centre, abs=1e-2)
    assert ct.native.to_native(ct.hu).shape == ct.native.shape
    i, j = np.argwhere(ct.native.to_native(labels) == 2).mean(axis=0)
    assert (ct.native.affine @ [i, j, 0, 1])[:3] == pytest.approx(centre, abs=1e-3)


@pytest.fixture
def dicom_slice_file(tmp_path):
    """A function that writes an 80 × 96 slice in an orientation and returns (path, HU)."""
    phantom = make("slice", seed=1, size=96)
    path = write(phantom, tmp_path / "phantom", "dicom")[0]

    def stored(orientation):
        dataset = pydicom.dcmread(path)
        hu = np.rint(phantom.hu[0, :80])
        dataset.Rows, dataset.PixelSpacing = 80, [0.8, 0.7]
        dataset.PixelData = (hu + 1024).astype("<i2").tobytes()
        dataset.ImagePositionPatient = [-100, -90, 55]
        reorient(dataset, orientation).save_as(tmp_path / "reoriented.dcm")
        return tmp_path / "reoriented.dcm", hu

    return stored


@pytest.mark.parametrize("missing", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_without_position_in_the_file_there_is_no_centroid_in_mm(missing, dicom_slice_file, tmp_path):
    path, _ = dicom_slice_file((1, 0, 0, 0, 1, 0))
    dataset = pydicom.dcmread(path)
    delattr(dataset, missing)
    dataset.save_as(path)
    ct = liverseg.read(path)
    assert ct.native.affine is None and ct.native.radiological_affine is None
    labels = np.zeros(ct.shape, np.uint8)
    labels[0, 20:30, 20:30] = 2
    report, image = results(ct, labels, tmp_path / "out")
    assert report.lesions[0].centroid_ras_mm is None
    assert image.get_sform(coded=True)[1] == 2  # NIFTI_XFORM_ALIGNED_ANAT, not SCANNER_ANAT


@pytest.mark.parametrize("shape", [(70, 66), (70, 66, 1), (70, 66, 3)])
@pytest.mark.parametrize("zooms", [(1, 1, 1), (0.7, 0.8, 5)])
def test_nifti_without_geometry_keeps_its_codes_and_affine(shape, zooms, tmp_path):
    values = np.full(shape, -1000, np.int16)
    values[20:50, 20:45] = 50
    image = nibabel.Nifti1Image(values, None)
    image.header.set_zooms(zooms[: len(shape)])
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "ct.nii")
    original = nibabel.load(tmp_path / "ct.nii")
    ct = liverseg.read(tmp_path / "ct.nii")
    assert (ct.spacing_mm is not None) == (zooms != (1, 1, 1))  # zooms of 1 mean that none were set
    labels = np.zeros(ct.shape, np.uint8)
    labels[0, 25:30, 25:31] = 2
    report, written = results(ct, labels, tmp_path / "out")
    assert np.allclose(written.affine, original.affine) and written.shape == original.shape
    assert written.get_sform(coded=True)[1] == written.get_qform(coded=True)[1] == 0
    assert report.lesions[0].centroid_ras_mm is None
    np.testing.assert_array_equal(ct.native.to_radiological(np.asarray(written.dataobj)), labels)


@pytest.mark.parametrize("codes", [(1, 1), (2, 0), (0, 1), (4, 1)])
def test_nifti_keeps_the_sform_and_qform_codes(codes, tmp_path):
    affine = np.array([[-0.7, 0, 0, 120], [0, 0.9, 0, -80], [0, 0, 4.0, -300], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(np.arange(66 * 70 * 2, dtype=np.int16).reshape(66, 70, 2), affine)
    image.set_sform(affine, codes[0])
    image.set_qform(affine, codes[1])
    nibabel.save(image, tmp_path / "ct.nii")
    original = nibabel.load(tmp_path / "ct.nii")
    ct = liverseg.read(tmp_path / "ct.nii")
    _, written = results(ct, np.zeros(ct.shape, np.uint8), tmp_path / "out")
    assert np.allclose(written.affine, original.affine, atol=1e-4)
    assert (written.get_sform(coded=True)[1], written.get_qform(coded=True)[1]) == codes
