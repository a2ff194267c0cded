"""The page in headless Chromium, as a visitor uses it: three inputs, another checkpoint, another window.

Needs Chromium and chromedriver, and fails without them. `LIVERSEG_SCREENSHOTS` names a folder for
the screenshots (1280 and 390 pixels wide); `LIVERSEG_REGISTRY` other checkpoints than the bundled.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import liverseg
from liverseg.app import texts
from liverseg.app.loading import Checkpoints
from liverseg.phantom import make, write

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()
PATIENCE_S = 240
"""A machine that does something else at the same time is slow; nothing here waits this long by design."""

PICTURES_JS = """
return [...document.querySelectorAll('#ls-viewer img')].map(
  image => [image.complete, image.naturalWidth, image.naturalHeight, image.clientWidth, image.src]);
"""


class Server:
    """`python app.py` on a free port, and what it logged."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        self._log = log
        with log.open("w") as out:
            command = [sys.executable, "app.py", "--port", str(port)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)

    def log(self) -> str:
        return self._log.read_text()

    def runs(self) -> int:
        """How often the network was run."""
        return self.log().count("network run:")

    def is_up(self) -> bool:
        assert self.process.poll() is None, f"app.py ended: {self.log()}"
        try:
            return urllib.request.urlopen(self.url, timeout=30).status == 200
        except OSError:
            return False


class Page:
    """What a visitor sees and does."""

    def __init__(self, driver: webdriver.Chrome, shots: Path) -> None:
        self.driver = driver
        self.shots = shots

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def find(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of the first match, with plain digits; empty where there is none."""
        found = self.driver.execute_script(
            "return (document.querySelector(arguments[0]) || {}).textContent || ''", selector
        )
        return found.replace("\u202f", "")

    def pictures(self) -> list[str]:
        """The sources of the three pictures, once they are loaded and of one size."""
        wait(lambda: all(image[0] for image in self.driver.execute_script(PICTURES_JS)), "loaded pictures")
        found = self.driver.execute_script(PICTURES_JS)
        assert len(found) == 3 and all(width > 500 for _, width, *_ in found)
        assert len({(width, height) for _, width, height, *_ in found}) == 1
        assert len({shown for *_, shown, _ in found}) == 1
        return [source for *_, source in found]

    def slice_picture(self) -> str:
        """The source of the first picture, whatever its state."""
        return self.driver.execute_script("return (document.querySelector('#ls-viewer img') || {}).src || ''")

    def upload(self, path: Path) -> None:
        """Take the present file away, as the next one is dropped where it was, and choose another."""
        for button in self.find("#ls-upload button[aria-label='Clear']"):
            self.driver.execute_script("arguments[0].click()", button)
            wait(lambda: not self.find("#ls-viewer img") and not self.find(".ls-problem"), "an empty page")
        wait(lambda: self.find("#ls-upload input[type=file]"), "the upload")
        self.find("#ls-upload input[type=file]")[0].send_keys(str(path))

    def shoot(self, name: str) -> None:
        """Screenshots of the whole page at both widths; nothing may scroll sideways."""
        for width in (390, 1280):
            self.resize(width, 900)
            time.sleep(0.5)
            wide, high = self.driver.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            )
            assert wide <= width, f"{name} scrolls sideways at {width}: {wide}"
            self.resize(width, min(high, 4000))
            self.driver.save_screenshot(str(self.shots / f"{name}-{width}.png"))
        self.resize(1280, 900)


def wait(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server") / "log.txt")
    try:
        wait(server.is_up, "the server")
        yield server
    finally:
        server.process.terminate()
        server.process.wait(30)


@pytest.fixture(scope="module")
def page(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and chromedriver, "Chromium and chromedriver are needed: apt-get install chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    shots = Path(os.environ.get("LIVERSEG_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    shots.mkdir(parents=True, exist_ok=True)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    try:
        page = Page(driver, shots)
        page.resize(1280, 900)
        driver.get(server.url)
        wait(lambda: page.find("#ls-upload input[type=file]"), "the page")
        yield page
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def checkpoints() -> Checkpoints:
    """The same checkpoints as the server's."""
    found = Checkpoints()
    assert len(found.list()) >= 2, "two checkpoints are needed to switch between"
    return found


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
    """The page's numbers are those of the library for the same file and checkpoint."""
    ct, segmenter = liverseg.read(path), checkpoints.segmenter(ref)
    report = liverseg.measure(ct, segmenter.segment(ct))
    for kind, amount in (("tumour", report.tumour), ("liver", report.liver)):
        value, unit = texts.amount(amount)
        assert page.text(f"[data-measure={kind}]") == value.replace("\u202f", "")
        assert page.text(f".ls-tile.ls-{kind} p span") == unit
    assert page.text("[data-measure=share]") == texts.share(report.tumour_share_of_liver)
    assert page.text("[data-measure=lesions]") == str(len(report.lesions))
    assert page.text("[data-fact=checkpoint]") == report.checkpoint.ref
    assert report.checkpoint.sha256[:12] in page.text("[data-fact=weights]")
    assert report.liver.count > 0


def show(page: Page, server: Server, path: Path) -> None:
    before = server.runs()
    page.upload(path)
    wait(lambda: server.runs() > before, "a run of the network")
    wait(lambda: len(page.find("#ls-viewer img")) == 3 and page.text("[data-fact=engine]"), "the result")


def set_slider(page: Page, slider: str, value: int) -> None:
    number = page.find(f"#{slider} input[type=number]")[0]
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys(str(value), Keys.TAB)


def test_the_start_page_says_what_it_is_for(page, checkpoints):
    notice = page.text(".ls-notice")
    assert "not a medical device" in notice and "patient data" in notice
    assert (
        page.driver.execute_script("return document.querySelector('#ls-checkpoint input').value")
        == (checkpoints.choices()[0][0])
    )
    assert not page.find("#ls-viewer img")
    page.shoot("start")


def test_a_png(page, server, inputs, checkpoints):
    show(page, server, inputs["png"])
    assert len(set(page.pictures())) == 3
    check_numbers(page, inputs["png"], checkpoints)
    assert page.text(".ls-tile.ls-tumour p span") == "pixels"
    page.shoot("png")


def test_moving_the_window_redraws_without_the_network(page, server, inputs, checkpoints):
    show(page, server, inputs["png"])
    runs, before, network_time = server.runs(), page.pictures(), page.text("[data-fact=network-time]")
    set_slider(page, "ls-center", 100)
    wait(lambda: page.slice_picture() not in ("", before[0]), "the picture in another window")
    moved = page.slice_picture()
    page.find("#ls-preset input[value=Liver]")[0].click()
    wait(lambda: page.slice_picture() not in ("", moved), "the picture in the preset's window")
    assert page.driver.execute_script("return document.querySelector('#ls-width input').value") == "200"
    assert server.runs() == runs and page.text("[data-fact=network-time]") == network_time
    check_numbers(page, inputs["png"], checkpoints)


def test_another_checkpoint_runs_on_the_same_input(page, server, inputs, checkpoints):
    show(page, server, inputs["png"])
    runs, before = server.runs(), page.pictures()
    (_, first), (label, second), *_ = checkpoints.choices()

    def choose(wanted: str) -> None:
        def entries() -> list:  # an entry has no text until the list has faded in
            return [entry for entry in page.find("[role=option]") if wanted in entry.text]

        page.find("#ls-checkpoint input")[0].click()
        wait(entries, "the checkpoints")
        entries()[0].click()

    choose(label)
    wait(lambda: page.text("[data-fact=checkpoint]") == second, "the other checkpoint's result")
    assert server.runs() == runs + 1
    assert page.pictures()[0] == before[0] and page.pictures()[2] != before[2]
    check_numbers(page, inputs["png"], checkpoints, second)
    choose(checkpoints.choices()[0][0])
    wait(lambda: page.text("[data-fact=checkpoint]") == first, "the first checkpoint's result")


def test_a_dicom_slice_is_measured_in_mm2(page, server, inputs, checkpoints):
    show(page, server, inputs["dicom"])
    page.pictures()
    check_numbers(page, inputs["dicom"], checkpoints)
    assert page.text(".ls-tile.ls-liver p span") == "mm²"
    page.shoot("dicom")


def test_a_nifti_volume_has_slices_and_ml(page, server, inputs, checkpoints):
    show(page, server, inputs["nifti"])
    before, runs = page.pictures(), server.runs()
    check_numbers(page, inputs["nifti"], checkpoints)
    assert page.text(".ls-tile.ls-liver p span") == "mL"
    assert re.search(r"in this slice: [\d.]+ mm²", page.text(".ls-tile.ls-liver"))
    wait(lambda: page.find("#ls-slice input[type=number]"), "the slice slider")
    page.shoot("volume")
    shown = page.driver.execute_script("return document.querySelector('#ls-slice input').value")
    set_slider(page, "ls-slice", 1 if shown != "1" else 2)
    wait(lambda: page.slice_picture() not in ("", before[0]), "another slice")
    assert server.runs() == runs


def test_taking_the_file_away_while_it_runs_leaves_the_page_empty(page, server, inputs):
    before = server.runs()
    page.upload(inputs["nifti"])
    wait(lambda: page.find("#ls-viewer .progress-bar") or server.runs() > before, "a run under way")
    page.find("#ls-upload button[aria-label='Clear']")[0].click()
    wait(
        lambda: page.find("#ls-upload input[type=file]") and not page.find("#ls-viewer img"), "an empty page"
    )
    time.sleep(3)
    assert not page.find("#ls-viewer img") and not page.text("#ls-results [data-measure]")


def test_a_bad_file_is_one_sentence_and_the_next_one_works(page, server, inputs, checkpoints):
    page.upload(inputs["bad"])
    wait(lambda: page.find(".ls-problem"), "the sentence")
    assert (
        page.text(".ls-problem")
        == "The file holds text, not an image; liverseg reads PNG, JPEG, NIfTI and DICOM."
    )
    assert not page.find("#ls-viewer img")
    page.shoot("bad")
    show(page, server, inputs["png"])
    assert not page.find(".ls-problem")
    check_numbers(page, inputs["png"], checkpoints)


def test_downloads_are_the_results(page, server, inputs):
    show(page, server, inputs["dicom"])
    page.find("#ls-download")[0].click()
    wait(lambda: page.find("#ls-files a[href]"), "the downloads")
    told = page.text("#ls-files")
    for name in ("report", "labels", "tumour_probability", "overview"):
        assert name in told


COMPARED_JS = """
return [...document.querySelectorAll('.ls-pair img')].map(image => {
  const box = image.getBoundingClientRect();
  return [image.complete && image.naturalWidth > 500, image.src, Math.round(box.left), Math.round(box.width)];
});
"""


def compare_with(page: Page, label: str) -> None:
    def entries() -> list:
        return [entry for entry in page.find("[role=option]") if label in entry.text]

    wait(lambda: page.find("#ls-compare-with input"), "the dropdown of the comparison")
    page.find("#ls-compare-with input")[0].click()
    wait(entries, "the checkpoints to compare with")
    entries()[0].click()


def compared(page: Page) -> dict[str, str]:
    """The sources of the pictures of A, of B and of the difference, once they are loaded."""
    wait(lambda: [p[0] for p in page.driver.execute_script(COMPARED_JS)] == [True] * 3, "three pictures")
    b, a, where = (source for _, source, *_ in page.driver.execute_script(COMPARED_JS))
    return {"a": a, "b": b, "where": where}


def revealed(page: Page) -> tuple[int, str]:
    """How much of A is shown, in per cent, and how its picture is cut."""
    cut = "return getComputedStyle(document.querySelector('.ls-a button')).clipPath"
    value = page.find(".ls-reveal input")[0].get_attribute("value")
    return round(float(value)), page.driver.execute_script(cut)


PLACE_JS = """
const element = document.querySelector(arguments[0]);
element.scrollIntoView({block: 'center'});
const box = element.getBoundingClientRect();
return [box.x, box.y, box.width, box.height];
"""


def touch(page: Page, selector: str, start: float, end: float) -> None:
    """Draw a finger over an element, from and to a part of its width."""
    x, y, width, height = page.driver.execute_script(PLACE_JS, selector)
    steps = [start + (end - start) * k / 5 for k in range(6)]
    for kind, part in [("touchStart", start), *(("touchMove", step) for step in steps)]:
        points = [{"x": x + part * width, "y": y + height / 2}]
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_two_checkpoints_are_compared_side_by_side_and_with_a_slider(page, server, inputs, checkpoints):
    show(page, server, inputs["nifti"])
    (_, first), (label, second), *_ = checkpoints.choices()
    runs, viewer = server.runs(), page.pictures()
    assert not page.find(".ls-pair")
    compare_with(page, label)
    before = compared(page)
    assert server.runs() == runs + 1 and page.pictures() == viewer
    assert before["a"] == viewer[1] and len(set(before.values())) == 3

    ct = liverseg.read(inputs["nifti"])
    a, b = (checkpoints.segmenter(ref).segment(ct) for ref in (first, second))
    agreement = liverseg.compare(ct, a, b)
    assert page.text("[data-measure=agree-tumour]") == f"{agreement.tumour.dice:.3f}"
    assert page.text("[data-measure=agree-liver]") == f"{agreement.organ.dice:.3f}"
    told = page.text(".ls-comparison table")
    for size in (agreement.tumour.a, agreement.tumour.b, agreement.liver.a, agreement.liver.b):
        assert " ".join(texts.amount(size)).replace("\u202f", "") in told
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

    set_slider(page, "ls-slice", agreement.most_different_slice or 1)
    wait(lambda: compared(page)["a"] != before["a"], "another slice")
    there = page.find("[data-slice]")[0]
    assert there.get_attribute("data-slice") == str(agreement.most_different_slice)
    there.click()
    slice_value = "return document.querySelector('#ls-slice input').value"
    most = str((agreement.most_different_slice or 0) + 1)
    wait(lambda: page.driver.execute_script(slice_value) == most, "the slice where they differ most")
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


def test_the_log_holds_no_file_name_and_no_traceback(server):
    log = server.log()
    assert "network run:" in log
    assert not re.search(r"ct\.(png|dcm|nii)|notes\.png|Traceback", log)
