"""Rejecting a lesion in headless Chromium: sums, pictures, 3D and downloads follow, back and forth."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.app_process import AppProcess
from tests.liverseg.app.rule_checkpoints import slice_hu
from tests.scenarios.browser.chromium import Page, open_page, wait

TUMOUR_RADII = (0, 6, 8, 4)  # pixels, slice by slice


@pytest.fixture(scope="module")
def page(rule_app: AppProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page with a volume of one tumour."""
    folder: Path = tmp_path_factory.mktemp("edits")
    hu = np.stack([slice_hu(radius) for radius in TUMOUR_RADII])
    voxels = hu.transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 5.0, 1.0])), folder / "ct.nii.gz")
    with open_page(rule_app.url, tmp_path_factory.mktemp("chromium")) as page:
        page.upload(folder / "ct.nii.gz")
        wait(lambda: page.find("#ls-planes .ls-planes"), "the other views")
        yield page


def seen(page: Page) -> tuple[str, str, str]:
    """The tumour size, and the tokens of the voxels and of the mesh."""
    script = """return [document.querySelector('#ls-viewer [data-drawing]').dataset.drawing,
    (document.querySelector('#ls-solid [data-mesh]') || {dataset: {}}).dataset.mesh || ''];"""
    drawing, mesh = page.driver.execute_script(script)
    return page.text("[data-measure=tumour]"), json.loads(drawing)["stack"], mesh


def follows(page: Page) -> bool:
    """Whether the 3D view shows the result that the pictures show."""
    _, voxels, mesh = seen(page)
    return mesh in ("", voxels)


def rejected_in_download(page: Page) -> list[int] | None:
    """The rejected lesions of the report in the list of downloads; None while there is no list."""
    for link in page.driver.execute_script(
        "return [...document.querySelectorAll('#ls-files a[download=\"report.json\"]')].map(a => a.href)"
    ):
        with urllib.request.urlopen(link, timeout=60) as answer:
            return json.load(answer).get("edited", {"rejected": []})["rejected"]
    return None


def press(page: Page) -> None:
    page.driver.execute_script("document.querySelector('[data-reject=\"1\"]').click()")


def test_a_rejected_lesion_leaves_sums_pictures_and_mesh_and_comes_back(page):
    page.open_downloads()
    assert rejected_in_download(page) == []
    size, voxels, mesh = before = seen(page)
    assert float(size) > 0 and mesh in ("", voxels)  # no mesh: the 3D view is not on the page yet
    press(page)
    wait(lambda: page.text("[data-measure=tumour]") == "0", "the sums without the lesion")
    wait(lambda: seen(page)[1] != voxels and follows(page), "new voxels and a new mesh")
    assert page.find(".ls-rejected [data-reject='1'][aria-pressed=true]")
    wait(lambda: rejected_in_download(page) == [1], "files without the lesion")
    press(page)
    wait(lambda: page.text("[data-measure=tumour]") == size, "the former sums")
    wait(lambda: follows(page), "a mesh of the same result as the voxels")
    wait(lambda: rejected_in_download(page) == [], "files with the lesion")
    assert seen(page)[1] not in before and not page.find(".ls-rejected")
    assert page.find("[data-reject='1'][aria-pressed=false]")
