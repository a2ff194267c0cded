"""Result folders are updated all at once, and the date on results can be fixed."""

from __future__ import annotations

import os
from datetime import date

import pytest

from liverseg.errors import InvalidSetting
from liverseg.io.files import DATE_VARIABLE, result_date, staging_folder


def test_files_appear_only_when_the_context_ends(tmp_path):
    (tmp_path / "labels.png").write_text("old")
    with staging_folder(tmp_path) as stage:
        (stage / "labels.png").write_text("new")
        (stage / "report.json").write_text("{}")
        assert (tmp_path / "labels.png").read_text() == "old"
        assert not (tmp_path / "report.json").exists()
    assert (tmp_path / "labels.png").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["labels.png", "report.json"]


def test_an_error_leaves_the_old_files_and_no_temporary_folder(tmp_path):
    (tmp_path / "report.json").write_text("old")
    with pytest.raises(KeyError), staging_folder(tmp_path) as stage:
        (stage / "report.json").write_text("new")
        raise KeyError
    assert os.listdir(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "old"


def test_a_missing_folder_is_refused_without_naming_it(tmp_path):
    with pytest.raises(InvalidSetting, match="no such file") as refusal, staging_folder(tmp_path / "missing"):
        pass
    assert "missing" not in str(refusal.value)


@pytest.mark.parametrize("value", ["", "yesterday", "9" * 30])
def test_an_invalid_date_is_ignored(value, monkeypatch):
    monkeypatch.setenv(DATE_VARIABLE, value)
    assert result_date() == date.today()


def test_the_date_is_that_of_the_environment_in_utc(monkeypatch):
    monkeypatch.setenv(DATE_VARIABLE, "86399")
    assert result_date() == date(1970, 1, 1)


def test_numbered_files_of_an_earlier_run_do_not_mix_with_the_new_ones(tmp_path):
    for name in ("picture_0001.dcm", "picture_0007.dcm", "picture_x.dcm", "other_0001.dcm", "labels.png"):
        (tmp_path / name).write_text("old")
    with staging_folder(tmp_path) as stage:
        (stage / "picture_0007.dcm").write_text("new")
    assert sorted(os.listdir(tmp_path)) == [
        "labels.png",
        "other_0001.dcm",
        "picture_0007.dcm",
        "picture_x.dcm",
    ]
    assert (tmp_path / "picture_0007.dcm").read_text() == "new"
