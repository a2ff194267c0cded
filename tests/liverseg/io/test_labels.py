"""Reading the truth of a CT: formats, orientation, values and grid."""

from __future__ import annotations

import cv2
import nibabel
import numpy as np
import pytest

import liverseg
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.labels import read_labels
from liverseg.phantom import write
from tests.phantoms import make


@pytest.fixture(scope="module")
def volume():
    return make("volume", seed=3, size=96, slices=5)


@pytest.mark.parametrize("format", ["nifti", "dicom"])
def test_the_truth_of_a_phantom_is_that_of_the_generator(volume, format, tmp_path):
    *paths, truth = write(volume, tmp_path / format, format)
    ct = liverseg.read(paths[0] if format == "nifti" else paths)
    assert np.array_equal(read_labels(truth, ct), volume.labels)


@pytest.mark.parametrize("format", ["png", "dicom"])
def test_the_truth_of_a_slice_is_a_png(format, tmp_path):
    phantom = make("slice", seed=14, size=128)
    path, truth = write(phantom, tmp_path / format, format)
    labels = read_labels(truth, liverseg.read(path))
    assert np.array_equal(labels, phantom.labels) and labels.dtype == np.uint8


def test_a_truth_in_another_orientation_is_turned_to_the_grid_of_the_ct(volume, tmp_path):
    path, truth = write(volume, tmp_path, "nifti")
    image = nibabel.as_closest_canonical(nibabel.load(truth))
    nibabel.save(image, tmp_path / "turned.nii.gz")
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.array_equal(read_labels(tmp_path / "turned.nii.gz", liverseg.read(path)), volume.labels)


def test_a_truth_that_does_not_fit_is_refused_with_a_reason(volume, tmp_path):
    path, truth = write(volume, tmp_path, "nifti")
    ct, image = liverseg.read(path), nibabel.load(truth)
    voxels = np.asarray(image.dataobj)

    def refusal(name: str, array: np.ndarray, shift_mm: float = 0.0) -> str:
        affine = image.affine.copy()
        affine[2, 3] += shift_mm
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / name)
        with pytest.raises(UnreadableInput) as refused:
            read_labels(tmp_path / name, ct)
        return str(refused.value)

    assert "4 × 96 × 96" in refusal("short.nii.gz", voxels[:, :, :4])
    assert "another grid" in refusal("shifted.nii.gz", voxels, shift_mm=2.0)
    assert "the value 3" in refusal("values.nii.gz", np.where(voxels == 2, 3, voxels).astype(np.uint8))


def test_files_that_are_no_labels_are_refused(volume, tmp_path):
    ct = liverseg.read(write(volume, tmp_path, "nifti")[0])
    colour = tmp_path / "colour.png"
    cv2.imwrite(str(colour), np.zeros((96, 96, 3), np.uint8))
    (tmp_path / "notes.nii.gz").write_bytes(b"notes")
    for path, why in (
        (colour, "grey PNG"),
        (tmp_path / "notes.nii.gz", "liverseg reads"),
        (tmp_path / "missing.png", "missing"),
    ):
        with pytest.raises(LiversegError, match=why):
            read_labels(path, ct)
