"""One synthetic patient: organs drawn from a seed, and their painting on a slice at any height."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from liverseg.phantom.abdomen import Abdomen
from liverseg.phantom.acquisition import Scanner
from liverseg.phantom.body import Body, Trunk
from liverseg.phantom.chest import Chest
from liverseg.phantom.gut import Gut
from liverseg.phantom.lesions import Tumour, draw_tumours
from liverseg.phantom.liver import Liver
from liverseg.phantom.shapes import Canvas, PixelBox, SlicePlane, SmoothField
from liverseg.phantom.spine import Spine
from liverseg.phantom.vessels import Vessels

LOWEST_MM, HIGHEST_MM = -120.0, 110.0
"""Range of heights that contains the liver, in mm at scale 1."""


@dataclass(frozen=True)
class PaintedSlice:
    """A slice without blur and noise, and signed distances in mm to its structures."""

    hu: np.ndarray  # (H, W) float32
    trunk: Trunk
    liver: np.ndarray  # (H, W) distance to the surface of the liver
    tumours: list[tuple[PixelBox, np.ndarray]]  # of each tumour a box, and the distance in that box


@dataclass(frozen=True)
class Patient:
    """The anatomy of one seed. All lengths are in mm at scale 1; multiply them by `scale`."""

    scale: float
    body: Body
    spine: Spine
    chest: Chest
    vessels: Vessels
    abdomen: Abdomen
    gut: Gut
    liver: Liver
    scanner: Scanner
    arterial_hu: float
    venous_hu: float
    fields: tuple[SmoothField, ...]  # coarse, medium and fine noise, warp of x, warp of y
    tumours: tuple[Tumour, ...] = ()
    liver_areas: tuple[tuple[float, float], ...] = ()  # (height, area in mm²), on a coarse grid

    @classmethod
    def draw(cls, seed: int) -> Patient:
        """Draw the patient of a seed; each organ has its own random stream."""

        def stream(part: int) -> np.random.Generator:
            return np.random.default_rng([seed, part])

        rng = stream(0)
        liver_hu = float(np.clip(rng.normal(99, 17), 62, 140))
        venous_hu = max(liver_hu + rng.uniform(22, 68), 122.0)
        spleen_hu = float(np.clip(liver_hu * 0.5 + 62 + rng.normal(0, 9), 92, 148))
        body = Body.draw(stream(1))
        spine = Spine.draw(stream(2), body)
        front = spine.front_mm()
        steps = (30.0, 12.0, 4.5, 48.0, 48.0)
        without_tumours = cls(
            scale=rng.uniform(0.92, 1.1),
            body=body,
            spine=spine,
            chest=Chest.draw(stream(3)),
            vessels=Vessels.draw(stream(4), front),
            abdomen=Abdomen.draw(stream(5), front, spleen_hu),
            gut=Gut.draw(stream(6), body.front_mm, body.half_width_mm),
            liver=Liver.draw(stream(7), liver_hu),
            scanner=Scanner.draw(stream(8)),
            arterial_hu=venous_hu + rng.uniform(-12, 55),
            venous_hu=venous_hu,
            fields=tuple(SmoothField.draw(stream(9), step) for step in steps),
        )
        areas, points, depths = without_tumours._sample_liver()
        tumours = draw_tumours(stream(10), points, depths)
        return replace(without_tumours, tumours=tuple(tumours), liver_areas=areas)

    def plane(self, x: np.ndarray, y: np.ndarray, z: float) -> SlicePlane:
        """The plane at height `z` with columns at `x` (W,) and rows at `y` (H,)."""
        coarse, medium, fine, warp_x, warp_y = (field.sample(x, y, z) for field in self.fields)
        warped_x = (x[None, :] + 4.0 * warp_x).astype(np.float32)
        warped_y = (y[:, None] + 3.5 * warp_y).astype(np.float32)
        return SlicePlane(x, y, float(z), float(x[1] - x[0]), warped_x, warped_y, coarse, medium, fine)

    def liver_distance(self, plane: SlicePlane, trunk: Trunk, diaphragm: np.ndarray) -> np.ndarray:
        """Signed distance in mm to the liver's surface: (H, W)."""
        right_kidney = self.abdomen.kidneys[0]
        return self.liver.distance(plane, trunk, diaphragm, self.vessels, right_kidney, self.spine.front_mm())

    def _sample_liver(self) -> tuple[tuple[tuple[float, float], ...], np.ndarray, np.ndarray]:
        """`liver_areas`, points in the liver (n, 3) and their depths in mm (n,), on a grid of 6 mm."""
        x, y = np.arange(-140.0, 121, 6), np.arange(-115.0, 106, 6)
        heights = np.arange(LOWEST_MM, HIGHEST_MM, 6)
        stack = np.empty((len(heights), len(y), len(x)), np.float32)
        for index, z in enumerate(heights):
            plane = self.plane(x, y, z)
            trunk = self.body.trunk(plane)
            stack[index] = self.liver_distance(plane, trunk, self.chest.diaphragm(plane, trunk))
        inside = stack < 0
        areas = tuple((float(z), float(36 * level.sum())) for z, level in zip(heights, inside, strict=True))
        depth = 6 * ndimage.distance_transform_edt(inside)
        k, j, i = np.nonzero(inside)
        return areas, np.column_stack([x[i], y[j], heights[k]]), depth[k, j, i]

    def paint(self, plane: SlicePlane, slice_mm: float) -> PaintedSlice:
        """Paint all organs on a plane, without blur and noise."""
        canvas = Canvas(plane, np.full(plane.shape, -1000, np.float32))
        front = self.spine.front_mm()
        trunk = self.body.trunk(plane)
        diaphragm = self.chest.diaphragm(plane, trunk)
        self.body.paint(canvas, trunk)
        self.gut.paint(canvas, trunk, diaphragm)
        self.abdomen.paint_pancreas(canvas)
        self.abdomen.paint_solid(canvas, trunk, diaphragm, front)
        self.chest.paint(canvas, trunk, diaphragm, front, self.venous_hu)
        self.spine.paint(canvas, self.body)
        self.vessels.paint_great(canvas, self.arterial_hu, self.venous_hu)
        liver = self.liver_distance(plane, trunk, diaphragm)
        self.liver.paint(canvas, liver, self.vessels, self.venous_hu, slice_mm)
        self.vessels.paint_cava(canvas, self.venous_hu - 8)
        tumours = [tumour.paint(canvas, liver, self.liver.hu) for tumour in self.tumours]
        _, _, skin = self.body.radii(plane.z)
        self.body.paint_table(canvas, float(skin[360]))
        return PaintedSlice(canvas.hu, trunk, liver, tumours)
