"""Vessels: aorta, vena cava and their branches, and the trees of the portal and hepatic veins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.shapes import (
    Canvas,
    PixelBox,
    SlicePlane,
    box_around,
    coverage,
    ellipsoid,
    rounded_path,
    tube,
)

Segment = tuple[np.ndarray, np.ndarray, float, float]  # start, end (3,) mm; radii in mm


def grow_vessel(
    rng: np.random.Generator,
    start: np.ndarray,
    heading: np.ndarray,
    length_mm: float,
    radius_mm: float,
    generations: int,
) -> list[Segment]:
    """A vessel that winds, narrows and forks into two branches of 0.79 of its radius (Murray 1926)."""
    segments: list[Segment] = []
    heading = heading / np.linalg.norm(heading)
    point = np.asarray(start, float)
    steps = 4
    for step in range(steps):
        heading = heading + 0.16 * rng.standard_normal(3)
        heading /= np.linalg.norm(heading)
        end = point + heading * length_mm / steps
        r0, r1 = radius_mm * (1 - 0.03 * step), radius_mm * (1 - 0.03 * (step + 1))
        segments.append((point, end, r0, r1))
        if generations > 1 and step == 1 and rng.random() < 0.5:
            side = np.cross(heading, rng.standard_normal(3))
            segments += grow_vessel(
                rng, end, heading + side, 0.6 * length_mm, 0.5 * radius_mm, generations - 2
            )
        point = end
    if generations > 0:
        axis = np.cross(heading, rng.standard_normal(3))
        axis /= np.linalg.norm(axis)
        for sign in (-1, 1):
            turned = heading + sign * axis * np.tan(np.radians(rng.uniform(18, 48)))
            shorter = length_mm * rng.uniform(0.65, 0.85)
            segments += grow_vessel(rng, point, turned, shorter, 0.79 * 0.88 * radius_mm, generations - 1)
    return segments


@dataclass(frozen=True)
class Vessels:
    """Paths of the great vessels, and the two vessel trees of the liver, drawn from a seed."""

    aorta: tuple[np.ndarray, np.ndarray]
    cava: tuple[np.ndarray, np.ndarray]
    others: tuple[tuple[np.ndarray, np.ndarray], ...]  # portal, splenic, mesenteric and renal vessels
    hepatic: tuple[Segment, ...]
    portal: tuple[Segment, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, spine_front_mm: float) -> Vessels:
        """Draw vessels in front of a spine whose front edge is at y = `spine_front_mm`."""
        front, r = spine_front_mm, rng.uniform(9.5, 12.5)
        aorta = rounded_path(
            [
                (4, front - r - 2, -140),
                (7, front - r - 3, -30),
                (11, front - r - 3, 50),
                (21, front - 4, 160),
            ],
            [0.85 * r, 0.95 * r, r, 1.1 * r],
        )
        c = rng.uniform(9.5, 13)
        cava = rounded_path(
            [(-18, front - 9, -140), (-21, front - 10, -20), (-27, front - 21, 50), (-18, front - 34, 105)],
            [0.85 * c, c, 1.1 * c, 1.25 * c],
        )
        porta = np.array([-30 + rng.uniform(-4, 4), front - 26, rng.uniform(-6, 6)])
        confluence = np.array([-2, front - 29, -24.0])
        p = rng.uniform(5.2, 7.2)
        others = (
            rounded_path([confluence, porta + [10, 0, -7], porta], [p, p, p]),
            rounded_path(
                [confluence, (25, front - 27, -10), (58, front - 8, 4), (88, front + 2, 16)],
                [0.8 * p, 0.65 * p, 0.6 * p, 0.5 * p],
            ),
            rounded_path(
                [confluence, (-4, front - 36, -60), (2, front - 42, -130)], [0.8 * p, 0.75 * p, 0.6 * p]
            ),
            rounded_path(
                [(8, front - r - 2, -16), (8, front - 2.7 * r, -28), (12, front - 42, -130)], [3.4, 3.6, 3.0]
            ),
            rounded_path(
                [(10, front - r - 4, -2), (8, front - 2.6 * r, 2), (-10, front - 36, 0)], [3.2, 3.2, 2.2]
            ),
            rounded_path([(8, front - r, -42), (34, front + 4, -46), (50, front + 10, -50)], [2.2, 3.4, 3.4]),
            rounded_path(
                [(-20, front - 10, -48), (-34, front + 2, -52), (-50, front + 10, -56)], [2.2, 3.6, 3.4]
            ),
        )
        portal = [
            *grow_vessel(rng, porta, np.array([-1.0, 0.25, 0.35]), 34, p, 5),
            *grow_vessel(rng, porta, np.array([-0.8, 0.1, -0.75]), 34, 0.8 * p, 5),
            *grow_vessel(rng, porta, np.array([0.55, -0.65, 0.75]), 36, 0.72 * p, 4),
        ]
        top = np.array([-25.0, front - 28, 74.0])
        h = rng.uniform(4.4, 6.6)
        hepatic = [
            *grow_vessel(rng, top, np.array([-1.0, 0.35, -0.45]), 44, h, 6),
            *grow_vessel(rng, top, np.array([-0.35, -0.75, -0.5]), 42, h, 5),
            *grow_vessel(rng, top, np.array([0.7, -0.6, -0.35]), 34, 0.85 * h, 4),
        ]
        return cls(aorta, cava, others, tuple(hepatic), tuple(portal))

    def paint_great(self, canvas: Canvas, arterial_hu: float, venous_hu: float) -> None:
        """Paint the aorta and the large vessels outside the liver."""
        plane = canvas.plane
        for points, radii in self.others:
            box = _box_near(plane, points, radii)
            part = plane.crop(box)
            distance = tube(part, points, radii)[0]
            canvas.paint(box, distance - 1.2, -95.0, opacity=0.5)
            canvas.paint(box, distance, venous_hu + 2 * part.medium)
        points, radii = self.aorta
        box = _box_near(plane, points, radii)
        distance = tube(plane.crop(box), points, radii)[0]
        canvas.paint(box, distance - 1.5, 20.0, opacity=0.5)
        canvas.paint(box, distance, arterial_hu)

    def _cava_at(self, z: float) -> tuple[float, float, float]:
        points, radii = self.cava
        x, y = (float(np.interp(z, points[:, 2], points[:, axis])) for axis in (0, 1))
        return x, y, float(np.interp(z, points[:, 2], radii))

    def behind_cava(self, plane: SlicePlane, spine_front_mm: float) -> np.ndarray:
        """Signed distance in mm to the fat between vena cava and spine, without liver: (H, W)."""
        x, y, r = self._cava_at(plane.z)
        path = np.array([(x + 0.3 * r, y + 0.4 * r, plane.z), (-4.0, spine_front_mm - 2, plane.z)])
        return tube(plane, path, np.array([0.95 * r, 1.1 * r]))[0]

    def cava_distance(self, plane: SlicePlane) -> np.ndarray:
        """Signed distance in mm to the vena cava, which is wider than deep: (H, W)."""
        x, y, r = self._cava_at(plane.z)
        return ellipsoid(plane, (x, y, plane.z), (1.15 * r, 0.85 * r, 1e6), turn_deg=-20)

    def paint_cava(self, canvas: Canvas, venous_hu: float) -> None:
        """Paint the inferior vena cava, below the heart."""
        if canvas.plane.z > 112:
            return
        box = canvas.plane.box(-60, 15, -60, 60)
        part = canvas.plane.crop(box)
        canvas.paint(box, self.cava_distance(part), venous_hu + 4 * part.medium)

    def in_liver(self, plane: SlicePlane, slice_mm: float) -> tuple[np.ndarray, np.ndarray]:
        """Coverage (H, W) by portal and by hepatic veins; thick slices reduce the contrast of small ones."""
        return _tree_coverage(plane, self.portal, slice_mm), _tree_coverage(plane, self.hepatic, slice_mm)


def _box_near(plane: SlicePlane, points: np.ndarray, radii: np.ndarray) -> PixelBox:
    near = points[np.abs(points[:, 2] - plane.z) < radii.max() + 30]
    return box_around(plane, near if len(near) else points[:1], float(radii.max()) + 12)


def _tree_coverage(plane: SlicePlane, segments: tuple[Segment, ...], slice_mm: float) -> np.ndarray:
    covered = np.zeros(plane.shape, np.float32)
    for start, end, r0, r1 in segments:
        reach = max(r0, r1) + 0.3 * slice_mm
        if not min(start[2], end[2]) - reach < plane.z < max(start[2], end[2]) + reach:
            continue
        ends = np.array([start, end])
        box = box_around(plane, ends, reach)
        part = plane.crop(box)
        distance = tube(part, ends, np.array([r0, r1]))[0]
        dilution = min(1.0, 2.2 * max(r0, r1) / (0.6 * slice_mm + 0.6))
        share = coverage(distance, max(plane.pixel_mm, 0.3 * slice_mm)) * np.float32(dilution)
        np.maximum(covered[box], share, out=covered[box])
    return covered
