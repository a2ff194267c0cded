"""The page as a new visitor finds it: a finished example, with its truth and the other examples beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from benchmarks import page_picture
from liverseg.app.text.catalogue import say
from tests.app_process import AppProcess
from tests.liverseg.app.example_folder import RADII, TITLES, write_examples
from tests.scenarios.browser.chromium import Page, open_page, wait
from tests.scenarios.browser.traffic import transfers_of_first_load


@pytest.fixture
def server(example_app: AppProcess) -> AppProcess:
    return example_app


@pytest.fixture(scope="module")
def page(example_app: AppProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_page(example_app.url, tmp_path_factory.mktemp("chromium")) as page:
        yield page


def has_example(page: Page, title: str) -> bool:
    return title in page.text("#ls-example-note [data-fact=origin]") and bool(page.find("#ls-viewer img"))


def test_the_page_opens_with_outlines_and_numbers_and_no_network_run(page, server):
    wait(lambda: has_example(page, TITLES[0]), "the first example")
    assert say("example.arrival") in page.text("#ls-example-note")
    assert len(set(page.pictures())) == 3
    assert page.text("[data-measure=tumour]") not in ("", "0")
    wait(lambda: page.find("#ls-planes .ls-planes"), "the other views")
    assert server.runs() == 0
    assert not page.find(".ls-problem")


def test_the_first_load_is_light_and_comes_from_one_host(page, server):
    """`benchmarks.first_load` measures the same with the built-in examples."""
    drawn = "return document.querySelector('#ls-viewer').dataset.drawn"

    def is_shown() -> None:
        wait(lambda: page.find("#ls-planes .ls-cut canvas"), "the views that the browser draws")
        wait(lambda: page.driver.execute_script(drawn) == "yes", "the pictures that the browser draws")

    transfers = transfers_of_first_load(page, server.url, is_shown)
    assert {urlsplit(one.url).netloc for one in transfers} == {urlsplit(server.url).netloc}
    assert len(transfers) <= 90
    assert sum(one.received for one in transfers) <= 700_000
    assert not any("/mesh/" in one.url for one in transfers), "the surfaces wait until they are in sight"


def test_the_truth_and_the_licence_stand_beside_the_example(page):
    wait(lambda: has_example(page, TITLES[0]), "the first example")
    assert "Dice against the truth: liver 0." in page.text("#ls-example-note [data-fact=truth]")
    origin = page.text("#ls-example-note [data-fact=origin]")
    assert "CC BY 4.0" in origin and "A. Author <2023>" in origin
    link = page.find("#ls-example-note a")[0]
    assert link.get_attribute("href") == "https://example.org/data?a=1&b=2"
    script = "return JSON.parse(document.querySelector('.ls-viewer').dataset.drawing).truth"
    assert page.driver.execute_script(script) is True


WHITE_JS = """
const canvas = document.querySelector('#ls-viewer figure[data-picture="1"] canvas');
if (!canvas) return -1;
const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height * 0.85);
let white = 0;
for (let k = 0; k < data.length; k += 4) if (Math.min(data[k], data[k + 1], data[k + 2]) > 200) white++;
return white;
"""
"""Number of nearly white pixels of the segmentation without its legend; -1 before the browser draws it."""


def test_the_key_t_draws_the_outline_of_the_truth_in_white_and_takes_it_back(page):
    wait(lambda: page.driver.execute_script(WHITE_JS) >= 0, "the picture that the browser draws")
    button, cut = page.find("#ls-viewer [data-tool=truth]")[0], page.find("#ls-viewer .ls-cut")[1]
    before = page.driver.execute_script(WHITE_JS)
    cut.send_keys("t")
    wait(lambda: button.get_attribute("aria-pressed") == "true", "the button of the truth")
    wait(lambda: page.driver.execute_script(WHITE_JS) > before + 50, "the truth")
    cut.send_keys("t")
    wait(lambda: page.driver.execute_script(WHITE_JS) == before, "the picture without the truth")


def test_every_example_has_a_button_with_a_picture_and_shows_its_result_without_a_run(page, server):
    wait(lambda: len(page.find("#ls-examples [data-example] img")) == len(TITLES), "the thumbnails")
    buttons = page.find("#ls-examples [data-example]")
    assert [button.accessible_name for button in buttons] == [f"Example: {title}" for title in TITLES]
    quickly = "document.querySelectorAll('#ls-examples [data-example]').forEach(one => one.click())"
    page.driver.execute_script(quickly)
    wait(lambda: has_example(page, TITLES[1]), "the example that was chosen last")
    page.find("#ls-examples [data-example]")[0].click()
    wait(lambda: has_example(page, TITLES[0]), "the first example again")
    assert server.runs() == 0
    wait(lambda: page.find(f"#ls-viewer [data-slices='{len(RADII)}']"), "the volume")
    page.shoot("arrival")


def test_an_upload_takes_the_place_of_the_example(page, server, tmp_path: Path):
    wait(lambda: has_example(page, TITLES[0]), "the first example")
    page.find("#ls-upload input[type=file]")[0].send_keys(str(write_examples(tmp_path) / "slice.png"))
    wait(lambda: server.runs() == 1 and not page.text("#ls-example-note"), "the upload's result")
    wait(lambda: len(page.find("#ls-viewer img")) == 3, "its pictures")


def test_a_second_visitor_finds_the_same_result_without_another_preparation(server, tmp_path, monkeypatch):
    monkeypatch.setattr(page_picture, "SETTLED_S", 0.0)
    with open_page(server.url, tmp_path) as second:
        wait(lambda: has_example(second, TITLES[0]), "the first example for another visitor")
        page_picture.save_picture(second, tmp_path / "app.png")  # as the README's picture is taken
    picture = Image.open(tmp_path / "app.png")
    assert picture.size == page_picture.SIZE and len(picture.convert("RGB").getcolors(1 << 24)) > 100
    assert server.log().count("example prepared:") == len(TITLES)
