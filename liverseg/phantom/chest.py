"""The diaphragm and the organs above it: lung bases, heart and mediastinum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.body import Trunk
from liverseg.phantom.shapes import (
    WHOLE_PLANE,
    Canvas,
    SlicePlane,
    box_around,
    coverage,
    ellipsoid,
    smooth_union,
)


@dataclass(frozen=True)
class Chest:
    """The domes of the diaphragm and the organs above it, drawn from a seed."""

    right_dome_mm: float
    left_dome_mm: float
    recess_mm: float  # height of the lowest part of the lung, at the back
    steepness: float
    lung_hu: float
    heart_hu: float
    heart_mm: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Chest:
        """Draw domes about 95 mm above the porta hepatis, the right one higher."""
        right = rng.uniform(86, 104)
        return cls(
            right_dome_mm=right,
            left_dome_mm=right - rng.uniform(2, 20),
            recess_mm=rng.uniform(-50, -5),
            steepness=rng.uniform(2.2, 3.4),
            lung_hu=rng.uniform(-880, -790),
            heart_hu=rng.uniform(105, 150),
            heart_mm=(rng.uniform(18, 32), rng.uniform(-38, -28), rng.uniform(106, 118)),
        )

    def diaphragm(self, plane: SlicePlane, trunk: Trunk) -> np.ndarray:
        """Signed distance in mm to the lower face of the diaphragm, negative below it: (H, W)."""
        depth = np.where(plane.y > -5, plane.y + 5, 0.72 * (plane.y + 5))  # the slope is smaller in front
        inward = 1 - 0.32 / (1 + np.exp(-(60 - np.abs(plane.x)) / 6))  # a shallow saddle under the heart
        right = ((plane.x + 58) * inward / 74) ** 2 + (depth / 78) ** 2
        left = ((plane.x - 62) * inward / 74) ** 2 + (depth / 78) ** 2
        dome = -smooth_union(60 * right - self.right_dome_mm, 60 * left - self.left_dome_mm, 24.0)
        front = 0.5 - 0.5 * np.cos(trunk.theta)
        recess = self.recess_mm + 66 * front**1.4 - 8 * np.abs(np.sin(trunk.theta))
        dome = np.maximum(dome + 4 * plane.coarse, self.recess_mm + 20)
        recess = np.minimum(recess, dome - 5)
        share = np.clip(trunk.share, 0, 1)
        height = recess + (dome - recess) * (1 - share**self.steepness) ** 0.62
        dy, dx = np.gradient(height, plane.pixel_mm)
        return (plane.z - height) / np.sqrt(1 + np.minimum(dx**2 + dy**2, 60))

    def paint(
        self, canvas: Canvas, trunk: Trunk, diaphragm: np.ndarray, spine_front_mm: float, vessel_hu: float
    ) -> None:
        """Paint the diaphragm, the lungs with their vessels, and the heart and oesophagus over them."""
        plane = canvas.plane
        lung = np.maximum(trunk.cavity + 1.2, -diaphragm + 1.6)
        middle = ellipsoid(plane, (6, spine_front_mm - 4, plane.z), (25, 34, 1e6))
        lung = np.maximum(lung, -middle - 2 * plane.medium)
        canvas.paint(WHOLE_PLANE, lung - 1.8, 52.0, opacity=0.85)
        twigs = coverage(2.05 - np.abs(plane.fine) - 0.25 * plane.medium, 0.25)
        dependent = 70 * np.clip(plane.y / 90, -1, 1)
        value = self.lung_hu + dependent + 25 * plane.medium + 760 * twigs
        canvas.paint(WHOLE_PLANE, lung, value)
        self._heart(canvas, vessel_hu)
        self._oesophagus(canvas, spine_front_mm)

    def _heart(self, canvas: Canvas, vessel_hu: float) -> None:
        plane = canvas.plane
        centre = np.array(self.heart_mm)
        box = box_around(plane, centre[None], 78)
        part = plane.crop(box)
        sac = ellipsoid(part, centre, (68, 48, 46), turn_deg=25, power=2.2) - 1.5 * part.medium
        if sac.min() > 3:
            return
        canvas.paint(box, sac - 7, -100.0)
        canvas.paint(box, sac, self.heart_hu - 25 + 4 * part.medium)
        for dx, dy, r in ((18, 10, 24), (-20, -8, 26), (-8, 28, 16)):
            chamber = ellipsoid(part, centre + [dx, dy, 2], (r, 0.8 * r, 32), turn_deg=30)
            canvas.paint(box, np.maximum(chamber, sac + 5) - 2 * part.medium, vessel_hu - 8, edge_mm=4)

    def _oesophagus(self, canvas: Canvas, spine_front_mm: float) -> None:
        plane = canvas.plane
        if plane.z < 40:
            return
        centre = (4 + (90 - plane.z) * 0.25, spine_front_mm - 32, plane.z)
        box = box_around(plane, np.array([centre]), 18)
        part = plane.crop(box)
        wall = ellipsoid(part, centre, (9, 6.5, 1e6), turn_deg=15) - 0.6 * part.medium
        canvas.paint(box, wall, 58.0)
        canvas.paint(box, wall + 4.8, -250.0, edge_mm=3)
