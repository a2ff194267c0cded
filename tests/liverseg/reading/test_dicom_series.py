"""DICOM series from a folder, a list and a zip: order, spacing, and irregular ones refused."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

import liverseg
from liverseg import limits
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.reading import dicom_series


@pytest.fixture
def series(synthetic_hu, dicom_file, tmp_path):
    """Write slices with seed k at heights[k]; returns the folder and the paths."""

    def write(heights=(0, 2.5, 5, 7.5), folder="series", step=(0, 0), **tags):
        (tmp_path / folder).mkdir(exist_ok=True)
        paths = []
        for k, height in enumerate(heights):
            slope = [1.0, 0.5][k % 2]
            stored = (synthetic_hu(seed=k) / slope).astype(np.int16)
            elements = {
                "ImagePositionPatient": [step[0] * k - 100, step[1] * k - 100, height],
                "RescaleSlope": str(slope),
            } | tags
            paths.append(dicom_file(stored, folder=tmp_path / folder, **elements))
        return tmp_path / folder, paths

    return write


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
        ({"step": (0, 0.5)}, "tilt"),
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


def test_coronal_and_mr_series_are_refused(series):
    with pytest.raises(NotCT, match="axial"):
        liverseg.read(series(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])[0])
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
    monkeypatch.setattr(dicom_series, "MAX_FILES", 3)
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
