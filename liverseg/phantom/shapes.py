"""Implicit shapes of the phantom: signed distances, the plane they are evaluated on, and painting.

A shape is a function from points to a signed distance in mm, negative inside. So slices of any grid show the
same three-dimensional anatomy, and edges have partial volume: the share of a pixel inside the shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PixelBox = tuple[slice, slice]
"""Row and column ranges of a slice."""

WHOLE_PLANE: PixelBox = (slice(None), slice(None))


@dataclass(frozen=True)
class SmoothField:
    """Smooth Gaussian noise in space: a random lattice, interpolated by cubic B-splines.

    The field has mean 0 and standard deviation 1, and can be evaluated at any point.
    """

    lattice: np.ndarray  # (nz, ny, nx)
    step_mm: float
    origin_mm: float  # coordinate of lattice index 0 on every axis

    @classmethod
    def draw(cls, rng: np.random.Generator, step_mm: float, reach_mm: float = 300.0) -> SmoothField:
        """Draw a field with features of about twice `step_mm`; it repeats outside ±`reach_mm`."""
        n = int(np.ceil(2 * reach_mm / step_mm))
        lattice = rng.standard_normal((n, n, n), dtype=np.float32) / np.float32(0.4794**1.5)
        return cls(lattice, step_mm, -reach_mm)

    def _weights(self, coordinate: np.ndarray, n: int) -> np.ndarray:
        """(len(coordinate), n) weights of the uniform cubic B-spline."""
        position = (coordinate - self.origin_mm) / self.step_mm
        whole = np.floor(position).astype(int)
        t = (position - whole)[:, None]
        basis = np.concatenate(
            [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
        )
        weights = np.zeros((len(coordinate), n), np.float32)
        rows = np.arange(len(coordinate))
        for k in range(4):
            weights[rows, (whole + k - 1) % n] += basis[:, k] / 6
        return weights

    def sample(self, x: np.ndarray, y: np.ndarray, z: float) -> np.ndarray:
        """The field on the grid of `x` (W,) and `y` (H,) at height `z`: (H, W) float32."""
        nz, ny, nx = self.lattice.shape
        layers = self._weights(np.array([z]), nz)[0]
        used = np.flatnonzero(layers)  # at most four
        sheet = np.tensordot(layers[used], self.lattice[used], 1)
        return self._weights(y, ny) @ sheet @ self._weights(x, nx).T


@dataclass(frozen=True)
class SlicePlane:
    """The pixel centres of an axial slice, in mm at scale 1, and noise fields at these points.

    x increases to the patient's left (right in the picture), y to the back, z to the head.
    """

    x_axis: np.ndarray  # (W,) coordinates without warp, for boxes
    y_axis: np.ndarray  # (H,)
    z: float
    pixel_mm: float
    x: np.ndarray  # (H, W) coordinates, slightly warped, because no patient is symmetric
    y: np.ndarray  # (H, W)
    coarse: np.ndarray  # (H, W) smooth noise of about 60 mm
    medium: np.ndarray  # (H, W) smooth noise of about 24 mm
    fine: np.ndarray  # (H, W) smooth noise of about 9 mm

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.x.shape  # type: ignore[return-value]

    def box(self, x_low: float, x_high: float, y_low: float, y_high: float) -> PixelBox:
        """Index ranges that contain all points of the rectangle, with a margin for the warp."""
        slack = 14.0 + 2 * self.pixel_mm
        columns = np.searchsorted(self.x_axis, [x_low - slack, x_high + slack])
        rows = np.searchsorted(self.y_axis, [y_low - slack, y_high + slack])
        return slice(*rows), slice(*columns)

    def crop(self, box: PixelBox) -> SlicePlane:
        """The part of the plane in a box."""
        rows, columns = box
        return SlicePlane(
            self.x_axis[columns], self.y_axis[rows], self.z, self.pixel_mm,
            self.x[box], self.y[box], self.coarse[box], self.medium[box], self.fine[box],
        )  # fmt: skip


def ellipsoid(plane: SlicePlane, centre, radii, turn_deg: float = 0.0, power: float = 2.0) -> np.ndarray:
    """Approximate signed distance in mm to a (super)ellipsoid rotated about the z axis: (H, W).

    The first-order distance f / |∇f| (Taubin 1991) of f = |q|_p - 1, which is exact on the surface. The
    gradient is taken within the slice only, so edges in the slice are one pixel wide.
    """
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    dx, dy = plane.x - centre[0], plane.y - centre[1]
    along = np.abs(dx * cosine + dy * sine) / radii[0] + 1e-6
    across = np.abs(dy * cosine - dx * sine) / radii[1] + 1e-6
    height = abs(plane.z - centre[2]) / radii[2]
    norm = (along**power + across**power + height**power) ** (1 / power)
    gradient = np.hypot((along / norm) ** (power - 1) / radii[0], (across / norm) ** (power - 1) / radii[1])
    return ((norm - 1) / np.maximum(gradient, 0.25 / max(radii[:2]))).astype(np.float32)


def tube(plane: SlicePlane, points: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance in mm to a tube along a polyline, and the y of the nearest axis point: two (H, W).

    `points` (n, 3) in mm, `radii` (n,) in mm at the points, linear between them.
    """
    best = np.full(plane.shape, 1e3, np.float32)
    axis_y = np.zeros(plane.shape, np.float32)
    for (start, end), (r0, r1) in zip(
        zip(points[:-1], points[1:], strict=True), zip(radii[:-1], radii[1:], strict=True), strict=True
    ):
        if not min(start[2], end[2]) - max(r0, r1) - 8 < plane.z < max(start[2], end[2]) + max(r0, r1) + 8:
            continue
        along = end - start
        dx, dy, dz = plane.x - start[0], plane.y - start[1], plane.z - start[2]
        t = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / (along @ along + 1e-9), 0, 1)
        gap = np.sqrt((dx - t * along[0]) ** 2 + (dy - t * along[1]) ** 2 + (dz - t * along[2]) ** 2)
        distance = gap - (r0 + t * (r1 - r0))
        nearer = distance < best
        best[nearer] = distance[nearer]
        axis_y[nearer] = (start[1] + t * along[1])[nearer]
    return best, axis_y


def rounded_path(points, radii, times: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A polyline and its radii, smoothed by `times` rounds of corner cutting (Chaikin 1974); ends stay."""
    path = np.column_stack([np.asarray(points, float), np.asarray(radii, float)])
    for _ in range(times):
        inner = np.empty((2 * len(path) - 2, 4))
        inner[0::2] = 0.75 * path[:-1] + 0.25 * path[1:]
        inner[1::2] = 0.25 * path[:-1] + 0.75 * path[1:]
        path = np.vstack([path[:1], inner[1:-1], path[-1:]])
    return path[:, :3], path[:, 3]


def smooth_union(a: np.ndarray, b: np.ndarray, blend_mm: float) -> np.ndarray:
    """Distance to the union of two shapes, with a fillet of about `blend_mm` (polynomial smooth minimum)."""
    h = np.clip(0.5 + 0.5 * (b - a) / blend_mm, 0, 1)
    return b + (a - b) * h - blend_mm * h * (1 - h)


def smooth_intersection(a: np.ndarray, b: np.ndarray, blend_mm: float) -> np.ndarray:
    """Distance to the intersection of two shapes, with edges rounded by about `blend_mm`."""
    return -smooth_union(-a, -b, blend_mm)


def coverage(distance: np.ndarray, edge_mm: float) -> np.ndarray:
    """Share of a pixel inside a shape, from the distance at its centre, for an edge `edge_mm` wide.

    >>> coverage(np.array([-2.0, 0.0, 0.25, 2.0]), 1.0).tolist()
    [1.0, 0.5, 0.25, 0.0]
    """
    return np.clip(0.5 - distance / edge_mm, 0, 1)


def box_around(plane: SlicePlane, points: np.ndarray, reach_mm: float) -> PixelBox:
    """The box that contains everything within `reach_mm` of the points (n, 3)."""
    low, high = points.min(axis=0) - reach_mm, points.max(axis=0) + reach_mm
    return plane.box(low[0], high[0], low[1], high[1])


@dataclass(frozen=True)
class Canvas:
    """HU of a plane; each painted shape covers what was painted before."""

    plane: SlicePlane
    hu: np.ndarray  # (H, W) float32

    def paint(
        self, box: PixelBox, distance: np.ndarray, value, edge_mm: float = 0.0, opacity: float = 1.0
    ) -> None:
        """Blend `value` (HU, a number or an array of the box's shape) over the inside of a shape."""
        alpha = coverage(distance, max(edge_mm, self.plane.pixel_mm)) * np.float32(opacity)
        part = self.hu[box]
        part += alpha * (value - part)
