"""Generation of a phantom from a seed: a CT slice or volume in HU, with labels and lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.limits import MAX_SIDE_PX, MAX_SLICES, MIN_SIDE_PX
from liverseg.core.segmentation import LIVER, TUMOUR
from liverseg.errors import InvalidSetting
from liverseg.phantom.lesions import Tumour
from liverseg.phantom.patient import Patient
from liverseg.phantom.shapes import coverage

COVERED_MM = 240.0
"""Default height of a volume, which contains the whole liver and its surroundings."""


@dataclass(frozen=True)
class SyntheticLesion:
    """Ground truth of one tumour on the grid of a phantom."""

    centre_mm: tuple[float, float, float]  # offset from the grid's centre to superior, posterior, left
    centre_px: tuple[float, float, float]  # slice, row, column; may lie outside a single slice
    radii_mm: tuple[float, float, float]  # before lobulation: vertical, and the two in-plane axes
    contrast_hu: float  # tumour minus liver, without rim and core
    area_mm2: float  # area of its largest section on the grid, by partial volume
    volume_ml: float | None  # on the grid, by partial volume; None: a single slice


@dataclass(frozen=True)
class Phantom:
    """A synthetic CT with labels: patient's right at the left, anterior at the top, slice 0 lowest."""

    hu: np.ndarray  # (S, H, W) float32
    labels: np.ndarray  # (S, H, W) uint8: 0 background, 1 liver, 2 tumour
    spacing_mm: tuple[float, float, float]  # between slices, rows, columns
    lesions: tuple[SyntheticLesion, ...]  # lesions on the grid, largest first
    seed: int
    kind: str  # "slice" | "volume"


def make(
    kind: str = "slice",
    seed: int = 0,
    size: int = 512,
    spacing_mm: tuple[float, float, float] | None = None,
    slices: int = 48,
    noise_hu: float | None = None,
) -> Phantom:
    """The phantom of a seed, a "slice" or a "volume". The same seed gives the same patient on any grid.

    `size` is the number of rows and of columns, `slices` the number of slices of a volume. `spacing_mm`
    (slice, row, column) defaults to one that shows the whole patient. `noise_hu` replaces the random noise
    level. A single slice is at a height where the liver is large, usually through a tumour if there is one.

    Raises `InvalidSetting` for an unknown kind or a value out of range.

    >>> phantom = make(seed=1, size=64)
    >>> phantom.hu.shape, phantom.hu.dtype, phantom.kind
    ((1, 64, 64), dtype('float32'), 'slice')
    """
    _check_settings(kind, seed, size, spacing_mm, slices, noise_hu)
    patient = Patient.draw(seed)
    rng = np.random.default_rng([seed, 100])
    grid = _draw_grid(patient, rng, (slices if kind == "volume" else None, size), spacing_mm)
    count = len(grid.heights)
    hu = np.empty((count, size, size), np.float32)
    labels = np.zeros((count, size, size), np.uint8)
    sections_px = np.zeros((len(patient.tumours), count))  # by partial volume
    for index in range(count):
        noise_rng = np.random.default_rng([seed, 200, index])
        hu[index], labels[index], sections_px[:, index] = _paint_slice(
            patient, grid, index, noise_rng, noise_hu
        )
    sections_mm2 = sections_px * grid.spacing_mm[1] * grid.spacing_mm[2]
    lesions = [
        _lesion(patient, grid, tumour, areas_mm2)
        for tumour, areas_mm2 in zip(patient.tumours, sections_mm2, strict=True)
        if areas_mm2.max() > 0
    ]
    lesions.sort(key=lambda lesion: -lesion.area_mm2)
    return Phantom(hu, labels, tuple(float(v) for v in grid.spacing_mm), tuple(lesions), seed, kind)


@dataclass(frozen=True)
class _Grid:
    """The voxel centres of a phantom, in mm at scale 1, and their spacing in mm of the patient."""

    x: np.ndarray  # (W,)
    y: np.ndarray  # (H,)
    heights: np.ndarray  # (S,)
    middle: float  # height of the centre of the grid
    spacing_mm: tuple[float, float, float]
    is_volume: bool


def _draw_grid(
    patient: Patient,
    rng: np.random.Generator,
    shape: tuple[int | None, int],
    spacing_mm: tuple[float, float, float] | None,
) -> _Grid:
    """The grid of a phantom; `shape` is (slices, rows and columns), slices None for a single slice."""
    slices, size = shape
    scale = patient.scale
    widest = 2 * patient.body.radii(0.0)[2][540] * scale
    filled = rng.uniform(0.72, 0.96)
    slice_height = _slice_height(patient, rng)
    shift_x, shift_y = rng.uniform(-9, 9) * scale, rng.uniform(0, 14) * scale
    if spacing_mm is None:
        pixel = round(float(widest / filled / size), 4)
        spacing_mm = (patient.scanner.slice_mm if slices is None else COVERED_MM / slices, pixel, pixel)
    count = slices or 1
    middle = slice_height if slices is None else -5.0
    step_z, step_y, step_x = (value / scale for value in spacing_mm)
    _, _, skin = patient.body.radii(middle)
    centre_y = (skin[360] - skin[0]) / 2  # half way between back and belly
    grid_y, grid_x = (np.arange(size) - (size - 1) / 2) * step_y, (np.arange(size) - (size - 1) / 2) * step_x
    return _Grid(
        x=grid_x + shift_x / scale,
        y=grid_y + centre_y + shift_y / scale,
        heights=middle + (np.arange(count) - (count - 1) / 2) * step_z,
        middle=middle,
        spacing_mm=spacing_mm,
        is_volume=slices is not None,
    )


def _paint_slice(
    patient: Patient, grid: _Grid, index: int, rng: np.random.Generator, noise_hu: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """HU and labels of one slice (H, W), and the pixels that each tumour covers, by partial volume."""
    plane = patient.plane(grid.x, grid.y, grid.heights[index])
    slice_mm, pixel_mm, _ = grid.spacing_mm
    painted = patient.paint(plane, slice_mm / patient.scale)
    labels = np.where(painted.liver < 0, LIVER, 0).astype(np.uint8)
    covered = np.zeros(len(painted.tumours))
    for number, (box, distance) in enumerate(painted.tumours):
        labels[box][distance < 0] = TUMOUR
        covered[number] = coverage(distance, plane.pixel_mm).sum() if (distance < 0).any() else 0.0
    blurred = patient.scanner.blur(painted.hu, pixel_mm)
    thickness = (0.45 + 0.6 * np.exp(-(painted.trunk.share**2))).astype(np.float32)
    noise = patient.scanner.noise(rng, plane.shape, pixel_mm, thickness)
    if noise_hu is not None:
        noise *= np.float32(noise_hu / patient.scanner.noise_hu)
    return np.clip(blurred + noise, -1024, 3071), labels, covered


def _lesion(patient: Patient, grid: _Grid, tumour: Tumour, areas_mm2: np.ndarray) -> SyntheticLesion:
    """The ground truth of a tumour, from its section areas (S,)."""
    scale, spacing_mm = patient.scale, grid.spacing_mm
    offset = (
        tumour.centre[2] - grid.middle, tumour.centre[1] - grid.y.mean(), tumour.centre[0] - grid.x.mean()
    )  # fmt: skip
    middle_px = [(n - 1) / 2 for n in (len(grid.heights), len(grid.y), len(grid.x))]
    return SyntheticLesion(
        centre_mm=tuple(float(v * scale) for v in offset),
        centre_px=tuple(
            float(v * scale / s + m) for v, s, m in zip(offset, spacing_mm, middle_px, strict=True)
        ),
        radii_mm=tuple(float(tumour.radii[k] * scale) for k in (2, 0, 1)),
        contrast_hu=tumour.contrast_hu,
        area_mm2=float(areas_mm2.max()),
        volume_ml=float(areas_mm2.sum() * spacing_mm[0] / 1000) if grid.is_volume else None,
    )


def _slice_height(patient: Patient, rng: np.random.Generator) -> float:
    """The height of a single slice."""
    heights, areas = np.array(patient.liver_areas).T
    min_share = 0.4 if patient.tumours else 0.6  # of the largest liver section
    weight = np.where(areas > min_share * areas.max(), areas, 0.0)
    if rng.random() < 0.9:
        for tumour in patient.tumours:
            inside = 1 - ((heights - tumour.centre[2]) / tumour.radii[2]) ** 2
            weight += weight * 120 * np.clip(inside, 0, 1) * tumour.radii[0] / 10
    return float(rng.choice(heights, p=weight / weight.sum()) + rng.uniform(-2, 2))


def _check_settings(kind, seed, size, spacing_mm, slices, noise_hu) -> None:
    if kind not in ("slice", "volume"):
        raise InvalidSetting(f'A phantom is a "slice" or a "volume", not "{kind}".')
    if seed < 0:
        raise InvalidSetting(f"The seed of a phantom must be 0 or more, not {seed}.")
    if not MIN_SIDE_PX <= size <= MAX_SIDE_PX:
        raise InvalidSetting(f"A phantom has {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels a side, not {size}.")
    if not 1 <= slices <= MAX_SLICES:
        raise InvalidSetting(f"A phantom volume has 1 to {MAX_SLICES} slices, not {slices}.")
    if spacing_mm is not None and not (len(spacing_mm) == 3 and all(0.1 <= s <= 50 for s in spacing_mm)):
        raise InvalidSetting(
            "The spacing of a phantom is three lengths from 0.1 to 50 mm: slice, row, column."
        )
    if noise_hu is not None and not 0 <= noise_hu <= 200:
        raise InvalidSetting(f"The noise of a phantom is 0 to 200 HU, not {noise_hu:g}.")
