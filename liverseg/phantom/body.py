"""The trunk: skin, subcutaneous fat, muscle wall with ribs, the cavity inside, the table outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.shapes import WHOLE_PLANE, Canvas, SlicePlane, coverage

_ANGLES = np.linspace(-np.pi, np.pi, 721)  # 0 is the back, +pi/2 the patient's left


@dataclass(frozen=True)
class Trunk:
    """The trunk on one plane: signed distances in mm, negative inside."""

    theta: np.ndarray  # (H, W) angle around the centre of the cavity, 0 at the back
    share: np.ndarray  # (H, W) distance from the centre, divided by the radius of the cavity at that angle
    cavity: np.ndarray  # (H, W) distance to the inner face of the wall
    muscle: np.ndarray  # (H, W) distance to the outer face of the muscle wall
    skin: np.ndarray  # (H, W) distance to the air


@dataclass(frozen=True)
class Body:
    """Size and habitus of one patient, drawn from a seed."""

    half_width_mm: float
    front_mm: float
    back_mm: float
    squareness: float
    wall_mm: float
    fat_mm: float
    flank_fat: float  # additional fat at the flanks, relative to the front
    belly_mm: float  # how much the front protrudes further 100 mm lower
    ripple: np.ndarray  # (2, 5) amplitudes of the cosine and sine harmonics of the outline
    rib_pitch_mm: float
    rib_phase_mm: float
    rib_drop_mm: float
    muscle_hu: float
    fat_hu: float
    marbling: float  # share of fat in the back muscles
    table_gap_mm: float
    table_style: int
    table_sag_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Body:
        """Draw a patient, from slim to obese."""
        return cls(
            half_width_mm=rng.uniform(118, 136),
            front_mm=rng.uniform(82, 98),
            back_mm=rng.uniform(78, 86),
            squareness=rng.uniform(2.15, 2.5),
            wall_mm=rng.uniform(11, 16),
            fat_mm=float(np.clip(rng.lognormal(np.log(12), 0.5), 4, 34)),
            flank_fat=rng.uniform(0.1, 0.7),
            belly_mm=rng.uniform(-6, 14),
            ripple=rng.normal(0, 1, (2, 5)) * 0.010 / np.arange(1, 6),
            rib_pitch_mm=rng.uniform(25, 29),
            rib_phase_mm=rng.uniform(0, 29),
            rib_drop_mm=rng.uniform(95, 135),
            muscle_hu=rng.uniform(48, 66),
            fat_hu=rng.uniform(-112, -98),
            marbling=rng.uniform(0, 1),
            table_gap_mm=rng.uniform(2, 14),
            table_style=int(rng.integers(0, 3)),
            table_sag_mm=rng.uniform(16, 40),
        )

    def radii(self, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Radii of the cavity, the muscle wall and the skin at every angle of `_ANGLES`, at height `z`."""
        sine, cosine = np.sin(_ANGLES), np.cos(_ANGLES)
        from_back = np.abs(_ANGLES)
        lower = np.clip(-z / 100, -1, 1.5)
        front = self.front_mm + self.belly_mm * lower
        width = self.half_width_mm * (1 - 0.03 * np.clip(z / 100, -1, 1) ** 2)
        depth = np.where(cosine > 0, self.back_mm, front)
        power = self.squareness
        cavity = (np.abs(sine / width) ** power + np.abs(cosine / depth) ** power) ** (-1 / power)
        harmonic = np.arange(1, 6)[:, None] * _ANGLES
        cavity *= 1 + self.ripple[0] @ np.cos(harmonic) + self.ripple[1] @ np.sin(harmonic)
        back = np.exp(-((from_back / 0.62) ** 4))
        wall = self.wall_mm * (1 - 0.25 * np.exp(-(((np.pi - from_back) / 0.9) ** 2)))
        wall = wall * (1 - back) + 30 * back - 8 * np.exp(-((from_back / 0.09) ** 2))
        fat = self.fat_mm * (
            0.75 + self.flank_fat * np.abs(sine) ** 1.6 + 0.35 * lower * (cosine < 0) * cosine**2
        )
        fat = fat + 2.5 - 3.5 * np.exp(-((from_back / 0.16) ** 2))
        alba = 3.0 * np.exp(-(((np.pi - from_back) / 0.05) ** 2))  # the seam of the rectus muscles
        return cavity, cavity + wall - alba, cavity + wall + np.maximum(fat, 3)

    def trunk(self, plane: SlicePlane) -> Trunk:
        """The trunk on one plane."""
        x = 0.5 * (plane.x + plane.x_axis)
        y = 0.5 * (plane.y + plane.y_axis[:, None])
        rho, theta = np.hypot(x, y), np.arctan2(x, y)
        inner, muscle, skin = self.radii(plane.z)

        def distance(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            slope = np.gradient(table, _ANGLES) / table
            lookup = np.interp(theta, _ANGLES, table).astype(np.float32)
            return (rho - lookup) * np.interp(theta, _ANGLES, 1 / np.hypot(1, slope)).astype(
                np.float32
            ), lookup

        cavity, radius = distance(inner)
        return Trunk(theta, rho / radius, cavity, distance(muscle)[0], distance(skin)[0])

    def paint(self, canvas: Canvas, trunk: Trunk) -> None:
        """Paint skin, fat, muscle wall and ribs, and fill the cavity with fat."""
        plane = canvas.plane
        lobules = self.fat_hu + 5 * plane.fine * (np.abs(plane.medium) > 0.6)
        canvas.paint(WHOLE_PLANE, trunk.skin, 15.0)
        canvas.paint(WHOLE_PLANE, trunk.skin + 1.8, lobules)
        back = np.exp(-((trunk.theta / 0.7) ** 4))
        strands = coverage(1.15 - 0.35 * self.marbling - plane.fine * 0.7 - 0.3 * plane.medium, 0.8)
        muscle = self.muscle_hu + 4 * plane.medium - 110 * strands * back * (0.4 + 0.6 * self.marbling)
        canvas.paint(WHOLE_PLANE, trunk.muscle, muscle)
        # Fat between the rib cage and the outer muscles (latissimus, serratus, external oblique).
        seam = np.abs(trunk.cavity - 0.62 * self.wall_mm - 1.2 * plane.medium) - 0.7
        side = np.abs(np.sin(trunk.theta)) ** 2 * coverage(-plane.coarse - 0.6, 1.0)
        canvas.hu[:] += (
            (coverage(seam, plane.pixel_mm) * side) * (self.fat_hu - canvas.hu) * (trunk.muscle < -1)
        )
        # Fat between the muscles of the back.
        cleft = np.abs(trunk.muscle + 9 + 4 * np.cos(4 * trunk.theta) + 2 * plane.medium) - 0.6
        canvas.hu[:] += coverage(cleft, plane.pixel_mm) * back * 0.7 * (self.fat_hu - canvas.hu)
        canvas.paint(WHOLE_PLANE, trunk.cavity, self.fat_hu + 4 * plane.medium)
        self._ribs(canvas, trunk)

    def _ribs(self, canvas: Canvas, trunk: Trunk) -> None:
        """Paint the sections of the ribs, which run forwards and downwards in the wall."""
        plane = canvas.plane
        from_back = np.abs(trunk.theta)
        side = np.where(trunk.theta > 0, 0.35 * self.rib_pitch_mm, 0.0)
        drop = self.rib_drop_mm * (from_back / np.pi) ** 1.2
        height = plane.z + drop + self.rib_phase_mm + side
        height = (height + self.rib_pitch_mm / 2) % self.rib_pitch_mm - self.rib_pitch_mm / 2
        depth = trunk.cavity - 4.4
        norm = np.sqrt((height / 5.8) ** 2 + (depth / 3.7) ** 2) + 1e-6
        per_mm = self.rib_drop_mm / (np.pi * 120)
        gradient = np.hypot(height / 5.8**2 * per_mm, depth / 3.7**2) / norm
        distance = ((norm - 1) / np.maximum(gradient, 0.03)).astype(np.float32)
        present = coverage(0.42 - from_back, 0.06)
        # Bone turns into cartilage, further back in lower slices: the costal arch opens downwards.
        end = np.clip(2.35 + plane.z / 160, 1.6, 2.5)
        bone = coverage(from_back - end, 0.08)
        reach = coverage(from_back - np.clip(end + 0.45 + plane.z / 300, end, 2.95), 0.08)
        present = present * reach
        shell = 520 * bone + 105 * (1 - bone)
        core = 90 * bone + 95 * (1 - bone)
        value = core + (shell - core) * coverage(-(distance + 1.1), 1.0)
        alpha = coverage(distance, plane.pixel_mm) * present
        canvas.hu[:] += alpha * (value + 15 * plane.fine - canvas.hu)

    def paint_table(self, canvas: Canvas, lowest_y: float) -> None:
        """Paint the table below the back, a thin shell with foam; `lowest_y` is the lowest y of the skin."""
        plane = canvas.plane
        x, y = np.meshgrid(plane.x_axis, plane.y_axis)
        half = 215.0
        top = lowest_y + self.table_gap_mm
        if self.table_style == 0:  # a bowed board
            face = y - (top - self.table_sag_mm * (x / half) ** 2)
            board = np.maximum(np.abs(face - 9) - 9, np.abs(x) - half)
            shell_hu, foam_hu = 260.0, -930.0
        elif self.table_style == 1:  # a trough with a flat bottom
            face = y - (top - np.maximum(np.abs(x) - 95, 0) * self.table_sag_mm / 90)
            board = np.maximum(np.abs(face - 16) - 16, np.abs(x) - half)
            shell_hu, foam_hu = 160.0, -960.0
        else:  # a flat mattress on a board
            face = y - top
            board = np.maximum(np.abs(face - 12) - 12, np.abs(x) - half)
            shell_hu, foam_hu = 20.0, -900.0
        under = coverage(board, plane.pixel_mm)
        rim = coverage(np.abs(board + 1.2) - 1.2, plane.pixel_mm)
        air = np.where(canvas.hu < -900, 1.0, 0.0)
        canvas.hu[:] += air * under * (foam_hu - canvas.hu)
        canvas.hu[:] += air * rim * (shell_hu - canvas.hu)
