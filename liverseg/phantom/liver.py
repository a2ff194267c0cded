"""The liver and the gallbladder: shapes, and appearance in the portal venous phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.abdomen import Kidney
from liverseg.phantom.body import Trunk
from liverseg.phantom.shapes import (
    WHOLE_PLANE,
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
from liverseg.phantom.vessels import Vessels


@dataclass(frozen=True)
class Liver:
    """Shape and enhancement of one liver, drawn from a seed."""

    hu: float
    mottle_hu: float
    right_mm: tuple[float, float, float]  # radii of the right lobe
    left_centre_mm: tuple[float, float, float]
    left_mm: tuple[float, float, float]
    left_turn_deg: float
    tip_mm: float  # lowest point of the right lobe
    slant: float  # rise of the visceral surface per mm towards the left
    tilt: float  # rise of the visceral surface per mm towards the back
    teres_mm: tuple[float, float, float]
    teres_turn_deg: float
    lobulation_mm: float
    gallbladder: tuple[np.ndarray, np.ndarray] | None
    gallbladder_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator, hu: float) -> Liver:
        """Draw a liver of 1 to 2 litres; one in seven patients has no gallbladder."""
        neck = np.array([-34, -12, -8]) + rng.uniform(-4, 4, 3)
        fundus = np.array([-58, -58, -46]) + rng.uniform(-9, 9, 3)
        size = rng.uniform(0.7, 1.15)
        bladder = rounded_path([neck, 0.6 * neck + 0.4 * fundus, fundus], size * np.array([5, 13, 15]))
        return cls(
            hu=hu,
            mottle_hu=rng.uniform(1.0, 3.5),
            right_mm=(rng.uniform(80, 94), rng.uniform(92, 112), rng.uniform(100, 120)),
            left_centre_mm=(rng.uniform(-2, 24), rng.uniform(-52, -40), rng.uniform(26, 46)),
            left_mm=(rng.uniform(55, 80), rng.uniform(28, 40), rng.uniform(36, 50)),
            left_turn_deg=rng.uniform(-14, 10),
            tip_mm=rng.uniform(-130, -82),
            slant=rng.uniform(0.62, 1.0),
            tilt=rng.uniform(-0.35, 0.45),
            teres_mm=(rng.uniform(-22, -6), rng.uniform(-78, -62), rng.uniform(-14, 10)),
            teres_turn_deg=rng.uniform(-25, 15),
            lobulation_mm=rng.uniform(2.5, 5.0),
            gallbladder=None if rng.random() < 1 / 7 else bladder,
            gallbladder_hu=rng.uniform(3, 16),
        )

    def distance(
        self,
        plane: SlicePlane,
        trunk: Trunk,
        diaphragm: np.ndarray,
        vessels: Vessels,
        kidney: Kidney,
        spine_front_mm: float,
    ) -> np.ndarray:
        """Signed distance in mm to the liver's surface, negative inside: (H, W)."""
        right = ellipsoid(plane, (-56, -4, 12), self.right_mm, power=2.4)
        surface = self.tip_mm + self.slant * (plane.x + 125) + self.tilt * (plane.y - 20)
        surface = (surface + 13 * plane.coarse - plane.z) / np.sqrt(1 + self.slant**2 + self.tilt**2)
        right = smooth_intersection(right, surface, 24.0)
        left = ellipsoid(plane, self.left_centre_mm, self.left_mm, self.left_turn_deg)
        under = (-18 + 0.55 * plane.x + 9 * plane.coarse - plane.z) / 1.15  # the tip lies on the stomach
        left = smooth_intersection(left, under, 14.0)
        liver = smooth_union(right, left, 16.0)
        liver = liver + self.lobulation_mm * plane.coarse + 0.9 * plane.medium
        behind = ellipsoid(plane, (6, spine_front_mm + 26, 0), (37, 46, 1e6), power=2.2)
        liver = smooth_intersection(liver, -behind, 10.0)
        teres = ellipsoid(plane, self.teres_mm, (7.0, 42, 30), self.teres_turn_deg, power=1.5)
        venosum = ellipsoid(plane, (18, spine_front_mm - 46, 14), (38, 5.0, 17), -26, power=1.5)
        hilum = ellipsoid(plane, (-14, spine_front_mm - 30, -3), (24, 8, 11), 10)
        for cleft in (teres, venosum, hilum):
            liver = smooth_intersection(liver, -(cleft + 1.3 * plane.medium), 4.0)
        liver = np.maximum(liver, -vessels.cava_distance(plane))
        liver = smooth_intersection(liver, -vessels.behind_cava(plane, spine_front_mm), 3.0)
        if self.gallbladder is not None:
            liver = smooth_intersection(liver, -(tube(plane, *self.gallbladder)[0] - 1.2), 3.0)
        liver = smooth_intersection(liver, -kidney.bed(plane), 8.0)
        liver = smooth_intersection(liver, trunk.cavity + 2.2, 6.0)
        return smooth_intersection(liver, diaphragm + 2.6, 4.0)

    def paint(
        self, canvas: Canvas, distance: np.ndarray, vessels: Vessels, vein_hu: float, slice_mm: float
    ) -> None:
        """Paint the gallbladder, then the liver with its surrounding fat and its veins."""
        plane = canvas.plane
        if self.gallbladder is not None:
            points, radii = self.gallbladder
            box = box_around(plane, points, float(radii.max()) + 4)
            part = plane.crop(box)
            bladder = tube(part, points, radii)[0] - 0.8 * part.medium
            canvas.paint(box, bladder - 1.0, 62.0, opacity=0.8)
            canvas.paint(box, bladder + 0.8, self.gallbladder_hu)
        tissue = self.hu + self.mottle_hu * (plane.coarse + plane.medium + 0.8 * plane.fine)
        portal, hepatic = vessels.in_liver(plane, slice_mm)
        sheath = coverage(0.5 - portal, 1.0) * (portal > 0) * 0.1
        tissue = tissue + np.maximum(portal, 0.92 * hepatic) * (vein_hu - tissue)
        tissue = tissue - 60 * sheath * (portal < 0.4)
        canvas.paint(WHOLE_PLANE, distance - 1.6, -90.0, opacity=0.55)
        canvas.paint(WHOLE_PLANE, distance, tissue)
