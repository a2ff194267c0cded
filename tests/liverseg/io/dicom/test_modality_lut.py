"""The Modality LUT as a table, against its definition and against pydicom."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut

import liverseg
from liverseg.errors import NotCT, UnreadableInput
from tests.liverseg.io.conftest import item

OFFSET = 1024


def table(entries, first=0, bits=16, unit="HU", **changed):
    """A Modality LUT Sequence of one item; `entries` are integers."""
    entries = np.asarray(entries)
    data = entries.astype(np.uint8 if bits <= 8 else np.uint16).tobytes()
    elements = {"LUTDescriptor": [len(entries) % 65536, first, bits], "ModalityLUTType": unit} | changed
    lut = item(**elements)
    lut.add_new(0x00283006, "OW", data + b"\0" * (len(data) % 2))
    return [lut]


def without_rescale(**elements):
    return {"RescaleSlope": None, "RescaleIntercept": None} | elements


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
@pytest.mark.parametrize("count", [4096, 65536])
def test_negative_hu_are_twos_complement(count, syntax, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    lut = table((np.arange(count) - OFFSET) & 0xFFFF)
    stored = (hu + OFFSET).astype(np.uint16)
    ct = liverseg.read(dicom_file(stored, syntax, **without_rescale(ModalityLUTSequence=lut)))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.warnings == () and ct.assumed_window is None


def test_a_table_that_is_not_a_line_is_applied_as_pydicom_applies_it(synthetic_hu, dicom_file):
    stored = (synthetic_hu() + OFFSET).astype(np.uint16)
    entries = np.sort(np.random.default_rng(0).integers(0, 3000, 900))
    path = dicom_file(stored, **without_rescale(ModalityLUTSequence=table(entries, first=500)))
    expected = apply_modality_lut(stored, pydicom.dcmread(path))
    assert stored.min() < 500 and stored.max() > 1400  # both ends are clipped
    np.testing.assert_array_equal(liverseg.read(path).hu[0], expected)


def test_the_first_entry_of_a_signed_image_may_be_negative(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    lut = table((np.arange(4096) - OFFSET) & 0xFFFF)
    lut[0].add_new(0x00283002, "SS", [4096, -OFFSET, 16])
    ct = liverseg.read(dicom_file(hu, **without_rescale(ModalityLUTSequence=lut)))
    np.testing.assert_array_equal(ct.hu[0], hu)


def test_entries_of_8_bits(synthetic_hu, dicom_file):
    stored = np.clip((synthetic_hu() + OFFSET) // 8, 0, 255).astype(np.uint8)
    lut = table(np.arange(256), bits=8)
    ct = liverseg.read(dicom_file(stored, **without_rescale(ModalityLUTSequence=lut)))
    np.testing.assert_array_equal(ct.hu[0], stored)


def test_a_table_beside_a_rescale_is_used_with_a_warning(synthetic_hu, dicom_file):
    lut = table((np.arange(4096) - OFFSET) & 0xFFFF)
    stored = (synthetic_hu() + OFFSET).astype(np.uint16)
    ct = liverseg.read(dicom_file(stored, RescaleIntercept="-1000", ModalityLUTSequence=lut))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert ["both a Modality LUT and a rescale" in w for w in ct.warnings] == [True]


def test_a_table_of_another_unit_is_refused_or_gives_a_warning(synthetic_hu, dicom_file):
    stored = (synthetic_hu() + OFFSET).astype(np.uint16)
    with pytest.raises(NotCT, match="not HU"):
        liverseg.read(dicom_file(stored, ModalityLUTSequence=table(np.arange(4096), unit="MGML")))
    entries = (np.arange(4096) - OFFSET) & 0xFFFF
    ct = liverseg.read(dicom_file(stored, **without_rescale(ModalityLUTSequence=table(entries, unit="US"))))
    assert any("does not say that its values are HU" in w for w in ct.warnings)


@pytest.mark.parametrize("descriptor", [[4096, 0], [5000, 0, 16], [4096, 0, 0], [4096, 0, 17]])
def test_a_damaged_table_is_refused(descriptor, synthetic_hu, dicom_file):
    lut = table(np.arange(4096), LUTDescriptor=descriptor)
    stored = (synthetic_hu() + OFFSET).astype(np.uint16)
    with pytest.raises(UnreadableInput, match="Modality LUT is not a usable table"):
        liverseg.read(dicom_file(stored, **without_rescale(ModalityLUTSequence=lut)))
