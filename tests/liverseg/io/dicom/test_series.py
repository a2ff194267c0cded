"""DICOM series from a folder, a list and a zip: order, spacing, and irregular ones refused."""

from __future__ import annotations

import zipfile

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.core import limits
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.io.dicom import sources


def as_zip(paths, target, names=None, **options):
    with zipfile.ZipFile(target, "w", **options) as archive:
        for k, path in enumerate(paths):
            archive.write(path, names[k] if names else path.name)
    return target


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


def test_slices_stored_seen_from_the_head(series, synthetic_hu):
    folder, _ = series((0, 2, 4, 6), ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k)[:, ::-1] for k in range(4)]))


def test_one_slice_in_a_folder(series, synthetic_hu):
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


def without_image(dataset, sop_class):
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    del dataset.PixelData, dataset.Rows, dataset.Columns
    return dataset


RAW_DATA, PRIVATE = "1.2.840.10008.5.1.4.1.1.66", "1.3.12.2.1107.5.9.1"
DICOMDIR = "1.2.840.10008.1.3.10"


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
def test_a_truncated_slice_of_a_series_is_told_as_one_file(length, series):
    folder, paths = series()
    paths[2].write_bytes(paths[2].read_bytes()[:length])
    with pytest.raises(UnreadableInput, match="^One file of the series") as refusal:
        liverseg.read(folder)
    assert str(refusal.value).endswith(".") and str(refusal.value).count(".") == 1


def test_screens_beside_the_slices_are_left_out(series, synthetic_hu, dicom_file):
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


def test_several_series_are_refused_with_their_sizes(series):
    folder, _ = series()
    series((0, 1), SeriesInstanceUID="7.7.Secret")
    with pytest.raises(UnreadableInput, match=r"2 CT series \(of 4, 2 slices\)") as refusal:
        liverseg.read(folder)
    assert "Secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"heights": (0, 2.5, 2.5, 5)}, "same place"),
        ({"heights": (0, 2.5, 5, 10)}, "missing"),
        ({"step": (0, 2.5)}, "sheared"),
        ({"ImagePositionPatient": None}, "no position"),
        ({"ImageOrientationPatient": None}, "no orientation"),
    ],
)
def test_irregular_series_are_refused_with_the_reason(options, reason, series):
    with pytest.raises(UnreadableInput, match=reason):
        liverseg.read(series(**options)[0])


@pytest.mark.parametrize(
    "tags, reason",
    [
        ({"PixelSpacing": [0.9, 0.9]}, "pixel spacing"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.96, 0.28]}, "parallel"),
    ],
)
def test_a_slice_that_does_not_fit_is_refused(tags, reason, series):
    folder, _ = series()
    series((10,), **tags)
    with pytest.raises(UnreadableInput, match=reason):
        liverseg.read(folder)


def test_slices_of_two_sizes_are_refused(series, synthetic_hu, dicom_file):
    folder, _ = series()
    dicom_file(synthetic_hu(90, 90), folder=folder, ImagePositionPatient=[-100, -100, 10])
    with pytest.raises(UnreadableInput, match="size"):
        liverseg.read(folder)


def test_a_coronal_series_of_few_slices_and_mr_are_refused(series):
    folder, paths = series(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [-100, 3 * k, 50]
        dataset.save_as(path)
    with pytest.raises(NotCT, match="only 4 slices"):
        liverseg.read(folder)
    with pytest.raises(NotCT, match="MR"):
        liverseg.read(series(folder="mr", Modality="MR")[0])


def test_nothing_to_read(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.dcm").write_text("no DICOM")
    for source in (tmp_path / "empty", tmp_path / "text", [], as_zip([], tmp_path / "a.zip")):
        with pytest.raises(UnreadableInput, match="no DICOM"):
            liverseg.read(source)
    with pytest.raises(UnreadableInput):
        liverseg.read([tmp_path / "missing"])


def test_zip_caps(series, tmp_path, monkeypatch):
    _, paths = series()
    path = as_zip(paths, tmp_path / "a.zip")
    monkeypatch.setattr(sources, "MAX_FILES", 3)
    for source in (path, paths):
        with pytest.raises(InputTooLarge, match="more than 3 files"):
            liverseg.read(source)
    monkeypatch.undo()
    size = path.stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(limits, "MAX_FILE_BYTES", size - 1000)
        with pytest.raises(InputTooLarge):
            liverseg.read(path)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(5_000_000))
    with pytest.raises(InputTooLarge, match="unpacks"):
        liverseg.read(bomb)


def test_damaged_and_encrypted_zips(series, tmp_path):
    path = as_zip(series()[1], tmp_path / "a.zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableInput, match="zip is damaged"):
        liverseg.read(path)
    flagged = bytearray(whole)
    flagged[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(flagged)
    with pytest.raises(UnreadableInput, match="encrypted"):
        liverseg.read(path)
