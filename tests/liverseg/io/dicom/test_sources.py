"""Folders, lists and zip archives as sources of files, within limits."""

from __future__ import annotations

import zipfile

import pytest

import liverseg
from liverseg.core import limits
from liverseg.errors import InputTooLarge, SeriesChoice, UnreadableInput
from liverseg.io.dicom import sources
from tests.liverseg.io.dicom.series_files import as_zip


def test_too_many_files_and_zip_bombs_are_refused(series, tmp_path, monkeypatch):
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


def test_damaged_and_encrypted_zips_are_refused(series, tmp_path):
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


def test_links_of_a_folder_are_named_beside_the_series_and_where_there_is_none(series, tmp_path):
    folder, paths = series()
    links = tmp_path / "links"
    links.mkdir()
    for path in paths:
        (links / path.name).symlink_to(path)
    with pytest.raises(UnreadableInput) as refusal:
        liverseg.read(links)
    assert str(refusal.value) == (
        "There is no DICOM CT image in the folder; 4 links that lead out of the folder were not followed."
    )
    (folder / "gone").symlink_to(tmp_path / "series" / "nothing")
    assert liverseg.read(folder).warnings == (
        "1 link leads to a file that is not there (git-annex and DataLad fetch it with get).",
    )
    assert liverseg.read([links / path.name for path in paths]).shape[0] == 4  # named one by one


def test_a_series_of_git_annex_is_the_series_of_its_content(series, tmp_path):
    folder, paths = series()
    store = tmp_path / "data" / ".git" / "annex" / "objects"
    study = tmp_path / "data" / "study"
    store.mkdir(parents=True)
    study.mkdir()
    for k, path in enumerate(paths):
        (store / f"KEY{k}").write_bytes(path.read_bytes())
        (study / path.name).symlink_to(f"../.git/annex/objects/KEY{k}")
    expected = liverseg.read(folder)
    for given in (study, tmp_path / "data"):
        ct = liverseg.read(given)
        assert ct.sha256 == expected.sha256 and ct.warnings == ()


def test_a_damaged_file_in_a_zip_is_a_doubt_about_the_others(series, tmp_path):
    path = as_zip(series()[1], tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x03\x04") + 8_000] ^= 255  # a byte of the pixels of the last file
    path.write_bytes(data)
    with pytest.raises(SeriesChoice) as refusal:
        liverseg.read(path)
    sentence = "One file of the series cannot be read: the zip is damaged at this file."
    assert str(refusal.value) == sentence and len(refusal.value.series) == 2
    ct = liverseg.read(path, series=1)
    assert ct.shape[0] == 3
    assert ct.warnings == (sentence[:-1] + "; the slices of this volume may be incomplete.",)
