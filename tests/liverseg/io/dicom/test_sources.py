"""Folders, lists and zip archives as sources of files, within limits."""

from __future__ import annotations

import zipfile

import pytest

import liverseg
from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.dicom import sources
from tests.liverseg.io.dicom.series_files import as_zip


def test_files_below_a_folder_are_in_order_without_links(tmp_path):
    for name in ("b/2", "b/1", "a/x/3", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "c")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in sources.files_below(tmp_path)]
    assert found == ["c", "a/x/3", "b/1", "b/2"]


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
