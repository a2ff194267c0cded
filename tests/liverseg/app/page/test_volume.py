"""The views of a volume: targets of clicks, profile, lesions and wheel, and which views are drawn again."""

from __future__ import annotations

import base64
import re
from typing import Any

import cv2
import numpy as np
import pytest

from liverseg.app.html import results as results_html
from liverseg.app.page import volume
from liverseg.app.state.lesion_places import lesion_point
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.app.text.catalogue import say
from liverseg.core.segmentation import TUMOUR
from liverseg.core.window import PRESETS, Window
from liverseg.rendering.planes import picture_position, plane_view
from tests.liverseg.app.conftest import TUMOUR_RADII


def go(volume_analysis: PageAnalysis | None, at: tuple[int, int, int], **target: Any) -> dict[str, Any]:
    return volume.navigate(volume_analysis, True, at[1:], View(at[0]), target)


def jpegs(html: str) -> list[np.ndarray]:
    found = re.findall(r'base64,([^"]+)"', html)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), 1)[..., ::-1] for one in found]


def test_a_new_result_shows_the_other_planes_through_its_tumour(volume_analysis):
    shown = volume.show_views(volume_analysis, None, View(2))
    row, column = shown["point"]
    assert volume_analysis.seg.labels[2, row, column] == TUMOUR
    for name, drawn in zip(("coronal", "sagittal"), jpegs(shown["planes"]), strict=True):
        expected = plane_view(volume_analysis.ct, volume_analysis.seg, name, (2, row, column))
        assert drawn.shape == expected.shape
        assert np.abs(drawn.astype(int) - expected).mean() < 3
    assert f'data-slices="{len(TUMOUR_RADII)}"' in shown["planes"] and 'data-selected="2"' in shown["planes"]


def test_a_single_slice_has_no_other_views(picture_analysis):
    shown = volume.show_views(picture_analysis, None, View())
    assert shown["planes"] == "" and shown["point"] is None
    assert go(picture_analysis, (0, 1, 1), slice=0) == {}
    assert "data-go" not in results_html.results_panel(picture_analysis)


def test_going_to_a_slice_does_not_redraw_the_other_planes(volume_analysis):
    moved = go(volume_analysis, (2, 60, 42), slice=1)
    assert moved["slice"] == 2 and "planes" not in moved and 'data-slice="1"' in moved["viewer"]
    assert go(volume_analysis, (2, 60, 42), slice=99)["slice"] == 4
    assert go(volume_analysis, (2, 60, 42), slice=2) == {}


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_click_moves_the_point_to_its_position(volume_analysis, name):
    here, there = (2, 60, 42), (1, 70, 30)
    x, y = picture_position(volume_analysis.ct, name, there)
    moved = go(volume_analysis, here, plane=name, x=x, y=y)
    kept = {"axial": 0, "coronal": 1, "sagittal": 2}[name]
    expected = tuple(here[a] if a == kept else there[a] for a in range(3))
    assert moved["point"] == expected[1:]
    assert moved.get("slice", 3) == expected[0] + 1
    assert ("viewer" in moved) == (name != "axial")


def test_a_lesion_moves_the_point_into_its_longest_slice(volume_analysis):
    lesion = volume_analysis.report.lesions[0]
    moved = go(volume_analysis, (0, 5, 5), lesion=1)
    assert moved["slice"] == lesion.diameter_slice + 1 == 3
    assert volume_analysis.seg.labels[(lesion.diameter_slice, *moved["point"])] == TUMOUR
    assert "results" not in moved and "In this slice" in moved["panel_slice"]


@pytest.mark.parametrize(
    "target",
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
def test_invalid_targets_do_nothing(volume_analysis, target):
    assert go(volume_analysis, (2, 60, 42), **target) == {}


def test_another_window_keeps_the_point(volume_analysis):
    drawn = volume.redraw_views(volume_analysis, (60, 42), View(2, Window(60, 150), 0.3))
    assert drawn["point"] == (60, 42)
    assert drawn["planes"] != volume.redraw_views(volume_analysis, (60, 42), View(2))["planes"]


def test_an_expired_result_shows_a_sentence():
    assert say("expired") in go(None, (0, 0, 0), slice=1)["problem"]
    assert volume.redraw_views(None, None, View()) == {}


def test_a_rejected_lesion_can_still_be_gone_to(volume_analysis):
    lesion = volume_analysis.report.lesions[0]
    edited = volume_analysis.with_rejected([lesion.id])
    assert edited.seg.labels[lesion_point(edited.seg, lesion)] == 1
    assert lesion_point(edited.seg, lesion) == lesion_point(volume_analysis.seg, lesion)


def test_a_slice_with_row_and_column_is_a_voxel_within_the_volume(volume_analysis):
    moved = go(volume_analysis, (2, 60, 42), slice=1, row=70, column=999)
    assert moved["slice"] == 2 and moved["point"] == (70, 127)
    assert go(volume_analysis, (2, 60, 42), slice=1, row="70")["slice"] == 2


@pytest.mark.parametrize("drawn", [False, True])
def test_a_window_set_in_a_picture_moves_the_controls(volume_analysis, drawn):
    moved = go(volume_analysis, (2, 60, 42), center=60, width=5000, drawn=drawn)
    assert (moved["center"], moved["width"], moved["preset"]) == (60, 3000, None)
    assert ("viewer" in moved) != drawn and moved["point"] == (60, 42)
    assert go(volume_analysis, (2, 60, 42), center=60, width=0) == {}


def test_a_window_can_be_set_in_a_single_slice(picture_analysis):
    liver = PRESETS["Liver"]
    moved = go(picture_analysis, (0, 1, 1), center=liver.center_hu, width=liver.width_hu)
    assert moved["preset"] == "Liver" and "planes" not in moved and moved["viewer"].count("base64,") == 3
