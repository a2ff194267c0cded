"""The views of a volume: where a click, the profile, a lesion or the wheel leads, and what is drawn again."""

from __future__ import annotations

import base64
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gradio.route_utils import delete_files_created_by_app

from liverseg.app.html import page_text
from liverseg.app.html import results as results_html
from liverseg.app.page import downloads, volume
from liverseg.app.page.layout import build
from liverseg.app.state import session
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.segmentation import TUMOUR
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.rendering.planes import plane_view, shares_at
from tests.liverseg.app.conftest import TUMOUR_RADII


@pytest.fixture(scope="module")
def analysis(checkpoints, nifti) -> PageAnalysis:
    return session.analyse([nifti], session.read_input([nifti], DEFAULT_WINDOW), checkpoints.segmenter(None))


@pytest.fixture(scope="module")
def picture(checkpoints, png) -> PageAnalysis:
    return session.analyse([png], session.read_input([png], DEFAULT_WINDOW), checkpoints.segmenter(None))


def go(analysis: PageAnalysis | None, at: tuple[int, int, int], **wish: Any) -> dict[str, Any]:
    return volume.navigate(analysis, True, at[1:], View(at[0]), wish)


def jpegs(html: str) -> list[np.ndarray]:
    found = re.findall(r'base64,([^"]+)"', html)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), 1)[..., ::-1] for one in found]


def test_a_new_result_shows_the_other_planes_through_its_tumour(analysis):
    shown = volume.show_views(analysis, None, View(2))
    row, column = shown["point"]
    assert analysis.seg.labels[2, row, column] == TUMOUR
    for name, drawn in zip(("coronal", "sagittal"), jpegs(shown["planes"]), strict=True):
        expected = plane_view(analysis.ct, analysis.seg, name, (2, row, column))
        assert drawn.shape == expected.shape
        assert np.abs(drawn.astype(int) - expected).mean() < 3
    assert f'data-slices="{len(TUMOUR_RADII)}"' in shown["planes"] and 'data-selected="2"' in shown["planes"]


def test_a_slice_has_none_of_it(picture):
    shown = volume.show_views(picture, None, View())
    assert shown["planes"] == "" and shown["point"] is None
    assert go(picture, (0, 1, 1), slice=0) == {}
    drawn = results_html.results_section(picture, session.slice_counts(picture.seg, 0))
    assert "<svg" not in drawn and "data-lesion" not in drawn


def test_the_profile_and_the_wheel_lead_to_a_slice_without_drawing_the_other_planes(analysis):
    moved = go(analysis, (2, 60, 42), slice=1)
    assert moved["slice"] == 2 and "planes" not in moved and 'data-slice="1"' in moved["viewer"]
    assert go(analysis, (2, 60, 42), slice=99)["slice"] == 4
    assert go(analysis, (2, 60, 42), slice=2) == {}


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_click_moves_the_point_to_what_is_under_it(analysis, name):
    here, there = (2, 60, 42), (1, 70, 30)
    x, y = shares_at(analysis.ct, name, there)
    moved = go(analysis, here, plane=name, x=x, y=y)
    kept = {"axial": 0, "coronal": 1, "sagittal": 2}[name]
    expected = tuple(here[a] if a == kept else there[a] for a in range(3))
    assert moved["point"] == expected[1:]
    assert moved.get("slice", 3) == expected[0] + 1
    assert ("viewer" in moved) == (name != "axial")


def test_a_lesion_leads_into_it_where_it_is_longest(analysis):
    lesion = analysis.report.lesions[0]
    moved = go(analysis, (0, 5, 5), lesion=1)
    assert moved["slice"] == lesion.diameter_slice + 1 == 3
    assert analysis.seg.labels[(lesion.diameter_slice, *moved["point"])] == TUMOUR
    assert f'data-lesion="{lesion.id}"' in moved["results"]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"lesion": 99},
        {"slice": "1"},
        {"slice": float("nan")},
        {"plane": "oblique", "x": 0.5, "y": 0.5},
        {"plane": "axial", "x": None, "y": 0.5},
        {"plane": ["axial"], "x": 0.5, "y": 0.5},
    ],
)
def test_what_makes_no_sense_does_nothing(analysis, wish):
    assert go(analysis, (2, 60, 42), **wish) == {}


def test_another_window_keeps_the_point(analysis):
    drawn = volume.redraw_views(analysis, (60, 42), View(2, Window(60, 150), 0.3))
    assert drawn["point"] == (60, 42)
    assert drawn["planes"] != volume.redraw_views(analysis, (60, 42), View(2))["planes"]


def test_the_lines_follow_the_slice_without_another_picture(analysis):
    html = volume.redraw_views(analysis, (60, 42), View(2))["planes"]
    lowest, highest = (float(re.search(rf'data-{k}="([\d.]+)"', html)[1]) for k in ("lowest", "highest"))
    _, y = shares_at(analysis.ct, "coronal", (2, 60, 42))
    assert lowest + 2 / 3 * (highest - lowest) == pytest.approx(y, abs=1e-4)


def test_a_result_that_was_deleted_says_so():
    assert page_text.EXPIRED in go(None, (0, 0, 0), slice=1)["problem"]
    assert volume.redraw_views(None, None, View()) == {}


def test_all_files_and_a_zip_of_them(analysis, tmp_path):
    def keep(path: str) -> str:
        copy = tmp_path / Path(path).name
        copy.write_bytes(Path(path).read_bytes())
        return str(copy)

    shown = downloads.prepare(analysis, True, View(1), keep)
    names = [Path(path).name for path in shown["files"]["value"]]
    assert names[0] == downloads.ZIP_NAME and len(set(names)) == len(names)
    wanted = "labels.nii.gz tumour_probability.nii.gz report.csv report.json report.pdf mesh.glb overview.png"
    assert set(wanted.split()) <= set(names)
    with zipfile.ZipFile(tmp_path / names[0]) as archive:
        assert archive.testzip() is None and sorted(archive.namelist()) == sorted(names[1:])
        assert all(archive.read(name) == (tmp_path / name).read_bytes() for name in names[1:])
        assert json.loads(archive.read("report.json")) == analysis.report.to_dict()


def test_a_picture_has_one_grid_and_no_mesh(picture, tmp_path):
    names = {path.name for path in downloads.write_all_files(tmp_path, picture, 0, DEFAULT_WINDOW)}
    assert {"labels.png", "tumour_probability.png", "report.pdf"} <= names
    assert not names & {"labels.nii.gz", "mesh.glb"}


def test_the_downloads_are_deleted_with_the_uploads(checkpoints, examples, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    page = build(checkpoints, examples)
    blocks = [b for b in page.blocks.values() if getattr(b, "elem_id", None) == "ls-files"]
    made = tmp_path / "mesh.glb"
    made.write_bytes(b"glTF")
    kept = [Path(downloads.cache_copier(block)(str(made))) for block in blocks]
    assert len(kept) == 1 and all(path.is_file() for path in kept)
    seconds = page_text.KEEP_MINUTES * 60
    delete_files_created_by_app(page, seconds)
    assert all(path.is_file() for path in kept)
    assert page.delete_cache == (60, seconds)
    delete_files_created_by_app(page, None)
    assert not any(path.exists() for path in kept)
