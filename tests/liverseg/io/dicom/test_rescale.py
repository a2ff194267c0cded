"""Slope and intercept from stored values to HU."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import UnreadableInput


@pytest.mark.parametrize("slope, intercept", [("0.5", "-1024"), ("2.059", "-32754"), ("1e-1", "0.25")])
def test_the_rescale_is_applied_in_floating_point(slope, intercept, dicom_file):
    stored = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) + 15000
    hu = liverseg.read(dicom_file(stored, RescaleSlope=slope, RescaleIntercept=intercept)).hu[0]
    expected = stored * float(slope) + float(intercept)
    expected[expected < -1500] = -1024
    np.testing.assert_allclose(hu, expected, atol=0.01)


def test_a_missing_rescale_gives_a_warning(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    ct = liverseg.read(dicom_file(hu, RescaleSlope=None, RescaleIntercept=None))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert any("rescale" in sentence for sentence in ct.warnings)


def test_a_missing_slope_is_1_and_a_missing_intercept_0(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    ct = liverseg.read(dicom_file((hu + 1024).astype(np.uint16), RescaleSlope=None, RescaleIntercept="-1024"))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.warnings == ()
    ct = liverseg.read(dicom_file((hu // 2).astype(np.int16), RescaleSlope="2", RescaleIntercept=None))
    np.testing.assert_array_equal(ct.hu[0], hu // 2 * 2)
    assert any("no intercept" in sentence for sentence in ct.warnings)


def test_a_rescale_slope_of_zero_is_refused(synthetic_hu, dicom_file):
    with pytest.raises(UnreadableInput, match="rescale"):
        liverseg.read(dicom_file(synthetic_hu(), RescaleSlope="0"))


def test_32_bit_values_keep_their_precision(synthetic_hu, dicom_file):
    stored = synthetic_hu().astype(np.int32) * 100_000
    ct = liverseg.read(dicom_file(stored, RescaleSlope="0.00001"))
    np.testing.assert_allclose(ct.hu[0], synthetic_hu(), atol=1e-3)


def test_private_scaling_elements_are_not_applied(synthetic_hu, dicom_dataset, dicom_bytes, tmp_path):
    dataset = dicom_dataset((synthetic_hu() + 1024).astype(np.uint16), RescaleIntercept="-1024")
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", 3.7)
    block.add_new(0x0D, "FL", 100.0)
    (tmp_path / "a").write_bytes(dicom_bytes(dataset))
    np.testing.assert_array_equal(liverseg.read(tmp_path / "a").hu[0], synthetic_hu())


def offset_series(series):
    """A series stored with an offset of 1024; returns the folder, the paths and the HU."""
    folder, paths = series((0, 5, 10, 15, 20))
    volume = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        hu = dataset.pixel_array * float(dataset.RescaleSlope)
        dataset.PixelData = (hu + 1024).astype(np.uint16).tobytes()
        dataset.PixelRepresentation = 0
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
        dataset.save_as(path)
        volume.append(hu)
    return folder, paths, np.stack(volume)


def change_one(path, **elements):
    dataset = pydicom.dcmread(path)
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


@pytest.mark.parametrize("which", [[2], [0], [1, 2], [4]])
def test_slices_without_rescale_get_that_of_the_others(which, series):
    folder, paths, volume = offset_series(series)
    for k in which:
        change_one(paths[k], RescaleSlope=None, RescaleIntercept=None)
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, volume)
    assert [f"Slice {k + 1} of 5 has no rescale" in w for k, w in zip(which, ct.warnings, strict=True)]


def test_a_slice_without_rescale_that_stores_hu_is_taken_as_hu(series):
    folder, paths, volume = offset_series(series)
    signed = {"PixelData": volume[2].astype(np.int16).tobytes(), "PixelRepresentation": 1}
    change_one(paths[2], RescaleSlope=None, RescaleIntercept=None, **signed)
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, volume)
    (warning,) = ct.warnings
    assert "Slice 3 of 5 has no rescale" in warning and "taken as HU" in warning


def test_a_slice_without_rescale_among_slices_of_several_is_refused(series):
    folder, paths = series((0, 5, 10, 15))  # with slopes of 1 and 0.5
    change_one(paths[1], RescaleSlope=None, RescaleIntercept=None)
    with pytest.raises(UnreadableInput, match="1 of the 4 DICOM slices have no rescale"):
        liverseg.read(folder)


@pytest.mark.parametrize("intercept, where", [("0", "above"), ("-1400", "below")])
def test_a_slice_of_another_intercept_gives_a_warning(intercept, where, series):
    folder, paths, _ = offset_series(series)
    change_one(paths[3], RescaleIntercept=intercept)
    assert ["slice 4 of 5" in w and where in w for w in liverseg.read(folder).warnings] == [True]
