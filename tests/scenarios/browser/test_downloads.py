"""The downloads in headless Chromium: ready when their tab is opened, never those of another result."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from liverseg.__main__ import main
from liverseg.phantom import write
from tests.app_process import AppProcess
from tests.phantoms import make
from tests.scenarios.browser.chromium import Page, open_page, wait

SLICES = 6
LINKS_JS = "return [...document.querySelectorAll('#ls-files a')].map(a => [a.download, a.href])"
SET_NUMBER_JS = """
const box = document.querySelector(arguments[0] + ' input[type=number]');
box.value = arguments[1];
for (const kind of ['input', 'change', 'blur']) box.dispatchEvent(new Event(kind, {bubbles: true}));
"""


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    return write(make("volume", seed=3, size=128, slices=SLICES), folder, "nifti")[0]


@pytest.fixture(scope="module")
def page(bundled_app: AppProcess, scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_page(bundled_app.url, tmp_path_factory.mktemp("chromium")) as page:
        before = bundled_app.runs()
        page.upload(scan)
        wait(lambda: bundled_app.runs() > before, "a run of the network")
        wait(lambda: page.text("[data-measure=liver]"), "the result")
        yield page


def files(page: Page) -> dict[str, bytes]:
    """The content of every file of the list, by name."""
    served = {}
    for name, address in page.driver.execute_script(LINKS_JS):
        with urllib.request.urlopen(address, timeout=60) as answer:
            served[name] = answer.read()
    return served


def listed_threshold(page: Page) -> float | None:
    """The threshold of the listed report; None while there is no list."""
    links = dict(page.driver.execute_script(LINKS_JS))
    if "report.json" not in links:
        return None
    with urllib.request.urlopen(links["report.json"], timeout=60) as answer:
        return json.load(answer)["tumour_threshold"]


def test_the_files_are_ready_when_the_tab_is_opened_and_are_those_of_the_command(page, scan, tmp_path):
    page.open_downloads()
    served = files(page)
    options = ("--formats", "nifti,glb,csv,json", "--out", str(tmp_path / "out"))
    assert main(["segment", str(scan), *options]) == 0
    for name in ("labels.nii.gz", "tumour_probability.nii.gz", "lesions.nii.gz", "mesh.glb", "report.csv"):
        assert served[name] == (tmp_path / "out" / name).read_bytes(), name
    archive = zipfile.ZipFile(io.BytesIO(served.pop("liverseg-results.zip")))
    assert {name: archive.read(name) for name in archive.namelist()} == served


def test_every_format_has_its_size_or_its_reason(page):
    rows = {row.get_attribute("data-format"): row.text for row in page.find("#ls-files [data-format]")}
    assert set(rows) == {"nifti", "png", "seg", "rtstruct", "sr", "sc", "glb", "csv", "pdf", "json"}
    assert rows["seg"] == "DICOM SEG: the input is not DICOM."
    assert rows["rtstruct"] == "DICOM RTSTRUCT: the input is not DICOM."
    for name in ("nifti", "glb", "csv", "pdf", "json"):
        assert " kB" in rows[name] or " bytes" in rows[name] or " MB" in rows[name]
    page.shoot("downloads")


def test_another_slice_is_in_the_pictures_and_another_threshold_in_all_files(page):
    before = dict(page.driver.execute_script(LINKS_JS))
    first = files(page)["overview.png"]
    page.driver.execute_script(SET_NUMBER_JS, "#ls-slice", 1)
    wait(lambda: "It shows slice 1." in page.text("#ls-files"), "the list of slice 1")
    assert dict(page.driver.execute_script(LINKS_JS)) == before, "the result is the same"
    assert files(page)["overview.png"] != first
    page.driver.execute_script(SET_NUMBER_JS, "#ls-threshold", 0.9)
    wait(lambda: listed_threshold(page) == 0.9, "the files of the new threshold")
    addresses = dict(page.driver.execute_script(LINKS_JS))
    assert not set(addresses.values()) & set(before.values())
    assert b'"tumour_threshold": 0.9' in files(page)["report.json"]
