from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from registry import files
from registry.files import atomic_path, remove_abandoned, temporary_folder, write_atomically

ABANDONED = ".work-0123456789ab"


def test_an_atomic_write_replaces_the_file_and_sets_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, b"first")
    write_atomically(path, b"second", mode=0o600, durable=True)
    assert path.read_bytes() == b"second" and path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["file"]


def test_a_failed_atomic_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ValueError), atomic_path(path) as partial:
        partial.write_bytes(b"half")
        raise ValueError
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_a_temporary_folder_is_removed_and_survives_other_processes_while_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_YOUNG_S", 0.0)
    with temporary_folder(tmp_path, ".work-") as folder:
        (folder / "file").write_text("x")
        time.sleep(0.01)
        remove_abandoned(tmp_path, ".work-")
        assert (folder / "file").exists()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("age_s", "is_removed"), [(0.0, True), (60.0, False)])
def test_only_an_abandoned_folder_that_is_old_enough_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: float, is_removed: bool
) -> None:
    monkeypatch.setattr(files, "_YOUNG_S", age_s)
    for name in (ABANDONED, ".work-notes", "other"):
        (tmp_path / name).mkdir()
    time.sleep(0.01)
    remove_abandoned(tmp_path, ".work-")
    expected = {".work-notes", "other"} | (set() if is_removed else {ABANDONED})
    assert set(os.listdir(tmp_path)) == expected


def test_a_sole_writer_overwrites_what_its_killed_predecessor_left(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.MonkeyPatch.context() as patch, atomic_path(path, sole_writer=True) as partial:
        partial.write_text("killed")
        patch.setattr(files.os, "replace", lambda source, target: None)  # the process ends before this
        patch.setattr(files.os.path, "lexists", lambda path: False)
    assert os.listdir(tmp_path) == [partial.name]
    with atomic_path(path, sole_writer=True) as again:
        again.write_text("whole")
    assert os.listdir(tmp_path) == ["last.pt"] and path.read_text() == "whole"
