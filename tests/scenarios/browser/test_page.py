"""The page in headless Chromium: inputs of three formats, checkpoints, windows, comparison.

`LIVERSEG_REGISTRY` selects checkpoints other than the bundled ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

import liverseg
from liverseg.analysis import report_text
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.io.sniff import FORMAT_LIST
from liverseg.phantom import write
from tests.app_process import AppProcess
from tests.phantoms import make
from tests.scenarios.browser.chromium import Page, open_page, wait


@pytest.fixture(scope="module")
def server(bundled_app: AppProcess) -> AppProcess:
    return bundled_app


@pytest.fixture(scope="module")
def page(server: AppProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_page(server.url, tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture(scope="module")
def checkpoints() -> Checkpoints:
    """The checkpoints of the server."""
    available = Checkpoints()
    assert len(available.list()) >= 2, "the tests need two checkpoints"
    return available


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    phantom = make(seed=2, size=256)
    volume = make("volume", seed=3, size=128, slices=6)
    bad = folder / "notes.png"
    bad.write_text("These are notes, not a picture.")
    return {
        "png": write(phantom, folder / "png", "png")[0],
        "dicom": write(phantom, folder / "dicom", "dicom")[0],
        "nifti": write(volume, folder / "nifti", "nifti")[0],
        "bad": bad,
    }


def check_numbers(page: Page, path: Path, checkpoints: Checkpoints, ref: str | None = None) -> None:
    """Checks the numbers on the page against those of the library for the same file and checkpoint."""
    ct, segmenter = liverseg.read(path), checkpoints.segmenter(ref)
    report = liverseg.measure(ct, segmenter.segment(ct))
    for kind, amount in (("tumour", report.tumour), ("liver", report.liver)):
        value, unit = report_text.size_and_unit(amount)
        assert page.text(f"[data-measure={kind}]") == value.replace("\u202f", "")
        assert page.text(f".ls-tile.ls-{kind} p span") == unit
    assert page.text("[data-measure=share]") == report_text.share_text(report.tumour_share_of_liver)
    assert page.text("[data-measure=lesions]") == str(len(report.likely_lesions))
    assert page.text("[data-fact=checkpoint]") == report.checkpoint.ref
    assert report.checkpoint.sha256[:12] in page.text("[data-fact=weights]")
    assert report.liver.count > 0


def show(page: Page, server: AppProcess, path: Path) -> None:
    """Uploads a file, unless its result is on the page, and waits for its result."""
    if page.uploaded == path and len(page.find("#ls-viewer img")) == 3:
        return
    before = server.runs()
    page.upload(path)
    wait(lambda: server.runs() > before, "a run of the network")
    wait(lambda: len(page.find("#ls-viewer img")) == 3 and page.text("[data-measure=liver]"), "the result")
    page.open_tab("Where it comes from")
    wait(lambda: page.text("[data-fact=engine]"), "the source")


def set_slider(page: Page, slider: str, value: int) -> None:
    number = page.find(f"#{slider} input[type=number]")[0]
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys(str(value), Keys.TAB)


def test_the_start_page_has_the_notice_and_the_default_checkpoint(page, checkpoints):
    notice = page.text(".ls-notice")
    assert "not a medical device" in notice and "patient data" in notice
    assert (
        page.driver.execute_script("return document.querySelector('#ls-checkpoint input').value")
        == (checkpoints.choices()[0][0])
    )
    assert not page.find("#ls-viewer img")
    page.shoot("start")


def test_a_png_is_segmented_and_measured_in_pixels(page, server, inputs, checkpoints):
    show(page, server, inputs["png"])
    assert len(set(page.pictures())) == 3
    check_numbers(page, inputs["png"], checkpoints)
    assert page.text(".ls-tile.ls-tumour p span") == "pixels"
    page.shoot("png")


DRAWN_JS = """
const canvas = document.querySelector('#ls-viewer figure canvas');
return canvas ? canvas.toDataURL() : '';
"""
WIDTH_JS = "return document.querySelector('#ls-width input').value"


def test_another_window_redraws_without_the_network(page, server, inputs, checkpoints):
    show(page, server, inputs["png"])
    runs, network_time = server.runs(), page.text("[data-fact=network-time]")
    drawn = lambda: page.driver.execute_script(DRAWN_JS)  # noqa: E731
    wait(drawn, "the picture that the browser draws")
    before = drawn()
    set_slider(page, "ls-center", 100)
    wait(lambda: drawn() not in ("", before), "the picture in another window")
    moved = drawn()
    page.find("#ls-preset input[value=Liver]")[0].click()
    wait(lambda: drawn() not in ("", moved), "the picture in the preset's window")
    wait(lambda: page.driver.execute_script(WIDTH_JS) == "200", "its width")
    page.find("#ls-preset input[value=Abdomen]")[0].click()
    wait(lambda: drawn() == before and page.driver.execute_script(WIDTH_JS) == "400", "the usual window")
    assert server.runs() == runs and page.text("[data-fact=network-time]") == network_time
    check_numbers(page, inputs["png"], checkpoints)


def test_another_checkpoint_runs_on_the_same_input(page, server, inputs, checkpoints):
    show(page, server, inputs["png"])
    runs, before = server.runs(), page.pictures()
    (_, first), (label, second), *_ = checkpoints.choices()

    page.choose_checkpoint(label)
    wait(lambda: page.text("[data-fact=checkpoint]") == second, "the other checkpoint's result")
    assert server.runs() == runs + 1
    assert page.pictures()[0] == before[0] and page.pictures()[2] != before[2]
    check_numbers(page, inputs["png"], checkpoints, second)
    page.choose_checkpoint(checkpoints.choices()[0][0])
    wait(lambda: page.text("[data-fact=checkpoint]") == first, "the first checkpoint's result")


def test_a_dicom_slice_is_measured_in_mm2(page, server, inputs, checkpoints):
    show(page, server, inputs["dicom"])
    page.pictures()
    check_numbers(page, inputs["dicom"], checkpoints)
    assert page.text(".ls-tile.ls-liver p span") == "mm²"
    page.shoot("dicom")


def test_a_nifti_volume_has_slices_and_ml(page, server, inputs, checkpoints):
    show(page, server, inputs["nifti"])
    page.pictures()
    runs = server.runs()
    check_numbers(page, inputs["nifti"], checkpoints)
    assert page.text(".ls-tile.ls-liver p span") == "mL"
    assert re.search(r"In this slice: tumour [\d.]+ mm², liver [\d.]+ mm²", page.text("#ls-slice-note"))
    wait(lambda: page.find("#ls-slice input[type=number]"), "the slice slider")
    page.shoot("volume")
    shown = page.driver.execute_script("return document.querySelector('#ls-slice input').value")
    other, before = 1 if shown != "1" else 2, page.text("#ls-slice-note")
    set_slider(page, "ls-slice", other)
    at = "return document.querySelector('#ls-viewer .ls-volume').dataset.slice"
    wait(lambda: page.driver.execute_script(at) == str(other - 1), "another slice")
    wait(lambda: page.text("#ls-slice-note") != before, "its numbers")
    assert server.runs() == runs


def test_removing_the_file_during_a_run_leaves_the_page_empty(page, server, inputs):
    before = server.runs()
    page.upload(inputs["nifti"])
    wait(lambda: page.find("#ls-viewer .progress-bar") or server.runs() > before, "a run in progress")
    page.find("#ls-upload button[aria-label='Clear']")[0].click()
    wait(
        lambda: page.find("#ls-upload input[type=file]") and not page.find("#ls-viewer img"), "an empty page"
    )
    time.sleep(3)
    assert not page.find("#ls-viewer img") and not page.text("#ls-results [data-measure]")


def test_a_bad_file_gives_one_sentence_and_the_next_file_works(page, server, inputs, checkpoints):
    page.upload(inputs["bad"])
    wait(lambda: page.find(".ls-problem"), "the sentence")
    assert (
        page.text(".ls-problem")
        == f"The file holds text, not an image; liverseg reads {FORMAT_LIST} and DICOM."
    )
    assert not page.find("#ls-viewer img")
    page.shoot("bad")
    show(page, server, inputs["png"])
    assert not page.find(".ls-problem")
    check_numbers(page, inputs["png"], checkpoints)


COMPARED_JS = """
return [...document.querySelectorAll('.ls-pair img')].map(image => {
  const box = image.getBoundingClientRect();
  return [image.complete && image.naturalWidth > 500, image.src, Math.round(box.left), Math.round(box.width)];
});
"""


def compare_with(page: Page, label: str) -> None:
    """Chooses the entry with this text in the dropdown of the comparison."""

    def entries() -> list:
        return [entry for entry in page.find("[role=option]") if label in entry.text]

    wait(lambda: page.find("#ls-compare-with input"), "the dropdown of the comparison")
    page.find("#ls-compare-with input")[0].click()
    wait(entries, "the checkpoints to compare with")
    entries()[0].click()


def compared(page: Page) -> dict[str, str]:
    """The sources of the pictures of A, B and their difference, once they are loaded."""
    wait(lambda: [p[0] for p in page.driver.execute_script(COMPARED_JS)] == [True] * 3, "three pictures")
    b, a, difference = (source for _, source, *_ in page.driver.execute_script(COMPARED_JS))
    return {"a": a, "b": b, "difference": difference}


def revealed(page: Page) -> tuple[int, str]:
    """The visible part of picture A in per cent, and its CSS clip path."""
    clip_path_js = "return getComputedStyle(document.querySelector('.ls-a button')).clipPath"
    value = page.find(".ls-reveal input")[0].get_attribute("value")
    return round(float(value)), page.driver.execute_script(clip_path_js)


BOX_JS = """
const element = document.querySelector(arguments[0]);
element.scrollIntoView({block: 'end'});  // the sticky picture of a narrow screen covers the middle
const box = element.getBoundingClientRect();
return [box.x, box.y, box.width, box.height];
"""


SENTENCE_JS = """
const place = document.querySelector('#ls-comparison');
const shown = () => getComputedStyle(place).display !== 'none';
const before = shown(), sentence = document.createElement('div');
sentence.className = 'ls-problem';
place.querySelector('.html-container').append(sentence);
const after = shown();
sentence.remove();
return [before, after];
"""


def touch(page: Page, selector: str, start: float, end: float) -> None:
    """Drags a finger over an element; `start` and `end` are fractions of its width."""
    x, y, width, height = page.driver.execute_script(BOX_JS, selector)
    steps = [start + (end - start) * k / 5 for k in range(6)]
    for kind, part in [("touchStart", start), *(("touchMove", step) for step in steps)]:
        points = [{"x": x + part * width, "y": y + height / 2}]
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_two_checkpoints_are_compared_side_by_side_and_by_slider(page, server, inputs, checkpoints):
    show(page, server, inputs["nifti"])
    (_, first), (label, second), *_ = checkpoints.choices()
    runs, viewer = server.runs(), page.pictures()
    page.open_tab("Compare")
    assert not page.find(".ls-pair")
    assert page.driver.execute_script(SENTENCE_JS) == [
        False,
        True,
    ]  # hidden without a message, visible with one
    compare_with(page, label)
    before = compared(page)
    assert server.runs() == runs + 1 and page.pictures() == viewer
    assert before["a"] == viewer[1] and len(set(before.values())) == 3

    ct = liverseg.read(inputs["nifti"])
    a, b = (checkpoints.segmenter(ref).segment(ct) for ref in (first, second))
    agreement = liverseg.compare(ct, a, b)
    assert page.text("[data-measure=agree-tumour]") == f"{agreement.tumour.dice:.3f}"
    assert page.text("[data-measure=agree-liver]") == f"{agreement.organ.dice:.3f}"
    table = page.text(".ls-comparison table")
    for size in (agreement.tumour.a, agreement.tumour.b, agreement.liver.a, agreement.liver.b):
        assert report_text.size_text(size).replace("\u202f", "") in table
    page.shoot("compare-side")

    page.find("[data-show=slider]")[0].click()
    lefts = [left for *_, left, _ in page.driver.execute_script(COMPARED_JS)]
    assert lefts[0] == lefts[1] < lefts[2] and revealed(page) == (50, "inset(0px 50% 0px 0px)")
    reveal = page.find(".ls-reveal input")[0]
    reveal.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert revealed(page) == (52, "inset(0px 48% 0px 0px)")
    page.shoot("compare-slider")
    page.resize(390, 900)
    touch(page, ".ls-reveal", 0.5, 0.2)
    assert abs(revealed(page)[0] - 20) <= 2
    page.resize(1280, 900)

    slice_value = "return document.querySelector('#ls-slice input').value"
    shown, most = page.driver.execute_script(slice_value), str((agreement.most_different_slice or 0) + 1)
    set_slider(page, "ls-slice", next(k for k in range(1, 7) if str(k) not in (shown, most)))
    wait(lambda: compared(page)["a"] != before["a"], "another slice")
    jump = page.find(".ls-bar [data-slice]")[0]
    assert jump.get_attribute("data-slice") == str(agreement.most_different_slice)
    jump.click()
    wait(lambda: page.driver.execute_script(slice_value) == most, "the slice where they differ most")
    wait(lambda: f"slice {most} of 6" in page.driver.page_source, "its pictures")
    moved = compared(page)
    set_slider(page, "ls-center", 100)
    wait(lambda: compared(page)["b"] != moved["b"], "another window")
    assert abs(revealed(page)[0] - 20) <= 2 and server.runs() == runs + 1

    compare_with(page, "No comparison")
    wait(lambda: not page.find(".ls-pair"), "no comparison")
    compare_with(page, label)
    compared(page)
    assert server.runs() == runs + 1
    compare_with(page, "No comparison")
    wait(lambda: not page.find(".ls-pair"), "no comparison")
    set_slider(page, "ls-center", 40)


def test_the_log_has_no_file_name_and_no_traceback(server):
    log = server.log()
    assert "network run:" in log
    assert not re.search(r"ct\.(png|dcm|nii)|notes\.png|Traceback", log)
