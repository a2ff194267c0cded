"""The routes of voxels and mesh: their content, and status codes for what does not exist."""

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
from liverseg.app.server.voxel_routes import routes
from liverseg.app.state import session
from liverseg.app.state.session import PageAnalysis
from liverseg.app.text.catalogue import say
from liverseg.core.segmentation import TUMOUR
from liverseg.core.window import DEFAULT_WINDOW


@pytest.fixture(scope="module")
def analysis(checkpoints, nifti) -> PageAnalysis:
    return session.analyse_upload(
        [nifti], session.read_input([nifti], DEFAULT_WINDOW), checkpoints.segmenter(None)
    )


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=routes()))


def unpacked(content: bytes, shape: tuple[int, int], hu: bool = True) -> list[list[np.ndarray]]:
    """HU (unless `hu` is False), labels and probability in 1/255 of each slice, read as the browser does."""
    planes = np.frombuffer(content, np.uint8).reshape(-1, 4 if hu else 2, *shape)
    slices = []
    for low, high, *overlay in planes if hu else [(None, None, *pair) for pair in planes]:
        steps = None if low is None else low.astype(np.int64) | high.astype(np.int64) << 8
        sums = [] if steps is None else [np.cumsum(steps, axis=1).astype(np.uint16).view(np.int16)]
        slices.append([*sums, *overlay])
    return slices


def test_slices_have_the_voxels_of_the_result(analysis, client):
    answer = client.get(f"/liverseg/slices/{analysis.voxels.token}/1-3/all")
    assert answer.headers["cache-control"] == "no-store"
    slices = unpacked(answer.content, analysis.ct.shape[1:])
    assert len(slices) == 3
    for index, (hu, labels, probability) in enumerate(slices, start=1):
        np.testing.assert_array_equal(hu, np.rint(analysis.ct.hu[index]))
        np.testing.assert_array_equal(labels, analysis.seg.labels[index])
        assert np.abs(probability / 255 - analysis.seg.tumour_probability[index]).max() <= 0.5 / 255 + 1e-6


def test_sections_have_the_voxels_of_the_result(analysis, client):
    answer = client.get(f"/liverseg/sections/{analysis.voxels.token}/coronal/60/all")
    ((hu, labels, _),) = unpacked(answer.content, (4, 128))
    np.testing.assert_array_equal(hu, np.rint(analysis.ct.hu[::-1, 60]))
    np.testing.assert_array_equal(labels, analysis.seg.labels[::-1, 60])


@pytest.mark.parametrize("path", ["coronal/128/all", "oblique/1/all", "coronal/1/mesh"])
def test_sections_outside_the_volume_are_not_found(analysis, client, path):
    assert client.get(f"/liverseg/sections/{analysis.voxels.token}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["4-4/all", "3-2/all", "0-4/all", "0-0/mesh"])
def test_slices_outside_the_volume_are_not_found(analysis, client, path):
    assert client.get(f"/liverseg/slices/{analysis.voxels.token}/{path}").status_code == 404


def test_another_threshold_needs_the_overlay_only(analysis, client):
    moved = analysis.at_threshold(0.9)
    assert moved.voxels.token != analysis.voxels.token and moved.voxels.image == analysis.voxels.image
    answer = client.get(f"/liverseg/slices/{moved.voxels.token}/2-2/overlay")
    ((labels, _),) = unpacked(answer.content, moved.ct.shape[1:], hu=False)
    np.testing.assert_array_equal(labels, moved.seg.labels[2])
    assert (labels == TUMOUR).sum() < (analysis.seg.labels[2] == TUMOUR).sum()
    assert replace(moved, known=()).voxels is moved.voxels


def test_the_mesh_is_computed_on_request_and_is_small(analysis, client):
    assert analysis.voxels._mesh is None  # not computed yet
    answer = client.get(f"/liverseg/mesh/{analysis.voxels.token}")
    scene = trimesh.load(io.BytesIO(answer.content), file_type="glb")
    assert set(scene.geometry) == {"Liver", "Tumour"} and len(answer.content) < 2**20
    assert all(mesh.is_watertight for mesh in scene.geometry.values())
    assert analysis.voxels.mesh() is analysis.voxels.mesh()


def test_a_mesh_without_spacing_is_refused_in_a_sentence(analysis, client):
    plain = replace(analysis, ct=replace(analysis.ct, spacing_mm=None), voxels=None)
    answer = client.get(f"/liverseg/mesh/{plain.voxels.token}")
    assert answer.status_code == 422 and "spacing" in answer.text


def test_voxels_of_an_ended_session_are_not_found(analysis, client):
    token = analysis.at_threshold(0.8).voxels.token
    gc.collect()
    for path in (
        f"slices/{token}/0-0/all",
        f"sections/{token}/coronal/0/all",
        f"mesh/{token}",
        "mesh/guessed",
    ):
        answer = client.get(f"/liverseg/{path}")
        assert answer.status_code == 404 and answer.text == say("expired")


def test_the_app_serves_the_routes():
    served = {route.path for route in launch.launch_options()["app_kwargs"]["routes"]}
    assert served >= {route.path for route in routes()}
