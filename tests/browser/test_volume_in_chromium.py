"""A volume's page in headless Chromium, wide and narrow: jumps, downloads, the time of a redraw."""

from __future__ import annotations

import gzip
import io
import statistics
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

from tests.app_process import AppProcess
from tests.browser.chromium import Page, open_page, wait
from tests.liverseg.app.rule_checkpoints import slice_hu, write_registry

SLICES = 100
TUMOUR_SLICES = range(20, 26)  # counted from 0

REDRAW_JS = """
const [to, done] = arguments, viewer = document.querySelector('#ls-viewer'), started = performance.now();
const input = document.querySelector('#ls-slice input[type=number]');
new MutationObserver((_, observer) => {
  const shown = viewer.querySelector('.ls-volume');
  if (!shown || shown.dataset.slice !== String(to - 1)) return;
  observer.disconnect();
  Promise.all([...viewer.querySelectorAll('img')].map(image => image.decode()))
    .then(() => requestAnimationFrame(() => done(performance.now() - started)));
}).observe(viewer, { childList: true, subtree: true });
input.value = to;
for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, { bubbles: true }));
"""
"""From the event of the slider to the new pictures, decoded, in ms."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    registry = write_registry(tmp_path_factory.mktemp("checkpoints"))
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with AppProcess(log, LIVERSEG_REGISTRY=str(registry)) as server:
        yield server


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A liver through all of 100 slices, with one tumour."""
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
    """Counted from 1, once the slider and the pictures agree."""
    script = """const at = document.querySelector('#ls-viewer .ls-volume').dataset.slice;
    const slider = document.querySelector('#ls-slice input[type=number]').value;
    return Number(at) + 1 === Number(slider) ? Number(slider) : 0;"""
    return page.driver.execute_script(script)


def arrives(page: Page, number: int) -> None:
    wait(lambda: shown_slice(page) == number, f"slice {number}")


def click_profile(page: Page, number: int) -> None:
    svg = page.find("#ls-planes .ls-profile svg")[0]
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", svg)
    left, right = (float(svg.get_attribute(f"data-{side}")) for side in ("left", "right"))
    share = left + (number - 0.5) / SLICES * (right - left)
    width = svg.rect["width"]
    ActionChains(page.driver).move_to_element_with_offset(
        svg, round((share - 0.5) * width), 0
    ).click().perform()


@pytest.mark.parametrize("width", [1280, 390])
def test_profile_lesion_wheel_and_keys_lead_to_their_slices(page, server, width):
    runs = server.runs()
    page.resize(width, 900)
    wait(lambda: shown_slice(page), "a slice")
    click_profile(page, 60)
    wait(lambda: abs(shown_slice(page) - 60) <= 1, "the slice under the pointer")  # a slice is 2 px wide

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
    arrives(page, at + 10)
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)  # the focus outlives the redraw
    arrives(page, at + 9)

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


def test_the_time_of_a_redraw_is_told(page, capsys):
    page.driver.set_script_timeout(60)
    times = [page.driver.execute_async_script(REDRAW_JS, to) for to in range(40, 50)]
    sizes = page.driver.execute_script(
        "return [...document.querySelectorAll('#ls-viewer img')].map(i => i.src.length * 0.75 / 1024)"
    )
    with capsys.disabled():
        print(
            f"\nslider to new pictures: median {statistics.median(times):.0f} ms, most {max(times):.0f} ms; "
        )
        print(f"three pictures, together {sum(sizes):.0f} KiB")
    assert len(times) == 10 and shown_slice(page) == 49


def test_the_zip_holds_every_file_of_the_list(page):
    page.driver.execute_script("document.querySelector('#ls-download').click()")
    wait(lambda: page.find("#ls-files a[href$='.zip']"), "the zip")
    links = {a.get_attribute("href") for a in page.find("#ls-files a[href]")}
    names = {link.rsplit("/", 1)[1] for link in links}
    zipped = next(link for link in links if link.endswith(".zip"))
    with urllib.request.urlopen(zipped, timeout=60) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert archive.testzip() is None
    assert set(archive.namelist()) == names - {zipped.rsplit("/", 1)[1]}
    wanted = "labels.nii.gz tumour_probability.nii.gz report.csv report.json report.pdf mesh.glb overview.png"
    assert set(wanted.split()) <= names
    labels = nibabel.Nifti1Image.from_bytes(gzip.decompress(archive.read("labels.nii.gz")))
    assert labels.shape == (128, 128, SLICES) and set(np.unique(labels.dataobj)) == {0, 1, 2}


def test_nothing_scrolls_sideways(page):
    page.shoot("volume-page")
    time.sleep(0.2)
    page.resize(390, 900)
    assert len([cut for cut in page.find("#ls-viewer .ls-cut") if cut.is_displayed()]) == 1
    page.resize(1280, 900)
