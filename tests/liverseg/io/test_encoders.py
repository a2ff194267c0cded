"""PNG files of labels and probabilities overlay the input."""

from __future__ import annotations

import json

import cv2
import nibabel
import numpy as np
import pytest

from liverseg.analysis.measure import measure
from liverseg.core.image import NativeGrid
from liverseg.io.encoders import PNG_FULL_SCALE
from liverseg.io.write import ResultView, write_results
from tests.liverseg.io.results import nifti_result, picture_result, result
from tests.liverseg.lesion_scenes import all_labels, decided


@pytest.mark.parametrize("flipped", [(False, False, False), (False, True, True)])
@pytest.mark.parametrize("kind", ["png", "jpeg", "dicom"])
def test_pictures_overlay_the_rows_and_columns_of_the_input(tmp_path, flipped, kind):
    ct, seg, report = picture_result(flipped, kind=kind)
    names = {path.name for path in write_results(tmp_path, ct, seg, report)}
    grids = {"labels.png", "lesions.png", "tumour_probability.png"}
    assert names == {"report.json", "report.csv", "overview.png"} | grids
    labels = cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint8 and labels.shape == (64, 80)
    np.testing.assert_array_equal(ct.native.to_radiological(labels), seg.labels)
    probability = cv2.imread(str(tmp_path / "tumour_probability.png"), cv2.IMREAD_UNCHANGED)
    assert probability.dtype == np.uint16
    back = ct.native.to_radiological(probability) / PNG_FULL_SCALE
    np.testing.assert_allclose(back, seg.tumour_probability, atol=1e-5)
    numbers = cv2.imread(str(tmp_path / "lesions.png"), cv2.IMREAD_UNCHANGED)
    assert numbers.dtype == np.uint16
    np.testing.assert_array_equal(ct.native.to_radiological(numbers), seg.labels == 2)


def test_pictures_overlay_a_flipped_stack_of_one_slice(tmp_path):
    ct, seg, report = result((1, 64, 80), NativeGrid((1, 64, 80), (0, 1, 2), (False, True, False)), "dicom")
    write_results(tmp_path, ct, seg, report)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "labels.png"), -1), seg.labels[0, ::-1])


def test_png_of_a_volume_shows_the_selected_slice(tmp_path):
    ct, seg, report = nifti_result()
    write_results(tmp_path, ct, seg, report, ["png"], ResultView(slice_index=2))
    assert seg.labels[2].any()
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "labels.png"), -1), seg.labels[2])
    written = {path.name for path in write_results(tmp_path / "none", ct, seg, report, ["nifti", "png"])}
    assert "labels.png" not in written and "labels.nii.gz" in written


def test_lesion_numbers_hold_unsure_lesions_which_are_liver_in_the_labels(tmp_path):
    ct, seg = decided()
    report = measure(ct, seg)
    write_results(tmp_path, ct, seg, report, ["nifti", "png"], ResultView(slice_index=1))
    numbers, labels = (
        np.asarray(nibabel.load(tmp_path / f"{name}.nii.gz").dataobj).transpose(2, 1, 0)
        for name in ("lesions", "labels")
    )
    expected = np.where(all_labels() == 2, 1, 0)
    expected[1, 30:33, 20:23] = 2
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(labels == 2, expected == 1)
    assert numbers.dtype == np.uint16 and (labels[expected == 2] == 1).all()
    assert [lesion.count for lesion in report.lesions] == [(numbers == k).sum() for k in (1, 2)]
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "lesions.png"), -1), expected[1])


def test_rejected_lesions_are_liver_in_the_labels_and_keep_their_numbers(tmp_path):
    ct, seg = decided()
    edited = seg.with_rejected([1])
    write_results(tmp_path, ct, edited, measure(ct, edited), ["nifti", "glb", "csv"])
    labels, numbers = (nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("labels", "lesions"))
    assert set(np.unique(labels.dataobj)) == {0, 1} and set(np.unique(numbers.dataobj)) == {0, 1, 2}
    assert bytes(labels.header["descrip"]).startswith(b"liverseg (edited): 0 background")
    mesh = (tmp_path / "mesh.glb").read_bytes()
    assert b'"note":"edited by the user: 1 lesion rejected"' in mesh and b'"Tumour"' not in mesh
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["edited"]["rejected"] == [1] and "rejected" in (tmp_path / "report.csv").read_text()
