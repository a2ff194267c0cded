"""The time from an upload to its pictures on the page, in Chromium, compared with the network's time."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.speed.app_client import ANSWER_LIMIT_S, App, serving
from benchmarks.speed.peers import need
from benchmarks.speed.rows import NotMeasured, Ratio, Row, Spread
from benchmarks.speed.sections import Context
from liverseg import phantom

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,900"
).split()
SHOWN_JS = """
const images = [...document.querySelectorAll('#ls-viewer img')];
const network = document.querySelector('[data-fact=network-time]');
const tabs = [...document.querySelectorAll('#ls-tabs [role=tab]')];
const tab = tabs.find(one => one.textContent === 'Where it comes from');
if (!network && tab) tab.click();
if (!images.length || !network || !images.every(image => image.complete && image.naturalWidth)) return null;
return [images.map(image => image.src.length), images[0].src.slice(-200), parseFloat(network.textContent)];
"""
"""Returns, once a result is shown: lengths of the pictures' sources, end of the first, network seconds."""

SLIDERS = (("ls-center", "60"), ("ls-opacity", "0.3"), ("ls-threshold", "0.7"))


def measure(context: Context) -> list[Row]:
    """Upload slices one after the other; then change window, opacity and threshold, which run no network."""
    webdriver = need("selenium.webdriver")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        raise NotMeasured("Chromium and chromedriver are not installed")
    count, size = (2, 64) if context.quick else (8, 512)
    slices = [phantom.make(seed=seed, size=size) for seed in range(count + 1)]
    files = [phantom.write(scan, context.scratch / f"{k}.png")[0] for k, scan in enumerate(slices)]
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={context.scratch / 'chromium'}"):
        options.add_argument(flag)
    with serving(context.threads) as app:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
        try:
            driver.get(app.url)
            return [_row(app, driver, files, context)]
        finally:
            driver.quit()


def _row(app: App, driver: Any, files: list[Path], context: Context) -> Row:
    waits, network_times, rests, sizes = [], [], [], []
    for number, file in enumerate(files):
        waited, length, network = upload(driver, file)
        if number:  # the first upload warms up both sides
            waits.append(waited)
            network_times.append(network)
            rests.append(waited - network)
            sizes.append(length * 3 / 4 / 1000)  # base64 to kB
        context.tell(f"upload {number + 1}: {waited:.2f} s, network {network:.2f} s")
    runs = _network_runs(app)
    changes = [_change_slider(driver, slider, value) for slider, value in SLIDERS]
    return Row(
        "upload",
        "a new slice, from choosing the file to three pictures",
        "s",
        {
            "upload to pictures": Spread.of(waits),
            "network": Spread.of(network_times),
            "the rest": Spread.of(rests),
            "window, opacity or threshold to pictures": Spread.of(changes),
        },
        {
            "seconds beyond the network's own": Ratio(statistics.median(rests), 1.0, False),
            "kB of pictures a slice": Ratio(statistics.median(sizes), higher_is_better=False),
            "runs of the network for window, opacity and threshold": Ratio(
                float(_network_runs(app) - runs), 0.0, False, guarded=False
            ),
        },
        note="headless Chromium on the same processors",
    )


def upload(driver: Any, file: Path) -> tuple[float, int, float]:
    """Choose a file instead of the previous one.

    Returns the seconds until its pictures are shown, the length of their sources in characters, and the
    network's seconds that the page shows.
    """
    for button in driver.find_elements("css selector", "#ls-upload button[aria-label='Clear']"):
        driver.execute_script("arguments[0].click()", button)
    until(
        lambda: not driver.execute_script("return document.querySelector('#ls-viewer img')"), "an empty page"
    )
    field = until(
        lambda: driver.find_elements("css selector", "#ls-upload input[type=file]"), "the field for a file"
    )[0]
    started = time.perf_counter()
    field.send_keys(str(file))
    lengths, _, network = until(lambda: driver.execute_script(SHOWN_JS), "the pictures")
    return time.perf_counter() - started, sum(lengths), network


def _change_slider(driver: Any, slider: str, value: str) -> float:
    """Type a value into a slider's field; returns the seconds until the pictures have changed."""
    keys = need("selenium.webdriver.common.keys").Keys
    before = driver.execute_script("return document.querySelector('#ls-viewer').innerHTML")
    number = driver.find_element("css selector", f"#{slider} input[type=number]")
    number.send_keys(keys.CONTROL, "a")
    started = time.perf_counter()
    number.send_keys(value, keys.TAB)
    changed = "return document.querySelector('#ls-viewer').innerHTML != arguments[0]"
    until(lambda: driver.execute_script(changed, before), "changed pictures")
    return time.perf_counter() - started


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true result of `condition`. Raises `NotMeasured`, naming `what`, after the time limit."""
    end = time.monotonic() + ANSWER_LIMIT_S
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.01)
    raise NotMeasured(f"{what} did not come")


def _network_runs(app: App) -> int:
    """The number of network runs in the app's log."""
    return sum("network run:" in line for line in app.lines())
