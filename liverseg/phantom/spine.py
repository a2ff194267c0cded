"""The spine and the structures along it: vertebrae, spinal canal, psoas and diaphragmatic crura."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from liverseg.phantom.body import Body
from liverseg.phantom.shapes import Canvas, box_around, coverage, ellipsoid, smooth_union, tube


@dataclass(frozen=True)
class Spine:
    """A column of vertebrae, drawn from a seed; `y_mm` is the centre of the vertebral body."""

    y_mm: float
    pitch_mm: float
    phase_mm: float
    half_width_mm: float
    half_depth_mm: float
    spongy_hu: float
    cortical_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator, body: Body) -> Spine:
        """Draw vertebrae that fit the body, with random bone density."""
        return cls(
            y_mm=body.back_mm - rng.uniform(38, 43),
            pitch_mm=rng.uniform(31, 36),
            phase_mm=rng.uniform(0, 36),
            half_width_mm=rng.uniform(19, 23),
            half_depth_mm=rng.uniform(14.5, 17),
            spongy_hu=rng.uniform(120, 240),
            cortical_hu=rng.uniform(380, 620),
        )

    def front_mm(self) -> float:
        """The y of the front edge of the vertebral bodies."""
        return self.y_mm - self.half_depth_mm

    def paint(self, canvas: Canvas, body: Body) -> None:
        """Paint psoas and crura, then the spine."""
        plane = canvas.plane
        self._muscles(canvas, body)
        box = plane.box(-60, 60, self.y_mm - 30, self.y_mm + 75)
        part = plane.crop(box)
        local = (plane.z - self.phase_mm + self.pitch_mm / 2) % self.pitch_mm - self.pitch_mm / 2
        level = plane.z - local  # height of this vertebra's centre
        disc = coverage((self.pitch_mm / 2 - abs(local)) - 3.5, 2.0)
        waist = 1 - 0.09 * np.cos(np.pi * local / (self.pitch_mm / 2)) ** 2
        centre = (0.0, self.y_mm, plane.z)
        block = ellipsoid(
            part, centre, (self.half_width_mm * waist, self.half_depth_mm * waist, 1e6), power=2.6
        )
        groove = ellipsoid(part, (0, self.y_mm + self.half_depth_mm + 5, plane.z), (11, 7, 1e6))
        block = -smooth_union(-block, groove, 4.0)
        spongy = self.spongy_hu + 22 * part.fine + 10 * part.medium
        shell = coverage(-(block + 1.1), 1.2)
        bone = spongy + (self.cortical_hu - spongy) * shell
        disc_hu = 85 + 8 * part.medium
        self._arch(canvas, box, level, local)
        canvas.paint(box, block - 1.0, 45.0)
        canvas.paint(box, block, bone + disc * (disc_hu - bone))
        canal = ellipsoid(
            part, (0, self.y_mm + self.half_depth_mm + 6.0, plane.z), (9.5, 7.5, 1e6), power=2.3
        )
        canvas.paint(box, canal, -15.0)
        canvas.paint(box, canal + 2.4, 28.0)
        cord = ellipsoid(part, (0, self.y_mm + self.half_depth_mm + 6.5, plane.z), (5, 4, 1e6))
        canvas.paint(box, cord, 42.0)

    def _arch(self, canvas: Canvas, box, level: float, local: float) -> None:
        """Paint pedicles, transverse processes, laminae and spinous process of the vertebra at `level`."""
        part = canvas.plane.crop(box)
        back = self.y_mm + self.half_depth_mm
        arch = np.full(part.shape, 1e3, np.float32)

        def bar(start, end, r0, r1, rise=2.2):
            # Heights are divided by `rise`: bars are taller than wide, like plates of bone.
            compressed = replace(part, z=local / rise + part.z - local)
            nonlocal arch
            points = np.array([start, end], float) + [0, 0, level]
            arch = smooth_union(arch, tube(compressed, points, np.array([r0, r1]))[0], 2.5)

        for side in (-1, 1):
            bar((side * 14, back - 3, 4), (side * 16, back + 9, 2), 4.6, 5.2)
            bar((side * 15, back + 9, 1), (side * 38, back + 15, 2), 4.4, 3.2, rise=1.6)
            bar((side * 15, back + 10, -1), (side * 2, back + 20, -4), 4.6, 4.0, rise=3.0)
        bar((0, back + 20, -4), (0, back + 42, -8), 3.6, 4.4, rise=3.2)
        spongy = self.spongy_hu + 60 + 25 * part.fine
        bone = spongy + (self.cortical_hu + 60 - spongy) * coverage(-(arch + 1.5), 1.2)
        canvas.paint(box, arch, bone)

    def _muscles(self, canvas: Canvas, body: Body) -> None:
        plane = canvas.plane
        for side in (-1, 1):
            # The psoas starts at the twelfth rib and widens downwards.
            growth = np.clip((-plane.z - 5) / 70, 0, 1.4)
            if growth > 0.05:
                centre = (side * (self.half_width_mm + 4 + 8 * growth), self.y_mm + 3, plane.z)
                radii = (5 + 11 * growth, 8 + 10 * growth, 1e6)
                box = box_around(plane, np.array([centre]), 32)
                part = plane.crop(box)
                canvas.paint(box, ellipsoid(part, centre, radii), body.muscle_hu + 3 * part.medium)
            # Crura of the diaphragm, on both sides of the aorta.
            thick = np.clip(1.2 - abs(plane.z - 10) / 110, 0.35, 1) * (4.5 if side < 0 else 3.6)
            front = self.front_mm()
            path = np.array(
                [
                    (side * (self.half_width_mm + 2), self.y_mm - 2, plane.z),
                    (side * (self.half_width_mm - 4), front - 4, plane.z),
                    (side * 11 + 3, front - 18, plane.z),
                    (side * 6 + 3, front - 25, plane.z),
                ]
            )
            box = box_around(plane, path, 10)
            part = plane.crop(box)
            crus = tube(part, path, np.array([0.6, 0.9, 0.8, 0.5]) * thick)[0]
            canvas.paint(box, crus - 0.8 * part.medium, body.muscle_hu + 4)
