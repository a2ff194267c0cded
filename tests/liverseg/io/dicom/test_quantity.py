"""Values that are no HU, or other HU than those of an ordinary CT, in CT images and in Enhanced CT."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import NotCT
from tests.liverseg.io.conftest import dicom_bytes, item

NOT_HU = [
    {"RescaleType": "MGML"},
    {"RescaleType": "Z_EFF"},
    {"RescaleType": "EDW"},
    {"RescaleType": "pct"},
    {"RescaleType": "mg/ml"},
    {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MAT_SPECIFIC"]},
    {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM"]},
    {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "electron_density"]},
    {"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "SUBTRACTION"]},
    {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]},
]
OTHER_HU = [
    ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "VMI"]}, "mono-energetic"),
    ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MAT_REMOVED"]}, "material was removed"),
    ({"RescaleType": "HU_MOD"}, "material was removed"),
    ({"RescaleType": "US"}, "does not say that its values are HU"),
    ({"RescaleType": "Secret"}, "does not say that its values are HU"),
]


def frame_groups(elements, energy_kev=None) -> dict[str, list]:
    """Functional groups with the elements of a CT Image, and an energy."""
    groups = {}
    if "RescaleType" in elements:
        groups["PixelValueTransformationSequence"] = [
            item(RescaleSlope="1", RescaleIntercept="0", RescaleType=elements["RescaleType"])
        ]
    if "ImageType" in elements:
        groups["CTImageFrameTypeSequence"] = [item(FrameType=elements["ImageType"])]
    if energy_kev is not None:
        groups["MultienergyCTCharacteristicsSequence"] = [item(MonoenergeticEnergyEquivalent=energy_kev)]
    return groups


def changed(path, place: str, groups: dict[str, list], frames=slice(None)):
    """Set functional groups of an Enhanced CT: the shared ones, or those of each frame."""
    dataset = pydicom.dcmread(path)
    dataset.ImageType = ["DERIVED", "PRIMARY", "AXIAL", "MIXED"]
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        if place == "shared":
            for keyword in groups.keys() & {"PixelValueTransformationSequence"}:
                delattr(frame, keyword)
    holders = dataset.SharedFunctionalGroupsSequence if place == "shared" else (
        dataset.PerFrameFunctionalGroupsSequence[frames]
    )  # fmt: skip
    for holder in holders:
        for keyword, sequence in groups.items():
            setattr(holder, keyword, sequence)
    path.write_bytes(dicom_bytes(dataset))
    return path


@pytest.mark.parametrize("elements", NOT_HU)
def test_a_ct_image_of_no_hu_is_refused(elements, synthetic_hu, dicom_file):
    with pytest.raises(NotCT, match="not HU|localizer"):
        liverseg.read(dicom_file(synthetic_hu(), **elements))


@pytest.mark.parametrize("place", ["shared", "frame"])
@pytest.mark.parametrize("elements", NOT_HU)
def test_an_enhanced_ct_of_no_hu_is_refused_as_a_ct_image_is(elements, place, enhanced):
    path = changed(enhanced()[0], place, frame_groups(elements))
    for source in (path, [path]):
        with pytest.raises(NotCT, match="not HU|localizer"):
            liverseg.read(source)


@pytest.mark.parametrize("elements, sentence", OTHER_HU)
def test_other_hu_give_one_warning(elements, sentence, synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), **elements))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert [sentence in w for w in ct.warnings] == [True] and "Secret" not in ct.warnings[0]


@pytest.mark.parametrize("place", ["shared", "frame"])
@pytest.mark.parametrize("elements, sentence", OTHER_HU)
def test_other_hu_in_an_enhanced_ct_give_one_warning(elements, sentence, place, enhanced):
    ct = liverseg.read(changed(enhanced()[0], place, frame_groups(elements)))
    assert [sentence in w for w in ct.warnings] == [True]


def test_the_energy_of_a_mono_energetic_image_is_named(synthetic_hu, dicom_file, enhanced):
    described = liverseg.read(dicom_file(synthetic_hu(), SeriesDescription="Smith MonoE 40 keV"))
    given = liverseg.read(
        dicom_file(synthetic_hu(), **frame_groups({}, energy_kev=55.0), ImageType=["DERIVED", "", "", "VMI"])
    )
    enhanced_ct = liverseg.read(changed(enhanced()[0], "shared", frame_groups({}, energy_kev=70.0)))
    for ct, energy in ((described, 40), (given, 55), (enhanced_ct, 70)):
        assert [f"mono-energetic image of {energy} keV" in w for w in ct.warnings] == [True]
        assert "Smith" not in ct.warnings[0]


@pytest.mark.parametrize("elements", NOT_HU)
def test_maps_among_the_frames_of_an_enhanced_ct_are_left_out(elements, enhanced):
    path, volume = enhanced(heights=(20, 10, 0, 20, 10, 0), phases=(1, 1, 1, 2, 2, 2))
    changed(path, "frame", frame_groups(elements), slice(3, 6))
    for source in (path, [path]):
        ct = liverseg.read(source)
        np.testing.assert_allclose(ct.hu, volume, atol=2)
        assert any("1 other CT series was left out" in w for w in ct.warnings)
    first, second = liverseg.list_series(path)
    assert first.refusal is None and ("not HU" in second.refusal or "localizer" in second.refusal)
    with pytest.raises(NotCT):
        liverseg.read(path, series=2)


def test_two_energies_of_an_enhanced_ct_are_two_volumes(enhanced):
    path, volume = enhanced(heights=(20, 10, 0, 20, 10, 0))
    for energy, frames in ((40.0, slice(0, 3)), (70.0, slice(3, 6))):
        changed(path, "frame", frame_groups({}, energy_kev=energy), frames)
    assert len(liverseg.list_series(path)) == 2
    for number, energy in ((1, 40), (2, 70)):
        ct = liverseg.read(path, series=number)
        np.testing.assert_allclose(ct.hu, volume, atol=2)
        assert any(f"of {energy} keV" in w for w in ct.warnings)
