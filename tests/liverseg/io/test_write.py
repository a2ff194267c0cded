"""Files that another program reads back: the right grid, the right values, never half written."""

from __future__ import annotations

import csv
import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting, LiversegError
from liverseg.io.encoders import PNG_FULL_SCALE
from liverseg.io.write import write_results
from liverseg.rendering.slice_view import overview

WHO = CheckpointIdentity("a@1", "0" * 64, "bundled")


def result(shape, native, source_format, spacing=(4.0, 0.9, 0.7), **facts):
    """A lopsided scene, so that no flip or transpose goes unnoticed."""
    labels = np.zeros(shape, np.uint8)
    labels[-1, 10:40, 5:30] = 1
    labels[-1, 12:20, 8:13] = 2
    probability = np.linspace(0, 1, labels.size, dtype=np.float32).reshape(shape)
    hu = np.zeros(shape, np.float32)
    source = "unknown" if spacing is None else "header"
    kind = "volume" if shape[0] > 1 else "slice"
    ct = CTImage(hu, spacing, source, source_format, native, kind, **facts)
    seg = Segmentation(labels, probability, probability, 0.5, WHO, "torch")
    return ct, seg, measure(ct, seg)


def nifti_result(**facts):
    affine = np.array([[-0.7, 0, 0, 120], [0, 0.9, 0, -80], [0, 0, 4.0, -300], [0, 0, 0, 1.0]])
    return result(
        (3, 64, 80), NativeGrid((80, 64, 3), (2, 1, 0), (False, True, False), affine), "nifti", **facts
    )


def picture_result(flipped=(False, False, False), **facts):
    return result((1, 64, 80), NativeGrid((64, 80), (2, 0, 1), flipped), facts.pop("kind", "png"), **facts)


def test_a_nifti_volume_comes_back_on_its_own_grid_with_its_own_affine(tmp_path):
    ct, seg, report = nifti_result()
    names = {path.name for path in write_results(tmp_path, ct, seg, report)}
    assert names == {
        "report.json",
        "report.csv",
        "overview.png",
        "labels.nii.gz",
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


def test_a_flat_nifti_keeps_its_two_dimensions(tmp_path):
    affine = np.diag([-0.7, -0.9, 1, 1.0])
    ct, seg, report = result((1, 64, 80), NativeGrid((80, 64), (2, 1, 0), (False,) * 3, affine), "nifti")
    write_results(tmp_path, ct, seg, report, ("nifti", "png"))
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    assert labels.shape == (80, 64)
    np.testing.assert_array_equal(np.asarray(labels.dataobj).T, seg.labels[0])
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "labels.png"), -1), seg.labels[0])


@pytest.mark.parametrize("flipped", [(False, False, False), (False, True, True)])
@pytest.mark.parametrize("kind", ["png", "jpeg", "dicom"])
def test_a_picture_gets_pictures_of_its_own_rows_and_columns(tmp_path, flipped, kind):
    ct, seg, report = picture_result(flipped, kind=kind)
    names = {path.name for path in write_results(tmp_path, ct, seg, report)}
    assert names == {"report.json", "report.csv", "overview.png", "labels.png", "tumour_probability.png"}
    labels = cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint8 and labels.shape == (64, 80)
    np.testing.assert_array_equal(ct.native.to_radiological(labels), seg.labels)
    probability = cv2.imread(str(tmp_path / "tumour_probability.png"), cv2.IMREAD_UNCHANGED)
    assert probability.dtype == np.uint16
    back = ct.native.to_radiological(probability) / PNG_FULL_SCALE
    np.testing.assert_allclose(back, seg.tumour_probability, atol=1e-5)


def test_a_stack_of_one_flipped_slice_gets_a_picture_of_its_own_rows_and_columns(tmp_path):
    ct, seg, report = result((1, 64, 80), NativeGrid((1, 64, 80), (0, 1, 2), (False, True, False)), "dicom")
    write_results(tmp_path, ct, seg, report)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "labels.png"), -1), seg.labels[0, ::-1])


def test_a_dicom_volume_becomes_nifti_in_the_patient_s_orientation(tmp_path):
    ct, seg, report = result((4, 64, 80), NativeGrid((4, 64, 80), (0, 1, 2), (True, False, False)), "dicom")
    write_results(tmp_path, ct, seg, report)
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    assert labels.shape == (80, 64, 4)
    assert nibabel.aff2axcodes(labels.affine) == ("L", "P", "S")
    assert labels.header.get_zooms() == pytest.approx((0.7, 0.9, 4.0))
    assert not (tmp_path / "labels.png").exists()
    # Slice 0 is the lowest: the labelled last slice is the most superior one, whatever the file's order.
    np.testing.assert_array_equal(np.asarray(labels.dataobj).transpose(2, 1, 0), seg.labels)


def test_nifti_of_a_picture_without_spacing_claims_no_millimetres(tmp_path):
    ct, seg, report = picture_result(spacing=None)
    write_results(tmp_path, ct, seg, report, ["nifti"])
    header = nibabel.load(tmp_path / "labels.nii.gz").header
    assert header.get_xyzt_units()[0] == "unknown" and header.get_zooms() == (1, 1, 1)


def test_the_overview_is_the_rendered_one_in_the_picture_s_own_window(tmp_path):
    ct, seg, report = picture_result(assumed_window=Window(60, 200))
    write_results(tmp_path, ct, seg, report)
    drawn = cv2.imread(str(tmp_path / "overview.png"))[..., ::-1]
    np.testing.assert_array_equal(drawn, overview(ct, seg, 0, Window(60, 200)))
    write_results(tmp_path, ct, seg, report, window=Window(0, 100))
    other = cv2.imread(str(tmp_path / "overview.png"))[..., ::-1]
    np.testing.assert_array_equal(other, overview(ct, seg, 0, Window(0, 100)))


def test_report_files_are_the_report(tmp_path):
    ct, seg, report = nifti_result()
    write_results(tmp_path, ct, seg, report, ["csv", "json"])
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == json.loads(report.to_json())
    with open(tmp_path / "report.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(report.lesions) == 1
    assert set(os.listdir(tmp_path)) == {"report.json", "report.csv", "overview.png"}


def test_the_same_result_is_the_same_bytes(tmp_path):
    ct, seg, report = nifti_result()
    first = {path.name: path.read_bytes() for path in write_results(tmp_path / "a", ct, seg, report)}
    second = {path.name: path.read_bytes() for path in write_results(tmp_path / "b" / "c", ct, seg, report)}
    assert first == second


def test_an_unwritable_folder_is_one_clear_sentence(tmp_path):
    ct, seg, report = picture_result()
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(
        LiversegError, match=r"^The results cannot be written to the output folder: .*\.$"
    ) as told:
        write_results(tmp_path / "taken", ct, seg, report)
    assert "taken" not in str(told.value)
    with pytest.raises(LiversegError, match="output folder"):
        write_results(tmp_path / "taken" / "below", ct, seg, report)


def test_a_full_disc_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    ct, seg, report = picture_result()
    write_results(tmp_path, ct, seg, report)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def half_written(path: Path, content: bytes) -> int:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half_written)
    empty = seg.at_threshold(1.0)
    with pytest.raises(LiversegError, match="no space left"):
        write_results(tmp_path, ct, empty, replace(report, lesions=()))
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}


def test_unknown_formats_and_slices_are_refused_before_anything_is_written(tmp_path):
    ct, seg, report = picture_result()
    with pytest.raises(InvalidSetting, match="'tiff'.*png, nifti, seg, rtstruct, csv, json, pdf, glb"):
        write_results(tmp_path / "x", ct, seg, report, ["png", "tiff"])
    with pytest.raises(InvalidSetting):
        write_results(tmp_path / "x", ct, seg, report, slice_index=5)
    assert not (tmp_path / "x").exists()


def test_files_have_the_permissions_of_any_new_file(tmp_path):
    ct, seg, report = picture_result()
    (tmp_path / "plain").write_text("")
    usual = (tmp_path / "plain").stat().st_mode
    assert {path.stat().st_mode for path in write_results(tmp_path, ct, seg, report)} == {usual}
