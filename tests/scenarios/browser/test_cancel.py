"""A long run in headless Chromium shows its progress, and ends when it is cancelled or the page is left."""

from __future__ import annotations

import time
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.app_process import AppProcess
from tests.scenarios.browser.chromium import open_page, wait


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """900 slices without a liver, so that the network runs on all of them."""
    hu = np.random.default_rng(0).normal(30, 10, (64, 64, 900)).astype(np.int16)
    path = tmp_path_factory.mktemp("inputs") / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(hu, np.diag([-2.4, -2.4, 1.0, 1.0])), path)
    return path


def test_a_run_ends_when_it_is_cancelled_or_the_page_is_left(
    bundled_app: AppProcess, long_scan: Path, tmp_path: Path
):
    server = bundled_app
    runs, cancelled_before = server.runs(), server.log().count("run cancelled:")
    cancelled = lambda: server.log().count("run cancelled:") - cancelled_before  # noqa: E731

    with open_page(server.url, tmp_path) as page:

        def shows_cancel() -> bool:
            return any(button.is_displayed() for button in page.find("#ls-cancel"))

        assert not shows_cancel()
        page.upload(long_scan)
        wait(shows_cancel, "the button Cancel")
        wait(lambda: "/900" in page.text("#ls-output").replace(" ", ""), "progress in slices")
        page.shoot("running")
        assert page.click("#ls-cancel")
        wait(lambda: "The segmentation was cancelled." in page.text(".ls-problem"), "the message")
        wait(lambda: not shows_cancel(), "the button to disappear")
        assert cancelled() == 1 and server.runs() == runs
        page.shoot("cancelled")

        page.upload(long_scan)
        wait(shows_cancel, "the button Cancel")
        wait(lambda: "/900" in page.text("#ls-output").replace(" ", ""), "progress in slices")
        page.driver.get("about:blank")
        deadline = time.monotonic() + 60
        wait(lambda: cancelled() == 2 or time.monotonic() > deadline, "the end of the abandoned run")
        assert cancelled() == 2 and server.runs() == runs
