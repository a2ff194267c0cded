"""What the page is given to draw a volume by itself: exact, bounded, and gone with the session."""

from __future__ import annotations

import gc
import io
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from starlette.applications import Starlette
from starlette.testclient import TestClient

from liverseg.app import launch
from liverseg.app.html import page_text
from liverseg.app.page import volume
from liverseg.app.server.voxel_routes import routes
from liverseg.app.state import session, voxels
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.segmentation import TUMOUR
from liverseg.core.window import DEFAULT_WINDOW


@pytest.fixture(scope="module")
def analysis(checkpoints, nifti) -> PageAnalysis:
    return session.analyse([nifti], session.read_input([nifti], DEFAULT_WINDOW), checkpoints.segmenter(None))


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=routes()))


def unpacked(content: bytes, shape: tuple[int, int], hu: bool = True) -> list[list[np.ndarray]]:
    """Slice by slice HU (where they are there), labels and probability in 1/255, as the page reads them."""
    planes = np.frombuffer(content, np.uint8).reshape(-1, 4 if hu else 2, *shape)
    found = []
    for low, high, *overlay in planes if hu else [(None, None, *pair) for pair in planes]:
        steps = None if low is None else low.astype(np.int64) | high.astype(np.int64) << 8
        sums = [] if steps is None else [np.cumsum(steps, axis=1).astype(np.uint16).view(np.int16)]
        found.append([*sums, *overlay])
    return found


def test_the_voxels_are_those_of_the_result(analysis, client):
    answer = client.get(f"/liverseg/slices/{analysis.voxels.token}/1-3/all")
    assert answer.headers["cache-control"] == "no-store"
    found = unpacked(answer.content, analysis.ct.shape[1:])
    assert len(found) == 3
    for index, (hu, labels, probability) in enumerate(found, start=1):
        np.testing.assert_array_equal(hu, np.rint(analysis.ct.hu[index]))
        np.testing.assert_array_equal(labels, analysis.seg.labels[index])
        assert np.abs(probability / 255 - analysis.seg.tumour_probability[index]).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    "hu", [np.nan_to_num(np.float32([[-1e6, 1e6, -32768, 32767]])), np.float32([[-3.5]])]
)
def test_any_hu_survive_the_packing(hu):
    low, high = voxels._hu_planes(hu)
    back = np.cumsum(low.astype(int) | high.astype(int) << 8, axis=1).astype(np.uint16).view(np.int16)
    np.testing.assert_array_equal(back, np.clip(np.rint(hu), -32768, 32767))


@pytest.mark.parametrize("asked", ["4-4/all", "3-2/all", "0-4/all", "0-0/mesh"])
def test_only_slices_that_there_are(analysis, client, asked):
    assert client.get(f"/liverseg/slices/{analysis.voxels.token}/{asked}").status_code == 404


def test_a_request_is_bounded(analysis):
    hu = np.zeros((voxels.MAX_SPAN + 1, 8, 8), np.float32)
    long = voxels.VoxelStore(replace(analysis.ct, hu=hu), analysis.seg)
    with pytest.raises(IndexError):
        long.packed(0, voxels.MAX_SPAN)


def test_another_threshold_sends_the_overlay_alone(analysis, client):
    moved = analysis.at_threshold(0.9)
    assert moved.voxels.token != analysis.voxels.token and moved.voxels.image == analysis.voxels.image
    answer = client.get(f"/liverseg/slices/{moved.voxels.token}/2-2/overlay")
    ((labels, _),) = unpacked(answer.content, moved.ct.shape[1:], hu=False)
    np.testing.assert_array_equal(labels, moved.seg.labels[2])
    assert (labels == TUMOUR).sum() < (analysis.seg.labels[2] == TUMOUR).sum()
    assert replace(moved, known=()).voxels is moved.voxels


def test_the_mesh_is_made_when_it_is_asked_for_and_is_small(analysis, client):
    assert analysis.voxels._mesh is None  # the first answer did not wait for it
    answer = client.get(f"/liverseg/mesh/{analysis.voxels.token}")
    scene = trimesh.load(io.BytesIO(answer.content), file_type="glb")
    assert set(scene.geometry) == {"Liver", "Tumour"} and len(answer.content) < 2**20
    assert all(mesh.is_watertight for mesh in scene.geometry.values())
    made = analysis.voxels.mesh()
    assert made is analysis.voxels.mesh()


def test_the_largest_mesh_is_less_than_a_megabyte(analysis):
    """A ragged organ with hundreds of lesions on a fine grid."""
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 200, 200), np.uint8)
    labels[4:36, 20:180, 20:180] = 1
    labels[8:34:8, 25:175:16, 25:175:16] = 2
    labels[3][rng.random((200, 200)) < 0.5] = 1
    ct = replace(analysis.ct, hu=np.zeros(labels.shape, np.float32), spacing_mm=(2.5, 0.8, 0.8))
    assert len(voxels.VoxelStore(ct, replace(analysis.seg, labels=labels)).mesh()) < 1_000_000


def test_without_spacing_there_is_a_sentence(analysis, client):
    plain = replace(analysis, ct=replace(analysis.ct, spacing_mm=None), voxels=None)
    answer = client.get(f"/liverseg/mesh/{plain.voxels.token}")
    assert answer.status_code == 422 and "spacing" in answer.text
    shown = volume.show_views(plain, None, View())["surfaces"]
    assert "spacing" in shown and "data-mesh" not in shown


def test_what_no_session_holds_is_gone(analysis, client):
    token = analysis.at_threshold(0.8).voxels.token
    gc.collect()
    for path in (f"slices/{token}/0-0/all", f"mesh/{token}", "mesh/guessed"):
        answer = client.get(f"/liverseg/{path}")
        assert answer.status_code == 404 and answer.text == page_text.EXPIRED


def test_the_app_serves_it():
    served = {route.path for route in launch.launch_options()["app_kwargs"]["routes"]}
    assert served == {route.path for route in routes()}
