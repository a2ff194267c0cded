"""The time from a key press to the redrawn slice of a volume, in Chromium.

The page shows a synthetic scan, segmented by simple rules instead of a network, so that no network time is
included. A time runs from the time stamp of the key event to the end of the frame that shows the new slice.
"near" means single steps at reading pace, "held" a key held down, "far" jumps to slices that were not fetched
yet, and "server" steps drawn by the server because the page may not fetch voxels.

Chromium draws on the processor, without emulating a GPU (`FLAGS` in `tests.scenarios.browser.chromium`): the
emulation alone takes 100 ms per frame on two cores, which does not happen on a user's machine.

  python -m benchmarks.redraw --slices 119 --side 512
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.app_process import AppProcess
from tests.liverseg.app.rule_checkpoints import slice_hu, write_registry
from tests.scenarios.browser.chromium import Page, open_page, wait

LIMIT_MS = 150
"""The 95th percentile of the near steps must stay below this."""

WATCH_JS = """
const viewer = document.querySelector('#ls-viewer'), times = window.redrawTimes = [];
let pressed = [];
document.addEventListener('keydown', event => pressed.push(event.timeStamp), true);
const at = () => (viewer.querySelector('.ls-volume') || { dataset: {} }).dataset.slice;
let before = at();
const look = () => {
  const now = at();
  if (now !== before) {
    const steps = Math.min(Math.max(Math.abs(now - before), 1), pressed.length);
    const since = pressed.splice(0, steps)[0];
    before = now;
    if (since !== undefined) setTimeout(() => times.push(performance.now() - since));
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
"""Records the time stamp of each key event and the time of the frame that shows the new slice."""


def write_noisy_scan(path: Path, slices: int, side: int) -> None:
    """Write a body with a liver and a tumour as NIfTI, with noise so that it compresses like a real scan."""
    rng = np.random.default_rng(0)
    hu = np.empty((slices, side, side), np.int16)
    for index in range(slices):
        small = slice_hu(4 + index % 6)
        enlarged = np.kron(small, np.ones((side // len(small), side // len(small)), np.float32))
        hu[index] = np.clip(enlarged + rng.normal(0, 12, enlarged.shape), -1024, 3071)
    affine = np.diag([-0.7, -0.7, 3.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(hu.transpose(2, 1, 0), affine), path)


def focus_picture(page: Page) -> None:
    """Give the keyboard focus to the first visible picture."""
    page.driver.execute_script(
        "[...document.querySelectorAll('#ls-viewer .ls-cut')].find(c => c.clientWidth).focus()"
    )


def shown_slice(page: Page) -> int:
    """The index of the slice on display."""
    return int(
        page.driver.execute_script("return document.querySelector('#ls-viewer .ls-volume').dataset.slice")
    )


def redraw_times_ms(page: Page, keys: list[str], pause_s: float) -> np.ndarray:
    """Press the keys with a pause after each; returns the time in ms from each key to its slice."""
    page.driver.execute_script("window.redrawTimes.length = 0")
    focus_picture(page)
    for key in keys:
        ActionChains(page.driver, duration=0).send_keys(key).perform()
        time.sleep(pause_s)
    time.sleep(2)
    return np.array(page.driver.execute_script("return window.redrawTimes"))


def summarise(name: str, times: np.ndarray) -> dict:
    """Print and return the number of times, their median, 95th percentile and maximum."""
    if not len(times):
        return {"name": name, "n": 0}
    median, p95 = np.percentile(times, [50, 95])
    most = times.max()
    print(f"{name:<8} n = {len(times):3d}   median {median:5.0f}   95 % {p95:5.0f}   most {most:5.0f} ms")
    return {"name": name, "n": len(times), "median_ms": median, "p95_ms": p95, "most_ms": most}


def measure_redraws(page: Page, steps: int) -> list[dict]:
    """Time all kinds of redraw on a page that shows a volume."""
    wait(
        lambda: (
            page.driver.execute_script("return document.querySelector('#ls-viewer').dataset.drawn") == "yes"
        ),
        "voxels",
    )
    time.sleep(4)  # the neighbouring slices are fetched
    page.driver.execute_script(WATCH_JS)
    up, down = [Keys.ARROW_UP] * (steps // 2), [Keys.ARROW_DOWN] * (steps // 2)
    rows = [
        summarise("near", redraw_times_ms(page, up + down, 0.15)),
        summarise("held", redraw_times_ms(page, up + down, 0.03)),
    ]
    rows.append(summarise("far", redraw_times_ms(page, [Keys.HOME, Keys.END] * 3, 1.5)))
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/liverseg/slices/*"]})
    focus_picture(page)
    ActionChains(page.driver).send_keys(Keys.HOME).perform()
    wait(lambda: shown_slice(page) == 0, "the first slice")
    for _ in range(4):  # until the page needs a slice that it has not fetched
        ActionChains(page.driver).send_keys(Keys.PAGE_UP).perform()
        time.sleep(1)
    wait(
        lambda: (
            page.driver.execute_script("return document.querySelector('#ls-viewer').dataset.drawn") != "yes"
        ),
        "the server",
    )
    rows.append(summarise("server", redraw_times_ms(page, up[:6] + down[:6], 1.0)))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slices", type=int, default=119)
    parser.add_argument(
        "--side", type=int, default=512, help="rows and columns, a multiple of 128 (default 512)"
    )
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_noisy_scan(folder / "ct.nii.gz", args.slices, args.side)
        registry = write_registry(folder / "registry")
        with (
            AppProcess(folder / "log", LIVERSEG_REGISTRY=str(registry)) as server,
            open_page(server.url, folder) as page,
        ):
            page.upload(folder / "ct.nii.gz")
            wait(lambda: page.find("#ls-planes .ls-planes"), "the volume")
            rows = measure_redraws(page, args.steps)
    print(json.dumps({"slices": args.slices, "side": args.side, "redraw": rows}))
    return int(rows[0].get("p95_ms", LIMIT_MS) >= LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
