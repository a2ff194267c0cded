"""Surfaces of liver and lesions: volumes, closedness, and inputs without a mesh."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from liverseg.core.geometry import upright_grid
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.mesh import Detail, make_meshes
from liverseg.rendering.surface_nets import Surface


def volume(labels: np.ndarray, spacing_mm=(1.5, 0.8, 0.8)) -> tuple[CTImage, Segmentation]:
    hu = np.broadcast_to(np.float32(0), labels.shape)
    kind = "volume" if len(labels) > 1 else "slice"
    ct = CTImage(hu, spacing_mm, "header", "array", upright_grid(labels.shape), kind)
    return ct, Segmentation(labels, hu, hu, 0.5, CheckpointIdentity("a@1", "0" * 64, "x"), "none")


def bodies_by_volume(surface: Surface) -> list[trimesh.Trimesh]:
    """The connected bodies of a surface, the smallest first."""
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    return sorted(mesh.split(), key=lambda body: body.volume)


def test_lesions_of_every_size_keep_their_volumes():
    labels = np.ones((24, 80, 80), np.uint8)
    labels[:, :4] = labels[:, -4:] = 0
    labels[5, 20, 20] = 2  # one voxel
    labels[12, 40:42, 40:43] = 2  # in one slice
    z, y, x = np.ogrid[:24, :80, :80]
    labels[((z - 14) * 1.5 / 9) ** 2 + ((y - 60) * 0.8 / 8) ** 2 + ((x - 20) * 0.8 / 8) ** 2 <= 1] = 2
    labels[20:22, 60:75, 70] = 2  # one voxel thick
    bodies = bodies_by_volume(make_meshes(*volume(labels)).tumour)
    assert [body.volume / (1.5 * 0.8 * 0.8) for body in bodies] == pytest.approx(
        [1, 6, 30, (labels == 2).sum() - 37], rel=0.05
    )


def test_more_detail_gives_more_vertices_and_the_same_volume():
    labels = np.zeros((30, 60, 60), np.uint8)
    labels[4:26, 8:52, 8:52] = 1
    coarse, fine = (make_meshes(*volume(labels), Detail(liver=n)).organ for n in (400, 4000))
    assert len(fine.vertices) > 4 * len(coarse.vertices)
    for surface in (coarse, fine):
        assert surface.volume() == pytest.approx((labels == 1).sum() * 1.5 * 0.8 * 0.8, rel=0.003)


def test_a_single_slice_and_an_unknown_spacing_have_no_mesh():
    with pytest.raises(InvalidSetting, match=r"^There is no mesh \(glb\): a mesh needs a volume, "):
        make_meshes(*volume(np.ones((1, 64, 64), np.uint8)))
    with pytest.raises(InvalidSetting, match="spacing of this input is not known"):
        make_meshes(*volume(np.ones((4, 64, 64), np.uint8), None))
