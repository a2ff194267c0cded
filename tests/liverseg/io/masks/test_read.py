"""Reading masks of other tools: formats, orientation, names, values and grid."""

from __future__ import annotations

import cv2
import nibabel
import numpy as np
import pytest
import SimpleITK

import liverseg
from liverseg.errors import InvalidSetting, LiversegError, UnreadableInput
from liverseg.io.masks.read import read_mask
from liverseg.phantom import write
from tests.liverseg.io.masks.mask_files import (
    CT_AFFINE,
    radiological,
    scan_and_labels,
    slicer_segmentation,
    total_segmentator,
)
from tests.phantoms import make


@pytest.fixture(scope="module")
def volume():
    return make("volume", seed=3, size=96, slices=5)


@pytest.fixture
def scan(tmp_path):
    path, labels = scan_and_labels(tmp_path)
    return liverseg.read(path), labels


@pytest.mark.parametrize("format", ["nifti", "dicom"])
def test_the_truth_of_a_phantom_is_that_of_the_generator(volume, format, tmp_path):
    *paths, truth = write(volume, tmp_path / format, format)
    ct = liverseg.read(paths[0] if format == "nifti" else paths)
    assert np.array_equal(liverseg.read_labels(truth, ct).labels, volume.labels)


@pytest.mark.parametrize("format", ["png", "dicom"])
def test_the_truth_of_a_slice_is_a_png(format, tmp_path):
    phantom = make("slice", seed=14, size=128)
    path, truth = write(phantom, tmp_path / format, format)
    labels = liverseg.read_labels(truth, liverseg.read(path)).labels
    assert np.array_equal(labels, phantom.labels) and labels.dtype == np.uint8


def test_other_orders_and_directions_of_axes_are_turned_to_the_grid_of_the_ct(scan, tmp_path):
    ct, labels = scan
    image = nibabel.Nifti1Image(labels, CT_AFFINE)
    for k, codes in enumerate(("RAS", "PIR", "SLA")):
        turn = nibabel.orientations.axcodes2ornt(codes)
        own = nibabel.orientations.io_orientation(image.affine)
        turned = image.as_reoriented(nibabel.orientations.ornt_transform(own, turn))
        nibabel.save(turned, path := tmp_path / f"{k}.nii.gz")
        assert np.array_equal(liverseg.read_labels(path, ct).labels, radiological(labels))


def test_a_mask_of_one_slice_lies_on_its_slice_whatever_its_thickness(scan, tmp_path):
    ct, labels = scan
    affine = CT_AFFINE.copy()
    affine[:3, 3] += 3 * affine[:3, 2]
    affine[:3, 2] /= 5  # 1 mm, as is written where the thickness is not known
    for shape in ((64, 80, 1), (64, 80)):
        one = labels[:, :, 3].reshape(shape)
        nibabel.save(nibabel.Nifti1Image(one, affine), path := tmp_path / "one.nii.gz")
        found = liverseg.read_labels(path, ct).labels
        assert np.array_equal(found[3], radiological(labels)[3]) and not found[[0, 1, 2, 4, 5]].any()


def test_metaimage_by_itk(scan, tmp_path):
    ct, labels = scan
    image = SimpleITK.ReadImage(str(tmp_path / "ct.nii.gz"))
    mask = SimpleITK.GetImageFromArray(labels.transpose(2, 1, 0))
    mask.CopyInformation(image)
    SimpleITK.WriteImage(mask, str(tmp_path / "mask.mha"), True)
    seg = liverseg.read_labels(tmp_path / "mask.mha", ct)
    assert np.array_equal(seg.labels, radiological(labels)) and seg.labels_file.format == "metaimage"


def test_total_segmentator_names_its_labels(scan, tmp_path):
    ct, labels = scan
    values = np.where(labels == 1, 5, labels).astype(np.uint8)  # its label 2 is a kidney
    names = {2: "kidney_right", 5: "liver", 7: "pancreas"}
    seg = liverseg.read_labels(total_segmentator(tmp_path / "ts.nii.gz", values, names), ct)
    assert np.array_equal(seg.labels, radiological(labels == 1))
    assert (seg.labels_file.liver, seg.labels_file.tumour, seg.labels_file.left_out) == ((5,), (), 2)
    report = liverseg.measure(ct, seg)
    assert any("no label of tumours" in warning for warning in report.warnings)
    names = {1: "liver_vessels", 2: "liver_tumor", 5: "liver"}
    seg = liverseg.read_labels(total_segmentator(tmp_path / "t2.nii.gz", values, names), ct)
    assert np.array_equal(seg.labels, radiological(labels)) and seg.labels_file.tumour == (2,)


def test_slicer_segmentations_may_overlap_and_be_cropped(scan, tmp_path):
    ct, labels = scan
    part = (slice(5, 45), slice(10, 55), slice(1, 5))
    organ, tumour = ((labels > 0)[part], (labels == 2)[part])
    segments = [("Liver", 1, 0), ("Lesion 1", 1, 1), ("Spleen", 2, 0)]
    path = slicer_segmentation(tmp_path / "a.seg.nrrd", [organ, tumour], segments, start=(5, 10, 1))
    seg = liverseg.read_labels(path, ct)
    assert np.array_equal(seg.labels, radiological(labels)) and seg.labels_file.left_out == 1
    flat = slicer_segmentation(tmp_path / "b.seg.nrrd", [labels], [("Organ A", 1, 0), ("Herd", 2, 0)])
    with pytest.raises(UnreadableInput, match=r"None of the mask's names.*1 \(Organ A\), 2 \(Herd\).*--map"):
        liverseg.read_labels(flat, ct)
    seg = liverseg.read_labels(flat, ct, {"liver": "organ a", "tumour": 2})
    assert np.array_equal(seg.labels, radiological(labels))
    with pytest.raises(UnreadableInput, match="partly outside"):
        liverseg.read_labels(
            slicer_segmentation(
                tmp_path / "c.seg.nrrd", [labels[part]], [("Liver", 1, 0)], start=(40, 50, 4)
            ),
            ct,
        )


def test_unnamed_values_ask_for_a_map(scan, tmp_path):
    ct, labels = scan
    nibabel.save(nibabel.Nifti1Image(labels * 3, CT_AFFINE), path := tmp_path / "values.nii.gz")
    with pytest.raises(UnreadableInput, match=r"It has 3, 6\. Say which are which, as in --map liver=3"):
        liverseg.read_labels(path, ct)
    seg = liverseg.read_labels(path, ct, {"liver": 3, "tumour": (6,)})
    assert np.array_equal(seg.labels, radiological(labels))
    for wanted, why in (
        ({"liver": 4}, "no label '4'"),
        ({"liver": 3, "tumour": 3}, "as liver and as tumour"),
    ):
        with pytest.raises(InvalidSetting, match=why):
            liverseg.read_labels(path, ct, wanted)


def test_a_mask_on_another_grid_is_refused_with_a_reason(scan, tmp_path):
    ct, labels = scan

    def refusal(array: np.ndarray, shift_mm: float = 0.0, scale: float = 1.0) -> str:
        affine = CT_AFFINE.copy()
        affine[2, 3] += shift_mm
        affine[:3, 0] *= scale
        nibabel.save(nibabel.Nifti1Image(array, affine), path := tmp_path / "other.nii.gz")
        with pytest.raises(UnreadableInput) as refused:
            liverseg.read_labels(path, ct)
        return str(refused.value)

    assert "other positions" in refusal(labels, shift_mm=2.0)
    assert "resample it" in refusal(labels, scale=1.01)
    assert "partly outside" in refusal(labels, shift_mm=-10.0)
    assert "0.5; labels are whole numbers" in refusal(labels.astype(np.float32) / 2)
    assert "the value -1" in refusal(labels.astype(np.int16) - 1)
    image = nibabel.Nifti1Image(labels[:, :, :5], None)  # without a position
    nibabel.save(image, path := tmp_path / "assumed.nii")
    with pytest.raises(UnreadableInput, match="5 × 80 × 64 voxels and the scan 6 × 80 × 64"):
        liverseg.read_labels(path, ct)


def test_a_large_mask_may_compress_more_than_any_ct(tmp_path):
    ct_path = tmp_path / "ct.nii"
    affine = CT_AFFINE
    nibabel.save(
        nibabel.Nifti1Image(np.zeros((512, 512, 300), np.uint8), affine), ct_path.with_suffix(".nii.gz")
    )
    mask = read_mask(tmp_path / "ct.nii.gz")
    assert mask.labels == () and mask.frame().shape == (300, 512, 512)


def test_files_that_are_no_labels_are_refused(scan, tmp_path):
    ct, labels = scan
    colour = tmp_path / "colour.png"
    cv2.imwrite(str(colour), np.zeros((96, 96, 3), np.uint8))
    (tmp_path / "notes.nii.gz").write_bytes(b"notes")
    nibabel.save(nibabel.Nifti1Image(labels, CT_AFFINE), whole := tmp_path / "whole.nii.gz")
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:-40])
    for name, why in (
        ("colour.png", "grey PNG"), ("notes.nii.gz", "liverseg reads"), ("missing.png", "no file"),
        ("cut.nii.gz", "truncated"),
    ):  # fmt: skip
        with pytest.raises(LiversegError, match=why):
            liverseg.read_labels(tmp_path / name, ct)
