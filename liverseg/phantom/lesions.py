"""Liver tumours: number, positions, sizes and appearance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.shapes import Canvas, PixelBox, SlicePlane, box_around, coverage, ellipsoid


@dataclass(frozen=True)
class Tumour:
    """One tumour: a lobulated ellipsoid and its enhancement."""

    centre: tuple[float, float, float]  # in mm at scale 1
    radii: tuple[float, float, float]  # in mm at scale 1
    turn_deg: float
    lobulation: float
    contrast_hu: float  # tumour minus liver
    edge_mm: float  # width of its border
    rim_hu: float  # rim enhancement relative to the inside; 0: none
    core_share: float  # radius of the necrotic core divided by that of the tumour; 0: none
    core_hu: float  # HU of the core
    mottle_hu: float

    def distance(self, plane: SlicePlane) -> np.ndarray:
        """Signed distance in mm to the border: (H, W)."""
        shape = ellipsoid(plane, self.centre, self.radii, self.turn_deg)
        size = min(self.radii)
        return shape + self.lobulation * (
            0.10 * min(size, 20) * plane.coarse + min(0.12 * size, 1.6) * plane.medium
        )

    def paint(self, canvas: Canvas, liver: np.ndarray, liver_hu: float) -> tuple[PixelBox, np.ndarray]:
        """Paint the tumour inside the liver.

        Returns the tumour's box, and in it the signed distance in mm to the intersection with the liver.
        """
        reach = 1.35 * max(self.radii[:2]) + 6
        box = box_around(canvas.plane, np.array([self.centre]), reach)
        part = canvas.plane.crop(box)
        raw = self.distance(part)
        inside = np.maximum(raw, liver[box])
        if inside.size and inside.min() < 1:
            value = liver_hu + self.contrast_hu + self.mottle_hu * (part.fine + 0.6 * part.medium)
            if self.rim_hu:
                width = 0.10 * min(self.radii) + 1.2
                value = value + self.rim_hu * np.exp(-(((raw + width) / width) ** 2))
            if self.core_share:
                depth = (1 - self.core_share) * min(self.radii)
                core = coverage(raw + depth + 1.5 * part.medium + part.fine, 3.0)
                value = value + core * (self.core_hu - value)
            alpha = coverage(raw, max(self.edge_mm, part.pixel_mm)) * coverage(liver[box], part.pixel_mm)
            view = canvas.hu[box]
            view += alpha * (value - view)
        return box, inside


def draw_tumours(rng: np.random.Generator, inside: np.ndarray, depth_mm: np.ndarray) -> list[Tumour]:
    """Draw the tumours of one patient; one patient in five has none.

    `inside` (n, 3) are points of the liver in mm, and `depth_mm` (n,) their distances from its surface.
    """
    if rng.random() < 0.2 or len(inside) == 0:
        return []
    count = int(np.clip(rng.geometric(0.22), 1, 14))
    hyperdense = rng.random() < 0.12
    contrast = rng.uniform(25, 80)
    rim = rng.random() < 0.4
    largest = float(np.exp(rng.uniform(np.log(5), np.log(32))))
    tumours: list[Tumour] = []
    for number in range(count):
        radius = largest if number == 0 else float(np.clip(largest * rng.uniform(0.15, 0.9), 2.5, 30))
        for _ in range(40):
            index = int(rng.integers(len(inside)))
            centre = inside[index]
            apart = all(np.linalg.norm(centre - t.centre) > radius + max(t.radii) + 4 for t in tumours)
            if apart and depth_mm[index] > 0.45 * radius:
                break
        else:
            continue
        squeeze = rng.uniform(0.78, 1.15, 3)
        delta = contrast * rng.uniform(0.75, 1.2)
        necrotic = radius > 12 and rng.random() < 0.35
        tumours.append(
            Tumour(
                centre=tuple(float(v) for v in centre),
                radii=tuple(float(v) for v in radius * squeeze),
                turn_deg=rng.uniform(-90, 90),
                lobulation=rng.uniform(0.4, 1.6),
                contrast_hu=float(0.7 * delta if hyperdense else -delta),
                edge_mm=float(rng.uniform(1.0, 1.5 + 0.18 * radius)),
                rim_hu=float(rng.uniform(12, 40)) if rim and radius > 6 and not hyperdense else 0.0,
                core_share=float(rng.uniform(0.4, 0.7)) if necrotic else 0.0,
                core_hu=float(rng.uniform(8, 28)),
                mottle_hu=float(rng.uniform(1, 5)),
            )
        )
    return tumours
