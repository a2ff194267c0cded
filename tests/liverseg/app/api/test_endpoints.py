"""The endpoints of a served page, called with `gradio_client` as other programs do."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import liverseg
from liverseg.app.launch import launch_options
from liverseg.app.page.layout import build
from liverseg.core.slicing import single_slice, single_slice_segmentation
from liverseg.core.window import Window
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
