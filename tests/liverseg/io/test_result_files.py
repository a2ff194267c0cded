"""The files of a result format by format: the bytes of the command, reasons, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS, encoders
from liverseg.io.encoders import Results
from liverseg.io.formats import TITLES, check_formats, reason_against
from liverseg.io.result_files import store_formats
from liverseg.io.write import write_results
from tests.liverseg.io.results import nifti_result, picture_result


@pytest.fixture
def store(tmp_path):
    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def results_of(result) -> Results:
    return Results(*result, None, None)


@pytest.mark.parametrize("result", [nifti_result, picture_result])
def test_every_format_is_stored_as_the_command_writes_it_or_has_its_reason(result, store, tmp_path):
    ct, seg, report = result()
    stored = store_formats(results_of((ct, seg, report)), FORMATS, store)
    assert [one.format for one in stored] == list(TITLES)
    possible = [one.format for one in stored if one.files]
    written = write_results(tmp_path / "command", ct, seg, report, check_formats(ct, possible))
    names = {file.name: file for one in stored for file in one.files}
    assert set(names) == {path.name for path in written} - {"overview.png"}
    for path in written:
        if path.name != "overview.png":
            assert names[path.name].path.read_bytes() == path.read_bytes()
            assert names[path.name].size == path.stat().st_size
    for one in stored:
        assert (one.reason or None) == reason_against(ct, one.format)


def test_only_the_formats_that_are_asked_for_are_stored(store, tmp_path):
    (stored,) = store_formats(results_of(nifti_result()), ["csv"], store)
    assert [file.name for file in stored.files] == ["report.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_a_format_that_fails_costs_no_other(store, monkeypatch):
    def fails(results):
        raise InvalidSetting("The mesh has no surface.")
        yield

    monkeypatch.setitem(encoders.ENCODERS, "glb", fails)
    stored = {one.format: one for one in store_formats(results_of(nifti_result()), ["glb", "csv"], store)}
    assert stored["glb"].reason == "The mesh has no surface." and not stored["glb"].files
    assert stored["csv"].files


def test_files_beyond_the_limit_are_not_kept(store, tmp_path):
    stored = store_formats(results_of(nifti_result()), ["nifti", "csv"], store, most_bytes=1500)
    assert stored[0].reason == "NIfTI: the files of this result are larger than 1 GB together."
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"] and stored[1].files
