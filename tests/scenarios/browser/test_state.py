"""The state of the page as a visitor meets it: typing, reload, failed switch, cancelled run, restart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from liverseg.phantom import write
from tests.app_process import AppProcess
from tests.liverseg.app.rule_checkpoints import write_registry
from tests.phantoms import make
from tests.scenarios.browser.chromium import Page, open_page, wait

CANCEL_SOON_JS = """
const timer = setInterval(() => {
  const line = document.querySelector('#ls-waiting [data-place]');
  if (!line || !line.textContent) return;
  clearInterval(timer);
  window.line = line.textContent;
  document.querySelector('#ls-cancel').click();
}, 20);
"""
"""Presses Cancel as soon as the page says how far the run is, as a small network may be quicker."""

THRESHOLD = "#ls-threshold input[type=number]"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_registry(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """An app with two small checkpoints of its own."""
    log = tmp_path_factory.mktemp("server") / "log"
    with AppProcess(log, LIVERSEG_REGISTRY=str(models)) as app:
        yield app


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make("volume", seed=3, size=128, slices=6)
    return write(made, tmp_path_factory.mktemp("inputs"), "nifti")[0]


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 slices, a run long enough to be cancelled."""
    hu = np.random.default_rng(0).normal(30, 10, (64, 64, 600)).astype(np.int16)
    path = tmp_path_factory.mktemp("long") / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(hu, np.diag([-2.4, -2.4, 1.0, 1.0])), path)
    return path


@pytest.fixture
def page(server: AppProcess, tmp_path: Path) -> Iterator[Page]:
    with open_page(server.url, tmp_path) as page:
        wait(lambda: page.find("#ls-session [data-session]"), "the first answer of the server")
        yield page


def value_of(page: Page, selector: str) -> str:
    return page.driver.execute_script("return document.querySelector(arguments[0]).value", selector)


def numbers_threshold(page: Page) -> float:
    """The threshold that the numbers on the page belong to; not a number while they are dimmed."""
    return page.driver.execute_script("""
      const results = document.querySelector('#ls-results'), levels = results.querySelector('.ls-levels');
      return !levels || results.hasAttribute('aria-busy') ? NaN : Number(levels.dataset.threshold);
    """)


def type_letters(page: Page, text: str, end: str = Keys.TAB) -> None:
    number = page.find(THRESHOLD)[0]
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys(Keys.DELETE)
    for letter in text:
        number.send_keys(letter)
    number.send_keys(end)


def show(page: Page, volume: Path) -> None:
    page.upload(volume)
    wait(lambda: len(page.find("#ls-viewer img")) == 3 and page.find("#ls-results .ls-levels"), "the result")


def test_a_visit_of_typing_reloading_and_switching(
    page: Page, server: AppProcess, models: Path, volume: Path
) -> None:
    # A threshold that was set on a result holds for the next upload.
    show(page, volume)
    wait(lambda: "Result ready:" in page.text("#ls-status"), "the announcement")
    type_letters(page, "0.3", Keys.ENTER)
    wait(lambda: numbers_threshold(page) == 0.3, "numbers at the threshold")
    show(page, volume)
    wait(lambda: numbers_threshold(page) == 0.3, "numbers at the threshold set before")
    assert value_of(page, THRESHOLD) == "0.3"

    # A typed value takes effect when typing ends, within the range; other text is undone.
    for typed, taken in (("0.5", 0.5), ("", 0.5), ("-", 0.5), ("1e9", 1), ("0", 0.01), ("0.25", 0.25)):
        type_letters(page, typed)
        wait(
            lambda taken=taken: numbers_threshold(page) == taken, f"numbers at {taken} after typing {typed!r}"
        )
        assert float(value_of(page, THRESHOLD)) == taken

    # Fast changes of threshold and slice end with numbers and pictures of the last ones.
    runs = server.runs()
    page.driver.execute_script("""
      const set = (id, value) => {
        const number = document.querySelector(`#${id} input[type=number]`);
        number.value = value;
        number.dispatchEvent(new CustomEvent('input', { bubbles: true, detail: 'commit' }));
      };
      for (let k = 0; k < 12; k++) { set('ls-threshold', (30 + k) / 100); set('ls-slice', 1 + k % 6); }
    """)
    wait(lambda: numbers_threshold(page) == 0.41, "numbers at the last threshold")
    at = "return document.querySelector('#ls-viewer .ls-volume').dataset.slice"
    wait(lambda: page.driver.execute_script(at) == "5", "the last slice")
    assert value_of(page, "#ls-slice input[type=number]") == "6" and server.runs() == runs

    # A reload, and a second tab, show the result; the second has its own threshold.
    address = page.driver.current_url
    assert "#result=" in address
    page.driver.refresh()
    wait(lambda: len(page.find("#ls-viewer img")) == 3, "the result after the reload")
    wait(lambda: numbers_threshold(page) == 0.41, "its threshold")
    first, address = page.driver.current_window_handle, page.driver.current_url
    page.driver.switch_to.new_window("tab")
    page.driver.get(address)
    wait(lambda: len(page.find("#ls-viewer img")) == 3, "the result in the second tab")
    wait(lambda: numbers_threshold(page) == 0.41, "its threshold")
    assert page.driver.current_url != address, "it has a key of its own"
    page.driver.close()
    page.driver.switch_to.window(first)
    assert server.runs() == runs

    # A failed switch keeps the result, sets the list back and says why.
    model = models / "segformer-b0-fast" / "model.pt"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1])
    numbers = page.text("#ls-results .ls-levels")
    page.choose_checkpoint("segformer-b0-fast")
    wait(lambda: "truncated" in page.text("#ls-problem"), "the reason")
    model.write_bytes(whole)
    assert value_of(page, "#ls-checkpoint input").startswith("segformer-b0 1.0.0")
    assert "0.945" in page.text("#ls-card") and page.text("#ls-results .ls-levels") == numbers
    assert len(page.find("#ls-viewer img")) == 3

    # After a switch list, card and result are those of the other checkpoint.
    page.choose_checkpoint("segformer-b0-fast")
    page.open_tab("Where it comes from")
    wait(lambda: page.text("[data-fact=checkpoint]") == "segformer-b0-fast@0.3.0", "the other result")
    wait(lambda: "0.931" in page.text("#ls-card"), "the other card")
    assert "Traceback" not in server.log()


def test_a_cancelled_run_is_run_again_without_another_upload(page: Page, long_scan: Path) -> None:
    page.driver.execute_script(CANCEL_SOON_JS)
    page.upload(long_scan)
    wait(lambda: "The segmentation was cancelled." in page.text("#ls-problem"), "the message")
    assert re.match(r"The run has started|Slice \d+ of 600", page.driver.execute_script("return window.line"))
    wait(lambda: page.find("#ls-run-again"), "Run again")
    wait(lambda: page.click("#ls-run-again"), "Run again to be free")
    wait(lambda: len(page.find("#ls-viewer img")) == 3, "the result")
    wait(lambda: not page.find(".ls-problem") and not page.find("#ls-waiting p"), "nothing more to say")


def test_a_restarted_server_is_explained_and_the_page_stays(page: Page, volume: Path) -> None:
    show(page, volume)
    page.driver.execute_script("window.gradio_config.app_id = 'that of a server before'")
    page.find("body")[0].send_keys(Keys.SHIFT)
    wait(lambda: "The server was restarted" in page.text(".ls-lost"), "the explanation")
    assert len(page.find("#ls-viewer img")) == 3 and "Reload the page" in page.text(".ls-lost")


def test_an_address_whose_result_is_gone_is_explained(page: Page, server: AppProcess) -> None:
    page.driver.get("about:blank")
    page.driver.get(f"{server.url}/#result=abcdefghijklmnopqrstuvwx")
    wait(lambda: "no longer held" in page.text("#ls-problem"), "the explanation")
    assert page.driver.current_url.rstrip("/") == server.url
