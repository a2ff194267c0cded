"""The solid organs around the liver: spleen, kidneys, adrenals, pancreas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.body import Trunk
from liverseg.phantom.shapes import (
    Canvas,
    SlicePlane,
    box_around,
    coverage,
    ellipsoid,
    rounded_path,
    smooth_intersection,
    smooth_union,
    tube,
)


@dataclass(frozen=True)
class Kidney:
    """One kidney: a cortex around medullary pyramids and a fatty sinus."""

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    turn_deg: float
    cortex_hu: float
    medulla_hu: float

    def centre_at(self, z: float) -> np.ndarray:
        """The centre of the kidney at height `z`; the upper pole leans towards the spine and the back."""
        lean = (z - self.centre_mm[2]) / self.radii_mm[2]
        return np.array(self.centre_mm) + [-5 * np.sign(self.centre_mm[0]) * lean, 4 * lean, 0]

    def bed(self, plane: SlicePlane) -> np.ndarray:
        """Signed distance in mm to the perirenal fat, which other organs do not enter: (H, W)."""
        turn = self.turn_deg * np.sign(self.centre_mm[0])
        centre = self.centre_at(plane.z)
        capsule = ellipsoid(plane, centre, np.add(self.radii_mm, (4, 4, 2)), turn, power=2.2)
        behind = ellipsoid(
            plane, centre + [-16 * np.sign(centre[0]), 22, 0], np.add(self.radii_mm, (9, 8, 9))
        )
        return smooth_union(capsule, behind, 8.0) + 1.2 * plane.medium

    def paint(self, canvas: Canvas) -> None:
        """Paint the kidney in its perirenal fat."""
        plane = canvas.plane
        side = np.sign(self.centre_mm[0])
        centre = self.centre_at(plane.z)
        box = box_around(plane, centre[None], max(self.radii_mm[:2]) + 14)
        part = plane.crop(box)
        bean = ellipsoid(part, centre, self.radii_mm, self.turn_deg * side, power=2.2)
        if bean.min() > 2:
            return
        hilum = ellipsoid(
            part, centre + [-22 * side, -8, 0], (13, 7.5, 0.5 * self.radii_mm[2]), self.turn_deg * side
        )
        bean = smooth_intersection(bean, -hilum, 4.0) - 0.8 * part.medium
        canvas.paint(box, bean - 5, -104.0, opacity=0.9)
        cortex = self.cortex_hu + 4 * part.medium
        pyramids = coverage(0.3 - np.abs(part.fine + 0.7 * part.medium), 0.5)
        medulla = self.medulla_hu + (self.cortex_hu - self.medulla_hu) * 0.5 * pyramids
        tissue = cortex + coverage(bean + 7.0 + 1.5 * part.fine, 4.0) * (medulla - cortex)
        canvas.paint(box, bean, tissue)
        sinus = ellipsoid(
            part,
            centre + [-9 * side, -2, 0],
            np.multiply(self.radii_mm, (0.5, 0.33, 0.48)),
            self.turn_deg * side,
        )
        sinus = sinus - 2.2 * part.fine - 1.2 * part.medium
        canvas.paint(box, np.maximum(sinus, bean + 3), -70.0 + 45 * part.fine, edge_mm=3)


@dataclass(frozen=True)
class Abdomen:
    """Spleen, kidneys, adrenals and pancreas of one patient, drawn from a seed."""

    spleen_mm: tuple[float, float, float]
    spleen_radii_mm: tuple[float, float, float]
    spleen_hu: float
    kidneys: tuple[Kidney, Kidney]
    pancreas: tuple[np.ndarray, np.ndarray]
    pancreas_hu: float
    lobulation: float

    @classmethod
    def draw(cls, rng: np.random.Generator, spine_front_mm: float, spleen_hu: float) -> Abdomen:
        """Draw organs placed relative to the spine; the right kidney is lower than the left."""
        left_z = rng.uniform(-62, -28)
        cortex = rng.uniform(155, 200)
        medulla = cortex - rng.uniform(0, 55)
        front = spine_front_mm

        def kidney(side: int, z: float) -> Kidney:
            return Kidney(
                centre_mm=(side * rng.uniform(54, 64), front + rng.uniform(11, 19), z),
                radii_mm=(rng.uniform(25, 30), rng.uniform(22, 27), rng.uniform(50, 62)),
                turn_deg=rng.uniform(20, 55),
                cortex_hu=cortex,
                medulla_hu=medulla,
            )

        p = rng.uniform(0.75, 1.2)
        tail_z = rng.uniform(0, 26)
        pancreas = rounded_path(
            [
                (-24, front - 28, -46), (-18, front - 33, -26), (2, front - 42, -12),
                (30, front - 36, tail_z - 10), (56, front - 16, tail_z), (74, front - 6, tail_z + 8),
            ],
            [11 * p, 12.5 * p, 8 * p, 9 * p, 9.5 * p, 7 * p],
        )  # fmt: skip
        return cls(
            spleen_mm=(rng.uniform(84, 96), rng.uniform(24, 40), rng.uniform(18, 40)),
            spleen_radii_mm=(rng.uniform(30, 44), rng.uniform(44, 58), rng.uniform(46, 68)),
            spleen_hu=spleen_hu,
            kidneys=(kidney(-1, left_z - rng.uniform(4, 20)), kidney(1, left_z)),
            pancreas=pancreas,
            pancreas_hu=rng.uniform(78, 112),
            lobulation=rng.uniform(0.3, 1.0),
        )

    def paint_pancreas(self, canvas: Canvas) -> None:
        """Paint the pancreas, with fat between its lobules."""
        plane = canvas.plane
        points, radii = self.pancreas
        if points[:, 2].min() - 16 < plane.z < points[:, 2].max() + 16:
            box = box_around(plane, points, 16)
            part = plane.crop(box)
            gland = tube(part, points, radii)[0] + self.lobulation * (1.6 * part.fine + part.medium)
            value = self.pancreas_hu - 22 * self.lobulation * np.clip(part.fine, 0, 2)
            canvas.paint(box, gland, value, edge_mm=1.5)

    def paint_solid(self, canvas: Canvas, trunk: Trunk, diaphragm: np.ndarray, spine_front_mm: float) -> None:
        """Paint kidneys, adrenals and the spleen."""
        plane = canvas.plane
        for kidney in self.kidneys:
            kidney.paint(canvas)
        self._adrenals(canvas, spine_front_mm)
        centre = np.array(self.spleen_mm)
        box = box_around(plane, centre[None], max(self.spleen_radii_mm[:2]) + 10)
        part = plane.crop(box)
        spleen = ellipsoid(part, centre, self.spleen_radii_mm, turn_deg=-22, power=2.3)
        hollow = ellipsoid(part, centre + [-44, -22, -6], (36, 44, 70), turn_deg=-20)
        spleen = smooth_intersection(spleen, -hollow, 8.0) + 2.2 * part.coarse + 0.9 * part.medium
        spleen = smooth_intersection(spleen, -self.kidneys[1].bed(part), 5.0)
        spleen = smooth_intersection(spleen, trunk.cavity[box] + 2.2, 5.0)
        spleen = smooth_intersection(spleen, diaphragm[box] + 2.6, 4.0)
        canvas.paint(box, spleen - 1.6, -90.0, opacity=0.55)
        canvas.paint(box, spleen, self.spleen_hu + 2 * part.medium + 2 * part.fine)

    def _adrenals(self, canvas: Canvas, spine_front_mm: float) -> None:
        plane = canvas.plane
        for side, z in ((-1, 2.0), (1, 0.0)):
            height = self.kidneys[(side + 1) // 2].centre_mm[2] + 48 + z
            if abs(plane.z - height) > 20:
                continue
            thin = 2.4 * (1 - 0.5 * abs(plane.z - height) / 20)
            stem = np.array([side * 30, spine_front_mm - 4, plane.z])
            box = box_around(plane, stem[None], 34)
            part = plane.crop(box)
            gland = np.full(part.shape, 1e3, np.float32)
            for dx, dy in ((-6, -9), (2, 17), (13, 12)):
                limb = np.array([stem, stem + [side * dx, dy, 0]])
                gland = smooth_union(gland, tube(part, limb, np.array([thin, 0.7 * thin]))[0], 1.5)
            canvas.paint(box, gland - 0.4 * part.medium, 78.0)
