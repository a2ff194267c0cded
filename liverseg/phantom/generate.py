"""From a seed to a phantom: a CT slice or volume in HU, and what is truly in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.limits import MAX_SIDE_PX, MAX_SLICES, MIN_SIDE_PX
from liverseg.core.segmentation import LIVER, TUMOUR
from liverseg.errors import InvalidSetting
from liverseg.phantom.patient import Patient
from liverseg.phantom.shapes import coverage

COVERED_MM = 240.0
"""Height that a volume covers unless its spacing says otherwise: the whole liver and what is next to it."""


@dataclass(frozen=True)
class Lesion:
    """What is true of one tumour, as far as the phantom's grid shows it."""

    centre_mm: tuple[float, float, float]  # from the centre of the grid: up, back, patient's left
    centre_px: tuple[float, float, float]  # slice, row, column; the slice may lie outside a lone slice
    radii_mm: tuple[float, float, float]  # before lobulation: up, and the two in-plane axes
    contrast_hu: float  # tumour minus liver, without rim and core
    area_mm2: float  # of its largest section on the grid, by partial volume
    volume_ml: float | None  # on the grid, by partial volume; None for a lone slice


@dataclass(frozen=True)
class Phantom:
    """A synthetic CT with its truth: patient's right on the left, anterior up, slice 0 lowest."""

    hu: np.ndarray  # (S, H, W) float32
    labels: np.ndarray  # (S, H, W) uint8: 0 background, 1 liver, 2 tumour
    spacing_mm: tuple[float, float, float]  # between slices, rows, columns
    lesions: tuple[Lesion, ...]  # those that the grid shows, largest first
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
    """The phantom of a seed: the same seed always gives the same patient, whatever the grid.

    `size` is the number of rows and of columns, `slices` that of a volume; `spacing_mm` (slice,
    row, column) defaults to one that shows the whole patient; `noise_hu` overrides the scan's own
    noise. A slice is cut where the liver is large, usually through a tumour where there is one.

    Raises `InvalidSetting` for an unknown kind or a value out of range.

    >>> phantom = make(seed=1, size=64)
    >>> phantom.hu.shape, phantom.hu.dtype, phantom.kind
    ((1, 64, 64), dtype('float32'), 'slice')
    """
    _check(kind, seed, size, spacing_mm, slices, noise_hu)
    patient = Patient.draw(seed)
    rng = np.random.default_rng([seed, 100])
    scale = patient.scale
    widest = 2 * patient.body.radii(0.0)[2][540] * scale
    filled = rng.uniform(0.72, 0.96)
    level = _level(patient, rng)
    shift_x, shift_y = rng.uniform(-9, 9) * scale, rng.uniform(0, 14) * scale
    if spacing_mm is None:
        pixel = round(float(widest / filled / size), 4)
        spacing_mm = (COVERED_MM / slices if kind == "volume" else patient.scanner.slice_mm, pixel, pixel)
    count = slices if kind == "volume" else 1
    middle = -5.0 if kind == "volume" else level
    step_z, step_y, step_x = (value / scale for value in spacing_mm)
    _, _, skin = patient.body.radii(middle)
    centre_y = (skin[360] - skin[0]) / 2  # half way between back and belly
    grid_y, grid_x = (np.arange(size) - (size - 1) / 2) * step_y, (np.arange(size) - (size - 1) / 2) * step_x
    x, y = grid_x + shift_x / scale, grid_y + centre_y + shift_y / scale
    heights = middle + (np.arange(count) - (count - 1) / 2) * step_z

    hu = np.empty((count, size, size), np.float32)
    labels = np.zeros((count, size, size), np.uint8)
    sections = np.zeros((len(patient.tumours), count))  # mm², by partial volume
    for index, z in enumerate(heights):
        noise_rng = np.random.default_rng([seed, 200, index])
        hu[index], labels[index], sections[:, index] = _slice(
            patient, x, y, z, spacing_mm, noise_rng, noise_hu
        )
    lesions = []
    for tumour, areas in zip(patient.tumours, sections * spacing_mm[1] * spacing_mm[2], strict=True):
        if areas.max() <= 0:
            continue
        offset = (tumour.centre[2] - middle, tumour.centre[1] - y.mean(), tumour.centre[0] - x.mean())
        middle_px = ((count - 1) / 2, (size - 1) / 2, (size - 1) / 2)
        lesions.append(
            Lesion(
                centre_mm=tuple(float(v * scale) for v in offset),
                centre_px=tuple(
                    float(v * scale / s + m) for v, s, m in zip(offset, spacing_mm, middle_px, strict=True)
                ),
                radii_mm=tuple(float(tumour.radii[k] * scale) for k in (2, 0, 1)),
                contrast_hu=tumour.contrast_hu,
                area_mm2=float(areas.max()),
                volume_ml=float(areas.sum() * spacing_mm[0] / 1000) if kind == "volume" else None,
            )
        )
    lesions.sort(key=lambda lesion: -lesion.area_mm2)
    return Phantom(hu, labels, tuple(float(v) for v in spacing_mm), tuple(lesions), seed, kind)


def _slice(patient: Patient, x, y, z, spacing_mm, rng, noise_hu):
    """HU and labels of one slice (H, W), and the pixels that each tumour covers."""
    plane = patient.plane(x, y, z)
    clean, trunk, liver, shown = patient.paint(plane, spacing_mm[0] / patient.scale)
    labels = np.where(liver < 0, LIVER, 0).astype(np.uint8)
    covered = np.zeros(len(shown))
    for number, (box, distance) in enumerate(shown):
        view = labels[box]
        view[distance < 0] = TUMOUR
        covered[number] = coverage(distance, plane.pixel_mm).sum() if (distance < 0).any() else 0.0
    blurred = patient.scanner.blur(clean, spacing_mm[1])
    thickness = (0.45 + 0.6 * np.exp(-(trunk.share**2))).astype(np.float32)
    grain = patient.scanner.noise(rng, plane.shape, spacing_mm[1], thickness)
    if noise_hu is not None:
        grain *= np.float32(noise_hu / patient.scanner.noise_hu)
    return np.clip(blurred + grain, -1024, 3071), labels, covered


def _level(patient: Patient, rng: np.random.Generator) -> float:
    """The height at which a lone slice is cut."""
    heights, areas = np.array(patient.liver_areas).T
    smallest = 0.4 if patient.tumours else 0.6  # of the largest section
    weight = np.where(areas > smallest * areas.max(), areas, 0.0)
    if rng.random() < 0.9:
        for tumour in patient.tumours:
            inside = 1 - ((heights - tumour.centre[2]) / tumour.radii[2]) ** 2
            weight += weight * 120 * np.clip(inside, 0, 1) * tumour.radii[0] / 10
    return float(rng.choice(heights, p=weight / weight.sum()) + rng.uniform(-2, 2))


def _check(kind, seed, size, spacing_mm, slices, noise_hu) -> None:
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
