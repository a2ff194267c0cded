"""Result folders: which files are written, their content, and failures."""

from __future__ import annotations

import csv
import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from liverseg.core.window import Window
from liverseg.errors import InvalidSetting, LiversegError
from liverseg.io.write import ResultView, write_results
from liverseg.rendering.slice_view import overview
from tests.liverseg.io.results import nifti_result, picture_result


def test_overview_uses_the_window_of_the_picture_by_default(tmp_path):
    ct, seg, report = picture_result(assumed_window=Window(60, 200))
    write_results(tmp_path, ct, seg, report)
    drawn = cv2.imread(str(tmp_path / "overview.png"))[..., ::-1]
    np.testing.assert_array_equal(drawn, overview(ct, seg, 0, Window(60, 200)))
    write_results(tmp_path, ct, seg, report, view=ResultView(Window(0, 100)))
    other = cv2.imread(str(tmp_path / "overview.png"))[..., ::-1]
    np.testing.assert_array_equal(other, overview(ct, seg, 0, Window(0, 100)))


def test_json_and_csv_hold_the_report(tmp_path):
    ct, seg, report = nifti_result()
    write_results(tmp_path, ct, seg, report, ["csv", "json"])
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == json.loads(report.to_json())
    with open(tmp_path / "report.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(report.lesions) == 1
    assert set(os.listdir(tmp_path)) == {"report.json", "report.csv", "overview.png"}


def test_the_same_result_gives_the_same_bytes(tmp_path):
    ct, seg, report = nifti_result()
    first = {path.name: path.read_bytes() for path in write_results(tmp_path / "a", ct, seg, report)}
    second = {path.name: path.read_bytes() for path in write_results(tmp_path / "b" / "c", ct, seg, report)}
    assert first == second


def test_unwritable_folders_are_refused_in_one_sentence(tmp_path):
    ct, seg, report = picture_result()
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(
        LiversegError, match=r"^The results cannot be written to the output folder: .*\.$"
    ) as refusal:
        write_results(tmp_path / "taken", ct, seg, report)
    assert "taken" not in str(refusal.value)
    with pytest.raises(LiversegError, match="output folder"):
        write_results(tmp_path / "taken" / "below", ct, seg, report)


def test_a_full_disk_leaves_the_old_files_and_no_partial_file(tmp_path, monkeypatch):
    ct, seg, report = picture_result()
    write_results(tmp_path, ct, seg, report)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def half_written(path: Path, content: bytes) -> int:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half_written)
    empty = seg.at_threshold(1.0)
    with pytest.raises(LiversegError, match="no space left"):
        write_results(tmp_path, ct, empty, replace(report, lesions=()))
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}


def test_unknown_formats_and_slices_are_refused_before_anything_is_written(tmp_path):
    ct, seg, report = picture_result()
    with pytest.raises(
        InvalidSetting, match="'tiff'.*png, nifti, seg, rtstruct, sr, sc, csv, json, pdf, glb"
    ):
        write_results(tmp_path / "x", ct, seg, report, ["png", "tiff"])
    with pytest.raises(InvalidSetting):
        write_results(tmp_path / "x", ct, seg, report, view=ResultView(slice_index=5))
    assert not (tmp_path / "x").exists()


def test_files_have_default_permissions(tmp_path):
    ct, seg, report = picture_result()
    (tmp_path / "plain").write_text("")
    usual = (tmp_path / "plain").stat().st_mode
    assert {path.stat().st_mode for path in write_results(tmp_path, ct, seg, report)} == {usual}


def test_a_mesh_of_a_slice_is_refused_before_anything_is_written(tmp_path):
    ct, seg, report = picture_result()
    with pytest.raises(InvalidSetting, match="needs a volume"):
        write_results(tmp_path / "x", ct, seg, report, ["nifti", "glb"])
    assert not (tmp_path / "x").exists()
