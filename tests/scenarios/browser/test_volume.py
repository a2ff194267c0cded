"""The page with a volume in headless Chromium: navigation, drawing in the browser, 3D, downloads, privacy."""

from __future__ import annotations

import gzip
import io
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from gradio_client import Client, handle_file
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

import liverseg
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.phantom import make, write
from liverseg.rendering.frame import frame_for
from liverseg.rendering.slice_view import three_pictures
from registry import open_registries
from tests.app_process import AppProcess
from tests.liverseg.app.rule_checkpoints import slice_hu
from tests.liverseg.dicom_canaries import canaries_in, output_contents, plant_everywhere
from tests.scenarios.browser.chromium import Page, open_page, wait

SLICES = 100
TUMOUR_SLICES = range(20, 26)  # counted from 0

PIXELS_JS = """
return [...document.querySelectorAll('#ls-viewer figure canvas')].map(canvas => {
  const { width, height } = canvas, pen = document.createElement('canvas').getContext('2d');
  pen.canvas.width = pen.canvas.height = 64;
  pen.drawImage(canvas, 0, 0, width, height * (1 - arguments[0]), 0, 0, 64, 64);
  return [...pen.getImageData(0, 0, 64, 64).data];
});
"""
"""The three pictures drawn by the browser, without their legend strips: 64 × 64 pixels, RGBA."""

SOLID_JS = """
const canvas = document.querySelector('#ls-solid canvas');
if (!canvas) return { blue: 0 };  // the canvas is missing for a moment while it is replaced
const gl = canvas.getContext('webgl2') || canvas.getContext('webgl');
const pixels = new Uint8Array(canvas.width * canvas.height * 4);
gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
const counts = { blue: 0, orange: 0, clear: 0, sum: 0 };
for (let k = 0; k < pixels.length; k += 4) {
  const [r, g, b, a] = pixels.subarray(k, k + 4);
  counts.sum = (counts.sum * 31 + r + 7 * g) % 1000003;
  if (!a) counts.clear++;
  else if (b > r + 10 && b > g) counts.blue++;
  else if (r > b + 40) counts.orange++;
}
return { ...counts, all: canvas.width * canvas.height };
"""
"""Counts of the pixels drawn in 3D by colour, and a checksum."""


@pytest.fixture(scope="module")
def server(rule_app: AppProcess) -> AppProcess:
    return rule_app


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 slices of liver with one tumour."""
    hu = np.stack([slice_hu(8 if z in TUMOUR_SLICES else 0) for z in range(SLICES)])  # (S, H, W)
    path = tmp_path_factory.mktemp("volume") / "ct.nii.gz"
    affine = np.diag([-2.4, -2.4, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(hu.transpose(2, 1, 0).astype(np.int16), affine), path)
    return path


@pytest.fixture(scope="module")
def page(server: AppProcess, volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_page(server.url, tmp_path_factory.mktemp("chromium")) as page:
        page.upload(volume)
        wait(lambda: page.find("#ls-planes .ls-planes"), "the other views")
        yield page


def shown_slice(page: Page) -> int:
    """The number of the shown slice, from 1; 0 while slider and pictures differ."""
    script = """const at = document.querySelector('#ls-viewer .ls-volume').dataset.slice;
    const slider = document.querySelector('#ls-slice input[type=number]').value;
    return Number(at) + 1 === Number(slider) ? Number(slider) : 0;"""
    return page.driver.execute_script(script)


def wait_for_slice(page: Page, number: int) -> None:
    wait(lambda: shown_slice(page) == number, f"slice {number}")


def step_to(page: Page, number: int, key: str) -> None:
    """Presses a key until the slice is shown; waits for each redraw, which would lose the next key press."""

    def press_until_shown() -> bool:
        at = shown_slice(page)
        if at and at != number:
            page.driver.execute_script("document.querySelector('#ls-viewer .ls-cut').focus()")
            ActionChains(page.driver).send_keys(key).perform()
            time.sleep(0.2)
        return at == number

    wait(press_until_shown, f"slice {number}")


def click_profile(page: Page, number: int) -> None:
    """Clicks the point of a slice, numbered from 1, in the profile."""
    svg = page.find("#ls-planes .ls-profile svg")[0]
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", svg)
    left, right = (float(svg.get_attribute(f"data-{side}")) for side in ("left", "right"))
    share = left + (number - 0.5) / SLICES * (right - left)
    width = svg.rect["width"]
    ActionChains(page.driver).move_to_element_with_offset(
        svg, round((share - 0.5) * width), 0
    ).click().perform()


@pytest.mark.parametrize("width", [1280, 390])
def test_profile_lesion_table_wheel_and_keys_select_slices(page, server, width):
    runs = server.runs()
    page.resize(width, 900)
    wait(lambda: shown_slice(page), "a slice")
    click_profile(page, 60)
    wait(lambda: abs(shown_slice(page) - 60) <= 1, "the slice under the pointer")  # a slice is 2 pixels wide

    page.find("#ls-results [data-lesion] button")[0].send_keys(Keys.ENTER)
    wait(lambda: shown_slice(page) - 1 in TUMOUR_SLICES, "the lesion")
    at = shown_slice(page)
    mark = page.find("#ls-planes [data-selected]")[0]
    assert mark.get_attribute("data-selected") == str(at - 1)

    shown = next(cut for cut in page.find("#ls-viewer .ls-cut") if cut.is_displayed())
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown)
    origin = ScrollOrigin.from_element(shown)
    ActionChains(page.driver).scroll_from_origin(origin, 0, -100).perform()
    wait(lambda: shown_slice(page) > at, "a slice towards the head")
    at = shown_slice(page)
    next(cut for cut in page.find("#ls-viewer .ls-cut") if cut.is_displayed()).send_keys(Keys.PAGE_UP)
    wait_for_slice(page, at + 10)
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)  # the redraw keeps the focus
    wait_for_slice(page, at + 9)

    before = page.find("#ls-planes [data-plane=sagittal] img")[0].get_attribute("src")
    coronal = page.find("#ls-planes [data-plane=coronal] .ls-cut")[0]
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", coronal)
    offset = -0.1 if width == 1280 else -0.2
    ActionChains(page.driver).move_to_element_with_offset(
        coronal, round(offset * coronal.rect["width"]), 0
    ).click().perform()
    wait(lambda: shown_slice(page) not in (0, at + 9), "the slice under the click")
    wait(
        lambda: page.find("#ls-planes [data-plane=sagittal] img")[0].get_attribute("src") != before,
        "the other sagittal view",
    )
    assert server.runs() == runs
    page.resize(1280, 900)


def drawn_pictures(page: Page) -> list[np.ndarray]:
    """The three pictures that the browser has drawn, (64, 64, 3) RGB each."""
    wait(
        lambda: (
            page.driver.execute_script("return document.querySelector('#ls-viewer').dataset.drawn") == "yes"
        ),
        "pictures drawn by the browser",
    )
    strip = frame_for((128, 128)).strip / frame_for((128, 128)).height
    pixels = page.driver.execute_script(PIXELS_JS, strip)
    return [np.array(one, np.float32).reshape(64, 64, 4)[..., :3] for one in pixels]


def expected_pictures(ct: CTImage, seg: Segmentation, window: Window, opacity: float) -> list[np.ndarray]:
    """The same pictures of slice 22 from `liverseg.rendering`."""
    shown = three_pictures(ct, seg, 22, window, opacity)
    cut = frame_for((128, 128)).height - frame_for((128, 128)).strip
    return [cv2.resize(one[:cut], (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) for one in shown]


def test_the_browser_draws_a_slice_as_the_server_does(page, server, volume, rule_registry):
    runs, ct = server.runs(), liverseg.read(volume)
    segmenter = Checkpoints(open_registries(str(rule_registry)), engine="torch").segmenter(None)
    seg = segmenter.segment(ct, only_slice=22)
    step_to(page, 1, Keys.HOME)
    step_to(page, 23, Keys.ARROW_UP)
    for drawn, expected in zip(
        drawn_pictures(page), expected_pictures(ct, seg, DEFAULT_WINDOW, 0.3), strict=True
    ):
        assert (
            np.abs(drawn - expected).mean() < 8 and np.corrcoef(drawn.ravel(), expected.ravel())[0, 1] > 0.97
        )

    before = drawn_pictures(page)
    set_slider(page, "ls-width", 150)
    narrow = drawn_pictures(page)
    assert np.abs(narrow[0] - before[0]).mean() > 5
    set_slider(page, "ls-opacity", 0.8)
    assert np.abs(drawn_pictures(page)[1] - narrow[1]).mean() > 5
    for drawn, expected in zip(
        drawn_pictures(page), expected_pictures(ct, seg, Window(40, 150), 0.8), strict=True
    ):
        assert np.corrcoef(drawn.ravel(), expected.ravel())[0, 1] > 0.97
    abdomen = "document.querySelector('#ls-preset input')"
    wait(lambda: not page.driver.execute_script(f"return {abdomen}.checked"), "no preset")
    page.driver.execute_script(f"{abdomen}.click()")
    wait(lambda: np.abs(drawn_pictures(page)[0] - before[0]).mean() < 1, "the usual window")
    set_slider(page, "ls-opacity", 0.3)
    assert server.runs() == runs


def set_slider(page: Page, name: str, value: float) -> None:
    page.driver.execute_script(
        """const input = document.querySelector(`#${arguments[0]} input[type=number]`);
        input.value = arguments[1];
        for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, { bubbles: true }));""",
        name,
        value,
    )


def test_the_server_draws_when_the_browser_gets_no_voxels(page):
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/liverseg/slices/*"]})
    at = shown_slice(page)
    before = page.slice_picture()
    set_slider(page, "ls-threshold", 0.6)  # requests other labels, which are blocked
    wait(lambda: not page.find("#ls-viewer .ls-cut canvas"), "the server's pictures")
    step_to(page, at + 1, Keys.ARROW_UP)
    assert page.slice_picture() != before
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    set_slider(page, "ls-threshold", 0.4)
    assert drawn_pictures(page)


def settled_solid(page: Page) -> dict:
    """The pixel counts in 3D once they are stable: surfaces of a new threshold may still be loading."""
    seen: list[dict] = [{}]

    def is_stable() -> bool:
        time.sleep(1)
        seen.append(page.driver.execute_script(SOLID_JS))
        return bool(seen[-1]["blue"]) and seen[-1] == seen[-2]

    wait(is_stable, "a liver")
    return seen[-1]


@pytest.mark.parametrize("width", [1280, 390])
def test_liver_and_tumour_are_drawn_in_3d_and_rotate(page, width):
    page.resize(width, 900)
    stage = page.find("#ls-solid .ls-stage")[0]
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    wait(
        lambda: page.driver.execute_script("return !!document.querySelector('#ls-solid [data-drawn]')"), "3D"
    )
    before = settled_solid(page)
    assert before["blue"] > 0.03 * before["all"] and before["clear"] > 0.3 * before["all"]
    assert 0.0005 * before["all"] < before["orange"] < before["blue"]  # tumours are visible
    ActionChains(page.driver).drag_and_drop_by_offset(stage, 80, 0).perform()
    wait(lambda: settled_solid(page)["sum"] != before["sum"], "another side")
    letters = [
        one.text for one in page.find("#ls-solid [data-axis]") if float(one.value_of_css_property("opacity"))
    ]
    assert {"H", "F"} <= set(letters)
    page.find("#ls-solid [data-face=Front]")[0].click()
    wait(
        lambda: (
            {
                one.text
                for one in page.find("#ls-solid [data-axis]")
                if float(one.value_of_css_property("opacity"))
            }
            == {"R", "L", "H", "F"}
        ),
        "the front",
    )
    place = {one.text: one.location for one in page.find("#ls-solid [data-axis]")}
    assert place["R"]["x"] < place["L"]["x"] and place["H"]["y"] < place["F"]["y"]
    page.resize(1280, 900)


def test_the_zip_holds_every_file_of_the_list(page):
    page.open_downloads()
    links = {a.get_attribute("href") for a in page.find("#ls-files a[href]")}
    names = {link.rsplit("/", 1)[1] for link in links}
    zipped = next(link for link in links if link.endswith(".zip"))
    with urllib.request.urlopen(zipped, timeout=60) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert archive.testzip() is None
    assert set(archive.namelist()) == names - {zipped.rsplit("/", 1)[1]}
    wanted = (
        "labels.nii.gz lesions.nii.gz tumour_probability.nii.gz report.csv report.json report.pdf mesh.glb"
    )
    assert set(f"{wanted} overview.png".split()) <= names
    labels = nibabel.Nifti1Image.from_bytes(gzip.decompress(archive.read("labels.nii.gz")))
    assert labels.shape == (128, 128, SLICES) and set(np.unique(labels.dataobj)) == {0, 1, 2}


def test_the_page_does_not_scroll_sideways(page):
    page.shoot("volume-page")
    time.sleep(0.2)
    page.resize(390, 900)
    assert len([cut for cut in page.find("#ls-viewer .ls-cut") if cut.is_displayed()]) == 1
    page.resize(1280, 900)


@pytest.mark.filterwarnings("ignore")
def test_no_patient_data_is_stored_or_shown(page, server, storage, tmp_path):
    """Canaries from every DICOM element appear in no stored file but the upload, no log, page or answer."""
    *files, _ = write(make("volume", seed=3, size=64, slices=6), tmp_path / "ct", "dicom")
    plant_everywhere(files)
    study = tmp_path / "study.zip"
    with zipfile.ZipFile(study, "w") as archive:
        for path in files[0].parent.iterdir():
            archive.write(path, path.name)
    page.upload(study)
    wait(lambda: page.find("#ls-planes .ls-planes"), "the other views")
    page.open_tab("3D")
    page.driver.execute_script("document.querySelector('#ls-solid').scrollIntoView()")
    page.open_downloads()
    wait(lambda: page.find("#ls-files a[href$='rtstruct.dcm']"), "the files")
    outputs = {"page": page.driver.execute_script("return document.documentElement.outerHTML").encode()}
    answers = tmp_path / "answers"
    client = Client(server.url, verbose=False, download_files=str(answers))
    outputs["segment"] = repr(client.predict(handle_file(study), api_name="/segment")).encode()
    arguments = (handle_file(study), "segformer-b0", "segformer-b0-fast")
    outputs["compare"] = repr(client.predict(*arguments, api_name="/compare")).encode()
    outputs["log"] = server.log().encode()
    for folder in (*storage.values(), answers):
        for path in (path for path in Path(folder).rglob("*") if path.is_file()):
            content = path.read_bytes()
            if content != study.read_bytes():
                outputs[str(path)] = output_contents(path.parent)[path.name]
                outputs[f"name of {path}"] = str(path).encode()
    assert any(name.endswith("segmentation.dcm") for name in outputs) and len(outputs) > 20
    assert not {
        name: leaks for name, text in outputs.items() if (leaks := canaries_in(Path(name).name, text))
    }
