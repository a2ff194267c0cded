"""How DICOM slices lie, their spacing, and what is refused as no axial CT."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg
from liverseg.errors import LiversegError, NotCT, UnreadableInput

ORIENTATIONS = {  # name: (ImageOrientationPatient, how the stored slice is made from the upright one)
    "upright": ((1, 0, 0, 0, 1, 0), lambda a: a),
    "columns to the right": ((-1, 0, 0, 0, 1, 0), lambda a: a[:, ::-1]),
    "rows to anterior": ((1, 0, 0, 0, -1, 0), lambda a: a[::-1]),
    "prone": ((-1, 0, 0, 0, -1, 0), lambda a: a[::-1, ::-1]),
    "transposed": ((0, 1, 0, 1, 0, 0), lambda a: a.T),
    "turned": ((0, -1, 0, 1, 0, 0), lambda a: a.T[:, ::-1]),
}


@pytest.mark.parametrize("orientation, make", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_slice_is_turned_upright_with_its_spacing(orientation, make, synthetic_hu, dicom_file):
    hu = synthetic_hu()
    stored = np.ascontiguousarray(make(hu))
    transposed = orientation[0] == 0
    ct = liverseg.read(
        dicom_file(
            stored,
            ImageOrientationPatient=list(orientation),
            PixelSpacing=[0.7, 0.8] if transposed else [0.8, 0.7],
        )
    )
    np.testing.assert_array_equal(ct.hu[0], hu)
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), stored)
    assert ct.spacing_mm == (5.0, 0.8, 0.7) and ct.spacing_source == "DICOM PixelSpacing"
    assert ct.kind == "slice" and ct.warnings == () and ct.native.shape == stored.shape


def test_gantry_tilt_is_a_warning_and_coronal_is_refused(synthetic_hu, dicom_file):
    c, s = float(np.cos(0.3)), float(np.sin(0.3))
    ct = liverseg.read(dicom_file(synthetic_hu(), ImageOrientationPatient=[1, 0, 0, 0, c, -s]))
    assert any("tilt" in w for w in ct.warnings)
    for orientation in ([1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]):
        with pytest.raises(NotCT, match="not axial"):
            liverseg.read(dicom_file(synthetic_hu(), ImageOrientationPatient=orientation))


@pytest.mark.parametrize("orientation", [None, [0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]])
def test_no_usable_orientation_is_a_warning(orientation, synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), ImageOrientationPatient=orientation))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert any("usual orientation" in w for w in ct.warnings)


def test_only_pixel_spacing_counts(synthetic_hu, dicom_file):
    for tags in ({}, {"ImagerPixelSpacing": [0.8, 0.7]}):
        ct = liverseg.read(dicom_file(synthetic_hu(), PixelSpacing=None, **tags))
        assert ct.spacing_mm is None and any("PixelSpacing" in w for w in ct.warnings)
    for bad in ([0, 0], [-1, 1], [900, 900]):
        assert liverseg.read(dicom_file(synthetic_hu(), PixelSpacing=bad)).spacing_mm is None


def test_slice_spacing_of_one_slice(synthetic_hu, dicom_file):
    between = liverseg.read(dicom_file(synthetic_hu(), SliceThickness=None, SpacingBetweenSlices="2.5"))
    assert between.spacing_mm == (2.5, 0.8, 0.7)
    unknown = liverseg.read(dicom_file(synthetic_hu(), SliceThickness=None))
    assert unknown.spacing_mm == (1.0, 0.8, 0.7) and "placeholder" in unknown.spacing_source
    assert [("thickness" in w and "only areas" in w) for w in unknown.warnings] == [True]
    assert between.warnings == ()


def test_burned_in_annotation_is_a_warning_without_the_name(synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), BurnedInAnnotation="YES"))
    assert any("burned" in w for w in ct.warnings)
    assert "Secret" not in repr(ct)


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
def test_without_the_preamble(keep_meta, syntax, synthetic_hu, dicom_file):
    path = dicom_file(synthetic_hu(), syntax)
    raw = path.read_bytes()
    meta_length = int.from_bytes(raw[140:144], "little")
    path.write_bytes(raw[132:] if keep_meta else raw[144 + meta_length :])
    np.testing.assert_array_equal(liverseg.read(path).hu[0], synthetic_hu())


def test_missing_modality_of_a_ct_class_is_ct(synthetic_hu, dicom_file):
    assert liverseg.read(dicom_file(synthetic_hu(), Modality=None)).shape == (1, 80, 96)


def test_enhanced_ct(enhanced):
    path, volume = enhanced()
    ct = liverseg.read(path)
    assert ct.kind == "volume" and ct.spacing_mm == (10.0, 0.8, 0.7)
    np.testing.assert_allclose(ct.hu, volume, atol=2)  # halved values lose a bit
    np.testing.assert_array_equal(ct.hu[2], volume[2])
    assert ct.native.shape == (3, 80, 96) and ct.warnings == ()


def test_enhanced_ct_with_two_frames_at_one_place_is_refused(enhanced):
    with pytest.raises(UnreadableInput, match="same place"):
        liverseg.read(enhanced(heights=(20, 20, 0))[0])
