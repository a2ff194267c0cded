"""A level set of a 3D field as a closed triangle surface, by surface nets (Gibson, 1998).

Surface nets have one vertex in each cell of eight neighbouring points that the surface crosses, and one
quadrilateral for each grid edge that it crosses. The triangles are better shaped than those of marching
cubes. If two sheets of the surface pass through one cell, each has its own vertex (as in Nielson's dual
marching cubes, 2004), so they stay separate. The surface is closed: each edge has equally many faces on both
sides. It has two faces, or rarely four where a sheet meets the same cell face twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

_CORNERS = np.array(list(product((0, 1), repeat=3)))  # (8, 3); corner k has the bits of k as its offsets
_EDGES = [(a, a | bit) for bit in (4, 2, 1) for a in range(8) if not a & bit]  # 12 pairs of corners
_FACES = [[k for k in range(8) if bool(k & bit) == side] for bit in (4, 2, 1) for side in (False, True)]


@dataclass(frozen=True)
class Surface:
    """A triangle surface with faces counter-clockwise as seen from outside."""

    vertices: np.ndarray  # (V, 3) float64
    faces: np.ndarray  # (F, 3) int32 indices of vertices

    def normals(self) -> np.ndarray:
        """(V, 3) outward unit normals: means of the normals of adjacent faces, weighted by area."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a)  # of faces; their length is twice the area
        corner = self.faces.ravel()
        total = np.stack(
            [np.bincount(corner, np.repeat(normals[:, k], 3), len(self.vertices)) for k in range(3)],
            axis=1,
        )
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.where(length > 0, total / np.where(length > 0, length, 1), [0.0, 0.0, 1.0])

    def volume(self) -> float:
        """The enclosed volume, in the cube of the vertices' unit."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def area(self) -> float:
        """The area, in the square of the vertices' unit."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    def enclosing(self, volume: float, steps: int = 8) -> Surface:
        """The surface moved along its normals to enclose `volume` within 0.1 %; stops after `steps` steps."""
        normals, moved = self.normals(), self
        for _ in range(steps):  # Newton: the derivative of the volume is the area
            missing = volume - moved.volume()
            if abs(missing) <= 0.001 * volume:
                break
            moved = Surface(moved.vertices + normals * (missing / moved.area()), self.faces)
        return moved

    def mapped(self, affine: np.ndarray) -> Surface:
        """The surface transformed by a (4, 4) affine; faces are reversed if the affine mirrors."""
        mirrors = np.linalg.det(affine[:3, :3]) < 0
        faces = self.faces[:, ::-1] if mirrors else self.faces
        return Surface(self.vertices @ affine[:3, :3].T + affine[:3, 3], faces)


EMPTY_SURFACE = Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int32))


def merge_surfaces(surfaces: list[Surface]) -> Surface:
    """Several surfaces as one."""
    if not surfaces:
        return EMPTY_SURFACE
    starts = np.cumsum([0, *(len(s.vertices) for s in surfaces)])
    faces = [s.faces + start for s, start in zip(surfaces, starts, strict=False)]
    return Surface(np.concatenate([s.vertices for s in surfaces]), np.concatenate(faces).astype(np.int32))


@cache
def _sheets() -> tuple[np.ndarray, np.ndarray]:
    """Sheet of each cell edge (256, 12) int8, -1 for none, and number of sheets (256,), by configuration.

    Bit k of a cell's configuration is set if corner k is inside. Crossed edges of one cell face belong to the
    same sheet. If all four edges of a face are crossed, its two inside corners, which are diagonal, belong to
    different sheets; both cells at the face make the same choice.
    """
    sheet = np.full((256, 12), -1, np.int8)
    number = np.zeros(256, np.int64)
    for config in range(256):
        inside = [bool(config >> k & 1) for k in range(8)]
        crossed = [e for e, (a, b) in enumerate(_EDGES) if inside[a] != inside[b]]
        group = {e: e for e in crossed}
        for face in _FACES:
            around = [e for e in crossed if set(_EDGES[e]) <= set(face)]
            corners = [k for k in face if inside[k]]
            bundles = [[e for e in around if k in _EDGES[e]] for k in corners]
            for first, *rest in bundles if len(around) == 4 else [around] if around else []:
                for e in rest:
                    old, new = group[e], group[first]
                    group = {key: new if value == old else value for key, value in group.items()}
        names = {name: k for k, name in enumerate(dict.fromkeys(group.values()))}
        number[config] = len(names)
        for e, name in group.items():
            sheet[config, e] = names[name]
    return sheet, number


def level_surface(field: np.ndarray, level: float) -> Surface:
    """The surface around the points of `field` (Z, Y, X) above `level`, in index coordinates (z, y, x).

    The border of the field must not be above the level; otherwise the surface is not closed. Faces are
    counter-clockwise as seen from outside if z, y, x are right-handed coordinates.

    >>> field = np.zeros((5, 5, 5))
    >>> field[2, 2, 2] = 1
    >>> cube = level_surface(field, 0.5)
    >>> len(cube.vertices), len(cube.faces), cube.vertices.mean(axis=0).round(6).tolist()
    (8, 12, [2.0, 2.0, 2.0])
    """
    inside = field > level
    if not inside.any():
        return EMPTY_SURFACE
    sheet, number = _sheets()
    cells = tuple(n - 1 for n in field.shape)
    config = np.zeros(cells, np.uint8)
    for k, (z, y, x) in enumerate(_CORNERS):
        part = inside[z : z + cells[0], y : y + cells[1], x : x + cells[2]]
        config |= part.view(np.uint8) << np.uint8(k)
    active = np.flatnonzero((config.ravel() != 0) & (config.ravel() != 255))
    config_of = config.ravel()[active]
    first = np.concatenate([[0], np.cumsum(number[config_of])])  # the first vertex of each active cell
    position = np.stack(np.unravel_index(active, cells), axis=1)  # (A, 3)

    total, crossings = np.zeros((first[-1], 3)), np.zeros(first[-1])
    for e, (a, b) in enumerate(_EDGES):
        which = np.flatnonzero(sheet[config_of, e] >= 0)
        start, end = position[which] + _CORNERS[a], position[which] + _CORNERS[b]
        low, high = (field[tuple(p.T)].astype(np.float64) for p in (start, end))
        fraction = (level - low) / (high - low)
        vertex = first[which] + sheet[config_of[which], e]
        total[vertex] += start + fraction[:, None] * (end - start)  # `vertex` has no duplicates
        crossings[vertex] += 1
    vertices = total / crossings[:, None]

    first_of_cell = np.zeros(cells, np.int32)
    first_of_cell.ravel()[active] = first[:-1]
    quads = np.concatenate([_quads(inside, config, first_of_cell, sheet, axis) for axis in range(3)])
    return Surface(vertices, _triangles(vertices, quads))


def _quads(
    inside: np.ndarray, config: np.ndarray, first: np.ndarray, sheet: np.ndarray, axis: int
) -> np.ndarray:
    """(Q, 4) vertices around each crossed grid edge along `axis`, counter-clockwise as seen from outside."""
    low = np.moveaxis(inside, axis, 0)[:-1]
    high = np.moveaxis(inside, axis, 0)[1:]
    crossed = np.stack(np.nonzero(np.moveaxis(low != high, 0, axis)), axis=1)  # (Q, 3) lower ends
    outward = inside[tuple(crossed.T)]  # whether the surface normal points along the axis
    others = [(axis + 1) % 3, (axis + 2) % 3]
    corners = []
    for steps in ((1, 1), (0, 1), (0, 0), (1, 0)):  # counter-clockwise around the axis
        cell = crossed.copy()
        offset = np.zeros(3, int)
        for other, step in zip(others, steps, strict=True):
            cell[:, other] -= step
            offset[other] = step
        corner = int(offset @ (4, 2, 1))
        edge = _EDGES.index((corner, corner | (4, 2, 1)[axis]))
        index = tuple(cell.T)
        corners.append(first[index] + sheet[config[index], edge])
    quads = np.stack(corners, axis=1)
    quads[~outward] = quads[~outward, ::-1]
    return quads


def _triangles(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Triangles (2 Q, 3) int32 of quadrilaterals (Q, 4), each cut along its shorter diagonal."""
    a, b, c, d = (vertices[quads[:, k]] for k in range(4))
    swap = ((b - d) ** 2).sum(axis=1) < ((a - c) ** 2).sum(axis=1)
    rotated = np.where(swap[:, None], quads[:, [1, 2, 3, 0]], quads)
    return np.concatenate([rotated[:, [0, 1, 2]], rotated[:, [0, 2, 3]]]).astype(np.int32)
