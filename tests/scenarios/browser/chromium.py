"""Headless Chromium with a page of the app, for the tests that look at it.

Needs Chromium and chromedriver, and fails without them. `LIVERSEG_SCREENSHOTS` names a folder for
the screenshots (1280 and 390 pixels wide).
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

    def choose_checkpoint(self, label: str) -> None:
        """Choose the entry of the dropdown that has this text."""

        def entries() -> list:  # an entry has no text until the list has faded in
            return [entry for entry in self.find("[role=option]") if label in entry.text]

        wait(lambda: self.click("#ls-checkpoint input"), "the dropdown")
        wait(entries, "the checkpoints")
        entries()[0].click()

    def click(self, selector: str) -> bool:
        """Click the first match; False while something that is under way lies over it."""
        try:
            self.find(selector)[0].click()
        except ElementClickInterceptedException:
            return False
        return True

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


_idle: list[webdriver.Chrome] = []
"""Browsers that a test has left; starting one takes longer than many a test."""


def _start() -> webdriver.Chrome:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and chromedriver, "Chromium and chromedriver are needed: apt-get install chromium-driver"
    profile = tempfile.mkdtemp(prefix="liverseg-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))

    @atexit.register
    def end() -> None:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)

    return driver


@contextmanager
def open_page(url: str, folder: Path) -> Iterator[Page]:
    """The page at an address, in a browser of its own that has forgotten the pages before.

    The screenshots lie in the folder.
    """
    shots = Path(os.environ.get("LIVERSEG_SCREENSHOTS") or folder / "screenshots")
    shots.mkdir(parents=True, exist_ok=True)
    driver = _idle.pop() if _idle else _start()
    page = Page(driver, shots)
    page.resize(1280, 900)
    driver.get(url)
    wait(lambda: page.find("#ls-upload input[type=file]"), "the page")
    yield page
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    driver.get("about:blank")  # ends what the page was doing
    _idle.append(driver)
