"""The gut: stomach, duodenum, colon and small bowel, with gas over fluid or stool, and mesenteric vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.body import Trunk
from liverseg.phantom.shapes import Canvas, box_around, coverage, rounded_path, smooth_intersection, tube

GAS_HU = -960.0


@dataclass(frozen=True)
class Loop:
    """A section of bowel: a tube with a wall, contents, and gas above a horizontal level."""

    points: np.ndarray  # (n, 3) mm
    radii: np.ndarray  # (n,) mm
    wall_mm: float
    wall_hu: float
    content_hu: float
    lumps_hu: float  # amplitude of the unevenness of stool and food
    gas: float  # distance of the gas level in front of the axis, as a share of the radius
    folds_mm: float

    def paint(self, canvas: Canvas, trunk: Trunk, diaphragm: np.ndarray) -> None:
        """Paint the loop, inside the cavity and below the diaphragm."""
        plane = canvas.plane
        widest = float(self.radii.max())
        near = np.abs(self.points[:, 2] - plane.z) < widest + 12
        if not near.any():
            return
        box = box_around(plane, self.points[near], widest + 6)
        part = plane.crop(box)
        distance, axis_y = tube(part, self.points, self.radii)
        distance = distance + self.folds_mm * (0.75 * part.medium + 0.5 * part.fine)
        distance = smooth_intersection(distance, trunk.cavity[box] + 2.5, 4.0)
        distance = smooth_intersection(distance, diaphragm[box] + 3.0, 4.0)
        if distance.min() > 1:
            return
        inner = distance + self.wall_mm * (1 + 0.15 * part.medium)
        content = self.content_hu + self.lumps_hu * (0.6 * part.fine + 0.4 * part.medium)
        if self.lumps_hu > 60:  # stool contains bubbles
            content = content + (GAS_HU - content) * coverage(1.0 - part.fine, 0.3)
        canvas.paint(box, distance - 1.0, -95.0, opacity=0.5)
        canvas.paint(box, distance, self.wall_hu + 6 * part.medium)
        canvas.paint(box, inner, content)
        lumen = coverage(inner, plane.pixel_mm)
        if lumen.sum() > 0:  # the level of the gas is horizontal
            level = float((lumen * axis_y).sum() / lumen.sum()) - self.gas * widest
            canvas.paint(box, np.maximum(inner, part.y_axis[:, None] - level), GAS_HU)


@dataclass(frozen=True)
class Gut:
    """All bowel loops of one patient in the order of painting, drawn from a seed."""

    loops: tuple[Loop, ...]
    vessel_density: float  # of small vessels in the mesenteric fat

    @classmethod
    def draw(cls, rng: np.random.Generator, front_mm: float, half_width_mm: float) -> Gut:
        """Draw stomach and bowel; a quarter of the patients have oral contrast."""
        oral_contrast = rng.random() < 0.25
        loops = [cls._small(rng, oral_contrast) for _ in range(int(rng.integers(9, 16)))]
        loops += cls._colon(rng, front_mm, half_width_mm)
        loops.append(cls._duodenum(rng, oral_contrast))
        loops.append(cls._stomach(rng, oral_contrast, front_mm))
        return cls(tuple(loops), rng.uniform(0.1, 0.5))

    @staticmethod
    def _stomach(rng: np.random.Generator, oral_contrast: bool, front_mm: float) -> Loop:
        full = rng.uniform(0.55, 1.1)
        y = -front_mm
        points, radii = rounded_path(
            [
                (58, 22, 78), (62, 6, 56), (60, -22, 28), (44, y + 44, 0),
                (16, y + 40, -20), (-10, y + 44, -22), (-24, y + 52, -16),
            ],
            np.array([22, 36, 34, 29, 22, 17, 10]) * full,
        )  # fmt: skip
        content = rng.uniform(120, 260) if oral_contrast else rng.uniform(2, 40)
        gas = rng.uniform(-0.1, 0.9)
        return Loop(
            points, radii, rng.uniform(3, 5.5), rng.uniform(68, 100), content, rng.uniform(0, 30), gas, 2.5
        )

    @staticmethod
    def _duodenum(rng: np.random.Generator, oral_contrast: bool) -> Loop:
        points, radii = rounded_path(
            [(-24, -38, -18), (-42, -18, -26), (-46, -6, -58), (-30, -4, -84), (12, -8, -88)],
            [10, 13, 13, 12, 11],
        )
        return Loop(
            points, radii, 2.5, 88.0, 180.0 if oral_contrast else 28.0, 15.0, rng.uniform(0.4, 1.3), 2.0
        )

    @staticmethod
    def _colon(rng: np.random.Generator, front_mm: float, half_width_mm: float) -> list[Loop]:
        y, w = -front_mm, half_width_mm
        sag = rng.uniform(-55, 6)
        paths = [
            [(-w + 26, 18, -140), (-w + 26, 14, -100), (-w + 32, -10, -78), (-w + 50, y + 36, -66)],
            [
                (-w + 50, y + 36, -66), (-44, y + 24, sag - 18), (0, y + 21, sag), (40, y + 22, sag + 10),
                (72, y + 34, sag + 34), (w - 28, -18, sag + 62), (w - 24, 12, sag + 60),
            ],
            [(w - 24, 12, sag + 60), (w - 22, 24, 0), (w - 24, 30, -60), (w - 24, 26, -140)],
        ]  # fmt: skip
        widths = (rng.uniform(17, 25), rng.uniform(14, 23), rng.uniform(9, 16))
        loops = []
        for path, width in zip(paths, widths, strict=True):
            points, radii = rounded_path(path, [width * rng.uniform(0.85, 1.15) for _ in path])
            stool = rng.random() < 0.6
            loops.append(
                Loop(
                    points=points,
                    radii=radii,
                    wall_mm=rng.uniform(1.6, 2.6),
                    wall_hu=rng.uniform(55, 85),
                    content_hu=rng.uniform(-90, 60) if stool else rng.uniform(10, 40),
                    lumps_hu=rng.uniform(60, 160) if stool else 15.0,
                    gas=rng.uniform(-0.6, 0.6),
                    folds_mm=rng.uniform(2.0, 3.6),
                )
            )
        return loops

    @staticmethod
    def _small(rng: np.random.Generator, oral_contrast: bool) -> Loop:
        start = np.array([rng.uniform(-30, 75), rng.uniform(-62, 5), rng.uniform(-130, -20)])
        steps = rng.normal(0, 1, (4, 3)) * np.array([24, 15, 14])
        points = np.vstack([start, start + np.cumsum(steps, axis=0)])
        points[:, 2] = np.minimum(points[:, 2], -12)
        points, radii = rounded_path(points, rng.uniform(9, 14, 5))
        content = rng.uniform(120, 280) if oral_contrast and rng.random() < 0.6 else rng.uniform(15, 60)
        gas = rng.uniform(0.3, 0.8) if rng.random() < 0.25 else 2.0
        return Loop(points, radii, 2.2, rng.uniform(80, 115), content, 18.0, gas, 2.2)

    def paint(self, canvas: Canvas, trunk: Trunk, diaphragm: np.ndarray) -> None:
        """Paint small vessels and strands in the fat, then all loops."""
        plane = canvas.plane
        strands = coverage(
            2.35 - self.vessel_density - np.abs(plane.fine) - 0.25 * np.abs(plane.medium), 0.35
        )
        inside = coverage(trunk.cavity + 8, 8.0)
        canvas.hu[:] += 0.85 * inside * strands * (90 - canvas.hu) * (canvas.hu < -60)
        for loop in self.loops:
            loop.paint(canvas, trunk, diaphragm)
