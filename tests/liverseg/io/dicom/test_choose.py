"""Several series, phases, reconstructions and parts in one input: separated, listed, chosen."""

from __future__ import annotations

import zipfile

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.core import limits
from liverseg.errors import InputTooLarge, InvalidSetting, SeriesChoice, UnreadableInput
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.volumes import volumes

HEIGHTS = (0, 2.5, 5, 7.5)
CANARY = "MUSTERMANN^ERIKA"


def changed(paths, values):
    """Set elements of files: `values(k)` gives those of file k."""
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        for keyword, value in values(k).items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)


def test_two_series_are_listed_and_read_by_number(series, synthetic_hu, tmp_path):
    folder, _ = series(SeriesNumber=4, ConvolutionKernel="B30f", SeriesDescription=CANARY)
    series(
        (0, 5, 10),
        SeriesInstanceUID="0.5",
        SeriesNumber=7,
        ConvolutionKernel=CANARY,
        ContrastBolusAgent=CANARY,
    )
    with pytest.raises(SeriesChoice, match=r"2 CT series \(of 4, 3 slices\)") as asked:
        liverseg.read(folder)
    assert isinstance(asked.value, UnreadableInput) and asked.value.series == liverseg.list_series(folder)
    first, second = asked.value.series
    assert first == SeriesInfo(1, 4, "", (4, 80, 96), (2.5, 0.8, 0.7), 5.0, "axial", "B30f", False)
    assert second == SeriesInfo(2, 7, "", (3, 80, 96), (5.0, 0.8, 0.7), 5.0, "axial", None, True)
    assert first.line() == (
        "1: 4 axial slices, 96 × 80 of 0.7 × 0.8 mm, every 2.5 mm, 5 mm thick, kernel B30f, series number 4"
    )
    assert CANARY not in repr(asked.value.series)
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
def test_a_number_that_there_is_not_lists_what_there_is(number, series):
    folder, _ = series()
    series((0, 5, 10), SeriesInstanceUID="0.5")
    with pytest.raises(SeriesChoice, match=f"no CT series {number}.*there are 2") as asked:
        liverseg.read(folder, series=number)
    assert len(asked.value.series) == 2


def test_only_dicom_has_series(synthetic_hu, tmp_path, dicom_file):
    picture = tmp_path / "a.png"
    import cv2

    cv2.imwrite(str(picture), np.zeros((80, 80), np.uint8))
    for call in (lambda: liverseg.read(picture, series=1), lambda: liverseg.list_series(picture)):
        with pytest.raises(InvalidSetting, match="DICOM"):
            call()
    for wrong in (1.5, "1", True):
        with pytest.raises(InvalidSetting, match="whole"):
            liverseg.read(dicom_file(synthetic_hu()), series=wrong)
    (info,) = liverseg.list_series(dicom_file(synthetic_hu()))
    assert info.shape == (1, 80, 96) and info.spacing_mm == (None, 0.8, 0.7) and info.thickness_mm == 5


def test_scouts_bolus_tracking_lone_slices_and_reformats_are_left_aside(series, synthetic_hu, dicom_file):
    folder, _ = series((0, 2, 4, 6))
    for k in range(3):  # unlabelled scouts, in a series of their own and within the series
        scout = {"ImageOrientationPatient": [[1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]][k % 2]}
        dicom_file(synthetic_hu(), folder=folder, SeriesInstanceUID=["1.2.3", "1.0", "1.0"][k], **scout)
    for k in range(5):  # one place, scanned until the contrast comes
        tags = {"SeriesInstanceUID": "1.1", "AcquisitionNumber": k, "ContentTime": f"10150{k}"}
        dicom_file(synthetic_hu(seed=k), folder=folder, **tags)
    dicom_file(synthetic_hu(), folder=folder, SeriesInstanceUID="1.3")  # where to scan it
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


def test_a_large_series_that_cannot_be_read_is_not_passed_over(series):
    folder, _ = series((0, 2, 4))
    series((0, 5, 10, 20, 25), SeriesInstanceUID="0.5")
    with pytest.raises(SeriesChoice) as asked:
        liverseg.read(folder)
    assert any("missing" in (info.refusal or "") for info in asked.value.series)
    assert liverseg.read(folder, series=2).shape[0] == 3


PHASES = {  # what tells two phases apart; of each of the eight files, the first four being of phase 1
    "acquisition number": lambda k: {"AcquisitionNumber": 1 + k // 4},
    "temporal position": lambda k: {"TemporalPositionIdentifier": 1 + k // 4},
    "contrast": lambda k: {"ContrastBolusAgent": "yes"} if k >= 4 else {},
    "one time each": lambda k: {"AcquisitionTime": ["101500", "101540.5"][k // 4]},
    "times of slices": lambda k: {"ContentTime": f"1015{k + 10 + 20 * (k // 4)}.25"},
    "trigger times": lambda k: {"TriggerTime": str(1000 * (k // 4) + 10 * k)},
}


@pytest.mark.parametrize("tell", PHASES.values(), ids=PHASES)
def test_phases_in_one_series_are_separated(tell, series, synthetic_hu):
    folder, paths = series((*HEIGHTS, *HEIGHTS))
    changed(paths, tell)
    with pytest.raises(SeriesChoice, match=r"2 CT series \(of 4, 4 slices\)") as asked:
        liverseg.read(folder)
    assert [info.part for info in asked.value.series] == ["phase 1 of 2", "phase 2 of 2"]
    for number in (1, 2):
        ct = liverseg.read(folder, series=number)
        expected = [synthetic_hu(seed=k + 4 * (number - 1)) for k in range(4)]
        np.testing.assert_array_equal(ct.hu, np.stack(expected))


def test_phases_between_each_others_slices_and_reconstructions_are_separated(series):
    folder, paths = series((*HEIGHTS, 1, 3.5, 6))
    changed(paths, lambda k: {"AcquisitionNumber": 1 + k // 4})
    assert [info.shape[0] for info in liverseg.list_series(folder)] == [4, 3]
    folder, paths = series((*HEIGHTS, *HEIGHTS), folder="kernels")
    changed(paths, lambda k: {"ConvolutionKernel": ["B30f", "B60f"][k // 4]})
    listed = liverseg.list_series(folder)
    assert [(info.kernel, info.part) for info in listed] == [
        ("B30f", "reconstruction 1 of 2"),
        ("B60f", "reconstruction 2 of 2"),
    ]


def test_a_phase_with_a_gap_is_refused_and_the_other_read(series):
    folder, paths = series((*HEIGHTS, 0, 2.5, 7.5, 10))
    changed(paths, lambda k: {"AcquisitionNumber": 1 + k // 4})
    first, second = liverseg.list_series(folder)
    assert first.refusal is None and "missing" in second.refusal


def test_acquisitions_one_above_the_other_are_one_volume(series, synthetic_hu):
    """Step and shoot counts an acquisition a rotation."""
    folder, paths = series(HEIGHTS)
    changed(paths, lambda k: {"AcquisitionNumber": 1 + k // 2, "ContentTime": f"10150{k}"})
    assert liverseg.read(folder).shape == (4, 80, 96)
    folder, paths = series((0, 2.5, 5, 10, 12.5, 15), folder="gap")
    changed(paths, lambda k: {"AcquisitionNumber": 1 + k // 3})
    with pytest.raises(UnreadableInput, match="after slice 3 of 6 is 5 mm away instead of 2.5 mm"):
        liverseg.read(folder)


def test_blocks_of_two_spacings_are_parts_to_choose(series, synthetic_hu):
    folder, _ = series((0, 5, 10, 15, 17, 19, 21))
    with pytest.raises(SeriesChoice) as asked:
        liverseg.read(folder)
    lower, upper = asked.value.series
    assert (lower.part, lower.shape[0], lower.spacing_mm[0]) == ("part 1 of 2", 4, 5.0)
    assert (upper.part, upper.shape[0], upper.spacing_mm[0]) == ("part 2 of 2", 3, 2.0)
    ct = liverseg.read(folder, series=2)
    np.testing.assert_allclose(ct.hu[0], synthetic_hu(seed=4))
    assert ct.native.radiological_affine[2, 3] == 17


def test_copies_count_once(series, synthetic_hu, dicom_dataset, dicom_bytes):
    folder, paths = series()
    (folder / "again").mkdir()
    for path in paths[:2]:  # the same object
        (folder / "again" / path.name).write_bytes(path.read_bytes())
    sent_again = pydicom.dcmread(paths[3])  # the same pixels under another UID
    sent_again.SOPInstanceUID = sent_again.file_meta.MediaStorageSOPInstanceUID = "9.9.9"
    sent_again.save_as(folder / "again" / "x")
    ct = liverseg.read(folder)
    assert ct.warnings == ("3 slices were there more than once and counted once.",)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in range(4)]))


def test_one_uid_for_all_files_is_no_copy(series):
    folder, paths = series()
    changed(paths, lambda k: {"SOPInstanceUID": "1.2.3.4"})
    assert liverseg.read(folder).shape == (4, 80, 96)


def test_a_series_uid_for_each_file_is_one_series_all_the_same(series):
    folder, paths = series()
    changed(paths, lambda k: {"SeriesInstanceUID": f"1.{9 - k}"})
    ct = liverseg.read(folder)
    assert ct.spacing_mm == (2.5, 0.8, 0.7) and ["its own" in w for w in ct.warnings] == [True]


def test_more_slices_than_the_limit_are_one_sentence(series, monkeypatch):
    folder, _ = series()
    monkeypatch.setattr(limits, "MAX_SLICES", 3)
    with pytest.raises(InputTooLarge, match="4 slices; liverseg reads up to 3"):
        liverseg.read(folder)
    assert "up to 3" in liverseg.list_series(folder)[0].refusal


def test_of_nothing_there_are_no_volumes():
    assert volumes([], lambda one, other: False) == []


def test_frames_of_an_enhanced_ct_are_separated_too(enhanced):
    path, volume = enhanced(heights=(20, 10, 0, 20, 10, 0), phases=(1, 1, 1, 2, 2, 2))
    assert [info.part for info in liverseg.list_series(path)] == ["phase 1 of 2", "phase 2 of 2"]
    with pytest.raises(SeriesChoice):
        liverseg.read(path)
    with pytest.raises(SeriesChoice):
        liverseg.read([path])
    for source in (path, [path]):
        ct = liverseg.read(source, series=2)
        np.testing.assert_allclose(ct.hu, volume, atol=2)
