"""The choice among several series: listed, chosen by number, or chosen by preference."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest

import liverseg
from liverseg.errors import InvalidSetting, SeriesChoice, UnreadableInput
from liverseg.io.dicom.series_info import SeriesInfo

CANARY = "MUSTERMANN^ERIKA"


def test_two_series_are_listed_and_read_by_number(series, synthetic_hu, tmp_path):
    folder, _ = series(SeriesNumber=4, ConvolutionKernel="B30f", SeriesDescription=CANARY)
    series(
        (0, 5, 10),
        SeriesInstanceUID="0.5",
        SeriesNumber=7,
        ConvolutionKernel=CANARY,
        ContrastBolusAgent=CANARY,
    )
    with pytest.raises(SeriesChoice, match=r"2 CT series \(of 4, 3 slices\)") as refusal:
        liverseg.read(folder)
    assert isinstance(refusal.value, UnreadableInput) and refusal.value.series == liverseg.list_series(folder)
    first, second = refusal.value.series
    assert first == SeriesInfo(1, 4, "", (4, 80, 96), (2.5, 0.8, 0.7), 5.0, "axial", "B30f", False)
    assert second == SeriesInfo(2, 7, "", (3, 80, 96), (5.0, 0.8, 0.7), 5.0, "axial", None, True)
    assert first.line() == (
        "1: 4 axial slices, 96 × 80 of 0.7 × 0.8 mm, every 2.5 mm, 5 mm thick, kernel B30f, series number 4"
    )
    assert CANARY not in repr(refusal.value.series)
    for number, depth in ((1, 2.5), (2, 5.0)):
        ct = liverseg.read(folder, series=number)
        assert ct.spacing_mm[0] == depth and ct.warnings == ()
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in range(3)]))
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.iterdir(), reverse=True):
            packed.write(path, path.name)
    assert liverseg.list_series(archive) == liverseg.list_series(folder)
    assert liverseg.read(archive, series=2).sha256 == ct.sha256


@pytest.mark.parametrize("number", [0, 3, -1])
def test_an_unknown_number_is_refused_with_the_list_of_series(number, series):
    folder, _ = series()
    series((0, 5, 10), SeriesInstanceUID="0.5")
    with pytest.raises(SeriesChoice, match=f"no CT series {number}.*there are 2") as refusal:
        liverseg.read(folder, series=number)
    assert len(refusal.value.series) == 2


def test_a_series_number_needs_dicom_input(synthetic_hu, tmp_path, dicom_file):
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.zeros((80, 80), np.uint8))
    for call in (lambda: liverseg.read(picture, series=1), lambda: liverseg.list_series(picture)):
        with pytest.raises(InvalidSetting, match="DICOM"):
            call()
    for invalid in (1.5, "1", True):
        with pytest.raises(InvalidSetting, match="whole"):
            liverseg.read(dicom_file(synthetic_hu()), series=invalid)
    (info,) = liverseg.list_series(dicom_file(synthetic_hu()))
    assert info.shape == (1, 80, 96) and info.spacing_mm == (None, 0.8, 0.7) and info.thickness_mm == 5


def test_several_series_are_refused_with_their_sizes(series):
    folder, _ = series()
    series((0, 1), SeriesInstanceUID="7.7.Secret")
    with pytest.raises(UnreadableInput, match=r"2 CT series \(of 4, 2 slices\)") as refusal:
        liverseg.read(folder)
    assert "Secret" not in str(refusal.value)


def test_scouts_bolus_tracking_lone_slices_and_reformats_are_left_out(series, synthetic_hu, dicom_file):
    folder, _ = series((0, 2, 4, 6))
    for k in range(3):  # unlabelled scouts, within the series and in a separate one
        scout = {"ImageOrientationPatient": [[1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]][k % 2]}
        dicom_file(synthetic_hu(), folder=folder, SeriesInstanceUID=["1.2.3", "1.0", "1.0"][k], **scout)
    for k in range(5):  # bolus tracking: one position, scanned until the contrast arrives
        tags = {"SeriesInstanceUID": "1.1", "AcquisitionNumber": k, "ContentTime": f"10150{k}"}
        dicom_file(synthetic_hu(seed=k), folder=folder, **tags)
    dicom_file(synthetic_hu(), folder=folder, SeriesInstanceUID="1.3")  # the locator of the bolus tracking
    for k in range(64):
        dicom_file(
            synthetic_hu(),
            folder=folder,
            SeriesInstanceUID="1.9",
            ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
            ImagePositionPatient=[-100, 3 * k, 50],
        )
    ct = liverseg.read(folder)
    assert ct.shape == (4, 80, 96)
    assert [w for w in ct.warnings if "left out" in w] == [
        "6 other CT series were left out (a lone slice, bolus tracking, a reformat or unreadable)."
    ]
    listed = liverseg.list_series(folder)
    assert sorted(info.shape[0] for info in listed) == [1, 1, 1, 1, 4, 5, 64]
    bolus = next(info for info in listed if info.shape[0] == 5)
    assert "bolus tracking" in bolus.refusal and "cannot be read" in bolus.line()
    reformat = next(info for info in listed if info.shape[0] == 64)
    assert reformat.plane == "coronal"
    turned = liverseg.read(folder, series=reformat.number)
    assert turned.shape == (80, 64, 96) and turned.spacing_mm == (0.8, 3.0, 0.7)
    with pytest.raises(UnreadableInput, match="bolus"):
        liverseg.read(folder, series=bolus.number)


def test_a_large_unreadable_series_asks_for_a_choice(series):
    folder, _ = series((0, 2, 4))
    series((0, 5, 10, 20, 25), SeriesInstanceUID="0.5")
    with pytest.raises(SeriesChoice) as refusal:
        liverseg.read(folder)
    assert any("missing" in (info.refusal or "") for info in refusal.value.series)
    assert liverseg.read(folder, series=2).shape[0] == 3
