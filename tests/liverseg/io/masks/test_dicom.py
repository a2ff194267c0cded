"""Masks in DICOM: segmentations and structure sets of this package and of other tools."""

from __future__ import annotations

import cv2
import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

import liverseg
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.masks.rtstruct import inside
from liverseg.io.write import write_results
from liverseg.phantom import write
from tests.phantoms import make


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """The files of a series, its CT and its labels, and a folder with their results."""
    folder = tmp_path_factory.mktemp("series")
    *paths, truth = write(make("volume", seed=3, size=96, slices=5), folder, "dicom")
    ct = liverseg.read(paths)
    seg = liverseg.read_labels(truth, ct)
    write_results(folder / "out", ct, seg, liverseg.measure(ct, seg), ("nifti", "seg", "rtstruct"))
    return paths, ct, seg.labels, folder / "out"


@pytest.mark.parametrize("name", ["labels.nii.gz", "segmentation.dcm", "rtstruct.dcm"])
def test_own_results_are_read_back_as_they_were(series, name):
    _, ct, labels, out = series
    assert np.array_equal(liverseg.read_labels(out / name, ct).labels, labels)


def test_own_files_say_that_their_labels_come_from_a_file(series):
    out = series[-1]
    written = pydicom.dcmread(out / "segmentation.dcm")
    assert {item.SegmentAlgorithmType for item in written.SegmentSequence} == {"SEMIAUTOMATIC"}
    assert "labels from a file" in written.SegmentSequence[0].SegmentDescription
    assert "labels from a file" in written.SeriesDescription
    roi = pydicom.dcmread(out / "rtstruct.dcm").StructureSetROISequence[1]
    assert roi.ROIGenerationAlgorithm == "SEMIAUTOMATIC" and "labels from a file" in roi.ROIDescription


def test_a_fractional_segmentation_of_another_tool(series, tmp_path):
    """Overlapping segments in fractions, some slices missing, named by their codes alone."""
    paths, ct, labels, _ = series
    images = sorted((pydicom.dcmread(path) for path in paths), key=lambda one: one.ImagePositionPatient[2])
    kinds = (codes.SCT.Liver, codes.SCT.Neoplasm, codes.SCT.Kidney)
    segments = [
        highdicom.seg.SegmentDescription(
            number, f"Segment_{number}", codes.SCT.AnatomicalStructure, kind,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, kind in enumerate(kinds, start=1)
    ]  # fmt: skip
    masks = np.stack([labels > 0, labels == 2, np.roll(labels > 0, 3, axis=1)], axis=-1)
    assert np.allclose([image.ImagePositionPatient[2] for image in images], ct.native.affine[2, 3]
                       + ct.native.affine[2, 0] * np.arange(5)) or ct.native.flipped[0]  # fmt: skip
    written = highdicom.seg.Segmentation(
        images, masks.astype(np.float32), highdicom.seg.SegmentationTypeValues.FRACTIONAL, segments,
        highdicom.UID(), 1, highdicom.UID(), 1, "maker", "model", "1", "2",
    )  # fmt: skip
    written.save_as(tmp_path / "other.dcm")
    seg = liverseg.read_labels(tmp_path / "other.dcm", ct)
    assert np.array_equal(seg.labels, labels)
    assert (seg.labels_file.liver, seg.labels_file.tumour, seg.labels_file.left_out) == ((1,), (2,), 1)


def test_polygons_contain_the_centres_that_opencv_says():
    rng = np.random.default_rng(5)
    polygon = rng.uniform(-3, 43, (17, 2))  # crosses itself and leaves the picture
    star = np.array([[20 + r * np.sin(a), 20 + r * np.cos(a)] for a, r in
                     zip(np.linspace(0, 6.2, 24), rng.uniform(6, 18, 24), strict=True)])  # fmt: skip
    corners = star[:, ::-1].astype(np.float32)  # x and y
    expected = np.array([[cv2.pointPolygonTest(corners, (float(c), float(r)), False) > 0
                          for c in range(40)] for r in range(40)])  # fmt: skip
    assert np.array_equal(inside([star], (40, 40)), expected) and expected.any()
    both = inside([polygon], (40, 40)) ^ inside([star], (40, 40))
    assert np.array_equal(inside([polygon, star], (40, 40)), both)


def test_a_contour_inside_another_is_a_hole_and_one_between_slices_is_refused(series, tmp_path):
    _, ct, labels, out = series
    written = pydicom.dcmread(out / "rtstruct.dcm")
    organ = written.ROIContourSequence[0].ContourSequence
    z = float(organ[0].ContourData[2])

    def square(half_mm: float, at: float) -> pydicom.Dataset:
        item = pydicom.Dataset()
        item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", 4
        corners = ((-half_mm, -half_mm), (half_mm, -half_mm), (half_mm, half_mm), (-half_mm, half_mm))
        item.ContourData = [f"{value:.3f}" for x, y in corners for value in (x, y, at)]
        return item

    written.ROIContourSequence[0].ContourSequence = [square(60, z), square(20, z)]
    written.ROIContourSequence[1].ContourSequence = []
    written.save_as(path := tmp_path / "holes.dcm")
    found = liverseg.read_labels(path, ct).labels
    pixel_mm2 = ct.pixel_area_mm2
    assert (
        found.sum() * pixel_mm2 == pytest.approx(120**2 - 40**2, rel=0.1)
        and found.any(axis=(1, 2)).sum() == 1
    )
    written.ROIContourSequence[0].ContourSequence = [square(60, z + 0.4 * ct.spacing_mm[0])]
    written.save_as(path)
    with pytest.raises(UnreadableInput, match="lies on no slice"):
        liverseg.read_labels(path, ct)


@pytest.mark.parametrize("name", ["segmentation.dcm", "rtstruct.dcm"])
def test_cut_and_damaged_files_are_refused(series, name, tmp_path):
    _, ct, labels, out = series
    data = (out / name).read_bytes()
    path = tmp_path / "cut.dcm"
    for share in (0.05, 0.5, 0.8, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(LiversegError):
            liverseg.read_labels(path, ct)
    rng = np.random.default_rng(2)
    for _ in range(15):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 30):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            assert liverseg.read_labels(path, ct).labels.shape == labels.shape
        except LiversegError as refusal:
            assert str(refusal).endswith(".")


def test_a_ct_slice_is_no_mask(series):
    paths, ct, _, _ = series
    with pytest.raises(UnreadableInput, match="neither a SEG nor an RTSTRUCT"):
        liverseg.read_labels(paths[0], ct)
