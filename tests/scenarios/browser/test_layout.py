"""The arrangement of the page in headless Chromium, as a visitor sees it on a desk and on a phone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import nibabel
import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from tests.app_process import AppProcess
from tests.liverseg.app.rule_checkpoints import slice_hu
from tests.scenarios.browser.chromium import Page, open_page, wait

TUMOUR_SLICES = (4, 5, 6)  # counted from 0

BOXES_JS = """
const boxes = {};
for (const selector of arguments[0]) {
  boxes[selector] = [...document.querySelectorAll(selector)].map(one => {
    const { left, top, right, bottom } = one.getBoundingClientRect();
    return [left, top, right, bottom];
  }).filter(([left, , right]) => right > left);
}
return boxes;
"""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom on the screen, in pixels."""


@pytest.fixture(scope="module")
def page(rule_app: AppProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page with a volume of 12 slices that has one tumour."""
    folder = tmp_path_factory.mktemp("layout")
    hu = np.stack([slice_hu(8 if z in TUMOUR_SLICES else 0) for z in range(12)])  # (S, H, W)
    scan = folder / "ct.nii.gz"
    nibabel.save(nibabel.Nifti1Image(hu.transpose(2, 1, 0).astype(np.int16), np.diag([-2, -2, 6, 1])), scan)
    with open_page(rule_app.url, folder) as page:
        page.resize(390, 844)
        assert page.find("#ls-upload")[0].is_displayed(), "without a result the upload is in sight"
        assert not page.find("#ls-preset")[0].is_displayed(), "a slider that does not act is not"
        page.upload(scan)
        wait(lambda: page.find("#ls-planes .ls-planes"), "the result")
        yield page


def boxes(page: Page, *selectors: str) -> dict[str, list[Box]]:
    found = page.driver.execute_script(BOXES_JS, selectors)
    assert all(found.values()), f"nothing visible of {[name for name, each in found.items() if not each]}"
    return {name: found[name] for name in selectors}  # the driver has sorted the names


def scrolled(page: Page) -> float:
    return page.driver.execute_script("return scrollY")


def test_a_phone_goes_to_the_result_of_an_upload(page):
    wait(lambda: boxes(page, "#ls-pictures")["#ls-pictures"][0][1] < 60, "the picture at the top")


@pytest.mark.parametrize("width, height", [(1280, 800), (1920, 1080)])
def test_one_screen_holds_pictures_doubts_numbers_and_the_first_lesion(page, width, height):
    page.resize(width, height)
    page.driver.execute_script("scrollTo(0, 0)")
    views, panel = ("#ls-viewer figure", "#ls-planes figure"), (".ls-doubts", ".ls-tiles", ".ls-lesion")
    wait(lambda: all(page.find(selector) for selector in (*views, *panel)), "the result")
    found = boxes(page, *views, *panel, "#ls-slice", "#ls-slice-note")
    assert [len(found[selector]) for selector in views] == [3, 3]
    first = {selector: each if selector in views else each[:1] for selector, each in found.items()}
    for selector, each in first.items():
        for left, top, right, bottom in each:
            assert 0 <= left and right <= width and 0 <= top and bottom <= height, selector
    axial = found[views[0]]
    assert axial[0][1] == axial[1][1] == axial[2][1], "the axial pictures are side by side"
    assert all(right <= found[".ls-doubts"][0][0] for *_, right, _ in axial), "the panel is beside them"


def test_a_click_on_a_lesion_goes_there_and_the_page_stays(page):
    page.resize(1280, 800)
    page.driver.execute_script("scrollTo(0, 120)")
    note, at = (
        page.text("#ls-slice-note"),
        "return document.querySelector('#ls-viewer .ls-volume').dataset.slice",
    )
    page.find("#ls-viewer .ls-cut")[0].send_keys(Keys.HOME)
    wait(lambda: page.driver.execute_script(at) == "0" and page.text("#ls-slice-note") != note, "slice 1")
    page.driver.execute_script("scrollTo(0, 120)")
    before, card = scrolled(page), page.find(".ls-lesion .ls-size")[0]
    card.click()
    wait(lambda: int(page.driver.execute_script(at)) in TUMOUR_SLICES, "the lesion")
    wait(lambda: page.text("#ls-slice-note") == note, "the counts of its slice")
    assert scrolled(page) == before
    assert card.is_displayed(), "the panel is not written anew when the slice changes"


def test_a_phone_has_the_picture_then_numbers_then_lesions_and_settings_in_a_drawer(page):
    page.resize(390, 844)
    page.driver.execute_script("scrollTo(0, 0)")
    time.sleep(0.3)
    order = ("#ls-viewer .ls-cut", ".ls-viewer .ls-tabs", "#ls-slice", ".ls-tiles", ".ls-lesion", "#ls-tabs")
    found = [each[0] for each in boxes(page, *order).values()]
    assert [top for _, top, *_ in found] == sorted(top for _, top, *_ in found)
    assert found[2][3] <= 844, "picture, tabs and slider fit on the screen"
    page.driver.execute_script("scrollTo(0, 700)")
    wait(lambda: boxes(page, "#ls-pictures")["#ls-pictures"][0][1] == 0, "the sticky picture")

    preset, button = page.find("#ls-preset")[0], page.find("[data-drawer]")[0]
    page.driver.execute_script("scrollTo(0, 0)")
    assert not preset.is_displayed() and button.get_attribute("aria-expanded") == "false"
    button.click()
    wait(preset.is_displayed, "the settings")
    assert button.get_attribute("aria-expanded") == "true"
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait(lambda: not preset.is_displayed(), "the drawer to close")
    assert page.driver.switch_to.active_element == button


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_screen(page, width):
    page.resize(width, 844)
    for tab in ("API", "Where it comes from", "Downloads", "Compare", "3D"):
        page.open_tab(tab)
        size = page.driver.execute_script("return document.documentElement.scrollWidth")
        assert size <= width, tab
    lesion, panel = ".ls-lesion :is(p, button)", "#ls-side"
    for left, _, right, _ in boxes(page, lesion)[lesion]:
        assert 0 <= left and right <= boxes(page, panel)[panel][0][2] + 1


def test_the_api_tab_names_this_server(page):
    page.resize(1280, 800)
    page.open_tab("API")
    server = page.driver.current_url.split("#")[0].rstrip("/")
    wait(lambda: f'Client("{server}")' in page.text("#ls-call-python"), "the server's address")
    assert f"server={server}\n" in page.text("#ls-call-curl")
    page.open_tab("3D")
