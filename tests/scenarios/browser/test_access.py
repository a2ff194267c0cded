"""The page for everyone: axe, visible focus, what screen readers are told, and one language at a time."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from liverseg.app.text.catalogue import texts
from tests.app_process import AppProcess
from tests.scenarios.browser.chromium import Page, open_page, wait

ALLOWED: dict[str, tuple[str, ...]] = {}
"""Findings in gradio's own elements that the page cannot change: beginnings of elements, by axe's rule."""

AXE_JS = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'] }).then(result => done(result.violations));
"""

FOCUS_JS = """
const node = document.activeElement;
if (!node || node === document.body) return null;
const ringed = one => {
  const style = getComputedStyle(one);
  return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== 'none';
};
const label = node.closest('label'), name = node.getAttribute('aria-label') || node.textContent.slice(0, 40);
const shows = ringed(node) || Boolean(label && ringed(label));
return [`${node.tagName} ${(node.closest('[id^=ls-]') || node).id} ${name}`, shows];
"""


def axe_source() -> str:
    """axe-core, from the package that brings it for the tests."""
    package = importlib.util.find_spec("axe_playwright_python")
    assert package is not None and package.submodule_search_locations
    return (Path(package.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(example_app: AppProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_page(example_app.url, tmp_path_factory.mktemp("chromium")) as page:
        yield page


def open_example(page: Page, url: str, query: str) -> None:
    """Opens the page with its example, drawn by the browser."""
    page.driver.get(f"{url}/?{query}")
    wait(lambda: page.find("#ls-viewer[data-drawn=yes] canvas"), "the pictures")
    wait(lambda: page.find("#ls-planes canvas"), "the other views")


def serious_findings(page: Page) -> list[tuple[str, str]]:
    """Rule and element of every finding of axe that is serious or critical."""
    return [
        (finding["id"], f"{node['html'][:120]} {node['failureSummary'][:200]}")
        for finding in page.driver.execute_async_script(AXE_JS)
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
        if not node["html"].startswith(ALLOWED.get(finding["id"], ()) or "\0")
    ]


@pytest.fixture(scope="module", params=["light", "dark"])
def themed(request, page: Page, example_app: AppProcess) -> Page:
    """The page in one of its themes."""
    page.resize(1280, 800)
    open_example(page, example_app.url, f"__theme={request.param}")
    return page


def test_axe_finds_nothing_serious(themed):
    page = themed
    page.driver.execute_script(axe_source())
    found = {"wide": serious_findings(page)}
    page.driver.execute_script("document.querySelector('[data-tool=keys]').click()")
    wait(lambda: page.find("dialog[open]"), "the list of keys")
    found["dialog"] = serious_findings(page)
    page.driver.execute_script("document.querySelector('dialog').close()")
    page.resize(390, 844)
    wait(lambda: page.find("[data-drawer]")[0].is_displayed(), "the button of the settings")
    found["narrow"] = serious_findings(page)
    page.driver.execute_script("document.querySelector('[data-drawer]').click()")
    wait(lambda: page.find("#ls-controls[data-open]"), "the settings")
    found["drawer"] = serious_findings(page)
    page.driver.execute_script("document.querySelector('[data-drawer-close]').click()")
    page.resize(1280, 800)
    assert not {where: findings for where, findings in found.items() if findings}


def test_every_element_that_has_the_focus_shows_it(themed):
    page = themed
    page.driver.execute_script("document.body.tabIndex = -1; document.body.focus()")
    seen: dict[str, bool] = {}
    for _ in range(90):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        focused = page.driver.execute_script(FOCUS_JS)
        if focused is None:
            break
        seen[focused[0]] = focused[1]
    assert len(seen) > 30
    places = {name.split()[1] for name in seen}
    assert {"ls-center", "ls-slice", "ls-threshold", "ls-footer"} <= places
    assert not [name for name, is_ringed in seen.items() if not is_ringed]


def test_results_and_slices_are_told_to_screen_readers(page, example_app):
    open_example(page, example_app.url, "lang=en")
    wait(lambda: page.text("#ls-status p").startswith("Result ready: "), "the result")
    script = "document.querySelector('#ls-viewer .ls-cut').focus()"
    page.driver.execute_script(script)
    ActionChains(page.driver).send_keys(Keys.HOME).perform()
    said = "#ls-status [data-said-slice]"
    wait(lambda: page.text(said).startswith("Slice 1 of "), "the slice")
    ActionChains(page.driver).send_keys("n").perform()
    wait(lambda: ": lesion " in page.text(said), "the lesion of the slice")
    roles = page.driver.execute_script(
        "return [...document.querySelectorAll('#ls-status p')].map(one => one.getAttribute('role'))"
    )
    assert roles == ["status", "status"]


@pytest.mark.parametrize("language", ["de", "zh-CN"])
def test_the_page_is_in_one_language(page, example_app, language):
    open_example(page, example_app.url, f"lang={language}")
    own, english = texts(language), texts("en")
    assert page.driver.execute_script("return document.documentElement.lang") == language
    shown = page.driver.execute_script("return document.body.innerText")
    for key in (
        "notice.research",
        "doubt.title",
        "label.threshold",
        "window.Bone",
        "tab.source",
        "size.share",
    ):
        assert own[key] in shown and english[key] not in shown
    assert "Drop File Here" not in page.text("#ls-upload")  # gradio's own words
    assert "common." not in shown  # a word of gradio that its translations lack
    wait(lambda: own["size.tumour"] in page.text("#ls-results"), "the results")


def test_a_language_is_chosen_in_the_footer_and_the_result_stays(page, example_app):
    open_example(page, example_app.url, "lang=en")
    wait(lambda: "#result=" in page.driver.current_url, "the key of the result")
    key = page.driver.current_url.partition("#")[2]
    page.driver.execute_script("document.querySelector('[data-language=de]').click()")
    wait(lambda: texts("de")["doubt.title"] in page.text("#ls-results"), "the page in German")
    assert "lang=de" in page.driver.current_url
    wait(lambda: page.driver.current_url.partition("#")[2] not in ("", key), "the result under its new key")
