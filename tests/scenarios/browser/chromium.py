"""The page of the app in headless Chromium.

The tests fail without Chromium and chromedriver. `LIVERSEG_SCREENSHOTS` names a folder for screenshots of
whole pages (1280 and 390 pixels wide); without it none are taken.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException
from selenium.webdriver.common.by import By

from tests.app_process import PATIENCE_S

SHOTS = "LIVERSEG_SCREENSHOTS"
"""The variable that names a folder for screenshots."""

FLAGS = (
    "--headless=new --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --disable-quic "
    "--disable-gpu-compositing --disable-renderer-backgrounding "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--hide-scrollbars"
).split()
PICTURES_JS = """
return [...document.querySelectorAll('#ls-viewer img')].map(
  image => [image.complete, image.naturalWidth, image.naturalHeight, image.clientWidth, image.src]);
"""

OPEN_TAB_JS = """
const tab = [...document.querySelectorAll('#ls-tabs button')].find(
  one => one.textContent.trim() === arguments[0] && !one.closest('.visually-hidden'));
if (!tab || tab.matches('.selected')) return !!tab;
tab.click();
return false;
"""
"""Clicks a tab, which is in a menu where the screen is narrow; returns whether it is open."""


class Page:
    """The page in a browser, with what a visitor can see and do."""

    def __init__(self, driver: webdriver.Chrome, shots: Path) -> None:
        self.driver = driver
        self.shots = shots
        self.uploaded: Path | None = None  # the latest upload

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def find(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of the first match without narrow no-break and outer spaces; "" where nothing matches."""
        text = self.driver.execute_script(
            "return (document.querySelector(arguments[0]) || {}).textContent || ''", selector
        )
        return text.replace("\u202f", "").strip()

    def pictures(self) -> list[str]:
        """The sources of the three pictures, once they are loaded; they must have the same size."""
        wait(lambda: all(image[0] for image in self.driver.execute_script(PICTURES_JS)), "loaded pictures")
        images = self.driver.execute_script(PICTURES_JS)
        assert len(images) == 3 and all(width > 500 for _, width, *_ in images)
        assert len({(width, height) for _, width, height, *_ in images}) == 1
        assert len({shown for *_, shown, _ in images}) == 1
        return [source for *_, source in images]

    def slice_picture(self) -> str:
        """The source of the first picture, loaded or not; "" without a picture."""
        return self.driver.execute_script("return (document.querySelector('#ls-viewer img') || {}).src || ''")

    def upload(self, path: Path) -> None:
        """Removes the current file, which makes room for the next one, and uploads another."""
        for button in self.find("#ls-upload button[aria-label='Clear']"):
            self.driver.execute_script("arguments[0].click()", button)
            wait(lambda: not self.find("#ls-viewer img") and not self.find(".ls-problem"), "an empty page")
        wait(lambda: self.find("#ls-upload input[type=file]"), "the upload")
        self.find("#ls-upload input[type=file]")[0].send_keys(str(path))
        self.uploaded = path

    def choose_checkpoint(self, label: str) -> None:
        """Chooses the checkpoint whose entry in the dropdown contains this text."""

        def entries() -> list:  # an entry has no text while the list fades in
            return [entry for entry in self.find("[role=option]") if label in entry.text]

        wait(lambda: self.click("#ls-checkpoint input"), "the dropdown")
        wait(entries, "the checkpoints")
        entries()[0].click()

    def click(self, selector: str) -> bool:
        """Clicks the first match; returns False while another element covers it."""
        try:
            self.find(selector)[0].click()
        except ElementClickInterceptedException:
            return False
        return True

    def open_tab(self, name: str) -> None:
        """Opens a tab below the pictures; its content is not in the page before."""
        wait(lambda: self.driver.execute_script(OPEN_TAB_JS, name), f"the tab {name}")

    def open_downloads(self) -> None:
        """Opens the tab of the downloads and waits for their list."""
        wait(lambda: self.find("#ls-downloads-tab-button"), "the tab of the downloads")
        self.driver.execute_script("document.querySelector('#ls-downloads-tab-button').click()")
        wait(lambda: self.find("#ls-files a[href$='.zip']"), "the downloads")

    def shoot(self, name: str) -> None:
        """Takes wanted screenshots of the whole page at both widths; fails if it scrolls sideways."""
        for width in (390, 1280):
            self.resize(width, 900)
            time.sleep(0.3)
            page_width, page_height = self.driver.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            )
            assert page_width <= width, f"{name} scrolls sideways at {width}: {page_width}"
            if os.environ.get(SHOTS):
                self.resize(width, min(page_height, 4000))
                self.driver.save_screenshot(str(self.shots / f"{name}-{width}.png"))
        self.resize(1280, 900)


def wait(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition is true; `what` names the expected thing in the error."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not appear"
        time.sleep(0.1)


_idle: list[webdriver.Chrome] = []
"""Browsers that can be used again: a start takes longer than many tests."""


def _start() -> webdriver.Chrome:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and chromedriver, "Chromium and chromedriver are needed: apt-get install chromium-driver"
    profile = tempfile.mkdtemp(prefix="liverseg-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})  # read by `traffic`
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))

    @atexit.register
    def quit_browser() -> None:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)

    return driver


@contextmanager
def open_page(url: str, folder: Path) -> Iterator[Page]:
    """The page at an address, in a browser without stored data; `folder` is the default for screenshots."""
    shots = Path(os.environ.get(SHOTS) or folder / "screenshots")
    shots.mkdir(parents=True, exist_ok=True)
    driver = _idle.pop() if _idle else _start()
    page = Page(driver, shots)
    page.resize(1280, 900)
    driver.get(url)
    wait(lambda: page.find("#ls-upload input[type=file]"), "the page")
    yield page
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    driver.get("about:blank")  # stops the page
    _idle.append(driver)
