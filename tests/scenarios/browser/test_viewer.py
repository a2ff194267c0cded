"""The viewer in headless Chromium: readout, ruler, ellipse, zoom, window, lesions, 3D, full screen, keys."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial

import cv2
import nibabel
import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from liverseg.core.window import DEFAULT_WINDOW, to_grey
from tests.app_process import AppProcess
from tests.liverseg.app.rule_checkpoints import SIDE, slice_hu
from tests.scenarios.browser.chromium import Page, open_page, wait

SLICES, SPACING_MM, TUMOUR_SLICES = 12, (2.0, 1.5, 0.8), (4, 5, 6)
"""Number of slices, spacing of slices, rows and columns, and the slices with a tumour."""

PLACE_JS = """
const [plane, picture, x, y] = arguments;
const name = plane === 'axial' ? `[data-picture="${picture}"]` : `[data-plane=${plane}]`;
const cut = document.querySelector(`:is(#ls-viewer, #ls-planes) figure${name} .ls-cut`);
cut.scrollIntoView({ block: 'center' });
const drawing = JSON.parse(document.querySelector('#ls-viewer .ls-volume').dataset.drawing);
const frame = plane === 'axial' ? drawing.frame : drawing.frames[plane], box = cut.getBoundingClientRect();
const [columns, rows] = { axial: [drawing.columns, drawing.rows], coronal: [drawing.columns, drawing.count],
  sagittal: [drawing.rows, drawing.count] }[plane];
return [box.left + (frame.left + x / columns * frame.columns) / frame.width * box.width,
  box.top + (frame.top + y / rows * frame.rows) / frame.height * box.height];
"""
"""Where a position of a section, in pixels, is on the screen while its picture is not zoomed."""


@pytest.fixture(scope="module")
def hu() -> np.ndarray:
    """(SLICES, SIDE, SIDE) HU with noise, so that neighbouring pixels differ."""
    noise = np.random.default_rng(0).normal(0, 3, (SLICES, SIDE, SIDE))
    return np.rint(np.stack([slice_hu(8 * (z in TUMOUR_SLICES)) for z in range(SLICES)]) + noise)


@pytest.fixture(scope="module")
def page(rule_app: AppProcess, hu: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("viewer")
    affine = np.diag([-SPACING_MM[2], -SPACING_MM[1], SPACING_MM[0], 1.0])
    affine[:3, 3] = 60, 70, -30  # voxel (0, 0, 0) lies 60 mm right, 70 mm anterior, 30 mm towards the feet
    nibabel.save(nibabel.Nifti1Image(hu.transpose(2, 1, 0).astype(np.int16), affine), folder / "ct.nii.gz")
    with open_page(rule_app.url, folder) as page:
        page.upload(folder / "ct.nii.gz")
        wait(lambda: page.find("#ls-planes .ls-cut canvas"), "the views that the browser draws")
        wait_until_drawn(page)
        yield page


def wait_until_drawn(page: Page) -> None:
    drawn = "return document.querySelector('#ls-viewer').dataset.drawn"
    wait(lambda: page.driver.execute_script(drawn) == "yes", "drawn pictures")


@pytest.fixture(autouse=True)
def fresh(page: Page) -> None:
    """Each test starts at slice 6 without zoom, tools and measurements."""
    press(page, Keys.HOME, "0", *[Keys.ARROW_UP] * 5)
    wait(lambda: shown_slice(page) == 5, "slice 6")


def shown_slice(page: Page) -> int:
    return int(
        page.driver.execute_script("return document.querySelector('#ls-viewer .ls-volume').dataset.slice")
    )


def press(page: Page, *keys: str) -> None:
    page.driver.execute_script(
        "[...document.querySelectorAll('#ls-viewer .ls-cut')].find(cut => cut.clientWidth)"
        ".focus({ preventScroll: true })"
    )
    for key in keys:
        ActionChains(page.driver, duration=0).send_keys(key).perform()


def mouse(page: Page, kind: str, at: tuple[float, float], **more: object) -> None:
    """Send a mouse event at a position of the window."""
    event = {"type": kind, "x": at[0], "y": at[1], **more}
    page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def place(page: Page, x: float, y: float, plane: str = "axial", picture: int = 0) -> tuple[float, float]:
    return tuple(page.driver.execute_script(PLACE_JS, plane, picture, x, y))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
    held = {"left": 1, "right": 2}[button]
    mouse(page, "mousePressed", start, button=button, buttons=held, clickCount=1)
    mouse(page, "mouseMoved", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), button=button, buttons=held)
    mouse(page, "mouseMoved", end, button=button, buttons=held)
    mouse(page, "mouseReleased", end, button=button, clickCount=1)


def touch(page: Page, kind: str, *fingers: tuple[float, float]) -> None:
    """Send a touch event with the positions of all fingers; none for the end of a touch."""
    points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(fingers)]
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def swipe(page: Page, start: tuple[float, float], along_px: float) -> None:
    touch(page, "touchStart", start)
    for part in (0.25, 0.5, 0.75, 1):
        touch(page, "touchMove", (start[0] + part * along_px, start[1]))
    touch(page, "touchEnd")


def readouts(page: Page) -> list[str]:
    return [one.text.replace("\u2212", "-") for one in page.find(".ls-readout") if one.text]


def readout(page: Page, at: tuple[float, float]) -> str:
    mouse(page, "mouseMoved", at)
    wait(lambda: readouts(page), "the readout")
    (shown,) = readouts(page)
    return shown


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_the_readout_is_the_voxel_under_the_pointer_in_every_plane(page, hu):
    text = readout(page, place(page, 40.5, 70.5))
    value, p, x, y, z = numbers(text)
    assert value == hu[5, 70, 40] and p < 0.5
    assert (x, y, z) == (round(60 - 40 * 0.8), round(-(70 - 70 * 1.5)), round(30 - 5 * 2))
    assert re.search(r"· R 28 P 35 F 20 mm$", text)
    assert numbers(readout(page, place(page, 42.5, 60.5, picture=2)))[1] > 0.5

    mouse_click(page, place(page, 42.5, 60.5))
    for plane, x, voxel in (("coronal", 50.5, (9, 60, 50)), ("sagittal", 80.5, (9, 80, 42))):
        read = partial(readout, page, place(page, x, SLICES - 9.5, plane))
        wait(lambda read=read, value=hu[voxel]: numbers(read())[0] == value, f"the HU of the {plane} view")
    assert shown_slice(page) == 5


def mouse_click(page: Page, at: tuple[float, float], button: str = "left") -> None:
    mouse(page, "mouseMoved", at)
    mouse(page, "mousePressed", at, button=button, clickCount=1)
    mouse(page, "mouseReleased", at, button=button, clickCount=1)


def test_ruler_and_ellipse_measure_what_the_volume_holds(page, hu):
    press(page, "r")
    assert page.find("#ls-viewer [data-tool=ruler]")[0].get_attribute("aria-pressed") == "true"
    drag(page, place(page, 30, 50), place(page, 60, 70))
    wait(lambda: page.text("[data-measurement] text"), "a length")
    length = np.hypot(30 * SPACING_MM[2], 20 * SPACING_MM[1])
    assert numbers(page.text("[data-measurement] text"))[0] == pytest.approx(length, abs=0.5)
    drag(page, place(page, 20, 50, "coronal"), place(page, 50, 50, "coronal"))  # beside the volume

    press(page, "e")
    drag(page, place(page, 30, 60), place(page, 50, 76))
    wait(lambda: page.find("[data-measurement][data-kind=ellipse]"), "an ellipse")
    ends = page.driver.execute_script(
        "const e = document.querySelector('[data-measurement] ellipse'), of = name => e[name].baseVal.value;"
        "const { frame, rows, columns } = JSON.parse(document.querySelector('.ls-volume').dataset.drawing);"
        "const across = columns / frame.columns, down = rows / frame.rows;"
        "return [(of('cx') - frame.left) * across, (of('cy') - frame.top) * down,"
        " of('rx') * across, of('ry') * down]"
    )
    cx, cy, rx, ry = ends
    assert ends == pytest.approx([40, 68, 10, 8], abs=0.4)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    inside = hu[5][((columns - cx) / rx) ** 2 + ((rows - cy) / ry) ** 2 <= 1]
    lines = [one.text for one in page.find("figure[data-picture='0'] [data-kind=ellipse] text")][:2]
    mean, sd, width, height = numbers(" ".join(lines))
    assert (mean, sd) == pytest.approx((inside.mean(), inside.std()), abs=0.051)
    assert (width, height) == pytest.approx((16, 24), abs=0.8)

    assert len(page.find("#ls-viewer figure[data-picture='1'] [data-measurement]")) == 2
    press(page, "e", Keys.ARROW_UP)
    wait(lambda: not page.find("[data-measurement]"), "a slice without measurements")
    press(page, Keys.ARROW_DOWN)
    wait(lambda: page.find("[data-measurement]"), "the measurements of the slice")
    mouse_click(page, centre(page, "[data-kind=ruler] .ls-remove"))
    wait(lambda: not page.find("[data-kind=ruler]"), "one measurement")
    page.find("[data-tool=clear]")[0].click()
    wait(lambda: not page.find("[data-measurement]"), "no measurement")


def centre(page: Page, selector: str) -> tuple[float, float]:
    return tuple(
        page.driver.execute_script(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [box.left + box.width / 2, box.top + box.height / 2]",
            selector,
        )
    )


def test_ctrl_and_wheel_zoom_at_the_pointer_and_a_drag_moves_the_picture(page, hu):
    at = place(page, 40.5, 70.5)
    before = readout(page, at)
    for _ in range(3):
        mouse(page, "mouseWheel", at, deltaX=0, deltaY=-120, modifiers=2)
    wait(lambda: len(page.find("figure[data-plane=axial][data-zoomed=yes]")) == 3, "three zoomed pictures")
    assert readout(page, at) == before
    assert page.find("#ls-planes figure[data-zoomed=no]") and shown_slice(page) == 5
    drag(page, at, (at[0] + 40, at[1] + 30))
    wait(lambda: readout(page, (at[0] + 40, at[1] + 30)) == before, "the voxel under the pointer")
    press(page, "0")
    wait(lambda: not page.find("figure[data-zoomed=yes]"), "the whole picture")
    assert readout(page, at) == before


@pytest.fixture
def phone(page: Page) -> Iterator[Page]:
    """The page on a touch screen of 390 by 844 pixels."""
    page.resize(390, 844)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    yield page
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    page.resize(1280, 900)


def test_a_swipe_steps_through_the_slices_and_a_finger_reads_the_value(phone, hu):
    start = place(phone, 40.5, 70.5, picture=1)
    touch(phone, "touchStart", start)
    wait(lambda: readouts(phone), "the readout")
    assert numbers(readouts(phone)[0])[0] == hu[5, 70, 40]
    touch(phone, "touchEnd")
    swipe(phone, start, 45)
    wait(lambda: shown_slice(phone) == 8, "three slices up")
    swipe(phone, start, -45)
    wait(lambda: shown_slice(phone) == 5, "three slices down")
    assert not phone.find("figure[data-zoomed=yes]")


def test_two_fingers_zoom_and_one_then_moves_the_picture(phone):
    x, y = place(phone, 64, 64, picture=1)
    touch(phone, "touchStart", (x - 20, y))
    touch(phone, "touchStart", (x - 20, y), (x + 20, y))
    for apart in (30, 40, 50):
        touch(phone, "touchMove", (x - apart, y), (x + apart, y))
    touch(phone, "touchEnd")
    wait(lambda: phone.find("figure[data-plane=axial][data-zoomed=yes]"), "a zoomed picture")
    assert shown_slice(phone) == 5
    swipe(phone, (x, y), 45)
    assert shown_slice(phone) == 5, "a finger moves a zoomed picture and does not step"
    press(phone, "0")
    wait(lambda: not phone.find("figure[data-zoomed=yes]"), "the whole picture")


def test_a_drag_with_the_right_button_changes_window_and_controls(page):
    start = place(page, 64, 64)
    drag(page, start, (start[0] + 60, start[1] + 40), "right")
    values = (
        "return ['center', 'width'].map("
        "name => Number(document.querySelector(`#ls-${name} input[type=number]`).value))"
    )
    wait(lambda: page.driver.execute_script(values) == [-20, 490], "the controls of the window")
    assert not page.driver.execute_script("return !!document.querySelector('#ls-preset input:checked')")
    page.driver.execute_script("document.querySelector('#ls-preset input').click()")
    wait(lambda: page.driver.execute_script(values) == [40, 400], "the usual window")


def test_lesions_have_numbers_and_n_goes_to_them_while_the_page_stays(page):
    press(page, Keys.HOME)
    wait(
        lambda: shown_slice(page) == 0 and not page.find("#ls-viewer [data-number]"), "a slice without lesion"
    )
    before = page.driver.execute_script("return window.scrollY")
    press(page, "n")
    wait(lambda: shown_slice(page) in TUMOUR_SLICES, "the lesion")
    assert [one.text for one in page.find("#ls-viewer svg [data-number]")] == ["1", "1"]
    assert page.driver.execute_script("return window.scrollY") == before
    press(page, "o")
    wait(lambda: not page.find("#ls-viewer svg [data-number]"), "pictures without overlay")
    press(page, "o")
    wait(lambda: page.find("#ls-viewer svg [data-number]"), "the overlay")


def test_space_plays_the_slices_until_it_is_pressed_again(page):
    press(page, Keys.SPACE)
    wait(lambda: shown_slice(page) not in (5, 6), "other slices")
    press(page, Keys.SPACE)
    at = shown_slice(page)
    time.sleep(0.4)
    assert abs(shown_slice(page) - at) <= 1
    stopped = shown_slice(page)
    time.sleep(0.4)
    assert shown_slice(page) == stopped


def test_a_click_in_3d_goes_to_the_tumour(page):
    press(page, Keys.HOME)
    stage = page.find("#ls-solid .ls-stage")[0]
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    wait(lambda: page.find("#ls-solid [data-number]"), "the number of the lesion in 3D")
    page.find("#ls-solid [data-face=Front]")[0].click()
    time.sleep(0.3)
    mouse_click(page, centre(page, "#ls-solid [data-number]"))
    wait(lambda: shown_slice(page) in TUMOUR_SLICES, "the slice of the point")


def test_full_screen_holds_slice_window_and_keys_and_leads_back(page):
    page.find("#ls-viewer [data-tool=full]")[0].click()
    wait(lambda: page.driver.execute_script("return !!document.fullscreenElement"), "the full screen")
    assert all(one.is_displayed() for one in page.find("#ls-viewer .ls-cut, #ls-planes .ls-cut"))
    ActionChains(page.driver, duration=0).send_keys(Keys.ARROW_UP).perform()
    wait(lambda: shown_slice(page) == 6, "the next slice")
    page.find(".ls-full-bar [data-preset=Bone]")[0].click()
    wait(lambda: page.find(".ls-full-bar [data-preset=Bone][aria-pressed=true]"), "another window")
    page.find(".ls-full-bar [data-preset=Abdomen]")[0].click()
    page.driver.save_screenshot(str(page.shots / "viewer-full.png"))
    page.find("#ls-viewer figure[data-picture='0'] .ls-grow")[0].click()
    wait(lambda: len([one for one in page.find(".ls-cut") if one.is_displayed()]) == 1, "one picture alone")
    page.driver.save_screenshot(str(page.shots / "viewer-alone.png"))
    page.find(".ls-full-bar [data-tool=full]")[0].click()
    wait(lambda: not page.driver.execute_script("return !!document.fullscreenElement"), "the page")
    assert not page.find(".ls-full") and len([one for one in page.find(".ls-cut") if one.is_displayed()]) == 5


def test_without_full_screen_the_pictures_fill_what_a_screen_shows(page):
    size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    screen = {"screenWidth": 1280, "screenHeight": 600}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, **screen})
    page.driver.execute_script(
        "Element.prototype.requestFullscreen = () => Promise.reject(new Error('refused'))"
    )
    press(page, "f")
    wait(lambda: page.find(".ls-full.ls-filling"), "the pictures in the whole window")
    box = page.find(".ls-filling")[0].rect
    assert box["width"] == 1280 and box["height"] < 600  # of the screen: the page is higher, as in a frame
    ActionChains(page.driver, duration=0).send_keys(Keys.ESCAPE).perform()
    wait(lambda: not page.find(".ls-full"), "the page")


def test_the_list_of_keys_keeps_the_focus_and_escape_closes_it(page):
    press(page, "?")
    wait(lambda: page.find("dialog[open]"), "the list of keys")
    for _ in range(3):
        ActionChains(page.driver, duration=0).send_keys(Keys.TAB).perform()
        outside = "const at = document.activeElement; return at !== document.body && !at.closest('dialog')"
        assert not page.driver.execute_script(outside)
    page.driver.save_screenshot(str(page.shots / "viewer-keys.png"))
    ActionChains(page.driver, duration=0).send_keys(Keys.ESCAPE).perform()
    wait(lambda: not page.find("dialog[open]"), "the page")


def test_a_picture_is_read_with_an_assumed_window_and_in_pixels(rule_app, hu, tmp_path):
    cv2.imwrite(str(tmp_path / "ct.png"), to_grey(hu[5].astype(np.float32), DEFAULT_WINDOW))
    with open_page(rule_app.url, tmp_path) as page:
        page.upload(tmp_path / "ct.png")
        wait(lambda: page.find("#ls-viewer .ls-cut canvas"), "the picture")
        wait_until_drawn(page)
        text = readout(page, place(page, 40.5, 70.5))
        assert text.startswith("≈ ") and text.endswith("· row 71, column 41")
        assert numbers(text)[0] == pytest.approx(hu[5, 70, 40], abs=1)
        press(page, "r")
        drag(page, place(page, 30, 50), place(page, 60, 90))
        wait(lambda: page.text("[data-measurement] text").endswith(" px"), "a length in pixels")
        assert numbers(page.text("[data-measurement] text"))[0] == pytest.approx(50, abs=0.5)
