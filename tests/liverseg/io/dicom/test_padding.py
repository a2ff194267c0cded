"""Padding outside the field of view: declared, undeclared, and stored with the wrong sign."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg


@pytest.mark.parametrize("padding", [-2000, 63536])
def test_padding_becomes_air(padding, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path):
    hu = synthetic_hu()
    stored = hu.copy()
    stored[:5] = -2000
    dataset = dicom_dataset(stored)
    dataset.add_new(0x00280120, "SS" if padding < 0 else "US", padding)
    (tmp_path / "a").write_bytes(dicom_bytes(dataset))
    read = liverseg.read(tmp_path / "a").hu[0]
    assert (read[:5] == -1024).all()
    np.testing.assert_array_equal(read[5:], hu[5:])


def test_undeclared_padding_below_air_becomes_air_and_noise_in_air_stays(dicom_file, synthetic_hu):
    stored = synthetic_hu()
    stored[0], stored[1] = -2000, -1100
    hu = liverseg.read(dicom_file(stored)).hu[0]
    assert (hu[0] == -1024).all() and (hu[1] == -1100).all()


def test_a_padding_range_becomes_air(synthetic_hu, dicom_file):
    stored = (synthetic_hu() + 1024).astype(np.uint16)
    stored[:4], stored[4:8] = 3000, 3010
    path = dicom_file(stored, PixelPaddingValue=3000, PixelPaddingRangeLimit=3010, RescaleIntercept="-1024")
    assert (liverseg.read(path).hu[0, :8] == -1024).all()


def test_padding_outside_the_round_field_of_view_becomes_air(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    rows, columns = np.mgrid[:80, :96]
    outside = (rows - 39.5) ** 2 + (columns - 47.5) ** 2 > 45**2
    stored = (hu + 1024).astype(np.int16)
    stored[outside] = -2000
    ct = liverseg.read(
        dicom_file(stored, RescaleIntercept="-1024", PixelPaddingValue=-2000, RescaleType="HU")
    )
    assert (ct.hu[0][outside] == -1024).all()
    np.testing.assert_array_equal(ct.hu[0][~outside], hu[~outside])


@pytest.mark.parametrize("declared", [0, 40])
def test_padding_with_a_tissue_value_becomes_air_in_corners_only(declared, synthetic_hu, dicom_file):
    stored = synthetic_hu()
    stored[30:50, 40:60] = declared  # tissue of the same value
    corner = np.add.outer(np.arange(80), np.arange(96)) < 20
    stored[corner] = declared
    hu = liverseg.read(dicom_file(stored, PixelPaddingValue=declared)).hu[0]
    assert (hu[corner] == -1024).all()
    np.testing.assert_array_equal(hu[~corner], stored[~corner])


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("padding", [63536, 63536 - 24, 32768])
def test_negative_padding_of_an_unsigned_image_becomes_air(padding, declared, bits, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    stored = (hu + 1024).astype(np.uint16)
    outside = np.hypot(*(np.mgrid[:80, :96] - np.array([[[39.5]], [[47.5]]]))) > 46
    stored[outside] = padding
    tags = {"PixelPaddingValue": padding} if declared else {}
    ct = liverseg.read(dicom_file(stored, bits_stored=bits, RescaleIntercept="-1024", **tags))
    assert (ct.hu[0][outside] == -1024).all()
    np.testing.assert_array_equal(ct.hu[0][~outside], hu[~outside])


def test_a_signed_image_that_is_declared_unsigned_is_read_as_signed(synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), PixelRepresentation=0))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert ["31,743" in w and "negative" in w for w in ct.warnings] == [True]


def test_values_that_no_ct_has_give_a_warning(synthetic_hu, dicom_file):
    stored = synthetic_hu().astype(np.int32)
    stored[0, 0] = 70_000
    assert any("up to 70,000" in w for w in liverseg.read(dicom_file(stored)).warnings)
