"""Elements read from DICOM headers, and datasets refused because they are not CT."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import LiversegError, NotCT
from liverseg.io.dicom.dataset import open_dataset


@pytest.mark.parametrize(
    "tags, sentence",
    [
        ({"Modality": "MR"}, "This is an MR image; liverseg reads CT."),
        ({"Modality": "PT"}, "PET"),
        ({"Modality": "Secret^Name"}, "not a CT image"),
        ({"Modality": None, "SOPClassUID": "1.2.3"}, "no modality"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "OT"}, "unspecified"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": None}, "secondary capture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "SamplesPerPixel": 3}, "colour"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "an MR image"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4.1"}, "an MR image"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"}, "a PET image"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "an ultrasound image"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4"}, "a photograph"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.999"}, "not a CT image"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"SamplesPerPixel": 3}, "colour"),
        ({"RescaleType": "Z_EFF"}, "density"),
    ],
)
def test_what_is_not_ct_is_refused(tags, sentence, synthetic_hu, dicom_file):
    with pytest.raises(NotCT, match=sentence) as refusal:
        liverseg.read(dicom_file(synthetic_hu(), **tags))
    assert "Secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "tags",
    [
        {"PixelData": None},
        {"Rows": None},
        {"NumberOfFrames": 2},
        {"BitsAllocated": 12},
        {"BitsStored": 0},
        {"HighBit": 40},
        {"Rows": 200},
    ],
)
def test_broken_headers_are_refused(tags, synthetic_hu, dicom_file):
    with pytest.raises(LiversegError) as refusal:
        liverseg.read(dicom_file(synthetic_hu(), bits_stored=12, **tags))
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
@pytest.mark.parametrize("keep_meta", [True, False])
def test_a_file_without_preamble_is_read(keep_meta, syntax, synthetic_hu, dicom_file):
    path = dicom_file(synthetic_hu(), syntax)
    raw = path.read_bytes()
    meta_length = int.from_bytes(raw[140:144], "little")
    path.write_bytes(raw[132:] if keep_meta else raw[144 + meta_length :])
    np.testing.assert_array_equal(liverseg.read(path).hu[0], synthetic_hu())


def test_a_ct_class_without_modality_is_ct(synthetic_hu, dicom_file):
    assert liverseg.read(dicom_file(synthetic_hu(), Modality=None)).shape == (1, 80, 96)


def test_missing_pixel_attributes_get_defaults(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    stored = (hu.astype(np.int32) + 32768).astype(np.uint16)
    missing = {"PixelRepresentation": None, "BitsStored": None, "HighBit": None}
    for absent in (missing, {"PixelRepresentation": None}, {"BitsStored": None}):
        ct = liverseg.read(dicom_file(stored, RescaleIntercept="-32768", **absent))
        np.testing.assert_array_equal(ct.hu[0], hu)
    absent = {"SamplesPerPixel": None, "PhotometricInterpretation": None}
    np.testing.assert_array_equal(liverseg.read(dicom_file(hu, **absent)).hu[0], hu)


@pytest.mark.parametrize("rescale_type", [None, "HU", "US", ""])
def test_any_rescale_type_but_a_map_is_accepted(rescale_type, synthetic_hu, dicom_file):
    tags = {} if rescale_type is None else {"RescaleType": rescale_type}
    stored = (synthetic_hu() + 1024).astype(np.uint16)
    ct = liverseg.read(dicom_file(stored, bits_stored=12, RescaleIntercept="-1024", **tags))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())


@pytest.mark.parametrize(
    "charset", ["ISO_IR 100", "ISO_IR 192", "GB18030", ["", "ISO 2022 IR 87"], "ISO_IR 999", "nonsense"]
)
def test_any_character_set_is_accepted(charset, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path):
    known = {"SpecificCharacterSet": "ISO_IR 192", "ConvolutionKernel": "B30f"}
    content = dicom_bytes(dicom_dataset(synthetic_hu(), SeriesDescription="肝臓 Müller", **known))
    dataset = pydicom.dcmread(io.BytesIO(content))  # keeps the encoded text
    dataset.add_new(0x00080005, "CS", charset)
    (tmp_path / "a").write_bytes(dicom_bytes(dataset))
    assert liverseg.read(tmp_path / "a").shape == (1, 80, 96)
    assert liverseg.list_series(tmp_path / "a")[0].kernel == "B30f"


@pytest.mark.parametrize(
    "written, expected",
    [
        (b"0,8\\0,7 ", (0.8, 0.7)),
        (b"0.8,0.7 ", (0.8, 0.7)),
        (b" 0.8\\ 0.7", (0.8, 0.7)),
        (b"8.0E-1\\+0.7 ", (0.8, 0.7)),
        (b"0.80000000000000004\\0.7 ", (0.8, 0.7)),
        (b"0.8 ", None),
        (b"0.8mm\\0.7", None),
        (b"\\ ", None),
    ],
)
def test_pixel_spacing_in_the_spellings_of_writers(
    written, expected, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path
):
    marker = b"0.111111\\0.222222 "
    content = dicom_bytes(dicom_dataset(synthetic_hu(), PixelSpacing=["0.111111", "0.222222"]))
    start = content.index(marker[:-1]) - 2
    length = int.from_bytes(content[start : start + 2], "little")
    written += b" " * (len(written) % 2)
    changed = content[:start] + len(written).to_bytes(2, "little") + written + content[start + 2 + length :]
    (tmp_path / "a").write_bytes(changed)
    ct = liverseg.read(tmp_path / "a")
    assert (ct.spacing_mm and ct.spacing_mm[1:]) == expected
    assert any("PixelSpacing" in w for w in ct.warnings) == (expected is None)


def test_no_element_that_identifies_the_patient_is_read(synthetic_hu, dicom_file):
    path = dicom_file(synthetic_hu(), PatientID="Secret", InstitutionName="Secret", StudyDescription="Secret")
    assert "Secret" in str(pydicom.dcmread(path))
    assert "Secret" not in str(open_dataset(path.read_bytes()))


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7"])
@pytest.mark.parametrize("modality", ["ct", "Ct", " CT "])
def test_the_modality_may_be_in_small_letters(modality, sop_class, synthetic_hu, dicom_file):
    tags = {"Modality": modality, "SOPClassUID": sop_class, "PhotometricInterpretation": "Monochrome2"}
    np.testing.assert_array_equal(liverseg.read(dicom_file(synthetic_hu(), **tags)).hu[0], synthetic_hu())


def test_another_modality_in_small_letters_is_named(synthetic_hu, dicom_file):
    with pytest.raises(NotCT, match="an MR image"):
        liverseg.read(dicom_file(synthetic_hu(), Modality="mr"))
