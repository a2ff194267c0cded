"""The endpoints of a served page, called with `gradio_client` as other programs do."""

from __future__ import annotations

import json
import os
import re
import threading
import time
import zipfile
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pydicom
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import liverseg
from liverseg.__main__ import main
from liverseg.app.launch import launch_options
from liverseg.app.page.layout import build
from liverseg.app.server.retention import sweep_folder
from liverseg.core.slicing import single_slice, single_slice_segmentation
from liverseg.core.window import Window
from liverseg.inference.progress import RunMonitor
from liverseg.io import FORMATS
from liverseg.phantom import make, write
from liverseg.rendering.comparison import compared_pictures


@pytest.fixture(scope="module")
def url(checkpoints, examples, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
    page: gr.Blocks = build(checkpoints, examples)
    _, address, _ = page.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    yield address
    page.close()
    patch.undo()


@pytest.fixture(scope="module")
def client(url, tmp_path_factory):
    return Client(url, verbose=False, download_files=str(tmp_path_factory.mktemp("answers")))


def expected(checkpoints, path, ref=None, threshold=None, **reading):
    ct = liverseg.read(path, **reading)
    return liverseg.measure(ct, checkpoints.segmenter(ref).segment(ct, threshold=threshold)).to_dict()


def without_time(report: dict) -> dict:
    return {key: value for key, value in report.items() if key != "timing_s"}


def sizes(paths) -> set[tuple[int, int]]:
    return {Image.open(path).size for path in paths}


def test_a_file_alone_is_enough(client, checkpoints, png):
    *pictures, report = client.predict(handle_file(png), api_name="/segment")
    assert without_time(report) == without_time(expected(checkpoints, png))
    assert report["tumour"]["pixels"] > 0 and report["tumour"]["area_mm2"] is None
    assert len(pictures) == 3 and len(sizes(pictures)) == 1
    assert all(Image.open(path).format == "PNG" for path in pictures)
    assert "MUSTERMANN" not in json.dumps(report)


def test_every_argument_has_its_effect(client, checkpoints, nifti):
    first = client.predict(handle_file(nifti), api_name="/segment")
    other = client.predict(
        file=handle_file(nifti),
        checkpoint="segformer-b0-fast",
        slice=1,
        window_center=60,
        window_width=150,
        threshold=0.2,
        api_name="/segment",
    )
    assert without_time(first[3]) == without_time(expected(checkpoints, nifti))
    ct = liverseg.read(nifti)
    seg = checkpoints.segmenter("segformer-b0-fast").segment(ct, threshold=0.2, only_slice=1)
    one = liverseg.measure(single_slice(ct, 1), single_slice_segmentation(seg, 1)).to_dict()
    assert without_time(other[3]) == without_time(one) and one["input"]["kind"] == "slice"
    assert other[3]["checkpoint"]["ref"] == "segformer-b0-fast@0.3.0"
    assert not np.array_equal(Image.open(first[0]), Image.open(other[0]))


def test_the_window_of_a_picture_determines_its_hu(client, checkpoints, png):
    report = client.predict(handle_file(png), window_center=60, window_width=200, api_name="/segment")[3]
    assert without_time(report) == without_time(expected(checkpoints, png, window=Window(60, 200)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"slice": 4}, "There is no slice 4"),
        ({"slice": 1.5}, "whole number, not 1.5"),
        ({"series": 1.5}, "whole number, not 1.5"),
        ({"series": 2}, "Only DICOM holds several series"),
        ({"checkpoint": "no-such"}, "no-such"),
        ({"threshold": 0}, "threshold"),
        ({"window_width": 0}, "width"),
    ],
)
def test_a_refused_setting_is_a_sentence(client, nifti, arguments, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(nifti), **arguments, api_name="/segment")


def test_after_a_refused_file_the_server_answers_the_next_call(client, text_file, png, capfd):
    with pytest.raises(AppError, match="The file holds text, not an image"):
        client.predict(handle_file(text_file), api_name="/segment")
    assert client.predict(handle_file(png), api_name="/segment")[3]["tumour"]["pixels"] > 0
    output = capfd.readouterr()
    assert "MUSTERMANN" not in output.out + output.err and "Traceback" not in output.err


def test_checkpoints_are_listed(client):
    listed = client.predict(api_name="/checkpoints")
    assert [entry["ref"] for entry in listed] == ["segformer-b0@1.0.0", "segformer-b0-fast@0.3.0"]
    assert listed[0]["dice"]["tumour"] == 0.463 and len(listed[0]["sha256"]) == 64


B0, FAST = "segformer-b0", "segformer-b0-fast"


def test_two_checkpoints_are_compared(client, checkpoints, nifti):
    *pictures, comparison = client.predict(handle_file(nifti), B0, FAST, api_name="/compare")
    assert set(comparison) == {"agreement", "report_a", "report_b"}
    ct = liverseg.read(nifti)
    a, b = (checkpoints.segmenter(ref).segment(ct) for ref in (B0, FAST))
    agreement = liverseg.compare(ct, a, b)
    assert comparison["agreement"] == json.loads(json.dumps(agreement.to_dict()))
    for side, ref in (("a", B0), ("b", FAST)):
        assert without_time(comparison[f"report_{side}"]) == without_time(expected(checkpoints, nifti, ref))
    drawn = compared_pictures(ct, a, b, agreement.most_different_slice)
    for path, picture in zip(pictures, drawn, strict=True):
        assert np.array_equal(Image.open(path), picture)
    assert "MUSTERMANN" not in json.dumps(comparison)


def test_every_argument_of_a_comparison_has_its_effect(client, checkpoints, nifti):
    *pictures, comparison = client.predict(
        file=handle_file(nifti),
        checkpoint_a=FAST,
        checkpoint_b=B0,
        slice=1,
        window_center=60,
        window_width=150,
        threshold=0.2,
        api_name="/compare",
    )
    ct = liverseg.read(nifti)
    segs = [checkpoints.segmenter(ref).segment(ct, threshold=0.2, only_slice=1) for ref in (FAST, B0)]
    one, (a, b) = single_slice(ct, 1), (single_slice_segmentation(seg, 1) for seg in segs)
    assert comparison["agreement"] == json.loads(json.dumps(liverseg.compare(one, a, b).to_dict()))
    assert (
        comparison["report_a"]["input"]["kind"] == "slice"
        and comparison["report_a"]["tumour_threshold"] == 0.2
    )
    drawn = compared_pictures(one, a, b, 0, Window(60, 150))
    assert all(np.array_equal(Image.open(path), pic) for path, pic in zip(pictures, drawn, strict=True))


@pytest.mark.parametrize(
    ("checkpoint_a", "checkpoint_b", "sentence"),
    [(B0, "no-such", "no-such"), ("no-such", B0, "no-such"), (B0, "", "Name two checkpoints")],
)
def test_a_comparison_with_an_unknown_checkpoint_is_refused(
    client, png, checkpoint_a, checkpoint_b, sentence
):
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(png), checkpoint_a, checkpoint_b, api_name="/compare")


def files_of(report: dict) -> dict[str, Path]:
    """The files of an answer by name; their sizes are those that the answer gives."""
    assert all(Path(entry["file"]).stat().st_size == entry["bytes"] for entry in report["files"])
    return {entry["name"]: Path(entry["file"]) for entry in report["files"]}


def command_files(folder: Path, path: str, *options: str) -> dict[str, bytes]:
    assert main(["segment", path, "--out", str(folder), *options]) == 0
    return {written.name: written.read_bytes() for written in folder.iterdir()}


@pytest.fixture
def registry(registry_folder, monkeypatch):
    """The commands use the checkpoints of the server."""
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(registry_folder))


def test_files_are_those_of_the_command(client, nifti, tmp_path, registry):
    formats = "nifti,glb,csv,json"
    settings = {"checkpoint": FAST, "threshold": 0.3}
    report = client.predict(handle_file(nifti), **settings, formats=formats, api_name="/segment")[3]
    given = files_of(report)
    options = ("--checkpoint", FAST, "--threshold", "0.3", "--engine", "torch", "--formats", formats)
    written = command_files(tmp_path / "out", nifti, *options)
    assert set(given) == set(written) - {"overview.png"}
    for name in ("labels.nii.gz", "tumour_probability.nii.gz", "lesions.nii.gz", "mesh.glb", "report.csv"):
        assert given[name].read_bytes() == written[name], name
    file = json.loads(given["report.json"].read_text())
    assert file == {key: value for key, value in report.items() if key != "files"}
    assert without_time(file) == without_time(json.loads(written["report.json"]))


def test_one_slice_of_a_volume_has_png_files(client, nifti, tmp_path, registry):
    report = client.predict(handle_file(nifti), slice=2, formats="png", api_name="/segment")[3]
    options = ("--slice", "2", "--formats", "png", "--engine", "torch")
    written = command_files(tmp_path / "out", nifti, *options)
    given = {name: path.read_bytes() for name, path in files_of(report).items()}
    assert set(given) == {"labels.png", "tumour_probability.png", "lesions.png"}
    assert given.items() <= written.items()


def test_a_dicom_series_of_a_zip_has_every_dicom_result(client, tmp_path):
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for number in (1, 2):
            files = write(make("volume", seed=number, size=128, slices=6), tmp_path / str(number), "dicom")
            for file in sorted(files[0].parent.glob("*.dcm")):
                image = pydicom.dcmread(file)
                image.SeriesNumber = number
                image.save_as(file)
                archive.write(file, f"{number}-{file.name}")
    answer = client.predict(
        handle_file(tmp_path / "study.zip"), series=2, formats="seg,rtstruct,sr,sc", api_name="/segment"
    )
    given = files_of(answer[3])
    wanted = {"segmentation.dcm": "SEG", "rtstruct.dcm": "RTSTRUCT", "structured_report.dcm": "SR"}
    captures = set(given) - set(wanted)
    assert captures and all(re.fullmatch(r"secondary_capture_\d{4}\.dcm", name) for name in captures)
    wanted |= dict.fromkeys(captures, "OT")
    for name, path in given.items():
        made = pydicom.dcmread(path)
        assert made.Modality == wanted[name] and made.StudyInstanceUID == image.StudyInstanceUID


def test_all_lists_what_is_there_and_why_the_rest_is_not(client, png):
    report = client.predict(handle_file(png), formats="all", api_name="/segment")[3]
    reasons = {entry["format"]: entry["reason"] for entry in report["files"] if "reason" in entry}
    assert reasons == {
        "seg": "DICOM SEG: the input is not DICOM.",
        "rtstruct": "DICOM RTSTRUCT: the input is not DICOM.",
        "sr": "DICOM SR: the input is not DICOM.",
        "sc": "DICOM secondary capture: the input is not DICOM.",
        "glb": "3D surface (GLB): a mesh needs a volume, and a single slice is none.",
    }
    there = {entry["format"] for entry in report["files"] if "file" in entry}
    assert there == set(FORMATS) - set(reasons)


@pytest.mark.parametrize(
    ("formats", "sentence"),
    [
        ("seg,csv", r"^DICOM SEG: the input is not DICOM; leave out the format seg\.$"),
        ("png", r"^PNG: a picture holds one slice, .*; ask for nifti, or name one slice\.$"),
        ("tiff", r"^The format 'tiff' is not known: choose among .*\.$"),
    ],
)
def test_an_impossible_format_is_refused_before_the_network_runs(client, nifti, runs, formats, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(nifti), formats=formats, api_name="/segment")
    assert not runs


def test_a_comparison_has_the_files_of_both(client, nifti):
    comparison = client.predict(handle_file(nifti), B0, FAST, formats="nifti", api_name="/compare")[3]
    for side, ref in (("a", B0), ("b", FAST)):
        given = files_of(comparison[f"report_{side}"])
        alone = client.predict(handle_file(nifti), ref, formats="nifti", api_name="/segment")[3]
        for name, path in files_of(alone).items():
            assert given[name].read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("name", "arguments", "count"), [("/segment", (), 4), ("/compare", (B0, FAST), 8)])
def test_a_client_sees_the_progress_of_a_run(client, nifti, monkeypatch, name, arguments, count):
    """The run waits at its last slice until the client has seen how many slices are done."""
    seen, tell = threading.Event(), RunMonitor.done

    def done(self, slices=None):
        tell(self, slices)
        if self._done == self.slices:
            seen.wait(60)

    monkeypatch.setattr(RunMonitor, "done", done)
    job = client.submit(handle_file(nifti), *arguments, api_name=name)
    steps = set()
    while not job.done():
        for unit in job.status().progress_data or ():
            if unit.desc == "Segmenting":
                steps.add((unit.index, unit.length, unit.unit))
                seen.set()
        time.sleep(0.005)
    assert job.result() and steps
    assert {length for _, length, _ in steps} == {count} and {unit for *_, unit in steps} == {"slices"}
    assert all(0 < index <= count for index, *_ in steps)


def test_files_are_deleted_on_the_schedule_of_the_uploads(client, png):
    client.predict(handle_file(png), formats="csv", api_name="/segment")
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    stored = [path.read_bytes() for path in folder.rglob("report.csv")]
    assert stored and len(set(stored)) == len(stored), "each is stored once"
    sweep_folder(folder, 60)
    assert list(folder.rglob("report.csv"))
    sweep_folder(folder, -1)
    assert not list(folder.rglob("report.csv"))


def test_only_the_named_endpoints_are_public(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == {"/segment", "/compare", "/checkpoints"}
    parameters = {p["parameter_name"]: p for p in named["/segment"]["parameters"]}
    names = [
        "file",
        "checkpoint",
        "slice",
        "window_center",
        "window_width",
        "threshold",
        "series",
        "lesion_cut",
        "formats",
    ]
    assert list(parameters) == names
    assert [name for name, p in parameters.items() if not p["parameter_has_default"]] == ["file"]
    parameters = {p["parameter_name"]: p for p in named["/compare"]["parameters"]}
    needed = [name for name, p in parameters.items() if not p["parameter_has_default"]]
    assert needed == ["file", "checkpoint_a", "checkpoint_b"]
    assert list(parameters)[3:] == [
        "slice",
        "window_center",
        "window_width",
        "threshold",
        "series",
        "lesion_cut",
        "formats",
    ]


def test_the_page_loads_nothing_from_other_hosts(url):
    config = httpx.get(f"{url}config", timeout=30).json()
    assert config["analytics_enabled"] is False
    assert not [sheet for sheet in config["stylesheets"] if sheet and sheet.startswith("http")]
    css = httpx.get(f"{url}theme.css", timeout=30).text
    assert ":root" in css and not re.search(r"@import|url\(.?https?:", css)


def test_uploads_are_stored_in_the_folder_of_the_app(client, png):
    client.predict(handle_file(png), api_name="/segment")
    kept = list(Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*.png"))
    assert kept
