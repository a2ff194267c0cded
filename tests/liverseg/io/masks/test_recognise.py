"""Masks are told from scans, and two masks without their scan share a grid."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from liverseg.errors import LiversegError
from liverseg.io.masks.frame import common_frame
from liverseg.io.masks.read import labels_on, read_mask
from liverseg.io.masks.recognise import is_mask
from liverseg.phantom import write
from tests.liverseg.io.masks.mask_files import CT_AFFINE, radiological, scan_and_labels, slicer_segmentation
from tests.phantoms import make


@pytest.mark.parametrize("format", ["png", "nifti", "dicom"])
def test_a_scan_is_no_mask_and_its_truth_is_one(format, tmp_path):
    path, truth = write(make("slice", seed=14, size=128), tmp_path, format)
    assert not is_mask(path) and is_mask(truth)
    assert not is_mask(tmp_path) and not is_mask(tmp_path / "missing.nii.gz")


def test_many_labels_are_a_mask_and_8_bit_grey_is_none(tmp_path):
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 118, (8, 8, 3)).repeat(10, 0).repeat(10, 1).repeat(2, 2).astype(np.uint8)
    grey = np.clip(make("slice", seed=14, size=128).hu[0], 0, 255).astype(np.uint8)[..., None]
    for name, array in (("blocks", blocks), ("grey", grey), ("empty", 0 * grey)):
        nibabel.save(nibabel.Nifti1Image(array, CT_AFFINE), tmp_path / f"{name}.nii.gz")
    assert [is_mask(tmp_path / f"{name}.nii.gz") for name in ("blocks", "grey", "empty")] == [
        True,
        False,
        True,
    ]


def test_cropped_masks_share_a_grid_that_holds_both(tmp_path):
    _, labels = scan_and_labels(tmp_path)
    whole = slicer_segmentation(tmp_path / "a.seg.nrrd", [labels], [("Liver", 1, 0), ("Tumour", 2, 0)])
    low, high = (slice(5, 30), slice(10, 55), slice(1, 4)), (slice(25, 64), slice(0, 80), slice(2, 6))
    masks = [
        read_mask(slicer_segmentation(
            tmp_path / f"{k}.seg.nrrd", [labels[part]], [("Liver", 1, 0), ("Tumour", 2, 0)],
            start=tuple(side.start for side in part),
        ))
        for k, part in enumerate((low, high))
    ]  # fmt: skip
    frame = common_frame(*masks)
    assert frame.shape == (5, 80, 59) and frame.spacing_mm == pytest.approx((5, 0.9, 0.8))
    found = [labels_on(mask, frame).labels for mask in masks]
    covered = np.zeros_like(labels)
    for part in (low, high):
        covered[part] = labels[part]
    assert np.array_equal(np.maximum(*found), radiological(covered)[1:, :, 5:])
    other = CT_AFFINE.copy()
    other[0, 3] += 0.3
    nibabel.save(nibabel.Nifti1Image(labels, other), tmp_path / "other.nii.gz")
    with pytest.raises(LiversegError, match="The reference lies on another grid than the result"):
        common_frame(read_mask(whole), read_mask(tmp_path / "other.nii.gz"))
