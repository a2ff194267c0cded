"""DICOM series from a folder, a list and a zip, among files that do not belong to them."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

import liverseg
from liverseg.errors import SeriesChoice, UnreadableInput
from tests.liverseg.io.dicom.series_files import as_zip


@pytest.mark.parametrize("heights", [(0, 2.5, 5, 7.5), (7.5, 5, 2.5, 0), (5, 0, 7.5, 2.5)])
def test_folder_list_and_zip_give_the_same_sorted_volume(heights, series, synthetic_hu, tmp_path):
    folder, paths = series(heights)
    volume = np.stack([synthetic_hu(seed=int(k)) for k in np.argsort(heights)])
    zipped = as_zip(paths, tmp_path / "a.zip", names=[f"../../{k}/x" for k in range(4)])
    images = [
        liverseg.read(source) for source in (folder, paths, paths[::-1], [str(p) for p in paths], zipped)
    ]
    for ct in images:
        np.testing.assert_array_equal(ct.hu, volume)
        assert ct.spacing_mm == (2.5, 0.8, 0.7) and ct.kind == "volume" and ct.warnings == ()
        np.testing.assert_array_equal(ct.native.to_native(ct.hu), volume)
    assert len({ct.sha256 for ct in images}) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "series"]  # nothing was unpacked


def test_names_folders_and_instance_numbers_do_not_matter(series, synthetic_hu, tmp_path):
    folder, paths = series((7.5, 0, 5, 2.5))
    study = tmp_path / "study"
    for k, path in enumerate(paths):
        parent = study / "ÄÖ ü" / str(k % 2) / "deep"
        parent.mkdir(parents=True, exist_ok=True)
        dataset = pydicom.dcmread(path)
        dataset.InstanceNumber, dataset.SliceLocation = 9 - k, 100 * k
        dataset.save_as(parent / ["IM1", "0002.dcm.bak", ".hidden", "z"][k])
    (study / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(2000))
    (study / "._IM1").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(4080))
    (study / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(100))
    (study / "report.pdf").write_bytes(b"%PDF-1.4")
    (study / "empty").write_bytes(b"")
    (study / "readme.txt").write_text("a viewer")
    (study / "link").symlink_to(study)
    ct = liverseg.read(study)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in (1, 3, 2, 0)]))
    assert ct.warnings == ("6 files that are not CT slices of the series were left out.",)


def test_one_slice_in_a_folder_is_read_as_a_slice(series, synthetic_hu):
    ct = liverseg.read(series((5,))[0])
    assert ct.kind == "slice" and ct.spacing_mm == (5.0, 0.8, 0.7)
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())


def test_other_files_are_left_out_with_a_warning(series, synthetic_hu, dicom_file):
    folder, _ = series()
    (folder / "notes.txt").write_text("Secret")
    (folder / "DICOMDIR").write_bytes(b"\0" * 100)
    dicom_file(
        synthetic_hu(70, 70),
        folder=folder,
        SeriesInstanceUID="9.9",
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    ct = liverseg.read(folder)
    assert ct.shape == (4, 80, 96) and ct.warnings == (
        "3 files that are not CT slices of the series were left out.",
    )


RAW_DATA, PRIVATE = "1.2.840.10008.5.1.4.1.1.66", "1.3.12.2.1107.5.9.1"
DICOMDIR = "1.2.840.10008.1.3.10"


def without_image(dataset, sop_class):
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    del dataset.PixelData, dataset.Rows, dataset.Columns
    return dataset


@pytest.mark.parametrize("sop_class", [RAW_DATA, PRIVATE, DICOMDIR])
def test_dicom_without_an_image_is_left_out_and_refused_alone(
    sop_class, series, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path
):
    folder, paths = series()
    content = dicom_bytes(without_image(dicom_dataset(synthetic_hu()), sop_class))
    (folder / "DICOMDIR").write_bytes(content)
    zipped = as_zip([*paths, folder / "DICOMDIR"], tmp_path / "cd.zip")
    for source in (folder, zipped):
        ct = liverseg.read(source)
        assert ct.shape == (4, 80, 96)
        assert ct.warnings == ("1 file that is not a CT slice of the series was left out.",)
    with pytest.raises(UnreadableInput, match="DICOMDIR" if sop_class == DICOMDIR else "no image"):
        liverseg.read(folder / "DICOMDIR")
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "a").write_bytes(content)
    with pytest.raises(UnreadableInput, match="no DICOM CT image"):
        liverseg.read(tmp_path / "alone")


def test_private_objects_with_rows_but_without_pixels_are_left_out(series, synthetic_hu, dicom_file):
    folder, _ = series()
    dicom_file(synthetic_hu(), folder=folder, SOPClassUID=PRIVATE, PixelData=None)
    assert liverseg.read(folder).shape == (4, 80, 96)


@pytest.mark.parametrize("length", [400, 800, 1200, 5000, -300])
def test_a_truncated_slice_is_reported_as_one_file_of_the_series(length, series):
    folder, paths = series()
    paths[2].write_bytes(paths[2].read_bytes()[:length])
    with pytest.raises(UnreadableInput, match="^One file of the series") as refusal:
        liverseg.read(folder)
    assert str(refusal.value).endswith(".") and str(refusal.value).count(".") == 1


def test_secondary_captures_beside_ct_slices_are_left_out(series, synthetic_hu, dicom_file):
    folder, _ = series()
    capture = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "SeriesInstanceUID": "5.5"}
    dicom_file(synthetic_hu().view(np.uint16), folder=folder, **capture)
    ct = liverseg.read(folder)
    assert ct.shape == (4, 80, 96) and ct.warnings == (
        "1 file that is not a CT slice of the series was left out.",
    )


def test_a_series_of_secondary_captures_of_ct_is_read_with_a_warning(series, synthetic_hu):
    ct = liverseg.read(series(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")[0])
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in range(4)]))
    assert ct.spacing_mm == (2.5, 0.8, 0.7) and len(ct.warnings) == 1
    assert "secondary capture" in ct.warnings[0]


def test_input_without_dicom_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.dcm").write_text("text")
    for source in (tmp_path / "empty", tmp_path / "text", [], as_zip([], tmp_path / "a.zip")):
        with pytest.raises(UnreadableInput, match="no DICOM"):
            liverseg.read(source)
    with pytest.raises(UnreadableInput):
        liverseg.read([tmp_path / "missing"])


def without_an_image(dataset):
    del dataset.Rows, dataset.Columns, dataset.PixelData


def without_positions_of_frames(dataset):
    dataset.NumberOfFrames, dataset.PixelData = 3, dataset.PixelData * 3


def with_damaged_rescale(dataset):
    dataset.RescaleSlope = 0


def in_another_syntax(dataset):
    dataset.PixelData = encapsulate([bytes(64)])
    dataset["PixelData"].is_undefined_length, dataset["PixelData"].VR = True, "OB"
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"


def with_half_of_its_pixels(dataset):
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]


BAD = {  # an edit that makes a file unreadable, and a part of the reason
    without_positions_of_frames: "several frames without the position of each",
    with_damaged_rescale: "its rescale slope or intercept is not a usable number",
    in_another_syntax: "High-Throughput JPEG 2000",
    with_half_of_its_pixels: "ends before its last pixel",
}


def add_bad_files(folder, edit, heights, dicom_dataset, synthetic_hu, **tags):
    for k, height in enumerate(heights):
        dataset = dicom_dataset(synthetic_hu(), ImagePositionPatient=[-100, -100, height], **tags)
        edit(dataset)
        dataset.save_as(folder / f"bad{k}", enforce_file_format=True)


@pytest.mark.parametrize("edit", BAD, ids=lambda edit: edit.__name__)
def test_a_bad_series_is_listed_with_its_reason_and_the_good_one_is_read(
    edit, series, synthetic_hu, dicom_dataset
):
    folder, _ = series((0, 2.5, 5, 7.5, 10))
    add_bad_files(folder, edit, (0, 2), dicom_dataset, synthetic_hu, SeriesInstanceUID="9", SeriesNumber=9)
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in range(5)]))
    assert sum(BAD[edit] in warning for warning in ct.warnings) == 1
    bad, good = liverseg.list_series(folder)
    assert bad.series_number == 9 and BAD[edit] in bad.refusal and bad.refusal[:-1] in bad.line()
    assert good.refusal is None and good.doubt is None
    assert liverseg.read(folder, series=2).shape[0] == 5
    with pytest.raises(UnreadableInput, match=BAD[edit]):
        liverseg.read(folder, series=1)


@pytest.mark.parametrize("edit", BAD, ids=lambda edit: edit.__name__)
def test_a_large_bad_series_asks_for_a_choice(edit, series, synthetic_hu, dicom_dataset):
    folder, _ = series()
    heights = (0, 5, 10, 15)
    add_bad_files(folder, edit, heights, dicom_dataset, synthetic_hu, SeriesInstanceUID="9", SeriesNumber=9)
    with pytest.raises(SeriesChoice, match=r"2 CT series \(of 4, 4 slices\)") as refusal:
        liverseg.read(folder)
    assert [info.refusal is None for info in refusal.value.series] == [False, True]


def test_ct_objects_without_an_image_are_left_out_also_within_the_series(series, synthetic_hu, dicom_dataset):
    folder, _ = series()
    add_bad_files(folder, without_an_image, range(9), dicom_dataset, synthetic_hu)
    assert liverseg.read(folder).warnings == ("9 files that are not CT slices of the series were left out.",)
    assert len(liverseg.list_series(folder)) == 1


def test_a_series_may_be_read_by_number_although_its_last_file_is_damaged(series):
    folder, paths = series()
    paths[3].write_bytes(paths[3].read_bytes()[:620])  # its series is known, its position is not
    with pytest.raises(SeriesChoice, match="^One file of the series cannot be read") as refusal:
        liverseg.read(folder)
    (info,) = refusal.value.series
    assert info.shape[0] == 3 and info.refusal is None and info.doubt == str(refusal.value)
    assert "One file of the series cannot be read" in info.line()
    ct = liverseg.read(folder, series=1)
    assert ct.shape[0] == 3 and ct.warnings[0].endswith("the slices of this volume may be incomplete.")


def test_a_file_that_cannot_be_opened_does_not_hide_the_series(series, monkeypatch):
    folder, paths = series()
    series((0,), SeriesInstanceUID="8")
    opened = type(paths[0]).open

    def guarded(path, *args, **options):
        if path.name == paths[3].name:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)

    monkeypatch.setattr(type(paths[0]), "open", guarded)
    with pytest.raises(SeriesChoice, match=r"cannot be opened \(permission denied\)\.$") as refusal:
        liverseg.read(folder)
    assert sorted(info.shape[0] for info in refusal.value.series) == [1, 1, 3]
    assert "permission denied" in refusal.value.series[-1].refusal


def test_where_the_pixels_of_the_chosen_volume_are_damaged_the_others_are_offered(
    synthetic_hu, dicom_file, tmp_path
):
    for height in (0, 2, 4):
        stored = (synthetic_hu() + 1024).astype(np.uint16)
        tags = {"SeriesInstanceUID": "1", "ImagePositionPatient": [0, 0, height]}
        path = dicom_file(stored, "1.2.840.10008.1.2.4.70", 12, **tags)
    dicom_file(synthetic_hu(), SeriesInstanceUID="8")
    assert liverseg.read(tmp_path).shape[0] == 3
    data = path.read_bytes()
    path.write_bytes(data[:-3000] + bytes(3000))
    with pytest.raises(SeriesChoice, match="^One file of the series cannot be read") as refusal:
        liverseg.read(tmp_path)
    assert [info.refusal is None for info in refusal.value.series] == [False, True]
    assert liverseg.read(tmp_path, series=2).kind == "slice"
    with pytest.raises(UnreadableInput, match="^One file of the series"):
        liverseg.read(tmp_path, series=1)


def test_a_doubt_and_its_choice_name_nobody(series, synthetic_hu, dicom_dataset):
    folder, _ = series()
    add_bad_files(folder, with_damaged_rescale, (20,), dicom_dataset, synthetic_hu)
    with pytest.raises(SeriesChoice) as refusal:
        liverseg.read(folder)
    assert "Secret" not in f"{refusal.value} {refusal.value.series}"
