"""The downloads of a result: which files there are, when they are made again, and when they are deleted."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from liverseg.app.html import downloads as html
from liverseg.app.html import page_text
from liverseg.app.page import downloads
from liverseg.app.page.prepared_files import ZIP_NAME, prepare_files
from liverseg.app.server import retention
from liverseg.app.state.view import View
from liverseg.app.text.catalogue import say
from liverseg.core.window import Window
from liverseg.io import FORMATS, encoders
from liverseg.io.formats import DICOM_FORMATS
from liverseg.io.write import ResultView, write_results


@pytest.fixture(autouse=True)
def upload_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return tmp_path / "gradio"


@pytest.fixture
def encoded(monkeypatch) -> list[str]:
    """The formats that were encoded, in order."""
    seen: list[str] = []

    def counted(name, encoder):
        def encode(results):
            seen.append(name)
            return encoder(results)

        return encode

    for name, encoder in list(encoders.ENCODERS.items()):
        monkeypatch.setitem(encoders.ENCODERS, name, counted(name, encoder))
    return seen


def contents_of(prepared) -> dict[str, bytes]:
    return {file.name: file.path.read_bytes() for file in prepared.files()}


def reasons_of(prepared) -> dict[str, str]:
    return {stored.format: stored.reason for stored in prepared.listing.formats if stored.reason}


def test_the_files_are_those_of_the_command_and_the_zip_holds_them(volume_analysis, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    view = View(2, Window(60, 200))
    prepared = prepare_files(volume_analysis, view, None)
    ct, seg, report = volume_analysis.ct, volume_analysis.seg, volume_analysis.report
    for formats, index in ((("nifti", "glb", "csv"), None), (("pdf",), 2)):
        write_results(tmp_path / "command", ct, seg, report, formats, ResultView(view.window, index))
    written = (tmp_path / "command").iterdir()
    assert contents_of(prepared) == {path.name: path.read_bytes() for path in written}
    with zipfile.ZipFile(prepared.listing.zip.path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents_of(prepared)
        assert json.loads(archive.read("report.json")) == report.to_dict()
    assert prepared.listing.zip.path.name == ZIP_NAME


def test_every_format_has_files_or_a_reason(volume_analysis, picture_analysis):
    for analysis, missing in ((volume_analysis, {"png", *DICOM_FORMATS}), (picture_analysis, None)):
        prepared = prepare_files(analysis, View(0), None)
        assert {stored.format for stored in prepared.listing.formats} == set(FORMATS)
        assert set(reasons_of(prepared)) == (missing or {*DICOM_FORMATS, "glb"})
        assert {"report.json", "report.pdf", "overview.png"} <= set(contents_of(prepared))


def test_another_slice_renews_only_what_shows_it(volume_analysis, encoded):
    first = prepare_files(volume_analysis, View(1), None)
    before = contents_of(first)
    encoded.clear()
    assert prepare_files(volume_analysis, View(1, opacity=1), first) is first and not encoded
    second = prepare_files(volume_analysis, View(2), first)
    assert encoded == ["pdf"] and second.listing.shown_slice == 3
    after = contents_of(second)
    assert {name for name in after if after[name] != before[name]} == {"report.pdf", "overview.png"}
    with zipfile.ZipFile(second.listing.zip.path) as archive:
        assert archive.read("overview.png") == after["overview.png"]


def test_another_result_has_new_files_and_the_old_ones_are_deleted(volume_analysis, upload_folder):
    first = prepare_files(volume_analysis, View(1), None)
    moved = volume_analysis.at_threshold(0.9)
    second = prepare_files(moved, View(1), first)
    assert second.is_of(moved) and not second.is_of(volume_analysis) and not first.folder.exists()
    assert json.loads(contents_of(second)["report.json"])["tumour_threshold"] == 0.9
    assert [folder.name for folder in upload_folder.iterdir()] == [second.folder.name]


def test_files_that_have_expired_are_made_again(volume_analysis, encoded, upload_folder):
    first = prepare_files(volume_analysis, View(1), None)
    retention.sweep_folder(upload_folder, page_text.KEEP_MINUTES * 60)
    assert first.kept()
    retention.sweep_folder(upload_folder, -1)
    assert not first.kept() and not first.folder.exists()
    encoded.clear()
    second = prepare_files(volume_analysis, View(1), first)
    assert "nifti" in encoded and second.kept()


def test_files_that_expire_soon_are_made_again(volume_analysis, monkeypatch):
    first = prepare_files(volume_analysis, View(1), None)
    monkeypatch.setattr("liverseg.app.page.prepared_files.REUSE_S", -1)
    second = prepare_files(volume_analysis, View(1), first)
    assert second.folder != first.folder and not first.folder.exists()


def test_a_comparison_is_among_the_files(volume_analysis, checkpoints):
    from liverseg.app.state import session

    other = session.analyse_upload(
        volume_analysis.sources, volume_analysis.ct, checkpoints.segmenter("segformer-b0-fast")
    )
    compared = volume_analysis.with_second(other)
    first = prepare_files(volume_analysis, View(1), None)
    prepared = prepare_files(compared, View(1), first)
    assert not first.is_of(compared)
    names = {"report_a.json", "report_b.json", "comparison.png", "comparison.json"}
    assert names <= set(contents_of(prepared))
    with zipfile.ZipFile(prepared.listing.zip.path) as archive:
        assert set(archive.namelist()) == set(contents_of(prepared))


def test_opening_the_tab_prepares_and_lists_without_a_button(volume_analysis):
    started = downloads.start(True, volume_analysis, True, None)
    assert say("downloads.preparing") in started["files"]["value"]
    prepared = downloads.prepare(True, volume_analysis, None, View(1))["prepared"]
    listed = downloads.show(True, volume_analysis, prepared)["files"]["value"]
    for file in (prepared.listing.zip, *prepared.files()):
        assert f'href="gradio_api/file={file.path}"' in listed and html.size_text(file.size) in listed
    for reason in reasons_of(prepared).values():
        assert reason in listed
    assert set(downloads.start(True, volume_analysis, True, prepared)) == {"downloads_wanted"}


def test_a_closed_tab_prepares_nothing_and_a_changed_result_clears_the_list(volume_analysis, encoded):
    prepared = prepare_files(volume_analysis, View(1), None)
    moved = volume_analysis.at_threshold(0.9)
    encoded.clear()
    assert downloads.start(False, moved, True, prepared) == {"files": {**HIDDEN}}
    assert downloads.prepare(False, moved, prepared, View(1)) == {} and not encoded
    assert downloads.show(False, moved, prepared) == {}


HIDDEN = {"__type__": "update", "value": "", "visible": False}


def test_files_of_a_result_that_changed_meanwhile_are_not_listed(volume_analysis):
    prepared = prepare_files(volume_analysis, View(1), None)
    assert downloads.show(True, volume_analysis.at_threshold(0.9), prepared) == {}
    rejected = replace(volume_analysis, report=replace(volume_analysis.report))
    assert downloads.show(True, rejected, prepared) == {}, "any new report is another result"


def test_without_a_result_the_tab_says_so(volume_analysis):
    empty = downloads.start(True, None, False, None)
    assert say("downloads.none") in empty["files"]["value"] and "problem" not in empty
    expired = downloads.start(True, None, True, prepare_files(volume_analysis, View(1), None))
    assert say("expired") in expired["problem"]
    assert downloads.prepare(True, None, None, View(0)) == {} and downloads.show(True, None, None) == {}


def test_a_failure_is_a_sentence_and_leaves_no_files(volume_analysis, monkeypatch, upload_folder):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liverseg.app.page.prepared_files.write_zip", full)
    made = downloads.prepare(True, volume_analysis, None, View(1))
    assert made["prepared"] is None and 'role="alert"' in made["problem"]
    assert list(upload_folder.iterdir()) == []
    assert downloads.show(True, volume_analysis, None) == {"files": HIDDEN}


def test_the_addresses_are_those_of_files_in_the_upload_folder(volume_analysis, upload_folder):
    prepared = prepare_files(volume_analysis, View(1), None)
    assert all(Path(file.path).is_relative_to(upload_folder) for file in prepared.files())
    assert len(prepared.folder.name) == 64
