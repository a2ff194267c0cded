"""Surface nets: closed surfaces with the volume and area of known bodies."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from liverseg.rendering.surface_nets import EMPTY_SURFACE, level_surface, merge_surfaces


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_surfaces_of_random_fields_are_closed(share):
    field = np.zeros((14, 14, 14))
    field[1:-1, 1:-1, 1:-1] = np.random.default_rng(1).random((12, 12, 12)) < share
    surface = level_surface(field, 0.5)
    directed = np.concatenate([surface.faces[:, [k, (k + 1) % 3]] for k in range(3)])
    edges, counts = np.unique(directed, axis=0, return_counts=True)
    opposite_edges, opposite_counts = np.unique(directed[:, ::-1], axis=0, return_counts=True)
    np.testing.assert_array_equal(edges, opposite_edges)
    np.testing.assert_array_equal(counts, opposite_counts)
    assert trimesh.Trimesh(surface.vertices, surface.faces, process=False).volume == pytest.approx(
        surface.volume()
    )


def test_a_ball_has_its_volume_area_and_normals():
    radius, centre = 10.0, np.array([15.0, 16.0, 14.0])
    distance = np.linalg.norm(np.stack(np.indices((32, 32, 32)), axis=-1) - centre, axis=-1)
    ball = level_surface(radius - distance, 0.0)
    assert ball.volume() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    assert ball.area() == pytest.approx(4 * np.pi * radius**2, rel=0.02)
    outward = (ball.vertices - centre) / np.linalg.norm(ball.vertices - centre, axis=1, keepdims=True)
    assert ((ball.normals() * outward).sum(axis=1) > 0.98).all()
    assert ball.enclosing(5000.0).volume() == pytest.approx(5000.0, rel=0.001)


def test_a_mirrored_surface_keeps_its_faces_outward():
    field = np.zeros((6, 6, 6))
    field[2:4, 2:4, 1:4] = 1
    surface = level_surface(field, 0.5)
    mirrored = surface.mapped(np.diag([-1.0, 2.0, 1.0, 1.0]))
    assert mirrored.volume() == pytest.approx(2 * surface.volume()) and surface.volume() > 0


def test_merging_adds_up_vertices_faces_and_volumes():
    field = np.zeros((5, 5, 5))
    field[2, 2, 2] = 1
    cube = level_surface(field, 0.5)
    both = merge_surfaces([cube, cube.mapped(np.eye(4) + np.eye(4, k=3) * 9)])
    assert len(both.vertices) == 2 * len(cube.vertices) and both.faces.max() == len(both.vertices) - 1
    assert both.volume() == pytest.approx(2 * cube.volume())
    assert merge_surfaces([]) is EMPTY_SURFACE and level_surface(np.zeros((3, 3, 3)), 0.5) is EMPTY_SURFACE
