"""The HTML of the views of a volume: pictures, positions of the lines, drawing data, 3D view."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from liverseg.app.html import volume
from liverseg.app.state.lesion_places import lesion_point
from liverseg.app.state.view import View
from liverseg.app.text.catalogue import say
from liverseg.core.window import PRESETS, Window
from liverseg.rendering.planes import PLANES, picture_position, plane_frame


def test_the_drawing_data_are_those_of_the_result_and_the_view(volume_analysis):
    page = volume.volume_viewer([b"a", b"b", b"c"], volume_analysis, View(2, Window(60, 150), 0.5))
    drawing = json.loads(html.unescape(re.search(r'data-drawing="([^"]*)"', page)[1]))
    assert drawing["stack"] == volume_analysis.voxels.token
    assert (drawing["count"], drawing["rows"], drawing["columns"]) == volume_analysis.ct.shape
    assert (drawing["center"], drawing["width"], drawing["opacity"]) == (60, 150, 0.5)
    assert drawing["threshold"] == volume_analysis.seg.threshold
    assert set(drawing["frame"]) == {*volume.FRAME_FIELDS, "bar_mm"}
    assert page.count("base64,") == 3 and "slice 3 of 4" in page


def test_the_drawing_data_say_where_the_image_lies_and_what_is_assumed(volume_analysis, picture_analysis):
    drawing = volume._drawing(volume_analysis, View(2), plane_frame(volume_analysis.ct, PLANES["axial"]))
    lesion = volume_analysis.report.lesions[0]
    right, anterior, head = np.array(drawing["position"]) @ [*lesion.centroid_px, 1]
    assert (right, anterior, head) == pytest.approx(lesion.centroid_ras_mm, abs=0.01)
    assert drawing["spacing"] == volume_analysis.ct.spacing_mm and not drawing["assumed"]
    assert set(drawing["frames"]) == {"coronal", "sagittal"}
    picture = volume._drawing(picture_analysis, View(), plane_frame(picture_analysis.ct, PLANES["axial"]))
    assert picture["position"] is picture["spacing"] is None and picture["assumed"]
    assert not picture["orientation"] and picture["frames"] == {}


def test_a_single_slice_has_the_tools_that_act_on_it(picture_analysis, volume_analysis):
    tools = {
        kind: set(
            re.findall(r'data-tool="(\w+)"', volume.volume_viewer([b"a", b"b", b"c"], analysis, View()))
        )
        for kind, analysis in (("slice", picture_analysis), ("volume", volume_analysis))
    }
    assert tools["volume"] - tools["slice"] == {"lines", "cine"}
    assert {"ruler", "ellipse", "overlay", "full", "keys"} <= tools["slice"]
    assert "truth" not in tools["volume"]


def test_the_3d_view_finds_the_voxel_of_a_point(volume_analysis):
    page = volume.surface_view(volume_analysis)
    to_grid = np.array(json.loads(re.search(r'data-grid="([^"]*)"', page)[1]))
    ((number, *place),) = json.loads(re.search(r'data-lesions="([^"]*)"', page)[1])
    lesion = volume_analysis.report.lesions[0]
    assert number == lesion.id
    assert to_grid @ [*place, 1] == pytest.approx(lesion_point(volume_analysis.seg, lesion), abs=0.01)


def test_the_positions_of_the_lines_are_linear_in_the_slice(volume_analysis):
    page = volume.other_views(volume_analysis, [b"a", b"b"], (2, 60, 42))
    lowest, highest = (float(re.search(rf'data-{k}="([\d.]+)"', page)[1]) for k in ("lowest", "highest"))
    _, y = picture_position(volume_analysis.ct, "coronal", (2, 60, 42))
    assert lowest + 2 / 3 * (highest - lowest) == pytest.approx(y, abs=1e-4)


def test_the_3d_view_needs_the_spacing(volume_analysis):
    assert f'data-mesh="{volume_analysis.voxels.token}"' in volume.surface_view(volume_analysis)
    plain = replace(volume_analysis, ct=replace(volume_analysis.ct, spacing_mm=None), voxels=None)
    page = volume.surface_view(plain)
    assert say("solid.no_spacing") in page and "data-mesh" not in page


def test_the_scripts_have_the_presets_and_a_colour_for_every_probability():
    style = json.loads(re.match(r"const STYLE = (.*);", volume.javascript())[1])
    assert style["presets"]["Liver"] == [PRESETS["Liver"].center_hu, PRESETS["Liver"].width_hu]
    assert len(bytes.fromhex(style["heat"])) == 256 * 3
