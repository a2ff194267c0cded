"""The call that repeats a result gives the same numbers on a server, in Python and with curl."""

from __future__ import annotations

import html
import json
import re
import subprocess
from dataclasses import replace

import pytest

from liverseg.app.html.api_call import SERVER, api_call, curl_call, file_name, python_call
from liverseg.app.state import session
from liverseg.app.text.catalogue import say
from tests.liverseg.lesion_scenes import ct_of_scan, model_segmenter


@pytest.fixture(scope="module")
def moved(volume_analysis):
    """The volume at a threshold that is not the checkpoint's own."""
    return volume_analysis.at_threshold(0.62)


def test_the_python_call_gives_the_numbers_of_the_page(moved, nifti, served, capsys):
    code = python_call(moved, served.url).replace("scan.nii.gz", nifti)
    exec(compile(code, "call", "exec"), {})
    assert str(moved.report.to_dict()["tumour"]) in capsys.readouterr().out


def test_the_curl_call_gives_the_numbers_of_the_page(picture_analysis, png, served):
    code = curl_call(picture_analysis, served.url).replace("slice.png", png)
    answer = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    last = [line for line in answer.stdout.splitlines() if line.startswith("data: [")][-1]
    assert json.loads(last.removeprefix("data: "))[3]["tumour"] == picture_analysis.report.to_dict()["tumour"]


def test_the_arguments_are_those_that_matter(moved, picture_analysis):
    code = python_call(moved)
    assert "threshold=0.62," in code and "checkpoint='segformer-b0@1.0.0'," in code
    assert "window" not in code and "lesion_cut" not in code and "series" not in code
    assert "window_center=40" in python_call(picture_analysis)
    assert "series=3," in python_call(replace(moved, series=3))
    cut = session.analyse_upload([], ct_of_scan(), model_segmenter()).at_threshold(0.5, 0.7)
    assert "lesion_cut=0.7," in python_call(cut) and '"lesion_cut": 0.7' in curl_call(cut)


def test_the_name_of_the_file_says_what_the_call_takes(moved, picture_analysis):
    assert file_name(moved) == "scan.nii.gz" and file_name(picture_analysis) == "slice.png"
    of_dicom = replace(moved.report.input, source_format="dicom")
    assert file_name(replace(moved, report=replace(moved.report, input=of_dicom))) == "series.zip"


def test_the_page_shows_both_calls_whole(moved):
    shown = html.unescape(re.sub(r"<[^>]*>", "", api_call(moved)))
    assert python_call(moved) in shown and curl_call(moved) in shown
    assert api_call(moved).count(f"<span data-server>{SERVER}</span>") == 2
    assert say("api.rejected") not in shown and "MUSTERMANN" not in shown
