"""Stored values to HU: every transfer syntax, bit depth, sign, padding and photometric interpretation."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg
from liverseg.core.window import Window, to_grey
from liverseg.errors import LiversegError, UnreadableInput

LOSSLESS = {
    "implicit little endian": "1.2.840.10008.1.2",
    "explicit little endian": "1.2.840.10008.1.2.1",
    "explicit big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG lossless": "1.2.840.10008.1.2.4.57",
    "JPEG lossless SV1": "1.2.840.10008.1.2.4.70",
    "JPEG-LS lossless": "1.2.840.10008.1.2.4.80",
    "JPEG 2000 lossless": "1.2.840.10008.1.2.4.90",
}


LOSSY = {  # name: (syntax, largest error in HU)
    "JPEG extended, 12 bits": ("1.2.840.10008.1.2.4.51", 2),
    "JPEG-LS near-lossless": ("1.2.840.10008.1.2.4.81", 2),
    "JPEG 2000": ("1.2.840.10008.1.2.4.91", 40),
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", LOSSLESS.values(), ids=LOSSLESS)
def test_lossless_syntaxes_give_exact_hu(syntax, signed, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    offset = 0 if signed else 1024
    stored = (hu + offset).astype(np.int16 if signed else np.uint16)
    ct = liverseg.read(dicom_file(stored, syntax, bits_stored=12, RescaleIntercept=str(-offset)))
    assert ct.hu.dtype == np.float32
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.source_format == "dicom" and ct.assumed_window is None and ct.warnings == ()


@pytest.mark.parametrize("syntax", LOSSLESS.values(), ids=LOSSLESS)
def test_lossless_syntaxes_with_16_bits_give_exact_hu(syntax, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    stored = (hu.astype(np.int32) + 32768).astype(np.uint16)
    ct = liverseg.read(dicom_file(stored, syntax, RescaleIntercept="-32768"))
    np.testing.assert_array_equal(ct.hu[0], hu)


@pytest.mark.parametrize("syntax, error", LOSSY.values(), ids=LOSSY)
def test_lossy_syntaxes_give_approximate_hu_and_a_warning(syntax, error, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    ct = liverseg.read(dicom_file((hu + 1024).astype(np.uint16), syntax, 12, RescaleIntercept="-1024"))
    difference = np.abs(ct.hu[0] - hu)
    assert 0 < difference.max() <= error
    assert any("loss" in sentence for sentence in ct.warnings)


def test_jpeg_baseline_with_a_rescale_is_hu(synthetic_hu, dicom_file):
    stored = np.clip((synthetic_hu() + 1024) // 8, 0, 255).astype(np.uint8)
    ct = liverseg.read(
        dicom_file(stored, "1.2.840.10008.1.2.4.50", RescaleSlope="8", RescaleIntercept="-1024")
    )
    assert np.abs(ct.hu[0] - (stored * 8.0 - 1024)).max() <= 16
    assert ct.assumed_window is None


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shift", [0, 3])
def test_bits_that_are_not_stored_are_dropped(signed, shift, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    raw = (hu + (0 if signed else 1024)).astype(np.int32) & 0xFFF
    noise = np.random.default_rng(1).integers(0, 2**16, hu.shape)
    word = (raw << shift) | (noise & ~(0xFFF << shift) & 0xFFFF)
    stored = word.astype(np.uint16).view(np.int16 if signed else np.uint16)
    path = dicom_file(stored, bits_stored=12, HighBit=11 + shift, RescaleIntercept="0" if signed else "-1024")
    np.testing.assert_array_equal(liverseg.read(path).hu[0], hu)


def test_signed_values_without_sign_bits_in_jpeg_lossless(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    unsigned = (hu.astype(np.int32) & 0xFFF).astype(np.uint16)
    path = dicom_file(unsigned, LOSSLESS["JPEG lossless SV1"], bits_stored=12, PixelRepresentation=1)
    np.testing.assert_array_equal(liverseg.read(path).hu[0], hu)


def test_monochrome1_with_a_rescale_is_not_inverted(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    ct = liverseg.read(dicom_file(hu, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.warnings == ()


@pytest.mark.parametrize("signed", [False, True])
def test_monochrome1_stored_as_a_negative_is_inverted(signed, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    stored = (-1 - hu).astype(np.int16) if signed else (4095 - (hu + 1024)).astype(np.uint16)
    path = dicom_file(
        stored,
        bits_stored=12,
        PhotometricInterpretation="MONOCHROME1",
        RescaleIntercept="0" if signed else "-1024",
    )
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert any("negative" in sentence for sentence in ct.warnings)


@pytest.mark.parametrize("rescale", [(None, None), ("1", "0")])
@pytest.mark.parametrize("inverted", [False, True])
def test_8_bit_grey_without_a_rescale_uses_the_window(inverted, rescale, synthetic_hu, dicom_file):
    grey = to_grey(synthetic_hu(), Window(40, 400))
    stored = 255 - grey if inverted else grey
    path = dicom_file(
        stored,
        RescaleSlope=rescale[0],
        RescaleIntercept=rescale[1],
        PhotometricInterpretation="MONOCHROME1" if inverted else "MONOCHROME2",
    )
    ct = liverseg.read(path, window=(40, 400))
    assert ct.assumed_window == Window(40, 400) and ct.spacing_mm == (5.0, 0.8, 0.7)
    assert ["8-bit grey" in sentence for sentence in ct.warnings] == [True]
    np.testing.assert_array_equal(to_grey(ct.hu[0], Window(40, 400)), grey)


def test_a_secondary_capture_marked_as_ct_is_read_with_a_warning(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    capture = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}
    ct = liverseg.read(dicom_file((hu + 1024).astype(np.uint16), RescaleIntercept="-1024", **capture))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.spacing_mm == (5.0, 0.8, 0.7) and "secondary capture" in ct.warnings[0]
    grey = to_grey(hu, Window(60, 200))
    absent = {"RescaleSlope": None, "RescaleIntercept": None}
    ct = liverseg.read(dicom_file(grey, **absent, **capture), window=(60, 200))
    np.testing.assert_array_equal(to_grey(ct.hu[0], Window(60, 200)), grey)
    assert ct.assumed_window == Window(60, 200) and len(ct.warnings) == 2


def test_wide_secondary_captures_are_read_like_16_bit_pictures(synthetic_hu, dicom_file):
    hu = synthetic_hu(256, 300).astype(np.int32)
    tags = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
        "RescaleSlope": None,
        "RescaleIntercept": None,
    }
    for bits in (12, 16):
        ct = liverseg.read(dicom_file((hu + 1024).astype(np.uint16), bits_stored=bits, **tags))
        np.testing.assert_array_equal(ct.hu[0], hu)
        assert ct.assumed_window is None
        unit = (hu.clip(-160, 240) + 160) / 400
        ct = liverseg.read(
            dicom_file(np.round(unit * (2**bits - 1)).astype(np.uint16), bits_stored=bits, **tags)
        )
        np.testing.assert_allclose(ct.hu[0], hu.clip(-160, 240), atol=0.2)
        assert ct.assumed_window == Window(40, 400)
        with pytest.raises(UnreadableInput, match="known window"):
            liverseg.read(dicom_file((unit * 1000).astype(np.uint16), bits_stored=bits, **tags))


@pytest.mark.parametrize("name", [*LOSSLESS])
def test_a_truncated_file_is_refused_in_one_sentence(name, synthetic_hu, dicom_file):
    path = dicom_file((synthetic_hu() + 1024).astype(np.uint16), LOSSLESS[name], bits_stored=12)
    whole = path.read_bytes()
    for length in (131, 140, 400, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(LiversegError) as refusal:
            liverseg.read(path)
        assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


def test_burned_in_text_gives_a_warning_without_the_name(synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), BurnedInAnnotation="YES"))
    assert any("burned" in w for w in ct.warnings)
    assert "Secret" not in repr(ct)
